"""The screens of a review and the App Home → views. Pure; each replaces the one before it in the same modal."""

from __future__ import annotations

from typing import assert_never

from signoff.cards import Listing, Preflight, Results, Screen, Single, Working
from signoff_slack.render.screen import pages
from signoff_slack.render.screen.home import away as away
from signoff_slack.render.screen.home import home as home
from signoff_slack.render.screen.listing import listing
from signoff_slack.render.screen.parts import fault as fault
from signoff_slack.render.screen.parts import waiting as waiting
from signoff_slack.render.screen.single import form as form
from signoff_slack.render.screen.single import page_of as page_of
from signoff_slack.render.screen.single import single
from signoff_slack.text import Json


def screen(shown: Screen, stamp: str, leaf: int = 0) -> Json:
    """`stamp`: another one each time, so that what is ticked is what is drawn and not what was ticked before.
    `leaf`: the page of a single one's details.
    """
    match shown:
        case Listing():
            return listing(shown, stamp)
        case Preflight():
            return pages.preflight(shown)
        case Working():
            return pages.working(shown)
        case Results():
            return pages.results(shown)
        case Single():
            return single(shown, leaf)
        case _:
            assert_never(shown)

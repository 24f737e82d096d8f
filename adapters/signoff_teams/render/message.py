"""Whatever the core shows in a message. Pure."""

from __future__ import annotations

from signoff.cards import Card
from signoff_teams.render.card import single_card
from signoff_teams.render.pile import pile
from signoff_teams.render.text import Json


def card(shown: Card, notice: str = "") -> Json:
    """A card of one request or of several, at most LIMIT bytes. `notice`: one line on top for whoever clicked."""
    return pile(shown, notice) if shown.purpose == "pile" else single_card(shown, notice)

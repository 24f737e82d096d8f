"""`/signoff …` and `/pending …` → who said what. Pure; None for whatever is not shaped as Slack shapes it.

With `should_escape` Slack writes people as `<@U0123|bob>`, channels as `<#C0123|refunds>`, addresses as
`<https://…|label>`, and the three control characters as entities (docs.slack.dev, slash commands).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

from signoff.model import Actor, Principal
from signoff_slack.manifest import PENDING
from signoff_slack.text import Json

FIELDS = ("command", "text", "team_id", "user_id", "channel_id", "trigger_id", "response_url")
"""What we and Bolt read of a command."""
MOST_FIELDS = 100

_USER = re.compile(r"@([UW][A-Z0-9]+)(?:\|.*)?", re.DOTALL)
_TOKEN = re.compile(r"<([^<>]*)>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


@dataclass(frozen=True, slots=True)
class Command:
    actor: Actor
    text: str
    """What follows the command; a mentioned person is `<slack:T…/U…>`."""
    shows: Literal["", "pending", "home"]
    """Asked for is the list of what waits, `text` being the words that narrow it down, or somebody's own page."""
    trigger_id: str
    """Opens a modal; "" when Slack sent none."""
    response_url: str
    """Where a private answer can be sent later on; ""."""


def fields(form: str) -> Json | None:
    """The members of a form body that is a command; None when it is something else."""
    try:
        given = dict(parse_qsl(form, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        return None
    return {key: given[key] for key in FIELDS if key in given} if given.get("command") else None


def command(body: Mapping[str, object]) -> Command | None:
    """A slash command's body. Identity is the workspace and the user that Slack signed (I14)."""
    team, user, text = (body.get(key) for key in ("team_id", "user_id", "text"))
    trigger_id, response_url = (str(body.get(key) or "") for key in ("trigger_id", "response_url"))
    if not (isinstance(team, str) and team and isinstance(user, str) and user and isinstance(text, str | None)):
        return None
    try:
        f"{team}{user}{text or ''}{trigger_id}{response_url}".encode()
    except UnicodeEncodeError:
        return None
    actor = Actor(via="slack", principal=Principal(chat="slack", tenant=team, user=user))
    said = plain(text or "", team)
    first, _, rest = said.partition(" ")
    name = first.casefold()
    if body.get("command") == PENDING:
        return Command(actor, said, "pending", trigger_id, response_url)
    if name == "pending":
        return Command(actor, rest.strip(), "pending", trigger_id, response_url)
    return Command(actor, said, "home" if name == "home" and not rest else "", trigger_id, response_url)


def plain(text: str, team: str) -> str:
    """The text as it was typed, mentions of people by their ids."""
    said = _TOKEN.sub(lambda token: _written(token.group(1), team), text)
    for entity, char in _ENTITIES:
        said = said.replace(entity, char)
    return said.strip()


def _written(token: str, team: str) -> str:
    who = _USER.fullmatch(token)
    if who is not None:
        return f"<slack:{team}/{who.group(1)}>"
    address, bar, label = token.partition("|")
    if address.startswith("#"):
        return f"#{label}" if label else address
    return label if bar and label else address

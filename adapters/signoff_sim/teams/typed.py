"""What a person types, as their client sends it: `@Bob` becomes a mention with its entity ("Mentions")."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

from signoff_sim.teams.directory import Directory

Json = dict[str, Any]

CLIENT: Json = {"type": "clientInfo", "locale": "en-US", "country": "US", "platform": "Web"}


@dataclass(frozen=True, slots=True)
class Typed:
    fields: Json
    """Of the message activity."""
    names: tuple[str, ...]
    """Who is mentioned, as it was typed, without the @."""
    to_app: bool
    """The app is among them."""


def read(text: str, directory: Directory, team: str | None) -> Typed:
    """`team`: whose channel it is typed in; None: the chat with the app, where nobody else can be mentioned.

    People are found by their full name, first name or id, the longest first, as a client's list of suggestions does.
    """
    accounts: dict[str, Json] = {directory.app_name: directory.bot()}
    roster = directory.rosters[team] if team is not None else set[str]()
    for person in directory.people.values():
        if person.id in roster:
            account = {"id": directory.user_id(person), "name": person.name}
            for name in (person.name, person.name.partition(" ")[0], person.id):
                accounts.setdefault(name, account)
    known = {name.casefold(): account for name, account in accounts.items()}
    longest_first = sorted(known, key=len, reverse=True)
    pattern = re.compile(rf"@({'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)
    entities: list[Json] = []
    names: list[str] = []

    def mention(found: re.Match[str]) -> str:
        account = known[found[1].casefold()]
        tag = f"<at>{html.escape(str(account['name']))}</at>"
        entities.append({"type": "mention", "text": tag, "mentioned": account})
        names.append(found[1])
        return tag

    written = pattern.sub(mention, text)
    fields: Json = {"text": written, "textFormat": "plain"}
    if entities:
        fields["entities"] = [*entities, CLIENT]
    return Typed(fields, tuple(names), any(one["mentioned"] == directory.bot() for one in entities))

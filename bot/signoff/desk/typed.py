"""Reading what people type: words, the target of a freeze, people, ids. Pure; raises BadCommand."""

from __future__ import annotations

import re
from collections.abc import Sequence

from signoff.errors import BadCommand
from signoff.model import Principal, one_line, shorten
from signoff.policy import Policy

LONGEST = 2000
"""Characters of a command."""
_WORD = re.compile(r'"([^"]*)"(?!\S)|(\S+)')
_CURLY = str.maketrans(dict.fromkeys("“”„«»", '"'))
"""What phones make of quotation marks."""
_MENTION = re.compile(r"<([a-z][a-z0-9_-]*):([^/<>\s]+)/([^<>\s]+)>")


def words(text: str) -> list[str]:
    """Words, and what stands in quotation marks as one word."""
    if len(text) > LONGEST:
        raise BadCommand(fault=f"This command has more than {LONGEST} characters.", mend="Shorten it.")
    found: list[str] = []
    for word in _WORD.finditer(text.translate(_CURLY)):
        if word[2] and word[2].startswith('"'):  # a half-quoted name would be frozen as it stands, and stop nothing
            raise BadCommand(fault="A quotation mark is not closed.", mend='Write names with blanks as "my tool".')
        found.append(word[2] or word[1])
    return found


def target(words: Sequence[str]) -> tuple[str | None, str | None, str | None]:
    """Agent, tool and reason of a freeze."""
    found: dict[str, str] = {}
    index = 0
    while index < len(words):
        word = words[index].lower().removeprefix("--")
        if word in found:  # only one of them would be stopped, and the other be thought to be
            raise BadCommand(fault=f"One {word} at a time.", mend="Name the other in a command of its own.")
        if word in {"agent", "tool"} and index + 1 < len(words) and words[index + 1].strip():
            found[word] = words[index + 1]
            index += 2
        elif word in {"because", "reason"} and index + 1 < len(words):
            found["reason"] = " ".join(words[index + 1 :])
            break
        elif word in {"all", "everything"}:
            index += 1
        else:
            said = shorten(one_line(words[index]), 40)[0]
            raise BadCommand(fault=f'"{said}" is not clear here.', mend="Write: freeze tool issue_refund because …")
    return found.get("agent"), found.get("tool"), found.get("reason")


def person(policy: Policy, word: str) -> str:
    """The policy's person behind a mention or a typed id."""
    if mention := _MENTION.fullmatch(word):
        found = policy.person_of(Principal(chat=mention[1], tenant=mention[2], user=mention[3]))
    else:
        name = word.removeprefix("@")
        alike = [one for one in policy.people if one.casefold() == name.casefold()]
        found = name if name in policy.people else alike[0] if len(alike) == 1 else None
    if found is None:
        raise BadCommand(
            fault=f'"{shorten(one_line(word), 60)[0]}" is nobody whom the policy lists.', mend="Name one of its people."
        )
    return found


def one_id(words: Sequence[str], command: str) -> str:
    if len(words) != 1:
        raise BadCommand(fault="An id is missing.", mend=f"Write: {command} ID, as the list shows it.")
    return words[0]

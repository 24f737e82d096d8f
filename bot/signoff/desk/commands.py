"""What people type to the bot in any chat: one line in, plain lines out. The verified envelope tells who types.

A mention of a user arrives as `<chat:tenant/user>`; names that are typed mean the policy's people.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from signoff.desk import typed
from signoff.desk.moments import until
from signoff.desk.orders import Orders
from signoff.desk.voices import UNKNOWN, Voices, person_of
from signoff.errors import (
    BadCommand,
    DirectoryAway,
    NotAllowed,
    NotAnOperator,
    NotFound,
    SignoffError,
    StoreUnavailable,
)
from signoff.model import Actor, Delegation, Freeze, Grant, one_line, shorten
from signoff.policy import Policy
from signoff.ports import Store

T = TypeVar("T")
SPELLINGS = {
    "delegations list": "delegations",
    "delegations end": "end",
    "grants list": "grants",
    "grants revoke": "revoke",
}
"""As the command line writes them."""
ALONE = {
    "whoami": "Write: whoami",
    "freezes": "Write: freezes, or: thaw tool NAME",
    "delegations": "Write: delegations, or: end ID",
    "grants": "Write: grants, or: revoke ID",
}
"""Commands that take nothing → what was probably meant."""
HELP = """\
Signoff shows what an AI agent wants to do; people approve, edit, answer or reject it with the buttons of its cards.
pending [high] [@AGENT] [#CHANNEL] [TEXT] · review what waits for you, many at once or one at a time
home · your queue, what you decided today, your grants and delegations
freeze [tool NAME] [agent NAME] [because REASON] · stop everything, or one tool or agent, at once
thaw [tool NAME] [agent NAME] · end that freeze
freezes · what is frozen now
delegate @PERSON until DAY [for RULE or GROUP] · let somebody decide in your place
delegations · yours; end ID · end one
grants · what similar calls you have allowed; revoke ID · end one
whoami · who Signoff takes you for"""


@dataclass(frozen=True, slots=True)
class _Call:
    policy: Policy
    actor: Actor
    words: list[str]

    @property
    def person(self) -> str | None:
        return person_of(self.policy, self.actor)


class Commands:
    """The commands, each a method."""

    def __init__(self, store: Store, orders: Orders, voices: Voices) -> None:
        self._store = store
        self._orders = orders
        self._voices = voices
        self._known: Mapping[str, Callable[[_Call], Awaitable[str]]] = {
            "help": self._help,
            "whoami": self._whoami,
            "freeze": self._freeze,
            "thaw": self._thaw,
            "freezes": self._freezes,
            "delegate": self._delegate,
            "delegations": self._delegations,
            "end": self._end,
            "grants": self._grants,
            "revoke": self._revoke,
        }

    async def run(self, policy: Policy, text: str, actor: Actor) -> str:
        """What the person is answered, refusals too. Raises StoreUnavailable."""
        try:
            words = typed.words(text)
            spelling = " ".join(words[:2]).lower()
            if spelling in SPELLINGS:
                words = [SPELLINGS[spelling], *words[2:]]
            name = words[0].lower() if words else "help"
            command = self._known.get(name)
            if command is None:
                said = shorten(one_line(name), 40)[0]
                raise BadCommand(fault=f'There is no command "{said}".', mend="Type help to see them all.")
            if words[1:] and name in ALONE:
                said = shorten(one_line(" ".join(words[1:])), 40)[0]
                raise BadCommand(fault=f'"{name}" takes nothing after it, such as "{said}".', mend=ALONE[name])
            return await command(_Call(policy, actor, words[1:]))
        except StoreUnavailable:
            raise
        except SignoffError as error:
            return error.sentence

    async def _help(self, call: _Call) -> str:
        return HELP

    async def _whoami(self, call: _Call) -> str:
        if call.person is None:
            principal = call.actor.principal
            key = f"{principal.chat}: {principal.key}" if principal else "nobody"
            return f"The policy lists nobody with your identity ({key}); an operator can add it under `people`."
        terms = await self._voices.queue_terms(call.policy, call.person, await self._store.now())
        return f"You are {call.policy.names[call.person]} ({call.person}); requests reach you as: {', '.join(terms)}."

    # ── freeze ───────────────────────────────────────────────────────────────────────────────────

    async def _freeze(self, call: _Call) -> str:
        by = await self._operator(call, stops=True)
        agent, tool, reason = typed.target(call.words)
        froze = await self._orders.freeze(agent, tool, reason, by=by, via=call.actor.via)
        lines = [f"Frozen: {_frozen(one)}" for one in froze.freezes]
        return "\n".join([*lines, "Nothing of it is decided or run until `thaw`.", froze.reach])

    async def _thaw(self, call: _Call) -> str:
        by = await self._operator(call, stops=False)
        agent, tool, _ = typed.target(call.words)
        ended = await self._orders.thaw(agent, tool, by=by, via=call.actor.via)
        if not ended:
            raise NotAllowed(why="Exactly this is not frozen; `freezes` shows what is.")
        return "\n".join(f"Thawed: {_frozen(one)}" for one in ended)

    async def _freezes(self, call: _Call) -> str:
        self._known_person(call)
        return "\n".join(map(_frozen, await self._orders.freezes())) or "Nothing is frozen."

    # ── delegations ──────────────────────────────────────────────────────────────────────────────

    async def _delegate(self, call: _Call) -> str:
        giver = self._known_person(call)
        words = call.words
        lower = [word.lower() for word in words]
        if len(words) < 3 or lower[1] != "until":
            raise BadCommand(
                fault="This delegation is not complete.", mend="Write: delegate @bob until friday for refunds"
            )
        scope_at = lower.index("for") if "for" in lower else len(words)
        to = typed.person(call.policy, words[0])
        now = await self._store.now()
        end = until(" ".join(words[2:scope_at]), now)
        scope = " ".join(words[scope_at + 1 :]) or None
        if scope is None and scope_at < len(words):  # cut short, it would hand over everything
            raise BadCommand(fault="For which rule or group is missing.", mend="Name one, or leave `for` out for all.")
        made = await self._orders.delegate(giver, to, end, scope, via=call.actor.via)
        return f"{_delegation(call.policy, made)}\nEnd it with: end {made.id}"

    async def _delegations(self, call: _Call) -> str:
        person = self._known_person(call)
        mine = [one for one in await self._orders.delegations() if person in {one.giver, one.to}]
        return "\n".join(f"{one.id}: {_delegation(call.policy, one)}" for one in mine) or "You have no delegations."

    async def _end(self, call: _Call) -> str:
        person = self._known_person(call)
        ended = await _found(
            self._orders.undelegate(typed.one_id(call.words, "end"), by=person, via=call.actor.via, person=person),
            "delegation",
        )
        return f"Ended: {_delegation(call.policy, ended)}"

    # ── grants ───────────────────────────────────────────────────────────────────────────────────

    async def _grants(self, call: _Call) -> str:
        person = self._known_person(call)
        mine = [one for one in await self._orders.grants() if one.giver == person]
        return "\n".join(f"{one.id}: {_grant(one)}" for one in mine) or "You have allowed no similar calls."

    async def _revoke(self, call: _Call) -> str:
        person = self._known_person(call)
        grant_id = typed.one_id(call.words, "revoke")
        owner = None if await self._is_operator(call) else person
        ended = await _found(self._orders.revoke(grant_id, by=person, via=call.actor.via, person=owner), "grant")
        return f"Revoked: {_grant(ended)}"

    # ── who ──────────────────────────────────────────────────────────────────────────────────────

    @staticmethod
    def _known_person(call: _Call) -> str:
        if call.person is None:
            raise NotAllowed(why="The policy lists nobody with your identity; an operator can add it under `people`.")
        return call.person

    async def _is_operator(self, call: _Call) -> bool:
        asked = await self._voices.asked(call.policy, call.policy.operators)
        return call.person in asked.members

    async def _operator(self, call: _Call, *, stops: bool) -> str:
        """The person, if they may stop and start everything. Raises NotAnOperator, NotAllowed, DirectoryAway."""
        asked = await self._voices.asked(call.policy, call.policy.operators)
        if call.person is None or call.person not in asked.members:
            if call.person is not None and asked.away:
                raise DirectoryAway(what=UNKNOWN)
            raise NotAnOperator(who=call.policy.who(call.policy.operators))
        try:
            unfit = await self._voices.unfit(call.policy, call.person, call.actor)
        except DirectoryAway:
            if not stops:  # stopping is safe, and cannot wait for a directory
                raise
            unfit = None
        if unfit:
            raise NotAllowed(why=f"You may not do this, because you {unfit}.")
        return call.person


async def _found(work: Awaitable[T], what: str) -> T:
    try:
        return await work
    except NotFound:
        raise NotAllowed(why=f"There is no such {what} of yours.") from None


def _frozen(one: Freeze) -> str:
    parts = [f"tool {one.tool}"] if one.tool else []
    parts += [f"agent {one.agent}"] if one.agent else []
    reason = f" because {one.reason}" if one.reason else ""
    return one_line(
        f"{' of '.join(parts) or 'everything'}, by {one.by} at {one.at:%H:%M} UTC on {one.at:%Y-%m-%d}{reason}"
    )


def _delegation(policy: Policy, one: Delegation) -> str:
    names = policy.names
    giver, to = names.get(one.giver, one.giver), names.get(one.to, one.to)
    scope = f" for {one.scope}" if one.scope else ""
    return one_line(
        f"{to} decides in {giver}'s place{scope} until {one.until:%H:%M} UTC on {one.until:%Y-%m-%d} ({one.until:%A})"
    )


def _grant(one: Grant) -> str:
    left = one.max_uses - one.uses
    return one_line(
        f"{one.tool} under the rule {one.rule}, {left} of {one.max_uses} uses left, until {one.expires_at:%H:%M} UTC "
        f"on {one.expires_at:%Y-%m-%d}"
    )

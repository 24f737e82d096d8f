"""Who belongs to a live group, and who may decide at all: asked of the directories, remembered for a minute (I18, I19).

A directory that is away never lets anybody through: groups it knows count as unknown, and whoever it cannot vouch for
cannot decide until it answers again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import structlog

from signoff.errors import DirectoryAway, where
from signoff.model import Actor, MessageRef, Principal
from signoff.policy import Policy
from signoff.ports import Directory

V = TypeVar("V")
Found = frozenset[Principal | str]
Key = tuple[str, ...]
"""The directory's name first."""

KEPT = 60.0
"""Seconds that an answer holds, a good one and a bad one alike."""
AWAY = 5.0
"""Seconds after which a directory that was away is asked again."""
PATIENCE = 2.0
"""Seconds that a person who clicked waits for a directory: the chats want their answer within three."""
BRIEFLY = 0.1
"""Seconds to wait instead, while the directory has just kept somebody waiting for nothing: one click may need eight
lookups, one for each who delegated to whoever clicked and more for the form that says what else they may do.
"""
LIFE = 25.0
"""Seconds that a lookup may go on after that; what it finds serves the next click."""
MOST = 10_000
"""Answers kept of each kind."""

log = structlog.get_logger("signoff")


class People:
    """The directories, by the names of their chats. One per process; holds no state that another process needs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds, rising."""
        self._directories: dict[str, Directory] = {}
        slow: dict[str, float] = {}
        self._groups: _Lookups[Found] = _Lookups(clock, slow)
        self._standings: _Lookups[str | None] = _Lookups(clock, slow)

    def add(self, name: str, directory: Directory) -> None:
        """`name`: a chat's, or what the policy's key for a group says it is looked up in."""
        self._directories[name] = directory

    def forget(self, name: str, user: str | None = None) -> None:
        """Something has changed in this directory: whatever it said, and is just about to say, no longer holds.

        `user`: only about this one's standing. In a large company somebody changes every second, and if all were
        forgotten each time nothing would ever be known.
        """
        if user is None:
            self._groups.forget(name)
        self._standings.forget(name, user)

    async def close(self) -> None:
        """End the lookups that go on."""
        await asyncio.gather(self._groups.close(), self._standings.close())

    async def rosters(self, policy: Policy, approvers: Iterable[str]) -> dict[str, frozenset[str] | None]:
        """Group → the people that its directories name now; None: one of them is away, so who is in it is unknown.

        Only groups that are looked up; somebody who is not among the policy's people is left out.
        """
        live = policy.live(approvers)
        members = await asyncio.gather(*(self._roster(policy, sources) for sources in live.values()))
        return dict(zip(live, members, strict=True))

    async def fit(self, policy: Policy, person: str, actor: Actor) -> str | None:
        """Why this person may not decide at all, as the rest of a sentence that begins with "You"; None when they may.

        A click is judged by the directory of its chat. Someone who decides from elsewhere is judged by every chat they
        are known in: what one knows against them counts, and one has to vouch for them. Raises DirectoryAway.
        """
        if actor.principal is not None:
            return await self._standing(actor.principal, actor.origin)
        known = policy.people.get(person)
        identities = {} if known is None else known.identities
        answers = await asyncio.gather(
            *(
                self._standing(_principal(chat, identity), None)
                for chat in self._directories
                for identity in identities.get(chat, ())
            ),
            return_exceptions=True,
        )
        failed = [answer for answer in answers if isinstance(answer, BaseException)]
        for error in failed:
            if not isinstance(error, DirectoryAway):
                raise error
        if failed and None not in answers:
            raise failed[0]
        return next((answer for answer in answers if isinstance(answer, str)), None)

    async def _roster(self, policy: Policy, sources: Iterable[tuple[str, str]]) -> frozenset[str] | None:
        answers = await asyncio.gather(
            *(self._members(policy, kind, group) for kind, group in sources), return_exceptions=True
        )
        out: set[str] = set()
        for answer in answers:
            if isinstance(answer, DirectoryAway):
                return None
            if isinstance(answer, BaseException):
                raise answer
            out |= answer
        return frozenset(out)

    async def _members(self, policy: Policy, kind: str, group: str) -> frozenset[str]:
        name = policy.group_keys[kind].directory
        directory = self._directories.get(name)
        if directory is None:
            raise DirectoryAway(what=f"{name} is not configured")
        found = await self._groups.get((name, kind, group), lambda: _people(directory.members(kind, group)))
        people = (policy.match(one) if isinstance(one, str) else policy.person_of(one) for one in found)
        return frozenset(person for person in people if person is not None)

    async def _standing(self, who: Principal, origin: MessageRef | None) -> str | None:
        directory = self._directories.get(who.chat)
        if directory is None:
            return None
        room = (origin.tenant, origin.conversation) if origin else ()
        return await self._standings.get((who.chat, who.key, *room), lambda: _reason(directory.standing(who, origin)))


async def _people(answer: Awaitable[object]) -> Found:
    """What a directory says, which may be anybody's code. Raises TypeError when it is no answer."""
    said = await answer
    found = cast("Collection[object]", said) if isinstance(said, Collection) and not isinstance(said, str) else (None,)
    people = [one for one in found if isinstance(one, str | Principal)]
    if len(people) != len(found):
        raise TypeError
    return frozenset(people)


async def _reason(answer: Awaitable[object]) -> str | None:
    """As `_people`, of one person."""
    said = await answer
    if said is None or (isinstance(said, str) and said):
        return said
    raise TypeError


def _principal(chat: str, identity: str) -> Principal:
    tenant, _, user = identity.partition("/")
    return Principal(chat=chat, tenant=tenant, user=user)


@dataclass(frozen=True, slots=True)
class _Away:
    """There is no answer."""

    why: str


@dataclass(frozen=True, slots=True)
class _Kept(Generic[V]):
    answer: V | _Away
    until: float

    def opened(self) -> V:
        """Raises DirectoryAway."""
        if isinstance(self.answer, _Away):
            raise DirectoryAway(what=self.answer.why)
        return self.answer


class _Lookups(Generic[V]):
    """Answers that are kept for a while; whoever asks the same meanwhile waits for the one lookup under way."""

    def __init__(self, clock: Callable[[], float], slow: dict[str, float]) -> None:
        """`slow`: directories that have kept somebody waiting → until when that is remembered."""
        self._clock = clock
        self._slow = slow
        self._kept: dict[Key, _Kept[V]] = {}
        self._flying: dict[Key, asyncio.Task[_Kept[V]]] = {}

    def forget(self, name: str, user: str | None = None) -> None:
        """`user`: only what is keyed by this one."""

        def changed(key: Key) -> bool:
            return key[0] == name and (user is None or key[1].rpartition("/")[2] == user)

        for key in filter(changed, list(self._kept)):
            del self._kept[key]
        for key in filter(changed, list(self._flying)):
            self._flying.pop(key).cancel()  # those who wait for it ask again

    async def close(self) -> None:
        flying = list(self._flying.values())
        self._flying.clear()
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)

    async def get(self, key: Key, look: Callable[[], Awaitable[V]]) -> V:
        """Raises DirectoryAway, also when it takes too long."""
        now = asyncio.get_running_loop().time
        name = key[0]
        end = now() + (BRIEFLY if self._clock() < self._slow.get(name, 0) else PATIENCE)
        while True:
            kept = self._kept.get(key)
            if kept is not None and self._clock() < kept.until:
                return kept.opened()
            task = self._flying.get(key)
            if task is None:
                task = self._flying[key] = asyncio.create_task(self._look(key, look))
            # Not `wait_for`, which would end the lookup for everybody else who waits for it.
            await asyncio.wait({task}, timeout=max(end - now(), 0))
            if not task.done():
                self._slow[name] = self._clock() + AWAY
                raise DirectoryAway(what=f"{name} does not answer in time")
            if not task.cancelled():
                return task.result().opened()

    async def _look(self, key: Key, look: Callable[[], Awaitable[V]]) -> _Kept[V]:
        answer: V | _Away
        try:
            async with asyncio.timeout(LIFE):
                answer = await look()
            self._slow.pop(key[0], None)
        except DirectoryAway as error:
            answer = _Away(str(error.data.get("what")))
        except TimeoutError:
            answer = _Away(f"{key[0]} does not answer")
        except Exception as error:  # noqa: BLE001 - its fault must not keep a static member from saying no
            log.error("a directory failed", directory=key[0], error=where(error))
            answer = _Away(f"{key[0]} gave no usable answer")
        if isinstance(answer, _Away):
            log.warning("a directory is away", directory=key[0], why=answer.why)
        if self._flying.get(key) is not asyncio.current_task():
            raise asyncio.CancelledError  # dropped meanwhile, though the directory did not heed it
        del self._flying[key]
        kept = _Kept(answer, self._clock() + (AWAY if isinstance(answer, _Away) else KEPT))
        self._kept.pop(key, None)
        self._kept[key] = kept
        if len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]  # the oldest
        return kept

"""The ports of chats and directories. No I/O library here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from signoff.cards import Card
from signoff.model import MessageRef, Principal


@dataclass(frozen=True, slots=True)
class Route:
    """A door of a chat in the HTTP server: an aiohttp handler, typed loosely because ports know no library."""

    method: str
    path: str
    handler: Callable[..., Awaitable[object]]


class Directory(Protocol):
    """Who belongs to a group, and who may decide at all: asked of those who know, never remembered for long (I19)."""

    async def members(self, kind: str, group: str) -> frozenset[Principal | str]:
        """Everybody in a group now. `kind`: the policy's key, such as `calendar`; a text is an id or address of one of
        the policy's people. Raises DirectoryAway, also for a group that does not exist.
        """
        ...

    async def standing(self, who: Principal, origin: MessageRef | None) -> str | None:
        """None: a full, active member. Else why this one may not decide, as the rest of a sentence that begins with
        "You": `are a guest here` (I18). `origin`: the message that was clicked. Raises DirectoryAway.
        """
        ...


class Chat(Protocol):
    """One chat platform. Both chats implement every method and pass the same contract suite."""

    name: str
    """The prefix of its places: `slack`, `teams`."""
    directory: Directory

    def routes(self) -> Sequence[Route]: ...

    async def start(self) -> None:
        """Check credentials, open sockets. Raises ChatError when the platform cannot be reached: the caller retries."""
        ...

    async def close(self) -> None: ...

    async def post(self, place: str, card: Card) -> MessageRef:
        """Post a card to a place of this chat. Raises ChatBusy, ChatError (try again), Undeliverable (do not)."""
        ...

    async def update(self, message: MessageRef, card: Card) -> None:
        """Repaint a posted card. Raises like `post`; Undeliverable when the message is gone."""
        ...

    async def tell(self, message: MessageRef, text: str, people: Sequence[Principal]) -> None:
        """Say something once below a card, in its thread; `people` are called by name. The text is plain: the chat
        escapes it. Raises like `post`.
        """
        ...

    async def find(self, place: str, request_id: str) -> MessageRef | None:
        """Our card for this request if the platform can tell, after a crash between posting and recording (I21)."""
        ...

    async def health(self) -> str | None:
        """None when well, else one sentence."""
        ...


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `signoff doctor`."""

    level: Literal["ok", "warning", "error"]
    sentence: str

"""A real `signoff serve` with the embedded Redis, in a Slack and a Teams that are simulated, where people decide.

Each decision is clicked and typed in one of the two, in turns. Over HTTP, with an approver key, goes only what a chat
has no way for: an approval or an edit with words to the agent, since the forms have no field for them; a request that
is decided already, or was edited since it was seen; and an argument longer than one input. The calls of a batch are
decided one at a time in a private review, `/pending` with the batch's id.

Only the standard library and the agent's side: it runs in every framework's environment.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from agents_chats import CHATS, Chats

from signoff import Gate

PERSON = "ada"
EFFECT = 3.0
"""Seconds that an acknowledged click may take to show in the record."""
LOOK = 0.02
"""Seconds between looks at another process, which sends no event."""

Json = dict[str, Any]
Answer = Json | None
"""The body of a decision; None: leave it pending."""
Judge = Callable[[Json], Answer]

approve: Json = {"kind": "approve"}


def edit(message: str | None = None, **arguments: object) -> Judge:
    """Approve with these arguments in place of the asked ones of these names."""
    return lambda asked: {"kind": "edit", "arguments": {**asked["arguments"], **arguments}, "message": message}


def reject(message: str | None = None, retry: str | None = None) -> Json:
    return {"kind": "reject", "message": message} | ({"retry": retry} if retry else {})


def respond(response: object) -> Json:
    return {"kind": "respond", "response": response}


@dataclass
class Service:
    address: str
    agent_key: str
    approver_key: str
    process: subprocess.Popen[bytes]
    chats: Chats
    turns: Iterator[str] = field(default_factory=lambda: itertools.cycle(CHATS))
    """Where the next decision is made."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def http(self, path: str, key: str, body: object = None) -> tuple[int, Json]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(self.address + path, data, headers), timeout=20) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)

    def agent(self) -> str:
        """A name that no other desk has."""
        return f"agent-{next(self._numbers)}-{os.getpid()}"

    @contextmanager
    def desk(self, agent: str | None = None) -> Iterator[Desk]:
        """`agent`: one that lasts over several desks; what it asked before this one does not count."""
        made = Desk(self, agent or self.agent())
        made.before |= {one["id"] for one in made.requests()} if agent else set()
        try:
            yield made
        finally:
            made.stop.set()
            for thread in made.threads:
                thread.join(10)
        assert not made.broken, made.broken


@dataclass
class Desk:
    """One test's requests, told apart by the agent's name."""

    service: Service
    agent: str
    before: set[str] = field(default_factory=set)
    """Requests that are another test's."""
    refused: list[Json] = field(default_factory=list)
    """Problems that decisions were answered with."""
    by_http: list[str] = field(default_factory=list)
    """Why decisions went past the chats."""
    broken: list[str] = field(default_factory=list)
    """What a chat did not take although the service did."""
    stop: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def run(self) -> str:
        """A run id, thread id or session id that no other test has."""
        return f"run-of-{self.agent}"

    def gate(self, **options: Any) -> Gate:
        return Gate(self.service.address, self.service.agent_key, agent=self.agent, **options)

    def away(self) -> Gate:
        """A gate whose service is not there."""
        return Gate(f"http://127.0.0.1:{closed_port()}", "so_x", agent=self.agent, patience=0)

    @property
    def environ(self) -> dict[str, str]:
        """For a program of its own; it has to name `Gate(agent=os.environ["AGENT"])`."""
        return {
            **os.environ,
            "SIGNOFF_URL": self.service.address,
            "SIGNOFF_API_KEY": self.service.agent_key,
            "AGENT": self.agent,
        }

    def requests(self, status: str | None = None) -> list[Json]:
        """All that was asked, oldest first."""
        query = {"agent": self.agent, "limit": "100"} | ({"status": status} if status else {})
        _, page = self.service.http(f"/v1/requests?{urlencode(query)}", self.service.agent_key)
        asked = [one for one in cast("list[Json]", page["requests"]) if one["id"] not in self.before]
        return sorted(asked, key=lambda one: (one["created_at"], one["id"]))

    def waiting(self, count: int = 1) -> list[Json]:
        """The pending ones, once there are so many."""
        eventually(lambda: len(self.requests("pending")) >= count)
        return self.requests("pending")

    def decide(
        self, asked: Json, answer: Json | Judge, *, person: str = PERSON, chat: str | None = None
    ) -> tuple[int, Json]:
        """In this chat, or the one whose turn it is; where that has no way, or does not take it, over HTTP. The status
        and the body that HTTP answers; 200 and the request when the chat has taken it.
        """
        said = cast("Json", answer(asked) if callable(answer) else answer)
        now = self._now(asked)
        why = self._past_chats(asked, now, said)
        if why is None:
            chat = chat or next(self.service.turns)
            told = self.service.chats.decide(chat, person, asked, said)
            if not told and (after := self._moved(now)) is not None:
                return 200, after
            why = told.get("no_way")
            # The approver key is one person's.
            assert person == PERSON, f"{chat} did not take what {person} did: {told}"
        body = {"version": asked["version"], **said}
        status, answered = self.service.http(f"/v1/requests/{asked['id']}/decisions", self.service.approver_key, body)
        if why is not None:
            self.by_http.append(why)
        elif status == 200:
            self.broken.append(f"{chat} did not take {said}: {told.get('said', 'nothing came of it')}")
        return status, answered

    def _now(self, asked: Json) -> Json:
        return self.service.http(f"/v1/requests/{asked['id']}", self.service.agent_key)[1]

    def _past_chats(self, asked: Json, now: Json, said: Json) -> str | None:
        """Why no chat has a way for this; None when it has."""
        if now["status"] != "pending":
            return f"it is {now['status']} already"
        if now["version"] != asked["version"]:
            return "it was edited since it was seen"
        if said["kind"] in {"approve", "edit"} and said.get("message"):
            return "the forms have no field for words beside an approval"
        return None

    def _moved(self, before: Json) -> Json | None:
        """The request once a click has had its effect; None when it has none."""
        end = time.monotonic() + EFFECT
        while time.monotonic() < end:
            now = self._now(before)
            if any(now[name] != before[name] for name in ("status", "version", "stages")):
                return now
            time.sleep(LOOK)
        return None

    def people(self, *answers: Json | Judge | None, by: dict[str, Json | Judge | None] | None = None) -> None:
        """From now on decide each new request: the next of `answers`, the last for all that follow; or by its tool."""
        given = itertools.chain(answers, itertools.repeat(answers[-1] if answers else None))
        seen: set[str] = {one["id"] for one in self.requests()}

        def work() -> None:
            while not self.stop.wait(LOOK):
                for asked in self.requests("pending"):
                    if asked["id"] in seen:
                        continue
                    seen.add(asked["id"])
                    answer = by.get(asked["tool"]) if by is not None else next(given)
                    if answer is None:
                        continue
                    status, told = self.decide(asked, answer)
                    if status != 200:
                        self.refused.append(told)

        self.threads.append(threading.Thread(target=work, daemon=True))
        self.threads[-1].start()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return cast("int", probe.getsockname()[1])


def eventually(holds: Callable[[], object], seconds: float = 30) -> None:
    """Wait for an effect in another process, which sends no event."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(LOOK)

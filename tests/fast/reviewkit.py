"""What the tests of reviews share: a company whose queue holds something of every kind."""

from __future__ import annotations

from typing import Any

from ruleskit import House, rules

from signoff.cards import Listing, Move, Preflight, Results, Screen, Single
from signoff.model import Actor, Principal, Request

RULES = """
rules:
  - {name: deployments, when: tool == "deploy", risk: high, editable: [service]}
  - {name: wires, when: tool == "wire", risk: low, confirm: "${args.order}"}
  - {name: twice, when: tool == "close_account", risk: low, stages: [{approvers: [finance], quorum: 2}]}
  - {name: managed, when: tool == "hire", risk: low, approvers: [managers]}
  - {name: elsewhere, when: tool == "archive", risk: low, show: ["teams:Finance/General"]}
  - {name: refunds, when: tool == "refund", risk: low, editable: [amount]}
  - {name: mails, when: tool == "send_mail", risk: medium}
"""


def office() -> House:
    return House(rules(RULES))


def looker(person: str = "ada", chat: str = "slack") -> Actor:
    """Somebody who looks through the queue: a verified identity, no card."""
    tenant, user = ("T1", f"U{person.upper()}") if chat == "slack" else ("tenant", person)
    return Actor(via=chat, principal=Principal(chat=chat, tenant=tenant, user=user))


class Looking:
    """A person in front of a screen."""

    def __init__(self, house: House, person: str = "ada", chat: str = "slack") -> None:
        self.house = house
        self.actor = looker(person, chat)
        self.screen: Screen | None = None

    async def open(self, words: str = "", **how: Any) -> Screen:
        self.screen = await self.house.desk.review.open(self.actor, words, **how)
        return self.screen

    async def do(self, name: Any, key: str = "", **more: Any) -> Screen:
        assert self.screen is not None
        mark = {"mark": self.screen.mark} if isinstance(self.screen, Single) else {}
        move = Move(name, key, **(mark | more))
        self.screen = await self.house.desk.review.act(self.screen.review, move, self.actor)
        return self.screen

    async def fill(self, purpose: Any, **entries: str) -> Screen:
        """Open a form on the single request that is shown, fill it in and send it."""
        desk, shown = self.house.desk, self.single
        form = await desk.review.form(shown.review, purpose, self.actor, shown.mark)
        typed = {field.replace("__", "/"): text for field, text in entries.items()}
        self.screen = await desk.review.submit(shown.review, purpose, form.version, typed, self.actor, shown.mark)
        return self.screen

    @property
    def listing(self) -> Listing:
        assert isinstance(self.screen, Listing), self.screen
        return self.screen

    @property
    def preflight(self) -> Preflight:
        assert isinstance(self.screen, Preflight), self.screen
        return self.screen

    @property
    def results(self) -> Results:
        assert isinstance(self.screen, Results), self.screen
        return self.screen

    @property
    def single(self) -> Single:
        assert isinstance(self.screen, Single), self.screen
        return self.screen

    def group(self, tool: str) -> str:
        """The key of the group of a tool."""
        return next(one.key for one in self.listing.groups if one.title.endswith(tool))

    async def now(self, request: Request) -> Request:
        return await self.house.desk.get(request.id)

"""What approver keys do with a request: decide it, give it more time, put its reminders off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from signoff.api import answers, body
from signoff.api.door import caller
from signoff.api.reading import standing, the_id
from signoff.desk import Desk
from signoff.errors import AlreadyDecided, Invalid, StaleVersion
from signoff.model import Actor, Answer, GrantWish, Kind, Request, mask, secret_pointers
from signoff.ports import Limits, Store

BESIDE = frozenset({"/confirm", "/grant", "/message", "/retry"})
"""Fields beside the arguments in which the desk may find a fault."""
GOES_WITH: Mapping[str, tuple[Kind, ...]] = {
    "arguments": ("edit",),
    "response": ("respond",),
    "retry": ("reject",),
    "grant": ("approve", "edit"),
}
"""Field → the kinds of decision that heed it; with another kind it would be lost, and something else be decided."""


class Decisions:
    """The handlers, with what they stand on."""

    def __init__(self, desk: Desk, store: Store, limits: Limits) -> None:
        self._desk = desk
        self._store = store
        self._limits = limits

    def routes(self) -> list[web.RouteDef]:
        one = "/v1/requests/{id}"
        return [
            web.post(one + "/decisions", self.decide),
            web.post(one + "/extend", self.extend),
            web.post(one + "/snooze", self.snooze),
        ]

    async def decide(self, http: web.Request) -> web.Response:
        key = await caller(http, self._store, "approver")
        sent = await body.read(http, body.DecisionBody, self._limits)
        _check(sent)
        request_id = the_id(http)
        actor = Actor(via="api", person=key.person)
        arguments = sent.arguments
        try:
            if arguments is not None:
                arguments = _unmask(arguments, await self._desk.get(request_id))
            answer = Answer(
                kind=sent.kind,
                version=sent.version,
                arguments=arguments,
                message=sent.message,
                response=sent.response,
                confirm=sent.confirm,
                retry=sent.retry,
                force=sent.force,
                grant=None if sent.grant is None else GrantWish(**sent.grant.model_dump()),
            )
            return answers.answer(answers.shown(await self._desk.answer(request_id, answer, actor), key))
        except (AlreadyDecided, StaleVersion) as error:
            return await standing(self._desk, error, request_id, key)
        except Invalid as error:
            if arguments is None:
                raise
            # The desk points into the arguments, the caller's body holds them one level down.
            fields = {
                where if where in BESIDE and where[1:] not in arguments else "/arguments" + where: text
                for where, text in error.fields.items()
            }
            raise Invalid(fields) from None

    async def extend(self, http: web.Request) -> web.Response:
        return await self._later(http, self._desk.extend)

    async def snooze(self, http: web.Request) -> web.Response:
        return await self._later(http, self._desk.snooze)

    async def _later(self, http: web.Request, put_off: Callable[[str, int, Actor], Awaitable[Request]]) -> web.Response:
        key = await caller(http, self._store, "approver")
        sent = await body.read(http, body.Waiting, self._limits)
        request_id = the_id(http)
        try:
            after = await put_off(request_id, sent.seconds, Actor(via="api", person=key.person))
        except AlreadyDecided as error:
            return await standing(self._desk, error, request_id, key)
        return answers.answer(answers.shown(after, key))


def _check(sent: body.DecisionBody) -> None:
    """That every field means something here. Raises Invalid."""
    lost = {
        f"/{name}": f"This goes with {' or '.join(kinds)}, not with {sent.kind}."
        for name, kinds in GOES_WITH.items()
        if getattr(sent, name) is not None and sent.kind not in kinds
    }
    if sent.force:
        if not (sent.message and sent.message.strip()):
            lost["/message"] = "Forcing a decision needs a message that says why."
        if sent.grant is not None:
            lost["/grant"] = "Similar calls cannot be allowed along with a forced decision."
    if lost:
        raise Invalid(lost)


def _unmask(arguments: dict[str, object], record: Request) -> dict[str, object]:
    """The edited arguments with untouched secrets put back: an approver is shown `••••••` and sends that back.

    A secret that was typed anew stays as typed, and the desk refuses it (I09).
    """
    hidden = secret_pointers(record.arguments, record.schema_, record.terms.secret)
    if not hidden:
        return arguments
    masked = mask(record.arguments, hidden)
    restored = _restore(arguments, masked, record.arguments)
    assert isinstance(restored, dict)
    return {str(name): value for name, value in restored.items()}


def _restore(sent: object, masked: object, real: object) -> object:
    """`sent`, with every value that is the mask replaced by the real one at the same place."""
    if isinstance(sent, dict) and isinstance(masked, dict) and isinstance(real, dict):
        return {
            name: _restore(value, masked[name], real[name]) if name in masked and name in real else value
            for name, value in sent.items()
        }
    if isinstance(sent, list) and isinstance(masked, list) and isinstance(real, list):
        return [
            _restore(value, masked[index], real[index]) if index < min(len(masked), len(real)) else value
            for index, value in enumerate(sent)
        ]
    return real if masked != real and sent == masked else sent

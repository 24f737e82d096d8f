"""From a verified activity to what a person wants. Pure.

Identity and place come from the envelope alone: tenant, `from.aadObjectId`, conversation and `replyToId` (I14, I16).
What the card's own data says is only ever a request id, a version and typed text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, cast

from signoff.forms import Purpose
from signoff.model import Actor, MessageRef, Principal

NAME = "teams"

Verb = Purpose | Literal["approve", "details", "show", "submit", "next", "back"]
PURPOSES: Mapping[str, Purpose] = {
    "edit": "edit",
    "edit_json": "edit_json",
    "reject": "reject",
    "respond": "respond",
    "confirm": "confirm",
    "more": "more",
}
"""What opens a form, as a button's verb and as the form's own name."""
VERBS: Mapping[str, Verb] = {
    **PURPOSES,
    "approve": "approve",
    "details": "details",
    "show": "show",
    "submit": "submit",
    "next": "next",
    "back": "back",
}

Cursor = tuple[int, int]
"""A place in a form: the field's index and the offset in its text."""
START: Cursor = (0, 0)
MAX_TRAIL = 1000
"""Pages behind the current one."""


class Malformed(ValueError):
    """An activity that no card of ours can have sent; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Which part of a form a submission holds."""

    at: Cursor = START
    next: Cursor | None = None
    """None: the form ends here."""
    trail: tuple[Cursor, ...] = ()
    """Where the pages before this one began."""
    seen: str = ""
    """Digest of the entries the page was made from; "" on a form of one page."""

    @property
    def whole(self) -> bool:
        return self.at == START and self.next is None


@dataclass(frozen=True, slots=True)
class Click:
    """One press of a button, by somebody, on a card of ours."""

    verb: Verb
    request: str
    version: int
    actor: Actor
    purpose: Purpose | None = None
    """With submit, next and back: which form."""
    sheet: Sheet = field(default_factory=Sheet)
    page: int = 0
    """With details: which page of the full view."""
    typed: Mapping[str, str] = field(default_factory=dict[str, str])
    """Input id → text."""
    ticket: str | None = None
    """With a dialog's submit: names the card that the dialog was opened from."""


# ── the envelope ─────────────────────────────────────────────────────────────────────────────────


def _child(value: object, name: str) -> object:
    return cast("Mapping[str, object]", value).get(name) if isinstance(value, Mapping) else None


def text_of(value: object, *path: str) -> str:
    """The text at a path of names; "" when there is none."""
    for name in path:
        value = _child(value, name)
    return value if isinstance(value, str) else ""


def service_url_of(activity: Mapping[str, object]) -> str:
    return text_of(activity, "serviceUrl")


def channel_of(activity: Mapping[str, object]) -> str:
    return text_of(activity, "channelId")


def tenant_of(activity: Mapping[str, object]) -> str | None:
    """The conversation's tenant; None if there is none or the two places that name it disagree."""
    named = {text_of(activity, "conversation", "tenantId"), text_of(activity, "channelData", "tenant", "id")} - {""}
    return named.pop() if len(named) == 1 else None


def conversation_of(activity: Mapping[str, object]) -> str:
    """The conversation's id without the thread: a channel's replies carry `;messageid=…`."""
    return text_of(activity, "conversation", "id").partition(";")[0]


def is_personal(activity: Mapping[str, object]) -> bool:
    """Whether it comes from the chat of one person with the bot."""
    return text_of(activity, "conversation", "conversationType") == "personal"


def person_of(activity: Mapping[str, object]) -> Principal | None:
    """Who sent it: the Entra object id. None for senders without one (bots, anonymous guests of a meeting)."""
    tenant, user = tenant_of(activity), text_of(activity, "from", "aadObjectId")
    # People of another organisation say so themselves; they are never taken for somebody of this tenant.
    tenant = text_of(activity, "from", "tenantId") or tenant
    return Principal(chat=NAME, tenant=tenant, user=user) if tenant and user else None


def actor_of(activity: Mapping[str, object]) -> Actor:
    """The verified person and the card that was clicked. Raises Malformed."""
    person, tenant = person_of(activity), tenant_of(activity)
    conversation, message = conversation_of(activity), text_of(activity, "replyToId")
    if person is None or tenant is None:
        raise Malformed("the activity names no person")
    if not conversation:
        raise Malformed("the activity names no conversation")
    # An empty message never equals a card's, so such a click is refused unless a ticket names the card.
    origin = MessageRef(chat=NAME, tenant=tenant, conversation=conversation, message=message)
    return Actor(via=NAME, principal=person, origin=origin)


# ── the card's own data ──────────────────────────────────────────────────────────────────────────


def click(activity: Mapping[str, object]) -> Click:
    """An `adaptiveCard/action`, `task/fetch` or `task/submit` invoke. Raises Malformed."""
    return _click(activity, *pressed(activity))


def pressed(activity: Mapping[str, object]) -> tuple[Mapping[str, object], str]:
    """The data and the verb of the button behind an invoke. Raises Malformed."""
    value = activity.get("value")
    if activity.get("name") == "adaptiveCard/action":
        action = _child(value, "action")
        if text_of(action, "type") != "Action.Execute":
            raise Malformed("the action is not an Action.Execute")
        data, verb = _child(action, "data"), text_of(action, "verb")
    else:
        data = _child(value, "data")
        verb = text_of(data, "verb")
    if not isinstance(data, Mapping):
        raise Malformed("the action carries no data")
    return cast("Mapping[str, object]", data), verb


def _click(activity: Mapping[str, object], data: Mapping[str, object], verb: str) -> Click:
    request, version = data.get("request"), data.get("version")
    if verb not in VERBS:
        raise Malformed("the action's verb is not one of ours")
    if not isinstance(request, str) or not request or len(request) > 200:
        raise Malformed("the action names no request")
    if isinstance(version, bool) or not isinstance(version, int):
        raise Malformed("the action names no version")
    purpose = PURPOSES.get(text_of(data, "purpose"))
    if verb in ("submit", "next", "back") and purpose is None:
        raise Malformed("the form has no purpose")
    page = data.get("page", 0)
    if isinstance(page, bool) or not isinstance(page, int) or not 0 <= page < 100_000:
        raise Malformed("the page is not a number")
    typed = {name: text for name, value in data.items() if name not in _OURS and (text := as_typed(value)) is not None}
    return Click(
        verb=VERBS[verb],
        request=request,
        version=version,
        actor=actor_of(activity),
        purpose=purpose,
        sheet=sheet_of(data),
        page=page,
        typed=typed,
        ticket=text_of(data, "ticket") or None,
    )


_OURS = frozenset({"request", "version", "verb", "purpose", "at", "next", "trail", "seen", "page", "ticket", "msteams"})


def as_typed(value: object) -> str | None:
    """An input's value as text: Teams sends strings, some clients the JSON value itself. None for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, float):
        return json.dumps(int(value) if value.is_integer() and abs(value) < 2**53 else value)
    return None


def sheet_of(data: Mapping[str, object]) -> Sheet:
    """Which part of a form the data is about. Raises Malformed."""
    trail = data.get("trail", [])
    if not isinstance(trail, list) or len(cast("list[object]", trail)) > MAX_TRAIL:
        raise Malformed("the trail of pages is not a list")
    onward = data.get("next")
    return Sheet(
        at=_cursor(data.get("at", [0, 0])),
        next=None if onward is None else _cursor(onward),
        trail=tuple(_cursor(item) for item in cast("list[object]", trail)),
        seen=text_of(data, "seen"),
    )


def _cursor(value: object) -> Cursor:
    if isinstance(value, list):
        items = cast("list[object]", value)
        if len(items) == 2:
            index, offset = items
            if type(index) is int and type(offset) is int and index >= 0 and offset >= 0:
                return index, offset
    raise Malformed("a page's place is not two numbers")

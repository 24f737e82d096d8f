"""Requests, cards and forms in every state and of every kind, for the clients, types and renderers of others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from signoff import cards
from signoff.cards import Button, Card, Details, Fact, Row
from signoff.digest import digest
from signoff.forms import Field, Form, Option, edit_form, json_form, reject_form, response_form
from signoff.model import Change, DecidedBy, Decision, MessageRef, Outcome, Request, Terms, Version

AT = datetime(2026, 11, 20, 8, 9, 10, tzinfo=UTC)
ORIGIN = MessageRef(chat="slack", tenant="T0DEMO", conversation="C0REFUNDS", message="1700000000.000100")
WHO = "Ada Okafor or Bob Lindqvist (finance)"
NAMES = {"ada": "Ada Okafor", "bob": "Bob Lindqvist"}

MARKUP = (
    "<b>bold</b> *bold* **bold** _slanted_ ~struck~ `code` <!channel> <!here> @everyone <@U0ADA> <#C0REFUNDS> "
    "<at>Ada</at> <http://evil.example|click> [x](http://e) ![i](http://evil.example/i.png) "
    "{{DATE(2026-01-01T00:00:00Z, SHORT)}} <!date^1700000000^{date}|then> <script>window.pwned = 1</script> "
    '<img src="http://evil.example/p" onerror="window.pwned = 1"> &lt;i&gt; :tada: # end'
)
"""Everything that means something to Slack, to Teams, to Markdown or to a browser."""

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "order": {"type": "string", "description": "As printed on the invoice"},
        "amount": {"type": "number", "minimum": 0, "maximum": 1000},
        "count": {"type": "integer", "default": 1},
        "notify": {"type": "boolean"},
        "speed": {"enum": ["slow", "fast"]},
        "note": {"type": "string", "maxLength": 9000},
        "day": {"type": "string", "format": "date"},
        "hour": {"type": "string", "format": "time"},
        "moment": {"type": "string", "format": "date-time"},
        "mail": {"type": "string", "format": "email"},
        "page": {"type": "string", "format": "uri"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "customer": {"type": "object"},
        "password": {"type": "string", "writeOnly": True},
    },
    "required": ["order", "amount"],
}
ARGUMENTS: dict[str, object] = {
    "order": "A-1001",
    "amount": 500,
    "count": 3,
    "notify": True,
    "speed": "fast",
    "note": "Line one\nline two: " + "long " * 200,
    "day": "2026-11-20",
    "hour": "14:30",
    "moment": "2026-11-20T08:00:00Z",
    "mail": "ada@example.com",
    "page": "https://example.com/a?b=c&d=e",
    "tags": ["broken", "vip"],
    "customer": {"name": "Grace", "since": 2019},
    "password": "hunter2",
    "nothing": None,
}


def request(**changes: Any) -> Request:
    """A refund that waits for a decision, with changes."""
    arguments = changes.get("arguments", ARGUMENTS)
    base: dict[str, Any] = {
        "id": "req_019a2b3c4d5e6f7a8b9c0d1e2f",
        "tool": "issue_refund",
        "arguments": arguments,
        "title": "Refund order A-1001",
        "description": "Issues a refund to the customer's card",
        "reason": "Customer reports a broken item",
        "impact": "$500 leaves the account",
        "rollback": "irreversible",
        "risk": "high",
        "schema_": SCHEMA,
        "agent": "support-agent",
        "run_id": "run-7",
        "thread_url": "https://runs.example.com/7",
        "on_behalf_of": "mia@example.com",
        "digest": digest("issue_refund", arguments, "support-agent", "mia@example.com"),
        "created_at": AT,
        "expires_at": AT + timedelta(hours=1),
        "terms": Terms(rule="defaults", approvers=("finance",), expires_in=3600),
        "asked_by": "key_1",
    }
    base |= changes
    base.setdefault(
        "versions", (Version(number=1, arguments=base["arguments"], digest=base["digest"], at=base["created_at"]),)
    )
    return Request(**base)


def _decided(kind: Any, status: str, asked: Request | None = None, **changes: Any) -> Request:
    asked = asked or request()
    by = () if kind in ("expire", "cancel") else (DecidedBy(person="ada", via="slack", at=AT),)
    decision = Decision(kind=kind, decided_by=by, decided_at=AT, digest=asked.digest, **changes)
    return asked.model_copy(update={"status": status, "decision": decision, "rev": asked.rev + 1})


def _edited() -> Request:
    """Version 2: 500 became 400, and the note went."""
    asked = request()
    after = {**ARGUMENTS, "amount": 400, "note": "short", "extra": [1, 2]}
    second = Version(number=2, arguments=after, digest=asked.digest, by="bob", at=AT)
    return asked.model_copy(update={"arguments": after, "version": 2, "versions": (*asked.versions, second), "rev": 2})


def requests() -> dict[str, Request]:
    """One in every state a request can be in."""
    edited = _edited()
    question = request(
        title="Which region?",
        arguments={"hint": "eu is cheaper"},
        allowed_decisions=("respond", "reject"),
        response_schema={"enum": ["eu", "us"]},
        schema_=None,
    )
    approved = _decided("approve", "approved", arguments=ARGUMENTS)
    changes = (Change(path="/amount", from_=500, to=400),)
    states = {
        "pending": request(),
        "pending, edited": edited,
        "pending, nobody may decide": request(terms=Terms(rule="defaults", expires_in=3600)),
        "pending, undeliverable elsewhere": request(undelivered={"slack:#gone": "is_archived"}),
        "question": question,
        "notice": request(allowed_decisions=(), risk=None),
        "approved": approved,
        "approved, started": approved.model_copy(update={"consumed_at": AT}),
        "succeeded": approved.model_copy(update={"outcome": Outcome(status="succeeded", detail="re_1", at=AT)}),
        "failed": approved.model_copy(update={"outcome": Outcome(status="failed", detail="declined", at=AT)}),
        "approved with changes": _decided(
            "edit", "approved", edited, arguments=edited.arguments, changes=changes, message="cap is 400"
        ),
        "rejected": _decided("reject", "rejected", message="Not without a photo"),
        "responded": _decided("respond", "responded", question, response="eu"),
        "expired": _decided("expire", "expired"),
        "cancelled": _decided("cancel", "cancelled"),
        "markup": request(
            title=MARKUP[:300],
            tool=MARKUP[:200],
            agent=MARKUP[:200],
            description=MARKUP,
            reason=MARKUP,
            impact=MARKUP,
            rollback=MARKUP,
            run_id=MARKUP[:500],
            schema_=None,
            arguments={"text": MARKUP, MARKUP[:90]: "named", "list": [MARKUP], "object": {"a": MARKUP}},
        ),
        "nothing in it": request(arguments={}, title=None, schema_=None, thread_url=None, run_id=None, reason=None),
        "much in it": request(arguments={f"argument {n}": f"value {n} " * n for n in range(70)}, schema_=None),
    }
    states |= {f"{risk} risk": request(risk=risk) for risk in ("low", "medium", "high", "critical")}
    return states


def who(asked: Request) -> str:
    return WHO if asked.terms.approvers else ""


def all_cards() -> dict[str, Card]:
    """A card for every state, and those no record leads to: every purpose with every tone, every kind of row."""
    found = {name: cards.card(asked, who=who(asked), names=NAMES) for name, asked in requests().items()}
    found["pointer"] = cards.pointer(request())
    plain = found["pending"]
    kinds = ("text", "number", "boolean", "null", "list", "object", "secret")
    befores = (None, "", "before", "before " * 300)
    rows = tuple(
        Row(f"{kind} {n}", kind, f"value of {kind} {n}", n, before)
        for kind in kinds
        for n, before in enumerate(befores)
    )
    facts = (
        Fact("Plain", "text"),
        Fact("Long", "word " * 900, hidden=12345),
        Fact("Moment", moment=AT),
        Fact("Moment too", "text", AT),
        Fact("Link", "run-7", url="https://runs.example.com/7?a=<b>&c=d|e"),
        Fact("No link", "run-8", url="javascript:window.pwned=1"),
        Fact("Empty"),
    )
    found["every row and fact"] = replace(
        plain, risk="low", arguments=rows, arguments_hidden=7, facts=facts, footer=facts
    )
    buttons = tuple(Button(one, one, "plain") for one in ("approve", "respond", "edit", "reject", "details"))
    found["every button"] = replace(plain, buttons=buttons)
    for purpose in ("ask", "settled", "notice", "pointer"):
        for tone in ("neutral", "good", "bad", "warning"):
            found[f"{purpose}, {tone}"] = replace(plain, purpose=purpose, tone=tone)
    return found


def all_details() -> dict[str, Details]:
    return {name: cards.details(asked, who=who(asked), names=NAMES) for name, asked in requests().items()}


FIELDS: tuple[Field, ...] = (
    Field("/text", "text", "text", True, "A hint", 'say "hi" & <bye>', placeholder="type here"),
    Field("/empty", "empty", "text"),
    Field("/lines", "lines", "paragraph", False, "", "one\n\n  two\nthree: é 😀"),
    Field("/long", "long", "paragraph", False, "", "word " * 1500),
    Field("/integer", "integer", "integer", True, "", "3"),
    Field("/bigint", "bigint", "integer", True, "", "123456789012345678901"),
    Field("/number", "number", "number", False, "0 to 1000", "0.5"),
    Field("/exact", "exact", "number", False, "", "500.00"),
    Field("/nonumber", "nonumber", "number"),
    Field("/yes", "yes", "boolean", True, "", "true"),
    Field("/perhaps", "perhaps", "boolean"),
    Field("/choice", "choice", "choice", True, "", "b", (Option("a", "Ay"), Option("b", "Bee & <b>"))),
    Field("/open", "open", "choice", options=tuple(Option(f"o{n}", f"Option {n}") for n in range(130))),
    Field("/day", "day", "date", False, "", "2026-11-20"),
    Field("/noday", "noday", "date"),
    Field("/hour", "hour", "time", False, "", "14:30"),
    Field("/second", "second", "time", False, "", "14:30:15"),
    Field("/moment", "moment", "datetime", False, "", "2026-11-20T08:00:00Z"),
    Field("/offset", "offset", "datetime", False, "", "2026-11-20T08:00:07+05:30"),
    Field("/mail", "mail", "email", False, "", "ada@example.com"),
    Field("/page", "page", "url", False, "", "https://example.com/a?b=c&d=e"),
    Field("/tags", "tags", "list", False, "one a line", "broken\nvip"),
    Field("/tree", "tree", "json", False, "", '{\n  "a": [1, 2.50, null]\n}'),
    Field("/markup", MARKUP, "text", False, MARKUP, MARKUP, placeholder=MARKUP),
)
"""Every kind of field, with and without a start, and texts that a narrower input would change."""


def all_forms() -> dict[str, Form]:
    """Every purpose; every kind of field; more fields than one page holds."""
    asked = request()
    question = requests()["question"]
    several: dict[str, object] = {
        "type": "object",
        "properties": {"region": {"enum": ["eu", "us"]}, "why": {"type": "string"}},
        "required": ["region"],
    }
    return {
        "edit": edit_form(asked),
        "edit_json": json_form(asked),
        "reject": reject_form(asked),
        "respond": response_form(question),
        "respond with several fields": response_form(question.model_copy(update={"response_schema": several})),
        "every kind": Form("req_1", 1, "edit", "Edit issue_refund", "Approve", FIELDS, ("fixed: 1", MARKUP)),
        "every kind, answered": Form("req_1", 1, "respond", "Answer", "Send", FIELDS),
        "many": Form(
            "req_1", 1, "edit", "Edit", "Save", tuple(Field(f"/{n}", f"field {n}", "text") for n in range(90))
        ),
        "none": Form("req_1", 1, "edit", "Edit", "Save", ()),
    }

"""The schemas of bodies and answers, generated from the models where there are models."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from signoff.api.body import (
    ConsumeBody,
    DecisionBody,
    DelegationBody,
    FreezeBody,
    Nothing,
    OutcomeBody,
    ThawBody,
    Waiting,
)
from signoff.api.openapi.parts import MOMENT, REF, Schema, closed, listed, nullable, ref
from signoff.api.requests import STATUSES
from signoff.api.stages import STATES
from signoff.model import INTERNAL, Ask, Mode, Request


def schemas() -> dict[str, object]:
    """Every schema by name."""
    used: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
        (Ask, "validation"),
        (DecisionBody, "validation"),
        (ConsumeBody, "validation"),
        (OutcomeBody, "validation"),
        (Waiting, "validation"),
        (FreezeBody, "validation"),
        (ThawBody, "validation"),
        (DelegationBody, "validation"),
        (Nothing, "validation"),
        (Request, "serialization"),
    ]
    _, generated = models_json_schema(used, ref_template=REF + "{model}")
    found: dict[str, object] = dict(generated["$defs"])
    record = found["Request"]
    assert isinstance(record, dict)
    properties = {name: kind for name, kind in record["properties"].items() if name not in INTERNAL}
    properties |= {
        "rule": {"type": "string", "description": "The policy rule that took the request up."},
        "mode": {
            "type": "string",
            "enum": list(get_args(Mode)),
            "description": "`shadow`: nobody was asked, the decision's message says what would have happened; "
            "`off`: the rules were not looked at.",
        },
        "confirm": nullable("string", description="What has to be typed to approve, where the rule wants that."),
        "stages": listed(ref("Stage")),
        "approvers": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The people and groups of the rule that may decide; nobody when it is empty.",
        },
        "editable": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The arguments that may be changed: allowed by request and rule, not secret, not fixed.",
        },
        "callback_url": properties["callback_url"]
        | {"description": "Where the end is told (see `webhooks`). Only the key that asked reads more than its host."},
        "risk": properties["risk"] | {"description": "The rule's; where it names none, the request's."},
        "allowed_decisions": properties["allowed_decisions"]
        | {"description": "What may be decided; without `edit` where nothing may be changed."},
    }
    found["Request"] = {
        "type": "object",
        "description": "A request: what was asked, where it stands, what was decided. Secrets are shown only to the "
        "key that asked; everybody else reads `••••••`.",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }
    for internal in ("Terms", "Version", "Stage", "Vote", "Notice", "Escalation", "GrantTerms", "Spend"):
        found.pop(internal, None)
    # People and rules leave out what does not apply to them.
    decided_by = found["DecidedBy"]
    assert isinstance(decided_by, dict)
    decided_by["required"] = ["at"]
    decided_by["properties"] = {
        "person": {"type": "string"},
        "name": {"type": "string", "description": "The person's display name."},
        "acting_for": {"type": "string", "description": "In whose place this person decided, by a delegation."},
        "rule": {"type": "string"},
        "via": {"type": "string"},
        "batch": {"type": "string", "description": "The review in which this was decided along with others."},
        "at": {"type": "string", "format": "date-time"},
    }
    return found | _requests() | _orders() | _others()


def _requests() -> Schema:
    return {
        "Stage": closed(
            name={"type": "string", "description": "Empty where the rule names no stages."},
            approvers=listed({"type": "string"}) | {"description": "People and groups who are asked in this step."},
            quorum={"type": "integer", "minimum": 1, "description": "How many of them have to agree."},
            state={
                "type": "string",
                "enum": list(STATES),
                "description": "A step that was never decided by people stays `asked` or `next`.",
            },
            votes=listed(ref("Vote")),
        ),
        "Vote": closed(
            person={"type": "string"},
            name=nullable("string", description="The person's display name."),
            acting_for=nullable("string", description="In whose place this person voted, by a delegation."),
            via=nullable("string"),
            at=MOMENT,
        ),
        "Page": closed(
            optional=("counts",),
            requests={"type": "array", "items": ref("Request")},
            cursor={"type": ["string", "null"], "description": "Pass it on to get the next page; null at the end."},
            counts={
                "type": "object",
                "description": "By status, whatever the filter. Agent keys: their own. Left out for approvers.",
                "properties": {name: {"type": "integer", "minimum": 0} for name in STATUSES},
                "required": list(STATUSES),
                "additionalProperties": False,
            },
        ),
    }


def _orders() -> Schema:
    freeze = closed(
        id={"type": "string"},
        agent=nullable("string", description="The agent's own name or the id of its key; null: every agent."),
        tool=nullable("string", description="Null: every tool."),
        by={"type": "string"},
        reason=nullable("string"),
        at=MOMENT,
    )
    grant = closed(
        id={"type": "string"},
        request={"type": "string", "description": "The approved request that it was given with."},
        rule={"type": "string"},
        tool={"type": "string"},
        agent=nullable("string"),
        on_behalf_of=nullable("string"),
        match={
            "type": "object",
            "description": "JSON pointer into the arguments → the value that has to be the same. The pointer of all of "
            "them, which is empty, has the digest of the call.",
        },
        giver={"type": "string"},
        at=MOMENT,
        expires_at=MOMENT,
        max_uses={"type": "integer", "minimum": 1},
        uses={"type": "integer", "minimum": 0},
    )
    delegation = closed(
        id={"type": "string"},
        giver={"type": "string"},
        to={"type": "string"},
        scope=nullable("string", description="A rule or a group of approvers; null: everything the giver may decide."),
        at=MOMENT,
        until=MOMENT,
    )
    return {
        "Freeze": freeze,
        "Freezes": closed(freezes=listed(ref("Freeze"))),
        "Froze": closed(
            freezes=listed(ref("Freeze")),
            covers=nullable(
                "integer", minimum=0, description="Waiting requests that it stops; null: they could not be counted."
            ),
            reach={
                "type": "string",
                "description": "The same in words, and where it stops none, what name may have been meant.",
            },
        ),
        "Grant": grant,
        "Grants": closed(grants=listed(ref("Grant"))),
        "Delegation": delegation,
        "Delegations": closed(delegations=listed(ref("Delegation"))),
    }


def _others() -> Schema:
    return {
        "AuditPage": closed(
            lines={
                "type": "array",
                "items": closed(
                    seq={"type": "integer", "minimum": 1},
                    at={"type": "string", "format": "date-time"},
                    at_ms={"type": "integer"},
                    body={"type": "string", "description": "JSON text, exactly as it was hashed."},
                    link={"type": "string"},
                ),
            },
            after={"type": "integer", "minimum": 0, "description": "Pass it on to get the next lines."},
        ),
        "Problem": {
            "type": "object",
            "description": "RFC 9457. `type` ends in a stable code.",
            "properties": {
                "type": {"type": "string", "format": "uri"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string", "description": "One sentence that says what to do."},
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "pointer": {"type": "string", "description": "JSON pointer into the body."},
                            "parameter": {"type": "string"},
                            "header": {"type": "string"},
                            "detail": {"type": "string"},
                        },
                        "required": ["detail"],
                        "additionalProperties": False,
                    },
                },
                "decision": {"anyOf": [ref("Decision"), {"type": "null"}]},
                "request": ref("Request"),
            },
            "required": ["type", "title", "status", "detail"],
        },
        "Health": closed(
            status={"type": "string"},
            parts={"type": "object", "additionalProperties": {"type": ["string", "null"]}},
        ),
    }

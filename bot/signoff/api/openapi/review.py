"""The addresses of what concerns several requests at once: agents' batches, the queue, deciding many."""

from __future__ import annotations

from typing import Literal, cast, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from signoff.api import batches, hitl, queue
from signoff.api.openapi.parts import (
    IDEMPOTENCY_KEY,
    LISTING,
    READING,
    REF,
    REPLAYED,
    THE_ID,
    WORD,
    WRITING,
    Schema,
    closed,
    listed,
    nullable,
    operation,
    parameter,
    ref,
)
from signoff.api.requests import MAX_WAIT, RISKS
from signoff.cards.queue import DONE, Code

MAKING = (*(status for status in WRITING if status != 404), 429)


def paths(most: int) -> Schema:
    """`most`: requests in one batch."""
    return {
        "/v1/batches": {
            "post": operation(
                "askBatch",
                "Ask for decisions about several tool calls, which people see together and decide one by one or "
                "all at once (agent keys).",
                body="AskBatch",
                parameters=[IDEMPOTENCY_KEY],
                answers={
                    201: ("The batch.", "AskedBatch"),
                    200: ("The batch of an earlier call with this key and body.", "AskedBatch"),
                },
                problems=MAKING,
                headers={200: REPLAYED},
            )
        },
        "/v1/batches/{id}": {
            "get": operation(
                "showBatch",
                "One's own batch; with `wait`, as soon as more than `ended` of its requests have ended, or all.",
                parameters=[
                    THE_ID,
                    parameter("wait", "query", {"type": "integer", "minimum": 0, "maximum": MAX_WAIT, "default": 0}),
                    parameter(
                        "ended",
                        "query",
                        {
                            "type": "integer",
                            "minimum": 0,
                            "maximum": most,
                            "description": "How many the caller knows to have ended; left out: wait for all.",
                        },
                    ),
                ],
                answers={200: ("The batch.", "AskedBatch")},
                problems=(*READING, 429),
            )
        },
        "/v1/queue": {
            "get": operation(
                "queue",
                "What the person of an approver key may decide now, the most urgent first.",
                parameters=[
                    parameter("risk", "query", {"type": "string", "enum": list(RISKS)}),
                    parameter("tool", "query", WORD),
                    parameter("agent", "query", WORD),
                    parameter("channel", "query", WORD),
                    parameter("text", "query", WORD | {"maxLength": queue.TEXT}),
                    parameter("batch", "query", WORD | {"maxLength": queue.BATCH_ID}),
                    parameter("cursor", "query", {"type": "string"}),
                    parameter(
                        "limit",
                        "query",
                        {"type": "integer", "minimum": 1, "maximum": queue.MAX_PAGE, "default": queue.PAGE},
                    ),
                ],
                answers={200: ("A page.", "Queue")},
                problems=LISTING,
            )
        },
        "/v1/decisions": {
            "post": operation(
                "decideMany",
                "Approve or reject several requests, each exactly as it was listed, as the person of an approver key. "
                "What cannot be decided is left alone and named; that is no error.",
                body="BulkBody",
                answers={200: ("What became of each.", "BulkResults")},
                problems=tuple(status for status in WRITING if status not in {404, 409}),
            )
        },
    }


def schemas(most: int, request: Schema) -> Schema:
    """The schemas by name. `request`: that of a request, as it is answered everywhere else."""
    used: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
        (batches.BatchBody, "validation"),
        (hitl.HITLBody, "validation"),
        (hitl.ActionBody, "validation"),
        (hitl.ReviewBody, "validation"),
        (queue.BulkBody, "validation"),
    ]
    _, generated = models_json_schema(used, ref_template=REF + "{model}")
    found: Schema = dict(generated["$defs"])
    for body, name, items, at_most in (
        ("BatchBody", "requests", "Ask", most),
        ("HITLBody", "action_requests", "ActionBody", most),
        ("HITLBody", "review_configs", "ReviewBody", None),
    ):
        several = cast("dict[str, Schema]", cast("Schema", found[body])["properties"])[name]
        several["items"] = ref(items)
        if at_most is not None:
            several["maxItems"] = at_most
    properties = cast("Schema", request["properties"])
    codes: list[str] = list(get_args(Code))
    marks = [code for code in codes if code != "ok" and code not in DONE]
    queued = properties | {
        "mark": {
            "enum": [*marks, None],
            "description": "Why it cannot be approved along with others; null: it can.",
        }
    }
    return found | {
        "AskBatch": {"anyOf": [ref("BatchBody"), ref("HITLBody")]},
        "AskedBatch": _batch(),
        "HITLDecision": {"anyOf": _decisions()},
        "Queue": _queue(),
        "QueuedRequest": request | {"properties": queued, "required": sorted(queued)},
        "BulkResults": closed(
            batch=nullable("string", description="Stands in the audit line of each; null: nothing was to be decided."),
            results=listed(
                closed(
                    id={"type": "string"},
                    result={
                        "type": "string",
                        "enum": codes,
                        "description": "`approved`, `rejected`, `voted` (others are asked still); with `dry_run` "
                        "`ok`; all others say why it was left alone.",
                    },
                    sentence={"type": "string", "description": "For people; empty for `ok`."},
                )
            ),
        ),
    }


def _batch() -> Schema:
    return closed(
        id={"type": "string"},
        title=nullable("string"),
        status={"type": "string", "enum": ["pending", "done"], "description": "`done`: all of them have ended."},
        requests=listed(ref("Request")) | {"description": "In the order in which they were asked."},
        decisions={
            "anyOf": [listed(ref("HITLDecision")), {"type": "null"}],
            "description": "As LangChain's HITLResponse has them, by position; null until all have ended.",
        },
    )


def _decisions() -> list[Schema]:
    def one(kind: str, **more: Schema) -> Schema:
        return closed((), type={"type": "string", "const": kind}, **more)

    message: Schema = {"type": "string"}
    action = closed(name={"type": "string"}, args={"type": "object"})
    return [
        one("approve"),
        one("edit", edited_action=action),
        one("reject", message=message | {"description": "Says so where no person has rejected it."}),
        one("respond", message=message),
    ]


def _queue() -> Schema:
    count: Schema = {"type": "integer", "minimum": 0}
    by_name: Schema = {"type": "object", "additionalProperties": count}
    return closed(
        total=count | {"description": "How many wait, of what the parameters let through; with `text`, on this page."},
        counts=closed(
            risk=closed((), **dict.fromkeys((*RISKS, ""), count)) | {"description": "The empty name: no risk."},
            tool=by_name,
            agent=by_name,
            channel=by_name | {"description": "A request counts at each of its places."},
        ),
        groups=listed(
            closed(
                title={"type": "string"},
                detail={"type": "string"},
                requests=listed({"type": "string"}) | {"description": "Ids of requests of this page."},
            )
        )
        | {"description": "Requests of the same tool with similar arguments."},
        requests=listed(ref("QueuedRequest")),
        cursor=nullable("string", description="Pass it on to get the next page; null at the end."),
    )

"""The addresses below `/v1/requests`."""

from __future__ import annotations

from signoff.api.openapi.parts import (
    CLAIM,
    IDEMPOTENCY_KEY,
    LISTING,
    READING,
    REPLAYED,
    THE_ID,
    WORD,
    WRITING,
    Schema,
    operation,
    parameter,
)
from signoff.api.requests import MAX_PAGE, MAX_WAIT, PAGE, RISKS, STATUSES

TRUE: Schema = {"schema": {"type": "string", "const": "true"}}
CLAIMED: Schema = {
    "Signoff-Claimed": {
        **TRUE,
        "description": "Approved at once, and consumed in the same step for who sent this claim: it may run now, once.",
    }
}
ONE = "/v1/requests/{id}"


def paths() -> Schema:
    return {
        "/v1/requests": {
            "post": operation(
                "ask",
                "Ask for a decision about a tool call (agent keys).",
                body="Ask",
                parameters=[IDEMPOTENCY_KEY, CLAIM],
                answers={
                    201: ("The request.", "Request"),
                    200: (
                        "The request of an earlier call: with this key and body, or, while it waits, the same call of "
                        "the same run.",
                        "Request",
                    ),
                },
                problems=(400, 401, 403, 409, 413, 415, 422, 429, 503),
                headers={201: CLAIMED, 200: {**REPLAYED, **CLAIMED, "Signoff-Folded": TRUE}},
            ),
            "get": operation(
                "list",
                "A page of requests, oldest first: an agent key's own, what an approver may decide, all for an admin.",
                parameters=[
                    parameter("status", "query", {"type": "string", "enum": list(STATUSES)}),
                    parameter("agent", "query", WORD),
                    parameter("channel", "query", WORD),
                    parameter("risk", "query", {"type": "string", "enum": list(RISKS)}),
                    parameter("cursor", "query", {"type": "string"}),
                    parameter(
                        "limit", "query", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE}
                    ),
                ],
                answers={200: ("A page.", "Page")},
                problems=LISTING,
            ),
        },
        ONE: {
            "get": operation(
                "show",
                "One request; with `wait`, as soon as it is decided or still pending after so many seconds.",
                parameters=[
                    THE_ID,
                    parameter("wait", "query", {"type": "integer", "minimum": 0, "maximum": MAX_WAIT, "default": 0}),
                ],
                answers={200: ("The request.", "Request")},
                problems=(*READING, 429),
            )
        },
        ONE + "/cancel": {
            "post": operation(
                "cancel",
                "Take a pending request back (the agent key that asked).",
                body="Nothing",
                body_required=False,
                parameters=[THE_ID],
                answers={200: ("The cancelled request.", "Request")},
                problems=WRITING,
            )
        },
        ONE + "/consume": {
            "post": operation(
                "consume",
                "Burn the approval, once, for exactly the approved arguments, right before running them. Said again "
                "with the same claim, it answers the same.",
                body="ConsumeBody",
                parameters=[THE_ID, CLAIM],
                answers={200: ("The consumed request.", "Request")},
                problems=WRITING,
            )
        },
        ONE + "/outcome": {
            "post": operation(
                "outcome",
                "Say what came of the run; shown on the card and in the audit.",
                body="OutcomeBody",
                parameters=[THE_ID],
                answers={200: ("The request.", "Request")},
                problems=WRITING,
            )
        },
        ONE + "/decisions": {
            "post": operation(
                "decide",
                "Decide, or vote, as the person of an approver key; same rules as a click in chat.",
                body="DecisionBody",
                parameters=[THE_ID],
                answers={200: ("The request.", "Request")},
                problems=WRITING,
            )
        },
        ONE + "/extend": {
            "post": operation(
                "extend",
                "Let a pending request wait longer, as somebody who may decide it.",
                body="Waiting",
                parameters=[THE_ID],
                answers={200: ("The request.", "Request")},
                problems=WRITING,
            )
        },
        ONE + "/snooze": {
            "post": operation(
                "snooze",
                "No reminders about a pending request for so long, as somebody who may decide it.",
                body="Waiting",
                parameters=[THE_ID],
                answers={200: ("The request.", "Request")},
                problems=WRITING,
            )
        },
    }

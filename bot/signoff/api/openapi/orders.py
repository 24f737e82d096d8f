"""The addresses of standing orders: freezes, grants, delegations."""

from __future__ import annotations

from signoff.api.openapi.parts import LISTING, THE_ID, WRITING, Schema, operation

MAKING = tuple(status for status in WRITING if status != 404)


def paths() -> Schema:
    return {
        "/v1/freezes": {
            "get": operation(
                "listFreezes",
                "What is frozen (admin keys).",
                answers={200: ("The freezes that stand.", "Freezes")},
                problems=LISTING,
            ),
            "post": operation(
                "freeze",
                "Stop what matches, at once: nothing is decided, approved by a rule or started (admin keys).",
                body="FreezeBody",
                answers={201: ("The freezes that this made or found, and how far they reach.", "Froze")},
                problems=MAKING,
            ),
        },
        "/v1/freezes/thaw": {
            "post": operation(
                "thaw",
                "Lift the freeze that was made with this agent and tool (admin keys).",
                body="ThawBody",
                body_required=False,
                answers={200: ("The freezes that were lifted.", "Freezes")},
                problems=WRITING,
            )
        },
        "/v1/grants": {
            "get": operation(
                "listGrants",
                "Grants that stand: an approver's own, all for an admin.",
                answers={200: ("The grants.", "Grants")},
                problems=LISTING,
            )
        },
        "/v1/grants/{id}/revoke": {
            "post": operation(
                "revoke",
                "End a grant: its giver, or an admin.",
                body="Nothing",
                body_required=False,
                parameters=[THE_ID],
                answers={200: ("The grant that ended.", "Grant")},
                problems=WRITING,
            )
        },
        "/v1/delegations": {
            "get": operation(
                "listDelegations",
                "Delegations that stand: those an approver gave or got, all for an admin.",
                answers={200: ("The delegations.", "Delegations")},
                problems=LISTING,
            ),
            "post": operation(
                "delegate",
                "Let somebody decide in the place of the approver key's person, for a while.",
                body="DelegationBody",
                answers={201: ("The delegation.", "Delegation")},
                problems=MAKING,
            ),
        },
        "/v1/delegations/{id}/end": {
            "post": operation(
                "undelegate",
                "End a delegation: who gave or got it, or an admin.",
                body="Nothing",
                body_required=False,
                parameters=[THE_ID],
                answers={200: ("The delegation that ended.", "Delegation")},
                problems=WRITING,
            )
        },
    }

"""What servers ask a host's user, answered by people in chat: the client's elicitation callback."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from mcp.types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult

from signoff.errors import NotRun, Rejected, where
from signoff_agents.mcp.catalogue import TITLE
from signoff_agents.mcp.messages import Document

if TYPE_CHECKING:
    from signoff.client import Decision, Gate
    from signoff.client.fields import Titled

TOOL = "mcp_elicitation"

log = logging.getLogger("signoff")


def elicitation_callback(gate: Gate, **fields: Any) -> Callable[[Any, ElicitRequestParams], Awaitable[ElicitResult]]:
    """`Client(…, elicitation_callback=elicitation_callback(gate))`: a server's form is filled in by people.

    A form is accepted with what a person entered, declined when a person rejects it, and cancelled in every other case:
    expired, service away, an address to be opened, which nobody here can do. `fields`: of `Gate.ask`, such as
    `channel` or `expires_in`.
    """

    async def elicited(context: Any, params: ElicitRequestParams) -> ElicitResult:
        if not isinstance(params, ElicitRequestFormParams):
            return ElicitResult(action="cancel")
        try:
            decision = await _asked(gate, params, fields)
        except Rejected:
            return ElicitResult(action="decline")
        except NotRun as error:
            log.warning("%s", error)
            return ElicitResult(action="cancel")
        except Exception as error:  # noqa: BLE001  # whatever went wrong here, nobody has accepted
            log.warning("what a server asked was not answered: %s", where(error))
            return ElicitResult(action="cancel")
        return _result(decision)

    return elicited


async def _asked(gate: Gate, params: ElicitRequestFormParams, fields: dict[str, Any]) -> Decision:
    schema = {name: value for name, value in params.requested_schema.items() if name != "$schema"}
    said: dict[str, Any] = {"title": params.message[:TITLE], "allowed_decisions": ("approve", "reject")}
    if schema.get("properties"):
        said |= {"allowed_decisions": ("respond", "reject"), "response_schema": schema}
    asked = cast("Titled", {**fields, **said})
    return await gate.ask(TOOL, {"message": params.message}, **asked)


def _result(decision: Decision) -> ElicitResult:
    if decision.kind == "respond" and isinstance(decision.response, dict):
        content = cast("Document", decision.response)
        return ElicitResult(action="accept", content=cast("Any", content))
    if decision.kind == "approve":  # a form without fields: the yes is all there is
        return ElicitResult(action="accept", content={})
    return ElicitResult(action="decline" if decision.kind == "reject" else "cancel")

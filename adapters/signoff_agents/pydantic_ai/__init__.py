"""Pydantic AI: one capability that asks about deferred calls, or about every call, and waits or lets the run pause.

`approvals` goes into `Agent(capabilities=[…])`. With `pause=True` the run ends with its `DeferredToolRequests`, and
`Approvals.resume` asks people and goes on, in this process or another, also with an agent without the capability;
`resolve` is for results that something else goes on with. `GatedToolset` stands around a single toolset.

Written for pydantic-ai 2.62.
"""

from signoff_agents.gating import missing

try:
    from signoff_agents.pydantic_ai.capability import Approvals as Approvals
    from signoff_agents.pydantic_ai.capability import approvals as approvals
    from signoff_agents.pydantic_ai.deferred import resolve as resolve
    from signoff_agents.pydantic_ai.toolset import GatedToolset as GatedToolset
except ImportError as error:
    if (error.name or "").partition(".")[0] != "pydantic_ai":
        raise
    raise missing(__name__, "pydantic-ai", error) from error

"""One tool call of a framework at the gate: what it may run with, or what the model reads instead.

What every adapter stands on. Nothing here runs a tool and nothing here raises for a service that is away: a `Verdict`
says either with which arguments the tool runs, or what the model reads instead. What the model reads of our own trouble
is a fixed sentence; why goes to the logger `signoff`.

The client is loaded when first used, not when an adapter is: whoever made a gate has loaded it.
"""

from signoff_agents.gating.calls import Away as Away
from signoff_agents.gating.calls import Call as Call
from signoff_agents.gating.calls import Kind as Kind
from signoff_agents.gating.calls import Misfit as Misfit
from signoff_agents.gating.calls import Tools as Tools
from signoff_agents.gating.calls import Unfit as Unfit
from signoff_agents.gating.calls import Verdict as Verdict
from signoff_agents.gating.calls import checked as checked
from signoff_agents.gating.calls import fields_of as fields_of
from signoff_agents.gating.calls import missing as missing
from signoff_agents.gating.deciding import ask_all as ask_all
from signoff_agents.gating.deciding import batch_of as batch_of
from signoff_agents.gating.deciding import decide as decide
from signoff_agents.gating.deciding import decide_all as decide_all
from signoff_agents.gating.deciding import fault_of as fault_of
from signoff_agents.gating.deciding import misfit as misfit
from signoff_agents.gating.deciding import refused as refused
from signoff_agents.gating.deciding import retry as retry
from signoff_agents.gating.deciding import settle as settle
from signoff_agents.gating.deciding import text as text
from signoff_agents.gating.running import Ran as Ran
from signoff_agents.gating.running import Reports as Reports
from signoff_agents.gating.running import apart as apart
from signoff_agents.gating.running import blocking as blocking
from signoff_agents.gating.running import broken as broken
from signoff_agents.gating.running import report as report
from signoff_agents.gating.running import running as running
from signoff_agents.gating.running import running_blocking as running_blocking
from signoff_agents.gating.running import unless as unless
from signoff_agents.gating.schema import fits_schema as fits_schema
from signoff_agents.gating.turns import Turns as Turns
from signoff_agents.gating.turns import claim_all as claim_all

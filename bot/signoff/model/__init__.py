"""The words of the house as types. Each is loaded when it is first named: the agent's side uses a handful of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signoff.model.clean import Clean as Clean
    from signoff.model.decision import Change as Change
    from signoff.model.decision import DecidedBy as DecidedBy
    from signoff.model.decision import Decision as Decision
    from signoff.model.decision import Outcome as Outcome
    from signoff.model.decision import Version as Version
    from signoff.model.editable import editable_names as editable_names
    from signoff.model.exact import dumps as dumps
    from signoff.model.exact import loads as loads
    from signoff.model.exact import pretty as pretty
    from signoff.model.exact import seen as seen
    from signoff.model.hooks import HOOK as HOOK
    from signoff.model.hooks import Delivery as Delivery
    from signoff.model.hooks import hook_of as hook_of
    from signoff.model.hooks import is_hook as is_hook
    from signoff.model.hooks import origin as origin
    from signoff.model.orders import UNREADABLE as UNREADABLE
    from signoff.model.orders import Delegation as Delegation
    from signoff.model.orders import Freeze as Freeze
    from signoff.model.orders import Grant as Grant
    from signoff.model.orders import freeze_id as freeze_id
    from signoff.model.orders import freezes_of as freezes_of
    from signoff.model.orders import freezing as freezing
    from signoff.model.orders import read_freeze as read_freeze
    from signoff.model.orders import readable as readable
    from signoff.model.pointer import changes as changes
    from signoff.model.pointer import escape as escape
    from signoff.model.pointer import same as same
    from signoff.model.pointer import steps as steps
    from signoff.model.pointer import within as within
    from signoff.model.queue import BATCH as BATCH
    from signoff.model.queue import PILE as PILE
    from signoff.model.queue import RISKS as RISKS
    from signoff.model.queue import Batch as Batch
    from signoff.model.queue import Facet as Facet
    from signoff.model.queue import Pin as Pin
    from signoff.model.queue import Sieve as Sieve
    from signoff.model.queue import is_pile as is_pile
    from signoff.model.queue import pile_of as pile_of
    from signoff.model.request import INTERNAL as INTERNAL
    from signoff.model.request import Event as Event
    from signoff.model.request import Key as Key
    from signoff.model.request import Notice as Notice
    from signoff.model.request import Placement as Placement
    from signoff.model.request import Request as Request
    from signoff.model.request import Vote as Vote
    from signoff.model.said import Actor as Actor
    from signoff.model.said import Answer as Answer
    from signoff.model.said import Ask as Ask
    from signoff.model.said import GrantWish as GrantWish
    from signoff.model.said import MessageRef as MessageRef
    from signoff.model.said import Principal as Principal
    from signoff.model.secrets import MASK as MASK
    from signoff.model.secrets import mask as mask
    from signoff.model.secrets import scrub as scrub
    from signoff.model.secrets import secret_pointers as secret_pointers
    from signoff.model.secrets import secret_texts as secret_texts
    from signoff.model.terms import Escalation as Escalation
    from signoff.model.terms import GrantTerms as GrantTerms
    from signoff.model.terms import Spend as Spend
    from signoff.model.terms import Stage as Stage
    from signoff.model.terms import Terms as Terms
    from signoff.model.text import one_line as one_line
    from signoff.model.text import says_something as says_something
    from signoff.model.text import shorten as shorten
    from signoff.model.text import unwritten as unwritten
    from signoff.model.text import visible as visible
    from signoff.model.words import STATUS_OF as STATUS_OF
    from signoff.model.words import End as End
    from signoff.model.words import Kind as Kind
    from signoff.model.words import Mode as Mode
    from signoff.model.words import Moment as Moment
    from signoff.model.words import Retry as Retry
    from signoff.model.words import Risk as Risk
    from signoff.model.words import Status as Status
    from signoff.model.words import iso as iso

_HOMES = {
    "clean": "Clean",
    "decision": "Change DecidedBy Decision Outcome Version",
    "editable": "editable_names",
    "exact": "dumps loads pretty seen",
    "hooks": "Delivery HOOK hook_of is_hook origin",
    "orders": "UNREADABLE Delegation Freeze Grant freeze_id freezes_of freezing read_freeze readable",
    "pointer": "changes escape same steps within",
    "queue": "BATCH PILE RISKS Batch Facet Pin Sieve is_pile pile_of",
    "request": "Event INTERNAL Key Notice Placement Request Vote",
    "said": "Actor Answer Ask GrantWish MessageRef Principal",
    "secrets": "MASK mask scrub secret_pointers secret_texts",
    "terms": "Escalation GrantTerms Spend Stage Terms",
    "text": "one_line says_something shorten unwritten visible",
    "words": "End Kind Mode Moment Retry Risk STATUS_OF Status iso",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found

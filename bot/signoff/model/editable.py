"""Which arguments a person may change."""

from __future__ import annotations

from signoff.model.pointer import escape
from signoff.model.request import Request
from signoff.model.schema import Node, properties, resolve
from signoff.model.secrets import secret_pointers


def editable_names(request: Request) -> tuple[str, ...]:
    """The top-level arguments that a person may change: allowed by request and rule, not secret, not fixed."""
    root: Node = request.schema_ or {}
    allowed = [set(names) for names in (request.editable, request.terms.editable) if names is not None]
    if any(not names for names in allowed):
        return ()
    declared = properties(request.schema_)
    secret = secret_pointers(request.arguments, request.schema_, request.terms.secret)
    return tuple(
        name
        for name in dict.fromkeys((*declared, *request.arguments))
        if all(name in names for names in allowed)
        and f"/{escape(name)}" not in secret
        and "" not in secret
        and not is_fixed(declared.get(name), root)
    )


def is_fixed(schema: object, root: Node) -> bool:
    """Nobody can fill it in: `readOnly`, `const`, or no value is allowed at all."""
    resolved = resolve(schema, root)
    return schema is False or resolved.get("readOnly") is True or "const" in resolved

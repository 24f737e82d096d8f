"""Whether arguments fit a tool's own JSON Schema, where it has nothing else to be checked by."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pydantic import ValidationError

Check = Callable[[Mapping[str, object]], object]

QUOTED = 200
"""Characters of a schema's rule that a fault quotes."""


def fits_schema(schema: Mapping[str, object]) -> Check | None:
    """A `Call.fits` that raises pydantic's ValidationError, without the values; None for a schema that is none.

    For adapters whose framework or extra brings jsonschema: it is no part of the base install.
    """
    from signoff.model import dumps

    return _known(dumps(schema)) if schema else None


@functools.lru_cache(maxsize=256)
def _known(text: str) -> Check | None:
    """Tools are called again and again, and looking at a schema takes longer than looking at arguments."""
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.exceptions import best_match
    from jsonschema.validators import validator_for
    from referencing import Registry

    schema = cast("dict[str, object]", json.loads(text))
    kind: Any = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError:
        return None
    # A registry of its own: the library's own one fetches what a schema refers to from the network.
    validator = kind(schema, registry=Registry())

    def check(arguments: Mapping[str, object]) -> None:
        error: Any = best_match(validator.iter_errors(dict(arguments)))
        if error is not None:
            raise _misfit(error)

    return check


def _misfit(error: Any) -> ValidationError:
    """`error`: jsonschema's, which quotes the values."""
    from pydantic import ValidationError
    from pydantic_core import PydanticCustomError

    from signoff.model import dumps

    said = f"it does not fit the schema's {error.validator}: {dumps(error.validator_value)[:QUOTED]}"
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in cast("dict[str, object]", error.instance)]
        said = f"{' and '.join(map(str, missing))} is missing"
    loc = tuple(item if isinstance(item, str | int) else str(item) for item in error.absolute_path)
    wrong = PydanticCustomError("schema", "{said}", {"said": said})
    return ValidationError.from_exception_data("arguments", [{"type": wrong, "loc": loc, "input": None}])

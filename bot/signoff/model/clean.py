"""Texts of a request that are fit to be shown: no secrets (I13), nothing invisible (I12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from signoff.model.request import Request
from signoff.model.schema import Node
from signoff.model.secrets import MASK, scrub, secret_pointers, secret_texts
from signoff.model.text import one_line, visible

MOST = 500
"""Secrets that texts are searched for; beyond it every text is hidden, which is the safe mistake."""


class Clean:
    """What makes the texts of one request fit to be shown.

    Secret values are also taken out of running text that quotes them. Arguments are never searched for them: an agent
    could hide what an argument says by repeating it in a secret one.
    """

    def __init__(self, request: Request) -> None:
        patterns = request.terms.secret
        self._request = request
        self._hidden: dict[int, frozenset[str]] = {}
        """By identity of the arguments, which the request keeps alive."""
        found: set[str] = set()
        held = [request.arguments]
        held += [version.arguments for version in request.versions if version.arguments != request.arguments]
        decision = request.decision
        for arguments in held:
            found |= secret_texts(arguments, self.hidden(arguments))
        if decision is not None and decision.response is not None:
            pointers = secret_pointers(decision.response, request.response_schema, patterns)
            found |= secret_texts(decision.response, pointers)
        self._secrets = frozenset(found)
        self._too_many = len(found) > MOST

    def hidden(self, arguments: Node) -> frozenset[str]:
        """The secret places of a version of the arguments."""
        if id(arguments) not in self._hidden:
            found = secret_pointers(arguments, self._request.schema_, self._request.terms.secret)
            self._hidden[id(arguments)] = found
        return self._hidden[id(arguments)]

    def told(self, text: str) -> str:
        """Running text letter for letter, but for the secrets: for records that machines read."""
        return MASK if self._too_many else scrub(text, self._secrets)

    def data(self, value: object) -> object:
        """JSON with running text in it, without the secrets that any of its texts quotes."""
        if isinstance(value, str):
            return self.told(value)
        if isinstance(value, Mapping):
            members = cast("Mapping[str, object]", value)
            return {self.told(name): self.data(item) for name, item in members.items()}
        if isinstance(value, list | tuple):
            return [self.data(item) for item in cast("list[object]", value)]
        return value

    def text(self, text: str) -> str:
        """Several lines of running text."""
        return visible(self.told(text)).strip()

    def line(self, text: str) -> str:
        """One line of running text."""
        return one_line(self.told(text)).strip()

"""Half-filled forms: pages that somebody has typed and not yet sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from signoff import forms
from signoff.desk import said
from signoff.model import Actor, Request, dumps, loads
from signoff.ports import Memory

DRAFT_LIFE = 3600.0
"""Seconds that the pages of a half-filled form are kept."""


class Drafts:
    """In the store's memory, so that the next page may be served by another replica."""

    def __init__(self, store: Memory) -> None:
        self._store = store

    async def keep(
        self,
        request: Request,
        form: forms.Form,
        actor: Actor,
        entries: Mapping[str, str],
        keys: Collection[str],
    ) -> dict[str, str]:
        """Keep one page (`keys`) of a form that has several. Every page so far; Invalid has that page's faults."""
        original, schema = said.subject(request, form.purpose)
        forms.fill(form, original, schema, entries, keys=keys)
        kept = await self.draft(form, actor) | {key: entries[key] for key in keys if key in entries}
        await self._store.remember("draft", _key(form, actor), dumps(kept), DRAFT_LIFE)
        return kept

    async def draft(self, form: forms.Form, actor: Actor) -> dict[str, str]:
        """What this person has typed on earlier pages of this form."""
        kept = await self._store.recall("draft", _key(form, actor))
        parsed = loads(kept) if kept else {}
        return {str(k): str(v) for k, v in parsed.items()} if isinstance(parsed, dict) else {}


def _key(form: forms.Form, actor: Actor) -> str:
    who = actor.principal.key if actor.principal else actor.person
    return f"{form.request_id}:{form.version}:{form.purpose}:{actor.via}:{who}"

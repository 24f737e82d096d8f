"""The Web API methods by name, each with the scopes of which one is needed."""

from __future__ import annotations

from signoff_sim.slack.methods import chat, conversations, people, session, views
from signoff_sim.slack.methods.office import Method, Office

METHODS: dict[str, Method] = {
    **session.METHODS,
    **chat.METHODS,
    **views.METHODS,
    **people.METHODS,
    **conversations.METHODS,
}

__all__ = ["METHODS", "Method", "Office"]

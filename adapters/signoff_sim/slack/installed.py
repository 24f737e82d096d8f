"""What of the app a workspace offers by itself: the global shortcuts that its manifest names. Data."""

from __future__ import annotations

from dataclasses import dataclass

from signoff_sim.slack.shape import Json, as_dict, as_list, as_text

NAME = 24  # characters of a shortcut's name in the manifest
MOST = 10  # shortcuts of one app


@dataclass(frozen=True, slots=True)
class Shortcut:
    callback_id: str
    name: str
    description: str = ""


SHORTCUTS = (
    Shortcut(
        "signoff.pending",
        "Review pending approvals",
        "Approve or reject what waits for your decision, many at once",
    ),
)
"""What is there unless a manifest says otherwise."""


def shortcuts_of(manifest: Json) -> tuple[Shortcut, ...]:
    """The global shortcuts of an app manifest. Raises ValueError on one that Slack would not take."""
    found = [
        Shortcut(as_text(one.get("callback_id")), as_text(one.get("name")), as_text(one.get("description")))
        for one in map(as_dict, as_list(as_dict(manifest.get("features")).get("shortcuts")))
        if one.get("type") == "global"
    ]
    wrong = [one for one in found if not one.callback_id or not 0 < len(one.name) <= NAME or not one.description]
    if wrong or len(found) > MOST:
        raise ValueError(f"at most {MOST} shortcuts, each with a callback_id, a name up to {NAME} and a description")
    return tuple(found)

"""What an app's answer to `view_submission` does to the modal."""

from __future__ import annotations

from signoff_sim.slack.blocks import check_view
from signoff_sim.slack.faults import Checks
from signoff_sim.slack.records import View
from signoff_sim.slack.shape import Json, SlackError, as_dict, as_text
from signoff_sim.slack.workspace import Workspace

TROUBLE = "We had some trouble connecting. Try again?"


def apply_answer(workspace: Workspace, checks: Checks, view: View, answer: Json) -> None:
    """Errors at fields, another view, one more view, all closed; or, for an empty answer, this view closed.

    Raises SlackError when Slack would not take the answer: `invalid_arguments`, `push_limit_reached`.
    """
    stack = workspace.modals.get(view.user, [])
    if view not in stack:
        return  # closed by the person while the app was thinking
    kind = as_text(answer.get("response_action"))
    if kind == "":
        if answer:
            raise SlackError("invalid_arguments", ["missing required field: response_action"])
        stack.remove(view)
    elif kind == "clear":
        stack.clear()
    elif kind == "errors":
        view.errors = _errors(view, answer)
    elif kind in ("update", "push"):
        definition = as_dict(answer.get("view"))
        if checks.views:
            check_view(definition, "modal")
        if kind == "update":
            workspace.redraw(view, definition)
        else:
            workspace.open_view(view.user, definition, push=True, check_stack=checks.view_stack)
    else:
        raise SlackError("invalid_arguments", [f"unsupported response_action: {kind}"])


def _errors(view: View, answer: Json) -> dict[str, str]:
    """Slack takes errors for the view's own input blocks only."""
    errors = {name: as_text(said) for name, said in as_dict(answer.get("errors")).items()}
    inputs = {as_text(as_dict(one).get("block_id")) for one in view.blocks if as_dict(one).get("type") == "input"}
    strangers = sorted(set(errors) - inputs)
    if strangers or not errors:
        raise SlackError("invalid_arguments", [f"no input block has this block_id: {name}" for name in strangers])
    return errors

"""views.open, views.push, views.update, views.publish."""

from __future__ import annotations

from signoff_sim.slack.blocks import check_view
from signoff_sim.slack.methods.office import Method, Office, required
from signoff_sim.slack.payloads import view_json
from signoff_sim.slack.records import View
from signoff_sim.slack.shape import Json, SlackError, as_dict, as_text


def open_view(office: Office, args: Json) -> Json:
    return _open(office, args, push=False)


def push_view(office: Office, args: Json) -> Json:
    return _open(office, args, push=True)


def _open(office: Office, args: Json, push: bool) -> Json:
    definition = _definition(args)
    trigger_id = required(args, "trigger_id")
    if office.checks.views:
        check_view(definition, "modal")
    trigger = office.workspace.use_trigger(trigger_id, office.checks.trigger_expiry)
    if push and not trigger.from_modal:
        raise SlackError("invalid_trigger_id")
    view = office.workspace.open_view(trigger.user, definition, push=push, check_stack=office.checks.view_stack)
    return {"view": view_json(view)}


def update_view(office: Office, args: Json) -> Json:
    definition = _definition(args)
    view = office.workspace.view(as_text(args.get("view_id")), as_text(args.get("external_id")))
    if view is None:
        raise SlackError("not_found")
    if office.checks.views:
        check_view(definition, "home" if view.definition.get("type") == "home" else "modal")
    _check_hash(office, view, args)
    office.workspace.redraw(view, definition)
    return {"view": view_json(view)}


def publish_view(office: Office, args: Json) -> Json:
    definition = _definition(args)
    user = office.user(args, "user_id")
    if office.checks.views:
        check_view(definition, "home")
    view = office.workspace.homes.get(user.id)
    if view is None:
        view = office.workspace.make_view(user.id, definition, None)
        office.workspace.homes[user.id] = view
    else:
        _check_hash(office, view, args)
        office.workspace.redraw(view, definition)
    return {"view": view_json(view)}


def _definition(args: Json) -> Json:
    view = args.get("view")
    if not isinstance(view, dict):
        raise SlackError("invalid_arguments", ["missing required field: view" if view is None else "invalid view"])
    return as_dict(args["view"])


def _check_hash(office: Office, view: View, args: Json) -> None:
    given = as_text(args.get("hash"))
    if given and office.checks.view_hash and given != view.hash:
        raise SlackError("hash_conflict")


METHODS = {
    "views.open": Method(open_view),
    "views.push": Method(push_view),
    "views.update": Method(update_view),
    "views.publish": Method(publish_view),
}

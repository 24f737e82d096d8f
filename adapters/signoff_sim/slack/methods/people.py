"""users.info, users.list, users.lookupByEmail, usergroups.list, usergroups.users.list, bots.info."""

from __future__ import annotations

from signoff_sim import world
from signoff_sim.slack.methods.office import Method, Office, page, required
from signoff_sim.slack.payloads import user_json, usergroup_json
from signoff_sim.slack.records import APP, BOT
from signoff_sim.slack.shape import Json, SlackError, is_true


def users_info(office: Office, args: Json) -> Json:
    return {"user": user_json(office.as_seen(office.user(args)))}


def users_list(office: Office, args: Json) -> Json:
    members = [user_json(office.as_seen(user)) for user in office.workspace.users.values()]
    return page(members, args, "members")


def lookup_by_email(office: Office, args: Json) -> Json:
    wanted = required(args, "email").lower()
    for user in office.workspace.users.values():
        if user.email and user.email.lower() == wanted and not office.as_seen(user).deleted:
            return {"user": user_json(user)}
    raise SlackError("users_not_found")


def usergroups_list(office: Office, args: Json) -> Json:
    with_disabled, with_users = is_true(args.get("include_disabled")), is_true(args.get("include_users"))
    groups = office.workspace.usergroups.values()
    return {
        "usergroups": [usergroup_json(group, with_users) for group in groups if with_disabled or not group.disabled]
    }


def usergroup_users(office: Office, args: Json) -> Json:
    """The users of an active group; `include_disabled` is about the group. Deactivated people are in no group."""
    group = office.workspace.usergroups.get(required(args, "usergroup"))
    if group is None or (group.disabled and not is_true(args.get("include_disabled"))):
        raise SlackError("no_such_subteam")
    seen = [office.as_seen(office.workspace.users[member]) for member in group.users]
    return {"users": [user.id for user in seen if not user.deleted]}


def bots_info(office: Office, args: Json) -> Json:
    if args.get("bot") not in (None, BOT):
        raise SlackError("bot_not_found")
    return {"bot": {"id": BOT, "app_id": APP, "user_id": world.SLACK_BOT, "name": "Signoff", "deleted": False}}


READ = ("users:read",)
METHODS = {
    "users.info": Method(users_info, READ),
    "users.list": Method(users_list, READ),
    "users.lookupByEmail": Method(lookup_by_email, ("users:read.email",)),
    "usergroups.list": Method(usergroups_list, ("usergroups:read",)),
    "usergroups.users.list": Method(usergroup_users, ("usergroups:read",)),
    "bots.info": Method(bots_info, READ),
}

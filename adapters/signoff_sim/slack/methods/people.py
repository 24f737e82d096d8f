"""users.info, users.list, users.lookupByEmail, usergroups.list, usergroups.users.list, bots.info."""

from __future__ import annotations

from signoff_sim import world
from signoff_sim.slack.methods.office import Method, Office, page, required
from signoff_sim.slack.payloads import user_json
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
    groups = [
        {
            "id": group,
            "team_id": world.SLACK_TEAM,
            "is_usergroup": True,
            "name": group.removeprefix("S0").title(),
            "handle": group.removeprefix("S0").lower(),
            "date_delete": 0,
            "user_count": len(members),
            **({"users": members} if is_true(args.get("include_users")) else {}),
        }
        for group, members in office.workspace.usergroups.items()
    ]
    return {"usergroups": groups}


def usergroup_users(office: Office, args: Json) -> Json:
    members = office.workspace.usergroups.get(required(args, "usergroup"))
    if members is None:
        raise SlackError("no_such_subteam")
    seen = [office.as_seen(office.workspace.users[member]) for member in members]
    with_disabled = is_true(args.get("include_disabled"))
    return {"users": [user.id for user in seen if with_disabled or not user.deleted]}


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

"""The simulated company: who works there and where they talk. Data only; both simulated chats are laid out from it."""

from __future__ import annotations

from dataclasses import dataclass

SLACK_TEAM = "T0DEMO"
SLACK_BOT = "U0SIGNOFF"
TEAMS_TENANT = "11111111-1111-4111-8111-111111111111"
TEAMS_APP_ID = "22222222-2222-4222-8222-222222222222"


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str
    email: str
    title: str
    slack: str
    """Slack user id in SLACK_TEAM."""
    teams: str
    """Entra object id in TEAMS_TENANT."""


@dataclass(frozen=True, slots=True)
class Channel:
    name: str
    slack: str | None = None
    """Slack channel id."""
    team: str | None = None
    """Teams team name; the channel is `team/name`."""
    teams: str | None = None
    """Teams conversation id."""


PEOPLE = (
    Person("ada", "Ada Okafor", "ada@example.com", "Finance lead", "U0ADA", "a0000000-0000-4000-8000-0000000000a1"),
    Person("bob", "Bob Lindqvist", "bob@example.com", "Finance", "U0BOB", "b0000000-0000-4000-8000-0000000000b2"),
    Person("mia", "Mia Tanaka", "mia@example.com", "Support", "U0MIA", "c0000000-0000-4000-8000-0000000000c3"),
    Person(
        "rita",
        "Rita Moreau",
        "rita@example.com",
        "Operations",
        "U0RITA",
        "d0000000-0000-4000-8000-0000000000d4",
    ),
)

CHANNELS = (
    Channel("refunds", slack="C0REFUNDS"),
    Channel("approvals", slack="C0APPROVALS"),
    Channel("General", team="Finance", teams="19:general.finance@thread.tacv2"),
    Channel("Payouts", team="Finance", teams="19:payouts.finance@thread.tacv2"),
)

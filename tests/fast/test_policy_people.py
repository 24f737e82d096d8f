"""People, groups and identities, and who may not decide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from signoff import policy
from signoff.model import Kind, Principal, Request, Terms, Version

NOW = datetime(2026, 11, 20, 8, 9, tzinfo=UTC)
TEXT = """\
version: 1
people:
  ada:
    name: Ada Okafor
    email: ada@example.com
    slack: T0/U0ADA
    teams: AAAAAAAA-0000-4000-8000-00000000000A/AB000000-0000-4000-8000-0000000000A1
  bob: {name: Bob Lindqvist, slack: T0/U0BOB}
  mia: {name: Mia Tanaka}
  rita: {}
  zoe: {}
groups:
  finance: {members: [ada, bob]}
  everyone: {members: [ada, bob, mia, rita]}
  crew: {members: [bob, ada, mia, rita, zoe]}
  empty: {members: []}
"""
POLICY = policy.load(TEXT, file="p.yaml", chats=("slack", "teams"))


def request(**fields: object) -> Request:
    given: dict[str, object] = {
        "id": "r",
        "tool": "t",
        "arguments": {},
        "digest": "sha256:0",
        "created_at": NOW,
        "expires_at": NOW + timedelta(hours=1),
        "terms": Terms(rule="r", expires_in=60),
        "versions": (Version(number=1, arguments={}, digest="sha256:0", at=NOW),),
        "asked_by": "key",
    }
    return Request.model_validate(given | fields)


def test_i14_a_person_is_known_by_the_whole_identity_only() -> None:
    """Chat, workspace and user must all agree; a name or an e-mail address is no identity."""
    assert POLICY.person_of(Principal(chat="slack", tenant="T0", user="U0ADA")) == "ada"
    for chat, tenant, user in [("slack", "T1", "U0ADA"), ("teams", "T0", "U0ADA"), ("slack", "T0", "u0ada")]:
        assert POLICY.person_of(Principal(chat=chat, tenant=tenant, user=user)) is None
    for user in ("ada", "Ada Okafor", "ada@example.com"):
        assert POLICY.person_of(Principal(chat="slack", tenant="T0", user=user)) is None


def test_guids_are_compared_without_regard_to_case() -> None:
    """A tenant or object id pasted in capitals is the same id."""
    principal = Principal(
        chat="teams", tenant="aaaaaaaa-0000-4000-8000-00000000000a", user="ab000000-0000-4000-8000-0000000000a1"
    )
    assert POLICY.person_of(principal) == "ada"
    assert POLICY.identity("ada", "teams") == principal


def test_a_person_has_an_identity_only_where_the_file_gives_one() -> None:
    """No guess for a chat that is not listed."""
    assert POLICY.identity("bob", "slack") == Principal(chat="slack", tenant="T0", user="U0BOB")
    assert POLICY.identity("bob", "teams") is None
    assert POLICY.identity("nobody", "slack") is None


@pytest.mark.parametrize(
    "text",
    ["ada", "ADA", " ada@example.com ", "Ada@Example.COM", "Ada <ada@example.com>", "slack:T0/U0ADA", "SLACK:T0/U0ADA"],
)
def test_a_text_means_a_person_by_id_email_or_identity(text: str) -> None:
    """What an agent writes in `on_behalf_of` is recognised in its usual forms."""
    assert POLICY.match(text) == "ada"


@pytest.mark.parametrize("text", ["", "Ada Okafor", "slack:T0/U0EVE", "eve@example.com", "<>", "slack:"])
def test_a_text_that_means_nobody_is_nobody(text: str) -> None:
    """Display names and strangers match nobody."""
    assert POLICY.match(text) is None


def test_members_are_the_people_behind_the_names() -> None:
    """Groups are opened, people stay, what the file no longer has stands for nobody."""
    assert POLICY.members(["finance", "mia", "gone"]) == {"ada", "bob", "mia"}
    assert POLICY.members([]) == frozenset()


@pytest.mark.parametrize(
    ("approvers", "who"),
    [
        (["finance"], "Ada Okafor or Bob Lindqvist (finance)"),
        (["mia", "finance"], "Mia Tanaka, or Ada Okafor or Bob Lindqvist (finance)"),
        (["everyone"], "Ada Okafor, Bob Lindqvist, Mia Tanaka or rita (everyone)"),
        (["crew"], "Bob Lindqvist, Ada Okafor, Mia Tanaka or 2 others (crew)"),
        (["empty", "gone"], "nobody"),
        ([], "nobody"),
    ],
)
def test_who_may_decide_in_words(approvers: list[str], who: str) -> None:
    """Names, with the group they stand for; long groups are counted."""
    assert POLICY.who(approvers) == who


def test_a_queue_holds_what_waits_for_the_person_and_for_their_groups() -> None:
    """The names under which requests are looked up; a stranger has none."""
    assert POLICY.queue_terms("ada") == ("ada", "finance", "everyone", "crew")
    assert POLICY.queue_terms("eve") == ()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"on_behalf_of": "Ada <ADA@example.com>"}, "This call acts for you"),
        ({"on_behalf_of": "slack:T0/U0ADA"}, "This call acts for you"),
        ({"owner": "ada"}, "The agent that asks is yours"),
        ({"owner": "ada@example.com"}, "The agent that asks is yours"),
        ({"agent": "ada"}, "You asked for this"),
    ],
)
def test_i17_the_requester_the_owner_and_the_acting_person_cannot_approve(fields: dict[str, object], why: str) -> None:
    """They cannot approve or edit, they can reject, and other people can do everything."""
    asked = request(**fields)
    assert POLICY.barred(asked, "ada") == why
    assert POLICY.barred(asked, "ada", "edit") == why
    assert POLICY.barred(asked, "ada", "reject") is None
    assert POLICY.barred(asked, "bob") is None


@pytest.mark.parametrize(
    ("allowed", "kind", "barred"),
    [
        (["approve", "respond"], "respond", True),
        (["respond", "reject"], "respond", False),
        (["approve"], "approve", True),
    ],
)
def test_i17_answering_counts_as_approving_where_both_are_offered(allowed: list[str], kind: Kind, barred: bool) -> None:
    """A question to the acting person may be answered by them; a call that could be approved may not."""
    asked = request(on_behalf_of="ada", allowed_decisions=allowed)
    assert (POLICY.barred(asked, "ada", kind) is not None) is barred


def test_i17_a_policy_may_allow_self_approval() -> None:
    """`self_approval: true`, kept in the request's own terms, lifts the bar."""
    asked = request(on_behalf_of="ada", terms=Terms(rule="r", expires_in=60, self_approval=True))
    assert POLICY.barred(asked, "ada") is None


TWINS = policy.load(
    """\
version: 1
people:
  ada: {name: Ada Okafor, email: ada@example.com, slack: T0/U0ONE}
  adb: {name: "Okafor, Ada", slack: T0/U0ADB}
  bob: {name: José Lindqvist, slack: [T1/U0ONE, T2/U0BOB]}
""",
    file="p.yaml",
    chats=("slack",),
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Ada Okafor", {"ada", "adb"}),
        (" ADA\u200b  okafor", {"ada", "adb"}),
        ("OKAFOR, Ada", {"ada", "adb"}),
        ("Ada Okafor <someone@else.example>", {"ada", "adb"}),
        ("Ada Okafor <ada@example.com>", {"ada", "adb"}),
        ("ada", {"ada"}),
        ("jose lindqvist", {"bob"}),
        ("U0ONE", {"ada", "bob"}),
        ("<@U0ONE>", {"ada", "bob"}),
        ("T0/U0ONE", {"ada"}),
        ("Ada", {"ada"}),
        ("Okafor", set()),
        ("", set()),
        ("<>", set()),
    ],
)
def test_i17_everybody_whom_a_text_may_mean_is_barred(text: str, meant: set[str]) -> None:
    """By display name however it is written, and all of them where it fits several; `match` knows no names."""
    asked = request(on_behalf_of=text)
    assert {person for person in TWINS.people if TWINS.barred(asked, person)} == meant
    assert TWINS.match("Ada Okafor") is None


def test_i17_names_bar_owners_and_askers_too() -> None:
    """Whoever is named so."""
    assert TWINS.barred(request(owner="U0ONE"), "bob") == "The agent that asks is yours"
    assert TWINS.barred(request(agent="Okafor Ada"), "adb") == "You asked for this"

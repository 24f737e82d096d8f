"""Each story's program, its rule in policy.yaml, and people who decide in the simulated chats."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from agents_harness import Desk, approve, closed_port, edit, reject

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from stories_harness import EXAMPLES, SERVER, begin, ended, run


def via(desk: Desk) -> list[list[str]]:
    """Where each request was decided, and by whom, oldest first."""
    return [[f"{by['person']} {by['via']}" for by in one["decision"]["decided_by"]] for one in desk.requests()]


def test_policy_is_good() -> None:
    """`signoff policy check` finds nothing to say about it."""
    words = [SERVER, "-m", "signoff", "policy", "check", str(EXAMPLES / "policy.yaml")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout) == (0, f"{EXAMPLES / 'policy.yaml'}: no findings.\n")


# ── a trade ──


@pytest.mark.parametrize("chat", ["slack", "teams"])
def test_trade_is_typed_to_be_approved(desk: Desk, chat: str) -> None:
    """The order is executed once somebody has typed it; no button alone approves it."""
    desk.agent = "trader"
    before = len(desk.requests())
    process = begin(desk, "story_trade.py", "buy", "200", f"ACME-{chat}")
    [asked] = desk.waiting()
    assert (asked["confirm"], asked["editable"]) == (f"buy 200 ACME-{chat}", [])
    status, told = desk.service.http(
        f"/v1/requests/{asked['id']}/decisions", desk.service.approver_key, {"kind": "approve", "version": 1}
    )
    assert status == 422, told
    assert desk.decide(asked, approve, chat=chat)[0] == 200
    assert ended(process) == (0, f"buy 200 ACME-{chat}: executed")
    assert via(desk)[before:] == [[f"ada {chat}"]]
    assert not desk.by_http


def test_trade_that_is_refused(desk: Desk) -> None:
    """Nothing is executed, and the program says why."""
    desk.agent = "trader"
    desk.people(reject("over the limit", "with_changes"))
    code, said = run(desk, "story_trade.py", "sell", "9000", "ACME")
    assert code == 10
    assert said.endswith("rejected this call of place_order. You may try again with changes: over the limit")


def test_trade_with_an_unknown_word_asks_nobody(desk: Desk) -> None:
    """`by` is neither a purchase nor a sale."""
    desk.agent = "trader"
    before = len(desk.requests())
    assert run(desk, "story_trade.py", "by", "200", "ACME")[0] == 1
    assert len(desk.requests()) == before


# ── a deployment ──


def test_deployment_needs_both_stages(desk: Desk) -> None:
    """An engineer's word, in Slack, is half of it; with that of somebody on call, in Teams, it runs, and only once."""
    desk.agent = "deployer"
    words = ("story_deploy.py", desk.run, "api", "4f2c", "production")
    process = begin(desk, *words)
    [asked] = desk.waiting()
    status, after = desk.decide(asked, approve, person="ada", chat="slack")
    assert (status, after["status"]) == (200, "pending")
    assert process.poll() is None
    status, after = desk.decide(asked, approve, person="bob", chat="teams")
    assert (status, after["status"]) == (200, "approved")
    assert ended(process) == (0, "api 4f2c runs in production")
    code, said = run(desk, *words)
    assert code == 3
    assert "was started at" in said


def test_one_rejection_ends_a_deployment(desk: Desk) -> None:
    """The second stage's no is a no, although the first agreed."""
    desk.agent = "deployer"
    process = begin(desk, "story_deploy.py", desk.run, "web", "77aa", "production")
    [asked] = desk.waiting()
    desk.decide(asked, approve, person="mia", chat="teams")
    desk.decide(asked, reject("Not before the weekend", "ask"), person="rita", chat="slack")
    code, said = ended(process)
    assert code == 10
    assert said == ("Rita Moreau rejected this call of deploy: Not before the weekend. You may ask again later.")


def test_staging_asks_nobody(desk: Desk) -> None:
    """It runs at once."""
    desk.agent = "deployer"
    assert run(desk, "story_deploy.py", desk.run, "api", "4f2c", "staging") == (0, "api 4f2c runs in staging")


def test_environment_that_no_rule_knows_is_asked_about(desk: Desk) -> None:
    """`prod`, misspelt by an agent, is not taken for a preview."""
    desk.agent = "deployer"
    desk.people(reject("Which one?"))
    assert run(desk, "story_deploy.py", desk.run, "api", "4f2c", "prod")[0] == 10


# ── SQL ──


@pytest.fixture
def shop(tmp_path: Path) -> str:
    file = str(tmp_path / "shop.db")
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("create table orders (id integer, test integer)")
        database.executemany("insert into orders values (?, ?)", [(1, 0), (2, 1), (3, 1)])
    return file


def orders(file: str) -> int:
    with closing(sqlite3.connect(file)) as database:
        [(count,)] = database.execute("select count(*) from orders")
        return int(count)


def test_reading_asks_nobody(desk: Desk, shop: str) -> None:
    """A plain query runs at once."""
    desk.agent = "dba"
    before = len(desk.requests())
    assert run(desk, "story_sql.py", shop, "with o as (select * from orders) select count(*) from o") == (0, "(3,)")
    assert len(desk.requests()) == before


def test_change_waits(desk: Desk, shop: str) -> None:
    """The statement that a person has corrected is the one that runs."""
    desk.agent = "dba"
    desk.people(edit(statement="delete from orders where test = 1"))
    assert run(desk, "story_sql.py", shop, "delete from orders") == (0, "2 rows changed")
    assert orders(shop) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "select 1; delete from orders",
        "/* select */ delete from orders",
        "with old as (select 1) delete from orders",
        "pragma writable_schema = 1",
        "attach 'other.db' as other",
        "select load_extension('x')",
        "explain me",
    ],
)
def test_whatever_is_not_known_to_read_is_asked_about(desk: Desk, shop: str, statement: str) -> None:
    """However it is dressed up, and also what cannot be understood."""
    desk.agent = "dba"
    desk.people(reject("no"))
    assert run(desk, "story_sql.py", shop, statement)[0] == 10
    assert desk.requests()[-1]["arguments"]["statement"] == statement
    assert orders(shop) == 3


def test_dropped_table_is_the_rules_business(desk: Desk, shop: str) -> None:
    """Nobody is asked: the rule says no."""
    desk.agent = "dba"
    code, said = run(desk, "story_sql.py", shop, "drop table orders")
    assert code == 10
    assert said.startswith('The rule "nothing drops tables" rejected')
    assert orders(shop) == 3


# ── content ──


def test_draft_is_written_again_from_what_people_say(desk: Desk) -> None:
    """Two drafts come back with a wish; the third, which has both in it, is published."""
    desk.agent = "editor"
    before = len(desk.requests())
    desk.people(reject("name the street", "with_changes"), reject("no price", "with_changes"), approve)
    code, said = run(desk, "story_content.py", f"Porto {desk.run}")
    assert code == 0
    assert said.startswith(f"published: Porto {desk.run}\n")
    assert said.index("name the street") < said.index("no price")
    assert [one["decision"]["kind"] for one in desk.requests()[before:]] == ["reject", "reject", "approve"]


def test_persons_own_words_are_published(desk: Desk) -> None:
    """An edited draft is published as the person left it."""
    desk.agent = "editor"
    desk.people(edit(text="We are open."))
    assert run(desk, "story_content.py", "Porto") == (0, "published: Porto\nWe are open.")


def test_never_is_the_end(desk: Desk) -> None:
    """A rejection without `with_changes` makes no other draft."""
    desk.agent = "editor"
    before = len(desk.requests())
    desk.people(reject("not about us", "never"))
    assert run(desk, "story_content.py", "Cats")[0] == 10
    assert len(desk.requests()) == before + 1


# ── e-mail ──


@pytest.mark.parametrize("chat", ["slack", "teams"])
def test_email_is_rewritten_before_it_is_sent(desk: Desk, chat: str) -> None:
    """What the person made of the draft is sent; the address cannot be edited."""
    desk.agent = "mail"
    process = begin(desk, "story_email.py", f"lena@{chat}.example")
    [asked] = desk.waiting()
    assert asked["editable"] == ["subject", "body"]
    desk.decide(asked, edit(subject="It ships on Monday", body="Dear Lena,\nit ships on Monday."), chat=chat)
    assert ended(process) == (
        0,
        f"sent to lena@{chat}.example: It ships on Monday / Dear Lena,\nit ships on Monday.",
    )
    assert not desk.by_http


# ── a shell script ──


def test_script_deploys_after_both_stages(desk: Desk) -> None:
    """Exit code 0, and the deployment has run."""
    desk.agent = "ci"
    process = begin(desk, "story_deploy.sh", "api", desk.run, "production")
    [asked] = desk.waiting()
    desk.decide(asked, approve, person="ada", chat="teams")
    desk.decide(asked, approve, person="rita", chat="slack")
    assert ended(process) == (0, f"deployed api {desk.run} to production")


def test_script_that_is_refused(desk: Desk) -> None:
    """Exit code 10, and nothing has run."""
    desk.agent = "ci"
    desk.people(reject("not now"))
    assert run(desk, "story_deploy.sh", "api", "1", "production") == (10, "not deployed: somebody said no")


def test_script_that_nobody_answers(desk: Desk) -> None:
    """Exit code 11 when the time is over."""
    desk.agent = "ci"
    code, said = run(desk, "story_deploy.sh", "api", "2", "production", WAIT="1")
    assert (code, said.partition(";")[0]) == (11, "not deployed: nobody decided in time")


def test_script_whose_request_is_taken_back(desk: Desk) -> None:
    """Exit code 12."""
    desk.agent = "ci"
    process = begin(desk, "story_deploy.sh", "api", "3", "production")
    [asked] = desk.waiting()
    desk.service.http(f"/v1/requests/{asked['id']}/cancel", desk.service.agent_key, {})
    assert ended(process) == (12, "not deployed: taken back")


def test_script_without_the_service(desk: Desk) -> None:
    """Exit code 20: who cannot ask does not deploy."""
    away = f"http://127.0.0.1:{closed_port()}"
    said = run(desk, "story_deploy.sh", "api", "4", "production", SIGNOFF_URL=away)
    assert said == (20, "not deployed: nobody could be asked, or this run has deployed before")


def test_script_deploys_a_run_once(desk: Desk) -> None:
    """Started again under the same name it asks nobody and deploys nothing."""
    desk.agent = "ci"
    process = begin(desk, "story_deploy.sh", "api", "6", "production", RUN=desk.run)
    [asked] = desk.waiting()
    assert asked["allowed_decisions"] == ["approve", "reject"]
    desk.decide(asked, approve, person="ada", chat="teams")
    desk.decide(asked, approve, person="rita", chat="slack")
    assert ended(process)[0] == 0
    assert run(desk, "story_deploy.sh", "api", "6", "production", RUN=desk.run)[0] == 20


def test_script_without_the_command(desk: Desk, tmp_path: Path) -> None:
    """Nothing is deployed where `signoff` is not installed."""
    process = subprocess.run(
        ["/bin/sh", str(EXAMPLES / "story_deploy.sh"), "api", "5", "production"],
        env={**desk.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (process.returncode, process.stdout.strip()) == (127, "not deployed: signoff ask ended with 127")

"""`signoff audit`: what is exported verifies without a server, and nothing that was changed does (I25)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness_cli import TRACEBACK, Done, Home, Server, home

from signoff.digest import Signer
from signoff.model import dumps

ODD = "line\u2028separator, ünïcödé, 1e400"


@dataclass
class Trail:
    made: Home
    server: Server
    admin: str
    lines: list[str]
    """The whole export, its seal last."""

    def verify(self, lines: list[str], *words: str, home: Home | None = None) -> Done:
        file = self.made.folder / "changed.jsonl"
        file.write_text("".join(line + "\n" for line in lines))
        done = (home or self.made).call("audit", "verify", str(file), *words)
        assert TRACEBACK not in done.err
        return done


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trail]:
    """Five requests, three of them cancelled, and an export made beside the server."""
    with home(tmp_path_factory.mktemp("audit")) as made:
        agent, admin = made.key("agent"), made.key("admin")
        with made.serving() as server:
            for number in range(5):
                body = {"tool": "issue_refund", "arguments": {"amount": number + 0.1, "odd": ODD}}
                asked = server.http("/v1/requests", agent, body)[1]
                if number < 3:
                    assert server.http(f"/v1/requests/{asked['id']}/cancel", agent, {})[0] == 200
            exported = made.run("audit", "export")
            assert (exported.code, exported.err) == (0, "")
            yield Trail(made, server, admin, exported.out.rstrip("\n").split("\n"))


def test_an_export_verifies(trail: Trail) -> None:
    """Eight lines and a seal; also written to a file."""
    assert len(trail.lines) == 9
    done = trail.verify(trail.lines)
    assert (done.code, done.out) == (0, "Verified: the chain of 8 lines holds, and so does the seal.\n")
    written = trail.made.run("audit", "export", "--out", "whole.jsonl")
    assert (written.code, written.out) == (0, "")
    assert trail.made.run("audit", "verify", "whole.jsonl").code == 0


def test_i25_original_arguments_are_in_it(trail: Trail) -> None:
    """Digit for digit, character for character."""
    assert any(ODD in line and '"amount":4.1' in line for line in trail.lines)


def changed(lines: list[str], index: int, change: Callable[[dict[str, object]], object]) -> list[str]:
    document = json.loads(lines[index])
    change(document)
    return [*lines[:index], dumps(document), *lines[index + 1 :]]


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (lambda ls: changed(ls, 2, lambda d: d["entry"].update(tool="other")), "line 3 does not match its link"),
        (lambda ls: changed(ls, 2, lambda d: d.update(at="2020-01-01T00:00:00.000Z")), "line 3 shows another time"),
        (lambda ls: changed(ls, 2, lambda d: d.update(ms=10**18)), ""),
        (lambda ls: changed(ls, 2, lambda d: d.update(ms=1, at="1970-01-01T00:00:00.001Z")), "line 3 does not match"),
        (lambda ls: changed(ls, 2, lambda d: d.update(seq=7)), "line 7 stands where line 3 should be"),
        (lambda ls: changed(ls, 2, lambda d: d.update(link="0" * 40)), "line 3 does not match its link"),
        (lambda ls: [*ls[:2], ls[2].replace('"tool":"', '"tool":"\\ud800'), *ls[3:]], ""),
        (lambda ls: [*ls[:3], *ls[4:]], "line 5 stands where line 4 should be"),
        (lambda ls: [ls[1], ls[0], *ls[2:]], "line 2 stands where line 1 should be"),
        (lambda ls: [*ls[:3], ls[3], ls[3], *ls[4:]], "line 4 stands where line 5 should be"),
        (lambda ls: ls[1:], "line 2 stands where line 1 should be"),
        (lambda ls: ls[:-1], "the seal is missing"),
        (lambda ls: ls[:5], "the seal is missing"),
        (lambda ls: [*ls[:5], ls[-1]], "the seal was made over other lines than these"),
        (lambda ls: [*ls[:-1], ls[-1][:-12] + 'AAAAAAAAA"}'], "the seal: the signature does not hold"),
        (lambda ls: [*ls[:-1], '{"seal":"no"}'], "the seal: the signature does not hold"),
        (lambda ls: [*ls, "nonsense"], ""),
        (lambda ls: ["[]"], "every line must be a JSON object"),
        (lambda ls: [], "the file is empty"),
    ],
)  # fmt: skip
def test_i25_a_changed_export_does_not_verify(
    trail: Trail, tamper: Callable[[list[str]], list[str]], says: str
) -> None:
    """Changed, cut, reordered, added to: exit code 1, and the line that is wrong is named."""
    done = trail.verify(tamper(trail.lines))
    assert done.code == 1
    assert says in done.out
    assert done.out.splitlines()[-1].startswith("NOT VERIFIED")


def test_a_receipt_is_no_seal(trail: Trail) -> None:
    """Signed with the right key, but over something else."""
    own = Signer.from_text((trail.made.folder / "data" / "signing-key").read_text())
    done = trail.verify([*trail.lines[:-1], dumps({"seal": own.sign({"sub": "req_1"})})])
    assert (done.code, "a signature over something else" in done.out) == (1, True)


def test_a_foreign_seal_does_not_hold(trail: Trail) -> None:
    """Whoever rewrites the whole file cannot sign it."""
    claims: dict[str, object] = {"count": 8, "first": 1, "previous": "0" * 40, "sha256": "0" * 64}
    done = trail.verify([*trail.lines[:-1], dumps({"seal": Signer.generate().sign(claims)})])
    assert (done.code, "another key" in done.out) == (1, True)


def test_it_verifies_elsewhere_with_the_published_keys(trail: Trail, tmp_path: Path) -> None:
    """Without a configuration, and without making one: a machine that has no key asks for it."""
    with home(tmp_path / "elsewhere") as elsewhere:
        keys = tmp_path / "keys.json"
        keys.write_text(json.dumps(trail.server.http("/.well-known/jwks.json")[1]))
        assert trail.verify(trail.lines, "--jwks", str(keys), home=elsewhere).code == 0
        done = trail.verify(trail.lines, home=elsewhere)
        assert (done.code, "--jwks" in done.out) == (1, True)
        assert not (elsewhere.folder / "data").exists()
        keys.write_text('{"keys": [1]}')
        refused = trail.verify(trail.lines, "--jwks", str(keys), home=elsewhere)
        assert (refused.code, refused.err.count("\n")) == (2, 1)


def test_a_later_part_verifies_by_itself(trail: Trail) -> None:
    """`--after`: its seal holds the link that the first line hangs on. Also when there is nothing after it."""
    for after, count in ((3, 5), (8, 0), (99, 0)):
        part = trail.made.call("audit", "export", "--after", str(after)).out.rstrip("\n").split("\n")
        assert len(part) == count + 1
        assert trail.verify(part).out.startswith(f"Verified: the chain of {count} lines holds")
    part = trail.made.call("audit", "export", "--after", "3").out.rstrip("\n").split("\n")
    assert trail.verify(part[1:]).code == 1


def test_answers_of_the_service_verify(trail: Trail) -> None:
    """One page or several, on one line or many; without a seal, which is said."""
    first = trail.server.http("/v1/audit?limit=5", trail.admin)[1]
    second = trail.server.http(f"/v1/audit?after={first['after']}", trail.admin)[1]
    for lines in (
        [json.dumps(first), json.dumps(second)],
        json.dumps({"lines": first["lines"] + second["lines"]}, indent=2).split("\n"),
        [json.dumps(line) for line in first["lines"] + second["lines"]],
    ):
        done = trail.verify(lines)
        assert done.code == 0, done.out
        assert done.out.startswith("Verified: the chain of 8 lines holds; it has no seal")
    assert trail.verify([json.dumps(second)]).code == 1
    assert trail.verify([json.dumps(second)], "--after", "5").code == 0
    assert trail.verify([json.dumps(second)], "--after", "4").code == 1
    first["lines"][1]["body"] = first["lines"][1]["body"].replace("issue", "other")
    assert "line 2 does not match its link" in trail.verify([json.dumps(first)]).out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("export", "--out", "nowhere/x.jsonl"), "cannot be written"),
        (("verify", "missing.jsonl"), "missing.jsonl"),
        (("verify", "binary"), "cannot be read as text"),
        (("export", "--after", "-1"), "--after"),
    ],
)
def test_files_that_cannot_be_used(trail: Trail, words: tuple[str, ...], why: str) -> None:
    """Exit code 2 and what is wrong."""
    (trail.made.folder / "binary").write_bytes(b"\xff\xfe\x00")
    done = trail.made.call("audit", *words)
    assert (done.code, done.out) == (2, "")
    assert why in done.err
    assert TRACEBACK not in done.err

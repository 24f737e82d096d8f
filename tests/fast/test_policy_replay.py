"""What a desk has written into its trail, replayed: the policy that made it makes no difference."""

from __future__ import annotations

from ruleskit import House, rules

from signoff import audit
from signoff.cli.replay import broken, past
from signoff.model import dumps
from signoff.policy import Simulation, simulate

RULES = """
rules:
  - name: small
    when: tool == "refund" && args.amount < 50.0
    decide: approve
    budget: {calls: 2, per: 1h}
  - name: tried
    when: tool == "deploy"
    mode: shadow
  - name: refunds
    when: tool == "refund"
    grants: {match: [args.order], max_ttl: 8h, max_uses: 5}
"""


async def replayed(house: House) -> Simulation:
    text = "\n".join(dumps(audit.exported(line)) for line in await house.store.audit(0, 500))
    assert broken(text) == []
    return simulate(house.policy, past(text))


async def test_a_day_under_the_same_policy_makes_no_difference() -> None:
    """Budgets, shadow, a grant, the loop breaker, a freeze: what rules did is the same, the rest stands apart."""
    house = House(rules(RULES))
    for _ in range(3):
        await house.ask(20)
    await house.ask(tool="deploy")
    first = await house.ask(500, order="A-7")
    await house.say(first, "ada", grant={"ttl": 3600, "uses": 2, "all_arguments": False})
    await house.ask(500, order="A-7")
    rejected = await house.ask(900, run_id="run")
    await house.say(rejected, "ada", "reject", message="No.")
    await house.ask(900, run_id="run")
    house.forward(hours=2)
    await house.desk.orders.freeze(None, "refund", None, by="dan", via="cli")
    await house.ask(30)
    await house.desk.orders.thaw(None, "refund", by="dan", via="cli")
    house.forward(minutes=1)
    await house.ask(30)
    found = await replayed(house)
    assert [(call.then, call.rule_then, call.beside) for call in found.calls] == [
        ("approved", "small", ""),
        ("approved", "small", ""),
        ("asked", "refunds", ""),
        ("shadowed", "tried", ""),
        ("asked", "refunds", ""),
        ("approved", "refunds", "it was let through under a grant"),
        ("asked", "refunds", ""),
        ("rejected", "refunds", "the loop breaker answered it with an earlier rejection"),
        ("asked", "refunds", "it waited, because it was asked under a freeze"),
        ("approved", "small", ""),
    ]
    assert (found.changed, found.incomparable) == (0, 3)
    assert all(call.request.startswith("req_") for call in found.calls)

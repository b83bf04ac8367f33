"""`points ...`: customer service looks at a transfer, and two people undo it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models import points, subscribers
from models.points import holds, refunds
from models.subscribers import Subscriber
from tests.commands.conftest import Typed
from tests.conftest import World
from tests.models.conftest import cause
from tests.workers.conftest import LI, WANG


def _who(world: World, msisdn: str) -> Subscriber:
    found = world.circle.store.read(lambda tx: subscribers.find(tx, "sms", msisdn))
    assert found
    return found


def _has(world: World, msisdn: str) -> int:
    who, now = _who(world, msisdn), world.clock()
    return world.circle.store.read(
        lambda tx: points.balance(tx, who, now=now, expiring_days=0)
    ).usable


@pytest.fixture
def gift(world: World) -> int:
    """Li has given Wang 40 points; the serial number."""
    li, wang = _who(world, LI), _who(world, WANG)
    return world.circle.store.run(
        lambda tx: points.transfer(
            tx, payer=li, payee=wang, points=40, cause=cause("gift", "gift"), now=world.clock()
        )
    ).serial


def _propose(typed: Typed, serial: int, *more: str, by: str = "李客服") -> None:
    said = typed("points", "reverse", str(serial), "--by", by, "--reason", "送错号码", *more)
    assert said.exit_code == 0, said.stderr


def test_a_gift_is_reversed_by_two_people(typed: Typed, world: World, gift: int) -> None:
    before = _has(world, LI), _has(world, WANG)
    said = typed("points", "reverse", str(gift), "--by", "李客服", "--reason", "送错号码")
    assert (said.exit_code, said.stdout) == (
        0,
        f"reversal 1 of transfer {gift} is proposed; somebody else than 李客服 approves it by"
        " `points approve 1 --by NAME`\n",
    )
    line, count = typed("points", "pending").stdout.splitlines()
    assert line.startswith("1  ")
    assert line.endswith(f"transfer {gift}: gift of 40  李客服: 送错号码")
    assert count == "1 pending"
    assert (_has(world, LI), _has(world, WANG)) == before
    said = typed("points", "approve", "1", "--by", "陈主管")
    assert said.exit_code == 0
    assert said.stdout.startswith("40 went back by transfer ")
    assert (_has(world, LI), _has(world, WANG)) == (before[0] + 40, before[1] - 40)
    assert typed("points", "pending").stdout == "0 pending\n"


def test_show_tells_what_moved_and_what_was_undone_with_numbers_masked(
    typed: Typed, world: World, gift: int
) -> None:
    _propose(typed, gift, "--partial")
    assert "reversal 1, partial: proposed by 李客服" in typed("points", "show", str(gift)).stdout
    typed("points", "approve", "1", "--by", "陈主管")
    said = typed("points", "show", str(gift))
    assert said.exit_code == 0
    first, *lines = said.stdout.splitlines()
    assert first.startswith(f"transfer {gift}: gift, ")
    assert lines[:2] == ["  reason gift, by sms, origin tests", "  key gift"]
    assert lines[2].startswith("  40 points  ")
    assert "(138****0001)" in lines[2]
    assert "(138****0003)" in lines[2]
    assert "; approved by 陈主管 " in lines[-1]
    assert ": 40 back by transfer " in lines[-1]
    assert LI not in said.output
    assert LI[3:] not in said.output
    back = said.stdout.rsplit(" ", 1)[1].strip()
    shown = typed("points", "show", back).stdout
    assert shown.startswith(f"transfer {back}: reversal, ")
    assert "  operator 陈主管" in shown


def test_show_tells_what_of_a_spending_was_refunded(typed: Typed, world: World) -> None:
    li, now = _who(world, LI), world.clock()
    with world.circle.store.begin() as tx:
        spent = points.spend(
            tx, li, points=10, into=points.SPENT, cause=cause("spend"), now=now
        ).serial
        refunds.refund(tx, serial=spent, points=4, cause=cause("refund"), now=now, grace_days=30)
    said = typed("points", "show", str(spent)).stdout
    assert "house spent" in said
    assert said.endswith("  refunded 4, 6 left\n")


@pytest.mark.parametrize("act", ["approve", "reject"])
def test_who_proposes_does_not_decide(typed: Typed, world: World, gift: int, act: str) -> None:
    _propose(typed, gift)
    reason = ["--reason", "x"] if act == "reject" else []
    said = typed("points", act, "1", "--by", " 李客服 ", *reason)
    assert said.exit_code == 1
    assert said.stderr == "Error: 李客服 has proposed it; somebody else must decide\n"
    assert typed("points", "pending").stdout.endswith("1 pending\n")


def test_a_rejected_proposal_leaves_the_transfer_alone(
    typed: Typed, world: World, gift: int
) -> None:
    before = _has(world, WANG)
    _propose(typed, gift)
    said = typed("points", "reject", "1", "--by", "陈主管", "--reason", "没有凭据")
    assert said.stdout == f"reversal 1 is rejected; transfer {gift} stays\n"
    assert _has(world, WANG) == before
    assert typed("points", "show", str(gift)).stdout.endswith(": 没有凭据\n")
    said = typed("points", "approve", "1", "--by", "王主管")
    assert said.exit_code == 1
    assert said.stderr.startswith("Error: 陈主管 has rejected reversal 1 already, 20")
    _propose(typed, gift)  # once more


def test_a_transfer_is_proposed_once(typed: Typed, world: World, gift: int) -> None:
    _propose(typed, gift)
    again = ("points", "reverse", str(gift), "--by", "王客服", "--reason", "x")
    said = typed(*again)
    assert said.exit_code == 1
    assert said.stderr == (
        "Error: 李客服 has proposed it already, as reversal 1; it waits for approval\n"
    )
    typed("points", "approve", "1", "--by", "陈主管")
    assert typed(*again).stderr.startswith("Error: 陈主管 has approved reversal 1 already, 20")


def test_where_points_are_used_the_command_says_how_many_are_left(
    typed: Typed, world: World, gift: int
) -> None:
    wang, now = _who(world, WANG), world.clock()
    rest = _has(world, WANG) - 5
    with world.circle.store.begin() as tx:
        points.spend(tx, wang, points=rest, into=points.SPENT, cause=cause("spend"), now=now)
    _propose(typed, gift)
    said = typed("points", "approve", "1", "--by", "陈主管")
    assert said.exit_code == 1
    assert said.stderr.startswith("Error: nothing was moved: only ")
    assert " of 40 points can go back" in said.stderr
    assert "--partial" in said.stderr or "only 0" in said.stderr
    assert _has(world, WANG) == 5


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["show", "7"], "there is no transfer 7"),
        (["reverse", "7", "--by", "李", "--reason", "x"], "there is no transfer 7"),
        (["approve", "7", "--by", "李"], "there is no reversal 7; see `points pending`"),
        (["reject", "7", "--by", "李", "--reason", "x"], "there is no reversal 7"),
    ],
)
def test_what_does_not_exist_is_named(typed: Typed, words: list[str], complaint: str) -> None:
    said = typed("points", *words)
    assert said.exit_code == 1
    assert said.stderr.startswith(f"Error: {complaint}")


@pytest.mark.parametrize(
    "words",
    [
        ["show", "abc"], ["show", "0"], ["show", "-1"], ["show", str(2**63)],
        ["reverse", "7", "--by", "李"], ["reverse", "7", "--by", " ", "--reason", "x"],
        ["reverse", "7", "--by", "李" * 65, "--reason", "x"],
        ["reverse", "7", "--by", "李", "--reason", "x" * 501],
        ["approve", "7"], ["reject", "7", "--by", "李"],
    ],
)  # fmt: skip
def test_bad_words_get_a_usage_line_and_no_traceback(typed: Typed, words: list[str]) -> None:
    said = typed("points", *words)
    assert said.exit_code == 2
    assert "Usage:" in said.stderr


def test_a_reservation_is_no_transfer_to_be_reversed(typed: Typed, world: World) -> None:
    li, now = _who(world, LI), world.clock()
    with world.circle.store.begin() as tx:
        held = holds.hold(
            tx, li, points=10, lasts=timedelta(minutes=5), cause=cause("hold"), now=now
        )
    said = typed("points", "reverse", str(held.serial), "--by", "李", "--reason", "x")
    assert said.exit_code == 1
    assert said.stderr == (f"Error: {held.serial} is no gift, issue or spending, but hold\n")

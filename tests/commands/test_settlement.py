"""`settlement ...` and the clock: statements made once, shown, proved, and files compared."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from models import points, sql
from models.store import Store
from models.vouchers import redeeming, verifying
from models.vouchers.verifying import Till
from tests.commands.conftest import Typed
from tests.conftest import World
from tests.models.conftest import cause, newcomer
from workers.settlement_clock import SettlementClock

# Due on the 17th of March: in the period 16-31.
SOLD_AT = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
LATER = datetime(2026, 4, 20, 4, 0, tzinfo=UTC)
SHOPS = ("jinxiu", "chaye")


@pytest.fixture
def sold(world: World) -> World:
    """A voucher verified at each of two merchants; today is the 20th of April."""
    world.clock.turn_to(LATER)
    with world.circle.store.begin() as tx:
        for merchant in SHOPS:
            offer = sql.value(
                tx,
                "UPDATE offers SET face_fen = 4001, pays_bp = 8500, price_points = 900,"
                " club_code = NULL, price_fen = 0 WHERE code ="
                " (SELECT min(code) FROM offers WHERE merchant_code = %s) RETURNING code",
                [merchant],
            )
            who = newcomer(tx)
            points.issue(
                tx, who, kind=points.CONSUMPTION, points=900, cause=cause(merchant), now=SOLD_AT,
                expires_on=date(2027, 1, 1),
            )  # fmt: skip
            voucher = redeeming.redeem(
                tx, who, offer, key="m", channel="wechat", origin="test", now=SOLD_AT
            )
            till = Till(merchant, 1, "staff")
            verifying.verify(tx, till, voucher.code, key="f", now=SOLD_AT)
    return world


def _statements(store: Store) -> list[tuple[str, date, int]]:
    with store.reading() as tx:
        rows = sql.rows(
            tx,
            "SELECT merchant_code, last, lines FROM settlement_statements"
            " ORDER BY merchant_code, last",
        )
    return [(row[0], row[1], row[2]) for row in rows]


def test_make_makes_all_that_is_over_and_again_nothing(typed: Typed, sold: World) -> None:
    said = typed("settlement", "make")
    assert said.exit_code == 0
    assert len(said.stdout.splitlines()) == 4
    assert _statements(sold.circle.store) == [
        (merchant, last, lines)
        for merchant in sorted(SHOPS)
        for last, lines in ((date(2026, 3, 31), 1), (date(2026, 4, 15), 0))
    ]
    assert typed("settlement", "make").stdout == ""
    shown = typed("settlement", "show", "jinxiu").stdout.splitlines()
    assert "2026-03-16..2026-03-31  1 lines  900 points  34.01 yuan" in shown[1]
    told = json.loads(typed("settlement", "verify", "--json").stdout)
    assert (told["ok"], told["lines"], told["fen"]) == (True, 2, 2 * 3401)
    assert "no account  34.01" in typed("settlement", "pay", "--through", "2026-03-31").stderr


def test_a_statement_that_cannot_be_made_stops_no_other(typed: Typed, sold: World) -> None:
    with sold.circle.store.begin() as tx:
        sql.run(tx, "SET LOCAL session_replication_role = replica")
        sql.run(tx, "UPDATE vouchers SET price_points = 901 WHERE merchant_code = 'chaye'")
    said = typed("settlement", "make")
    assert said.exit_code == 1
    assert "chaye 2026-03-16..2026-03-31: Short" in said.stderr
    assert [row[0] for row in _statements(sold.circle.store)] == ["jinxiu"] * 2
    assert typed("settlement", "verify").exit_code == 1


def test_the_clock_makes_them_by_itself_and_goes_on_after_a_restart(sold: World) -> None:
    store = sold.circle.store
    clock = SettlementClock(store, "half_month")
    assert clock._make(LATER)  # one statement at a time: it may have a million lines
    assert len(_statements(store)) == 1
    assert clock._make(LATER)  # the merchant's next one, then the process ends
    assert len(_statements(store)) == 2
    assert {row[0] for row in _statements(store)} == {"chaye"}
    SettlementClock(store, "half_month").tick(LATER)
    assert {row[0] for row in _statements(store)} == set(SHOPS)
    clock.tick(LATER + timedelta(minutes=1))
    assert len(_statements(store)) == 4


def test_a_file_is_compared_and_its_bad_lines_are_named(
    typed: Typed, sold: World, tmp_path: Path
) -> None:
    with sold.circle.store.reading() as tx:
        serial = sql.value(tx, "SELECT serial FROM vouchers WHERE merchant_code = 'jinxiu'")
    file = tmp_path / "march.csv"
    file.write_text(f"流水号,金额（元）\n{serial},34.01\n7,1\n合计,35.01\n", encoding="gbk")
    of = ("--from", "2026-03-16", "--to", "2026-03-31", "--by", "wang")
    said = typed("settlement", "reconcile", "jinxiu", str(file), *of)
    assert "1 matched, 0 only ours, 1 only theirs, 0 differ, 1 unreadable" in said.stdout
    assert "line 4: no_serial" in said.stderr
    assert typed("settlement", "reconcile", "nobody", str(file), *of).exit_code == 1
    file.write_text("nothing\n")
    assert typed("settlement", "reconcile", "jinxiu", str(file), *of).exit_code == 1

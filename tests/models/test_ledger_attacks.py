"""What somebody with SQL can do to the ledger: nothing; and with its locks off: be found."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from models import points
from models.points import closings, verify
from models.points.verify_closings import Anchor
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON, cause, newcomer, rows
from tests.models.test_points_database import refused
from workers.closing_clock import close_through

pytestmark = pytest.mark.own_database  # its locks are taken off

TODAY = NOON.date()
DAY = date(2026, 12, 31)


@pytest.fixture
def rich(store: Store) -> Subscriber:
    """Somebody with 100 points in one lot and 40 coins, who has spent 30 points and holds 20."""
    with store.begin() as tx:
        who = newcomer(tx)
        for unit, amount in ((points.POINTS, 150), (points.COINS, 40)):
            points.issue(
                tx, who, kind=points.CONSUMPTION, points=amount, expires_on=DAY, now=NOON,
                cause=cause(f"gift:{unit}"), unit=unit,
            )  # fmt: skip
        points.spend(tx, who, points=30, into=points.SPENT, cause=cause("spend"), now=NOON)
        points.holds.hold(
            tx, who, points=20, lasts=timedelta(days=1), cause=cause("hold"), now=NOON
        )
    return who


def proof(store: Store, *anchors: str) -> dict[str, verify.Check]:
    """The rules that are broken, by name."""
    with store.begin() as tx:
        report = verify.verify(tx, anchors=[Anchor.read(each) for each in anchors])
    return {check.name: check for check in report.checks if check.wrong}


def close(store: Store, day: date = TODAY) -> list[closings.Closing]:
    return list(close_through(store, day, now=lambda: NOON + timedelta(days=1)))


# -- with its locks on -------------------------------------------------------------------------

LEG = """
    INSERT INTO points_legs (serial, leg_no, at, unit, points,
        payer_id, payer_kind, payer_expires_on, payer_stripe, payer_leg, payer_balance,
        payee_id, payee_kind, payee_expires_on, payee_stripe, payee_leg, payee_balance)
    SELECT {serial}, {leg_no}, {at}, {unit}, {points}, {payer}, 77, 7777, {payee}, 88, 8888
    FROM points_transfers t WHERE t.key = 'spend' {conflict}
"""
ALICE = "{id}, 'consumption', '2026-12-31', 0"


def leg(**changed: str) -> str:
    """A leg of 10 points from the person to the house in an existing transfer, but for `changed`.

    Its numbers and balances are made up.
    """
    parts = {
        "serial": "t.serial", "leg_no": "2", "at": "t.at", "unit": "'points'", "points": "10",
        "payer": ALICE, "payee": "0, 'spent', '9999-12-31', 0", "conflict": "",
    }  # fmt: skip
    return LEG.format(**{**parts, **changed})


ATTACKS = [
    ("UPDATE points_legs SET points = points + 1", "points_legs is append-only"),
    ("DELETE FROM points_legs", "points_legs is append-only"),
    ("TRUNCATE points_legs", "points_legs is append-only"),
    ("UPDATE points_transfers SET at = at", "points_transfers is append-only"),
    ("DELETE FROM points_transfers", "points_transfers is append-only"),
    ("TRUNCATE points_transfers CASCADE", "points_transfers is append-only"),
    ("UPDATE points_accounts SET balance = balance + 1", "points_accounts_by_legs_alone"),
    ("UPDATE points_accounts SET kind = 'promotional'", "points_accounts_by_legs_alone"),
    ("DELETE FROM points_accounts WHERE legs = 0", "points_accounts_by_legs_alone"),
    ("TRUNCATE points_accounts CASCADE", "points_accounts_by_legs_alone"),
    (
        "INSERT INTO points_accounts (subscriber_id, unit, kind, expires_on, balance, legs)"
        " VALUES ({id}, 'points', 'promotional', '2026-12-31', 500, 1)",
        "points_accounts_by_legs_alone",
    ),
    (
        "INSERT INTO points_accounts (subscriber_id, unit, kind, expires_on)"
        " VALUES ({id}, 'points', 'consumption', '2026-12-31')"
        " ON CONFLICT (subscriber_id, unit, kind, expires_on, stripe)"
        " DO UPDATE SET balance = 500",
        "points_accounts_by_legs_alone",
    ),
    (
        "MERGE INTO points_accounts USING (SELECT 1) AS one ON subscriber_id = {id}"
        " WHEN MATCHED THEN UPDATE SET balance = 500",
        "points_accounts_by_legs_alone",
    ),
    (leg(points="0"), "points_legs_positive_check"),
    (leg(points="-10"), "points_legs_positive_check"),
    (leg(points="101"), "points_accounts_never_negative_check"),
    (leg(payee=ALICE), "points_legs_two_accounts_check"),
    (leg(serial="-1"), "points_legs_serial_at_fkey"),
    (leg(at="t.at - interval '1 day'"), "points_legs_serial_at_fkey"),
    (leg(leg_no="1"), "points_legs_pkey"),
    (leg(unit="'yuan'"), "points_legs_payer_fkey"),
    (leg(unit="'coins'", points="41"), "points_accounts_never_negative_check"),
    (leg(payer="{id}, 'promotional', '2026-12-31', 0"), "points_legs_payer_fkey"),
    (leg(payer="{id}, 'held_consumption', '2026-12-31', 0", points="21"),
        "points_accounts_never_negative_check"),
    (leg(payee="0, 'nobody', '9999-12-31', 0"), "points_legs_payee_fkey"),
    ("SELECT points_post('k', 'x', 'spend', 'c', 'o', NULL, NULL, now(), '[]')",
        "points_transfers_with_legs"),
    (leg(payee="999999, 'consumption', '2026-12-31', 0"),
        "points_accounts_subscriber_id_merged_fkey"),
    (leg(payee="{id}, 'gold', '2026-12-31', 0"), "points_accounts_kind_check"),
    # The trigger that books would run, and no leg would stay behind.
    (leg(leg_no="1", conflict="ON CONFLICT DO NOTHING"),
        "points_legs_pkey"),
    (leg(leg_no="1", conflict="ON CONFLICT (serial, leg_no) DO NOTHING"),
        "points_legs_pkey"),
    ("INSERT INTO points_transfers (key, request_hash, reason, channel, origin, at)"
        " SELECT key, 'x', reason, channel, origin, at FROM points_transfers LIMIT 1",
        "points_transfers_key_key"),
    ("DELETE FROM subscribers WHERE id = {id}", "subscriber_addresses_subscriber_id_fkey"),
    ("UPDATE subscribers SET id = 5000 WHERE id = {id}", "subscriber_addresses_subscriber_id_fkey"),
]  # fmt: skip


def test_sql_that_would_break_the_ledger_is_refused(store: Store, rich: Subscriber) -> None:
    accounts = "SELECT * FROM points_accounts ORDER BY 1, 2, 3, 4, 5"
    before = rows(store, accounts)
    for attack, rule in ATTACKS:
        assert refused(store, attack.format(id=rich.id)) == rule, attack
        assert rows(store, accounts) == before, attack
    assert proof(store) == {}


def test_a_leg_with_made_up_numbers_and_balances_is_booked_truly(
    store: Store, rich: Subscriber
) -> None:
    with store.begin() as tx:
        tx.exec_driver_sql(leg().format(id=rich.id))
    said = (
        "SELECT payer_leg, payer_balance, payee_balance FROM points_legs"
        " WHERE leg_no = 2 AND payer_id > 0"
    )
    ((number, balance, house_balance),) = rows(store, said)
    assert (number, balance) == (4, 90)
    assert house_balance in (10, 40)  # of the stripe
    assert proof(store) == {}


def test_copied_rows_are_booked_truly_too(store: Store, rich: Subscriber) -> None:
    with store.begin() as tx:
        driver: Any = tx.connection.driver_connection
        ((serial, at),) = tx.exec_driver_sql(
            "SELECT serial, at FROM points_transfers WHERE key = 'spend'"
        )
        with driver.cursor().copy("COPY points_legs FROM STDIN") as copy:
            columns = rows(
                store,
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_name = 'points_legs' ORDER BY ordinal_position",
            )
            values = {
                "serial": serial, "leg_no": 2, "at": at, "unit": "points", "points": 10,
                "payer_id": rich.id, "payer_kind": "consumption", "payer_expires_on": DAY,
                "payer_stripe": 0, "payee_id": 0, "payee_kind": "spent",
                "payee_expires_on": points.NEVER, "payee_stripe": 0,
            }  # fmt: skip
            copy.write_row([values.get(name, 4711) for (name,) in columns])
    said = "SELECT payer_leg, payer_balance FROM points_legs WHERE leg_no = 2 AND payer_id > 0"
    assert rows(store, said) == [(4, 90)]
    assert proof(store) == {}


def test_the_ledger_that_nobody_touched_is_proven(store: Store, rich: Subscriber) -> None:
    assert proof(store) == {}
    assert len(close(store)) == 1
    assert proof(store) == {}


# -- with its locks off ------------------------------------------------------------------------


def corrupt(store: Store, *statements: str, who: int) -> None:
    """Alter rows with all triggers off, those of constraints too."""
    with store.begin() as tx:
        tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for statement in statements:
            tx.exec_driver_sql(statement.format(id=who))


OF_SPENDING = "serial = (SELECT serial FROM points_transfers WHERE key = 'spend')"
LOT = "subscriber_id = {id} AND kind = 'consumption' AND unit = 'points'"


@pytest.mark.parametrize(
    ("corruption", "broken", "named"),
    [
        (
            f"UPDATE points_accounts SET balance = balance + 7 WHERE {LOT}",
            {"zero_sum", "last_leg", "sum"},
            {"last_leg": {"balance": 107, "balance_before": 100, "kind": "consumption"},
             "sum": {"balance": 107, "sum_of_legs": 100}, "zero_sum": {"sum": 7}},
        ),
        (
            f"UPDATE points_accounts SET legs = 4 WHERE {LOT}",
            {"numbers"},
            {"numbers": {"number": 5, "number_before": 3}},
        ),
        (
            f"UPDATE points_legs SET points = 31 WHERE {OF_SPENDING}",
            {"continued", "sum"},
            {"continued": {"moved": 31, "kind": "spent"}, "sum": {"kind": "spent"}},
        ),
        (
            f"UPDATE points_legs SET payer_balance = 121 WHERE {OF_SPENDING}",
            {"continued"},
            {"continued": {"moved": -30, "balance": 121, "balance_before": 150}},
        ),
        (
            f"UPDATE points_legs SET payer_leg = 9 WHERE {OF_SPENDING}",
            {"numbers", "continued", "sum", "account"},
            {"numbers": {"number": 3, "number_before": 1}, "account": {"number": 9}},
        ),
        (
            f"DELETE FROM points_legs WHERE {OF_SPENDING}",
            {"numbers", "continued", "last_leg", "sum", "empty"},
            {"empty": {"key": "spend"}, "sum": {"kind": "spent", "sum_of_legs": 0}},
        ),
        (
            f"UPDATE points_legs SET at = at + interval '1 second' WHERE {OF_SPENDING}",
            {"same_at"},
            {"same_at": {"leg_no": 1, "at": NOON + timedelta(seconds=1), "transfer_at": NOON}},
        ),
        (
            f"UPDATE points_legs SET leg_no = 2 WHERE {OF_SPENDING}",
            {"leg_numbers"},
            {"leg_numbers": {"leg_no": 2, "leg_before": 0}},
        ),
        (
            "DELETE FROM points_transfers WHERE key = 'spend'",
            {"transfer"},
            {"transfer": {"leg_no": 1, "points": 30, "transfer_at": None}},
        ),
        (
            f"UPDATE points_legs SET unit = 'coins' WHERE {OF_SPENDING}",
            {"numbers", "continued", "last_leg", "sum"},
            {"numbers": {"unit": "coins"}},
        ),
        (
            f"DELETE FROM points_accounts WHERE {LOT}",
            {"zero_sum", "account"},
            {"account": {"kind": "consumption", "number": 3, "balance": 100}},
        ),
        (
            "INSERT INTO points_accounts (subscriber_id, unit, kind, expires_on, balance, legs)"
            " VALUES ({id}, 'points', 'promotional', '2026-12-31', 500, 1)",
            {"zero_sum", "numbers", "last_leg", "sum"},
            {"sum": {"kind": "promotional", "balance": 500, "sum_of_legs": 0}},
        ),
        (
            "INSERT INTO points_transfers (key, request_hash, reason, channel, origin, at)"
            " VALUES ('nothing', 'x', 'gift', 'sms', 'nobody', '2026-03-02')",
            {"empty"},
            {"empty": {"key": "nothing", "reason": "gift"}},
        ),
        (
            "DELETE FROM points_holds",
            {"held"},
            {"held": {"unit": "points", "held_account": 20, "open_holds": 0}},
        ),
        (
            f"UPDATE points_legs SET payee_kind = 'expired' WHERE {OF_SPENDING}",
            {"numbers", "last_leg", "sum", "expired"},
            {"expired": {"lot_expires_on": DAY, "points": 30}},
        ),
    ],
)  # fmt: skip
def test_a_corruption_is_found_and_named(
    store: Store, rich: Subscriber, corruption: str, broken: set[str], named: dict[str, Any]
) -> None:
    corrupt(store, corruption, who=rich.id)
    found = proof(store)
    assert set(found) == broken
    for rule, numbers in named.items():
        first = found[rule].first or {}
        assert {name: first[name] for name in numbers} == numbers, rule


def test_an_account_below_nothing_is_found(store: Store, rich: Subscriber) -> None:
    corrupt(
        store,
        "ALTER TABLE points_accounts DROP CONSTRAINT points_accounts_never_negative_check",
        f"UPDATE points_accounts SET balance = -1 WHERE {LOT}",
        who=rich.id,
    )
    found = proof(store)
    assert {"never_negative", "guards"} <= set(found)
    assert (found["never_negative"].first or {})["balance"] == -1


def test_a_key_or_serial_that_is_there_twice_is_found(store: Store, rich: Subscriber) -> None:
    corrupt(
        store,
        "ALTER TABLE points_transfers DROP CONSTRAINT points_transfers_key_key",
        "INSERT INTO points_transfers (key, request_hash, reason, channel, origin, at)"
        " SELECT key, 'x', 'merge', channel, origin, at FROM points_transfers WHERE key = 'spend'",
        who=rich.id,
    )
    assert (proof(store)["keys"].first or {})["key"] == "spend"


@pytest.mark.parametrize("trigger", ["points_legs_book", "points_legs_append_only"])
def test_a_lock_that_was_left_open_is_found(store: Store, rich: Subscriber, trigger: str) -> None:
    with store.begin() as tx:
        tx.exec_driver_sql(f"ALTER TABLE points_legs DISABLE TRIGGER {trigger}")
    assert (proof(store)["guards"].first or {})["guard"] == f"points_legs.{trigger}"
    with store.begin() as tx:
        tx.exec_driver_sql("ALTER TABLE points_legs DISABLE TRIGGER ALL")
    assert proof(store)["guards"].wrong > 2


def test_verify_cannot_write_and_is_not_cut_short(store: Store, rich: Subscriber) -> None:
    with store.begin() as tx:
        verify.verify(tx)
        assert tx.exec_driver_sql("SHOW statement_timeout").scalar_one() == "0"
        assert tx.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "on"
        assert tx.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "repeatable read"
    with store.begin() as tx:
        assert tx.exec_driver_sql("SHOW statement_timeout").scalar_one() == "10s"
        assert tx.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "off"

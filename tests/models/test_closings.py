"""Days are sealed in order, one over the other; nothing enters a sealed day, and nothing leaves."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from models import points
from models.base import Tx
from models.points import closings
from models.store import Store, Unavailable
from models.subscribers import Subscriber
from tests.models.conftest import NOON, cause, newcomer, rows
from tests.models.test_ledger_attacks import close, corrupt, proof
from tests.models.test_points_database import refused
from workers import closing_clock
from workers.closing_clock import ClosingClock, StillWriting, close_through

TODAY = NOON.date()
A_DAY = timedelta(days=1)
UNTIL = date(2026, 12, 31)


def give(tx: Tx, who: Subscriber, key: str, *, now: datetime, amount: int = 10) -> points.Transfer:
    return points.issue(
        tx, who, kind=points.CONSUMPTION, points=amount, expires_on=UNTIL, cause=cause(key),
        now=now,
    )  # fmt: skip


@pytest.fixture
def who(store: Store) -> Subscriber:
    """Somebody with movement on the 2nd and 4th of March, none on the 3rd."""
    with store.begin() as tx:
        someone = newcomer(tx)
        give(tx, someone, "second", now=NOON, amount=100)
        points.spend(
            tx, someone, points=30, into=points.SPENT, cause=cause("spend"),
            now=NOON + timedelta(hours=1),
        )  # fmt: skip
        give(tx, someone, "fourth", now=NOON + 2 * A_DAY)
    return someone


# -- sealing -----------------------------------------------------------------------------------


def test_days_are_sealed_in_order_those_without_movement_too(store: Store, who: Subscriber) -> None:
    sealed = close(store, TODAY + 2 * A_DAY)
    assert [(c.day, c.transfers, c.legs, c.points) for c in sealed] == [
        (TODAY, 2, 2, 130), (TODAY + A_DAY, 0, 0, 0), (TODAY + 2 * A_DAY, 1, 1, 10),
    ]  # fmt: skip
    first, second, third = sealed
    assert (first.previous_day, first.previous_hash) == (None, closings.GENESIS)
    assert (second.previous_day, second.previous_hash) == (first.day, first.hash)
    assert (third.previous_day, third.previous_hash) == (second.day, second.hash)
    assert all(c.hash == c.sealed() for c in sealed)
    assert third.totals == {
        "points": {"house issuing": -110, "house spent": 30, "people consumption": 80}
    }
    assert close(store, TODAY + 2 * A_DAY) == []
    assert proof(store) == {}


def test_days_that_were_missed_are_caught_up(store: Store, who: Subscriber) -> None:
    assert [c.day for c in close(store, TODAY)] == [TODAY]
    assert [c.day for c in close(store, TODAY + 3 * A_DAY)] == [
        TODAY + A_DAY, TODAY + 2 * A_DAY, TODAY + 3 * A_DAY
    ]  # fmt: skip
    assert proof(store) == {}


def test_a_ledger_without_transfers_has_nothing_to_close(store: Store) -> None:
    with store.begin() as tx:
        tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
        tx.exec_driver_sql("DELETE FROM points_legs")
        tx.exec_driver_sql("DELETE FROM points_transfers")
    assert close(store) == []


def test_the_digest_is_what_sha256sum_makes_of_the_exported_day(
    store: Store, who: Subscriber
) -> None:
    (sealed,) = close(store, TODAY)
    with store.begin() as tx:
        tx.exec_driver_sql("SET LOCAL timezone = 'Asia/Shanghai'")
        tx.exec_driver_sql("SET LOCAL datestyle = 'German'")
        closings.unhurried(tx)
        exported = list(closings.lines(tx, TODAY))
    assert hashlib.sha256(b"".join(exported)).digest() == sealed.digest
    assert [line.split(b"\t")[0] for line in exported] == [b"T", b"T", b"L", b"L"]
    assert b"\tsecond\t" in exported[0]
    assert b"2026-03-02 04:00:00+00" in exported[0]


def test_a_day_belongs_to_china(store: Store, who: Subscriber) -> None:
    last_second = datetime.fromisoformat("2026-03-02T23:59:59+08:00")
    with store.begin() as tx:
        give(tx, who, "last second", now=last_second)
        give(tx, who, "midnight", now=last_second + timedelta(seconds=1))
    second, third = close(store, TODAY + A_DAY)
    assert (second.transfers, third.transfers) == (3, 1)


def test_a_day_that_is_not_over_cannot_be_closed(store: Store, who: Subscriber) -> None:
    today = rows(store, "SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date")[0][0]
    with pytest.raises(ValueError, match="after its end at the earliest"):
        close(store, today)
    opened = "UPDATE ledger_gate SET open_from = now() - interval '19 minutes'"
    assert refused(store, opened) == "ledger_gate_after_the_day"
    assert rows(store, "SELECT count(*) FROM ledger_closings") == [(0,)]


# -- what is sealed stays ----------------------------------------------------------------------


def test_closings_and_the_gate_are_refused_any_change(store: Store, who: Subscriber) -> None:
    close(store, TODAY + A_DAY)
    copied = (
        "INSERT INTO ledger_closings (day, previous_day, previous_hash, transfers, legs, points,"
        " coins, totals, digest, sealed_at, hash) SELECT {}, transfers, legs, points, coins,"
        " totals, digest, sealed_at, hash FROM ledger_closings WHERE transfers = 0"
    )
    next_day, row = "day + 1, day", "day, previous_day, previous_hash"
    for attack, rule in (
        ("UPDATE ledger_closings SET points = 0", "ledger_closings is append-only"),
        ("DELETE FROM ledger_closings", "ledger_closings is append-only"),
        ("TRUNCATE ledger_closings", "ledger_closings is append-only"),
        (copied.format(row), "ledger_closings_pkey"),
        (copied.format(f"{next_day}, hash"), "ledger_closings_shut_first"),
        (copied.format("day - 30, NULL, previous_hash"), "ledger_closings_previous_day_key"),
        (copied.format("day - 30, day - 29, hash"), "ledger_closings_next_day_check"),
        (copied.format(f"day - 30, day - 31, {'hash'}"),
            "ledger_closings_previous_day_previous_hash_fkey"),
        ("UPDATE ledger_gate SET open_from = open_from - interval '1 day'",
            "ledger_gate_only_forward"),
        ("DELETE FROM ledger_gate", "ledger_gate is append-only"),
        ("TRUNCATE ledger_gate", "ledger_gate is append-only"),
        ("INSERT INTO ledger_gate VALUES (2, '2020-01-01')", "ledger_gate_one_row_check"),
        ("INSERT INTO ledger_gate VALUES (1, '2020-01-01')", "ledger_gate_pkey"),
    ):  # fmt: skip
        assert refused(store, attack) == rule, attack
    assert proof(store) == {}


OF_SPENDING = "serial = (SELECT serial FROM points_transfers WHERE key = 'spend')"


@pytest.mark.parametrize(
    ("altered", "rule", "day", "numbers"),
    [
        ("UPDATE points_transfers SET origin = 'x' WHERE key = 'spend'", "sealed_days", TODAY, {}),
        ("UPDATE points_transfers SET operator = '' WHERE key = 'fourth'", "sealed_days",
            TODAY + 2 * A_DAY, {}),
        (f"UPDATE points_legs SET points = 31 WHERE {OF_SPENDING}", "sealed_days", TODAY,
            {"points": 131, "sealed_points": 130}),
        (f"DELETE FROM points_legs WHERE {OF_SPENDING}", "sealed_days", TODAY,
            {"legs": 1, "sealed_legs": 2}),
        ("INSERT INTO points_transfers (key, request_hash, reason, channel, origin, at)"
            " VALUES ('late', 'x', 'merge', 'sms', 'x', '2026-03-03 01:00Z')", "sealed_days",
            TODAY + A_DAY, {"transfers": 1, "sealed_transfers": 0}),
        ("UPDATE ledger_closings SET sealed_at = sealed_at + interval '1 s' WHERE transfers = 0",
            "chain", TODAY + A_DAY, {}),
        ("UPDATE ledger_closings SET hash = digest WHERE transfers = 1", "chain",
            TODAY + 2 * A_DAY, {}),
        ("DELETE FROM ledger_closings WHERE transfers = 0", "chain", TODAY + 2 * A_DAY,
            {"closed_before": TODAY}),
        ("DELETE FROM ledger_closings WHERE transfers = 2", "chain", TODAY + A_DAY,
            {"closed_before": None}),
        ("UPDATE ledger_closings SET totals = '{{}}' WHERE transfers = 1", "totals",
            TODAY + 2 * A_DAY, {}),
        ("UPDATE ledger_gate SET open_from = '2020-01-01'", "gate", TODAY + 2 * A_DAY, {}),
    ],
)  # fmt: skip
def test_what_was_altered_after_its_day_was_sealed_is_found_and_named(
    store: Store, who: Subscriber, altered: str, rule: str, day: date, numbers: dict[str, Any]
) -> None:
    close(store, TODAY + 2 * A_DAY)
    assert proof(store) == {}
    corrupt(store, altered, who=who.id)
    first = proof(store)[rule].first or {}
    assert first["day"] == day
    assert {name: first[name] for name in numbers} == numbers


def test_who_rewrites_the_whole_chain_is_found_by_the_hash_on_paper(
    store: Store, who: Subscriber
) -> None:
    noted = [f"{c.day}:{c.hash.hex()}" for c in close(store, TODAY + A_DAY)]
    assert proof(store, *noted, noted[0].upper(), noted[1][:30]) == {}
    corrupt(
        store,
        "UPDATE points_transfers SET origin = 'nobody' WHERE key = 'spend'",
        "DELETE FROM ledger_closings",
        who=who.id,
    )
    close(store, TODAY + A_DAY)
    assert proof(store) == {}
    first = proof(store, *noted)["anchors"].first or {}
    assert first["day"] == TODAY
    assert proof(store, "2020-01-01:0123456789abcdef")["anchors"].wrong == 1


# -- what comes late ---------------------------------------------------------------------------


def test_a_late_transfer_is_refused_as_a_collision_and_comes_through_dated_afresh(
    store: Store, who: Subscriber
) -> None:
    close(store, TODAY)
    tries = []

    def late(tx: Tx) -> None:
        tries.append(1)
        give(tx, who, "late", now=NOON)

    with pytest.raises(psycopg.errors.SerializationFailure, match="is closed"), store.begin() as tx:
        late(tx)
    with pytest.raises(Unavailable):  # after so many tries as a deadlock gets
        store.run(late)
    assert len(tries) == 4
    assert store.run(lambda tx: give(tx, who, "late", now=NOON + A_DAY)).fresh
    assert proof(store) == {}


def test_no_leg_is_added_to_a_transfer_of_a_sealed_day(store: Store, who: Subscriber) -> None:
    close(store, TODAY)
    added = (
        "INSERT INTO points_legs (serial, leg_no, at, unit, points, payer_id, payer_kind,"
        " payer_expires_on, payer_stripe, payee_id, payee_kind, payee_expires_on, payee_stripe)"
        " SELECT serial, 2, {}, unit, 1, payer_id, payer_kind, payer_expires_on, payer_stripe,"
        " payee_id, payee_kind, payee_expires_on, payee_stripe FROM points_legs"
        " WHERE "
    )
    assert refused(store, added.format("at") + OF_SPENDING) == "ledger_day_is_open"
    assert refused(store, added.format("now()") + OF_SPENDING) == "points_legs_serial_at_fkey"
    assert (
        refused(store, added.format("at + interval '1 day'") + OF_SPENDING)
        == "points_legs_serial_at_fkey"
    )


@contextmanager
def sealing_while(
    store: Store, first: Callable[[Tx], object], patience_s: float = 10
) -> Iterator[tuple[Callable[[], object], Tx]]:
    """A transaction that has done `first` when the day is shut, and goes on after that.

    With it comes what waits for the end of the closing, and says how many transfers it sealed.
    """
    ended: list[object] = []

    def work() -> None:
        try:
            through = close_through(store, TODAY, now=lambda: NOON, patience_s=patience_s)
            ended.extend(sealed.transfers for sealed in through)
        except StillWriting as busy:
            ended.append(busy)

    def wait() -> object:
        thread.join(20)
        return ended[0] if ended else None

    thread = threading.Thread(target=work)
    with store.begin() as tx:
        first(tx)
        thread.start()
        while rows(store, "SELECT open_from > %s FROM ledger_gate", NOON) != [(True,)]:
            pass
        yield wait, tx


def test_who_wrote_before_the_day_was_shut_and_commits_late_is_in_it(
    store: Store, who: Subscriber
) -> None:
    with sealing_while(store, lambda tx: give(tx, who, "slow", now=NOON)) as (wait, _):
        assert rows(store, "SELECT count(*) FROM ledger_closings") == [(0,)]
    assert wait() == 3
    assert proof(store) == {}


def test_who_wrote_before_the_day_was_shut_and_gives_up_is_not_in_it(
    store: Store, who: Subscriber
) -> None:
    with (
        pytest.raises(KeyError),
        sealing_while(store, lambda tx: give(tx, who, "slow", now=NOON)) as (wait, _),
    ):
        raise KeyError
    assert wait() == 2
    assert proof(store) == {}


def test_who_began_before_the_day_was_shut_and_writes_after_it_is_refused(
    store: Store, who: Subscriber
) -> None:
    with sealing_while(store, lambda tx: tx.exec_driver_sql("SELECT txid_current()")) as (wait, tx):
        assert wait() == 2  # nobody waits for who has written nothing
        with pytest.raises(psycopg.errors.SerializationFailure):
            give(tx, who, "slow", now=NOON)
    assert proof(store) == {}


def test_who_writes_on_after_the_day_was_shut_is_refused_and_leaves_nothing(
    store: Store, who: Subscriber
) -> None:
    with (
        sealing_while(store, lambda tx: give(tx, who, "slow", now=NOON)) as (wait, tx),
        pytest.raises(psycopg.errors.SerializationFailure),
    ):
        give(tx, who, "slower", now=NOON)
    assert wait() == 2
    assert proof(store) == {}


def test_who_has_an_old_snapshot_cannot_date_anything_in_the_past(
    store: Store, who: Subscriber
) -> None:
    with store.begin() as tx:
        tx.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        tx.exec_driver_sql("SELECT 1")
        close(store)
        with pytest.raises(psycopg.errors.RestrictViolation, match="READ COMMITTED"):
            give(tx, who, "slow", now=NOON)


def test_what_is_dated_now_does_not_even_look_at_the_gate(store: Store, who: Subscriber) -> None:
    ((now,),) = rows(store, "SELECT now()")
    with store.begin() as tx:
        tx.exec_driver_sql("ALTER TABLE ledger_gate RENAME TO gone")
        give(tx, who, "now", now=now)
        with pytest.raises(psycopg.errors.UndefinedTable):
            give(tx, who, "then", now=now - closings.GRACE)


def test_a_closing_waits_only_so_long_and_is_done_later(store: Store, who: Subscriber) -> None:
    with sealing_while(store, lambda tx: give(tx, who, "stuck", now=NOON), patience_s=0.2) as (
        wait,
        _,
    ):
        assert isinstance(wait(), StillWriting)
        with store.begin() as tx:  # nobody else waits
            give(tx, newcomer(tx), "next day", now=NOON + A_DAY)
    assert [c.transfers for c in close(store)] == [3]
    assert proof(store) == {}


# -- by the clock ------------------------------------------------------------------------------


def test_the_clock_closes_yesterday_half_an_hour_after_midnight_in_china(
    store: Store, who: Subscriber
) -> None:
    now = [datetime.fromisoformat("2026-03-05T00:29:59+08:00")]
    clock = ClosingClock(store, lambda: now[0])

    def sealed() -> list[Any]:
        clock.tick(now[0])
        if clock.thread:
            clock.thread.join(20)
        return rows(store, "SELECT day FROM ledger_closings ORDER BY day")

    assert sealed() == [(TODAY,), (TODAY + A_DAY,)]
    assert clock.done == TODAY + A_DAY
    now[0] += timedelta(seconds=1)
    assert sealed() == [(TODAY,), (TODAY + A_DAY,)]  # tries again after a while only
    now[0] += closing_clock.TRY_AGAIN
    assert sealed() == [(TODAY,), (TODAY + A_DAY,), (TODAY + 2 * A_DAY,)]


def test_of_two_that_close_at_once_one_does(store: Store, who: Subscriber) -> None:
    with store.begin() as busy:
        busy.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (closings.SEALING_LOCK,))
        assert close(store) == []
    assert len(close(store)) == 1

"""What is counted of SMS is what became of them, whatever the order in which carriers tell it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import outbox, receipts, sms_counts, sms_report, sql, submissions
from models.base import HOUSE, Tx
from models.outbox import Owed
from models.receipts import Receipt
from models.sms_report import Going
from models.store import Store
from models.submissions import Submitted
from tests.models.conftest import NOON, rows

HOUR, PHONE = timedelta(hours=1), "+8613900000001"
LEASE = timedelta(seconds=30)
FINAL = ("delivered", "failed")


def _leaves(store: Store, gateway: str, parts: int, key: str, category: str = "answer") -> int:
    """A message that a carrier has taken."""

    def work(tx: Tx) -> int:
        owed_id = outbox.owe(
            tx, subscriber_id=HOUSE, kind="sms", payload={"to": PHONE, "text": "您好"},
            category=category, now=NOON,
        )  # fmt: skip
        (owed,) = submissions.take(
            tx, usual=gateway, limit=1, lease=LEASE, unknown_for=LEASE, now=NOON
        )
        ids = tuple(f"{gateway}:{key}{n}" for n in range(parts))
        assert submissions.taken_up(tx, [Submitted(owed, ids)], NOON) == 1
        return owed_id

    return store.run(work)


def _hears(store: Store, provider_id: str, outcome: str, at: datetime = NOON) -> None:
    code = {"failed": "UNDELIV 001", "sent": "ACCEPTD"}.get(outcome, "DELIVRD")
    receipt = Receipt(provider_id, outcome, code, PHONE, "")
    store.run(lambda tx: receipts.receipts(tx, [receipt], at))


def _row(store: Store, owed_id: int) -> Owed:
    found = store.read(lambda tx: outbox.get(tx, owed_id))
    assert found is not None
    return found


def _all(store: Store) -> dict[str, Going]:
    found = store.read(lambda tx: sms_report.by_hour(tx, since=NOON - HOUR, until=NOON + HOUR))
    assert {one.hour for one in found} <= {NOON}
    return {one.gateway: one.going for one in found}


_told = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["sent", "delivered", "failed"])),
    min_size=1, max_size=8,
)  # fmt: skip


@pytest.mark.parametrize("gateway", ["smpp", "cmpp"])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(parts=st.integers(1, 3), told=_told)
def test_receipts_in_any_order_never_go_backwards_and_count_a_message_once(
    store: Store, gateway: str, parts: int, told: Sequence[tuple[int, str]]
) -> None:
    before = _all(store).get(gateway, Going({}))
    owed_id = _leaves(store, gateway, parts, f"{id(told)}-{before.submitted}-")
    key = str(_row(store, owed_id).provider_id)[:-1]
    end = ""
    for part, outcome in told:
        _hears(store, f"{key}{part % parts}", outcome)
        row = _row(store, owed_id)
        if end:
            assert (row.state, row.status) == (end, end)  # a late "accepted" changes nothing
        end = row.state if row.state in FINAL else ""
    after = _all(store)[gateway]
    assert after.submitted == before.submitted + 1
    assert after.segments == before.segments + parts
    assert after.delivered == before.delivered + (end == "delivered")
    assert after.failed == before.failed + (end == "failed")


def test_a_message_of_parts_fails_with_one_of_them_and_comes_with_all(store: Store) -> None:
    whole, broken = (_leaves(store, "smpp", 2, key) for key in ("a", "b"))
    for one, outcome in (("a0", "delivered"), ("b0", "delivered"), ("b1", "failed")):
        _hears(store, f"smpp:{one}", outcome)
    assert (_row(store, whole).state, _row(store, broken).state) == ("sent", "failed")
    _hears(store, "smpp:a1", "delivered")
    assert _row(store, whole).state == "delivered"


def test_an_hour_says_what_came_how_fast_and_what_failed_by_code(store: Store) -> None:
    for n in range(20):
        _leaves(store, "smpp", 1 + n % 2, f"m{n}-")
    for n in range(16):
        took = timedelta(seconds=2 if n < 15 else 40)
        for part in range(1 + n % 2):
            _hears(store, f"smpp:m{n}-{part}", "delivered" if n else "failed", NOON + took)
    going = _all(store)["smpp"]
    assert (going.submitted, going.segments) == (20, 30)
    assert (going.delivered, going.failed, going.unknown) == (15, 1, 4)
    assert going.delivered_percent == 93
    assert going.codes == [("UNDELIV 001", 1)]
    assert (going.within_s(0.5), going.within_s(0.95)) == (2, 45)


def test_what_is_added_up_by_the_clock_is_the_same_as_before(store: Store) -> None:
    for n in range(5):
        _leaves(store, "cmpp", 1, f"m{n}-")
        _hears(store, f"cmpp:m{n}-0", "delivered", NOON + timedelta(seconds=n))
    before = _all(store)
    while store.run(lambda tx: sms_counts.fold(tx, 3)):
        assert _all(store) == before
    assert rows(store, "SELECT 1 FROM sms_counts") == []
    lately = store.read(lambda tx: sms_report.receipts_lately(tx, most=3, since=NOON - HOUR))
    assert lately == {"cmpp": (5, 0)}


def test_the_last_receipts_are_the_last_ones(store: Store) -> None:
    """Ten that failed long ago say nothing about the four that came since."""
    for n in range(14):
        _leaves(store, "smpp", 1, f"m{n}-")
        outcome, minutes = ("failed", 1) if n < 10 else ("delivered", 20 + n)
        _hears(store, f"smpp:m{n}-0", outcome, NOON + timedelta(minutes=minutes))
    store.run(lambda tx: sms_counts.fold(tx, 1000))

    def last(most: int) -> dict[str, tuple[int, int]]:
        return store.read(lambda tx: sms_report.receipts_lately(tx, most=most, since=NOON - HOUR))

    assert last(4) == {"smpp": (4, 0)}
    assert last(5) == {"smpp": (4, 10)}


def test_a_new_price_changes_nothing_that_has_left(store: Store) -> None:
    def price(fen: int, at: datetime) -> None:
        store.run(lambda tx: sms_counts.keep_prices(tx, {"smpp": fen}, at))

    _leaves(store, "smpp", 3, "a")
    _leaves(store, "smpp", 1, "b", category="notice")
    assert _all(store)["smpp"].cost_fen is None
    price(3500, NOON + HOUR)  # the first one counts for all before it
    assert _all(store)["smpp"].cost_fen == Decimal("14")
    price(3500, NOON + 2 * HOUR)
    price(5000, NOON + 3 * HOUR)
    assert _all(store)["smpp"].cost_fen == Decimal("14")
    assert len(rows(store, "SELECT 1 FROM sms_prices")) == 2
    today = NOON.date()
    days = store.read(lambda tx: sms_report.by_day(tx, since=today, until=today))
    assert [(one.category, one.going.cost_fen) for one in days] == [
        ("answer", Decimal("10.5")), ("notice", Decimal("3.5")),
    ]  # fmt: skip


def test_how_late_sms_are_is_asked_of_one_index_however_many_wait(store: Store) -> None:
    """A broadcast that waits has its own rows alone; nobody has analyzed the table."""
    waiting = (
        "INSERT INTO outbox (subscriber_id, queue, kind, category, payload, created_at, due_at)"
        " SELECT 0, 'bulk', 'sms', 'marketing', '{}', %(then)s, %(then)s"
        " FROM generate_series(1, 2000)"
    )
    then = NOON - timedelta(minutes=7)
    store.run(lambda tx: sql.run(tx, waiting, {"then": then}))
    late = store.read(lambda tx: submissions.late_by(tx, NOON))
    assert late == {"answer": 0, "notice": 0, "marketing": 420}
    asked = f"EXPLAIN (ANALYZE, FORMAT TEXT) {submissions.LATE_BY}"
    plan = "\n".join(row[0] for row in store.run(lambda tx: sql.rows(tx, asked, {"now": NOON})))
    assert "outbox_sms" in plan
    assert "Removed by Filter" not in plan

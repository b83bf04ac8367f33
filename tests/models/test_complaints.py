"""Complaints: opened, moved along their ways alone, and what was written stays written."""

from __future__ import annotations

from datetime import date, timedelta

import psycopg
import pytest

from models import complaints, notes, points, quotas
from models.base import Tx
from models.complaints import CLOSED, NEXT, STATES, Complaint, NoWay
from models.store import Store
from models.subscribers import Subscriber
from tests.models import books
from tests.models.conftest import NOON, at_once, cause, newcomer, rows

HOURS = timedelta(hours=72)


def complain(tx: Tx, who: Subscriber, *, serial: int | None = None, hours: int = 72) -> Complaint:
    return complaints.open_one(
        tx, person=who.id, category="merchant", words=" 影院不认券 ", by="li", channel="console",
        lasts=timedelta(hours=hours), serial=serial, now=NOON,
    )  # fmt: skip


def test_a_complaint_is_received_and_has_a_deadline(store: Store) -> None:
    with store.begin() as tx:
        made = complain(tx, newcomer(tx))
        assert (made.state, made.words, made.deadline) == ("received", "影院不认券", NOON + HOURS)
        assert [(one.what, one.by) for one in complaints.events_of(tx, made.number)] == [
            ("opened", "li")
        ]


@pytest.mark.parametrize("to", STATES)
@pytest.mark.parametrize("of", STATES)
def test_it_goes_only_where_it_may_go(store: Store, of: str, to: str) -> None:
    with store.begin() as tx:
        number = complain(tx, newcomer(tx)).number
        if of != "received":
            complaints.move(tx, number, to=of, words="先", by="li", now=NOON, merchant="jinxiu")
    with store.begin() as tx:
        if to in NEXT[of]:
            moved = complaints.move(
                tx, number, to=to, words="因为", by="wang", now=NOON, merchant="jinxiu"
            )
            assert (moved.state, moved.closed_at is not None) == (to, to in CLOSED)
            last = complaints.events_of(tx, number)[-1]
            assert (last.what, last.state, last.words) == ("moved", to, "因为")
        else:
            with pytest.raises(NoWay):
                complaints.move(tx, number, to=to, words="因为", by="wang", now=NOON)
    if to not in NEXT[of] and to != of:  # nor behind the function's back
        closed = "now()" if to in CLOSED else "NULL"
        with pytest.raises(psycopg.errors.RestrictViolation), store.begin() as tx:
            _sql(tx, f"UPDATE complaints SET state = '{to}', closed_at = {closed},"
                     " events = events + 1")  # fmt: skip


def test_a_serial_number_must_be_of_the_persons_own_transfers(store: Store) -> None:
    with store.begin() as tx:
        who = books.rich(tx, {(points.CONSUMPTION, date(2027, 1, 1)): 50})
        other = newcomer(tx)
        serial = points.spend(tx, who, points=5, into="spent", cause=cause("s"), now=NOON).serial
        assert complain(tx, who, serial=serial).transfer_serial == serial
        for person, number in ((other, serial), (who, 999)):
            with pytest.raises(complaints.NotTheirs):
                complain(tx, person, serial=number)


def test_open_ones_come_by_their_deadline_a_page_at_a_time(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        made = [complain(tx, who, hours=hours).number for hours in (5, 3, 3, 9, 1)]
        complaints.move(tx, made[4], to="upheld", words="属实", by="li", now=NOON)
        expected = [made[1], made[2], made[0], made[3]]
        found: list[int] = []
        after = None
        while page := complaints.waiting(tx, limit=2, after=after):
            found += [one.number for one in page]
            after = (page[-1].deadline, page[-1].number)
        assert found == expected
        assert complaints.waiting(tx, limit=5, state="with_merchant") == []
        assert len(complaints.waiting(tx, limit=5, category="merchant")) == 4


def test_what_was_written_can_be_erased_and_nothing_else(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        number = complain(tx, who).number
        complaints.note(tx, number, words="打过电话", by="li", now=NOON)
        notes.write(tx, who.id, words="客气", by="li", now=NOON)
    for attempt in (
        "UPDATE complaint_events SET words = 'x' WHERE no = 2",
        "UPDATE complaint_events SET \"by\" = 'x'",
        "UPDATE complaints SET words = 'x'",
        "UPDATE complaints SET opened_by = 'x'",
        "UPDATE subscriber_notes SET words = 'x'",
        "DELETE FROM complaint_events",
        "DELETE FROM complaints",
        "DELETE FROM subscriber_notes",
        "TRUNCATE complaint_events",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation), store.begin() as tx:
            _sql(tx, attempt)
    with store.begin() as tx:
        for table in ("complaints", "complaint_events", "subscriber_notes"):
            _sql(tx, f"UPDATE {table} SET words = NULL")
    assert rows(store, "SELECT count(*), count(words) FROM complaint_events") == [(2, 0)]


@pytest.mark.parametrize("words", ["", "  ", "长" * 1001])
def test_no_words_and_too_many_are_refused(store: Store, words: str) -> None:
    with store.begin() as tx, pytest.raises(ValueError, match="characters"):
        notes.write(tx, newcomer(tx).id, words=words, by="li", now=NOON)


def test_two_who_close_it_at_once_close_it_once(store: Store) -> None:
    with store.begin() as tx:
        number = complain(tx, newcomer(tx)).number

    def close() -> bool:
        try:
            with store.begin() as tx:
                complaints.move(tx, number, to="upheld", words="属实", by="li", now=NOON)
        except NoWay:
            return False
        return True

    assert sorted(at_once([close] * 6)) == [False] * 5 + [True]


def test_nobody_gets_more_searches_than_an_hour_allows(store: Store) -> None:
    def search() -> bool:
        with store.begin() as tx:
            return quotas.take(tx, 1, quotas.SEARCH, most=5, now=NOON)

    assert sum(at_once([search] * 9)) == 5
    with store.begin() as tx:
        assert not quotas.take(tx, 1, quotas.SEARCH, most=5, now=NOON + timedelta(minutes=59))
        assert quotas.take(tx, 1, quotas.UNMASK, most=5, now=NOON)
        assert quotas.take(tx, 2, quotas.SEARCH, most=5, now=NOON)
        assert quotas.take(tx, 1, quotas.SEARCH, most=5, now=NOON + timedelta(hours=1))
        assert quotas.take(tx, 1, quotas.SEARCH, most=5, now=NOON + timedelta(days=3))
        assert not quotas.take(tx, 3, quotas.SEARCH, most=0, now=NOON)
    assert rows(store, "SELECT count(*) FROM operator_quotas WHERE operator_id = 1") == [(1,)]


def _sql(tx: Tx, statement: str) -> None:
    driver = tx.connection.driver_connection
    assert driver is not None
    driver.execute(statement)

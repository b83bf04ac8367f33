"""Events: each is recorded once, whoever tells it how often, and is the same in every way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from models import sql, subscribers
from models.earning import events, told
from models.earning.told import Bad, Told
from models.store import Store
from sms.numbers import msisdn
from tests.models.conftest import NOON, at_once, rows

LI = "+8613812340001"


def _told(event_id: str, number: str = LI, **values: Any) -> Told:
    return Told(event_id, "package_ordered", number, NOON - timedelta(hours=1), values)


def _record(store: Store, *batch: Told, source: str = "tests") -> events.Recorded:
    return store.run(lambda tx: events.record(tx, batch, source=source, now=NOON))


def _ids(batch: list[Any]) -> list[str]:
    return [each.id for each in batch]


def _read(values: Mapping[str, Any] | None = None, **fields: Any) -> Told:
    given = {
        "event_id": "e1", "type": "bill_paid", "msisdn": "138 1234 0001",
        "occurred_at": "2026-03-02T11:00:00+08:00", **fields,
    }  # fmt: skip
    return told.read(given, values or {}, msisdn=msisdn, now=NOON)


# -- recording ---------------------------------------------------------------------------------


def test_new_events_come_back_in_the_order_they_were_told(store: Store) -> None:
    batch = [_told("b", amount_fen=5000), _told("a", "+8613812340002"), _told("c")]
    found = _record(store, *batch)
    assert _ids(found.events) == ["b", "a", "c"]
    first, second, third = found.events
    assert first.subscriber_id == third.subscriber_id != second.subscriber_id
    assert (first.occurred_at, first.values) == (NOON - timedelta(hours=1), {"amount_fen": 5000})
    assert not found.repeats
    assert not found.conflicts


def test_who_is_unknown_becomes_a_subscriber_by_number_and_who_is_known_stays(
    store: Store,
) -> None:
    with store.begin() as tx:
        known = subscribers.lock(tx, "sms", "+8613812340009", NOON)
    before = rows(store, "SELECT count(*) FROM subscribers")[0][0]
    found = _record(store, _told("a"), _told("b"), _told("c", "+8613812340009"))
    assert found.events[2].subscriber_id == known.id
    assert rows(store, "SELECT count(*) FROM subscribers") == [(before + 1,)]
    with store.begin() as tx:
        assert subscribers.lock(tx, "sms", LI, NOON).id == found.events[0].subscriber_id


def test_the_same_event_again_is_a_repeat_and_brings_nothing(store: Store) -> None:
    _record(store, _told("a", amount_fen=1))
    before = rows(store, "SELECT * FROM earning_events")
    found = _record(store, _told("a", amount_fen=1), _told("b"), source="another")
    assert (_ids(found.events), _ids(found.repeats)) == (["b"], ["a"])
    assert rows(store, "SELECT * FROM earning_events WHERE event_id = 'a'") == before


@pytest.mark.parametrize(
    "other",
    [
        _told("a", amount_fen=2),
        _told("a", "+8613812340002", amount_fen=1),
        _told("a", amount_fen=1, package="10GB"),
        Told("a", "bill_paid", LI, NOON - timedelta(hours=1), {"amount_fen": 1}),
        Told("a", "package_ordered", LI, NOON - timedelta(hours=2), {"amount_fen": 1}),
    ],
    ids=["amount", "number", "value", "type", "time"],
)
def test_an_id_that_comes_again_with_other_content_is_a_conflict(store: Store, other: Told) -> None:
    _record(store, _told("a", amount_fen=1))
    found = _record(store, other)
    assert (found.events, found.repeats, found.conflicts) == ([], [], [other])
    assert rows(store, 'SELECT "values" FROM earning_events') == [({"amount_fen": 1},)]


def test_within_a_batch_the_first_of_an_id_counts(store: Store) -> None:
    found = _record(store, _told("a", amount_fen=1), _told("a", amount_fen=1), _told("a"))
    assert [dict(each.values) for each in found.events] == [{"amount_fen": 1}]
    assert (len(found.repeats), len(found.conflicts)) == (1, 1)


def test_eight_batches_with_the_same_events_at_once_record_each_once(store: Store) -> None:
    def work(number: int) -> events.Recorded:
        batch = [_told(f"e{n}", f"+86138777{n % 40:05d}") for n in range(200)]
        return _record(store, *(batch if number % 2 else reversed(batch)))

    found = at_once([partial(work, number) for number in range(8)])
    new = [each for one in found for each in _ids(one.events)]
    assert sorted(new) == sorted({f"e{n}" for n in range(200)})
    assert sum(len(one.repeats) for one in found) == 7 * 200
    assert not any(one.conflicts for one in found)
    made = "SELECT count(*) FROM subscribers s WHERE NOT EXISTS (SELECT 1 FROM subscriber_addresses"
    assert rows(store, f"{made} WHERE subscriber_id = s.id) AND s.id > 0") == [(0,)]


def test_an_empty_batch_is_nothing(store: Store) -> None:
    assert _record(store) == events.Recorded([], [], [])


def test_what_was_told_cannot_be_changed_and_what_cannot_be_is_refused(store: Store) -> None:
    _record(store, _told("a"))
    change = "UPDATE earning_events SET type = 'x'"
    late = "INSERT INTO earning_events SELECT 'b', type, subscriber_id, '2020-01-01', \"values\","
    late += " content_hash, source, received_at FROM earning_events"
    nobody = "INSERT INTO earning_events SELECT 'b', type, 0, occurred_at, \"values\","
    nobody += " content_hash, source, received_at FROM earning_events"
    for statement, name in (
        (change, "append-only"),
        (late, "timely"),
        (nobody, "person"),
        ("TRUNCATE earning_events", "append-only"),
    ):
        with pytest.raises(psycopg.Error, match=name), store.begin() as tx:
            sql.run(tx, statement)


def test_events_are_forgotten_only_when_they_would_be_refused(store: Store) -> None:
    _record(store, _told("a"), _told("b"))
    for days, gone in ((told.OLDEST.days, 0), (events.KEPT_FOR.days, 0)):
        later = NOON + timedelta(days=days)
        before = later - events.KEPT_FOR
        assert store.run(partial(events.forget_before, before=before, limit=10)) == gone
    later = NOON + events.KEPT_FOR + timedelta(seconds=1)
    before = later - events.KEPT_FOR
    assert store.run(lambda tx: events.forget_before(tx, before, 1)) == 1
    assert store.run(lambda tx: events.forget_before(tx, before, 10)) == 1
    with pytest.raises(Bad, match="days ago"):
        told.read(
            {"event_id": "a", "type": "x", "msisdn": LI, "occurred_at": NOON.isoformat()}, {},
            msisdn=msisdn, now=later,
        )  # fmt: skip


# -- reading -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-02T11:00:00+08:00", "2026-03-02T03:00:00Z", "2026-03-02 11:00:00",
        "20260302110000", "2026-03-02 03:00:00+00", "2026-03-02T11:00:00.000",
    ],
)  # fmt: skip
def test_every_way_of_writing_a_time_is_the_same_time(written: str) -> None:
    assert _read(occurred_at=written).occurred_at == datetime(2026, 3, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "not a time"), ("2026-03-02", "not a time"), ("yesterday at noon or so", "not a time"),
        ("2026-02-30T11:00:00", "not a time"), ("20260230110000", "not a time"),
        ("2026-03-02T12:11:00+08:00", "future"), ("9999-12-31T23:59:59-23:00", "not a time"),
        ("0001-01-01T00:00:00+23:00", "not a time"), ("1970-01-01T00:00:00Z", "ago"),
        ("2025-12-31T11:00:00+08:00", "ago"), (None, "missing"), (1772420400, "no text"),
        ("\ud800" * 20, "not a time"), ("２０２６０３０２１１００００", "not a time"),
    ],
)  # fmt: skip
def test_a_time_that_is_none_or_not_of_now_is_refused(written: object, why: str) -> None:
    with pytest.raises(Bad, match=why) as bad:
        _read(occurred_at=written)
    assert bad.value.column == "occurred_at"


@pytest.mark.parametrize(
    "event_id", ["", "x" * 81, "a b", "a\0", "一", "\ud800", None, 5, True, ["a"], "a\n"]
)
def test_an_id_that_is_none_is_refused(event_id: object) -> None:
    with pytest.raises(Bad, match="event_id"):
        _read(event_id=event_id)


@pytest.mark.parametrize("kind", ["", "Order", "x" * 41, "1a", "a-b", "a\0", None, 5, {}])
def test_a_type_that_is_none_is_refused(kind: object) -> None:
    with pytest.raises(Bad, match="type"):
        _read(type=kind)


@pytest.mark.parametrize(
    "number", ["", "10086", "138000000", None, 13800000001, "1" * 90, "\udc80"]
)
def test_a_number_that_is_none_is_refused_without_being_quoted(number: object) -> None:
    with pytest.raises(Bad, match="msisdn") as bad:
        _read(msisdn=number)
    assert not number or str(number) not in str(bad.value)


def test_a_name_that_ends_in_a_unit_is_a_whole_number_in_a_file_and_by_http() -> None:
    from_file = _read({"amount_fen": "5000", "package": "10GB", "remark": ""})
    by_http = _read({"amount_fen": 5000, "package": "10GB", "remark": None})
    assert from_file.values == by_http.values == {"amount_fen": 5000, "package": "10GB"}
    assert from_file.content_hash == by_http.content_hash


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount_fen", "50.00"), ("amount_fen", 50.0), ("amount_fen", True), ("amount_fen", "一"),
        ("amount_fen", "9" * 16), ("amount_fen", 10**15 + 1), ("amount_fen", float("nan")),
        ("package", 5), ("package", ["x"]), ("package", "x" * 201), ("package", "a\0b"),
        ("package", "\udcff"), ("Package", "x"), ("", "x"), ("event_id", "x"), ("a b", "x"),
        ("values", "x"),
    ],
)  # fmt: skip
def test_a_value_that_rules_cannot_use_is_refused(name: str, value: object) -> None:
    with pytest.raises(Bad):
        _read({name: value})


def test_values_may_have_quotes_lines_and_signs_and_no_more_than_thirty() -> None:
    assert _read({"remark": '他说"好"\n=1+1'}).values == {"remark": '他说"好"\n=1+1'}
    with pytest.raises(Bad, match="more than 30"):
        _read({f"v{n}": "x" for n in range(31)})

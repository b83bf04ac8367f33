"""The door for events: signed by BOSS, each event counts once, and a bad one blocks no other."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from handlers import events as door
from models.base import Tx
from models.earning.event import Event
from tests.handlers.conftest import Doors

FUZZ = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
_ids = itertools.count(1)


def _event(doors: Doors, number: str, **other: Any) -> dict[str, Any]:
    at = (doors.clock() - timedelta(minutes=5)).isoformat()
    return {
        "event_id": f"door-{next(_ids)}", "type": "package_ordered", "msisdn": number,
        "occurred_at": at, "values": {"amount_fen": 5000, "package": "10GB"}, **other,
    }  # fmt: skip


def _results(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["result"] for each in answer.json()["results"]]


def _kept(doors: Doors, event: dict[str, Any]) -> int:
    found = "SELECT count(*) FROM earning_events WHERE event_id = %s"
    return int(doors.rows(found, event["event_id"])[0][0])


def test_an_event_is_taken_and_its_subscriber_known_by_number(
    doors: Doors, new_number: str
) -> None:
    event = _event(doors, new_number)
    answer = doors.boss_events.events(event)
    assert answer.json() == {"results": [{"event_id": event["event_id"], "result": "accepted"}]}
    found = (
        'SELECT e.type, e."values", e.source, a.address FROM earning_events e'
        " JOIN subscriber_addresses a USING (subscriber_id) WHERE e.event_id = %s"
    )
    assert doors.rows(found, event["event_id"]) == [
        ("package_ordered", {"amount_fen": 5000, "package": "10GB"}, "boss", new_number)
    ]


def test_bad_events_are_told_why_and_block_no_good_ones(doors: Doors, new_number: str) -> None:
    good, also = _event(doors, new_number), _event(doors, new_number)
    bad: list[Any] = [
        _event(doors, "10086"),
        _event(doors, new_number, type="No Type"),
        _event(doors, new_number, occurred_at="soon"),
        _event(doors, new_number, values={"amount_fen": "much"}),
        _event(doors, new_number, values=["x"]),
        _event(doors, new_number, colour="red"),
        _event(doors, new_number, event_id=""),
        *(None, 5, "x", [], {}),
    ]
    answer = doors.boss_events.events(good, *bad, also)
    assert _results(answer) == ["accepted", *["refused"] * len(bad), "accepted"]
    words = ["msisdn: a number has", "type:", "occurred_at:", "amount_fen: not a whole", "values:",
             "unknown: colour", "event_id:", *["must be an object"] * 4, "event_id:"]  # fmt: skip
    for told, word in zip(answer.json()["results"][1:-1], words, strict=True):
        assert word in told["reason"]
    assert "10086" not in answer.text
    assert _kept(doors, good) == _kept(doors, also) == 1


def test_an_event_that_comes_again_is_a_repeat_and_with_other_content_a_conflict(
    doors: Doors, new_number: str
) -> None:
    event = _event(doors, new_number)
    assert _results(doors.boss_events.events(event, event)) == ["accepted", "repeat"]
    with doors.nothing_changes():
        other = {**event, "values": {"amount_fen": 1}}
        answer = doors.boss_events.events(event, other)
    assert _results(answer) == ["repeat", "refused"]
    assert "other content" in answer.json()["results"][1]["reason"]


def test_the_same_request_eight_times_at_once_counts_once(doors: Doors, new_number: str) -> None:
    told = [_event(doors, new_number) for _ in range(20)]
    barrier = threading.Barrier(8)

    def tell(number: int) -> list[str]:
        barrier.wait()
        return _results(doors.boss_events.events(*(told if number % 2 else told[::-1])))

    with ThreadPoolExecutor(8) as pool:
        results = [result for results in pool.map(tell, range(8)) for result in results]
    assert (results.count("accepted"), results.count("repeat")) == (20, 140)


def test_as_many_as_the_limit_allows_and_no_more(doors: Doors, new_number: str) -> None:
    told = [_event(doors, new_number) for _ in range(500)]
    assert set(_results(doors.boss_events.events(*told))) == {"accepted"}
    with doors.nothing_changes():
        assert doors.boss_events.events(*told, _event(doors, new_number)).status_code == 413
        long = doors.boss_events.posts(b"x" * 600 * 1024)
        assert (long.status_code, long.json()) == (
            413,
            {"error": "more than 512 KB in one request"},
        )
    assert _results(doors.boss_events.events()) == []


# -- who is let in -----------------------------------------------------------------------------


def test_only_boss_is_let_in_and_only_now(doors: Doors, new_number: str) -> None:
    body = json.dumps({"events": [_event(doors, new_number)]}).encode()
    now = int(doors.clock().timestamp())
    with doors.nothing_changes():
        for signature in ("", "0" * 64, "x" * 5000):
            assert doors.boss_events.posts(body, signature=signature).status_code == 403
        for stamp in ("", "x", "0", now - 305, now + 330, "9" * 13):
            assert doors.boss_events.posts(body, at=stamp).status_code == 403
        assert doors.http.post(doors.boss_events.url, data=body).status_code == 403
        assert doors.http.get(doors.boss_events.url).status_code == 405
    assert doors.boss_events.posts(body, at=now - 290).status_code == 200


BODIES = {
    "nothing": b"",
    "no JSON": b"events",
    "a list": b"[]",
    "null": b"null",
    "no events": b"{}",
    "events null": b'{"events": null}',
    "events an object": b'{"events": {}}',
    "not UTF-8": b'{"events": "\xff"}',
    "deep": b"[" * 30_000,
    "huge number": b'{"events": ' + b"9" * 10_000 + b"}",
}


@pytest.mark.parametrize("name", BODIES)
def test_a_signed_body_that_cannot_be_read_is_refused(doors: Doors, name: str) -> None:
    with doors.nothing_changes():
        assert doors.boss_events.posts(BODIES[name]).status_code == 400


@FUZZ
@given(body=st.binary(max_size=300), signed=st.booleans())
def test_random_bytes_never_break_the_door(doors: Doors, body: bytes, signed: bool) -> None:
    with doors.nothing_changes():
        answer = doors.boss_events.posts(body, signature=None if signed else "0")
    assert 400 <= answer.status_code < 500


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below),
    max_leaves=8,
)


@FUZZ
@given(
    told=st.lists(
        _JSON
        | st.fixed_dictionaries(
            {},
            optional={
                "event_id": _JSON,
                "type": st.just("bill_paid") | _JSON,
                "msisdn": st.just("13800000001") | _JSON,
                "occurred_at": _JSON,
                "values": st.dictionaries(st.text(max_size=5) | st.just("n_fen"), _JSON) | _JSON,
            },
        ),
        max_size=4,
    )
)
def test_signed_nonsense_never_breaks_the_door(doors: Doors, told: list[Any]) -> None:
    answer = doors.boss_events.events(*told)
    assert _results(answer) == ["refused"] * len(told)


@pytest.mark.parametrize(
    "value", ["\0", "\ud800", "a\udfffb", "\x01", "😀" * 300, 1e400, -(10**30), {"a": 1}]
)
def test_what_cannot_be_stored_is_refused(doors: Doors, new_number: str, value: object) -> None:
    for told in (
        _event(doors, new_number, values={"package": value}),
        _event(doors, new_number, values={"amount_fen": value}),
        _event(doors, new_number, type=value),
        _event(doors, new_number, event_id=value),
        {**_event(doors, new_number), str(value): "x"},
    ):
        assert _results(doors.boss_events.events(told)) == ["refused"]


# -- when things fail --------------------------------------------------------------------------


def test_without_a_database_boss_is_asked_to_come_again(cut_off: Doors) -> None:
    assert cut_off.boss_events.events(_event(cut_off, "13800000001")).status_code == 503
    assert cut_off.boss_events.posts(b"").status_code == 400


def test_an_event_that_our_rules_fail_on_blocks_no_other_and_may_come_again(
    doors: Doors, new_number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Event] = []
    bugs = {"bug"}

    def earn(tx: Tx, events: Sequence[Event], now: datetime) -> int:
        if any(event.type in bugs for event in events):
            raise ZeroDivisionError
        given.extend(events)
        return 0

    with monkeypatch.context() as patch:
        patch.setattr("doors.earn", earn)
        ours = doors.serve()
        good, bug = _event(doors, new_number), _event(doors, new_number, type="bug")
        with capture_logs() as entries:
            answer = ours.boss_events.events(good, bug)
        assert _results(answer) == ["accepted", "failed"]
        assert {"events failed together", "event failed"} <= {each["event"] for each in entries}
        assert (_kept(doors, good), _kept(doors, bug)) == (1, 0)
        bugs.clear()
        assert _results(ours.boss_events.events(good, bug)) == ["repeat", "accepted"]
        assert [each.id for each in given] == [good["event_id"], bug["event_id"]]


def test_what_the_rules_give_and_what_was_told_stand_or_fall_together(
    doors: Doors, new_number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def earn(tx: Tx, events: Sequence[Event], now: datetime) -> int:
        tx.exec_driver_sql("INSERT INTO clubs (code) VALUES ('x')")  # misses what it needs
        return 0

    with monkeypatch.context() as patch:
        patch.setattr("doors.earn", earn)
        ours = doors.serve()
        with doors.nothing_changes():
            answer = ours.boss_events.events(_event(doors, new_number))
    assert _results(answer) == ["failed"]


def test_without_a_secret_nobody_is_let_in(doors: Doors) -> None:
    app = Flask("events")
    limits = door.Limits(events=500, body_bytes=1000, window_s=300)
    circle = doors.circle
    app.register_blueprint(
        door.door(secret=None, limits=limits, store=circle.store, earn=_none, now=circle.now)
    )
    assert app.test_client().post("/boss/events", data=b"{}").status_code == 503


def _none(tx: Tx, events: Sequence[Event], now: datetime) -> int:
    return 0

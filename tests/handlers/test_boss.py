"""The BOSS door: one answer to an order counts once, and nobody else's counts at all."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from dialogs.join_club import JoinClub
from tests.handlers.conftest import Doors

FUZZ = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def order(doors: Doors, new_number: str) -> int:
    """The id of an order that somebody has just made by 加入电影 and 是."""
    doors.twilio.texts(new_number, "加入电影")
    doors.sent(new_number)  # a question that has not left cannot be answered
    doors.twilio.texts(new_number, "是")
    found = "SELECT id FROM outbox WHERE kind = 'call' AND payload -> 'arguments' ->> 'msisdn' = %s"
    return int(doors.rows(found, new_number)[0][0])


def _membership(doors: Doors, order: int) -> str:
    found = "SELECT m.state FROM memberships m JOIN outbox o USING (subscriber_id) WHERE o.id = %s"
    return str(doors.rows(found, order)[0][0])


def _said(doors: Doors, order: int, words: str) -> int:
    """How many messages with these words the person of an order is owed."""
    found = (
        "SELECT count(*) FROM outbox m JOIN outbox o USING (subscriber_id)"
        " WHERE o.id = %s AND m.payload ->> 'text' LIKE '%%' || %s || '%%'"
    )
    return int(doors.rows(found, order, words)[0][0])


def test_a_confirmation_makes_a_member(doors: Doors, order: int) -> None:
    assert doors.boss.tells(str(order)).status_code == 204
    assert _membership(doors, order) == "active"
    assert _said(doors, order, "欢迎加入电影俱乐部") == 1


def test_a_confirmation_that_comes_three_times_counts_once(doors: Doors, order: int) -> None:
    doors.boss.tells(str(order))
    with doors.nothing_changes():
        for event_id in ("e1", "e2"):
            assert doors.boss.tells(str(order), event_id=event_id).status_code == 204


def test_eight_confirmations_at_once_count_once(doors: Doors, order: int) -> None:
    barrier = threading.Barrier(8)

    def confirm(number: int) -> int:
        barrier.wait()
        return doors.boss.tells(str(order), event_id=f"e{number}").status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(confirm, range(8))) == {204}
    assert _said(doors, order, "欢迎加入电影俱乐部") == 1


def test_a_refusal_after_a_confirmation_is_ignored(doors: Doors, order: int) -> None:
    doors.boss.tells(str(order))
    with doors.nothing_changes():
        assert doors.boss.tells(str(order), "refused", reason="欠费").status_code == 204
    assert _membership(doors, order) == "active"


def test_a_confirmation_after_a_refusal_is_ignored(doors: Doors, order: int) -> None:
    doors.boss.tells(str(order), "refused", reason="欠费")
    assert _said(doors, order, "欠费") == 1
    with doors.nothing_changes():
        assert doors.boss.tells(str(order)).status_code == 204


@pytest.mark.parametrize(
    "reason",
    ["欠\0费", "\ud800", "a\udfffb", "\x01\x1f", "😀", "]]>", "x" * 100_000, "{reason}", "%s"],
)
def test_any_reason_is_told_or_cut_and_never_breaks_the_door(
    doors: Doors, order: int, reason: str
) -> None:
    body = {"request_id": str(order), "state": "refused", "reason": reason[:10_000]}
    assert doors.boss.posts(json.dumps(body).encode()).status_code == 204
    assert doors.rows("SELECT state FROM outbox WHERE id = %s", order) == [("answered",)]
    assert _membership(doors, order) != "active"


@pytest.mark.parametrize("reason", [None, 5, ["x"], {"a": 1}, True])
def test_a_reason_that_is_no_text_is_left_out(doors: Doors, order: int, reason: object) -> None:
    assert doors.boss.tells(str(order), "refused", reason=reason).status_code == 204


@pytest.mark.parametrize(
    "request_id",
    [
        "0",
        "999999999",
        "9" * 18,
        "9" * 19,
        "9" * 100,
        "abc",
        "-1",
        "1.0",
        "１",
        "²",
        "0x1",
        "1 ",
        "1\0",
    ],
)
def test_a_request_that_we_never_made_is_not_found(doors: Doors, request_id: str) -> None:
    with doors.nothing_changes():
        assert doors.boss.tells(request_id).status_code == 404


def test_an_id_that_only_begins_like_one_of_ours_is_not_ours(doors: Doors, order: int) -> None:
    with doors.nothing_changes():
        for written in (
            f"{order:018d}0",
            f"0{order}",
            f"{order:018d}",
            f"+{order}",
            f"{order}0000000",
        ):
            assert doors.boss.tells(written).status_code == 404


def test_the_id_of_a_message_is_not_that_of_an_order(doors: Doors, order: int) -> None:
    message = doors.rows("SELECT id FROM outbox WHERE kind = 'sms' LIMIT 1")[0][0]
    with doors.nothing_changes():
        assert doors.boss.tells(str(message)).status_code == 404


# -- who is let in -----------------------------------------------------------------------------


@pytest.mark.parametrize("signature", ["", "0" * 64, "签名", "x" * 5000, "00"])
def test_a_wrong_signature_is_refused(doors: Doors, order: int, signature: str) -> None:
    body = json.dumps({"request_id": str(order), "state": "opened"}).encode()
    with doors.nothing_changes():
        latin = signature.encode().decode("latin-1")
        assert doors.boss.posts(body, signature=latin).status_code == 403


@pytest.mark.parametrize("stamp", ["", "-1", "0", "x", "1e9", "9" * 12, "9" * 13, "9" * 5000])
def test_a_callback_that_is_not_of_now_is_refused(doors: Doors, order: int, stamp: str) -> None:
    body = json.dumps({"request_id": str(order), "state": "opened"}).encode()
    with doors.nothing_changes():
        assert doors.boss.posts(body, at=stamp).status_code == 403


def test_a_callback_from_outside_the_window_is_refused(doors: Doors, order: int) -> None:
    body = json.dumps({"request_id": str(order), "state": "opened"}).encode()
    now = int(doors.clock().timestamp())
    with doors.nothing_changes():
        assert doors.boss.posts(body, at=now - 305).status_code == 403
        assert doors.boss.posts(body, at=now + 330).status_code == 403
    assert doors.boss.posts(body, at=now - 290).status_code == 204


def test_a_signature_covers_the_body_and_the_time(doors: Doors, order: int) -> None:
    with doors.nothing_changes():
        assert doors.http.post(doors.boss.url, json={"request_id": str(order)}).status_code == 403
        assert doors.http.get(doors.boss.url).status_code == 405


BODIES = {
    "nothing": b"",
    "no JSON": b"opened",
    "no object": b'["opened"]',
    "a number": b"5",
    "null": b"null",
    "not UTF-8": b'{"state": "\xff"}',
    "another encoding": '{"request_id": "1", "state": "opened"}'.encode("utf-16"),
    "huge number": b'{"request_id": ' + b"9" * 10_000 + b', "state": "opened"}',
    "number for text": b'{"request_id": 1, "state": "opened"}',
    "infinity": b'{"request_id": Infinity, "state": "opened"}',
    "deep": b"[" * 30_000,
    "deep object": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "no id": b'{"state": "opened"}',
    "empty id": b'{"request_id": "", "state": "opened"}',
    "long id": b'{"request_id": "' + b"1" * 101 + b'", "state": "opened"}',
    "no state": b'{"request_id": "1"}',
    "no end": b'{"request_id": "1", "state": "accepted"}',
    "unknown state": b'{"request_id": "1", "state": "exploded"}',
    "state list": b'{"request_id": "1", "state": ["opened"]}',
}


@pytest.mark.parametrize("name", BODIES)
def test_a_signed_body_that_cannot_be_read_is_refused(doors: Doors, name: str) -> None:
    with doors.nothing_changes():
        assert doors.boss.posts(BODIES[name]).status_code in (403, 404)


def test_a_body_over_the_limit_is_refused(doors: Doors) -> None:
    with doors.nothing_changes():
        assert doors.boss.posts(b"x" * 70_000).status_code == 413


@pytest.mark.slow
@FUZZ
@given(body=st.binary(max_size=300), signed=st.booleans())
def test_random_bytes_never_break_the_door(doors: Doors, body: bytes, signed: bool) -> None:
    with doors.nothing_changes():
        answer = doors.boss.posts(body, signature=None if signed else "0")
    assert 400 <= answer.status_code < 500


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below),
    max_leaves=8,
)


@FUZZ
@given(
    told=st.fixed_dictionaries(
        {},
        optional={
            "request_id": _JSON, "state": st.just("opened") | _JSON, "reason": _JSON,
            "event_id": _JSON,
        },
    )
)  # fmt: skip
def test_signed_nonsense_never_breaks_the_door(doors: Doors, told: dict[str, object]) -> None:
    assert 400 <= doors.boss.posts(json.dumps(told).encode()).status_code < 500


# -- when things fail --------------------------------------------------------------------------


def test_without_a_database_boss_is_asked_to_come_again(cut_off: Doors) -> None:
    assert cut_off.boss.tells("1").status_code == 503
    assert cut_off.boss.tells("x").status_code == 404


def test_a_step_that_raises_is_rolled_back_and_boss_may_come_again(
    doors: Doors, order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch, capture_logs() as entries, doors.nothing_changes():
        patch.setattr(JoinClub, "boss_replied", raises)
        assert doors.boss.tells(str(order)).status_code == 500
    (failure,) = [entry for entry in entries if entry["event"] == "step failed"]
    assert (failure["owed"], failure["error"]) == (order, "ZeroDivisionError")
    assert doors.boss.tells(str(order)).status_code == 204
    assert _membership(doors, order) == "active"

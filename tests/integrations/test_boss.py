"""BOSS: orders that are the same order when sent again, and callbacks that cannot be forged."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.boss import BadCallback, Boss, Order, read_callback, sign
from integrations.errors import Final, TryLater

SECRET = "development-boss-secret"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))


def boss_at(far: Any, timeout_s: float = 5.0) -> Boss:
    return Boss(base_url=f"{far.url}/boss/", secret=SECRET, timeout_s=timeout_s)


def open_film(boss: Boss) -> Order:
    return boss.open_service(request_id="r/1", msisdn="+8613800000001", service="film")


@pytest.mark.parametrize(
    ("status", "said", "order"),
    [
        (202, {"request_id": "r/1", "state": "accepted"}, Order("r/1", "accepted")),
        (200, {"state": "opened"}, Order("r/1", "opened")),
        (409, {"state": "refused", "reason": "欠费"}, Order("r/1", "refused", "欠费")),
    ],
)
def test_an_order_is_accepted_opened_or_refused(
    far: Any, status: int, said: dict[str, str], order: Order
) -> None:
    far.answer = lambda _: (status, said)
    assert open_film(boss_at(far)) == order
    (call,) = far.calls
    assert (call.method, call.path) == ("POST", "/boss/services/open")
    assert json.loads(call.body) == {
        "request_id": "r/1",
        "msisdn": "+8613800000001",
        "service": "film",
    }
    stamp = call.headers["X-Boss-Timestamp"]
    assert call.headers["X-Boss-Signature"] == sign(SECRET, stamp, call.body)


def test_an_order_can_be_asked_for_and_may_be_unknown(far: Any) -> None:
    far.answer = lambda _: (200, {"state": "opened"})
    assert boss_at(far).query_order("r/1") == Order("r/1", "opened")
    assert far.calls[0].path == "/boss/orders/r%2F1"
    far.answer = lambda _: (404, b"")
    assert boss_at(far).query_order("r/1") == Order("r/1", "unknown")


@pytest.mark.parametrize(
    "said",
    [
        (503, b""),
        (500, b"oops"),
        (429, b""),
        (200, b"not json"),
        (200, {"state": "?"}),
        (200, []),
        (202, {"state": ["opened"]}),
    ],
)
def test_a_busy_or_unreadable_boss_is_tried_later(far: Any, said: tuple[int, Any]) -> None:
    far.answer = lambda _: said
    with pytest.raises(TryLater):
        open_film(boss_at(far))
    assert len(far.calls) == 1


def test_boss_may_name_the_pause_it_wants(far: Any) -> None:
    far.answer = lambda _: (503, b"", {"Retry-After": "7"})
    with pytest.raises(TryLater) as failed:
        open_film(boss_at(far))
    assert failed.value.after_s == 7


def test_another_refusal_is_final(far: Any) -> None:
    far.answer = lambda _: (400, {"error": "no such service"})
    with pytest.raises(Final):
        open_film(boss_at(far))


def test_a_slow_boss_may_have_done_it_and_an_absent_one_has_not(far: Any) -> None:
    far.answer = lambda _: None
    with pytest.raises(TryLater) as slow:
        open_film(boss_at(far, timeout_s=0.05))
    # Port 9 (discard) refuses: nothing listens there.
    with pytest.raises(TryLater) as absent:
        open_film(Boss(base_url="http://127.0.0.1:9", secret=SECRET, timeout_s=1))
    assert (slow.value.maybe_done, absent.value.maybe_done) == (True, False)
    assert "127.0.0.1" not in str(absent.value)


def told(body: bytes, *, secret: str = SECRET, stamp: str = STAMP, **more: Any) -> Order:
    headers = {"x-boss-timestamp": stamp, "X-BOSS-SIGNATURE": sign(secret, stamp, body)}
    return read_callback(body, {**headers, **more}, secret=SECRET, now=NOW)


GOOD = json.dumps(
    {"request_id": "r1", "state": "refused", "reason": "欠费", "event_id": "e1"}
).encode()


def test_a_signed_callback_is_read() -> None:
    assert told(GOOD) == Order("r1", "refused", "欠费", "e1")


def test_a_forged_old_or_future_callback_is_refused() -> None:
    with pytest.raises(BadCallback, match="signature"):
        told(GOOD, secret="other")
    with pytest.raises(BadCallback, match="signature"):
        told(GOOD, **{"X-BOSS-SIGNATURE": "é" * 64})
    with pytest.raises(BadCallback, match="Timestamp"):
        read_callback(GOOD, {}, secret=SECRET, now=NOW)
    for age_s in (-301, 301):
        stamp = str(int((NOW - timedelta(seconds=age_s)).timestamp()))
        with pytest.raises(BadCallback, match="old"):
            told(GOOD, stamp=stamp)
    for stamp in ("nan", "-1", "1e3", "9" * 400, "١"):
        with pytest.raises(BadCallback, match="Timestamp"):
            told(GOOD, stamp=stamp)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b"{}",
        b'{"request_id": "r1", "state": "accepted"}',
        b'{"request_id": 5, "state": "opened"}',
        b'{"request_id": "", "state": "opened"}',
        b'{"request_id": "r1", "state": ["opened"]}',
        b'{"state": "opened"}',
        b"[" * 100_000,
    ],
)
def test_a_signed_callback_that_says_nothing_is_refused(body: bytes) -> None:
    with pytest.raises(BadCallback):
        told(body)


@pytest.mark.parametrize(
    ("status", "said", "state"),
    [(200, {"state": "closed"}, "closed"), (202, {"state": "accepted"}, "accepted")],
)
def test_a_service_is_closed_at_once_or_later(
    far: Any, status: int, said: dict[str, str], state: str
) -> None:
    far.answer = lambda _: (status, said)
    order = boss_at(far).close_service(request_id="9", msisdn="+8613800000001", service="film")
    assert order == Order("9", state)
    assert far.calls[0].path == "/boss/services/close"

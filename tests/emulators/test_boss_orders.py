"""BOSS: opened once, confirmed later by a signed callback, tried again until taken."""

import json
import time
from typing import Any

import pytest

from emulators.boss import sign

ORDER = {"request_id": "owed-1", "msisdn": "+8613800000001", "service": "film"}


def call(client: Any, method: str, path: str, body: Any = None, **headers: str) -> Any:
    data = b"" if body is None else json.dumps(body).encode()
    stamp = headers.pop("stamp", str(int(time.time())))
    signed = {
        "X-Boss-Timestamp": stamp,
        "X-Boss-Signature": sign(client.settings.boss_secret, stamp, data),
    } | headers
    return client.http.request(method, f"{client.url}/boss{path}", data=data, headers=signed)


def open_service(client: Any, **changes: str) -> Any:
    return call(client, "POST", "/services/open", ORDER | changes)


def told(product: Any) -> list[Any]:
    return [json.loads(got.body) for got in product.paths("/boss/callback")]


def test_an_order_is_accepted_and_confirmed_later(client: Any, product: Any) -> None:
    answer = open_service(client)
    assert (answer.status_code, answer.json()) == (
        202,
        {"request_id": "owed-1", "state": "accepted"},
    )
    client.rest()
    (event,) = told(product)
    assert (event["request_id"], event["state"]) == ("owed-1", "opened")
    assert event["event_id"]
    (got,) = product.got
    stamp = got.headers["X-Boss-Timestamp"]
    signature = sign(client.settings.boss_secret, stamp, got.body)
    assert got.headers["X-Boss-Signature"] == signature
    assert call(client, "GET", "/orders/owed-1").json()["state"] == "opened"
    assert call(client, "GET", "/orders/other").status_code == 404


def test_the_same_request_opens_once(client: Any, product: Any) -> None:
    client.control("POST", "/boss/settings", confirm_after_s=60)
    answers = [open_service(client) for _ in range(3)]
    assert {(a.status_code, a.json()["state"]) for a in answers} == {(202, "accepted")}
    client.later(61)
    client.rest()
    assert len(told(product)) == 1
    (order,) = client.control("GET", "/boss/orders")
    assert (order["state"], order["asked"]) == ("opened", 3)
    assert open_service(client).status_code == 200
    assert open_service(client, service="car").status_code == 422


def test_a_refusal_names_its_reason_and_is_kept(client: Any, product: Any) -> None:
    client.control("POST", "/boss/settings", refuse=True, reason="欠费停机")
    answer = open_service(client)
    assert (answer.status_code, answer.json()["reason"]) == (409, "欠费停机")
    client.control("POST", "/boss/settings", refuse=False)
    assert open_service(client).status_code == 409
    assert told(product) == []


def test_at_once_answers_opened_without_a_callback(client: Any, product: Any) -> None:
    client.control("POST", "/boss/settings", at_once=True)
    assert (open_service(client).status_code, told(product)) == (200, [])


def test_by_hand_confirms_when_told_as_often_as_told(client: Any, product: Any) -> None:
    client.control("POST", "/boss/settings", confirm_after_s=None)
    open_service(client)
    client.rest()
    assert told(product) == []
    path = "/boss/orders/owed-1/confirm"
    client.control("POST", path, state="refused", reason="余额不足", times=2)
    client.control("POST", path, state="opened")
    client.rest()
    states = [(event["state"], event["reason"]) for event in told(product)]
    assert sorted(states) == [("opened", ""), ("refused", "余额不足"), ("refused", "余额不足")]
    assert len({event["event_id"] for event in told(product)}) == 2
    assert call(client, "GET", "/orders/owed-1").json()["state"] == "refused"


def test_a_callback_that_was_not_taken_is_sent_three_times(client: Any, product: Any) -> None:
    product.answer = lambda got: (503, b"")
    open_service(client)
    client.rest()
    assert len(told(product)) == 3
    assert len({event["event_id"] for event in told(product)}) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Boss-Signature": "wrong"}, 401),
        ({"stamp": "1000000000"}, 401),
        ({"stamp": "soon"}, 401),
    ],
)
def test_unsigned_or_old_requests_are_refused(
    client: Any, headers: dict[str, str], status: int
) -> None:
    answer = call(client, "POST", "/services/open", ORDER, **headers)
    assert answer.status_code == status
    assert client.control("GET", "/boss/orders") == []


def test_an_incomplete_order_is_refused(client: Any) -> None:
    assert call(client, "POST", "/services/open", {"request_id": "1"}).status_code == 400


def test_a_confirmation_is_still_sent_after_a_restart(
    start: Any, product: Any, tmp_path: Any
) -> None:
    first = start(data_dir=tmp_path, boss_confirm_after_s=3600.0)
    open_service(first)
    first.emulators.stop()
    second = start(data_dir=tmp_path)
    second.later(3601)
    second.rest()
    assert [event["state"] for event in told(product)] == ["opened"]


def test_a_service_is_closed_at_once_and_once(client: Any, product: Any) -> None:
    for _ in range(2):
        answer = call(client, "POST", "/services/close", ORDER)
        assert (answer.status_code, answer.json()["state"]) == (200, "closed")
    client.rest()
    assert told(product) == []
    assert call(client, "POST", "/services/close", {"msisdn": "1"}).status_code == 400


def test_a_closing_is_confirmed_later_where_that_is_wanted(client: Any, product: Any) -> None:
    client.control("POST", "/boss/settings", close_at_once=False, confirm_after_s=5)
    answer = call(client, "POST", "/services/close", ORDER)
    assert (answer.status_code, answer.json()["state"]) == (202, "accepted")
    # The same number for another thing is a mistake, whichever came first.
    assert call(client, "POST", "/services/open", ORDER).status_code == 422
    client.later(6)
    client.rest()
    assert [event["state"] for event in told(product)] == ["closed"]


def test_a_closing_can_be_refused(client: Any, product: Any) -> None:
    client.control("POST", "/boss/settings", refuse=True, reason="有未付账单")
    answer = call(client, "POST", "/services/close", ORDER)
    assert (answer.status_code, answer.json()["reason"]) == (409, "有未付账单")

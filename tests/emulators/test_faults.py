"""Every fault at every place where it can be ordered."""

import json
import time
from typing import Any
from xml.etree import ElementTree

import pytest
import requests
from twilio.request_validator import RequestValidator

from emulators.boss import sign
from emulators.faults import DEEDS, PLACES

MESSAGE = {"touser": "o_lilei", "msgtype": "text", "text": {"content": "你好"}}


@pytest.fixture
def plain(start: Any) -> Any:
    return start(mode="plain")


def open_service(client: Any, request_id: str = "owed-1") -> Any:
    asked = {"request_id": request_id, "msisdn": "+8613800000001", "service": "film"}
    body, stamp = json.dumps(asked).encode(), str(int(time.time()))
    headers = {
        "X-Boss-Timestamp": stamp,
        "X-Boss-Signature": sign(client.settings.boss_secret, stamp, body),
    }
    url = f"{client.url}/boss/services/open"
    return client.http.post(url, data=body, headers=headers, timeout=60)


def message_ids(product: Any) -> list[str | None]:
    return [ElementTree.fromstring(got.body).findtext("MsgId") for got in product.got]


def test_an_error_of_each_api_is_its_own(client: Any) -> None:
    client.fault("wechat.api", "error", code=45009, path="tags/get")
    assert client.code("menu/get") == 46003
    assert [client.code("tags/get"), client.code("tags/get")] == [45009, 0]
    client.fault("wechat.api", "error", status=502, path="tags/get")
    token = client.token()["access_token"]
    url = f"{client.url}/cgi-bin/tags/get?access_token={token}"
    assert client.http.get(url, timeout=60).status_code == 502
    client.fault("twilio.api", "error", code=20429)
    answer = client.twilio()
    assert (answer.status_code, answer.json()["code"]) == (429, 20429)
    client.fault("twilio.api", "error")
    assert client.twilio().status_code == 500
    client.fault("boss.api", "error", status=503)
    assert open_service(client).status_code == 503
    assert client.control("GET", "/boss/orders") == []


def test_a_drop_does_the_work_and_gives_no_answer(client: Any) -> None:
    client.act("o_lilei", "text", text="在吗")
    token = client.token()["access_token"]
    client.fault("wechat.api", "drop", path="custom/send")
    with pytest.raises(requests.ConnectionError):
        client.wechat("message/custom/send", MESSAGE, token=token)
    assert client.phone("李雷")["wechat"][-1]["text"] == "你好"
    client.fault("twilio.api", "drop")
    with pytest.raises(requests.ConnectionError):
        client.twilio(text="once")
    client.rest()
    assert [entry["text"] for entry in client.phone("李雷")["sms"]] == ["once"]
    client.fault("boss.api", "drop")
    with pytest.raises(requests.ConnectionError):
        open_service(client)
    assert [order["asked"] for order in client.control("GET", "/boss/orders")] == [1]
    statuses = [one["status"] for one in client.control("GET", "/wire") if "fault" in one["note"]]
    assert statuses == [None, None, None]


def test_slow_answers_late_but_works_at_once(client: Any) -> None:
    client.fault("boss.api", "slow", seconds=0.3)
    began = time.monotonic()
    with pytest.raises(requests.ReadTimeout):
        client.http.post(f"{client.url}/boss/services/open", data=b"", timeout=(60, 0.1))
    client.fault("twilio.api", "slow", seconds=0.2)
    assert client.twilio().status_code == 201
    assert time.monotonic() - began >= 0.3


def test_a_duplicated_request_is_done_twice(client: Any) -> None:
    client.act("o_lilei", "text", text="在吗")
    client.fault("wechat.api", "duplicate", path="custom/send")
    client.wechat("message/custom/send", MESSAGE)
    assert [e["text"] for e in client.phone("李雷")["wechat"]] == ["在吗", "你好", "你好"]
    client.fault("twilio.api", "duplicate")
    client.twilio()
    client.rest()
    assert len(client.phone("李雷")["sms"]) == 2
    client.fault("boss.api", "duplicate")
    assert open_service(client).status_code == 202
    assert [order["asked"] for order in client.control("GET", "/boss/orders")] == [2]


def test_a_reordered_request_lets_one_pass(client: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    client.fault("twilio.api", "reorder", seconds=30)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(client.twilio, text="first")
        client.until_held()
        assert not held.done()
        assert client.twilio(text="second").status_code == 201
        assert held.result(timeout=60).status_code == 201
    client.rest()
    # In any order: on their ways to the phone, two that are so close may overtake each other.
    assert {e["text"] for e in client.phone("李雷")["sms"]} == {"first", "second"}


def test_late_messages_arrive_later(client: Any, product: Any) -> None:
    client.act("o_lilei", "text", text="在吗")
    client.fault("wechat.api", "late", path="custom/send", seconds=60)
    assert client.code("message/custom/send", MESSAGE) == 0
    client.fault("twilio.api", "late", seconds=60)
    client.twilio(text="spät")
    client.fault("boss.api", "late", seconds=60)
    open_service(client)
    assert len(client.phone("李雷")["wechat"]) == 1
    assert product.paths("/boss/callback") == []
    client.later(61)
    client.rest()
    assert len(client.phone("李雷")["wechat"]) == 2
    assert len(client.phone("李雷")["sms"]) == 1
    assert len(product.paths("/boss/callback")) == 1


def test_a_dropped_or_lost_callback_of_wechat_comes_again(plain: Any, product: Any) -> None:
    plain.fault("wechat.callback", "drop")
    assert plain.act("o_lilei", "text", text="一")["status"] == 200
    plain.fault("wechat.callback", "error", times=2)
    assert plain.act("o_lilei", "text", text="二")["status"] == 200
    ids = message_ids(product)
    assert (len(ids), len(set(ids))) == (5, 2)


def test_a_duplicated_callback_of_wechat_has_the_same_id(plain: Any, product: Any) -> None:
    plain.fault("wechat.callback", "duplicate")
    plain.act("o_lilei", "text", text="一")
    ids = message_ids(product)
    assert (len(ids), len(set(ids))) == (2, 1)


def test_reordered_callbacks_of_wechat_change_places(plain: Any, product: Any) -> None:
    plain.fault("wechat.callback", "reorder", seconds=30)
    assert plain.act("o_lilei", "text", text="一")["held"]
    plain.act("o_lilei", "text", text="二")
    plain.rest()
    texts = [ElementTree.fromstring(got.body).findtext("Content") for got in product.got]
    assert texts == ["二", "一"]


def test_a_late_callback_of_wechat_bears_old_stamps(plain: Any, product: Any) -> None:
    plain.fault("wechat.callback", "late", seconds=600)
    plain.act("o_lilei", "text", text="一")
    (got,) = product.got
    created = int(ElementTree.fromstring(got.body).findtext("CreateTime") or 0)
    assert abs(time.time() - 600 - created) < 60  # the machine may be slow
    assert abs(int(got.query["timestamp"]) - created) < 60


def test_slow_callbacks_wait_before_they_are_sent(plain: Any, product: Any) -> None:
    plain.fault("wechat.callback", "slow", seconds=0.1)
    began = time.monotonic()
    plain.act("o_lilei", "text", text="一")
    assert time.monotonic() - began >= 0.1


def test_bad_signatures_are_bad(plain: Any, product: Any) -> None:
    from emulators.wechat_crypto import signature

    for place in ("wechat.callback", "twilio.callback", "boss.callback"):
        plain.fault(place, "bad_signature")
    plain.act("o_lilei", "text", text="一")
    plain.control("POST", "/sms/李雷/text", text="一")
    open_service(plain)
    plain.rest()
    (wechat,), (sms,), (boss,) = (
        product.paths(path) for path in ("/wechat", "/sms/twilio", "/boss/callback")
    )
    good = signature(plain.settings.token, wechat.query["timestamp"], wechat.query["nonce"])
    assert wechat.query["signature"] != good
    validator = RequestValidator(plain.settings.auth_token)
    url = product.url + "/sms/twilio"
    assert not validator.validate(url, sms.form, sms.headers["X-Twilio-Signature"])
    stamp = boss.headers["X-Boss-Timestamp"]
    good = sign(plain.settings.boss_secret, stamp, boss.body)
    assert boss.headers["X-Boss-Signature"] != good


def statuses(product: Any) -> list[str]:
    return [got.form["MessageStatus"] for got in product.paths("/status")]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"do": "error", "code": 30005}, ["queued", "undelivered"]),
        ({"do": "duplicate"}, ["queued", "sent", "sent", "delivered"]),
        ({"do": "reorder", "seconds": 30}, ["queued", "delivered", "sent"]),
        ({"do": "drop"}, ["queued", "sent", "sent", "delivered"]),
        ({"do": "slow", "seconds": 0.05}, ["queued", "sent", "delivered"]),
    ],
)
def test_status_callbacks_of_twilio_go_wrong_as_ordered(
    client: Any, product: Any, order: Any, expected: list[str]
) -> None:
    client.fault("twilio.callback", **order)
    client.twilio(StatusCallback=product.url + "/status")
    client.rest()
    assert statuses(product) == expected
    if order["do"] == "error":
        assert product.paths("/status")[-1].form["ErrorCode"] == "30005"
        assert client.phone("李雷")["sms"] == []


def test_a_late_status_of_twilio_comes_after_the_others(client: Any, product: Any) -> None:
    client.fault("twilio.callback", "late", seconds=60)
    client.twilio(StatusCallback=product.url + "/status")
    while client.phone("李雷")["sms"] == [] or len(statuses(product)) < 2:
        client.http.get(f"{client.url}/healthz", timeout=60)
    client.later(61)
    client.rest()
    assert statuses(product) == ["queued", "delivered", "sent"]


@pytest.mark.parametrize(
    ("order", "count"),
    [
        ({"do": "duplicate"}, 2),
        ({"do": "drop"}, 2),
        ({"do": "error"}, 2),
        ({"do": "error", "times": 0}, 3),
        ({"do": "slow", "seconds": 0.05}, 1),
        ({"do": "late", "seconds": 0.05}, 1),
    ],
)
def test_confirmations_of_boss_go_wrong_as_ordered(
    client: Any, product: Any, order: Any, count: int
) -> None:
    client.fault("boss.callback", **order)
    open_service(client)
    client.rest()
    events = [json.loads(got.body) for got in product.paths("/boss/callback")]
    assert (len(events), len({event["event_id"] for event in events})) == (count, 1)


def test_confirmations_of_boss_can_change_places(client: Any, product: Any) -> None:
    client.control("POST", "/boss/settings", confirm_after_s=None)
    client.fault("boss.callback", "reorder", seconds=30)
    for request_id in ("1", "2"):
        open_service(client, request_id)
    client.control("POST", "/boss/orders/1/confirm")
    client.until_held()
    client.control("POST", "/boss/orders/2/confirm")
    client.rest()
    events = [json.loads(got.body)["request_id"] for got in product.paths("/boss/callback")]
    assert events == ["2", "1"]


def test_faults_are_listed_counted_and_removed(client: Any) -> None:
    client.fault("boss.api", "error", times=3)
    client.fault("wechat.api", "slow", times=0, seconds=0)
    open_service(client)
    assert [fault["left"] for fault in client.control("GET", "/faults")] == [2, None]
    first = client.control("GET", "/faults")[0]["id"]
    assert len(client.control("DELETE", f"/faults?id={first}")) == 1
    assert client.control("DELETE", "/faults") == []


@pytest.mark.parametrize(
    "order",
    [
        {"on": "moon.api", "do": "slow"},
        {"on": "boss.api", "do": "dance"},
        {"on": "boss.api", "do": "bad_signature"},
        {"on": "boss.api", "do": "slow", "seconds": "soon"},
        {"on": "boss.api", "do": "slow", "times": -1},
        {"on": "boss.api", "do": "slow", "sceonds": 1},
    ],
)
def test_orders_that_make_no_sense_are_refused(client: Any, order: Any) -> None:
    assert client.http.post(f"{client.url}/control/faults", json=order).status_code == 400


def test_every_deed_can_be_ordered_where_it_makes_sense(client: Any) -> None:
    for place in PLACES:
        for deed in DEEDS:
            if deed == "bad_signature" and not place.endswith(".callback"):
                continue
            if deed in ("busy", "vendor") and place != "smsc.submit":
                continue
            client.fault(place, deed)

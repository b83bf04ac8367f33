"""Twilio: each answer as its kind, lost ones found again, signatures and statuses in order."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms.errors import OptedOut, Refused, SmsFailed, TryLater, Unknown
from sms.gateways import Gateway, Outgoing, Sent
from sms.twilio import STATUS_RANKS, Twilio, settle, signature_is_good, status_rank

SID = "AC" + "0" * 32
PATH = f"/2010-04-01/Accounts/{SID}/Messages.json"
MESSAGE = Outgoing(id="owed/1", to="+8613800000001", text="【和生活圈】您好")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TOKEN = "development-auth-token"


def gateway_at(far: Any, *, timeout_s: float = 5.0, base: str = "") -> Gateway:
    return Twilio(
        account_sid=SID,
        auth_token=TOKEN,
        from_number="+15005550006",
        api_base_url=far.url + base,
        status_callback_url="https://example.org/sms/twilio/status",
        timeout_s=timeout_s,
    )


def resource(**more: Any) -> dict[str, Any]:
    return {
        "sid": "SM1",
        "status": "queued",
        "num_segments": "1",
        "direction": "outbound-api",
        "to": MESSAGE.to,
        "from": "+15005550006",
        "body": MESSAGE.text,
        "date_created": format_datetime(NOW),
        "date_sent": None,
        **more,
    }


def page(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"messages": list(messages), "next_page_uri": None, "page": 0, "uri": PATH}


def test_a_message_is_submitted_with_our_id_in_its_status_callback(far: Any) -> None:
    far.answer = lambda _: (201, resource())
    assert gateway_at(far).send(MESSAGE) == Sent("SM1", "queued", 1)
    (call,) = far.calls
    assert (call.method, call.path) == ("POST", PATH)
    assert call.form == {
        "To": "+8613800000001",
        "From": "+15005550006",
        "Body": "【和生活圈】您好",
        "StatusCallback": "https://example.org/sms/twilio/status?owed=owed%2F1",
    }
    assert (
        base64.b64decode(call.headers["Authorization"].removeprefix("Basic ")).decode()
        == f"{SID}:{TOKEN}"
    )


def test_a_base_url_with_a_path_keeps_it(far: Any) -> None:
    far.answer = lambda _: (201, resource(num_segments="0"))
    assert gateway_at(far, base="/proxy/").send(MESSAGE).segments == 1
    assert far.calls[0].path == "/proxy" + PATH


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        ((429, {"code": 20429, "message": "too many", "status": 429}), TryLater, 429),
        ((500, b"oops"), TryLater, 500),
        ((503, {"code": 20503, "message": "no", "status": 503}), TryLater, 503),
        ((400, {"code": 21611, "message": "queue full", "status": 400}), TryLater, 21611),
        ((400, {"code": 21610, "message": "opted out", "status": 400}), OptedOut, 21610),
        ((400, {"code": 21211, "message": "bad +8613800000001", "status": 400}), Refused, 21211),
        ((401, {"code": 20003, "message": "who", "status": 401}), Refused, 20003),
        ((404, b"<html>"), Refused, 404),
        ((302, b"", {"Location": "https://example.org/"}), Refused, 302),
        (
            (400, {"type": "u", "title": "t", "status": 400, "code": 21610}),
            OptedOut,
            21610,
        ),
        ((201, b"{cut"), Unknown, None),
        ((201, {}), Unknown, None),
        ((201, []), Unknown, None),
        (None, Unknown, None),
        ("drop", Unknown, None),
    ],
)
def test_each_answer_is_its_kind_and_nothing_is_sent_twice(
    far: Any, said: Any, kind: type[SmsFailed], code: int | None
) -> None:
    far.answer = lambda _: said
    with pytest.raises(SmsFailed) as failed:
        gateway_at(far, timeout_s=0.2).send(MESSAGE)
    assert type(failed.value) is kind
    assert failed.value.code == code
    assert len(far.calls) == 1
    assert "8613800000001" not in str(failed.value)
    # The chain of causes would print the URL, and a number in it.
    assert failed.value.__suppress_context__ or failed.value.__context__ is None


def test_twilio_may_name_the_pause_it_wants(far: Any) -> None:
    far.answer = lambda _: (429, b"", {"Retry-After": "9"})
    with pytest.raises(TryLater) as failed:
        gateway_at(far).send(MESSAGE)
    assert failed.value.after_s == 9


def test_a_gateway_out_of_reach_took_nothing(far: Any) -> None:
    far.url = "http://127.0.0.1:9"  # discard: nothing listens there
    with pytest.raises(TryLater):
        gateway_at(far).send(MESSAGE)


def test_no_number_gets_into_the_log(far: Any, caplog: pytest.LogCaptureFixture) -> None:
    far.answer = lambda call: (201, resource()) if call.method == "POST" else (200, page())
    with caplog.at_level(logging.INFO):
        gateway_at(far).send(MESSAGE)
        gateway_at(far).find(MESSAGE, NOW)
    assert "13800000001" not in caplog.text


def test_a_message_whose_answer_was_lost_is_found(far: Any) -> None:
    far.answer = lambda _: (200, page(resource(sid="SM9", status="sent", num_segments="2")))
    assert gateway_at(far).find(MESSAGE, NOW) == Sent("SM9", "sent", 2)
    (call,) = far.calls
    assert (call.method, call.path) == ("GET", PATH)
    assert (call.query["To"], call.query["From"]) == ("+8613800000001", "+15005550006")


@pytest.mark.parametrize(
    "other",
    [
        {"body": "【和生活圈】再见"},
        {"body": None},
        {"direction": "inbound"},
        {"date_created": format_datetime(NOW - timedelta(seconds=6))},
        {"sid": "SM-of-another"},
    ],
)
def test_another_message_is_not_mistaken_for_it(far: Any, other: dict[str, Any]) -> None:
    far.answer = lambda _: (200, page(resource(**other)))
    assert gateway_at(far).find(MESSAGE, NOW, taken={"SM-of-another"}) is None


def test_of_equal_messages_the_oldest_free_one_is_taken(far: Any) -> None:
    made = [format_datetime(NOW + timedelta(seconds=second)) for second in (2, 1, 0)]
    listed = [
        resource(sid=f"SM{number}", date_created=at)
        for number, at in zip((3, 2, 1), made, strict=True)
    ]
    far.answer = lambda _: (200, page(*listed))
    gateway = gateway_at(far)
    assert [
        found.provider_id if (found := gateway.find(MESSAGE, NOW, taken=taken)) else None
        for taken in ((), ("SM1",), ("SM1", "SM2", "SM3"))
    ] == ["SM1", "SM2", None]


@pytest.mark.parametrize("said", [(500, b""), (401, b""), (200, b"{cut"), (200, []), None, "drop"])
def test_a_look_up_that_fails_is_tried_later(far: Any, said: Any) -> None:
    far.answer = lambda _: said
    with pytest.raises(TryLater):
        gateway_at(far, timeout_s=0.2).find(MESSAGE, NOW)


def signed(url: str, form: dict[str, str], token: str = TOKEN) -> str:
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


FORM = {"MessageSid": "SM1", "Body": "是", "From": "+8613800000001"}


@pytest.mark.parametrize(
    ("url", "signed_url"),
    [
        ("https://example.org/sms?owed=1", "https://example.org/sms?owed=1"),
        ("https://example.org/sms", "https://example.org:443/sms"),
        ("https://example.org:443/sms", "https://example.org/sms"),
        ("http://example.org/sms", "http://example.org:80/sms"),
        ("http://127.0.0.1:8000/sms", "http://127.0.0.1:8000/sms"),
        ("https://example.org:8443/sms", "https://example.org/sms"),
        ("http://[::1]:8000/sms", "http://[::1]:8000/sms"),
    ],
)
def test_a_signature_is_good_with_and_without_the_port(url: str, signed_url: str) -> None:
    assert signature_is_good(url, FORM, signed(signed_url, FORM), TOKEN)


def test_the_example_of_twilios_documentation_is_good() -> None:
    # twilio.com/docs/usage/security: token 12345, signature as printed there.
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signature_is_good(url, form, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "12345")


@pytest.mark.parametrize("signature", ["", None, "x", "签名", "\udc80", "A" * 10_000])
def test_another_signature_is_bad(signature: str | None) -> None:
    assert not signature_is_good("https://example.org/sms", FORM, signature, TOKEN)


def test_a_changed_form_url_or_token_makes_a_signature_bad() -> None:
    url = "https://example.org/sms"
    good = signed(url, FORM)
    assert signature_is_good(url, FORM, good, TOKEN)
    assert not signature_is_good(url, {**FORM, "Body": "否"}, good, TOKEN)
    assert not signature_is_good(url + "?owed=2", FORM, good, TOKEN)
    assert not signature_is_good(url, FORM, good, "other")


def test_a_status_ends_the_same_in_whatever_order_it_arrives() -> None:
    for order in permutations(["queued", "accepted", "sending", "sent", "delivered"]):
        status = ""
        for new in order:
            status = settle(status, new)
        assert status == "delivered"


@settings(deadline=None, derandomize=True)
@given(st.sampled_from(sorted(STATUS_RANKS)), st.sampled_from([*STATUS_RANKS, "receiving", ""]))
def test_a_status_never_goes_back(old: str, new: str) -> None:
    kept = settle(old, new)
    assert kept in (old, new)
    assert status_rank(kept) >= status_rank(old)


@pytest.mark.parametrize("final", ["delivered", "undelivered", "failed", "canceled", "read"])
def test_a_final_status_stays_except_that_delivered_may_become_read(final: str) -> None:
    for new in STATUS_RANKS:
        kept = "read" if (final, new) == ("delivered", "read") else final
        assert settle(final, new) == kept
    assert settle(None, final) == final

"""The SMS doors: what Twilio signs, what people text, and receipts that never go backwards."""

from __future__ import annotations

import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from models import outbox
from sms.twilio import STATUS_RANKS
from tests.handlers.conftest import Doors

FUZZ = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
OURS = "+8613800000001"


def _is_empty(answer: requests.Response) -> bool:
    return (
        answer.status_code == 200
        and answer.text == EMPTY
        and answer.headers["Content-Type"].startswith("text/xml")
    )


def _owed_to(doors: Doors, number: str) -> list[str]:
    """The texts that are owed to a number, the oldest first."""
    found = "SELECT payload ->> 'text' FROM outbox WHERE payload ->> 'to' = %s ORDER BY id"
    return [row[0] for row in doors.rows(found, number)]


# -- who is let in -----------------------------------------------------------------------------


def test_a_text_is_taken_answered_with_an_empty_document_and_owed_an_answer(
    doors: Doors, new_number: str
) -> None:
    assert _is_empty(doors.twilio.texts(new_number, "帮助"))
    (said,) = _owed_to(doors, new_number)
    assert said.startswith("【和生活圈】")


def test_the_signature_is_that_of_the_public_url_whatever_host_was_called(
    doors: Doors, new_number: str
) -> None:
    form = {"MessageSid": "SM1", "From": new_number, "To": "+8610086", "Body": "帮助"}
    twilio = doors.twilio
    with doors.nothing_changes():
        by_host = twilio.signature(f"{doors.url}/sms/twilio", form)
        assert twilio.posts("/sms/twilio", form, signature=by_host).status_code == 403
        forged = twilio.signature("https://evil.example/sms/twilio", form)
        headers = {
            "Host": "evil.example",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "https",
            "X-Original-URL": "/sms/twilio",
        }
        answer = twilio.posts("/sms/twilio", form, signature=forged, headers=headers)
        assert answer.status_code == 403
    right = twilio.signature("https://circle.example/sms/twilio", form)
    assert _is_empty(twilio.posts("/sms/twilio", form, signature=right, headers=headers))


@pytest.mark.parametrize("path", ["/sms/twilio", "/sms/twilio/status?owed=1"])
@pytest.mark.parametrize("signature", ["", "wrong", "c2lnbmF0dXJl", "A" * 5000])
def test_a_wrong_or_missing_signature_is_refused_without_effect(
    doors: Doors, path: str, signature: str
) -> None:
    form = {"MessageSid": "SM1", "From": OURS, "Body": "退订", "MessageStatus": "failed"}
    with doors.nothing_changes():
        assert doors.twilio.posts(path, form, signature=signature).status_code == 403


def test_a_signature_does_not_cover_another_form_or_path(doors: Doors) -> None:
    twilio = doors.twilio
    form = {"MessageSid": "SM1", "From": OURS, "Body": "帮助"}
    signature = twilio.signature(f"{twilio.public_url}/sms/twilio", form)
    with doors.nothing_changes():
        for changed in ({**form, "Body": "退订"}, {**form, "From": "+8613800000002"}, {}):
            assert twilio.posts("/sms/twilio", changed, signature=signature).status_code == 403
        moved = twilio.posts("/sms/twilio/status?owed=1", form, signature=signature)
        assert moved.status_code == 403


@pytest.mark.slow
@FUZZ
@given(query=st.binary(max_size=60), body=st.binary(max_size=300), form=st.booleans())
def test_random_bytes_never_break_the_doors_nor_have_an_effect(
    doors: Doors, query: bytes, body: bytes, form: bool
) -> None:
    for path in ("/sms/twilio", "/sms/twilio/status"):
        kind = "application/x-www-form-urlencoded" if form else "multipart/form-data; boundary=x"
        with doors.nothing_changes():
            assert 400 <= _raw(doors, f"{path}?{quote(query)}", body, kind) < 500


def test_bytes_that_no_url_may_hold_are_refused(doors: Doors) -> None:
    with doors.nothing_changes():
        for query in ("\xff\xfe", "owed=\xc3", "%ff", "%00"):
            assert 400 <= doors.raw(query, b"MessageSid=1", path="/sms/twilio/status") < 500


def test_a_body_over_the_limit_is_refused(doors: Doors) -> None:
    with doors.nothing_changes():
        answer = doors.twilio.texts(OURS, "退订" * 7_500, Extra="x" * 70_000)
    assert answer.status_code == 413


# -- what people text --------------------------------------------------------------------------


def test_the_same_text_three_times_is_heard_once(doors: Doors, new_number: str) -> None:
    for _ in range(3):
        assert _is_empty(doors.twilio.texts(new_number, "帮助", MessageSid=f"SM{new_number[1:]}"))
    assert len(_owed_to(doors, new_number)) == 1


def test_eight_deliveries_at_once_are_heard_once(doors: Doors, new_number: str) -> None:
    barrier = threading.Barrier(8)

    def deliver(_: int) -> requests.Response:
        barrier.wait()
        return doors.twilio.texts(new_number, "帮助", MessageSid=f"MM{new_number[1:]}")

    with ThreadPoolExecutor(8) as pool:
        assert all(_is_empty(answer) for answer in pool.map(deliver, range(8)))
    assert len(_owed_to(doors, new_number)) == 1


def test_the_same_words_in_two_messages_are_two(doors: Doors, new_number: str) -> None:
    for _ in range(2):
        doors.twilio.texts(new_number, "帮助")
    assert len(_owed_to(doors, new_number)) == 2


@pytest.mark.parametrize(
    "body",
    [
        "", " ", "\0", "帮\0助", "\x01\x08\x1b", "😀", "👨‍👩‍👧‍👦" * 50, "是" * 1600, "帮助" * 2000,
        "\ufffe\uffff", "\u202e是", "]]>", "<Response/>", "'; DROP TABLE inbox; --", "%s %(x)s {x}",
        "\r\n\t", "1" * 1600, "９" * 1600, "²", "ﷺ" * 1600,
    ],
)  # fmt: skip
def test_whatever_people_text_is_taken_and_answered(
    doors: Doors, new_number: str, body: str
) -> None:
    assert _is_empty(doors.twilio.texts(new_number, body))
    assert len(_owed_to(doors, new_number)) == 1


@pytest.mark.slow
@FUZZ
@given(body=st.text(max_size=300))
def test_no_text_breaks_the_door(doors: Doors, body: str) -> None:
    assert _is_empty(doors.twilio.texts("+8613700000009", body.encode("utf-8", "replace").decode()))


@pytest.mark.parametrize("raw", ["%ED%A0%80", "%FF%FE", "%C0%80", "%E6%98", "%", "%zz", "%00"])
def test_a_form_that_is_not_utf_8_never_breaks_the_door(doors: Doors, raw: str) -> None:
    form = {"MessageSid": "SMraw", "From": OURS, "Body": raw}
    body = f"MessageSid=SMraw&From={quote(OURS)}&Body={raw}".encode()
    signature = doors.twilio.signature("https://circle.example/sms/twilio", form)
    kind = "application/x-www-form-urlencoded"
    assert _raw(doors, "/sms/twilio", body, kind, signature) < 500


@pytest.mark.parametrize(
    "written",
    ["{0}", "86{0}", "+86{0}", "0086{0}", "+86 {0}", "{1}-{2}-{3}", "{1} {2} {3}", "＋86{0}"],
)
def test_every_way_to_write_a_number_is_the_same_person(
    doors: Doors, new_number: str, written: str
) -> None:
    plain = new_number[3:]
    form = written.format(plain, plain[:3], plain[3:7], plain[7:])
    assert _is_empty(doors.twilio.texts(form, "帮助"))
    assert len(_owed_to(doors, new_number)) == 1


@pytest.mark.parametrize(
    "sender",
    ["", "AMAZON", "10086", "106575020001", "+86", "+8610086", "生活圈", "\0", "1" * 100,
     "whatsapp:+8613800000001", "+8613800000001;ext=5", "138000000011", "sip:a@b"],
)  # fmt: skip
def test_a_sender_that_is_no_mobile_number_is_refused_without_effect(
    doors: Doors, sender: str
) -> None:
    with doors.nothing_changes():
        assert doors.twilio.texts(sender, "退订").status_code == 400


@pytest.mark.parametrize("sid", ["", "x" * 65, "SM 1", "SM\0", "SM'1", "SM:1"])
def test_a_message_without_a_proper_id_is_refused_without_effect(
    doors: Doors, new_number: str, sid: str
) -> None:
    with doors.nothing_changes():
        assert doors.twilio.texts(new_number, "退订", MessageSid=sid).status_code == 400


@pytest.mark.parametrize("count", ["1", "10", "x", "-1", "9" * 5000])
def test_a_picture_without_words_is_told_that_words_are_needed(
    doors: Doors, new_number: str, count: str
) -> None:
    media = {
        "NumMedia": count,
        "MediaUrl0": "https://x.example/1",
        "MediaContentType0": "image/png",
    }
    assert _is_empty(doors.twilio.texts(new_number, "", **media))
    picture = _owed_to(doors, new_number)
    doors.twilio.texts(new_number, "没有这种词")
    assert len(picture) == 1
    assert _owed_to(doors, new_number)[1:] != picture


def test_a_picture_with_words_is_read_by_its_words(doors: Doors, new_number: str) -> None:
    doors.twilio.texts(new_number, "帮助", NumMedia="1")
    doors.twilio.texts(new_number, "帮助")
    first, second = _owed_to(doors, new_number)
    assert first == second


def test_nothing_of_what_is_texted_stands_in_the_log(doors: Doors, new_number: str) -> None:
    with capture_logs() as entries:
        doors.twilio.texts(new_number, "悄悄话一句")
        doors.twilio.texts("悄悄话", "悄悄话一句")
        doors.twilio.texts(new_number, "悄悄话一句", MessageSid="")
    whole = json.dumps(entries, ensure_ascii=False, default=str)
    assert "悄悄话" not in whole
    assert new_number[3:] not in whole


# -- what became of ours -----------------------------------------------------------------------


def _sent(doors: Doors, sid: str | None = "SMours") -> int:
    """An SMS that a worker has handed to the gateway, or, without a sid, is handing over."""
    now = doors.clock()
    with doors.circle.store.begin() as tx:
        owed = outbox.owe(
            tx, subscriber_id=1001, kind="sms", payload={"to": OURS, "text": "x"}, now=now
        )
        tx.exec_driver_sql(
            "UPDATE outbox SET state = 'taken', leased_until = %(now)s + interval '1 h'"
            " WHERE id = %(id)s",
            {"id": owed, "now": now},
        )
        if sid is not None:
            row = outbox.get(tx, owed)
            assert row is not None
            assert outbox.sent(tx, row, provider_id=sid, status="queued", now=now)
    return owed


def _standing(doors: Doors, owed: int) -> tuple[str, str, str]:
    """state, status and the gateway's id of one row."""
    found = doors.rows("SELECT state, status, provider_id FROM outbox WHERE id = %s", owed)
    return (found[0][0], found[0][1], found[0][2])


@pytest.mark.parametrize(
    ("status", "state"),
    [("sending", "sent"), ("sent", "sent"), ("delivered", "delivered"), ("read", "delivered"),
     ("undelivered", "failed"), ("failed", "failed"), ("canceled", "failed")],
)  # fmt: skip
def test_a_receipt_is_kept(doors: Doors, status: str, state: str) -> None:
    owed = _sent(doors)
    assert doors.twilio.reports(owed, "SMours", status).status_code == 204
    assert _standing(doors, owed) == (state, status, "SMours")


def test_a_receipt_that_comes_before_the_worker_has_noted_the_id_counts(doors: Doors) -> None:
    owed = _sent(doors, sid=None)
    doors.twilio.reports(owed, "SMearly", "delivered")
    assert _standing(doors, owed) == ("delivered", "delivered", "SMearly")
    doors.twilio.reports(owed, "SMother", "failed")
    assert _standing(doors, owed) == ("delivered", "delivered", "SMearly")


@pytest.mark.slow
@FUZZ
@given(statuses=st.lists(st.sampled_from(sorted(STATUS_RANKS)), min_size=1, max_size=8))
def test_receipts_in_any_order_never_go_backwards(doors: Doors, statuses: list[str]) -> None:
    owed = _sent(doors)
    final = ""
    rank = 0
    for status in statuses:
        doors.twilio.reports(owed, "SMours", status)
        _, now, _ = _standing(doors, owed)
        assert STATUS_RANKS[now] >= rank
        rank = STATUS_RANKS[now]
        if final and now != final:
            assert (final, now) == ("delivered", "read")
        final = now if rank >= 5 else ""
    if any(STATUS_RANKS[status] >= 5 for status in statuses):
        assert rank >= 5


@pytest.mark.slow
@FUZZ
@given(order=st.permutations(["queued", "sending", "sent", "delivered", "delivered"]))
def test_the_usual_receipts_end_as_delivered_in_every_order(doors: Doors, order: list[str]) -> None:
    owed = _sent(doors)
    for status in order:
        doors.twilio.reports(owed, "SMours", status)
    assert _standing(doors, owed) == ("delivered", "delivered", "SMours")


def test_a_message_is_counted_once_as_left_and_once_as_ended(doors: Doors) -> None:
    """By its receipt, too, where that overtakes Twilio's own answer."""
    (before,) = doors.rows("SELECT coalesce(max(id), 0) FROM sms_counts")[0]
    owed = _sent(doors, sid=None)
    for status in ("sent", "delivered", "read", "failed"):
        doors.twilio.reports(owed, "SMours", status)
    counted = "SELECT gateway, name, n FROM sms_counts WHERE id > %s ORDER BY id"
    assert doors.rows(counted, before) == [
        ("twilio", "submitted", 1), ("twilio", "segments", 1),
        ("twilio", "delivered", 1), ("twilio", "within:1", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "owed", ["", "x", "-1", "1.0", "1e3", "²", "１", "9" * 19, "9" * 5000, "0x1", " 1", "1;2", "\0"]
)
def test_an_owed_id_that_is_none_is_refused(doors: Doors, owed: str) -> None:
    with doors.nothing_changes():
        assert doors.twilio.reports(quote(owed), "SM1", "failed").status_code == 400


@pytest.mark.parametrize("owed", ["0", "9" * 18, "000"])
def test_a_receipt_for_nothing_of_ours_is_taken_without_effect(doors: Doors, owed: str) -> None:
    with doors.nothing_changes():
        assert doors.twilio.reports(owed, "SM1", "failed").status_code == 204


@pytest.mark.parametrize("sid", ["", "x" * 65, "SM\0", "S M", "短信"])
def test_a_receipt_without_a_proper_id_is_refused(doors: Doors, sid: str) -> None:
    owed = _sent(doors, sid=None)
    with doors.nothing_changes():
        assert doors.twilio.reports(owed, sid, "failed").status_code == 400


def test_somebody_elses_receipt_changes_nothing(doors: Doors) -> None:
    owed = _sent(doors)
    with doors.nothing_changes():
        assert doors.twilio.reports(owed, "SMtheirs", "failed").status_code == 204


@pytest.mark.parametrize("status", ["", "exploded", "DELIVERED", "x" * 5000, "\0"])
def test_a_status_nobody_knows_changes_nothing(doors: Doors, status: str) -> None:
    owed = _sent(doors)
    with doors.nothing_changes():
        assert doors.twilio.reports(owed, "SMours", status).status_code == 204


def test_a_receipt_for_a_call_changes_nothing(doors: Doors) -> None:
    now = doors.clock()
    owed = doors.circle.store.run(
        lambda tx: outbox.owe(
            tx, subscriber_id=1001, kind="call", queue="call", payload={}, now=now
        )
    )
    with doors.nothing_changes():
        assert doors.twilio.reports(owed, "SM1", "failed").status_code == 204


# -- when the database is down -----------------------------------------------------------------


def test_without_a_database_the_text_is_answered_politely_and_in_time(cut_off: Doors) -> None:
    started = time.perf_counter()
    answer = cut_off.twilio.texts(OURS, "退订")
    assert time.perf_counter() - started < 4.5
    said = ElementTree.fromstring(answer.text).findtext("Message") or ""
    assert (answer.status_code, answer.headers["Content-Type"][:8]) == (200, "text/xml")
    assert said.startswith("【和生活圈】")
    assert "系统正忙" in said


def test_without_a_database_a_receipt_is_asked_for_again(cut_off: Doors) -> None:
    assert cut_off.twilio.reports(1, "SM1", "delivered").status_code == 503


def _raw(doors: Doors, path: str, body: bytes, kind: str, signature: str = "x") -> int:
    connection = http.client.HTTPConnection(urlsplit(doors.url).netloc, timeout=60)
    headers = {"Content-Type": kind, "X-Twilio-Signature": signature}
    connection.request("POST", path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status

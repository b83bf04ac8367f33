"""The WeChat door: who is let in, in which mode, and what hostile callers get."""

from __future__ import annotations

import http.client
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.handlers import callers
from tests.handlers.callers import NONCE, WeChat, sha1
from tests.handlers.conftest import Doors

FUZZ = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
OLD_KEY = "ZYXWVUTSRQPONMLKJIHGFEDCBAzyxwvutsrqponmlkj"
BODY_LIMIT = 64 * 1024


# -- is this server ours? ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "echo", [b"6312345678901234567", "回声".encode(), b"a+b &=%/", b"<x>", b"\xff\xfe", b""]
)
def test_the_verification_is_answered_with_the_echo_byte_for_byte(
    doors: Doors, echo: bytes
) -> None:
    query = urlencode({**doors.wechat.query(), "echostr": echo})
    answer = doors.http.get(f"{doors.url}/wechat?{query}")
    assert (answer.status_code, answer.content) == (200, echo)
    # Else whoever saw one signed URL could have our domain serve markup of theirs.
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("missing", ["signature", "timestamp", "nonce"])
def test_a_verification_without_a_part_of_its_signature_is_refused(
    doors: Doors, missing: str
) -> None:
    query = {**doors.wechat.query(), "echostr": "1"}
    del query[missing]
    assert doors.http.get(f"{doors.url}/wechat", params=query).status_code == 403


@pytest.mark.parametrize("signature", ["", "0" * 40, "签名", "\ud800", "A" * 1500])
def test_a_verification_with_a_wrong_signature_is_refused(doors: Doors, signature: str) -> None:
    query = {**doors.wechat.query(), "echostr": "1", "signature": signature}
    encoded = urlencode(query, errors="surrogatepass")
    assert doors.http.get(f"{doors.url}/wechat?{encoded}").status_code == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_not_allowed(doors: Doors, method: str) -> None:
    assert doors.http.request(method, f"{doors.url}/wechat").status_code == 405


# -- modes -------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["plain", "compatible", "secure"])
def wechat(request: pytest.FixtureRequest, doors: Doors) -> WeChat:
    """WeChat in each of its modes, at a door in the same mode."""
    return doors.serve(WECHAT__MODE=request.param).wechat


@pytest.fixture(scope="module")
def plain(doors: Doors) -> Doors:
    """The same doors in plain mode."""
    return doors.serve(WECHAT__MODE="plain")


def test_a_message_is_answered_in_the_mode_it_came_in(wechat: WeChat, stranger: str) -> None:
    answer = wechat.says(stranger, "帮助")
    assert answer.status == 200
    assert "积分" in answer.said
    assert answer.fields["ToUserName"] == stranger
    assert answer.fields["FromUserName"] == callers.ACCOUNT
    assert answer.fields["MsgType"] == "text"
    assert ("<Encrypt>" in answer.body) == (wechat.mode != "plain")


def test_a_wrong_signature_is_refused_without_effect(
    wechat: WeChat, doors: Doors, stranger: str
) -> None:
    with doors.nothing_changes():
        answer = wechat.using(token="not-our-token").says(stranger, "退订")
    assert answer.status == 403


def test_a_message_outside_the_replay_window_is_refused_without_effect(
    wechat: WeChat, doors: Doors, stranger: str
) -> None:
    xml = callers.text(stranger, "退订", created=wechat.now())
    with doors.nothing_changes():
        assert wechat.sends(xml, at=wechat.now() - 301).status == 403
        assert wechat.sends(xml, at=wechat.now() + 330).status == 403
        assert wechat.sends(xml, at=0).status == 403
    assert wechat.sends(xml, at=wechat.now() - 290).status == 200


@pytest.mark.parametrize("timestamp", ["", "-5", "x", "1e9", "９９９", "²", "9" * 13, "9" * 1500])
def test_a_timestamp_that_is_no_time_is_refused(doors: Doors, plain: Doors, timestamp: str) -> None:
    body = callers.text("o_lilei", "退订", created=doors.wechat.now()).encode()
    query = {
        "signature": sha1([doors.wechat.token, timestamp, NONCE]),
        "timestamp": timestamp,
        "nonce": NONCE,
    }
    with doors.nothing_changes():
        assert plain.wechat.posts(body, query).status == 403


def test_a_plain_message_is_refused_in_secure_mode_whatever_it_is_signed_with(
    doors: Doors, stranger: str
) -> None:
    body = callers.text(stranger, "退订", created=doors.wechat.now()).encode()
    with doors.nothing_changes():
        assert doors.wechat.posts(body, doors.wechat.query()).status == 403
        assert doors.wechat.posts(body, doors.wechat.query("")).status == 403


def test_the_plain_signature_does_not_open_what_is_encrypted(doors: Doors, stranger: str) -> None:
    xml = callers.text(stranger, "退订", created=doors.wechat.now())
    body = f"<xml><Encrypt>{doors.wechat.sealed(xml)}</Encrypt></xml>".encode()
    with doors.nothing_changes():
        assert doors.wechat.posts(body, doors.wechat.query()).status == 403
        wrong = {**doors.wechat.query(), "msg_signature": doors.wechat.query()["signature"]}
        assert doors.wechat.posts(body, wrong).status == 403


def test_in_compatible_mode_the_encrypted_part_counts(doors: Doors, stranger: str) -> None:
    wechat = doors.serve(WECHAT__MODE="compatible").wechat
    forged = callers.text(stranger, "退订", created=wechat.now())
    true = callers.text(stranger, "帮助", created=wechat.now())
    outer = forged.replace("</xml>", f"<Encrypt>{wechat.sealed(true)}</Encrypt></xml>")
    sealed = outer.split("<Encrypt>")[1].split("<")[0]
    assert "积分" in wechat.posts(outer.encode(), wechat.query(sealed)).said


def test_the_previous_key_still_opens_and_seals_the_answer(doors: Doors, stranger: str) -> None:
    new = doors.wechat
    old = new.using(key=OLD_KEY)
    with doors.nothing_changes():
        assert old.says(stranger, "退订").status == 400
    rotating = doors.serve(WECHAT__PREVIOUS_AES_KEY=OLD_KEY).wechat
    assert "积分" in rotating.using(key=OLD_KEY).says(stranger, "帮助").said
    assert "积分" in rotating.says(stranger, "帮助").said


# -- hostile input -----------------------------------------------------------------------------

NOW = "{now}"
GOOD = (
    "<ToUserName>gh_1</ToUserName><FromUserName>o_hostile</FromUserName>"
    "<CreateTime>{now}</CreateTime><MsgType>text</MsgType><Content>退订</Content><MsgId>1</MsgId>"
)
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
HOSTILE = {
    "nothing": "",
    "no XML": "hello",
    "only a root": "<xml/>",
    "a root with text": "<xml>hello</xml>",
    "two roots": f"<xml>{GOOD}</xml><xml>{GOOD}</xml>",
    "not closed": f"<xml>{GOOD}",
    "entity bomb": f"{BOMB}<xml>{GOOD.replace('退订', '&c;')}</xml>",
    "external entity": '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    f"<xml>{GOOD.replace('退订', '&f;')}</xml>",
    "external DTD": f'<!DOCTYPE xml SYSTEM "http://127.0.0.1:9/x.dtd"><xml>{GOOD}</xml>',
    "empty DOCTYPE": f"<!DOCTYPE xml><xml>{GOOD}</xml>",
    "unknown entity": f"<xml>{GOOD.replace('退订', '&nbsp;')}</xml>",
    "processing instruction": f"<xml><?php die() ?>{GOOD}</xml>",
    "another encoding": f'<?xml version="1.0" encoding="utf-7"?><xml>{GOOD}</xml>\0',
    "NUL": f"<xml>{GOOD.replace('退订', '退' + chr(0) + '订')}</xml>",
    "NUL reference": f"<xml>{GOOD.replace('退订', '退&#0;订')}</xml>",
    "control characters": f"<xml>{GOOD.replace('退订', '退' + chr(8) + '订')}</xml>",
    "control references": f"<xml>{GOOD.replace('退订', '退&#x1f;订')}</xml>",
    "surrogate reference": f"<xml>{GOOD.replace('退订', '&#xD800;')}</xml>",
    "noncharacter": f"<xml>{GOOD.replace('退订', '&#xFFFF;')}</xml>",
    "no sender": f"<xml>{GOOD.replace('o_hostile', '')}</xml>",
    "long sender": f"<xml>{GOOD.replace('o_hostile', 'o' * 65)}</xml>",
    "no receiver": f"<xml>{GOOD.replace('gh_1', '')}</xml>",
    "no time": f"<xml>{GOOD.replace(NOW, '')}</xml>",
    "negative time": f"<xml>{GOOD.replace(NOW, '-{now}')}</xml>",
    "time with a point": f"<xml>{GOOD.replace(NOW, '{now}.5')}</xml>",
    "time in words": f"<xml>{GOOD.replace(NOW, 'now')}</xml>",
    "time in other digits": f"<xml>{GOOD.replace(NOW, '１７６３７６９５２８')}</xml>",
    "huge time": f"<xml>{GOOD.replace(NOW, '9' * 11)}</xml>",
    "huge time behind zeros": f"<xml>{GOOD.replace(NOW, '0' * 20 + '9' * 20)}</xml>",
    "time of 5000 digits": f"<xml>{GOOD.replace(NOW, '9' * 5000)}</xml>",
    "time of 5000 zeros": f"<xml>{GOOD.replace(NOW, '0' * 5000 + '1')}</xml>",
    "no kind": f"<xml>{GOOD.replace('text', '')}</xml>",
    "no id": f"<xml>{GOOD.replace('<MsgId>1</MsgId>', '')}</xml>",
    "nested sender": f"<xml>{GOOD.replace('o_hostile', '<a>o</a>')}</xml>",
    "nested text": f"<xml>{GOOD.replace('退订', '<a>退订</a>')}</xml>",
    "nested time": f"<xml>{GOOD.replace(NOW, '<a>{now}</a>')}</xml>",
    "two senders": f"<xml>{GOOD}<FromUserName>o_other</FromUserName></xml>",
    "two texts": f"<xml>{GOOD}<Content>是</Content></xml>",
    "two ids": f"<xml>{GOOD}<MsgId>2</MsgId></xml>",
    "deep": "<a>" * 5000 + "</a>" * 5000,
    "wide": f"<xml>{GOOD}{'<a/>' * 5000}</xml>",
    "an event of no name": f"<xml>{GOOD.replace('text', 'event')}</xml>",
    "a nested event": f"<xml>{GOOD.replace('text', 'event')}<Event><a>CLICK</a></Event></xml>",
    "a nested key": f"<xml>{GOOD.replace('text', 'event')}<Event>CLICK</Event>"
    "<EventKey><a>b</a></EventKey></xml>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_signed_message_that_cannot_be_read_is_refused_without_effect(
    wechat: WeChat, doors: Doors, name: str
) -> None:
    xml = HOSTILE[name].replace(NOW, str(wechat.now()))
    with doors.nothing_changes():
        if wechat.mode == "plain":
            answer = wechat.posts(xml.encode(), wechat.query())
        else:
            answer = wechat.sends_sealed(wechat.sealed(xml))
    assert answer.status == 400, answer


@pytest.mark.parametrize(
    "garbage", [b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"\xf8\x88\x80\x80\x80", b"\xe4\xbd"]
)
def test_what_is_not_utf_8_is_refused_without_effect(
    doors: Doors, plain: Doors, garbage: bytes
) -> None:
    wechat = doors.wechat
    xml = callers.text("o_hostile", "退订", created=wechat.now()).encode()
    with doors.nothing_changes():
        for body in (xml.replace("退订".encode(), garbage), garbage, garbage + xml):
            framed = wechat.framed(body)
            pad = 32 - len(framed) % 32
            sealed = wechat.sealed_raw(framed + bytes([pad]) * pad)
            assert wechat.sends_sealed(sealed).status == 400
            assert plain.wechat.posts(body, plain.wechat.query()).status == 400


def test_a_body_over_the_limit_is_refused_without_being_read(doors: Doors) -> None:
    query = urlencode(doors.wechat.query())
    for length in (BODY_LIMIT + 1, 10 * 1024 * 1024, 10**30):
        connection = http.client.HTTPConnection(urlsplit(doors.url).netloc, timeout=60)
        connection.putrequest("POST", f"/wechat?{query}")
        connection.putheader("Content-Length", str(length))
        connection.endheaders(b"<xml>")
        assert connection.getresponse().status == 413
        connection.close()


def test_ten_megabytes_are_refused_and_the_door_stays_open(doors: Doors, stranger: str) -> None:
    # In memory, since a server may cut the connection before it is read.
    body = b"<xml>" + b"<a>" * (10 * 1024 * 1024 // 3)
    with doors.nothing_changes():
        assert doors.raw(urlencode(doors.wechat.query()), body) == 413
    assert doors.wechat.says(stranger, "帮助").status == 200


@pytest.mark.parametrize("length", ["", "-1", "x", "²", "９", "1.5", "9" * 5000, " 5", "+5"])
def test_a_length_that_is_none_never_breaks_the_door(doors: Doors, length: str) -> None:
    query = urlencode(doors.wechat.query())
    with doors.nothing_changes():
        status = doors.raw(query, b"<xml/>", CONTENT_LENGTH=length)
    assert status in (400, 403, 413)


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"encrypt": "not base64 !!!"},
        {"encrypt": "签名"},
        {"encrypt": "QUJD"},  # three bytes: no whole block
        {"encrypt": "A" * 44},
        {"encrypt": "A" * 43 + "="},
        {"encrypt": "A" * 60_000},
    ],
)
def test_what_cannot_be_decrypted_is_refused_without_effect(
    doors: Doors, extra: dict[str, str]
) -> None:
    with doors.nothing_changes():
        answer = doors.wechat.sends_sealed(extra.get("encrypt", ""))
    assert answer.status in (400, 403)


@pytest.mark.slow
def test_every_wrong_padding_is_refused_without_effect(doors: Doors) -> None:
    wechat = doors.wechat
    xml = callers.text("o_hostile", "退订", created=wechat.now())
    framed = wechat.framed(xml.encode())
    framed += b"!" * (-(len(framed) + 1) % 32)  # what follows is the last byte of a block
    with doors.nothing_changes():
        for last in range(256):
            assert wechat.sends_sealed(wechat.sealed_raw(framed + bytes([last]))).status == 400


def test_what_was_cut_off_is_refused_without_effect(doors: Doors) -> None:
    wechat = doors.wechat
    xml = callers.text("o_hostile", "退订", created=wechat.now())
    framed = wechat.framed(xml.encode())
    with doors.nothing_changes():
        for length in range(0, len(framed), 7):
            cut = framed[:length]
            pad = 32 - len(cut) % 32
            sealed = wechat.sealed_raw(cut + bytes([pad]) * pad)
            assert wechat.sends_sealed(sealed).status == 400


@pytest.mark.parametrize("length", [0, 5, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_length_that_lies_is_refused_without_effect(doors: Doors, length: int) -> None:
    wechat = doors.wechat
    xml = callers.text("o_hostile", "退订", created=wechat.now()).encode()
    framed = b"r" * 16 + length.to_bytes(4, "big") + xml + wechat.app_id.encode()
    pad = 32 - len(framed) % 32
    with doors.nothing_changes():
        sealed = wechat.sealed_raw(framed + bytes([pad]) * pad)
        assert wechat.sends_sealed(sealed).status == 400


@pytest.mark.parametrize("app_id", ["wx0000000000000002", "", "wx000000000000000", "公众号"])
def test_a_message_for_another_app_is_refused_without_effect(doors: Doors, app_id: str) -> None:
    other = doors.wechat.using(app_id=app_id)
    with doors.nothing_changes():
        sealed = other.sealed(callers.text("o_hostile", "退订", created=other.now()))
        assert doors.wechat.sends_sealed(sealed).status == 400


def test_two_encrypted_parts_are_refused_without_effect(doors: Doors) -> None:
    wechat = doors.wechat
    sealed = wechat.sealed(callers.text("o_hostile", "退订", created=wechat.now()))
    body = f"<xml>{f'<Encrypt>{sealed}</Encrypt>' * 2}</xml>".encode()
    nested = f"<xml><Encrypt><a>{sealed}</a></Encrypt></xml>".encode()
    with doors.nothing_changes():
        assert wechat.posts(body, wechat.query(sealed)).status == 400
        assert wechat.posts(nested, wechat.query(sealed)).status == 400


@pytest.mark.slow
@FUZZ
@given(body=st.binary(max_size=400), signed=st.booleans())
def test_random_bytes_never_break_the_door(
    doors: Doors, plain: Doors, body: bytes, signed: bool
) -> None:
    query = urlencode(doors.wechat.query("x") if signed else {})
    with doors.nothing_changes():
        assert 400 <= doors.raw(query, body) < 500
        assert 400 <= plain.raw(query, body) < 500


@pytest.mark.slow
@FUZZ
@given(query=st.binary(max_size=200), method=st.sampled_from(["GET", "POST"]))
def test_random_query_strings_never_break_the_door(doors: Doors, query: bytes, method: str) -> None:
    body = callers.text("o_hostile", "退订", created=doors.wechat.now()).encode()
    with doors.nothing_changes():
        assert 400 <= doors.raw(query.decode("latin-1"), body, REQUEST_METHOD=method) < 500


@pytest.mark.slow
@FUZZ
@given(where=st.integers(0), what=st.binary(min_size=1, max_size=4), drop=st.integers(0, 8))
def test_a_message_changed_on_its_way_never_breaks_the_door_nor_has_an_effect(
    doors: Doors, where: int, what: bytes, drop: int
) -> None:
    wechat = doors.wechat
    encrypted = wechat.sealed(callers.text("o_hostile", "退订", created=wechat.now()))
    body = f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()
    start = body.index(encrypted.encode())
    where = start + 1 + where % (len(encrypted) - 2)  # white space around it means nothing
    changed = body[:where] + what + body[where + drop :]
    if changed == body:
        return
    with doors.nothing_changes():
        assert 400 <= doors.raw(urlencode(wechat.query(encrypted)), changed) < 500


@pytest.mark.slow
@FUZZ
@given(where=st.integers(0), what=st.binary(max_size=4), drop=st.integers(0, 30))
def test_even_signed_nonsense_never_breaks_the_door(
    plain: Doors, where: int, what: bytes, drop: int
) -> None:
    xml = callers.event("o_nonsense", "CLICK", "x", created=plain.wechat.now()).encode()
    where %= len(xml)
    changed = xml[:where] + what + xml[where + drop :]
    assert 200 <= plain.raw(urlencode(plain.wechat.query()), changed) < 500

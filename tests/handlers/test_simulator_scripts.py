"""A saved chat: from what the wire and the phones remember to a test."""

from __future__ import annotations

import ast
from typing import Any

from handlers.simulator_emulators import Person
from handlers.simulator_scripts import script

LI = Person("李雷", "o_lilei", "+8613800000001", follows=True)
SOMEBODY = Person("路人甲", "o_other", "", follows=True)


def callback(second: int, what: str, *, plain: str = "", body: str = "", **more: Any) -> Any:
    return {
        "id": second, "at": f"2026-11-22T08:00:{second:02}.000+00:00", "direction": "in",
        "what": what, "method": "POST", "url": "http://127.0.0.1/x", "status": 200, "ms": 0,
        "request": {"plain": plain, "body": body}, "response": {}, **more,
    }  # fmt: skip


def wechat(second: int, inside: str, openid: str = "o_lilei", **more: Any) -> Any:
    xml = (
        f"<xml><FromUserName>{openid}</FromUserName><CreateTime>{second}</CreateTime>{inside}</xml>"
    )
    return callback(second, "wechat", plain=xml, **more)


def said(second: int, text: str, **more: Any) -> Any:
    at = f"2026-11-22T08:00:{second:02}.500+00:00"
    return {"id": second, "at": at, "from": "them", "kind": "text", "text": text, **more}


def lines(*wire: Any, wechat: Any = (), sms: Any = ()) -> list[str]:
    """The body of the saved test, which must be Python."""
    text = script(wire, [LI, SOMEBODY], {"李雷": {"wechat": list(wechat), "sms": list(sms)}})
    ast.parse(text)
    return [
        line.strip() for line in text.split("def test_saved_chat(phone, boss):\n")[1].split("\n")
    ]


CLICK = "<MsgType>event</MsgType><Event>CLICK</Event><EventKey>balance</EventKey>"


def test_acts_and_sights_come_in_the_order_of_their_times() -> None:
    assert lines(
        wechat(1, CLICK),
        callback(4, "sms text", body="From=%2B8613800000001&Body=%E6%98%AF&MessageSid=SM1"),
        callback(6, "boss callback opened", body='{"state": "opened", "event_id": "e1"}'),
        wechat=[said(2, "您有1580积分")],
        sms=[said(7, "欢迎加入！请看：http://x.example/l/abc123DEF4")],
    ) == [
        'li = phone("李雷")',
        'li.taps("balance")',
        'assert li.sees("wechat", "您有1580积分")',
        'li.texts("是")',
        "boss.answers()",
        'assert li.sees("sms", "欢迎加入！请看")',
        "",
    ]


def test_what_was_delivered_twice_replayed_or_refused_is_told_once_or_not() -> None:
    assert lines(
        wechat(1, CLICK),
        {**wechat(1, CLICK), "id": 2},
        wechat(3, CLICK.replace("balance", "help"), status=403),
        wechat(4, CLICK, status=None),
        {**wechat(5, CLICK), "what": "wechat event CLICK (replay)"},
    ) == ['li = phone("李雷")', 'li.taps("balance")', ""]


def test_a_code_by_sms_is_read_from_the_sms_when_the_test_runs() -> None:
    told = lines(
        wechat(1, "<MsgType>text</MsgType><MsgId>1</MsgId><Content>绑定</Content>"),
        wechat(5, "<MsgType>text</MsgType><MsgId>2</MsgId><Content>583920</Content>"),
        sms=[said(3, "您的验证码是583920，10分钟内有效")],
    )
    assert 'li.says("绑定")' in told
    assert r'li.says(re.findall(r"\d{6}", li.last("sms"))[0])' in told
    assert not any("583920" in line for line in told)


def test_scans_of_newcomers_followers_and_leaving_have_verbs_of_their_own() -> None:
    event = "<MsgType>event</MsgType><Event>{}</Event><EventKey>{}</EventKey>"
    assert lines(
        wechat(1, event.format("SCAN", "cinema-01")),
        wechat(2, event.format("unsubscribe", "")),
        wechat(3, event.format("subscribe", "qrscene_club-car")),
        wechat(4, event.format("subscribe", "")),
        wechat(5, "<MsgType>image</MsgType><MsgId>7</MsgId>", openid="o_other"),
    ) == [
        'li = phone("李雷")',
        'person_2 = phone("路人甲")',
        'li.scans("cinema-01")',
        "li.unfollows()",
        'li.scans("club-car")',
        "li.follows()",
        'person_2.sends("image")',
        "",
    ]


def test_a_refusal_by_boss_keeps_its_reason() -> None:
    event = '{"state": "refused", "reason": "余额不足", "event_id": "e1"}'
    assert 'boss.answers("refused", "余额不足")' in lines(callback(1, "boss callback", body=event))


def test_a_refusal_at_once_is_told_once_however_often_we_asked() -> None:
    answer = '{"request_id": "r1", "state": "refused", "reason": "余额不足"}'
    asked = {"direction": "out", "response": {"body": answer}}
    told = lines(
        wechat(1, CLICK),
        {**callback(2, "boss open", status=409), **asked},
        {**callback(3, "boss query"), **asked},
        {**callback(4, "boss open", status=None), "direction": "out", "response": None},
    )
    assert told.count('boss.answers("refused", "余额不足")') == 1
    assert len(told) == 4


def test_a_long_pause_moves_the_clock_of_the_test() -> None:
    told = lines(wechat(1, CLICK), wechat=[{**said(1, "晚了"), "at": "2026-11-22T08:11:01+00:00"}])
    assert told[1:4] == [
        'li.taps("balance")', "boss.world.clock.advance(seconds=660)", "boss.world.tick()",
    ]  # fmt: skip


def test_a_fault_alone_is_still_a_test() -> None:
    told = lines(callback(1, "twilio messages", direction="out", note="fault: error"))
    assert told[0].endswith("短信网关出错 SMS gateway error")
    assert told[1] == "assert phone and boss"


def test_quotes_and_line_breaks_in_a_text_do_not_break_the_test() -> None:
    nasty = '<MsgType>text</MsgType><MsgId>1</MsgId><Content>a"); boom("\\\n</Content>'
    told = lines(wechat(1, nasty), wechat=[said(2, '第一行"\n很长很长的第二行\\')])
    assert 'assert li.sees("wechat", "很长很长的第二行\\\\")' in told
    assert not any(line.startswith("boom") for line in told)


def test_what_the_phone_shows_from_before_the_wire_began_is_left_out() -> None:
    assert lines(wechat(5, CLICK), wechat=[said(1, "很早以前")]) == [
        'li = phone("李雷")',
        'li.taps("balance")',
        "",
    ]


def test_an_empty_chat_is_still_a_test() -> None:
    assert lines() == ["assert phone and boss", ""]

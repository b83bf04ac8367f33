"""What WeChat tells, read: every message and event of its documentation, and what is unknown."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import pytest

from handlers.wechat_crypto import BadMessage
from handlers.wechat_inbound import read_inbound
from handlers.wechat_xml import read
from models.inbox import inbox
from tests.handlers import callers
from tests.handlers.conftest import Doors

WHO, WHEN = "o_someone", 1_763_769_528
SCAN_INFO = (
    "<ScanCodeInfo><ScanType><![CDATA[qrcode]]></ScanType><ScanResult><![CDATA[1]]></ScanResult>"
    "</ScanCodeInfo>"
)
PICTURES = (
    "<SendPicsInfo><Count>2</Count><PicList><item><PicMd5Sum>1b5</PicMd5Sum></item>"
    "<item><PicMd5Sum>5a7</PicMd5Sum></item></PicList></SendPicsInfo>"
)
PLACE = (
    "<SendLocationInfo><Location_X>23</Location_X><Location_Y>113</Location_Y><Scale>15</Scale>"
    "<Label><![CDATA[广州]]></Label><Poiname></Poiname></SendLocationInfo>"
)
ONE = (
    "<List><TemplateId>t1</TemplateId><SubscribeStatusString>accept</SubscribeStatusString></List>"
)

# name, EventKey, more of the XML -> kind, value
EVENTS = [
    ("subscribe", None, "", "follow", ""),
    ("subscribe", "", "", "follow", ""),
    ("subscribe", "qrscene_cinema-01", "<Ticket>t</Ticket>", "follow", "cinema-01"),
    ("subscribe", "qrscene_123123", "<Ticket>t</Ticket>", "follow", "123123"),
    ("subscribe", "qrscene_qrscene_x", "", "follow", "qrscene_x"),
    ("subscribe", "last_trade_no_4200001", "", "follow", ""),
    ("unsubscribe", None, "", "unfollow", ""),
    ("unsubscribe", "", "", "unfollow", ""),
    ("SCAN", "cinema-01", "<Ticket>t</Ticket>", "scan", "cinema-01"),
    ("SCAN", "4294967295", "<Ticket>t</Ticket>", "scan", "4294967295"),
    ("CLICK", "balance", "", "click", "balance"),
    ("VIEW", "https://circle.example/me", "<MenuId>1</MenuId>", "view", "https://circle.example/me"),
    ("view_miniprogram", "pages/a", "<MenuId>1</MenuId>", "view", "pages/a"),
    ("scancode_push", "key", SCAN_INFO, "notice", "scancode_push"),
    ("scancode_waitmsg", "key", SCAN_INFO, "click", "key"),
    ("pic_sysphoto", "key", PICTURES, "notice", "pic_sysphoto"),
    ("pic_photo_or_album", "key", PICTURES, "notice", "pic_photo_or_album"),
    ("pic_weixin", "key", PICTURES, "notice", "pic_weixin"),
    ("location_select", "key", PLACE, "notice", "location_select"),
    ("LOCATION", None, "<Latitude>23.1</Latitude><Longitude>113.3</Longitude>", "notice",
     "LOCATION"),
    ("TEMPLATESENDJOBFINISH", None, "<MsgID>2001</MsgID><Status>success</Status>", "receipt",
     "2001 success"),
    ("MASSSENDJOBFINISH", None, "<MsgID>1</MsgID><CopyrightCheckResult><Count>0</Count><ResultList>"
     "</ResultList></CopyrightCheckResult>", "notice", "MASSSENDJOBFINISH"),
    ("subscribe_msg_popup_event", None,
     f"<SubscribeMsgPopupEvent>{ONE}</SubscribeMsgPopupEvent>", "notice",
     "subscribe_msg_popup_event"),
    ("subscribe_msg_popup_event", None,
     f"<SubscribeMsgPopupEvent>{ONE}{ONE}</SubscribeMsgPopupEvent>", "notice",
     "subscribe_msg_popup_event"),
    ("subscribe_msg_change_event", None,
     f"<SubscribeMsgChangeEvent>{ONE}</SubscribeMsgChangeEvent>", "notice",
     "subscribe_msg_change_event"),
    ("subscribe_msg_sent_event", None,
     f"<SubscribeMsgSentEvent>{ONE}</SubscribeMsgSentEvent>", "notice", "subscribe_msg_sent_event"),
    ("user_info_modified", None, "<OpenID>o_1</OpenID><RevokeInfo>1</RevokeInfo>", "notice",
     "user_info_modified"),
    ("user_authorization_revoke", None, "<OpenID>o_1</OpenID><RevokeInfo>1</RevokeInfo>", "notice",
     "user_authorization_revoke"),
    ("user_authorization_cancellation", None, "<OpenID>o_1</OpenID>", "unfollow", ""),
    ("kf_create_session", None, "<KfAccount>a@b</KfAccount>", "notice", "kf_create_session"),
    ("kf_close_session", None, "<KfAccount>a@b</KfAccount>", "notice", "kf_close_session"),
    ("kf_switch_session", None, "<FromKfAccount>a</FromKfAccount>", "notice", "kf_switch_session"),
    ("something_new_in_2031", "key", "<More><A>1</A><A>2</A></More>", "other",
     "something_new_in_2031"),
]  # fmt: skip

# MsgType, its XML -> kind, value
MESSAGES = [
    ("text", "<Content><![CDATA[ 是 ]]></Content>", "text", "是"),
    ("text", "<Content></Content>", "text", ""),
    ("text", "<Content><![CDATA[😀<b>&amp;]]></Content>", "text", "😀<b>&amp;"),
    ("image", "<PicUrl>http://x</PicUrl><MediaId>m1</MediaId>", "image", "m1"),
    ("voice", "<MediaId>m2</MediaId><Format>amr</Format>", "voice", ""),
    ("voice", "<MediaId>m2</MediaId><Recognition>查积分</Recognition>", "voice", "查积分"),
    ("video", "<MediaId>m3</MediaId><ThumbMediaId>t</ThumbMediaId>", "video", "m3"),
    ("shortvideo", "<MediaId>m4</MediaId><ThumbMediaId>t</ThumbMediaId>", "video", "m4"),
    ("location", "<Location_X>23</Location_X><Label>长沙</Label>", "location", "长沙"),
    ("location", "<Location_X>23</Location_X>", "location", ""),
    ("link", "<Title>t</Title><Url>https://x.example</Url>", "link", "https://x.example"),
    ("hologram", "<Content>x</Content>", "other", "hologram"),
]


@pytest.mark.parametrize(("name", "key", "more", "kind", "value"), EVENTS)
def test_every_event_is_read_as_what_happened(
    name: str, key: str | None, more: str, kind: str, value: str
) -> None:
    inbound = read_inbound(read(callers.event(WHO, name, key, more, created=WHEN).encode()))
    assert (inbound.kind, inbound.value) == (kind, value)
    assert (inbound.channel, inbound.sender, inbound.to) == ("wechat", WHO, callers.ACCOUNT)
    assert inbound.sent_at == datetime.fromtimestamp(WHEN, UTC)


@pytest.mark.parametrize(("name", "body", "kind", "value"), MESSAGES)
def test_every_message_is_read_as_what_was_said(
    name: str, body: str, kind: str, value: str
) -> None:
    xml = callers.message(WHO, name, f"{body}<MsgId>77</MsgId>", created=WHEN)
    inbound = read_inbound(read(xml.encode()))
    assert (inbound.kind, inbound.value) == (kind, value)
    whole = f"wx:77:{WHO}:{WHEN}"
    assert inbound.key == f"wx:sha256:{sha256(whole.encode()).hexdigest()}"


@pytest.mark.parametrize(("name", "key", "more", "kind", "value"), EVENTS)
def test_every_event_is_answered_with_success_or_its_reply(
    doors: Doors, stranger: str, name: str, key: str | None, more: str, kind: str, value: str
) -> None:
    answer = doors.wechat.reports(stranger, name, key, more)
    assert answer.status == 200
    if kind in ("notice", "other", "view", "unfollow", "receipt"):
        assert answer.body == "success"
    else:
        assert answer.said


@pytest.mark.parametrize(("name", "body", "kind", "value"), MESSAGES)
def test_every_message_is_answered_with_success_or_its_reply(
    doors: Doors, stranger: str, name: str, body: str, kind: str, value: str
) -> None:
    now = doors.wechat.now()
    xml = callers.message(stranger, name, f"{body}<MsgId>78</MsgId>", created=now)
    answer = doors.wechat.sends(xml)
    assert answer.status == 200
    assert (answer.body == "success") == (kind == "other")


@pytest.mark.parametrize("kind", ["notice", "other", "view"])
def test_what_nobody_waits_for_leaves_nothing_behind(
    doors: Doors, stranger: str, kind: str
) -> None:
    with doors.nothing_changes():
        for name, key, more, read_as, _ in EVENTS:
            if read_as == kind:
                doors.wechat.reports(stranger, name, key, more)


def _key_of(
    name: str, key: str | None = None, more: str = "", *, who: str = WHO, at: int = WHEN
) -> str:
    return read_inbound(read(callers.event(who, name, key, more, created=at).encode())).key


def test_events_are_told_apart_by_sender_time_event_key_and_openid() -> None:
    keys = [
        _key_of("CLICK", "a"),
        _key_of("CLICK", "b"),
        _key_of("SCAN", "a"),
        _key_of("CLICK", "a", who="o_other"),
        _key_of("CLICK", "a", at=WHEN + 1),
        _key_of("subscribe", "qrscene_a"),
        _key_of("subscribe", "last_trade_no_a"),
        _key_of("user_info_modified", more="<OpenID>o_1</OpenID>"),
        _key_of("user_info_modified", more="<OpenID>o_2</OpenID>"),
        _key_of("user_authorization_cancellation", more="<OpenID>o_1</OpenID>"),
        _key_of("user_authorization_cancellation", more="<OpenID>o_2</OpenID>"),
        _key_of("TEMPLATESENDJOBFINISH", more="<MsgID>1</MsgID>"),
        _key_of("TEMPLATESENDJOBFINISH", more="<MsgID>2</MsgID>"),
    ]
    assert len(set(keys)) == len(keys)
    assert _key_of("CLICK", "a") == keys[0]


def test_messages_are_told_apart_by_id_sender_and_time() -> None:
    def key(sender: str, msg_id: int, created: int) -> str:
        xml = callers.text(sender, "是", msg_id=msg_id, created=created)
        return read_inbound(read(xml.encode())).key

    keys = [key(WHO, 1, WHEN), key(WHO, 2, WHEN), key("o_other", 1, WHEN), key(WHO, 1, WHEN + 1)]
    assert len(set(keys)) == len(keys)


def test_a_key_fits_however_long_what_it_is_made_of_and_names_nobody() -> None:
    long = "k" * 300
    first, second = _key_of("CLICK", long + "1"), _key_of("CLICK", long + "2")
    assert first != second
    assert WHO not in first
    assert len(first) <= inbox.c.key.type.length  # type: ignore[attr-defined]
    assert _key_of("CLICK", long + "1") == first


def test_a_cancelled_account_forgets_the_person_it_names(doors: Doors, stranger: str) -> None:
    doors.wechat.reports(stranger, "subscribe")
    answer = doors.wechat.reports(
        stranger, "user_authorization_cancellation", more=f"<OpenID>{stranger}</OpenID>"
    )
    assert answer.body == "success"
    found = "SELECT count(*) FROM subscriber_addresses WHERE address = %s"
    assert doors.rows(found, stranger) == [(0,)]


@pytest.mark.parametrize("created", ["", "-1", "1.5", "12345678901", "0" * 11, "１", "²"])
def test_a_time_that_is_none_is_refused(created: str) -> None:
    xml = callers.message(WHO, "text", "<Content>是</Content><MsgId>1</MsgId>", created=created)
    with pytest.raises(BadMessage):
        read_inbound(read(xml.encode()))

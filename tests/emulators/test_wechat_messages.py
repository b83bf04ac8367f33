"""Messages to subscribers: windows, limits, repeats, reports."""

import time
from typing import Any
from xml.etree import ElementTree

import pytest

TEXT = {"touser": "o_lilei", "msgtype": "text", "text": {"content": "你好"}}
TEMPLATE = {"touser": "o_lilei", "template_id": "T1", "data": {"thing1": {"value": "电影票"}}}


@pytest.fixture
def plain(start: Any) -> Any:
    return start(mode="plain")


def send(client: Any, **changes: Any) -> int:
    return int(client.code("message/custom/send", TEXT | changes))


def test_without_an_act_of_the_subscriber_nothing_may_be_sent(client: Any) -> None:
    assert send(client) == 45015


def test_five_messages_follow_a_message_and_none_after_48_hours(client: Any) -> None:
    client.act("o_lilei", "text", text="在吗")
    assert [send(client) for _ in range(6)] == [0] * 5 + [45047]
    client.act("o_lilei", "text", text="在吗")
    client.later(48 * 3600 - 5)
    assert send(client) == 0
    client.later(10)
    assert send(client) == 45015
    said = [entry["text"] for entry in client.phone("李雷")["wechat"]]
    assert said == ["在吗", *["你好"] * 5, "在吗", "你好"]


@pytest.mark.parametrize("act", [("tap", {"key": "balance"}), ("scan", {"scene": "club-film"})])
def test_three_messages_follow_a_click_or_scan_within_a_minute(
    client: Any, act: tuple[str, dict[str, str]]
) -> None:
    client.act("o_lilei", act[0], **act[1])
    assert [send(client) for _ in range(4)] == [0, 0, 0, 45047]
    client.act("o_lilei", act[0], **act[1])
    client.later(61)
    assert send(client) == 45015


def test_a_tap_on_a_link_opens_no_window(client: Any) -> None:
    client.act("o_lilei", "tap", url="https://example.com/")
    assert send(client) == 45015


def test_definite_refusals(client: Any) -> None:
    client.act("o_lilei", "text", text="在吗")
    assert send(client, touser="o_unknown") == 40003
    assert send(client, text={"content": "字" * 683}) == 45002
    assert send(client, text={"content": ""}) == 44004
    assert send(client, msgtype="dance") == 40008
    client.act("o_lilei", "unfollow")
    assert send(client) == 43004
    assert client.code("message/template/send", TEMPLATE) == 43004


def test_news_and_menu_questions_are_shown(client: Any) -> None:
    client.act("o_lilei", "text", text="在吗")
    article = {"title": "电影俱乐部", "description": "半价票", "url": "https://example.com/film"}
    assert send(client, msgtype="news", news={"articles": [article]}) == 0
    assert send(client, msgtype="news", news={"articles": [article] * 2}) == 45008
    options = [{"id": "101", "content": "满意"}, {"id": "102", "content": "不满意"}]
    menu = {"head_content": "您满意吗？", "list": options, "tail_content": "谢谢"}
    assert send(client, msgtype="msgmenu", msgmenu=menu) == 0
    news, question = client.phone("李雷")["wechat"][-2:]
    assert (news["title"], news["url"]) == (article["title"], article["url"])
    assert [option["id"] for option in question["options"]] == ["101", "102"]


def test_a_tap_on_an_option_comes_as_text_with_its_id(plain: Any, product: Any) -> None:
    plain.act("o_lilei", "text", text="满意", menu_id="101")
    tree = ElementTree.fromstring(product.got[-1].body)
    assert (tree.findtext("Content"), tree.findtext("bizmsgmenuid")) == ("满意", "101")


def test_a_template_message_is_sent_once_per_client_id_and_reported(
    plain: Any, product: Any
) -> None:
    body = TEMPLATE | {"client_msg_id": "owed-1", "url": "https://example.com/"}
    first, again = (plain.wechat("message/template/send", body) for _ in range(2))
    assert first["msgid"] == again["msgid"]
    plain.rest()
    assert [e["kind"] for e in plain.phone("李雷")["wechat"]] == ["template"]
    assert len(product.got) == 1
    event = ElementTree.fromstring(product.got[0].body)
    assert event.findtext("Event") == "TEMPLATESENDJOBFINISH"
    assert event.findtext("MsgID") == str(first["msgid"])
    assert event.findtext("Status") == "success"
    plain.later(601)
    plain.wechat("message/template/send", body)
    plain.rest()
    assert len(plain.phone("李雷")["wechat"]) == 2


def test_a_field_of_a_template_message_holds_so_much_and_no_more(client: Any) -> None:
    for words, code in (("票" * 20, 0), ("票" * 21, 47003), ("", 47003)):
        data = {"thing1": {"value": words}, "time3": {"value": "2026年11月22日 12:00"}}
        assert client.code("message/template/send", TEMPLATE | {"data": data}) == code


def test_a_subscribe_message_needs_an_agreement_each_time(plain: Any, product: Any) -> None:
    assert plain.code("message/subscribe/bizsend", TEMPLATE) == 43101
    plain.act("o_lilei", "agree", template_id="T1", accept=False)
    assert plain.code("message/subscribe/bizsend", TEMPLATE) == 43101
    plain.act("o_lilei", "agree", template_id="T1")
    assert plain.code("message/subscribe/bizsend", TEMPLATE) == 0
    assert plain.code("message/subscribe/bizsend", TEMPLATE) == 43101
    plain.rest()
    events = [ElementTree.fromstring(one.body).findtext("Event") for one in product.got]
    popup = "subscribe_msg_popup_event"
    assert events == [popup, popup, "subscribe_msg_sent_event"]


def test_user_info_tells_followers_from_others(client: Any) -> None:
    query = {"access_token": client.token()["access_token"]}

    def info(openid: str) -> Any:
        url = f"{client.url}/cgi-bin/user/info"
        return client.http.get(url, params=query | {"openid": openid}, timeout=60).json()

    assert info("o_lilei")["subscribe"] == 1
    assert "nickname" not in info("o_lilei")
    client.act("o_lilei", "unfollow")
    assert info("o_lilei") == {"subscribe": 0, "openid": "o_lilei"}
    client.act("o_lilei", "scan", scene="club-film")
    assert info("o_lilei")["qr_scene_str"] == "club-film"
    assert abs(info("o_lilei")["subscribe_time"] - time.time()) < 60
    assert info("o_nobody")["errcode"] == 40003


def test_a_picture_is_lent_for_three_days_sent_and_shown(client: Any) -> None:
    client.act("o_lilei", "text", text="在吗")
    lent = upload(client, PNG)
    assert send(client, msgtype="image", image={"media_id": lent["media_id"]}) == 0
    shown = client.phone("李雷")["wechat"][-1]
    assert (shown["kind"], shown["media"]) == ("image", lent["media_id"])
    assert client.http.get(f"{client.url}/media/{shown['media']}", timeout=60).content == PNG
    client.later(3 * 24 * 3600)
    client.act("o_lilei", "text", text="在吗")
    assert send(client, msgtype="image", image={"media_id": lent["media_id"]}) == 40007


def test_what_is_no_picture_is_not_taken(client: Any) -> None:
    assert upload(client, b"words")["errcode"] == 40005


PNG = b"\x89PNG\r\n\x1a\n"


def upload(client: Any, picture: bytes) -> Any:
    answer = client.http.post(
        f"{client.url}/cgi-bin/media/upload",
        params={"access_token": client.token()["access_token"], "type": "image"},
        files={"media": ("a.png", picture)}, timeout=60,
    )  # fmt: skip
    return answer.json()

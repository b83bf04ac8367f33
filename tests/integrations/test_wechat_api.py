"""The WeChat client: each call as WeChat wants it, each error as its kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from integrations.errors import CallFailed, Final, StopForToday, TryLater, UseAnotherWay
from integrations.wechat_api import Qr, WeChatApi
from integrations.wechat_client import moved_hosts

OK = {"errcode": 0, "errmsg": "ok"}
# 2026-11-21 23:00:00 in Beijing: one hour before the quotas start anew.
NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC).timestamp()
TOKEN = {"access_token": "t1", "expires_in": 7200}


@pytest.fixture
def api(far: Any, store: redis.Redis, app_id: str) -> WeChatApi:
    answer(far, lambda _: (200, OK))
    return WeChatApi(
        app_id=app_id,
        app_secret="secret",
        api_base_url=far.url + "/",
        redis=store,
        timeout_s=2,
        now=lambda: NOW,
    )


def answer(far: Any, say: Callable[[Any], Any]) -> None:
    far.answer = lambda call: (200, TOKEN) if call.path == "/cgi-bin/stable_token" else say(call)


def posted(far: Any) -> tuple[str, Any]:
    call = far.calls[-1]
    assert call.query == {"access_token": "t1"}
    return call.path, json.loads(call.body)


def test_the_token_is_asked_for_as_the_stable_one(far: Any, api: WeChatApi, app_id: str) -> None:
    api.send_text("o1", "你好")
    assert (far.calls[0].method, far.calls[0].path) == ("POST", "/cgi-bin/stable_token")
    assert json.loads(far.calls[0].body) == {
        "grant_type": "client_credential",
        "appid": app_id,
        "secret": "secret",
        "force_refresh": False,
    }


def test_a_text_goes_out_readable_and_no_longer_than_wechat_takes(far: Any, api: WeChatApi) -> None:
    api.send_text("o1", "你好 & <b>")
    assert "你好".encode() in far.calls[-1].body
    assert posted(far) == (
        "/cgi-bin/message/custom/send",
        {"touser": "o1", "msgtype": "text", "text": {"content": "你好 & <b>"}},
    )
    api.send_text("o1", "a" + "好" * 2000)
    sent = posted(far)[1]["text"]["content"]
    assert sent == "a" + "好" * 682
    assert len(sent.encode()) == 2047


def test_news_and_menu_questions_have_wechats_shape(far: Any, api: WeChatApi) -> None:
    api.send_news("o1", "票", "今晚", "https://example.org/t")
    assert posted(far)[1]["news"]["articles"] == [
        {"title": "票", "description": "今晚", "url": "https://example.org/t", "picurl": ""}
    ]
    api.send_menu_question("o1", "满意吗", [("1", "满意"), ("2", "不满意")], "谢谢")
    assert posted(far)[1] == {
        "touser": "o1",
        "msgtype": "msgmenu",
        "msgmenu": {
            "head_content": "满意吗",
            "list": [{"id": "1", "content": "满意"}, {"id": "2", "content": "不满意"}],
            "tail_content": "谢谢",
        },
    }


def test_a_picture_is_uploaded_as_a_form_and_sent_by_its_id(far: Any, api: WeChatApi) -> None:
    answer(far, lambda _: (200, {"type": "image", "media_id": "M1", "created_at": 1}))
    assert api.upload_picture(b"\x89PNG") == "M1"
    call = far.calls[-1]
    assert (call.path, call.query) == (
        "/cgi-bin/media/upload", {"access_token": "t1", "type": "image"},
    )  # fmt: skip
    assert b'name="media"; filename="picture.png"' in call.body
    assert b"\x89PNG" in call.body
    answer(far, lambda _: (200, OK))
    api.send_picture("o1", "M1")
    assert posted(far)[1] == {"touser": "o1", "msgtype": "image", "image": {"media_id": "M1"}}


def test_a_picture_is_sent_whole_again_with_a_fresh_token(far: Any, api: WeChatApi) -> None:
    said = iter([(200, {"errcode": 40001, "errmsg": "old"}), (200, {"media_id": "M2"})])
    answer(far, lambda _: next(said))
    assert api.upload_picture(b"\x89PNG") == "M2"
    tries = far.to("/cgi-bin/media/upload")
    assert [b"\x89PNG" in call.body for call in tries] == [True, True]


def test_a_template_message_carries_our_id_and_returns_wechats(far: Any, api: WeChatApi) -> None:
    answer(far, lambda _: (200, {**OK, "msgid": 200228332}))
    data = {"thing1": {"value": "电影俱乐部"}}
    assert api.send_template("o1", "T", data, "https://e.org", "owed-1") == "200228332"
    assert posted(far) == (
        "/cgi-bin/message/template/send",
        {
            "touser": "o1",
            "template_id": "T",
            "data": data,
            "url": "https://e.org",
            "client_msg_id": "owed-1",
        },
    )
    api.send_template("o1", "T", data)
    assert set(posted(far)[1]) == {"touser", "template_id", "data"}


def test_a_subscription_notice_goes_to_bizsend(far: Any, api: WeChatApi) -> None:
    api.send_subscribe("o1", "T", {"thing1": {"value": "票"}}, page="https://e.org")
    path, body = posted(far)
    assert path == "/cgi-bin/message/subscribe/bizsend"
    assert (body["touser"], body["page"]) == ("o1", "https://e.org")


def test_menus_are_made_asked_for_and_deleted(far: Any, api: WeChatApi) -> None:
    buttons = [{"type": "click", "name": "余额", "key": "balance"}]
    api.create_menu(buttons)
    assert posted(far) == ("/cgi-bin/menu/create", {"button": buttons})
    answer(far, lambda _: (200, {"menuid": 208379533}))
    assert api.add_conditional_menu(buttons, 7) == "208379533"
    assert posted(far) == (
        "/cgi-bin/menu/addconditional",
        {"button": buttons, "matchrule": {"tag_id": "7"}},
    )
    api.try_match_menu("o1")
    assert posted(far) == ("/cgi-bin/menu/trymatch", {"user_id": "o1"})
    answer(far, lambda _: (200, {"menu": {"button": buttons}}))
    assert api.get_menus() == {"menu": {"button": buttons}}
    answer(far, lambda _: (200, {"errcode": 46003, "errmsg": "no menu"}))
    assert api.get_menus() == {}
    answer(far, lambda _: (200, OK))
    api.delete_menus()
    assert far.calls[-1].path == "/cgi-bin/menu/delete"


def test_people_are_tagged_fifty_at_a_time(far: Any, api: WeChatApi) -> None:
    people = [f"o{number}" for number in range(101)]
    api.tag(7, people)
    sent = [json.loads(call.body) for call in far.to("/cgi-bin/tags/members/batchtagging")]
    assert [len(one["openid_list"]) for one in sent] == [50, 50, 1]
    assert [openid for one in sent for openid in one["openid_list"]] == people
    api.untag(7, ["o1"])
    assert posted(far) == (
        "/cgi-bin/tags/members/batchuntagging",
        {"tagid": 7, "openid_list": ["o1"]},
    )


def test_a_tag_is_made_or_found(far: Any, api: WeChatApi) -> None:
    answer(far, lambda _: (200, {"tag": {"id": 9, "name": "film"}}))
    assert api.create_tag("film") == 9
    known = {"tags": [{"id": 8, "name": "film", "count": 3}, {"id": 2, "name": "car", "count": 0}]}
    taken = {"errcode": 45157, "errmsg": "invalid tag name"}
    answer(far, lambda call: (200, known if call.path.endswith("/get") else taken))
    assert api.tags() == {"film": 8, "car": 2}
    assert api.create_tag("film") == 8
    with pytest.raises(Final):
        api.create_tag("vip")


def test_qr_codes_are_made_with_a_scene_and_an_end(far: Any, api: WeChatApi) -> None:
    said = {"ticket": "gQ/=", "expire_seconds": 600, "url": "http://weixin.qq.com/q/x"}
    answer(far, lambda _: (200, said))
    ends = datetime(2026, 11, 21, 15, 10, tzinfo=UTC)
    assert api.create_temporary_qr("club-film", 600) == Qr("gQ/=", said["url"], ends)  # type: ignore[arg-type]  # a str there
    assert posted(far)[1]["expire_seconds"] == 600
    assert api.create_permanent_qr("club-film").expires_at is None
    assert posted(far)[1] == {
        "action_name": "QR_LIMIT_STR_SCENE",
        "action_info": {"scene": {"scene_str": "club-film"}},
    }
    for scene, live_s in (("", 600), ("x" * 65, 600), ("a", 59), ("a", 2_592_001)):
        with pytest.raises(ValueError, match=r"must be|characters"):
            api.create_temporary_qr(scene, live_s)


def test_pictures_oauth_and_people_are_asked_at_the_configured_host(
    far: Any, api: WeChatApi, app_id: str
) -> None:
    answer(far, lambda call: (200, b"JPEG" if "showqrcode" in call.path else {"openid": "o1"}))
    assert api.qr_image_url("gQ/=") == f"{far.url}/cgi-bin/showqrcode?ticket=gQ%2F%3D"
    assert api.qr_image("gQ/=") == b"JPEG"
    assert (far.calls[-1].path, far.calls[-1].query) == ("/cgi-bin/showqrcode", {"ticket": "gQ/="})
    assert api.oauth_url("https://e.org/cb?a=1", "s-1") == (
        f"{far.url}/connect/oauth2/authorize?appid={app_id}"
        "&redirect_uri=https%3A%2F%2Fe.org%2Fcb%3Fa%3D1"
        "&response_type=code&scope=snsapi_base&state=s-1#wechat_redirect"
    )
    assert api.oauth_openid("code1") == "o1"
    assert far.calls[-1].path == "/sns/oauth2/access_token"
    assert far.calls[-1].query["code"] == "code1"
    assert api.user_info("o1") == {"openid": "o1"}
    assert far.calls[-1].query == {"access_token": "t1", "openid": "o1", "lang": "zh_CN"}


def test_wechats_own_hosts_are_left_alone() -> None:
    assert moved_hosts("https://api.weixin.qq.com") == {}
    assert moved_hosts("https://sh.api.weixin.qq.com") == {
        "api.weixin.qq.com": "https://sh.api.weixin.qq.com"
    }
    assert set(moved_hosts("http://127.0.0.1:8001")) == {
        "api.weixin.qq.com",
        "mp.weixin.qq.com",
        "open.weixin.qq.com",
    }


CODES: list[tuple[int, type[CallFailed], float | None]] = [
    (-1, TryLater, None),
    (45011, TryLater, 60),
    (45009, StopForToday, 3600),
    (45015, UseAnotherWay, None),
    (45047, UseAnotherWay, None),
    (43004, Final, None),
    (43101, Final, None),
    (48002, Final, None),
    (40003, Final, None),
    (40037, Final, None),
]


@pytest.mark.parametrize(("code", "kind", "after_s"), CODES)
def test_each_error_code_is_its_kind_and_is_not_tried_again(
    far: Any, api: WeChatApi, code: int, kind: type[CallFailed], after_s: float | None
) -> None:
    answer(far, lambda _: (200, {"errcode": code, "errmsg": "said so"}))
    with pytest.raises(CallFailed) as failed:
        api.send_text("o1", "你好")
    assert type(failed.value) is kind
    assert failed.value.code == code
    assert getattr(failed.value, "after_s", None) == after_s
    assert len(far.to("/cgi-bin/message/custom/send")) == 1


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ((500, b""), TryLater),
        ((503, b"busy"), TryLater),
        ((429, b""), TryLater),
        ((404, b""), Final),
        ((200, b"<html>"), TryLater),
        ((200, b""), TryLater),
        ((200, {"errcode": "x"}), TryLater),
        (None, TryLater),
    ],
)
def test_what_is_no_answer_is_its_kind(
    far: Any, store: redis.Redis, app_id: str, said: Any, kind: type[CallFailed]
) -> None:
    api = WeChatApi(
        app_id=app_id, app_secret="secret", api_base_url=far.url, redis=store, timeout_s=0.2
    )
    answer(far, lambda _: said)
    with pytest.raises(CallFailed) as failed:
        api.send_text("o1", "你好")
    assert type(failed.value) is kind
    # The chain of causes would print the URL, and the token in it.
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__


@pytest.mark.parametrize("said", [[], {}, {"tags": 5}, {"tags": [{}]}, {"errcode": 0}])
def test_an_answer_of_another_shape_is_tried_later(far: Any, api: WeChatApi, said: Any) -> None:
    answer(far, lambda _: (200, said))
    for call in (api.tags, lambda: api.create_tag("x"), lambda: api.create_permanent_qr("x")):
        with pytest.raises(TryLater):
            call()
    with pytest.raises(TryLater):
        api.oauth_openid("c")


def test_a_wrong_oauth_code_is_final(far: Any, api: WeChatApi) -> None:
    answer(far, lambda _: (200, {"errcode": 40029, "errmsg": "invalid code"}))
    with pytest.raises(Final):
        api.oauth_openid("used")


def test_a_file_that_somebody_sent_is_fetched_and_a_refusal_is_no_file(
    far: Any, api: WeChatApi
) -> None:
    picture = {"Content-Type": "image/jpeg"}
    answer(far, lambda _: (200, b"\xff\xd8\xff", picture))
    assert api.fetch_media("M1", most=10) == b"\xff\xd8\xff"
    assert far.calls[-1].path == "/cgi-bin/media/get"
    assert far.calls[-1].query == {"access_token": "t1", "media_id": "M1"}
    with pytest.raises(Final, match="more than 2 bytes"):
        api.fetch_media("M1", most=2)
    answer(far, lambda _: (200, {"errcode": 40007, "errmsg": "invalid media_id"}))
    with pytest.raises(Final) as gone:
        api.fetch_media("M1", most=1000)
    assert gone.value.code == 40007
    said = iter([(200, {"errcode": 40001, "errmsg": "old"}), (200, b"ok", picture)])
    answer(far, lambda _: next(said))
    assert api.fetch_media("M1", most=1000) == b"ok"
    answer(far, lambda _: (502, b"<html>", {"Content-Type": "text/html"}))
    with pytest.raises(TryLater):
        api.fetch_media("M1", most=10)

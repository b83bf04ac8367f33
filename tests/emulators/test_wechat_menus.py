"""Menus, their limits, and what each person sees; tags."""

from typing import Any

import pytest

CLICK = {"type": "click", "name": "余额", "key": "balance"}
VIEW = {"type": "view", "name": "主页", "url": "https://example.com/"}


def sub(*buttons: Any) -> Any:
    return {"button": [{"name": "更多", "sub_button": list(buttons)}]}


@pytest.mark.parametrize(
    ("menu", "code"),
    [
        ({"button": [CLICK, VIEW, sub(CLICK)["button"][0]]}, 0),
        ({"button": []}, 40016),
        ({"button": [CLICK] * 4}, 40016),
        ({"button": [CLICK | {"name": "六个汉字太长"}]}, 40018),
        ({"button": [CLICK | {"name": "五个汉字行"}]}, 0),
        ({"button": [CLICK | {"name": ""}]}, 40018),
        ({"button": [CLICK | {"type": "dance"}]}, 40017),
        ({"button": [{"name": "空"}]}, 65308),
        ({"button": [CLICK | {"key": "k" * 129}]}, 40019),
        ({"button": [VIEW | {"url": "https://e/" + "u" * 1024}]}, 40020),
        ({"button": [VIEW | {"url": "javascript:alert(1)"}]}, 65317),
        (sub(*[CLICK] * 6), 40023),
        (sub(CLICK | {"name": "字" * 21}), 40025),
        (sub(CLICK | {"name": "字" * 20}), 0),
        (sub(CLICK | {"type": "dance"}), 40024),
        (sub(CLICK | {"key": "k" * 129}), 40026),
        (sub(VIEW | {"url": "https://e/" + "u" * 1024}), 40027),
        (sub({"name": "三层", "sub_button": [CLICK]}), 40022),
    ],
)
def test_menu_limits_are_those_of_wechat(client: Any, menu: Any, code: int) -> None:
    assert client.code("menu/create", menu) == code


def test_a_menu_is_kept_shown_and_deleted(client: Any) -> None:
    assert client.code("menu/get") == 46003
    assert client.phone("李雷")["menu"] is None
    client.wechat("menu/create", {"button": [CLICK]})
    assert client.wechat("menu/get")["menu"]["button"] == [CLICK | {"sub_button": []}]
    assert client.wechat("get_current_selfmenu_info")["selfmenu_info"]["button"] == [CLICK]
    assert client.phone("李雷")["menu"] == {"button": [CLICK]}
    assert client.code("menu/delete") == 0
    assert client.code("menu/get") == 46003


def test_a_conditional_menu_needs_a_default_menu_and_a_tag(client: Any) -> None:
    menu: Any = {"button": [VIEW], "matchrule": {"tag_id": "100"}}
    assert client.code("menu/addconditional", menu) == 65303
    client.wechat("menu/create", {"button": [CLICK]})
    assert client.code("menu/addconditional", menu) == 45159
    assert client.code("menu/addconditional", {"button": [VIEW]}) == 65304


def test_the_newest_conditional_menu_that_fits_is_seen(client: Any) -> None:
    film = client.wechat("tags/create", {"tag": {"name": "电影"}})["tag"]["id"]
    car = client.wechat("tags/create", {"tag": {"name": "车友"}})["tag"]["id"]
    client.wechat("menu/create", {"button": [CLICK]})
    for tag, name in ((film, "电影会员"), (car, "车友会员")):
        button = CLICK | {"name": name}
        menu = {"button": [button], "matchrule": {"tag_id": str(tag)}}
        number = client.wechat("menu/addconditional", menu)["menuid"]
    for tag in (film, car):
        body = {"openid_list": ["o_lilei"], "tagid": tag}
        assert client.code("tags/members/batchtagging", body) == 0

    def seen() -> Any:
        return client.wechat("menu/trymatch", {"user_id": "o_lilei"})["button"][0]["name"]

    assert seen() == "车友会员"
    assert client.phone("韩梅梅")["menu"]["button"][0]["name"] == "余额"
    client.wechat("tags/members/batchuntagging", {"openid_list": ["o_lilei"], "tagid": car})
    assert seen() == "电影会员"
    assert len(client.wechat("menu/get")["conditionalmenu"]) == 2
    assert client.code("menu/delconditional", {"menuid": number}) == 0
    assert client.code("menu/delconditional", {"menuid": number}) == 65301
    assert client.code("menu/trymatch", {"user_id": "o_nobody"}) == 65302


def test_tags_are_unique_and_known(client: Any) -> None:
    number = client.wechat("tags/create", {"tag": {"name": "电影"}})["tag"]["id"]
    assert client.code("tags/create", {"tag": {"name": "电影"}}) == 45157
    assert client.code("tags/create", {"tag": {"name": "长" * 11}}) == 45158
    tagging = {"openid_list": ["o_lilei"], "tagid": number}
    assert client.code("tags/members/batchtagging", tagging | {"tagid": 999}) == 45159
    assert client.code("tags/members/batchtagging", tagging | {"openid_list": ["o_x"]}) == 40003
    assert client.code("tags/members/batchtagging", tagging | {"openid_list": ["o"] * 51}) == 40032
    client.wechat("tags/members/batchtagging", tagging)
    assert client.wechat("tags/getidlist", {"openid": "o_lilei"}) == {"tagid_list": [number]}
    counts = {tag["id"]: tag["count"] for tag in client.wechat("tags/get")["tags"]}
    assert counts == {2: 0, number: 1}
    assert client.wechat("user/tag/get", {"tagid": number})["data"]["openid"] == ["o_lilei"]
    assert client.code("tags/delete", {"tag": {"id": 2}}) == 45058
    assert client.code("tags/delete", {"tag": {"id": number}}) == 0
    assert client.wechat("tags/getidlist", {"openid": "o_lilei"}) == {"tagid_list": []}


def test_tags_and_menus_outlive_a_reset_unless_all_is_asked(client: Any) -> None:
    client.wechat("tags/create", {"tag": {"name": "电影"}})
    client.wechat("menu/create", {"button": [CLICK]})
    client.control("POST", "/reset")
    assert len(client.wechat("tags/get")["tags"]) == 2
    assert client.code("menu/get") == 0
    client.control("POST", "/reset", all=True)
    assert client.code("menu/get") == 46003

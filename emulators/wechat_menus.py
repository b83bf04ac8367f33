"""WeChat's menus: limits, default and conditional menus, and which one a person sees."""

import secrets
from typing import Any

from emulators import people
from emulators.state import Json, Person, State
from emulators.wechat_errors import WeChatError
from emulators.world import World

# docs: 自定义菜单, 创建接口
MOST_BUTTONS = 3
MOST_SUB_BUTTONS = 5
LONGEST_NAME = 16
LONGEST_SUB_NAME = 60
LONGEST_KEY = 128
LONGEST_URL = 1024
MOST_CONDITIONAL = 30
KEY_TYPES = {
    "click",
    "scancode_push",
    "scancode_waitmsg",
    "pic_sysphoto",
    "pic_photo_or_album",
    "pic_weixin",
    "location_select",
}
NEEDED = {
    "view": ("url",),
    "miniprogram": ("url", "appid", "pagepath"),
    "media_id": ("media_id",),
    "view_limited": ("media_id",),
    "article_id": ("article_id",),
    "article_view_limited": ("article_id",),
}
OK: Json = {"errcode": 0, "errmsg": "ok"}


def create(world: World, body: Json) -> Json:
    """POST menu/create: replaces the default menu; conditional ones stay."""
    buttons = _checked(body)
    with world.lock:
        world.state.menu = {"button": buttons, "menuid": _menu_id()}
    _everybody_looks(world)
    return dict(OK)


def add_conditional(world: World, body: Json) -> Json:
    """POST menu/addconditional: a menu for those with a tag."""
    buttons = _checked(body)
    rule = body.get("matchrule")
    if not isinstance(rule, dict) or not rule:
        raise WeChatError(65304)
    # Since 2023 only the tag counts (docs: 个性化菜单接口).
    tag_id = str(rule.get("tag_id") or rule.get("group_id") or "")
    if not tag_id.isdecimal():
        raise WeChatError(65304)
    with world.lock:
        state = world.state
        if state.menu is None:
            raise WeChatError(65303)
        if int(tag_id) not in state.tag_names and int(tag_id) > 2:
            raise WeChatError(45159)
        if len(state.conditional_menus) >= MOST_CONDITIONAL:
            raise WeChatError(65305)
        number = _menu_id()
        state.conditional_menus.append(
            {"button": buttons, "matchrule": {"tag_id": tag_id}, "menuid": number}
        )
    _everybody_looks(world)
    return {"menuid": str(number)}


def get(world: World, body: Json) -> Json:
    """GET menu/get: the default menu and the conditional ones."""
    with world.lock:
        state = world.state
        if state.menu is None:
            raise WeChatError(46003)
        answer: Json = {"menu": {"button": _with_empty_lists(state.menu["button"])}}
        if state.conditional_menus:
            answer["menu"]["menuid"] = state.menu["menuid"]
            answer["conditionalmenu"] = [
                one | {"button": _with_empty_lists(one["button"])}
                for one in state.conditional_menus
            ]
        return answer


def current(world: World, body: Json) -> Json:
    """GET get_current_selfmenu_info: the default menu in the console's shape."""
    with world.lock:
        menu = world.state.menu
        if menu is None:
            return {"is_menu_open": 0, "selfmenu_info": {"button": []}}
        buttons = [
            {"name": one["name"], "sub_button": {"list": one["sub_button"]}}
            if one.get("sub_button")
            else one
            for one in menu["button"]
        ]
        return {"is_menu_open": 1, "selfmenu_info": {"button": buttons}}


def delete(world: World, body: Json) -> Json:
    """GET menu/delete: the default menu and every conditional one."""
    with world.lock:
        world.state.menu = None
        world.state.conditional_menus.clear()
    _everybody_looks(world)
    return dict(OK)


def delete_conditional(world: World, body: Json) -> Json:
    """POST menu/delconditional."""
    wanted = str(body.get("menuid", ""))
    with world.lock:
        kept = [m for m in world.state.conditional_menus if str(m["menuid"]) != wanted]
        if len(kept) == len(world.state.conditional_menus):
            raise WeChatError(65301)
        world.state.conditional_menus[:] = kept
    _everybody_looks(world)
    return dict(OK)


def try_match(world: World, body: Json) -> Json:
    """POST menu/trymatch: the menu that this person sees."""
    with world.lock:
        person = people.by_openid(world.state, body.get("user_id"))
        if person is None or not person.follows:
            raise WeChatError(65302)
        if world.state.menu is None:
            raise WeChatError(46003)
        return {"button": _with_empty_lists(seen_by(world.state, person))}


def seen_by(state: State, person: Person) -> list[Json]:
    """The buttons on this person's phone: the newest conditional menu that fits, or the default."""
    if not person.follows or state.menu is None:
        return []
    for one in reversed(state.conditional_menus):
        if int(one["matchrule"]["tag_id"]) in person.tags:
            return list(one["button"])
    return list(state.menu["button"])


def leaves(buttons: list[Json]) -> list[Json]:
    """The buttons that do something: sub-buttons in place of their parents."""
    return [leaf for one in buttons for leaf in (one.get("sub_button") or [one])]


def _checked(body: Json) -> list[Json]:
    buttons = body.get("button")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= MOST_BUTTONS:
        raise WeChatError(40016)
    return [_button(one) for one in buttons]


def _button(button: Any) -> Json:
    if not isinstance(button, dict):
        raise WeChatError(47001)
    if not 1 <= len(str(button.get("name") or "").encode()) <= LONGEST_NAME:
        raise WeChatError(40018)
    inner = button.get("sub_button")
    if not inner:
        return {k: v for k, v in _leaf(button, 40017, 40019, 40020).items() if k != "sub_button"}
    if not isinstance(inner, list) or len(inner) > MOST_SUB_BUTTONS:
        raise WeChatError(40023)
    return {"name": button["name"], "sub_button": [_sub_button(one) for one in inner]}


def _sub_button(button: Any) -> Json:
    if not isinstance(button, dict):
        raise WeChatError(47001)
    if button.get("sub_button"):
        raise WeChatError(40022)
    if not 1 <= len(str(button.get("name") or "").encode()) <= LONGEST_SUB_NAME:
        raise WeChatError(40025)
    leaf = _leaf(button, 40024, 40026, 40027)
    return {k: v for k, v in leaf.items() if k != "sub_button"}


def _leaf(button: Json, bad_type: int, bad_key: int, bad_url: int) -> Json:
    kind = button.get("type")
    if kind is None:
        raise WeChatError(65308)
    if kind in KEY_TYPES:
        if not 1 <= len(str(button.get("key") or "").encode()) <= LONGEST_KEY:
            raise WeChatError(bad_key)
        return button
    if kind not in NEEDED:
        raise WeChatError(bad_type)
    if "url" in NEEDED[kind]:
        url = str(button.get("url") or "")
        if not 1 <= len(url.encode()) <= LONGEST_URL:
            raise WeChatError(bad_url)
        if not url.startswith(("http://", "https://")):
            raise WeChatError(65317)
    if any(not button.get(name) for name in NEEDED[kind]):
        raise WeChatError(40035)
    return button


def _with_empty_lists(buttons: list[Json]) -> list[Json]:
    # WeChat gives every button a list of sub-buttons, empty for those that have none.
    return [
        one | {"sub_button": [sub | {"sub_button": []} for sub in one.get("sub_button", [])]}
        for one in buttons
    ]


def _menu_id() -> int:
    return 400_000_000 + secrets.randbelow(100_000_000)


def _everybody_looks(world: World) -> None:
    with world.lock:
        for phone in world.state.phones.values():
            phone.changed += 1
    world.changed()

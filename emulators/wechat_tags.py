"""WeChat's tags and what it tells about a follower."""

from typing import Any

from emulators import people
from emulators.state import Json, Person, State
from emulators.wechat_errors import WeChatError
from emulators.world import World

# docs: 用户标签管理
MOST_TAGS = 100
MOST_TAGS_A_PERSON = 20
MOST_OPENIDS = 50
LONGEST_NAME = 30
SYSTEM_TAGS = {2: "星标组"}
FIRST_TAG = 100
PAGE = 10_000
OK: Json = {"errcode": 0, "errmsg": "ok"}


def create(world: World, body: Json) -> Json:
    """POST tags/create."""
    name = _name(body)
    with world.lock:
        tags = world.state.tag_names
        if name in tags.values() or name in SYSTEM_TAGS.values():
            raise WeChatError(45157)
        if len(tags) >= MOST_TAGS:
            raise WeChatError(45056)
        number = max(tags, default=FIRST_TAG - 1) + 1
        tags[number] = name
    world.changed()
    return {"tag": {"id": number, "name": name}}


def get(world: World, body: Json) -> Json:
    """GET tags/get."""
    with world.lock:
        all_tags = SYSTEM_TAGS | world.state.tag_names
        return {
            "tags": [
                {"id": number, "name": name, "count": len(_tagged(world.state, number))}
                for number, name in all_tags.items()
            ]
        }


def update(world: World, body: Json) -> Json:
    """POST tags/update."""
    name = _name(body)
    with world.lock:
        number = _own_tag(world.state, _tag(body).get("id"))
        if name in {n for t, n in world.state.tag_names.items() if t != number}:
            raise WeChatError(45157)
        world.state.tag_names[number] = name
    world.changed()
    return dict(OK)


def delete(world: World, body: Json) -> Json:
    """POST tags/delete."""
    with world.lock:
        number = _own_tag(world.state, _tag(body).get("id"))
        del world.state.tag_names[number]
        for person in _tagged(world.state, number):
            person.tags.remove(number)
    world.changed()
    return dict(OK)


def tag(world: World, body: Json) -> Json:
    """POST tags/members/batchtagging."""
    with world.lock:
        number, members = _members(world.state, body)
        fresh = [person for person in members if number not in person.tags]
        if any(len(person.tags) >= MOST_TAGS_A_PERSON for person in fresh):
            raise WeChatError(45059)
        for person in fresh:
            person.tags.append(number)
            world.state.phones[person.name].changed += 1
    world.changed()
    return dict(OK)


def untag(world: World, body: Json) -> Json:
    """POST tags/members/batchuntagging."""
    with world.lock:
        number, members = _members(world.state, body)
        for person in members:
            if number in person.tags:
                person.tags.remove(number)
                world.state.phones[person.name].changed += 1
    world.changed()
    return dict(OK)


def of_person(world: World, body: Json) -> Json:
    """POST tags/getidlist."""
    with world.lock:
        return {"tagid_list": list(_follower(world.state, body.get("openid")).tags)}


def members(world: World, body: Json) -> Json:
    """POST user/tag/get: the openids under a tag, 10,000 at a time."""
    with world.lock:
        number = _known_tag(world.state, body.get("tagid"))
        openids = sorted(str(person.openid) for person in _tagged(world.state, number))
    after = str(body.get("next_openid") or "")
    found = [openid for openid in openids if openid > after][:PAGE]
    if not found:
        return {"count": 0}
    return {"count": len(found), "data": {"openid": found}, "next_openid": found[-1]}


def user_info(world: World, body: Json) -> Json:
    """GET user/info: without nickname and avatar, which WeChat gives no more (2021)."""
    with world.lock:
        person = people.by_openid(world.state, body.get("openid"))
        if person is None:
            raise WeChatError(40003)
        if not person.follows:
            return {"subscribe": 0, "openid": person.openid}
        scene = person.scene
        return {
            "subscribe": 1,
            "openid": person.openid,
            "language": "zh_CN",
            "subscribe_time": person.followed_at,
            "remark": "",
            "groupid": person.tags[0] if person.tags else 0,
            "tagid_list": list(person.tags),
            "subscribe_scene": "ADD_SCENE_QR_CODE" if scene else "ADD_SCENE_SEARCH",
            "qr_scene": int(scene) if scene.isdecimal() else 0,
            "qr_scene_str": "" if scene.isdecimal() else scene,
        }


def _name(body: Json) -> str:
    name = str(_tag(body).get("name") or "")
    if not name:
        raise WeChatError(45157)
    if len(name.encode()) > LONGEST_NAME:
        raise WeChatError(45158)
    return name


def _tag(body: Json) -> Json:
    given = body.get("tag")
    if not isinstance(given, dict):
        raise WeChatError(47001)
    return given


def _known_tag(state: State, value: Any) -> int:
    number = int(value) if str(value).isdecimal() else -1
    if number not in state.tag_names and number not in SYSTEM_TAGS:
        raise WeChatError(45159)
    return number


def _own_tag(state: State, value: Any) -> int:
    if str(value) in ("0", "1", "2"):
        raise WeChatError(45058)
    return _known_tag(state, value)


def _members(state: State, body: Json) -> tuple[int, list[Person]]:
    openids = body.get("openid_list")
    if not isinstance(openids, list) or not openids:
        raise WeChatError(40035)
    if len(openids) > MOST_OPENIDS:
        raise WeChatError(40032)
    number = _known_tag(state, body.get("tagid"))
    return number, [_follower(state, openid) for openid in openids]


def _follower(state: State, openid: Any) -> Person:
    person = people.by_openid(state, openid)
    if person is None or not person.follows:
        raise WeChatError(40003)
    return person


def _tagged(state: State, number: int) -> list[Person]:
    return [person for person in state.people.values() if number in person.tags]

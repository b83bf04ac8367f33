"""QR codes with a scene, and web login."""

import io
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import qrcode
from PIL import Image


def qr(action: str, scene: Any, **more: Any) -> Any:
    return {"action_name": action, "action_info": {"scene": scene}} | more


def test_a_qr_code_shows_its_link_and_can_be_scanned(client: Any) -> None:
    made = client.wechat("qrcode/create", qr("QR_LIMIT_STR_SCENE", {"scene_str": "club-film"}))
    assert made["url"] == f"{client.url}/q/{made['ticket']}"
    again = client.wechat("qrcode/create", qr("QR_LIMIT_STR_SCENE", {"scene_str": "club-film"}))
    assert again["ticket"] == made["ticket"]
    url = f"{client.url}/cgi-bin/showqrcode"
    picture = client.http.get(url, params={"ticket": made["ticket"]}, timeout=60)
    assert picture.headers["Content-Type"] == "image/png"
    with Image.open(io.BytesIO(picture.content)) as image:
        drawn = image.convert("1").tobytes()
    code = qrcode.QRCode(border=4, box_size=10)
    code.add_data(made["url"])
    assert drawn == code.make_image().get_image().convert("1").tobytes()
    assert client.http.get(url, params={"ticket": "unknown"}, timeout=60).status_code == 404
    assert client.act("o_lilei", "scan", url=made["url"])["status"] == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (qr("QR_SCENE", {"scene_id": 4294967295}), 0),
        (qr("QR_SCENE", {"scene_id": 4294967296}), 40053),
        (qr("QR_SCENE", {"scene_id": 0}), 40053),
        (qr("QR_LIMIT_SCENE", {"scene_id": 100_000}), 0),
        (qr("QR_LIMIT_SCENE", {"scene_id": 100_001}), 40053),
        (qr("QR_STR_SCENE", {"scene_str": "s" * 64}), 0),
        (qr("QR_STR_SCENE", {"scene_str": "s" * 65}), 40053),
        (qr("QR_STR_SCENE", {"scene_str": ""}), 40053),
        (qr("QR_STR_SCENE", {"scene_str": "s"}, expire_seconds=2_592_000), 0),
        (qr("QR_STR_SCENE", {"scene_str": "s"}, expire_seconds=2_592_001), 40035),
        (qr("QR_OTHER", {"scene_str": "s"}), 40053),
        ({"action_name": "QR_SCENE"}, 40053),
    ],
)
def test_qr_limits_are_those_of_wechat(client: Any, body: Any, code: int) -> None:
    assert client.code("qrcode/create", body) == code


def test_a_temporary_qr_code_ends(client: Any) -> None:
    made = client.wechat("qrcode/create", qr("QR_STR_SCENE", {"scene_str": "s"}, expire_seconds=60))
    assert made["expire_seconds"] == 60
    client.later(61)
    url = f"{client.url}/cgi-bin/showqrcode?ticket={made['ticket']}"
    assert client.http.get(url, timeout=60).status_code == 404
    scan = f"{client.url}/control/wechat/o_lilei/scan"
    assert client.http.post(scan, json={"ticket": made["ticket"]}, timeout=60).status_code == 400


def authorize(client: Any, **more: str) -> Any:
    query = {
        "appid": client.settings.app_id,
        "redirect_uri": client.settings.public_url + "/oauth/callback?next=/me",
        "response_type": "code",
        "scope": "snsapi_base",
        "state": "s1",
    } | more
    url = f"{client.url}/connect/oauth2/authorize"
    return client.http.get(url, params=query, allow_redirects=False, timeout=60)


def exchange(client: Any, **more: str) -> Any:
    query = {
        "appid": client.settings.app_id,
        "secret": client.settings.app_secret,
        "grant_type": "authorization_code",
    } | more
    return client.http.get(f"{client.url}/sns/oauth2/access_token", params=query, timeout=60).json()


def test_a_login_sends_the_person_back_with_a_code_that_works_once(client: Any) -> None:
    answer = authorize(client, person="李雷")
    back = urlsplit(answer.headers["Location"])
    query = parse_qs(back.query)
    assert (answer.status_code, back.path) == (302, "/oauth/callback")
    assert (query["state"], query["next"]) == (["s1"], ["/me"])
    code = query["code"][0]
    assert exchange(client, code=code, secret="wrong")["errcode"] == 40125
    assert exchange(client, code=code)["openid"] == "o_lilei"
    assert exchange(client, code=code)["errcode"] == 40163
    assert exchange(client, code="invented")["errcode"] == 40029
    assert exchange(client)["errcode"] == 41008


def test_a_code_ends_after_five_minutes(client: Any) -> None:
    client.http.cookies.set("person", "%E9%9F%A9%E6%A2%85%E6%A2%85")
    location = authorize(client).headers["Location"]
    client.later(301)
    assert exchange(client, code=parse_qs(urlsplit(location).query)["code"][0])["errcode"] == 40029


def test_an_unknown_person_is_asked_for(client: Any) -> None:
    answer = authorize(client)
    assert (answer.status_code, "李雷" in answer.text, "王大爷" in answer.text) == (
        200,
        True,
        False,
    )


@pytest.mark.parametrize(
    "change", [{"redirect_uri": "https://evil.example/"}, {"appid": "wx"}, {"scope": "all"}]
)
def test_a_wrong_login_request_goes_nowhere(client: Any, change: dict[str, str]) -> None:
    assert authorize(client, person="李雷", **change).status_code == 400

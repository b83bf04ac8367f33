"""Access tokens, their check, and quotas."""

from collections.abc import Callable
from typing import Any

import pytest


def test_the_stable_token_stays_the_same_until_a_new_one_is_forced(client: Any) -> None:
    first, again = client.token(), client.token()
    assert first["access_token"] == again["access_token"]
    assert 7190 <= first["expires_in"] <= 7200
    forced = client.token(force_refresh=True)
    assert forced["access_token"] != first["access_token"]
    assert client.wechat("tags/get", token=first["access_token"])["errcode"] == 40001
    assert "tags" in client.wechat("tags/get", token=forced["access_token"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"appid": "wx_another"}, 40013),
        ({"secret": "wrong"}, 40125),
        ({"appid": ""}, 41002),
        ({"secret": ""}, 41004),
        ({"grant_type": "password"}, 40002),
    ],
)
def test_bad_credentials_get_no_token(client: Any, change: dict[str, str], code: int) -> None:
    assert client.token(**change)["errcode"] == code


def test_a_call_without_a_token_or_with_a_wrong_one_is_refused(client: Any) -> None:
    assert client.wechat("tags/get", token="")["errcode"] == 41001
    assert client.wechat("tags/get", token="invented")["errcode"] == 40001


def test_a_token_expires_after_two_hours(client: Any) -> None:
    old = client.token()["access_token"]
    client.later(7201)
    assert client.wechat("tags/get", token=old)["errcode"] == 42001
    assert client.token()["access_token"] != old


def test_tokens_can_be_spoilt_by_hand(client: Any) -> None:
    old = client.token()["access_token"]
    client.control("POST", "/tokens", do="expire")
    assert client.wechat("tags/get", token=old)["errcode"] == 42001
    client.control("POST", "/tokens", do="revoke")
    assert client.wechat("tags/get", token=old)["errcode"] == 40001


def test_the_plain_token_is_new_each_time_and_the_old_one_lives_five_minutes(client: Any) -> None:
    query = {
        "grant_type": "client_credential",
        "appid": client.settings.app_id,
        "secret": client.settings.app_secret,
    }

    def fetch() -> str:
        answer = client.http.get(f"{client.url}/cgi-bin/token", params=query, timeout=60)
        return str(answer.json()["access_token"])

    first, second = fetch(), fetch()
    assert first != second
    assert "tags" in client.wechat("tags/get", token=first)
    client.later(301)
    assert client.wechat("tags/get", token=first)["errcode"] == 42001
    assert "tags" in client.wechat("tags/get", token=second)


def test_a_daily_quota_stops_calls_until_the_next_day(client: Any) -> None:
    client.control("POST", "/quotas", **{"/cgi-bin/tags/get": 2})
    assert [client.code("tags/get") for _ in range(3)] == [0, 0, 45009]
    client.later(24 * 3600)
    assert client.code("tags/get") == 0


def test_clearing_the_quota_works_ten_times_a_month(client: Any) -> None:
    client.control("POST", "/quotas", **{"/cgi-bin/tags/get": 0})
    assert client.code("tags/get") == 45009
    body = {"appid": client.settings.app_id}
    codes = [client.code("clear_quota", body) for _ in range(11)]
    assert codes == [0] * 10 + [48006]


def test_method_and_body_are_checked(client: Any) -> None:
    assert client.code("tags/create") == 43002
    assert client.code("tags/get", {}) == 43001
    assert client.code("message/custom/send", ["no object"]) == 47001
    assert client.code("no/such/call") == 48001


def test_tokens_survive_a_restart(start: Callable[..., Any], tmp_path: Any) -> None:
    first = start(data_dir=tmp_path)
    token = first.token()["access_token"]
    first.emulators.stop()
    second = start(data_dir=tmp_path)
    assert second.token()["access_token"] == token

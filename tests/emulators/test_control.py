"""The control API: people, phones, wire log, replay, reset, snapshot; and when not to start."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from emulators.settings import RefusedToStart, from_environment

ROOT = Path(__file__).parents[2]


def test_the_seeded_people_are_there(client: Any) -> None:
    people = {p["name"]: p for p in client.control("GET", "/people")}
    assert list(people) == ["李雷", "韩梅梅", "王大爷", "小张"]
    assert people["王大爷"]["openid"] is None
    assert people["小张"]["follows"]
    assert client.phone("o_lilei")["name"] == client.phone("+8613800000001")["name"] == "李雷"


def test_people_can_be_added_once(client: Any) -> None:
    fresh = client.control("POST", "/people", name="小红")
    assert fresh["openid"].startswith("o_")
    assert fresh["msisdn"].startswith("+86139")
    assert client.act(fresh["openid"], "follow")["status"] == 200
    only = client.control("POST", "/people", name="小明", openid="o_ming", follows=True)
    assert (only["msisdn"], only["follows"]) == (None, True)
    for body in ({"name": "小红"}, {"name": ""}, {"name": "x", "openid": "o_lilei"}):
        url = f"{client.url}/control/people"
        assert client.http.post(url, json=body, timeout=60).status_code == 400


def test_every_exchange_is_in_the_wire_log_and_can_be_replayed(client: Any, product: Any) -> None:
    done = client.act("o_lilei", "text", text="你好")
    client.token()
    into, out = client.control("GET", "/wire")
    assert (into["id"], into["direction"], out["direction"]) == (done["id"], "in", "out")
    assert "你好" in into["request"]["plain"]
    assert "你好" not in into["request"]["body"]
    assert (out["status"], "access_token" in out["response"]["body"]) == (200, True)
    assert client.control("GET", f"/wire?after={into['id']}")[0]["id"] == out["id"]
    again = client.control("POST", f"/wire/{into['id']}/replay")
    assert again["status"] == 200
    first, second = product.got
    assert (first.body, first.query) == (second.body, second.query)
    assert client.control("POST", f"/wire/{out['id']}/replay")["status"] == 200
    url = f"{client.url}/control/wire/1/replay"
    assert client.http.post(url, timeout=60).status_code == 400


def test_a_reset_forgets_messages_and_faults(client: Any) -> None:
    before = client.phone("李雷")["changed"]
    client.act("o_lilei", "text", text="你好")
    client.act("o_hanmeimei", "unfollow")
    client.fault("boss.api", "slow", times=0)
    client.control("POST", "/reset")
    phone = client.phone("李雷")
    assert (phone["wechat"], phone["sms"], phone["changed"] > before) == ([], [], True)
    assert client.phone("韩梅梅")["follows"]
    assert client.control("GET", "/faults") == []
    assert client.control("GET", "/wire") == []


def test_idle_tells_what_is_still_to_come(client: Any) -> None:
    client.emulators.world.timers.later(3600, "something far away", lambda: None)
    told = client.control("GET", "/idle?timeout=0.01")
    assert told == {"idle": False, "waiting": ["something far away"]}


def test_the_state_outlives_a_restart(start: Any, tmp_path: Path) -> None:
    first = start(data_dir=tmp_path)
    first.act("o_lilei", "text", text="你好")
    button = {"type": "click", "name": "余额", "key": "balance"}
    first.wechat("menu/create", {"button": [button]})
    first.emulators.stop()
    kept = tmp_path / "emulators.json"
    assert kept.stat().st_mode & 0o077 == 0
    assert json.loads(kept.read_text())["people"]["李雷"]["openid"] == "o_lilei"
    second = start(data_dir=tmp_path)
    phone = second.phone("李雷")
    assert phone["wechat"][0]["text"] == "你好"
    assert phone["menu"]["button"][0]["key"] == "balance"
    assert second.code("message/custom/send", {"msgtype": "text"}) == 44004


def test_an_unreadable_snapshot_is_no_obstacle(start: Any, tmp_path: Path) -> None:
    (tmp_path / "emulators.json").write_text("{")
    assert len(start(data_dir=tmp_path).control("GET", "/people")) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"CIRCLE_ENVIRONMENT": "production"},
        {"CIRCLE_WECHAT__API_BASE_URL": "https://api.weixin.qq.com"},
        {"CIRCLE_SMS__TWILIO__API_BASE_URL": "https://api.twilio.com/"},
        {"CIRCLE_EMULATORS_PORT": "eighty"},
        {"CIRCLE_WECHAT__MODE": "secret"},
    ],
)
def test_a_wrong_environment_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(RefusedToStart, match=r"\."):
        from_environment(change)


def test_the_environment_names_are_those_of_the_product() -> None:
    settings = from_environment(
        {
            "CIRCLE_HOST": "0.0.0.0",
            "CIRCLE_PORT": "9000",
            "CIRCLE_PUBLIC_URL": "https://life.example/",
            "CIRCLE_EMULATORS_PORT": "9001",
            "CIRCLE_WECHAT__MODE": "plain",
            "CIRCLE_BOSS__SECRET": "s",
        }
    )
    assert (settings.target, settings.public_url) == (
        "http://127.0.0.1:9000",
        "https://life.example",
    )
    assert (settings.port, settings.mode, settings.boss_secret) == (9001, "plain", "s")


@pytest.mark.slow
def test_the_process_refuses_production_with_code_2() -> None:
    env = os.environ | {"CIRCLE_ENVIRONMENT": "production"}
    done = subprocess.run(
        [sys.executable, "-m", "emulators"], env=env, cwd=ROOT, capture_output=True, timeout=60
    )
    assert done.returncode == 2
    assert b"do not run in production" in done.stderr


@pytest.mark.slow
def test_a_taken_port_is_said_clearly_with_code_2(client: Any) -> None:
    env = os.environ | {"CIRCLE_EMULATORS_PORT": client.url.rpartition(":")[2]}
    done = subprocess.run(
        [sys.executable, "-m", "emulators"], env=env, cwd=ROOT, capture_output=True, timeout=60
    )
    assert done.returncode == 2
    assert b"CIRCLE_EMULATORS_PORT" in done.stderr

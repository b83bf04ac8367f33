"""The shared token: one fetch whoever asks, one retry, and no Redis no standstill."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from integrations.errors import TryLater
from integrations.wechat_api import WeChatApi

ROOT = Path(__file__).parents[2]
TOKEN_PATH = "/cgi-bin/stable_token"
SEND_PATH = "/cgi-bin/message/custom/send"
OK = {"errcode": 0, "errmsg": "ok"}
BAD = {"errcode": 40001, "errmsg": "invalid credential"}


class WeChat:
    """Gives out t1, t2, ... and takes only the newest; `never` refuses every token."""

    def __init__(self, *, never: bool = False, live_s: float = 7200) -> None:
        self.number, self.never, self.live_s = 1, never, live_s
        self.forced = 0

    def __call__(self, call: Any) -> tuple[int, Any]:
        if call.path == TOKEN_PATH:
            if json.loads(call.body)["force_refresh"]:
                self.forced += 1
                self.number += 1
            return 200, {"access_token": f"t{self.number}", "expires_in": self.live_s}
        good = not self.never and call.query.get("access_token") == f"t{self.number}"
        return 200, OK if good else BAD


def api_of(far: Any, store: redis.Redis, app_id: str, **more: Any) -> WeChatApi:
    return WeChatApi(app_id=app_id, app_secret="secret", api_base_url=far.url, redis=store, **more)


def put(store: redis.Redis, app_id: str, token: str) -> None:
    store.set(f"wechat:token:{app_id}", json.dumps({"value": token, "renew_at": 9e12}))


def test_twenty_threads_with_a_stale_token_make_one_fetch(
    far: Any, store: redis.Redis, app_id: str
) -> None:
    far.answer = WeChat()
    put(store, app_id, "stale")
    # Two clients, as two processes would have: only Redis is between them.
    apis = [api_of(far, store, app_id) for _ in range(2)]
    start = threading.Barrier(20)

    def send(number: int) -> None:
        start.wait()
        apis[number % 2].send_text(f"o{number}", "你好")

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(send, range(20)))
    assert len(far.to(TOKEN_PATH)) == 1
    good = [call for call in far.to(SEND_PATH) if call.query["access_token"] == "t1"]
    assert len(good) == 20


ONE_PROCESS = """
import sys
from concurrent.futures import ThreadPoolExecutor
import redis
from integrations.wechat_api import WeChatApi
app_id, url, redis_url = sys.argv[1:]
api = WeChatApi(
    app_id=app_id, app_secret="secret", api_base_url=url, redis=redis.Redis.from_url(redis_url)
)
with ThreadPoolExecutor(5) as pool:
    list(pool.map(lambda number: api.send_text("o1", "x"), range(5)))
"""


@pytest.mark.slow
def test_three_processes_with_a_stale_token_make_one_fetch(
    far: Any, store: redis.Redis, redis_address: str, app_id: str
) -> None:
    far.answer = WeChat()
    put(store, app_id, "stale")
    started = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_PROCESS, app_id, far.url, redis_address], cwd=ROOT
        )
        for _ in range(3)
    ]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    assert len(far.to(TOKEN_PATH)) == 1
    good = [call for call in far.to(SEND_PATH) if call.query["access_token"] == "t1"]
    assert len(good) == 15


def test_twenty_threads_without_a_token_make_one_fetch(
    far: Any, store: redis.Redis, app_id: str
) -> None:
    far.answer = WeChat()
    api = api_of(far, store, app_id)
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda number: api.send_text(f"o{number}", "你好"), range(20)))
    assert (len(far.to(TOKEN_PATH)), len(far.to(SEND_PATH))) == (1, 20)


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_a_token_that_stays_bad_costs_two_calls_and_is_then_an_error(
    far: Any, store: redis.Redis, app_id: str, code: int
) -> None:
    wechat = WeChat(never=True)
    far.answer = lambda call: (
        wechat(call) if call.path == TOKEN_PATH else (200, {"errcode": code, "errmsg": "no"})
    )
    with pytest.raises(TryLater) as failed:
        api_of(far, store, app_id).send_text("o1", "你好")
    assert (failed.value.code, len(far.to(SEND_PATH))) == (code, 2)


def test_the_scarce_forced_refresh_is_asked_for_once_however_many_calls_fail(
    far: Any, store: redis.Redis, app_id: str
) -> None:
    wechat = far.answer = WeChat(never=True)
    api = api_of(far, store, app_id)
    for _ in range(5):
        with pytest.raises(TryLater):
            api.send_text("o1", "你好")
    assert wechat.forced == 1


def test_a_token_that_wechat_believes_in_but_refuses_is_replaced_by_force(
    far: Any, store: redis.Redis, app_id: str
) -> None:
    wechat = WeChat()
    refused: list[Any] = []

    def answer(call: Any) -> tuple[int, Any]:
        if call.path == SEND_PATH and call.query["access_token"] == "t1":
            refused.append(call)
            return 200, BAD
        return wechat(call)

    far.answer = answer
    api_of(far, store, app_id).send_text("o1", "你好")
    assert (len(refused), wechat.forced) == (1, 1)


def test_a_token_is_kept_for_the_next_process_and_renewed_before_its_end(
    far: Any, store: redis.Redis, app_id: str
) -> None:
    far.answer = WeChat()
    clock = [1_800_000_000.0]
    api_of(far, store, app_id, now=lambda: clock[0]).send_text("o1", "你好")
    later = api_of(far, store, app_id, now=lambda: clock[0])
    clock[0] += 7200 - 241
    later.send_text("o1", "你好")
    assert len(far.to(TOKEN_PATH)) == 1
    clock[0] += 2
    later.send_text("o1", "你好")
    assert len(far.to(TOKEN_PATH)) == 2
    live_ms = store.pttl(f"wechat:token:{app_id}")
    assert isinstance(live_ms, int)
    assert 0 < live_ms <= (7200 - 240) * 1000


def test_without_redis_each_process_keeps_a_token_of_its_own(far: Any, app_id: str) -> None:
    far.answer = WeChat()
    # Port 9 (discard) refuses: nothing listens there.
    down = redis.Redis("127.0.0.1", 9, retry=Retry(NoBackoff(), 0))
    api = api_of(far, down, app_id)
    for _ in range(3):
        api.send_text("o1", "你好")
    assert (len(far.to(TOKEN_PATH)), len(far.to(SEND_PATH))) == (1, 3)


def test_without_redis_a_bad_token_is_still_replaced(far: Any, app_id: str) -> None:
    wechat = far.answer = WeChat()
    api = api_of(far, redis.Redis("127.0.0.1", 9, retry=Retry(NoBackoff(), 0)), app_id)
    api.send_text("o1", "你好")
    wechat.number = 2
    api.send_text("o1", "你好")
    assert len(far.to(TOKEN_PATH)) == 2


def test_a_redis_that_came_back_is_used_again(far: Any, store: redis.Redis, app_id: str) -> None:
    far.answer = WeChat()
    clock = [1_800_000_000.0]
    pool = redis.ConnectionPool(host="127.0.0.1", port=9, retry=Retry(NoBackoff(), 0))
    moving = redis.Redis(connection_pool=pool)
    api = api_of(far, moving, app_id, now=lambda: clock[0])
    api.send_text("o1", "你好")
    moving.connection_pool = store.connection_pool
    api.send_text("o1", "你好")
    assert store.get(f"wechat:token:{app_id}") is None
    clock[0] += 11
    put(store, app_id, "t1")
    api.send_text("o1", "你好")
    assert [call.query["access_token"] for call in far.to(SEND_PATH)] == ["t1"] * 3
    assert len(far.to(TOKEN_PATH)) == 1


def test_what_else_stands_under_the_key_is_no_token(
    far: Any, store: redis.Redis, app_id: str
) -> None:
    far.answer = WeChat()
    store.set(f"wechat:token:{app_id}", b"\xff not json")
    api_of(far, store, app_id).send_text("o1", "你好")
    assert len(far.to(TOKEN_PATH)) == 1


def test_a_slow_token_server_is_an_error_within_the_timeout_for_every_thread(
    far: Any, store: redis.Redis, app_id: str
) -> None:
    far.answer = lambda _: None
    api = api_of(far, store, app_id, timeout_s=0.1)

    def failed(number: int) -> bool:
        with pytest.raises(TryLater):
            api.send_text(f"o{number}", "你好")
        return True

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(failed, range(6)))
    assert far.to(SEND_PATH) == []


@pytest.mark.parametrize(
    "said",
    [
        (200, b"<html>busy</html>"),
        (200, {"expires_in": 7200}),
        (200, []),
        (502, b""),
        (200, {"errcode": 40164, "errmsg": "invalid ip"}),
        (200, {"errcode": -1, "errmsg": "busy"}),
    ],
)
def test_no_token_means_try_later_whatever_the_reason(
    far: Any, store: redis.Redis, app_id: str, said: tuple[int, Any]
) -> None:
    far.answer = lambda _: said
    with pytest.raises(TryLater):
        api_of(far, store, app_id).send_text("o1", "你好")
    assert far.to(SEND_PATH) == []

"""J1 in real processes, killed in the middle: nothing lost, nothing doubled, once they are back."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
import redis
import requests

from settings import DEVELOPMENT
from tests.running import ROOT, Running, free_port, wait_for
from tests.wechat_wire import signed_scan

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_numbers = count(13_600_000_001)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    made = Running.start(tmp_path_factory.mktemp("run"))
    yield made
    made.stop()


@pytest.fixture
def somebody(running: Running) -> str:
    """A newcomer with a phone and no WeChat, asked whether to join the film club."""
    number = f"+86{next(_numbers)}"
    running.person(number, number)
    running.texts(number, "JR电影")
    running.hears(number, "同意请回复")
    return number


def _is_a_member_once(running: Running, name: str) -> None:
    running.hears(name, "欢迎加入电影俱乐部")
    running.control("GET", "/idle?timeout=60")
    orders = [o for o in running.control("GET", "/boss/orders") if o["msisdn"] == name]
    assert len(orders) == 1
    history = running.rows(
        "SELECT c.state FROM membership_changes c JOIN subscriber_addresses a"
        " USING (subscriber_id) WHERE a.address = %s ORDER BY change_no",
        name,
    )
    assert history == [("opening",), ("active",)]
    welcomes = [said for said in running.heard(name) if "欢迎加入" in said]
    assert len(welcomes) == 1


def test_the_first_journey_works_in_real_processes(running: Running, somebody: str) -> None:
    running.texts(somebody, "是")
    running.hears(somebody, "正在为您开通")
    _is_a_member_once(running, somebody)


def test_workers_die_after_boss_was_called_and_before_its_answer_was_stored(
    running: Running, somebody: str
) -> None:
    running.control("POST", "/faults", on="boss.api", path="services/open", do="slow", seconds=1.5)
    running.texts(somebody, "是")
    wait_for(
        "BOSS has been called",
        lambda: [o for o in running.control("GET", "/boss/orders") if o["msisdn"] == somebody],
    )
    assert running.kill("app.py", "worker") >= 2
    _is_a_member_once(running, somebody)


@pytest.mark.parametrize("delay_ms", [0, 5, 15, 40])
def test_web_dies_while_it_answers_a_scan(running: Running, delay_ms: int) -> None:
    before = len(running.heard("李雷"))
    scene = ["club-film", "club-car", "club-sports", "club-gamers"][delay_ms % 4]

    def scan() -> dict[str, object]:
        answer: dict[str, object] = running.control("POST", "/wechat/o_lilei/scan", scene=scene)
        return answer

    with ThreadPoolExecutor(1) as pool:
        scanned = pool.submit(scan)
        threading.Event().wait(delay_ms / 1000)
        running.kill("app.py", "web")
        scanned.result()
    wait_for("web is back", lambda: running.http.get(f"{running.url}/readyz", timeout=2).ok)
    # WeChat has given up by now if web was away for longer than its tries; the person would scan
    # again. What must not be: two questions for one scan.
    asked = running.rows("SELECT count(*) FROM inbox i WHERE i.kind = 'scan' AND i.reply IS NULL")
    assert asked == [(0,)]
    sms = running.rows("SELECT count(*) FROM outbox WHERE payload ->> 'to' = '+8613800000001'")[0]
    scans = running.rows("SELECT count(*) FROM inbox WHERE kind = 'scan'")[0]
    assert sms == scans
    wait_for("every question has arrived", lambda: len(running.heard("李雷")) - before in (0, 1))


def test_the_queue_is_flushed_and_killed_in_the_middle(running: Running, somebody: str) -> None:
    queue = redis.Redis.from_url(running.said["CIRCLE_REDIS_URL"])
    running.texts(somebody, "是")
    queue.flushall()
    running.kill("valkey-server")
    _is_a_member_once(running, somebody)
    queue.close()


def test_the_database_is_killed_in_the_middle(running: Running, somebody: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        texted = pool.submit(running.texts, somebody, "是")
        running.kill("postgres", "-D")
        texted.result()
    wait_for("the database is back", lambda: running.rows("SELECT 1"))
    asked = "系统正忙"  # then the person was told so, and says it again
    wait_for(
        "told or taken",
        lambda: [t for t in running.heard(somebody) if asked in t or "正在为您开通" in t],
    )
    if any(asked in said for said in running.heard(somebody)):
        wait_for("web is ready", lambda: running.http.get(f"{running.url}/readyz", timeout=2).ok)
        running.texts(somebody, "是")
    _is_a_member_once(running, somebody)


def test_the_clock_dies_and_another_one_sweeps(running: Running, somebody: str) -> None:
    assert running.kill("app.py", "clock") == 1
    running.texts(somebody, "是")
    _is_a_member_once(running, somebody)


def test_one_callback_three_times_at_once_at_two_servers_has_one_effect(running: Running) -> None:
    port = free_port()
    rows = running.rows("SELECT count(*) FROM outbox")[0][0]
    env = (
        DEVELOPMENT
        | running.env
        | running.said
        | {
            "CIRCLE_PORT": str(port),
            "CIRCLE_PUBLIC_URL": running.url,
            "CIRCLE_DATA_DIR": str(running.data / "second"),
            "CIRCLE_BOSS__BASE_URL": f"{running.emulators_url}/boss",
        }
    )
    second = subprocess.Popen([sys.executable, str(ROOT / "app.py"), "web"], cwd=ROOT, env=env)
    try:
        other = f"http://127.0.0.1:{port}"
        wait_for("the second server", lambda: requests.get(f"{other}/readyz", timeout=2).ok)
        # One scene each: two scans of one code within a second are one event to everybody.
        for scene in (scenes := ["club-vip", "club-car", "club-sports", "club-film"]):
            query, body, opened = signed_scan("o_hanmeimei", scene, nonce=f"n-{scene}")
            barrier = threading.Barrier(3)

            def post(url: str, barrier: threading.Barrier = barrier, query: str = query,
                     body: bytes = body) -> requests.Response:  # fmt: skip
                barrier.wait()
                return requests.post(f"{url}/wechat?{query}", data=body, timeout=60)

            with ThreadPoolExecutor(3) as pool:
                answers = list(pool.map(post, [running.url, other, running.url]))
            assert [answer.status_code for answer in answers] == [200] * 3
            assert len({opened(answer.content) for answer in answers}) == 1
        sent = running.rows("SELECT count(*) FROM outbox")[0][0] - rows
        assert sent == len(scenes)
    finally:
        second.terminate()
        second.wait(60)


def test_everything_stops_in_good_order_and_keeps_its_data(running: Running, somebody: str) -> None:
    """The last one here: it ends what the others shared."""
    running.stop()
    assert running.process.returncode == 0
    again = Running.start(running.data)
    try:
        again.texts(somebody, "是")
        again.hears(somebody, "欢迎加入电影俱乐部")
    finally:
        again.stop()

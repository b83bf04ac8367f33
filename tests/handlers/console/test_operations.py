"""Operations: how the machinery does, polled; breakers moved by hand; banners above every page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import redis
import rq
from redis.backoff import NoBackoff
from redis.retry import Retry

import doors
from handlers.console import machinery
from handlers.console.frame import Parts
from integrations.breaker import CLOSED, HELD, OPEN
from integrations.clock_beat import ClockBeat
from integrations.errors import TryLater
from menus.menus import read_folder
from models import publications
from tests.handlers.console.conftest import Browser, Console

PART = "/console/operations/live"


@pytest.fixture(autouse=True)
def _calm(console: Console) -> Iterator[None]:
    """Nothing is held, nothing has been counted, and the clock was never heard of."""
    console.circle.redis.flushdb()
    console.clock.shift = timedelta()
    machinery._kept.clear()
    yield
    console.clock.shift = timedelta()


@pytest.fixture
def administrator(console: Console) -> Browser:
    return console.as_("administrator")


def break_down(console: Console, name: str) -> None:
    breaker = console.circle.breakers[name]
    for _ in range(console.circle.settings.breakers.failures):
        with suppress(TryLater), breaker.watch():
            raise TryLater("BOSS did not answer: ReadTimeout")


def test_every_task_of_the_clock_has_words(console: Console) -> None:
    clock = console.circle.clock
    told = {
        task.__qualname__ for task in (*clock.tasks, clock._time_outs, clock._sweep, clock._tidy)
    }
    assert told == set(machinery.TASKS)


def test_live_numbers_of_all_processes_stand_on_the_page(
    console: Console, administrator: Browser
) -> None:
    assert "最近一分钟没有消息进来" in administrator.page("/console/operations")
    numbers = console.circle.numbers
    for _ in range(120):
        numbers.took("in:wechat", 0.004)
    numbers.took("in:sms", 0.18)
    numbers.count("error:step")
    numbers.count("sent:sms", 4321)
    numbers.flush()
    console.clock.advance(seconds=10)
    page = administrator.page("/console/operations")
    assert "最近一分钟收到 121 条消息，每秒 2.0 条；一半在 4 毫秒内答复，99% 在 4 毫秒内。" in page
    assert "其中 1 条出了错。" in page
    assert "4,321" in page


def test_what_has_not_changed_is_not_sent_again(console: Console, administrator: Browser) -> None:
    first = administrator.get(PART)
    assert first.status_code == 200
    assert "hx-get" in first.text
    tag = first.headers["ETag"]
    again = administrator.get(PART, headers={"If-None-Match": tag})
    assert (again.status_code, again.text) == (304, "")
    break_down(console, "boss")
    changed = administrator.get(PART, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert "BOSS did not answer: ReadTimeout" in changed.text
    assert "5 次，失败 5（100%），被拒 0" in changed.text


def test_a_breaker_is_held_and_closed_by_hand_with_a_reason(
    console: Console, administrator: Browser
) -> None:
    page, breaker = "/console/operations/gateways/boss", console.circle.breakers["boss"]
    refused = administrator.send(page, do="hold", reason="")
    assert refused.status_code == 400
    assert "请写明原因" in refused.text
    assert breaker.condition().state == CLOSED
    held = administrator.follow(administrator.send(page, do="hold", reason="BOSS 割接到 23:00"))
    assert "已人工停用" in held
    assert "BOSS 割接到 23:00" in held
    assert breaker.condition().state == HELD
    assert "现在发不到：BOSS 业务系统" in console.as_("service").page("/console")
    administrator.follow(administrator.send(page, do="close", reason="好了"))
    assert breaker.condition().state == CLOSED
    said = console.rows(
        "SELECT action, subject, reason, before, after FROM audit_entries"
        " WHERE action LIKE 'gateway.%%' ORDER BY id"
    )
    assert said == [
        (
            "gateway.hold",
            "gateway:boss",
            "BOSS 割接到 23:00",
            {"state": "closed"},
            {"state": "held"},
        ),
        ("gateway.close", "gateway:boss", "好了", {"state": "held"}, {"state": "closed"}),
    ]


@pytest.mark.parametrize("role", ["operations", "analyst"])
def test_who_may_look_moves_no_breaker(console: Console, role: str) -> None:
    browser = console.as_(role)
    assert 'value="hold"' not in browser.page("/console/operations/gateways/boss")
    fields = {"form_key": browser.form_key("/console"), "do": "hold", "reason": "x"}
    assert browser.post("/console/operations/gateways/boss", fields).status_code == 403
    assert console.circle.breakers["boss"].condition().state == CLOSED
    assert console.as_("service").get("/console/operations").status_code == 403


def test_a_breaker_that_does_not_exist_is_not_found(administrator: Browser) -> None:
    assert administrator.get("/console/operations/gateways/nokia").status_code == 404
    fields = {"form_key": administrator.form_key("/console"), "do": "burn", "reason": "x"}
    answer = administrator.post("/console/operations/gateways/boss", fields)
    assert answer.status_code == 400


def test_a_system_that_is_down_stands_above_every_page(
    console: Console, administrator: Browser
) -> None:
    break_down(console, "twilio")
    assert console.circle.breakers["twilio"].condition().state == OPEN
    page = administrator.page("/console/account")
    assert "现在发不到：短信网关 Twilio" in page
    assert "看运行状况" in page
    seen = console.as_("approver").page("/console")
    assert "现在发不到" in seen
    assert "看运行状况" not in seen


def test_a_clock_that_stands_still_is_missed_once_it_has_had_time_to_start(
    console: Console, administrator: Browser
) -> None:
    machinery.begin(console.circle.live, console.clock())
    assert "时钟没有在走" not in administrator.page("/console"), "it may be starting just now"
    console.clock.advance(seconds=59)
    assert "时钟没有在走" not in administrator.page("/console")
    console.clock.advance(seconds=10)
    assert "时钟没有在走" in administrator.page("/console")
    beat = ClockBeat(console.circle.redis, "host:7", lambda: 0.0)
    beat.leads(console.clock())
    beat.ran("PointsClock.tick", now=console.clock(), seconds=0.25)
    beat.beat(console.clock())
    machinery._kept.clear()
    page = administrator.page("/console/operations")
    assert "时钟没有在走" not in page
    assert "host:7 在领头" in page
    assert "积分到期、提醒、预留" in page
    assert "250 毫秒" in page
    console.clock.advance(seconds=31)
    assert "时钟没有在走" in administrator.page("/console")


def test_queues_and_workers_are_counted(console: Console, administrator: Browser) -> None:
    assert "没有后台进程在干活" in administrator.page("/console/operations")
    connection = console.circle.redis
    rq.Queue("bulk", connection=connection).enqueue("workers.jobs.drain", "bulk")
    worker = rq.SimpleWorker([rq.Queue("reply", connection=connection)], connection=connection)
    worker.register_birth()  # type: ignore[no-untyped-call]
    page = administrator.page("/console/operations")
    assert "没有后台进程在干活" not in page
    assert f"{worker.hostname}:{worker.pid}" in page


def test_without_redis_the_page_says_so(
    console: Console, administrator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = redis.Redis.from_url("redis://127.0.0.1:1/0", retry=Retry(NoBackoff(), 0))
    for part in (console.circle.numbers, *console.circle.breakers.values()):
        monkeypatch.setattr(part, "_redis", nowhere)
    page = administrator.page("/console/operations")
    assert "Redis 连不上，看不到实时数字" in page
    assert "Redis 连不上，不知道。" in page
    one = "/console/operations/gateways/boss"
    assert "Redis 连不上，不知道它的状态" in administrator.page(one)
    fields = {"form_key": administrator.form_key("/console"), "do": "hold", "reason": "x"}
    assert administrator.post(one, fields).status_code == 400


def test_files_that_are_bad_or_not_published_are_told(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "menus"
    shutil.copytree(Path("menus"), folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    circle, now = console.circle, console.clock()
    files = read_folder(folder)
    with circle.store.begin() as tx:
        publications.publish(tx, files, author="t", note="t", now=now - timedelta(hours=1))
    seen = _parts(console, folder)
    assert machinery._look_at_files(seen, now) == ""
    texts = folder / "texts" / "help.yaml"
    texts.write_text(texts.read_text() + "\n# 改了\n")
    assert "还没有发布：texts/help.yaml" in machinery._look_at_files(seen, now)
    texts.write_text("help: [\n")
    os.utime(texts, times=(now.timestamp(), now.timestamp()))
    said = machinery._look_at_files(seen, now)
    assert "配置文件有" in said
    assert "menus/texts/help.yaml:" in said
    with circle.store.begin() as tx:  # from the browser, and later than the file
        publications.publish(
            tx, files | {"texts/x.yaml": ""}, author="t", note="t", now=now + timedelta(hours=1)
        )
    assert machinery._look_at_files(seen, now) == ""
    monkeypatch.setattr(machinery, "ROOT", tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "tiers.yaml").write_text("tiers: {")
    assert "rules/tiers.yaml:" in machinery._look_at_files(seen, now)


def _parts(console: Console, folder: Path) -> Parts:
    parts = doors.console_parts(console.circle)
    return replace(parts, menus_folder=folder)

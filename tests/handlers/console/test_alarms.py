"""Alarms at the console: above every page with what to do, looked after by somebody."""

from __future__ import annotations

import pytest

from models import alarms
from tests.handlers.console.conftest import Console

LIST = "/console/alarms"


@pytest.fixture(scope="module", autouse=True)
def raised(console: Console) -> int:
    """CMPP's bind is down."""
    now = console.circle.now()
    console.circle.store.run(
        lambda tx: alarms.bad(tx, name="bind_down", subject="cmpp", value=0, limit=2, now=now)
    )
    return int(console.rows("SELECT id FROM alarms")[0][0])


def test_every_page_says_what_is_wrong_and_what_to_do(console: Console, raised: int) -> None:
    page = console.as_("analyst").page("/console/charts")
    assert "告警：CMPP网关连上了0个连接，应有2个。怎么办：" in page
    assert f'href="{LIST}/{raised}"' in page
    assert "告警：" not in console.as_("service").page("/console/account")


def test_somebody_looks_after_it(console: Console, raised: int) -> None:
    who = console.as_("operations")
    assert "由我处理" not in console.as_("analyst").page(f"{LIST}/{raised}")
    assert console.as_("analyst").forge(f"{LIST}/{raised}", note="x").status_code == 403
    assert "最多 300 个字" in who.send(f"{LIST}/{raised}", note="长" * 301).text
    page = who.follow(who.send(f"{LIST}/{raised}", note="工单 123"))
    assert "已记下" in page
    assert "工单 123" in page
    assert "由我处理" not in page
    assert "在处理。" in who.page("/console/charts")
    audited = console.rows("SELECT action, subject FROM audit_entries ORDER BY id DESC LIMIT 1")
    assert audited == [("alarm.acknowledge", f"alarm:{raised}")]


def test_the_list_and_its_file(console: Console, raised: int) -> None:
    who = console.as_("administrator")
    assert f'href="{LIST}/{raised}"' in who.page(LIST)
    assert "CMPP网关" in who.get(f"{LIST}.csv").text
    assert who.get(f"{LIST}/999999").status_code == 404


def test_prometheus_has_each_kind(console: Console, raised: int) -> None:
    metrics = console.anonymous().get("/metrics").text
    assert 'circle_alarm{name="bind_down",subject="cmpp"} 1.0' in metrics
    assert 'circle_alarm{name="backlog",subject=""} 0.0' in metrics

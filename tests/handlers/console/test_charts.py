"""Charts: the same figures as a table, as JSON for the picture and as a file."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handlers.console import charts
from integrations.live_numbers import whole_hour
from models import club_days, figures
from models.points import day_of
from tests.handlers.console.conftest import Browser, Console


@pytest.fixture(scope="module")
def _figures(console: Console) -> None:
    now = console.clock()
    with console.circle.store.begin() as tx:
        figures.keep_hour(tx, whole_hour(now), {"in:wechat": 1200, "in:sms": 34, "sent:sms": 40})
        figures.keep_hour(tx, whole_hour(now - timedelta(days=20)), {"in:wechat": 5})
        figures.keep_hour(tx, whole_hour(now - timedelta(days=60)), {"in:wechat": 777})
    console.circle.store.run(lambda tx: club_days.add_through(tx, day_of(now) - timedelta(days=1)))


@pytest.fixture
def analyst(console: Console, _figures: None) -> Browser:
    return console.as_("analyst")


def test_each_chart_has_its_figures_in_a_table(analyst: Browser) -> None:
    page = analyst.page("/console/charts")
    assert "收到的消息" in page
    assert "1,205" in page  # 30 days, summed
    assert "777" not in page
    assert 'data-chart="/console/charts/messages.json?days=30"' in page
    assert "这段时间还没有数字" in page  # of points: no day is closed yet
    assert "1,982" in analyst.page("/console/charts?days=90")
    assert "1,200" in analyst.page("/console/charts?days=7")
    assert analyst.page("/console/charts?days=7000").count("<section") == len(charts.CHARTS)


def test_the_picture_gets_the_same_figures(analyst: Browser) -> None:
    found = analyst.get("/console/charts/messages.json?days=30").json
    assert found is not None
    assert len(found["points"]) == 30
    assert sum(found["series"][0]["values"]) == 1205
    assert found["points"][-1] in found["described"]
    hours = analyst.get("/console/charts/messages.json?days=7").json
    assert hours is not None
    assert len(hours["points"]) == 7 * 24
    assert analyst.get("/console/charts/nothing.json").status_code == 404


def test_figures_can_be_taken_along_and_the_audit_knows(console: Console, analyst: Browser) -> None:
    file = analyst.get("/console/charts/members.csv?days=7")
    assert file.headers["Content-Type"].startswith("text/csv")
    assert "电影俱乐部" in file.text
    ((action, subject),) = console.rows(
        "SELECT action, subject FROM audit_entries ORDER BY id DESC LIMIT 1"
    )
    assert (action, subject) == ("charts.export", "chart:members")


def test_customer_service_needs_no_charts(console: Console) -> None:
    assert console.as_("service").get("/console/charts").status_code == 403

"""Gateways at the console: an hour's line, a day's cost, and the same as a file."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest

from models import sms_counts
from models.base import Tx
from models.sms_counts import Ended, Left
from tests.handlers.console.conftest import Console

PAGE = "/console/gateways"


@pytest.fixture(scope="module", autouse=True)
def _hour(console: Console) -> None:
    """Ten notices over SMPP in this hour, of two segments: eight came within 5 s, one failed."""
    now = console.circle.now()

    def work(tx: Tx) -> None:
        sms_counts.left(tx, [Left("smpp", "notice", now, 2)] * 10, now)
        sms_counts.left(tx, [Left("twilio", "answer", now - timedelta(hours=50), 1)], now)
        sms_counts.ended(tx, [Ended("smpp", "notice", now, True)] * 8, now + timedelta(seconds=4))
        failed = Ended("smpp", "notice", now, False, "UNDELIV 069")
        sms_counts.ended(tx, [failed], now + timedelta(seconds=90))
        sms_counts.keep_prices(tx, {"smpp": 4500}, now)

    console.circle.store.run(work)


def test_an_hour_has_what_left_what_came_and_why_not(console: Console) -> None:
    page = console.as_("operations").page(PAGE)
    for words in ("SMPP", "UNDELIV 069 × 1", "88", "0.90"):
        assert words in page
    assert "没有设单价" in page  # of what left over Twilio, two days ago


def test_the_file_has_the_same_figures(console: Console) -> None:
    lines = list(csv.reader(console.as_("analyst").get(f"{PAGE}.csv").text.splitlines()))
    assert len(lines) == 2  # the other hour is more than 48 hours ago
    assert lines[1][1:] == [
        "SMPP", "10", "8", "88", "1", "UNDELIV 069 × 1", "1", "5", "90", "20", "0.90",
    ]  # fmt: skip
    assert console.as_("operations").get(f"{PAGE}.xlsx").status_code == 200


def test_one_gateway_is_found(console: Console) -> None:
    who = console.as_("operations")
    assert "UNDELIV" not in who.page(f"{PAGE}?gateway=cmpp")
    assert "UNDELIV" in who.page(f"{PAGE}?gateway=smpp")
    assert "请从列表里选一个" in who.get(f"{PAGE}?gateway=pigeon").text


def test_prometheus_has_the_last_whole_hour(console: Console) -> None:
    now = console.circle.now()
    console.circle.store.run(lambda tx: sms_counts.looped(tx, "answer", now))
    assert "circle_sms_looped_last_hour 1.0" in console.anonymous().get("/metrics").text
    console.clock.advance(hours=1)
    metrics = console.anonymous().get("/metrics").text
    assert 'circle_sms_last_hour{figure="delivered",gateway="smpp"} 8.0' in metrics
    assert 'circle_sms_last_hour{figure="unknown",gateway="smpp"} 1.0' in metrics
    assert 'circle_sms_last_hour_receipt_seconds{gateway="smpp",quantile="0.95"} 90.0' in metrics

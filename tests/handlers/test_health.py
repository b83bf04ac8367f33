"""Health and figures: what a load balancer and Prometheus see, also when parts are missing."""

from __future__ import annotations

import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from models import publications
from tests.handlers.conftest import Doors


def _figures(doors: Doors) -> dict[str, dict[tuple[str, ...], float]]:
    answer = doors.http.get(f"{doors.url}/metrics", timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = tuple(sample.labels[name] for name in sorted(sample.labels))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_a_server_with_all_its_parts_is_alive_and_ready(doors: Doors) -> None:
    assert doors.http.get(f"{doors.url}/healthz").text == "ok"
    ready = doors.http.get(f"{doors.url}/readyz")
    assert (ready.status_code, ready.json()) == (200, {"store": "ok", "queue": "ok", "menus": "ok"})


def test_without_a_database_it_is_alive_but_not_ready_and_still_has_figures(
    cut_off: Doors,
) -> None:
    started = time.perf_counter()
    assert cut_off.http.get(f"{cut_off.url}/healthz").status_code == 200
    ready = cut_off.http.get(f"{cut_off.url}/readyz")
    assert ready.status_code == 503
    assert ready.json()["store"].startswith("not reachable")
    assert ready.json()["queue"] == "ok"
    assert "circle_outbox_rows" not in _figures(cut_off)
    assert time.perf_counter() - started < 8


def test_without_a_queue_it_is_not_ready(doors: Doors, cut_off: Doors) -> None:
    port = (cut_off.circle.settings.database_url or "").split(":")[-1].split("/")[0]
    alone = doors.serve(REDIS_URL=f"redis://127.0.0.1:{port}/0")
    ready = alone.http.get(f"{alone.url}/readyz")
    assert ready.status_code == 503
    assert ready.json()["store"] == "ok"
    assert ready.json()["queue"].startswith("not reachable")
    assert alone.http.get(f"{alone.url}/healthz").status_code == 200


def test_callbacks_are_counted_by_door_and_status(doors: Doors, stranger: str) -> None:
    before = _figures(doors).get("circle_callbacks_total", {})
    doors.wechat.says(stranger, "帮助")
    doors.wechat.using(token="wrong").says(stranger, "帮助")
    doors.twilio.texts("+8613900009999", "帮助")
    after = _figures(doors)["circle_callbacks_total"]
    for labels in (("wechat", "200"), ("wechat", "403"), ("twilio", "200")):
        assert after[labels] == before.get(labels, 0) + 1
    assert _figures(doors)["circle_callback_seconds_count"][("wechat",)] >= 2


def test_what_is_owed_is_shown_by_queue_and_state(doors: Doors) -> None:
    before = _figures(doors).get("circle_outbox_rows", {}).get(("reply", "owed"), 0)
    doors.twilio.texts("+8613900009998", "帮助")
    assert _figures(doors)["circle_outbox_rows"][("reply", "owed")] == before + 1


def test_menus_that_cannot_be_used_are_a_visible_warning_and_the_last_good_ones_stay(
    doors: Doors, stranger: str
) -> None:
    files = dict(doors.circle.live().files)
    now = doors.clock()

    def publish(changed: dict[str, str]) -> int:
        version = doors.circle.store.run(
            lambda tx: publications.publish(tx, changed, author="test", note="", now=now)
        )
        doors.circle.live.refresh()
        return version

    good = publish(files)
    bad = publish({**files, "keywords.yaml": "words: [oops"})
    try:
        ready = doors.http.get(f"{doors.url}/readyz")
        assert ready.status_code == 200
        assert f"version {bad} cannot be used: menus/keywords.yaml:1" in ready.json()["menus"]
        figures = _figures(doors)
        assert figures["circle_menus_bad"][()] == 1
        assert figures["circle_menus_version"][()] == good
        assert "积分" in doors.wechat.says(stranger, "帮助").said
    finally:
        better = publish(files)
    assert _figures(doors)["circle_menus_version"][()] == better
    assert doors.http.get(f"{doors.url}/readyz").json()["menus"] == "ok"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_looking_changes_nothing(doors: Doors, path: str) -> None:
    with doors.nothing_changes():
        doors.http.get(f"{doors.url}{path}")
        assert doors.http.post(f"{doors.url}{path}").status_code == 405

"""Running servers take a published version over, and keep the last good one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from structlog.testing import capture_logs

from dialogs.live import LiveMenus
from menus.menus import read_folder
from models import publications
from tests.commands.conftest import ROOT
from tests.conftest import World
from tests.running import wait_for

FILES = read_folder(ROOT / "menus")


@pytest.fixture
def other(world: World) -> Iterator[LiveMenus]:
    """Another server's view of the same database."""
    live = LiveMenus(world.circle.store, FILES)
    yield live
    live.stop()


def publish(world: World, files: Any) -> int:
    """As another program would, or somebody at the database: nothing checks these files."""
    with world.circle.store.begin() as tx:
        if isinstance(files, dict):
            return publications.publish(tx, files, author="t", note="t", now=world.clock())
        statement = (
            "INSERT INTO publications (author, note, files, at)"
            " VALUES ('t', 't', %s, now()) RETURNING version"
        )
        return int(tx.exec_driver_sql(statement, (Jsonb(files),)).scalar_one())


def said(live: LiveMenus) -> str:
    return live().text("common.not_understood", channel="wechat")


def changed(words: str) -> dict[str, str]:
    """The files, with another sentence for what is not understood."""
    name = "texts/common.yaml"
    return {**FILES, name: FILES[name].replace("这句话我没看懂", words)}


BROKEN = {**FILES, "wechat/default.yaml": "menu:\n  - name: [积分\n"}


def test_another_server_takes_a_new_version_over(world: World, other: LiveMenus) -> None:
    assert other().version == 0
    version = publish(world, changed("没听懂"))
    assert "没听懂" not in said(other)
    other.refresh()
    assert "没听懂" in said(other)
    assert other().version == version
    assert other.warning == ""


def test_a_look_without_news_changes_nothing(world: World, other: LiveMenus) -> None:
    publish(world, FILES)
    other.refresh()
    before = other()
    other.refresh()
    assert other() is before


def test_a_bad_version_is_refused_and_the_last_good_one_stays(
    world: World, other: LiveMenus
) -> None:
    good = publish(world, changed("没听懂"))
    other.refresh()
    bad = publish(world, BROKEN)
    with capture_logs() as logs:
        other.refresh()
        other.refresh()
    refused = [line for line in logs if line["event"] == "published menus refused"]
    assert [line["version"] for line in refused] == [bad]  # once
    assert (other().version, "没听懂" in said(other)) == (good, True)
    assert f"version {bad} cannot be used: menus/wechat/default.yaml:" in other.warning
    assert f"{good} stays" in other.warning
    publish(world, FILES)
    other.refresh()
    assert (other.warning, "没听懂" in said(other)) == ("", False)


def test_readyz_and_metrics_show_the_warning_and_the_server_stays_ready(world: World) -> None:
    publish(world, FILES)
    world.circle.live.refresh()
    assert world.http.get(f"{world.url}/readyz").json()["menus"] == "ok"
    publish(world, BROKEN)
    world.circle.live.refresh()
    answer = world.http.get(f"{world.url}/readyz")
    assert answer.status_code == 200
    assert "version 2 cannot be used: menus/wechat/default.yaml:" in answer.json()["menus"]
    reply = world.control("POST", "/wechat/o_lilei/text", text="积分")["reply"]["text"]
    assert "1580积分" in reply


def test_a_server_that_starts_with_a_bad_version_uses_its_own_files(world: World) -> None:
    publish(world, BROKEN)
    late = LiveMenus(world.circle.store, FILES)
    late.refresh()
    assert late().version == 0
    assert late.warning


@pytest.mark.slow
def test_a_running_server_takes_a_version_over_within_two_seconds(
    world: World, other: LiveMenus
) -> None:
    every_s = world.circle.settings.menus.poll_s
    assert every_s <= 1  # a look may just have begun when a version is published
    other.follow(every_s)

    def publish_and_wait(words: str) -> None:
        publish(world, changed(words))
        wait_for(f"{words} is taken over", lambda: words in said(other))

    publish_and_wait("没听懂")
    publish_and_wait("听不明白")
    publish(world, BROKEN)
    wait_for("the warning", lambda: other.warning)
    assert "听不明白" in said(other)


@pytest.mark.slow
def test_a_server_that_stops_follows_no_more(world: World, other: LiveMenus) -> None:
    other.follow(0.05)
    before = {thread for thread in threading.enumerate() if thread.name == "menus"}
    assert before
    other.stop()
    for thread in before:
        thread.join(5)
        assert not thread.is_alive()

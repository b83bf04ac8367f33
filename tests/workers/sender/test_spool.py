"""While the database is away texts are kept on disk, acknowledged, and heard once afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import World
from tests.workers.sender.conftest import Phone, Running, until

pytestmark = pytest.mark.own_database


@contextmanager
def away(admin: psycopg.Connection[Any], world: World) -> Iterator[None]:
    """Nobody is let into the database, and whoever was there is shown out."""
    name = str(world.circle.settings.database_url).rpartition("/")[2].partition("?")[0]
    admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
    try:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            [name],
        )
        yield
    finally:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())


def spooled(world: World) -> int:
    folder = Path(world.circle.settings.data_dir) / "spool"
    return sum(len(file.read_bytes().splitlines()) for file in folder.glob("*.jsonl"))


def all_acknowledged(world: World, gateway: str) -> bool:
    assert world.emulators.smsc is not None
    centre = world.emulators.smsc.centre
    under_way = [parcel for one in centre.sessions[gateway] for parcel in one.under_way]
    return not under_way and not centre.queues[gateway]


def said(world: World) -> list[str]:
    return [row[0] for row in world.rows("SELECT said FROM inbox")]


def test_texts_of_a_time_without_the_database_are_heard_once(
    running: Running, wang: Phone, world: World, gateway: str, admin: psycopg.Connection[Any]
) -> None:
    words = [f"投诉 {number}" for number in range(5)]
    with away(admin, world):
        for text in words:
            wang.texts(text)
        until(lambda: spooled(world) == len(words), "on the disk", 30)
        until(lambda: all_acknowledged(world, gateway), "acknowledged")
    until(lambda: not spooled(world), "heard", 30)
    assert sorted(said(world)) == words
    wang.texts("JF")
    wang.hears("积分")
    assert sorted(said(world)) == sorted([*words, "JF"])


def test_the_spool_outlives_its_process(
    running: Running, wang: Phone, world: World, gateway: str, admin: psycopg.Connection[Any]
) -> None:
    with away(admin, world):
        wang.texts("JF")
        until(lambda: spooled(world), "on the disk", 30)
        until(lambda: all_acknowledged(world, gateway), "acknowledged")
        running.stop()
    again = Running(world).start()
    until(lambda: not spooled(world), "heard", 30)
    again.stop()
    assert said(world) == ["JF"]

"""Chats are played on sample data of one Monday morning, by a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

import psycopg
import pytest

from commands import seed as sample
from embedded.postgres import Postgres
from models.base import Tx
from models.store import Store
from tests.chats import dice
from tests.chats.play import BEGINS, Stage, StandingClock
from tests.conftest import World
from tests.databases import EMPTY, Recycled, Refilled, copy_of_template, drop

SEEDED = "chat_template"


@pytest.fixture(scope="session")
def refilled_for_chats(
    postgres: Postgres, admin: psycopg.Connection[object], recycled: Recycled
) -> Iterator[Refilled]:
    """The database that chats use one after the other."""
    admin.execute(f"DROP DATABASE IF EXISTS {SEEDED} WITH (FORCE)".encode())
    admin.execute(copy_of_template(SEEDED, EMPTY))
    store = Store(postgres.url_of(SEEDED), connections=1, patience_s=10)
    store.run(lambda tx: sample.seed(tx, BEGINS.astimezone(UTC)))
    store.run(_number_on)
    store.close()
    dsn = postgres.url_of("test_chats").replace("+psycopg", "", 1)
    recycled.forget(SEEDED)
    made = Refilled("test_chats", dsn, admin, recycled, SEEDED)
    yield made
    made.drop()
    drop(admin, SEEDED)


def _number_on(tx: Tx) -> None:
    """Numbers go on where no sample data reaches: one row more of it changes no chat."""
    tx.exec_driver_sql(
        "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value + 999)"
        " FROM pg_sequences".replace("%", "%%")
    )


@pytest.fixture
def database_url(postgres: Postgres, refilled_for_chats: Refilled) -> str:
    refilled_for_chats.refill()
    return postgres.url_of(refilled_for_chats.name)


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def stage(world: World, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Where a chat is played, with dice that always fall the same way."""
    dice.load(monkeypatch)
    return Stage(world)

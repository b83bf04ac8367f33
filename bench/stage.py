"""Sets the stage: durable stores, sample data, the product and what it is compared to.

Everything is begun afresh in var/bench and runs at the same time; the load takes turns.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import logs
from bench import people, servers
from bench.servers import ROOT, Server
from commands.db import seed, upgrade
from embedded.postgres import Postgres
from embedded.valkey import Valkey
from menus.menus import read_folder
from models import publications
from models.store import Store
from settings import DEVELOPMENT

FOLDER = ROOT / "var" / "bench"


@dataclass(slots=True)
class Stage:
    """All that runs. `environment` is what the product's processes get."""

    postgres: Postgres
    valkey: Valkey
    store: Store
    environment: dict[str, str]
    product: Server
    echo: Server
    werobot: Server
    werobot_alone: Server
    emulators_port: int

    def stores_cpu_s(self) -> float:
        """Processor time of PostgreSQL and Valkey so far."""
        return servers.cpu_s(self.postgres.pid) + servers.cpu_s(self.valkey.pid)

    def vacuum(self) -> None:
        """What autovacuum will have done in a system that has run for a while."""
        with self.store.reading() as tx:
            tx.exec_driver_sql("VACUUM ANALYZE")

    def count(self, what: str) -> int:
        """A number from the database."""
        with self.store.reading() as tx:
            return int(tx.exec_driver_sql(what).scalar_one())


@contextmanager
def stage(*, subscribers: int) -> Iterator[Stage]:
    """Everything up, with so many subscribers; all of it stopped at the end."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    logs.configure("warning")
    postgres, valkey = Postgres(FOLDER / "postgres"), Valkey(FOLDER / "valkey")
    running: list[Server] = []
    try:
        postgres.start()
        valkey.start()
        store = _filled(postgres.url, subscribers)
        port, emulators_port = servers.free_port(), servers.free_port()
        environment = product_environment(postgres.url, valkey.url, port, emulators_port)
        product = servers.start(
            "web", [str(ROOT / "app.py"), "web"],
            port=port, environment=environment, folder=FOLDER,
        )  # fmt: skip
        running.append(product)
        running.append(echo := _echo("flask", environment))
        running.append(werobot := _echo("werobot", environment))
        # The setting that is kindest to its SQLite file: nobody else writes to it.
        alone = {**environment, "CIRCLE_WEB__PROCESSES": "1", "CIRCLE_WEB__THREADS": "1"}
        running.append(robot_alone := _echo("werobot", alone, name="echo-werobot-alone"))
        yield Stage(
            postgres, valkey, store, environment,
            product, echo, werobot, robot_alone, emulators_port,
        )  # fmt: skip
        store.close()
    finally:
        for server in running:
            server.stop()
        postgres.stop()
        valkey.stop()


@contextmanager
def postgres_alone() -> Iterator[Postgres]:
    """A durable PostgreSQL begun afresh, and nothing beside it."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    postgres = Postgres(FOLDER / "postgres")
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.stop()


def _echo(what: str, environment: dict[str, str], *, name: str = "") -> Server:
    port, name = servers.free_port(), name or f"echo-{what}"
    return servers.start(
        name, ["-m", "bench.serve", f"bench.echo_{what}:app", str(port)],
        port=port, environment=environment, folder=FOLDER / name,
    )  # fmt: skip


def _filled(url: str, subscribers: int) -> Store:
    upgrade(url)
    store = Store(url, connections=2, patience_s=120)
    seed(store, datetime.now(UTC), rules=False)
    files, now = read_folder(ROOT / "menus"), datetime.now(UTC)
    store.run(lambda tx: publications.publish(tx, files, author="bench", note="the files", now=now))
    people.make(store, subscribers)
    return store


def product_environment(
    database: str, redis: str, port: int, emulators_port: int
) -> dict[str, str]:
    """The settings of a web process on this machine, over these stores."""
    emulators = f"http://127.0.0.1:{emulators_port}"
    return {
        **DEVELOPMENT,
        "CIRCLE_PORT": str(port),
        "CIRCLE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "CIRCLE_EMULATORS_PORT": str(emulators_port),
        "CIRCLE_DATABASE_URL": database,
        "CIRCLE_REDIS_URL": redis,
        "CIRCLE_DATA_DIR": str(FOLDER / "data"),
        "CIRCLE_WECHAT__API_BASE_URL": emulators,
        "CIRCLE_SMS__TWILIO__API_BASE_URL": emulators,
        "CIRCLE_BOSS__BASE_URL": f"{emulators}/boss",
    }

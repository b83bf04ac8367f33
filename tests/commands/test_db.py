"""`db ...`: tables and sample data, as often as one likes."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner, Result

import app as product
import settings as configuration
from commands import cli
from embedded.postgres import Postgres
from models.tables import metadata
from settings import DEVELOPMENT
from tests.commands.conftest import process

BOSS = {"CIRCLE_BOSS__BASE_URL": "http://127.0.0.1:1/boss"}
COUNTS = "SELECT count(*) FROM "


def _circle(url: str) -> product.Circle:
    environment = {**DEVELOPMENT, **BOSS, "CIRCLE_DATABASE_URL": url}
    return product.Circle(configuration.load(environment))


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[product.Circle]:
    """A database without any table."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        circle = _circle(postgres.url_of(name))
        yield circle
        circle.store.close()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _typed(circle: product.Circle, *words: str) -> Result:
    return CliRunner().invoke(cli.main, ["db", *words], obj=lambda **_: circle)


def _counts(circle: product.Circle) -> dict[str, int]:
    with circle.store.reading() as tx:
        return {
            name: int(tx.exec_driver_sql(COUNTS + name).scalar_one()) for name in metadata.tables
        }


@pytest.mark.slow
def test_upgrade_and_seed_twice_are_as_good_as_once(empty: product.Circle) -> None:
    for _ in range(2):
        said = _typed(empty, "upgrade")
        assert (said.exit_code, said.stdout) == (0, "the tables are up to date\n")
    first = _typed(empty, "seed")
    assert first.exit_code == 0
    counts = _counts(empty)
    assert (counts["clubs"], counts["merchants"], counts["stores"]) == (6, 12, 12)
    assert all(counts[name] for name in ("offers", "draws", "screenings", "points_legs"))
    again = _typed(empty, "seed")
    assert again.stdout == first.stdout
    assert "6 clubs, 12 merchants" in first.stdout
    assert _counts(empty) == counts


@pytest.mark.slow
def test_seed_leaves_alone_what_an_operator_has_changed(empty: product.Circle) -> None:
    _typed(empty, "seed")
    with empty.store.begin() as tx:
        tx.exec_driver_sql("UPDATE clubs SET price_fen = 1 WHERE code = 'film'")
    _typed(empty, "seed")
    with empty.store.reading() as tx:
        price = tx.exec_driver_sql("SELECT price_fen FROM clubs WHERE code = 'film'").scalar_one()
    assert price == 1


@pytest.mark.slow
def test_check_says_whether_models_and_migrations_agree(empty: product.Circle) -> None:
    url = empty.settings.database_url or ""
    before = process("db", "check", environment={**DEVELOPMENT, **BOSS, "CIRCLE_DATABASE_URL": url})
    assert before.returncode == 1
    assert before.stderr == "Error: Target database is not up to date.\n"
    _typed(empty, "upgrade")
    assert _typed(empty, "check").exit_code == 0
    with empty.store.begin() as tx:
        tx.exec_driver_sql("ALTER TABLE clubs ADD COLUMN colour text")
    different = _typed(empty, "check")
    assert different.exit_code == 1
    assert "colour" in different.stderr


@pytest.mark.parametrize("command", ["upgrade", "check", "seed"])
def test_a_database_that_is_away_is_named_in_one_sentence(command: str) -> None:
    said = _typed(_circle("postgresql://nobody@127.0.0.1:1/none"), command)
    assert said.exit_code == 1
    assert said.stderr == (
        "Error: the database cannot be reached: is it running, and is CIRCLE_DATABASE_URL right?\n"
    )

"""`db upgrade | seed | check`: the tables, and sample data."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from alembic import command as alembic
from alembic.config import Config

from commands import seed as sample
from commands.wired import circle
from models.store import Store

ROOT = Path(__file__).parent.parent


def upgrade(url: str) -> None:
    """Bring the tables of a database to this version."""
    alembic.upgrade(_config(url), "head")


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["url"] = url
    return config


@click.group()
def db() -> None:
    """The tables, and sample data."""


@db.command("upgrade")
@click.pass_context
def upgrade_command(context: click.Context) -> None:
    """Create or migrate the tables; running it again changes nothing."""
    wired = circle(context)
    upgrade(wired.settings.database_url or "")
    click.echo("the tables are up to date")


@db.command("check")
@click.pass_context
def check_command(context: click.Context) -> None:
    """Fail if the models and the migrations differ."""
    alembic.check(_config(circle(context).settings.database_url or ""))


@db.command("seed")
@click.pass_context
def seed_command(context: click.Context) -> None:
    """Six clubs, twelve merchants with stores and offers, draws, screenings, four subscribers."""
    click.echo(seed(circle(context).store))


def seed(store: Store) -> str:
    """Insert the sample data that is not there yet; says what there is."""
    now = datetime.now(UTC)
    counts = store.run(lambda tx: sample.seed(tx, now))
    return "sample data: " + ", ".join(f"{count} {name}" for name, count in counts.items())

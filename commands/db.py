"""`db upgrade | seed | check`: the tables, and sample data."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands import seed as sample
from commands.wired import circle
from models.base import Tx
from models.points import closings
from models.store import Store

if TYPE_CHECKING:
    from alembic.config import Config

ROOT = Path(__file__).parent.parent


def upgrade(url: str) -> None:
    """Bring the tables of a database to this version."""
    from alembic import command as alembic  # a second of start-up that only this needs

    alembic.upgrade(_config(url), "head")


def set_up_if_empty(store: Store, url: str) -> None:
    """Create the tables in a database that has none; one that is behind is left to an operator."""
    with store.reading() as tx:
        empty = tx.exec_driver_sql("SELECT to_regclass('alembic_version') IS NULL").scalar_one()
    if empty:
        upgrade(url)


def _config(url: str) -> Config:
    from alembic.config import Config

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
    from alembic import command as alembic
    from alembic.util import CommandError

    try:
        alembic.check(_config(circle(context).settings.database_url or ""))
    except CommandError as different:
        raise click.ClickException(str(different)) from different


@db.command("seed")
@click.pass_context
def seed_command(context: click.Context) -> None:
    """Six clubs, twelve merchants with stores and offers, draws, screenings, four subscribers."""
    wired = circle(context)
    set_up_if_empty(wired.store, wired.settings.database_url or "")
    click.echo(seed(wired.store, wired.now()))


def seed(store: Store, now: datetime, *, rules: bool = True) -> str:
    """Insert the sample data that is not there yet, with live rules or none; says what there is."""

    def work(tx: Tx) -> dict[str, int]:
        closings.unhurried(tx)  # all of it is one transaction, on a busy machine too
        return sample.seed(tx, now, rules=rules)

    counts = store.run(work)
    return "sample data: " + ", ".join(f"{count} {name}" for name, count in counts.items())

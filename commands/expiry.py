"""`ledger expire`: sweep what has expired now, without waiting for the clock."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING

import click

from commands.typed import DAY
from commands.wired import circle
from models.points import expiry

if TYPE_CHECKING:
    from app import Circle

REPORT_EVERY_S = 1.0


@click.command()
@click.option(
    "--day", type=DAY,
    help="Only lots whose last day is this one, however long ago; looked at from the beginning.",
)  # fmt: skip
@click.option("--batch", type=click.IntRange(1, 100_000), default=expiry.BATCH, show_default=True,
              help="Accounts looked at in one transaction.")  # fmt: skip
@click.pass_context
def expire(context: click.Context, day: date | None, batch: int) -> None:
    """Expire every lot whose last day has passed. It can be stopped and begun again at any time."""
    wired = circle(context)
    now = wired.now()
    try:
        if day is not None:
            wired.store.run(lambda tx: expiry.begin_day(tx, day, now=now))
        else:
            wired.store.run(lambda tx: expiry.begin(tx, now=now))
    except ValueError as early:
        raise click.BadParameter(str(early), param_hint="--day") from early
    _sweep(wired, day, batch)


def _sweep(wired: Circle, only: date | None, batch: int) -> None:
    totals: dict[tuple[date, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    began = told_at = time.monotonic()
    while swept := wired.store.run(
        lambda tx: expiry.sweep(tx, now=wired.now(), day=only, batch=batch)
    ):
        lots, points = totals[swept.day, swept.unit]
        totals[swept.day, swept.unit] = lots + swept.lots, points + swept.points
        if time.monotonic() - told_at > REPORT_EVERY_S:
            told_at = time.monotonic()
            done = sum(lots for lots, _ in totals.values())
            rate = done / (told_at - began)
            click.echo(f"{swept.day} {swept.unit}: {done} lots so far, {rate:.0f}/s", err=True)
    for (day, unit), (lots, points) in sorted(totals.items()):
        if lots:
            click.echo(f"{day}  {unit} expired: {points}, of lots: {lots}")
    click.echo(f"lots expired now: {sum(lots for lots, _ in totals.values())}")

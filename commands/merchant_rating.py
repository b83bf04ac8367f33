"""`merchants check | publish | rate`: how merchants are rated, and rating them now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands import rule_file
from commands.operators import command
from commands.wired import circle
from menus import merchant_rules
from models.merchants import rating
from models.merchants.partners import NoSuchMerchant
from models.merchants.rating import NoRules

if TYPE_CHECKING:
    from app import Circle

FILE = Path(__file__).parent.parent / "rules" / "merchants.yaml"
RATED_AT_ONCE = 100


@click.command("check")
@rule_file.named(FILE)
def check_command(file: str) -> None:
    """Name every mistake with file, line and column; FILE is rules/merchants.yaml unless given."""
    found = _checked(file)
    borders = ", ".join(f"{one.name} from {one.least}" for one in found.classes)
    click.echo(f"{borders}; the file is good")


@click.command("publish")
@rule_file.named(FILE)
@rule_file.signed
@click.pass_context
def publish_command(context: click.Context, file: str, author: str, note: str) -> None:
    """Check the file and make it live; merchants keep their rating until they are rated next."""
    content, wired = _checked(file).content(), circle(context)
    version = rule_file.make_live(
        wired, content, rating.publish, live=rating.content_of,
        name="merchants", subject="merchant_rules", author=author, note=note,
    )  # fmt: skip
    if version is not None:
        click.echo(
            f"version {version} is live; `python app.py merchants rate --all` rates by it now"
        )


@click.command("rate")
@click.argument("merchant", required=False)
@click.option("--all", "everybody", is_flag=True, help="Every merchant that works with us.")
@click.pass_context
def rate_command(context: click.Context, merchant: str | None, everybody: bool) -> None:
    """Rate MERCHANT (a code) by what is known now, and show the computation."""
    if everybody == (merchant is not None):
        raise click.UsageError("give a merchant's code, or --all")
    wired = circle(context)
    if merchant is not None:
        _rate(wired, merchant, lines=True)
        return
    # Who is rated now is not due any more: pages follow one another by that.
    begun, rated = wired.now() - timedelta(seconds=1), 0
    while codes := _due(wired, begun):
        for code in codes:
            _rate(wired, code)
        rated += len(codes)
    click.echo(f"{rated} rated")


def _due(wired: Circle, begun: datetime) -> Sequence[str]:
    return wired.store.read(partial(rating.due, before=begun, limit=RATED_AT_ONCE))


def _rate(wired: Circle, code: str, *, lines: bool = False) -> None:
    now = wired.now()
    try:
        made = wired.store.run(
            lambda tx: rating.rerate(tx, code, now, why="by command", by=command())
        )
    except NoSuchMerchant:
        raise click.ClickException(f"no merchant has the code {code}") from None
    except NoRules:
        raise click.ClickException(
            'no rules are live: `python app.py merchants publish --note "why"` makes them so'
        ) from None
    if made is None:
        click.echo(f"{code} has ended: it is not rated")
        return
    click.echo(f"{code:<32} {made.rating:<2}  {made.score / 100:g}")
    for line in made.lines if lines else ():
        value = "unknown" if line.value is None else f"{line.value:,}"
        click.echo(
            f"  {line.name:<14} {value:>15}  {line.points:>3} points x {line.weight:>3} %"
            f" = {line.points * line.weight / 100:g}"
        )


def _checked(file: str) -> merchant_rules.MerchantsFile:
    return rule_file.checked(file, lambda shown: merchant_rules.read(file, shown=shown))

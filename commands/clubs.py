"""`clubs check | publish | show`: the rules of memberships, and how members stand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands import rule_file
from commands.wired import circle
from menus import membership_rules
from models import clubs, memberships, sql
from models.base import Tx
from models.offers import terms

if TYPE_CHECKING:
    from app import Circle

FILE = Path(__file__).parent.parent / "rules" / "memberships.yaml"


@click.group("clubs")
def clubs_group() -> None:
    """Clubs: check and publish the rules of their memberships, see how members stand."""


@clubs_group.command("check")
@rule_file.named(FILE)
@click.pass_context
def check_command(context: click.Context, file: str) -> None:
    """Name every mistake with file, line and column; FILE is rules/memberships.yaml or given."""
    if not os.environ.get("CIRCLE_DATABASE_URL"):
        found = _checked(file, None)
        click.echo(f"{len(found.clubs)} clubs: {', '.join(found.clubs)}")
        click.echo("not compared with what is live: CIRCLE_DATABASE_URL is not set", err=True)
    else:
        wired = circle(context)
        found = _checked(file, wired)
        click.echo(f"{len(found.clubs)} clubs: {', '.join(found.clubs)}")
        if wired.store.read(memberships.content_of) == found.content():
            click.echo("the file is good; it is what is live")
            return
        click.echo('not live yet: `python app.py clubs publish --note "why"`')
    click.echo("the file is good")


@clubs_group.command("publish")
@rule_file.named(FILE)
@rule_file.signed
@click.pass_context
def publish_command(context: click.Context, file: str, author: str, note: str) -> None:
    """Check the file and make it live; refused while there is a mistake."""
    wired = circle(context)
    content = _checked(file, wired).content()
    version = rule_file.make_live(
        wired, content, memberships.publish, live=memberships.content_of,
        name="clubs", subject="memberships", author=author, note=note,
    )  # fmt: skip
    if version is not None:
        click.echo(f"version {version} of the memberships' rules is live; terms that run stay")


@clubs_group.command("show")
@click.pass_context
def show_command(context: click.Context) -> None:
    """The live rules, and how many members each club has: ordinary, premium, resting."""
    with circle(context).store.reading() as tx:
        rules, counts = memberships.live(tx), _counts(tx)
        codes = clubs.codes(tx)
    click.echo(f"version {rules.version}" if rules.version else "no rules are live")
    for code in codes:
        rule = rules.of(code)
        term = f"{rule.ordinary.term_months} months" if rule.ordinary.term_months else "no end"
        above = f"premium {rule.premium.term_months} months" if rule.premium else "no premium"
        ordinary, premium, resting = counts.get(code, (0, 0, 0))
        click.echo(
            f"{code}  {term}, {above}, {len(rule.services)} services"
            f"  {ordinary} ordinary, {premium} premium, {resting} resting"
        )


def _counts(tx: Tx) -> dict[str, tuple[int, int, int]]:
    rows = sql.rows(
        tx,
        "SELECT club_code, count(*) FILTER (WHERE state = 'active' AND level = 'ordinary'),"
        " count(*) FILTER (WHERE state = 'active' AND level = 'premium'),"
        " count(*) FILTER (WHERE state = 'suspended') FROM memberships GROUP BY club_code",
    )
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def _checked(file: str, wired: Circle | None) -> membership_rules.MembershipsFile:
    codes = offers = None
    if wired is not None:
        codes = wired.store.read(clubs.codes)
        offers = wired.store.read(terms.codes)
    return rule_file.checked(
        file, lambda shown: membership_rules.read(file, shown=shown, clubs=codes, offers=offers)
    )

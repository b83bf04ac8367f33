"""`agents check | publish`: what agents earn, and how fast they may ask customers."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from commands.operators import command
from commands.typed import AUTHOR, NOTE
from commands.wired import circle, refuse_to_publish
from menus import agent_rules
from menus.checked_yaml import Mistakes
from models import audit
from models.agents import rules
from models.base import Tx

FILE = Path(__file__).parent.parent / "rules" / "agents.yaml"


@click.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False), default=str(FILE))
def check_command(file: str) -> None:
    """Name every mistake with file, line and column; FILE is rules/agents.yaml unless given."""
    found = _checked(file).commission
    click.echo(
        f"of 1000 points a shop gets {found.shop.sells}, its county {found.county.above}, city"
        f" {found.city.above}, province {found.province.above}; the file is good"
    )


@click.command("publish")
@click.argument("file", type=click.Path(exists=True, dir_okay=False), default=str(FILE))
@click.option(
    "--author", type=AUTHOR, default=getpass.getuser, help="Who publishes.", show_default="you"
)
@click.option("--note", type=NOTE, required=True, help="Why; kept with the version.")
@click.pass_context
def publish_command(context: click.Context, file: str, author: str, note: str) -> None:
    """Check the file and make it live; what was sold before keeps its rates."""
    content, wired = _checked(file).content(), circle(context)
    refuse_to_publish(wired)
    if wired.store.read(rules.content_of) == content:
        click.echo("nothing has changed")
        return
    now = wired.now()

    def publish(tx: Tx) -> rules.Rules:
        before = rules.content_of(tx)
        made = rules.publish(tx, content, author=author, note=note, now=now)
        audit.write(
            tx, command(), action="agents.publish", subject=f"agent_rules:{made.version}",
            before=before, after=content, reason=note, now=now,
        )  # fmt: skip
        return made

    click.echo(f"version {wired.store.run(publish).version} is live")


def _checked(file: str) -> agent_rules.AgentsFile:
    shown = Path(file)
    if shown.is_relative_to(FILE.parent.parent):
        shown = shown.relative_to(FILE.parent.parent)
    try:
        return agent_rules.read(file, shown=str(shown))
    except Mistakes as wrong:
        for mistake in wrong.mistakes:
            click.echo(str(mistake), err=True)
        raise click.ClickException(f"{len(wrong.mistakes)} to correct in {shown}") from None

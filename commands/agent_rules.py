"""`agents check | publish`: what agents earn, and how fast they may ask customers."""

from __future__ import annotations

from pathlib import Path

import click

from commands import rule_file
from commands.wired import circle
from menus import agent_rules
from models.agents import rules

FILE = Path(__file__).parent.parent / "rules" / "agents.yaml"


@click.command("check")
@rule_file.named(FILE)
def check_command(file: str) -> None:
    """Name every mistake with file, line and column; FILE is rules/agents.yaml unless given."""
    found = _checked(file).commission
    click.echo(
        f"of 1000 points a shop gets {found.shop.sells}, its county {found.county.above}, city"
        f" {found.city.above}, province {found.province.above}; the file is good"
    )


@click.command("publish")
@rule_file.named(FILE)
@rule_file.signed
@click.pass_context
def publish_command(context: click.Context, file: str, author: str, note: str) -> None:
    """Check the file and make it live; what was sold before keeps its rates."""
    content, wired = _checked(file).content(), circle(context)
    version = rule_file.make_live(
        wired, content, rules.publish, live=rules.content_of,
        name="agents", subject="agent_rules", author=author, note=note,
    )  # fmt: skip
    if version is not None:
        click.echo(f"version {version} is live")


def _checked(file: str) -> agent_rules.AgentsFile:
    return rule_file.checked(file, lambda shown: agent_rules.read(file, shown=shown))

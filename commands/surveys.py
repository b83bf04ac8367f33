"""`surveys check | publish | show`: surveys, from rules/surveys/ to people, and how they go."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.operators import command
from commands.typed import AUTHOR, NOTE
from commands.wired import circle, refuse_to_publish
from menus import survey_rules
from menus.checked_yaml import Mistakes
from menus.survey_rules import SurveyFile
from models import audit, clubs
from models.base import Tx
from models.points import day_of
from models.surveys import definition, results

if TYPE_CHECKING:
    from app import Circle

ROOT = Path(__file__).parent.parent


@click.group()
def surveys() -> None:
    """Surveys: check and publish them, see how many have answered."""


@surveys.command("check")
@click.argument("folder", type=click.Path(exists=True, file_okay=False), required=False)
@click.pass_context
def check_command(context: click.Context, folder: str | None) -> None:
    """Name every mistake with file, line and column; FOLDER is where rules are unless given."""
    wired = circle(context) if os.environ.get("CIRCLE_DATABASE_URL") else None
    known = wired.store.read(clubs.codes) if wired else None
    found = _checked(Path(folder) if folder else ROOT / "rules", known)
    click.echo(f"{len(found)} surveys are good")
    if known is None:
        click.echo("the codes of clubs were not checked: CIRCLE_DATABASE_URL is not set", err=True)


@surveys.command("publish")
@click.option("--by", type=AUTHOR, default=getpass.getuser, show_default="you")
@click.option("--note", type=NOTE, required=True, help="Why; kept with the versions.")
@click.pass_context
def publish_command(context: click.Context, by: str, note: str) -> None:
    """Check the files and make those live that changed; refused while there is a mistake.

    Whoever has begun to answer an older version goes on with that one.
    """
    wired = circle(context)
    refuse_to_publish(wired)
    found, now = _checked(_folder(wired), wired.store.read(clubs.codes)), wired.now()

    def publish(tx: Tx) -> list[str]:
        made = []
        for survey in found.values():
            new = definition.publish(tx, survey.content(), author=by, note=note, now=now)
            if new is None:
                continue
            audit.write(
                tx, command(), action="surveys.publish", subject=f"survey:{new.code}",
                after={"version": new.version, "author": by}, reason=note, now=now,
            )  # fmt: skip
            made.append(f"version {new.version} of {new.code} is live")
        return made

    for line in wired.store.run(publish) or ["nothing has changed"]:
        click.echo(line)


@surveys.command("show")
@click.pass_context
def show_command(context: click.Context) -> None:
    """Which surveys run, and how many were invited, began and answered to the end."""
    wired = circle(context)
    live, counts = wired.store.read(lambda tx: (definition.live(tx), results.overviews(tx)))
    today = day_of(wired.now())
    for code, survey in live.items():
        one = counts[code]
        runs = "runs" if survey.is_open(today) else f"{survey.first} to {survey.until}"
        click.echo(
            f"{code} (version {survey.version}, {runs}): {one.invited} invited, {one.begun} began,"
            f" {one.done} answered to the end"
        )


def _folder(wired: Circle) -> Path:
    return ROOT / wired.settings.rules.folder


def _checked(folder: Path, known: list[str] | None) -> dict[str, SurveyFile]:
    try:
        files = survey_rules.read_folder(folder)
        return survey_rules.load(files, clubs=known, shown=f"{folder.name}/{survey_rules.FOLDER}")
    except Mistakes as wrong:
        count = len(wrong.mistakes)
        raise click.ClickException(
            f"{wrong}\n{count} {'mistake' if count == 1 else 'mistakes'}, nothing published"
        ) from None

"""`tasks check | publish | show`: what is rewarded when it is done (rules/tasks.yaml)."""

from __future__ import annotations

import getpass
import os
from collections.abc import Collection
from pathlib import Path

import click

from commands.operators import command
from commands.typed import AUTHOR, NOTE
from commands.wired import circle, refuse_to_publish
from handlers import rule_files
from menus import task_rules
from menus.checked_yaml import Mistakes
from models import audit, clubs
from models.base import Tx
from models.earning import following as model

FILE = Path(__file__).parent.parent / "rules" / "tasks.yaml"


@click.group()
def tasks() -> None:
    """Tasks: check and publish them, see what is live."""


@tasks.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False), default=str(FILE))
@click.pass_context
def check_command(context: click.Context, file: str) -> None:
    """Name every mistake with file, line and column; FILE is rules/tasks.yaml unless given."""
    store = circle(context).store if os.environ.get("CIRCLE_DATABASE_URL") else None
    found = _checked(file, store.read(clubs.codes) if store else None)
    click.echo(f"{len(found.tasks)} tasks: {', '.join(task.title for task in found.tasks)}")
    if store is None:
        click.echo("clubs were not checked, nor what is live: CIRCLE_DATABASE_URL is not set",
                   err=True)  # fmt: skip
    elif store.read(model.content_of) == found.content():
        click.echo("it is what is live")
    else:
        click.echo('not live yet: `python app.py tasks publish --note "why"`')


@tasks.command("publish")
@click.argument("file", type=click.Path(exists=True, dir_okay=False), default=str(FILE))
@click.option(
    "--author", type=AUTHOR, default=getpass.getuser, help="Who publishes.", show_default="you"
)
@click.option("--note", type=NOTE, required=True, help="Why; kept with the version.")
@click.pass_context
def publish_command(context: click.Context, file: str, author: str, note: str) -> None:
    """Check the file and make it live; refused while there is a mistake."""
    wired = circle(context)
    content = _checked(file, wired.store.read(clubs.codes)).content()
    refuse_to_publish(wired)
    if wired.store.read(model.content_of) == content:
        click.echo("nothing has changed")
        return
    now = wired.now()

    def publish(tx: Tx) -> int:
        version = model.publish(tx, content, author=author, note=note, now=now)
        audit.write(
            tx, command(), action="tasks.publish", subject=f"tasks:{version}",
            after={"version": version, "author": author}, reason=note, now=now,
        )  # fmt: skip
        return version

    click.echo(f"version {wired.store.run(publish)} of the tasks is live")


@tasks.command("show")
@click.pass_context
def show_command(context: click.Context) -> None:
    """The live tasks, and what does each."""
    for task in circle(context).store.read(model.live):
        whose = f", members of {task.club}" if task.club else ""
        click.echo(f"{task.code}: {task.title}, {task.repeats}, by {task.event}{whose}")


def _checked(file: str, known_clubs: Collection[str] | None) -> task_rules.TasksFile:
    """The file, or an end with every mistake named."""
    path = Path(file).resolve()
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    try:
        known = {name: told.values for name, told in rule_files.event_types(FILE.parent).items()}
        return task_rules.read(file, shown=str(shown), clubs=known_clubs, events=known)
    except Mistakes as wrong:
        for mistake in wrong.mistakes:
            click.echo(str(mistake), err=True)
        count = len(wrong.mistakes)
        raise click.ClickException(f"{count} mistake{'s' if count > 1 else ''}") from None

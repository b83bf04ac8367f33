"""`tasks check | publish | show`: what is rewarded when it is done (rules/tasks.yaml)."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import click

from commands import rule_file
from commands.wired import circle
from handlers import rule_files
from menus import task_rules
from menus.checked_yaml import Mistakes
from models import clubs
from models.earning import following as model

FILE = Path(__file__).parent.parent / "rules" / "tasks.yaml"


@click.group()
def tasks() -> None:
    """Tasks: check and publish them, see what is live."""


@tasks.command("check")
@rule_file.named(FILE)
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
@rule_file.named(FILE)
@rule_file.signed
@click.pass_context
def publish_command(context: click.Context, file: str, author: str, note: str) -> None:
    """Check the file and make it live; refused while there is a mistake."""
    wired = circle(context)
    content = _checked(file, wired.store.read(clubs.codes)).content()
    version = rule_file.make_live(
        wired, content, model.publish, live=model.content_of,
        name="tasks", subject="tasks", author=author, note=note,
    )  # fmt: skip
    if version is not None:
        click.echo(f"version {version} of the tasks is live")


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

"""`menus check | diff | publish | rollback | preview | history | push | schema`."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import click

from commands.typed import AUTHOR, NOTE
from commands.wired import circle, local_time
from dialogs.live import check
from integrations.errors import CallFailed
from menus import schema as json_schema
from menus.menus import Menus, Mistakes, diff, preview, read_folder
from models import clubs, publications

ROOT = Path(__file__).parent.parent


@click.group()
def menus() -> None:
    """Menus, keywords, scenes and texts: check them, see what would change, publish."""


@menus.command("check")
@click.argument("folder", type=click.Path(exists=True, file_okay=False), required=False)
@click.pass_context
def check_command(context: click.Context, folder: str | None) -> None:
    """Name every mistake with file, line and column; FOLDER is where menus are unless given."""
    known = None
    if os.environ.get("CIRCLE_DATABASE_URL"):
        known = circle(context).store.read(clubs.codes)
    found = _checked(read_folder(Path(folder) if folder else _folder()), known)
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo("the menu files are good")
    if known is None:
        click.echo("the codes of clubs were not checked: CIRCLE_DATABASE_URL is not set", err=True)


@menus.command("diff")
@click.pass_context
def diff_command(context: click.Context) -> None:
    """What publishing the files would change for subscribers."""
    wired = circle(context)
    live = wired.store.read(lambda tx: publications.get(tx, publications.live_version(tx)))
    try:
        changes = diff(live.files if live else {}, read_folder(ROOT / wired.settings.menus.folder))
    except Mistakes as wrong:
        raise click.ClickException(str(wrong)) from wrong
    click.echo(changes.rstrip())


@menus.command("publish")
@click.option(
    "--author", type=AUTHOR, default=getpass.getuser, help="Who publishes.", show_default="you"
)
@click.option("--note", type=NOTE, required=True, help="Why; kept with the version.")
@click.pass_context
def publish_command(context: click.Context, author: str, note: str) -> None:
    """Check the files and make them live; refused while there is a mistake."""
    wired = circle(context, queue=True)
    files = read_folder(ROOT / wired.settings.menus.folder)
    _checked(files, wired.store.read(clubs.codes))
    try:
        version = wired.publisher.publish(files, author=author, note=note, now=wired.now())
    except CallFailed as failed:
        raise click.ClickException(
            f"the version is live here, but WeChat did not take the menus: {failed}."
            " Try `menus push` again"
        ) from failed
    click.echo(f"version {version} is live")


@menus.command("rollback")
@click.option("--to", "version", type=int, help="The version to go back to; the last but one.")
@click.option("--author", type=AUTHOR, default=getpass.getuser, show_default="you")
@click.pass_context
def rollback_command(context: click.Context, version: int | None, author: str) -> None:
    """Make an older version live again, as a new version."""
    wired = circle(context, queue=True)
    known = wired.store.read(publications.history)
    if version is None and len(known) < 2:
        raise click.ClickException("there is no older version")
    to = version if version is not None else known[1].version
    try:
        note = f"rollback to version {to}"
        new = wired.publisher.roll_back(to, author=author, note=note, now=wired.now())
    except (LookupError, Mistakes, CallFailed) as failed:
        raise click.ClickException(str(failed)) from failed
    click.echo(f"version {new} is live, with the files of version {to}")


@menus.command("push")
@click.pass_context
def push_command(context: click.Context) -> None:
    """Send the live version to WeChat once more."""
    wired = circle(context, queue=True)
    wired.live.refresh()
    try:
        wired.publisher.push(wired.live())
    except CallFailed as failed:
        raise click.ClickException(str(failed)) from failed
    click.echo(f"WeChat shows version {wired.live().version}")


@menus.command("history")
@click.pass_context
def history_command(context: click.Context) -> None:
    """Every version with its author, time and note, the newest first."""
    for version in circle(context).store.read(publications.history):
        at = local_time(version.at)
        click.echo(f"{version.version}  {at}  {version.author}  {version.note}")


@menus.command("preview")
@click.option("--tag", help="As people with this tag see it, for example film.")
def preview_command(tag: str | None) -> None:
    """Draw the menu as the phone shows it."""
    try:
        click.echo(preview(_checked(read_folder(_folder())), tag))
    except KeyError:
        raise click.ClickException(f"no menu has the tag {tag}") from None


@menus.command("schema")
def schema_command() -> None:
    """Write menus/schema/*.json, from which editors complete and check."""
    for path in json_schema.write(ROOT / "menus" / "schema"):
        click.echo(f"wrote {path.relative_to(ROOT)}")


def _folder() -> Path:
    """Where the files are, found without the settings: to check them takes no secrets."""
    return ROOT / os.environ.get("CIRCLE_MENUS__FOLDER", "menus")


def _checked(files: dict[str, str], known_clubs: list[str] | None = None) -> Menus:
    try:
        return check(files, clubs=known_clubs)
    except Mistakes as wrong:
        for mistake in wrong.mistakes:
            click.echo(str(mistake), err=True)
        count = len(wrong.mistakes)
        raise click.ClickException(
            f"{count} mistake{'s' if count > 1 else ''}, nothing published"
        ) from None

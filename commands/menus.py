"""Menus: check, diff, publish, roll back, fetch, preview, push; what was not understood."""

from __future__ import annotations

import getpass
import os
from datetime import datetime, timedelta
from pathlib import Path

import click

from commands.operators import command
from commands.typed import AUTHOR, NOTE
from commands.wired import circle, local_time, refuse_to_publish
from dialogs.live import check
from handlers.publishing import Noting
from integrations.errors import CallFailed
from menus import schema as json_schema
from menus.menus import Menus, Mistakes, diff, preview, read_folder
from models import audit, clubs, inbox, publications
from models.base import Tx

ROOT = Path(__file__).parent.parent
UNCLEAR_LETTERS = 40


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
    refuse_to_publish(wired)
    files = read_folder(ROOT / wired.settings.menus.folder)
    _checked(files, wired.store.read(clubs.codes))
    now = wired.now()
    noting = _noting("publish", author, note, now)
    try:
        version = wired.publisher.publish(files, author=author, note=note, now=now, noting=noting)
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
    refuse_to_publish(wired)
    known = wired.store.read(publications.history)
    if version is None and len(known) < 2:
        raise click.ClickException("there is no older version")
    to = version if version is not None else known[1].version
    note, now = f"rollback to version {to}", wired.now()
    noting = _noting("roll_back", author, note, now)
    try:
        new = wired.publisher.roll_back(to, author=author, note=note, now=now, noting=noting)
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


@menus.command("unclear")
@click.option("--days", type=click.IntRange(1, 90), default=7, show_default=True)
@click.option("--most", type=click.IntRange(1, 500), default=30, show_default=True)
@click.pass_context
def unclear_command(context: click.Context, days: int, most: int) -> None:
    """What several people have said that was not understood at once, the most of them first.

    A line in synonyms.yaml makes it understood. What one person alone has said is not shown.
    """
    wired = circle(context)
    since = wired.now() - timedelta(days=days)
    found = wired.store.read(lambda tx: inbox.unclear(tx, since, most))
    for each in found:
        said = " ".join(each.said.split())[:UNCLEAR_LETTERS]
        click.echo(f"{each.people:>5} people  {each.times:>5} times  {each.met:<14}  {said}")
    if not found:
        click.echo(f"nothing that more than one person has said within {days} days")


@menus.command("schema")
def schema_command() -> None:
    """Write menus/schema/*.json, from which editors complete and check."""
    for path in json_schema.write(ROOT / "menus" / "schema"):
        click.echo(f"wrote {path.relative_to(ROOT)}")


@menus.command("fetch")
@click.pass_context
def fetch_command(context: click.Context) -> None:
    """Write the live files into the folder, for git: what went live in the console, too."""
    wired = circle(context)
    live = wired.store.read(publications.live)
    if live is None:
        raise click.ClickException("nothing has been published")
    folder = ROOT / wired.settings.menus.folder
    before = read_folder(folder)
    for name, text in sorted(live.files.items()):
        if before.get(name) != text:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(text.encode())
            click.echo(f"wrote {name}")
    for name in sorted(before.keys() - live.files.keys()):
        click.echo(f"{name} is not live; it was left as it is", err=True)
    click.echo(f"the folder has version {live.version}")


def _noting(verb: str, author: str, note: str, now: datetime) -> Noting:
    """What writes the audit's entry, in the transaction that makes a version live."""

    def note_it(tx: Tx, version: int) -> None:
        audit.write(
            tx, command(), action=f"menus.{verb}", subject=f"menus:{version}",
            after={"version": version, "author": author}, reason=note, now=now,
        )  # fmt: skip

    return note_it


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

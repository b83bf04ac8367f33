"""What the commands of one rule file share: its mistakes, and making it live as a version."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from commands.operators import command
from commands.typed import AUTHOR, NOTE
from commands.wired import refuse_to_publish
from menus.checked_yaml import Mistakes
from models import audit
from models.base import Tx

if TYPE_CHECKING:
    from app import Circle

ROOT = Path(__file__).parent.parent

File = TypeVar("File")
Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def named(file: Path) -> Decorator:
    """The argument FILE of a command, `file` unless another one is given."""
    return click.argument("file", type=click.Path(exists=True, dir_okay=False), default=str(file))


def signed(act: Callable[..., None]) -> Callable[..., None]:
    """The options that say who publishes, and why."""
    author = click.option(
        "--author", type=AUTHOR, default=getpass.getuser, help="Who publishes.", show_default="you"
    )
    note = click.option("--note", type=NOTE, required=True, help="Why; kept with the version.")
    return author(note(act))


def checked(file: str, read: Callable[[str], File]) -> File:
    """What `read` makes of it, given how to name it; or an end with every mistake named."""
    shown = Path(file)
    if shown.is_relative_to(ROOT):
        shown = shown.relative_to(ROOT)
    try:
        return read(str(shown))
    except Mistakes as wrong:
        for mistake in wrong.mistakes:
            click.echo(str(mistake), err=True)
        raise click.ClickException(f"{len(wrong.mistakes)} to correct in {shown}") from None


def make_live(
    wired: Circle, content: Mapping[str, Any], publish: Callable[..., Any], *,
    live: Callable[[Tx], object], name: str, subject: str, author: str, note: str,
) -> int | None:  # fmt: skip
    """Publish what was checked, in the audit as `name`; its version, None where it is `live`.

    `publish` is a model's: it gives the version, or rules that have one.
    """
    refuse_to_publish(wired)
    if wired.store.read(live) == content:
        click.echo("nothing has changed")
        return None
    now = wired.now()

    def work(tx: Tx) -> int:
        made = publish(tx, content, author=author, note=note, now=now)
        version = int(getattr(made, "version", made))
        audit.write(
            tx, command(), action=f"{name}.publish", subject=f"{subject}:{version}",
            after={"version": version, "author": author}, reason=note, now=now,
        )  # fmt: skip
        return version

    return wired.store.run(work)

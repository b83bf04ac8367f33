"""`dialogs docs`: every dialog as a diagram and a sample chat."""

from __future__ import annotations

import click

from commands import dialog_docs
from dialogs.live import check
from menus.menus import read_folder


@click.group()
def dialogs() -> None:
    """What people can say, and what comes of it."""


@dialogs.command("docs")
def docs_command() -> None:
    """Write docs/dialogs.md to standard output."""
    click.echo(dialog_docs.page(check(read_folder(dialog_docs.ROOT / "menus"))))

"""python app.py console permissions: what docs/console-permissions.md says, from the routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from handlers.console.frame import Parts, Route


@click.group()
def console() -> None:
    """The operators' console."""


@console.command()
def permissions() -> None:
    """Print who may open what, as docs/console-permissions.md has it."""
    from handlers.console import matrix

    click.echo(matrix.table(routes()), nl=False)


def routes() -> list[Route]:
    """Every route of the console, without its parts: nothing is asked of them."""
    # Every command starts with this module: the pages' own modules take longer than all others.
    from handlers import console as pages

    return pages.build(cast("Parts", _NoParts())).routes


class _NoParts:
    """Stands for the parts while routes are only counted."""

    public_url = ""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a page asked for {name} while it was hung up")

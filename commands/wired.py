"""How a command gets at the parts: app.py passes a function that builds them from settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from models.points import SHANGHAI

if TYPE_CHECKING:
    from app import Circle


def circle(context: click.Context, *, queue: bool = False, **more: Any) -> Circle:
    """The parts, built from the environment; a missing database ends the command politely.

    So does a missing Redis where the command needs the `queue`.
    """
    build: Callable[..., Circle] = context.obj
    found = build(**more)
    if found.settings.database_url is None:
        raise click.ClickException(
            "CIRCLE_DATABASE_URL is not set. `make run` brings its own database and prints how"
            " other commands can use it"
        )
    if queue and found.settings.redis_url is None:
        raise click.ClickException(
            "CIRCLE_REDIS_URL is not set. `make run` brings its own Valkey and prints how other"
            " commands can use it"
        )
    return found


def refuse_to_publish(wired: Circle) -> None:
    """End the command politely where things go live in the console only, by two people."""
    if not wired.settings.console.commands_publish:
        raise click.ClickException(
            "here it takes two people in the console to publish (console.commands_publish is"
            " false); nothing published"
        )


def local_time(moment: datetime) -> str:
    """A time as operators read it: Beijing's, to the second."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")

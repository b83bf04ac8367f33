"""The list of all commands."""

from __future__ import annotations

import click

from commands.db import db
from commands.menus import menus
from commands.outbox import outbox
from commands.processes import clock, run, web, worker


@click.group(help="LifeCircle (生活圈): clubs and points over WeChat and SMS.")
def main() -> None:
    """Start with `make run`; docs/deployment.md says what production needs."""


for command in (run, web, worker, clock, db, menus, outbox):
    main.add_command(command)

"""The list of all commands."""

from __future__ import annotations

from typing import Any

import click
import psycopg
from sqlalchemy.exc import OperationalError

from commands import agent_rules
from commands.agents import agents
from commands.audit import audit
from commands.broadcast import broadcast_group
from commands.clubs import clubs_group
from commands.console import console
from commands.db import db
from commands.dialogs import dialogs
from commands.draws import draws
from commands.events import events
from commands.expiry import expire
from commands.ledger import ledger
from commands.menus import menus
from commands.merchant_rating import check_command, publish_command, rate_command
from commands.merchants import merchants
from commands.operators import operators
from commands.outbox import outbox
from commands.points import points_group
from commands.privacy import privacy
from commands.processes import clock, run, sms, web, worker
from commands.rules import rules
from commands.settlement import settlement
from commands.statement import statement
from commands.surveys import surveys
from commands.tasks import tasks
from commands.tiers import tiers
from models.store import Unavailable


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a database that is away ends it with a sentence."""
        try:
            return super().invoke(ctx)
        except (Unavailable, OperationalError, psycopg.OperationalError) as away:
            raise click.ClickException(
                "the database cannot be reached: is it running, and is CIRCLE_DATABASE_URL right?"
            ) from away


@click.group(cls=_Commands, help="LifeCircle (生活圈): clubs and points over WeChat and SMS.")
def main() -> None:
    """Start with `make run`; docs/deployment.md says what production needs."""


COMMANDS = (
    run,
    web,
    worker,
    sms,
    clock,
    db,
    menus,
    dialogs,
    outbox,
    events,
    ledger,
    points_group,
    privacy,
    rules,
    settlement,
    tasks,
    tiers,
    clubs_group,
    draws,
    surveys,
    operators,
    merchants,
    agents,
    broadcast_group,
    audit,
    console,
)
for command in COMMANDS:
    main.add_command(command)
ledger.add_command(expire)
points_group.add_command(statement)
for command in (check_command, publish_command, rate_command):
    merchants.add_command(command)
for command in (agent_rules.check_command, agent_rules.publish_command):
    agents.add_command(command)

"""`merchants ...`: who works for a merchant; a merchant's first owner is added here."""

from __future__ import annotations

from functools import partial

import click

from commands.operators import command, refusals, say_start
from commands.wired import circle
from models.merchants import staff
from models.merchants.permissions import CLERK, OWNER


@click.group()
def merchants() -> None:
    """Merchants and their people. Every change is written into the audit."""


@merchants.group("staff")
def staff_group() -> None:
    """A merchant's owners and clerks; owners add the others themselves, at /merchant."""


@staff_group.command("add")
@click.argument("login")
@click.option("--merchant", required=True, metavar="CODE", help="Whose they are, as in jinxiu.")
@click.option("--store", type=click.IntRange(min=1), help="A clerk's one store; else all.")
@click.option("--owner", "role", flag_value=OWNER, help="Sees all, and manages the others.")
@click.option("--clerk", "role", flag_value=CLERK, help="Works at the till.")
@click.option("--name", default="", help="As colleagues read it; else the login.")
@click.pass_context
def add_command(
    context: click.Context, login: str, merchant: str, store: int | None, role: str | None,
    name: str,
) -> None:  # fmt: skip
    """Add an account at a merchant, and print its start password, once."""
    if role is None:
        raise click.UsageError("say --owner or --clerk")
    if role == OWNER and store is not None:
        raise click.UsageError("an owner has all stores: leave --store out")
    wired = circle(context)
    with refusals():
        made, start = wired.store.run(
            lambda tx: staff.add(
                tx, login=login, name=name or login, role=role, merchant=merchant,
                store_no=store, by=command(), now=wired.now(),
            )
        )  # fmt: skip
    click.echo(f"{made.login} is added as {made.role} of {merchant}")
    say_start(start)


@staff_group.command("list")
@click.argument("merchant")
@click.pass_context
def list_command(context: click.Context, merchant: str) -> None:
    """List a merchant's people by their logins."""
    wired, after = circle(context), ""
    while page := wired.store.read(partial(staff.listed, merchant=merchant, after=after)):
        for each in page:
            where = each.store.name if each.store else "all stores"
            off = "" if each.operator.active else "  (disabled)"
            click.echo(
                f"{each.operator.login:<24} {each.operator.role:<15} {where}"
                f"  {each.operator.name}{off}"
            )
        after = page[-1].operator.login

"""`agents load FILE.csv`, `list`, `pin`, `suspend`, `fund`: the tree of agents, and its budget.

`agents check | publish` (agent_rules.py): what they earn and may.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

import click

from commands.operators import command
from commands.wired import circle
from models.agents import budget, commission, register
from models.agents.register import Limits, NotRegistered
from models.base import Tx
from sms.numbers import NotANumber, masked, msisdn

COLUMNS = ("code", "name", "level", "parent", "number", "deals_a_day", "points_a_day", "pin_above")
AT_ONCE = 200
_WHY = {
    "code": "a code has 2 to 16 small letters, digits and hyphens",
    "name": "a name has 1 to 16 characters",
    "level": "the level is province, city, county or shop",
    "parent": "the parent is an agent of the level above, in a line before or registered already",
    "limits": "a limit is a number from 0 to 1000000",
    "taken": "the code or the number is registered already",
}

_NOT_DONE = {
    "code": "no such agent",
    "parent": "it can only stand under an agent of the level above that is not closed",
    "below": "agents stand under it; move or close them first",
}


@click.group()
def agents() -> None:
    """Agents, who redeem for customers by SMS. Every change is written into the audit."""


@agents.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def load_command(context: click.Context, file: Path) -> None:
    """Register all agents of FILE, or none: every mistake is named with its line.

    Its first line is code,name,level,parent,number,deals_a_day,points_a_day,pin_above.
    """
    wired = circle(context)
    try:
        rows = list(csv.reader(file.read_text("utf-8-sig").splitlines()))
    except UnicodeDecodeError:
        raise click.ClickException(f"{file}: is not UTF-8") from None
    if not rows or tuple(rows[0]) != COLUMNS:
        raise click.ClickException(f"{file}:1: the first line is {','.join(COLUMNS)}")

    def work(tx: Tx) -> int:
        mistakes, done = [], 0
        for line, row in enumerate(rows[1:], start=2):
            if row and (why := _add(tx, row, wired.now())):
                mistakes.append(f"{file}:{line}: {why}")
            done += bool(row)
        if mistakes:  # what was added goes with it
            raise click.ClickException("\n".join(mistakes))
        return done

    click.echo(f"{wired.store.run(work)} agents registered; PINs are given one by one")


def _add(tx: Tx, row: list[str], now: datetime) -> str | None:
    """Register one line; or why it cannot be."""
    if len(row) != len(COLUMNS):
        return f"{len(row)} columns instead of {len(COLUMNS)}"
    code, name, level, parent, number, *limits = (cell.strip() for cell in row)
    if not all(limit.isascii() and limit.isdecimal() and len(limit) < 8 for limit in limits):
        return _WHY["limits"]
    try:
        with tx.begin_nested():
            register.add(
                tx, code=code, name=name, level=level, parent=parent or None,
                number=msisdn(number), limits=Limits(*map(int, limits)), by=command(), now=now,
            )  # fmt: skip
    except NotANumber:
        return "the number is no mobile number"
    except NotRegistered as refused:
        return _WHY[refused.why]
    return None


@agents.command("fund")
@click.argument("points", type=click.IntRange(min=1, max=budget.MOST))
@click.option("--reason", required=True, metavar="TEXT", help="Why; the audit keeps it.")
@click.pass_context
def fund_command(context: click.Context, points: int, reason: str) -> None:
    """Put POINTS into the budget that commission is paid of; much needs two, at the console."""
    wired, by = circle(context), command()
    try:
        wired.store.run(
            lambda tx: budget.fund(
                tx, points, key=uuid4().hex, by=by, reason=reason, now=wired.now()
            )
        )
    except budget.TooMuchAlone as much:
        raise click.ClickException(
            f"alone you can put in {much.left} points more today; propose the sum at"
            " /console/agents/budget, and have somebody else approve it"
        ) from None
    click.echo(f"{points} points are in the budget more")


@agents.command("move")
@click.argument("code")
@click.option("--under", required=True, metavar="CODE", help="Of the level above.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; the audit keeps it.")
@click.pass_context
def move_command(context: click.Context, code: str, under: str, reason: str) -> None:
    """Put an agent, and all below, under another one."""
    _act(context, code, lambda tx, now: register.move(
        tx, code, under, by=command(), reason=reason, now=now
    ))  # fmt: skip


@agents.command("close")
@click.argument("code")
@click.option("--reason", required=True, metavar="TEXT", help="Why; the audit keeps it.")
@click.confirmation_option(prompt="It can never be opened again. Close it?")
@click.pass_context
def close_command(context: click.Context, code: str, reason: str) -> None:
    """End an agent for good; what it has earned is paid out yet."""
    _act(context, code, lambda tx, now: register.close(
        tx, code, by=command(), reason=reason, now=now
    ))  # fmt: skip


@agents.command("verify")
@click.pass_context
def verify_command(context: click.Context) -> None:
    """Fail if an agent's account in the ledger is not the sum of its movements."""
    if wrong := circle(context).store.read(lambda tx: list(commission.unlike(tx))):
        raise click.ClickException(f"not the sum of their movements: {', '.join(wrong)}")
    click.echo("every account is the sum of its movements")


@agents.command("pin")
@click.argument("code")
@click.option("--reason", default="", metavar="TEXT", help="Why; the audit keeps it.")
@click.pass_context
def pin_command(context: click.Context, code: str, reason: str) -> None:
    """Give an agent a new PIN, and print it, once; a lock is over."""
    _act(context, code, lambda tx, now: click.echo(
        register.new_pin(tx, code, by=command(), reason=reason, now=now)
    ))  # fmt: skip


@agents.command("suspend")
@click.argument("code")
@click.option("--reason", required=True, metavar="TEXT", help="Why; the audit keeps it.")
@click.pass_context
def suspend_command(context: click.Context, code: str, reason: str) -> None:
    """Nothing is done for this agent any more, from now on."""
    _act(context, code, lambda tx, now: register.suspend(
        tx, code, by=command(), reason=reason, now=now
    ))  # fmt: skip


@agents.command("resume")
@click.argument("code")
@click.option("--reason", required=True, metavar="TEXT", help="Why; the audit keeps it.")
@click.pass_context
def resume_command(context: click.Context, code: str, reason: str) -> None:
    """Let a suspended agent work again."""
    _act(context, code, lambda tx, now: register.resume(
        tx, code, by=command(), reason=reason, now=now
    ))  # fmt: skip


def _act(context: click.Context, code: str, act: Callable[[Tx, datetime], None]) -> None:
    """Do it to an agent; says so where there is none, or it is so already."""
    wired = circle(context)
    try:
        wired.store.run(lambda tx: act(tx, wired.now()))
    except NotRegistered as refused:
        why = _NOT_DONE.get(refused.why, "its state does not allow this")
        raise click.ClickException(f"{code}: {why}") from None


@agents.command("list")
@click.pass_context
def list_command(context: click.Context) -> None:
    """List all agents by their codes."""
    wired, after = circle(context), ""
    while page := wired.store.read(partial(register.listed, after=after, limit=AT_ONCE)):
        for one in page:
            where = f"under {one.parent}" if one.parent else ""
            click.echo(
                f"{one.code:<16} {one.level:<9} {one.state:<10} {masked(one.number or '')}"
                f"  {one.name}  {where}"
            )
        after = page[-1].code

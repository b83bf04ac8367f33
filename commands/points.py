"""`points show | reverse | approve | reject | pending`: a transfer, undone by two people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

import click

from commands.typed import Words
from commands.wired import circle, local_time
from models import subscribers
from models.base import HOUSE, Tx
from models.points import NEVER, refunds, reversals
from models.points.ledger import Leg
from models.points.lots import HouseShort
from models.points.nature import SPENDING, NoSuchTransfer, nature
from models.points.reversals import (
    APPROVED,
    NAME_MAX,
    PROPOSED,
    REASON_MAX,
    AlreadyDecided,
    AlreadyProposed,
    AlreadyUsed,
    NoSuchReversal,
    NotReversible,
    Reversal,
    SamePerson,
)
from sms.numbers import masked

MOST = 200  # proposals shown
SERIAL = click.IntRange(1, 2**63 - 1)
Result = TypeVar("Result")


BY = click.option("--by", required=True, type=Words(NAME_MAX), help="Your name; kept with it.")


@click.group("points")
def points_group() -> None:
    """Look at a transfer; undo one, which takes two people."""


@points_group.command("show")
@click.argument("serial", type=SERIAL)
@click.pass_context
def show_command(context: click.Context, serial: int) -> None:
    """Show a transfer: what moved, why, and what of it was undone."""
    with _politely():
        lines = circle(context).store.read(lambda tx: list(_shown(tx, serial)))
    for line in lines:
        click.echo(line)


@points_group.command("reverse")
@click.argument("serial", type=SERIAL)
@BY
@click.option("--reason", required=True, type=Words(REASON_MAX), help="Why; kept with it.")
@click.option("--partial", is_flag=True, help="Take back what is left, if some has been used.")
@click.pass_context
def reverse_command(
    context: click.Context, serial: int, by: str, reason: str, partial: bool
) -> None:
    """Propose to undo a gift, an issue or a spending; somebody else must approve it."""
    proposed = _decided(
        context,
        lambda tx, now: reversals.propose(
            tx, serial=serial, by=by, reason=reason, now=now, partial=partial
        ),
    )
    click.echo(
        f"reversal {proposed.id} of transfer {serial} is proposed; somebody else than"
        f" {proposed.proposed_by} approves it by `points approve {proposed.id} --by NAME`"
    )


@points_group.command("approve")
@click.argument("number", type=SERIAL)
@BY
@click.pass_context
def approve_command(context: click.Context, number: int, by: str) -> None:
    """Approve a proposal: the points go back at once."""
    grace_days = circle(context).settings.points.refund_grace_days
    done = _decided(
        context,
        lambda tx, now: reversals.approve(tx, number, by=by, now=now, grace_days=grace_days),
    )
    click.echo(f"{done.points} went back by transfer {done.serial}")


@points_group.command("reject")
@click.argument("number", type=SERIAL)
@BY
@click.option("--reason", required=True, type=Words(REASON_MAX), help="Why; kept with it.")
@click.pass_context
def reject_command(context: click.Context, number: int, by: str, reason: str) -> None:
    """Reject a proposal: the transfer stays as it is."""
    done = _decided(
        context, lambda tx, now: reversals.reject(tx, number, by=by, reason=reason, now=now)
    )
    click.echo(f"reversal {done.id} is rejected; transfer {done.of_serial} stays")


@points_group.command("pending")
@click.pass_context
def pending_command(context: click.Context) -> None:
    """List the proposals that wait for somebody's decision, the oldest first."""

    def lines(tx: Tx) -> list[str]:
        found = reversals.pending(tx, MOST + 1)
        told = [_pending_line(tx, each) for each in found[:MOST]]
        return [*told, f"{len(told)} pending" + (", and more" if len(found) > MOST else "")]

    for line in circle(context).store.read(lines):
        click.echo(line)


def _decided(context: click.Context, act: Callable[[Tx, datetime], Result]) -> Result:
    wired = circle(context)
    now = wired.now()
    with _politely():
        return wired.store.run(lambda tx: act(tx, now))


@contextmanager
def _politely() -> Iterator[None]:
    """A refusal becomes a sentence that says what one can do."""
    try:
        yield
    except (NoSuchTransfer, NotReversible) as no:
        raise click.ClickException(str(no)) from no
    except NoSuchReversal as no:
        raise click.ClickException(f"there is no reversal {no}; see `points pending`") from no
    except AlreadyProposed as no:
        raise click.ClickException(_settled(no.reversal)) from no
    except AlreadyDecided as no:
        raise click.ClickException(_settled(no.reversal)) from no
    except SamePerson as no:
        raise click.ClickException(f"{no} has proposed it; somebody else must decide") from no
    except AlreadyUsed as no:
        raise click.ClickException(
            f"nothing was moved: only {no.left} of {no.points} points can go back, the rest is"
            " used, reserved, expired or refunded."
            + (" Reject it, and propose it again with --partial" if no.left else "")
        ) from no
    except HouseShort as no:
        raise click.ClickException(
            f"nothing was moved: {no}; it has been paid out and must be funded first"
        ) from no


def _settled(reversal: Reversal) -> str:
    if reversal.state == PROPOSED:
        return (
            f"{reversal.proposed_by} has proposed it already, as reversal {reversal.id};"
            " it waits for approval"
        )
    when = local_time(reversal.decided_at) if reversal.decided_at else ""
    return f"{reversal.decided_by} has {reversal.state} reversal {reversal.id} already, {when}"


def _shown(tx: Tx, serial: int) -> Iterator[str]:
    transfer = nature(tx, serial)
    yield f"transfer {serial}: {transfer.what}, {local_time(transfer.at)}"
    yield f"  reason {transfer.reason}, by {transfer.channel}, origin {transfer.origin}"
    yield f"  key {transfer.key}"
    for name, value in (("operator", transfer.operator), ("rule", transfer.rule)):
        if value:
            yield f"  {name} {value}"
    for leg in transfer.legs:
        yield _leg(tx, leg)
    if transfer.what == SPENDING:
        left = refunds.left_of(tx, serial)
        if left < transfer.points:
            yield f"  refunded {transfer.points - left}, {left} left"
    for reversal in reversals.of(tx, serial):
        yield f"  {_reversal(reversal)}"


def _leg(tx: Tx, leg: Leg) -> str:
    lots = (leg.payer, leg.payee)
    until = next((lot.expires_on for lot in lots if lot.expires_on != NEVER), None)
    dates = {lot.expires_on for lot in lots if lot.owner != HOUSE}
    told = " to ".join(str(day) for day in sorted(dates)) if len(dates) > 1 else str(until)
    sides = " -> ".join(f"{_who(tx, lot.owner)} {lot.kind}" for lot in lots)
    return f"  {leg.points} {leg.unit}  {sides}" + (f"  until {told}" if until else "")


def _who(tx: Tx, owner: int) -> str:
    """A person by number, never the whole of it; the house as itself."""
    if owner == HOUSE:
        return "house"
    msisdn = subscribers.get(tx, owner).msisdn
    return f"{owner}" + (f" ({masked(msisdn)})" if msisdn else "")


def _reversal(reversal: Reversal) -> str:
    partial = ", partial" if reversal.partial else ""
    told = (
        f"reversal {reversal.id}{partial}: proposed by {reversal.proposed_by}"
        f" {local_time(reversal.proposed_at)}: {reversal.reason}"
    )
    if reversal.decided_at is None:
        return told
    done = f"; {reversal.state} by {reversal.decided_by} {local_time(reversal.decided_at)}"
    if reversal.state == APPROVED:
        return f"{told}{done}: {reversal.points} back by transfer {reversal.serial}"
    return f"{told}{done}: {reversal.rejected_because}"


def _pending_line(tx: Tx, reversal: Reversal) -> str:
    transfer = nature(tx, reversal.of_serial)
    partial = "  partial" if reversal.partial else ""
    return (
        f"{reversal.id}  {local_time(reversal.proposed_at)}  transfer {reversal.of_serial}:"
        f" {transfer.what} of {transfer.points}{partial}  {reversal.proposed_by}: {reversal.reason}"
    )

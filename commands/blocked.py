"""`sms block | unblock | blocked`: numbers that are not written to unasked."""

from __future__ import annotations

import click

from commands.operators import command
from commands.wired import circle, local_time
from models import blocked_numbers
from models.base import Tx
from models.blocked_numbers import WHY_CHARS, AlreadyBlocked, Blocked, NotBlocked
from sms.numbers import NotANumber, masked, msisdn

WHY = click.option("--why", required=True, help="Whoever looks later wants to know.")
LISTED_MOST = 1000


@click.command()
@click.argument("number")
@WHY
@click.pass_context
def block(context: click.Context, number: str, why: str) -> None:
    """Write nothing unasked to a number from now on; answers still go there."""
    found, why = _number(number), _reason(why)
    wired = circle(context)

    def work(tx: Tx) -> Blocked:
        return blocked_numbers.block(tx, command(), number=found, why=why, now=wired.now())

    try:
        wired.store.run(work)
    except AlreadyBlocked as known:
        one = known.blocked
        raise click.ClickException(
            f"{masked(found)} is on the list since {local_time(one.at)}, by {one.by}: {one.why}"
        ) from known
    click.echo(f"{masked(found)}: nothing unasked from now on")


@click.command()
@click.argument("number")
@WHY
@click.pass_context
def unblock(context: click.Context, number: str, why: str) -> None:
    """Take a number off the list; who has opted out (TD) stays opted out."""
    found, why = _number(number), _reason(why)
    wired = circle(context)

    def work(tx: Tx) -> None:
        known = blocked_numbers.find(tx, found)
        if known is None:
            raise NotBlocked(0)
        blocked_numbers.unblock(tx, command(), blocked_id=known.id, why=why, now=wired.now())

    try:
        wired.store.run(work)
    except NotBlocked as missing:
        raise click.ClickException(
            f"{masked(found)} is not on the list; `sms blocked` shows it, and notices.blocklist in"
            " config.yaml is another one"
        ) from missing
    click.echo(f"{masked(found)}: may be written to again")


@click.command()
@click.option("--whole", is_flag=True, help="Whole numbers, for a file that another system reads.")
@click.pass_context
def blocked(context: click.Context, whole: bool) -> None:
    """The list: number, since when, by whom, why."""
    wired = circle(context)
    below: int | None = None
    while page := wired.store.read(
        lambda tx, below=below: blocked_numbers.listed(tx, limit=LISTED_MOST, below=below)  # type: ignore[misc]
    ):
        for one in page:
            number = one.number if whole else masked(one.number)
            click.echo(f"{number}  {local_time(one.at)}  {one.by}  {one.why}")
        below = page[-1].id


def _number(typed: str) -> str:
    try:
        return msisdn(typed)
    except NotANumber as wrong:
        raise click.BadParameter(f"{wrong}; write it like 13800000001") from wrong


def _reason(why: str) -> str:
    if not why.strip() or len(why) > WHY_CHARS:
        raise click.BadParameter(f"a reason of 1 to {WHY_CHARS} characters is needed")
    return why.strip()

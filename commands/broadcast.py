"""`broadcast create | check | propose | start | pause | resume | stop | show | list | test`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.operators import command
from commands.typed import NOTE
from commands.wired import circle, local_time
from handlers import broadcast_file, broadcasting
from handlers.spreadsheet import Unreadable
from models.approvals import AlreadyProposed
from models.audit import By
from models.base import Tx
from models.broadcasts import acting, broadcast, loading, looking, trying, wording
from models.broadcasts.broadcast import Broadcast, NoSuchBroadcast, WrongState
from models.broadcasts.segment import BadSegment, Segment
from models.operators import accounts
from models.operators.accounts import NoSuchOperator
from models.operators.roles import may
from sms.numbers import masked

if TYPE_CHECKING:
    from app import Circle

LISTED, REJECTS_SHOWN = 30, 20
# What is wrong with a text, for whoever types.
FAULTS = {
    wording.EMPTY: "the text is empty",
    wording.TOO_LONG: f"the text has more than {wording.TEXT_MOST} characters",
    wording.HAS_CONTROL: "the text has characters that cannot be seen",
    wording.IS_SIGNED: "the signature is put in front by itself: leave 【...】 away",
    wording.HAS_HOLE: "something was not filled in",
    wording.NO_WAY_OUT: "it does not say how to leave: end with 退订回TD, for example",
    broadcasting.TOO_MANY_PARTS: "it makes too many SMS (broadcasts.parts_most)",
    broadcasting.BAD_PACE: "the pace is outside of 1 to broadcasts.pace_most",
    broadcasting.BAD_NAME: f"a name has 1 to {wording.NAME_MOST} characters",
}


@click.group("broadcast")
def broadcast_group() -> None:
    """One text to many numbers. Every act is written into the audit."""


_NUMBER = click.argument("number", type=click.IntRange(1, 2**31 - 1))
_WHY = click.option("--reason", type=NOTE, required=True, help="Why; the audit keeps it.")


@broadcast_group.command("create")
@click.argument("name")
@click.option("--text", required=True, help="Without the signature; it must say how to leave.")
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="CSV, TXT or XLSX with a column of numbers.")  # fmt: skip
@click.option("--club", "clubs", multiple=True, help="Instead of a file: members of a club.")
@click.option("--level", type=click.Choice(("ordinary", "premium")))
@click.option("--tier", "tiers", multiple=True, help="... who have a tier.")
@click.option("--city", "cities", multiple=True, help="... who have used a voucher there.")
@click.option("--everybody", is_flag=True, help="... all who have a number.")
@click.option("--pace", type=int, help="SMS a second.")
@click.pass_context
def create_command(
    context: click.Context, name: str, text: str, file: Path | None, clubs: tuple[str, ...],
    level: str | None, tiers: tuple[str, ...], cities: tuple[str, ...], everybody: bool,
    pace: int | None,
) -> None:  # fmt: skip
    """Make a draft, with the numbers of a file or of a segment."""
    wired = circle(context)
    limits, segment = wired.settings.broadcasts, Segment(clubs, level, tiers, cities)
    if (file is None) == (segment == Segment() and not everybody):
        raise click.ClickException(
            "say who: --file, or --club, --level, --tier, --city, or --everybody; not both"
        )
    try:
        what = broadcasting.said(
            name, text, pace or limits.pace_s, menus=wired.live(), limits=limits
        )
        number = _make(wired, what, segment, file)
    except wording.Unfit as unfit:
        hole = wording.hole(wording.tidy(text)) if unfit.why == wording.HAS_HOLE else ""
        raise click.ClickException(FAULTS[unfit.why] + (f": {hole}" if hole else "")) from None
    except BadSegment as bad:
        raise click.ClickException(f"{bad.field}: there is no such thing") from None
    except loading.TooMany:
        raise click.ClickException("more than a million numbers; nothing is kept") from None
    except Unreadable as why:
        raise click.ClickException(f"{file}: {why}") from None
    _show(wired, number)


def _make(wired: Circle, what: loading.Wording, segment: Segment, file: Path | None) -> int:
    limits = wired.settings.broadcasts
    by, now, store = command(), wired.now(), wired.store
    if file is None:
        return broadcasting.make(store, store.run, what, segment, source="", by=by, now=now)
    most = broadcast_file.Limits(
        limits.file_mb * 1024**2, broadcasting.LINES_MOST, limits.xlsx_lines
    )
    with file.open("rb") as opened:
        lines: Iterable[loading.Line | loading.Bad] = broadcast_file.read(opened, most)
        return broadcasting.make(store, store.run, what, lines, source=file.name, by=by, now=now)


@broadcast_group.command("check")
@_NUMBER
@click.pass_context
def check_command(context: click.Context, number: int) -> None:
    """What it says, how many SMS, what it costs, who would be left out, which lines were bad."""
    wired = circle(context)
    found = _show(wired, number)
    click.echo(f"  {found.words}")
    seen = wired.store.read(lambda tx: looking.sample(tx, number, wired.sending, wired.now()))
    left_out = ", ".join(f"{why} {times}" for why, times in seen.skipped.items()) or "nobody"
    click.echo(f"of the first {seen.looked}: {seen.unknown} not known yet; left out: {left_out}")
    click.echo(f"for example {', '.join(map(masked, seen.numbers)) or '-'}")
    for bad in wired.store.read(lambda tx: loading.rejected(tx, number, limit=REJECTS_SHOWN)):
        click.echo(f"line {bad.line}: {bad.why}")


@broadcast_group.command("propose")
@_NUMBER
@click.option("--by", "login", required=True, help="Login of the operator who proposes.")
@_WHY
@click.pass_context
def propose_command(context: click.Context, number: int, login: str, reason: str) -> None:
    """Ask another person, who approves at the console."""
    wired = circle(context)

    def work(tx: Tx, now: datetime) -> None:
        who = accounts.by_login(tx, login)
        if not (who.active and may(who.role, "broadcasts.propose")):
            raise click.ClickException(f"{login} may not propose broadcasts")
        by = By(who.id, who.login, who.role, "", "")
        made = acting.propose(tx, number, reason=reason, by=by, now=now)
        click.echo(f"proposal {made.id} waits for another person, at the console")

    _act(wired, number, work)


@broadcast_group.command("test")
@_NUMBER
@click.pass_context
def test_command(context: click.Context, number: int) -> None:
    """Send it to notices.test_numbers alone."""
    wired = circle(context)

    def work(tx: Tx, now: datetime) -> None:
        sent = trying.send(
            tx, number, sorted(wired.sending.test_numbers), by=command(), policy=wired.sending,
            now=now,
        )  # fmt: skip
        if not sent:
            raise click.ClickException("notices.test_numbers names nobody who may be written to")
        click.echo(f"sent to {len(sent)} test numbers")

    _act(wired, number, work)


@broadcast_group.command("start")
@_NUMBER
@click.pass_context
def start_command(context: click.Context, number: int) -> None:
    """Begin what was approved."""
    wired = circle(context)
    _act(wired, number, lambda tx, now: acting.start(tx, number, by=command(), now=now))


@broadcast_group.command("pause")
@_NUMBER
@click.pass_context
def pause_command(context: click.Context, number: int) -> None:
    """Rest; what has not left yet waits."""
    wired = circle(context)
    _act(wired, number, lambda tx, now: _say_back(acting.pause(tx, number, by=command(), now=now)))


@broadcast_group.command("resume")
@_NUMBER
@click.pass_context
def resume_command(context: click.Context, number: int) -> None:
    """Go on where it rested."""
    wired = circle(context)
    _act(wired, number, lambda tx, now: acting.resume(tx, number, by=command(), now=now))


@broadcast_group.command("stop")
@_NUMBER
@_WHY
@click.confirmation_option(prompt="It cannot go on afterwards. Stop it?")
@click.pass_context
def stop_command(context: click.Context, number: int, reason: str) -> None:
    """End it for good; what has not left yet never will."""
    wired = circle(context)
    _act(wired, number, lambda tx, now: _say_back(
        acting.stop(tx, number, by=command(), reason=reason, now=now)
    ))  # fmt: skip


@broadcast_group.command("show")
@_NUMBER
@click.pass_context
def show_command(context: click.Context, number: int) -> None:
    """How far it is."""
    _show(circle(context), number)


@broadcast_group.command("list")
@click.pass_context
def list_command(context: click.Context) -> None:
    """The latest broadcasts."""
    for one in circle(context).store.read(lambda tx: looking.listed(tx, limit=LISTED)):
        click.echo(
            f"{one.id:>6}  {one.state:<9} {one.handled:>9,} of {one.targets:>9,}  {one.name}"
        )


def _say_back(back: int) -> None:
    click.echo(f"{back} that had not left were taken back")


def _act(wired: Circle, number: int, work: Callable[[Tx, datetime], object]) -> None:
    """Do it, and show what it is now; says so where it cannot be."""
    try:
        wired.store.run(lambda tx: work(tx, wired.now()))
    except NoSuchBroadcast:
        raise click.ClickException(f"there is no broadcast {number}") from None
    except WrongState as wrong:
        raise click.ClickException(f"broadcast {number} is {wrong.state}") from None
    except acting.NotLoaded:
        raise click.ClickException(f"broadcast {number} has no numbers") from None
    except AlreadyProposed as other:
        raise click.ClickException(f"proposal {other.proposal_id} is open for it") from None
    except NoSuchOperator:
        raise click.ClickException("there is no such operator") from None
    _show(wired, number)


def _show(wired: Circle, number: int) -> Broadcast:
    try:
        found = wired.store.read(lambda tx: broadcast.get(tx, number))
    except NoSuchBroadcast:
        raise click.ClickException(f"there is no broadcast {number}") from None
    click.echo(f"{found.id}  {found.name}  {found.state}")
    click.echo(
        f"  {found.targets:,} numbers ({found.rejected:,} lines without, {found.repeated:,} twice),"
        f" {found.parts} SMS each, {broadcasting.cost_words(found)} yuan at most,"
        f" {found.pace_s} a second"
    )
    reasons = ", ".join(f"{why} {times:,}" for why, times in sorted(found.reasons.items()))
    click.echo(
        f"  sent {found.sent:,}, delivered {found.delivered:,}, failed {found.failed:,},"
        f" left out {found.skipped:,}{f' ({reasons})' if reasons else ''},"
        f" on their way {found.queued:,}, left {found.left:,}"
    )
    ends = looking.ends_at(found, wired.sending, wired.now())
    if ends is not None:
        click.echo(f"  {found.rate_s:.0f} a second lately; over at {local_time(ends)}")
    return found

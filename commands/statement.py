"""`points statement`: a person's movements of points, for customer service and auditors."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import click

from commands.typed import DAY
from commands.wired import circle, local_time
from dialogs import reasons
from handlers import sheets, statement_rows
from handlers.statement_rows import Movements
from menus.menus import Menus
from models import points, subscribers
from models.points import COINS, POINTS, statements
from models.points.history import Filters, Line
from sms.numbers import NotANumber, masked, msisdn

LINES_SHOWN = 200
STDOUT = Path("-")
LINES_MAX = 1_000_000
_PROGRESS_EVERY = 10_000


@click.command("statement")
@click.argument("number")
@click.option("--from", "since", type=DAY, help="First day, in China.")
@click.option("--to", "until", type=DAY, help="Last day, in China.")
@click.option("--unit", type=click.Choice([POINTS, COINS]), default=POINTS, show_default=True)
@click.option(
    "--csv",
    "file",
    type=click.Path(dir_okay=False, writable=True, allow_dash=True, path_type=Path),
    help="Write a table; - is the standard output.",
)
@click.option("--lines", type=click.IntRange(1, LINES_MAX), help="At most so many, newest first.")
@click.option("--full", is_flag=True, help="Show phone numbers whole.")
@click.pass_context
def statement(
    context: click.Context, number: str, since: date | None, until: date | None,
    unit: str, file: Path | None, lines: int | None, full: bool,
) -> None:  # fmt: skip
    """What moved the points of NUMBER, the newest first, with the balance after each."""
    wired = circle(context)
    try:
        e164 = msisdn(number)
    except NotANumber as wrong:
        raise click.ClickException(f"this is not a mobile number: {wrong}") from wrong
    if since and until and since > until:
        raise click.UsageError("--from is later than --to")
    who = wired.store.read(lambda tx: subscribers.find(tx, "sms", e164))
    if who is None:
        raise click.ClickException("nobody has this number")
    shown = str if full else masked
    wired.live.refresh()
    now = wired.now()
    movements = Movements(
        wired.store, who, unit, Filters(since=since, until=until), now,
        lines or (LINES_MAX if file else LINES_SHOWN),
    )  # fmt: skip
    has = wired.store.read(lambda tx: points.balance(tx, who, now=now, expiring_days=30, unit=unit))
    click.echo(
        f"{shown(e164)}  {has.total} {unit}, {has.held} of them held, at {local_time(now)}",
        err=file == STDOUT,
    )
    if file is not None:
        rows = statement_rows.rows(_reporting(movements.lines()), wired.live(), show_number=shown)
        _write(file, sheets.csv_chunks(statement_rows.header(unit), rows))
        return
    for lot in wired.store.read(lambda tx: statements.expiring_lots(tx, who, now=now, unit=unit)):
        held = f", {lot.held} held" if lot.held else ""
        click.echo(f"  until {lot.expires_on}  {lot.points} {lot.kind}{held}")
    count = 0
    for line in movements.lines():
        count += 1
        click.echo(_line(line, wired.live(), shown(line.party) if line.party else None))
    cut = "; there may be more, see --lines and --from" if count >= movements.most else ""
    click.echo(f"{count} movements{cut}")


def _write(file: Path, chunks: Iterable[bytes]) -> None:
    try:
        with click.open_file(str(file), "wb") as opened:
            opened.writelines(chunks)
    except OSError as why:
        raise click.ClickException(f"{file}: {why.strerror}") from why
    if file != STDOUT:
        click.echo(f"written to {file}")


def _line(line: Line, menus: Menus, party: str | None) -> str:
    by = f"  by {line.operator}" if line.operator else ""
    return (
        f"{line.serial or '(not booked yet)'}  {local_time(line.at)}  {line.points:+8d}"
        f"  {line.balance:>9d}  {line.reason}  {reasons.words(menus, line, party=party)}{by}"
    )


def _reporting(lines: Iterable[Line]) -> Iterable[Line]:
    """The same lines; says now and then how many there were."""
    count = 0
    for count, line in enumerate(lines, 1):
        yield line
        if count % _PROGRESS_EVERY == 0:
            click.echo(f"{count} movements so far", err=True)
    click.echo(f"{count} movements", err=True)

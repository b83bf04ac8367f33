"""`settlement make | show | verify | pay | reconcile`: what merchants are owed, from a shell.

What moves money takes two people in the console; a command only says what could be paid.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from functools import partial
from pathlib import Path

import click

from commands.typed import AUTHOR, DAY
from commands.wired import circle, local_time
from handlers import reconcile_file
from models import sql
from models.base import Tx
from models.settlement import payments, proof, reconciling, statements
from models.settlement.statements import Statement
from workers.settlement_clock import Failed, make_due

SHOWN = 24
# Of a file on the operator's own machine; a browser's are smaller (settings: settlement).
FILE_BYTES, FILE_LINES = 512 * 1024 * 1024, 2_000_000


@click.group()
def settlement() -> None:
    """What is owed to merchants: make statements, show, prove and pay them, compare files."""


@settlement.command("make")
@click.option("--merchant", help="One merchant's alone, by its code.")
@click.pass_context
def make_command(context: click.Context, merchant: str | None) -> None:
    """Make every statement whose period is over, as the clock does; again, it makes none."""
    wired = circle(context)
    failed = 0
    for made in make_due(
        wired.store, kind=wired.settings.settlement.period, now=wired.now(), merchant=merchant
    ):
        if isinstance(made, Failed):
            failed += 1
            click.echo(
                f"{made.due.merchant} {made.due.first}..{made.due.last}: {made.why}", err=True
            )
        else:
            click.echo(_line(made))
    if failed:
        raise click.ClickException(f"{failed} statements could not be made")


@settlement.command("show")
@click.argument("merchant")
@click.option("--limit", type=click.IntRange(1, 1000), default=SHOWN, show_default=True)
@click.pass_context
def show_command(context: click.Context, merchant: str, limit: int) -> None:
    """List a merchant's statements, the newest first."""
    wired = circle(context)
    found = wired.store.read(lambda tx: statements.history(tx, merchant, limit=limit))
    if not found:
        raise click.ClickException(f"{merchant} has no statement")
    paid = wired.store.read(lambda tx: payments.payment_of(tx, [one.id for one in found]))
    for one in found:
        payment = paid.get(one.id)
        state = (
            ""
            if payment is None
            else f"  payment {payment.id}"
            + (f" paid {local_time(payment.paid_at)}" if payment.paid_at else "")
        )
        click.echo(_line(one) + state)


@settlement.command("verify")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def verify_command(context: click.Context, as_json: bool) -> None:
    """Prove every rule on every row; ends with 1 and names the first row that breaks one."""
    wired = circle(context)
    with wired.store.begin() as tx:
        sql.run(tx, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        report = proof.verify(
            tx, kind=wired.settings.settlement.period, now=wired.now(),
            progress=lambda line: click.echo(line, err=True),
        )  # fmt: skip
    if as_json:
        checks = [
            {"name": c.name, "rule": c.rule, "wrong": c.wrong, "first": c.first}
            for c in report.checks
        ]
        said = {
            "ok": report.ok, "statements": report.statements, "lines": report.lines,
            "fen": report.fen, "points": report.points, "checks": checks,
        }  # fmt: skip
        click.echo(json.dumps(said, ensure_ascii=False, default=str))
    else:
        for check in report.checks:
            click.echo(_check(check))
        verdict = "all rules hold" if report.ok else "THE SETTLEMENT IS WRONG"
        click.echo(
            f"{verdict}: {report.statements:,} statements, {report.lines:,} lines,"
            f" {yuan(report.fen)} yuan, {report.points:,} points in {report.took_s:.1f} s"
        )
    if not report.ok:
        raise SystemExit(1)


@settlement.command("pay")
@click.option("--through", type=DAY, help="Of periods that end here or before; else all.")
@click.pass_context
def pay_command(context: click.Context, through: date | None) -> None:
    """Say what could be paid now; to pay it takes two people in the console."""
    wired = circle(context)
    day = through or wired.now().date()
    ready = wired.store.read(lambda tx: payments.ready(tx, day))
    for part in ready.parts:
        numbers = " ".join(str(number) for number in part.statements)
        new = "  NEW ACCOUNT" if part.changed else ""
        click.echo(f"{part.merchant_code}  ****{part.tail}  {yuan(part.fen)}  {numbers}{new}")
    for part in ready.without_account:
        click.echo(f"{part.merchant_code}  no account  {yuan(part.fen)}", err=True)
    click.echo(
        f"{len(ready.parts)} merchants, {ready.statements} statements, {yuan(ready.fen)} yuan;"
        " propose the payment in the console, and have somebody else approve it",
        err=True,
    )


@settlement.command("reconcile")
@click.argument("merchant")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--from", "first", type=DAY, required=True, help="First due day.")
@click.option("--to", "last", type=DAY, required=True, help="Last due day.")
@click.option("--by", type=AUTHOR, required=True, help="Who compares.")
@click.pass_context
def reconcile_command(
    context: click.Context, merchant: str, file: Path, first: date, last: date, by: str
) -> None:
    """Compare a merchant's file (CSV or XLSX) with our lines that fell due in these days."""
    wired = circle(context)
    if last < first:
        raise click.BadParameter("the last day is before the first", param_hint="--to")
    known = wired.store.read(
        lambda tx: sql.maybe_value(tx, "SELECT 1 FROM merchants WHERE code = %s", [merchant])
    )
    if known is None:
        raise click.ClickException(f"no merchant has the code {merchant}")
    limits = reconcile_file.Limits(FILE_BYTES, FILE_LINES)
    try:
        with file.open("rb") as opened, wired.store.begin() as tx:
            found = _reconcile(
                tx, merchant, first, last, reconcile_file.read(opened, limits), file.name, by,
                wired.now(),
            )  # fmt: skip
    except reconcile_file.Unreadable as unreadable:
        raise click.ClickException(f"{file}: {unreadable}") from unreadable
    click.echo(
        f"reconciliation {found.id}: {found.matched} matched, {found.only_ours} only ours,"
        f" {found.only_theirs} only theirs, {found.differs} differ, {found.rejected} unreadable"
    )
    for bad in wired.store.read(
        partial(reconciling.rejected, reconciliation_id=found.id, limit=20)
    ):
        click.echo(f"line {bad.line_no}: {bad.why}", err=True)


def _reconcile(
    tx: Tx, merchant: str, first: date, last: date, theirs: reconcile_file.Lines, name: str,
    by: str, now: datetime,
) -> reconciling.Reconciliation:  # fmt: skip
    return reconciling.reconcile(
        tx, merchant=merchant, first=first, last=last, theirs=theirs, file_name=name[-200:], by=by,
        now=now,
    )  # fmt: skip


def yuan(fen: int) -> str:
    """1234 -> "12.34"."""
    sign, fen = ("-" if fen < 0 else ""), abs(fen)
    return f"{sign}{fen // 100}.{fen % 100:02d}"


def _line(one: Statement) -> str:
    return (
        f"{one.id}  {one.merchant_code}  {one.first}..{one.last}  {one.lines:,} lines"
        f"  {one.points:,} points  {yuan(one.fen)} yuan  {one.digest.hex()[:16]}"
    )


def _check(check: proof.Check) -> str:
    if not check.wrong:
        return f"ok     {check.rule}"
    row = ", ".join(f"{name} {value}" for name, value in (check.first or {}).items())
    return f"WRONG  {check.rule}: {check.wrong:,} rows, the first: {row}"

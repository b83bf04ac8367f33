"""`ledger verify | close | closings | anchor | export`: proof that no point was lost or made."""

from __future__ import annotations

import json
from datetime import date, datetime

import click

from commands.typed import DAY
from commands.wired import circle, local_time
from models.points import closings as sealed
from models.points import verify as proof
from models.points.verify_closings import Anchor
from workers import closing_clock


@click.group()
def ledger() -> None:
    """The points ledger: verify all of it, close days, note closings elsewhere."""


@ledger.command("verify")
@click.option(
    "--anchor", "anchors", multiple=True, metavar="DAY:HASH", help="A closing as noted elsewhere."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def verify_command(context: click.Context, anchors: tuple[str, ...], as_json: bool) -> None:
    """Prove every rule on every row; ends with 1 and names the first row that breaks one."""
    try:
        noted = [Anchor.read(anchor) for anchor in anchors]
    except ValueError as unreadable:
        raise click.BadParameter(str(unreadable), param_hint="--anchor") from unreadable
    store = circle(context).store
    with store.begin() as tx:
        report = proof.verify(tx, anchors=noted, progress=lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps(_as_json(report), ensure_ascii=False, default=_plain))
    else:
        for check in report.checks:
            click.echo(_line(check))
        verdict = "all rules hold" if report.ok else "THE LEDGER IS WRONG"
        rate = report.legs / max(report.took_s, 0.001)
        click.echo(f"{verdict}: {report.legs:,} legs in {report.took_s:.1f} s ({rate:,.0f} legs/s)")
    if not report.ok:
        raise SystemExit(1)


@ledger.command("close")
@click.option("--through", type=DAY, help="Until this day; else all that are over.")
@click.pass_context
def close_command(context: click.Context, through: date | None) -> None:
    """Seal every day that is over and not sealed yet; the clock does so every night."""
    wired = circle(context)
    day = through or closing_clock.due_day(wired.now())
    count = 0
    try:
        for closing in closing_clock.close_through(wired.store, day, now=wired.now):
            click.echo(_closing(closing))
            count += 1
    except (ValueError, closing_clock.StillWriting) as early:
        raise click.ClickException(str(early)) from early
    click.echo(f"{count} days sealed", err=True)


@ledger.command("closings")
@click.option("--limit", type=click.IntRange(1, 10_000), default=30, show_default=True)
@click.pass_context
def closings_command(context: click.Context, limit: int) -> None:
    """List sealed days, the last ones."""
    for closing in circle(context).store.read(sealed.listed)[-limit:]:
        click.echo(_closing(closing))


@ledger.command("anchor")
@click.argument("day", type=DAY, required=False)
@click.pass_context
def anchor_command(context: click.Context, day: date | None) -> None:
    """Print a closing, the last unless a DAY is named, to note where nobody can alter it."""
    found = circle(context).store.read(sealed.listed)
    wanted = [c for c in found if day is None or c.day == day]
    if not wanted:
        raise click.ClickException("no such day is sealed")
    click.echo(f"{wanted[-1].day}:{wanted[-1].hash.hex()}")


@ledger.command("export")
@click.argument("day", type=DAY)
@click.pass_context
def export_command(context: click.Context, day: date) -> None:
    """Write a day's transfers and legs as they are digested; `sha256sum` gives the digest."""
    with circle(context).store.begin() as tx:
        sealed.unhurried(tx)
        for line in sealed.lines(tx, day):
            click.echo(line, nl=False)


def _line(check: proof.Check) -> str:
    if not check.wrong:
        return f"ok     {check.rule}"
    row = ", ".join(f"{name} {_plain(value)}" for name, value in (check.first or {}).items())
    return f"WRONG  {check.rule}: {check.wrong:,} rows, the first: {row}"


def _closing(closing: sealed.Closing) -> str:
    return (
        f"{closing.day}  {closing.transfers:,} transfers  {closing.legs:,} legs"
        f"  {closing.points:,} points  {closing.coins:,} coins"
        f"  sealed {local_time(closing.sealed_at)}  {closing.hash.hex()[:16]}"
    )


def _as_json(report: proof.Report) -> dict[str, object]:
    return {
        "ok": report.ok,
        "legs": report.legs,
        "took_s": round(report.took_s, 3),
        "checks": [
            {"name": c.name, "rule": c.rule, "wrong": c.wrong, "first": c.first}
            for c in report.checks
        ],
    }


def _plain(value: object) -> str:
    match value:
        case None:
            return "none"
        case datetime():
            return value.isoformat()
        case date():
            return value.isoformat()
    return str(value)

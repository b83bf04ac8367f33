"""`audit ...`: prove what operators did, note it elsewhere, hand it over as a file."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from commands.wired import circle, local_time
from handlers.sheets import harmless
from models import audit as journal
from models import audit_proof
from models.audit import Entry
from models.audit_proof import Anchor
from models.base import Tx
from models.points import SHANGHAI

if TYPE_CHECKING:
    from app import Circle

DAY = click.DateTime(["%Y-%m-%d"])
AT_ONCE = 1000
HEADER = (
    "id", "at", "login", "role", "action", "subject", "before", "after", "reason", "request_id",
    "address",
)  # fmt: skip


@click.group()
def audit() -> None:
    """What operators did: append-only, each entry sealed over the one before."""


@audit.command("verify")
@click.option(
    "--anchor", "anchors", multiple=True, metavar="NO:HASH", help="A link as noted elsewhere."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def verify_command(context: click.Context, anchors: tuple[str, ...], as_json: bool) -> None:
    """Prove every entry; ends with 1 and names the first row that is wrong."""
    try:
        noted = [Anchor.read(anchor) for anchor in anchors]
    except ValueError as unreadable:
        raise click.BadParameter(str(unreadable), param_hint="--anchor") from unreadable
    with circle(context).store.begin() as tx:
        report = audit_proof.verify(
            tx, anchors=noted, progress=lambda no: click.echo(f"{no:,} entries", err=True)
        )
    faults = [{"what": fault.what, "row": fault.row} for fault in report.faults]
    if as_json:
        found = {"ok": not faults, "entries": report.entries, "faults": faults, "head": report.head}
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        for fault in report.faults:
            click.echo(f"WRONG  {fault.what}: {fault.row}")
        verdict = "THE AUDIT IS WRONG" if faults else "all entries are as they were written"
        click.echo(f"{verdict}: {report.entries:,} proved, to {report.head or 'nothing'}")
    if faults:
        raise SystemExit(1)


@audit.command("anchor")
@click.pass_context
def anchor_command(context: click.Context) -> None:
    """Print the last link, to note where nobody can alter it; `verify --anchor` compares."""
    head = circle(context).store.read(audit_proof.head)
    if not head:
        raise click.ClickException("there is no entry yet")
    click.echo(head)


@audit.command("export")
@click.option("--from", "first", type=DAY, metavar="DAY", help="The first day, in China.")
@click.option("--to", "last", type=DAY, metavar="DAY", help="The last day, in China.")
@click.option("--login", default="", help="What one operator did.")
@click.option("--action", default="", help='As in "menus.approve", or all of "menus.".')
@click.option("--subject", default="", help='What was done to one thing, as in "subscriber:42".')
@click.option("--request", "request_id", default="", help="What one request did.")
@click.option("--format", "kind", type=click.Choice(["csv", "jsonl"]), default="csv")
@click.pass_context
def export_command(
    context: click.Context, /, first: datetime | None, last: datetime | None, kind: str,
    **wanted: str,
) -> None:  # fmt: skip
    """Write entries to stdout, the newest first."""
    found = _entries(circle(context), _since(first), _until(last), wanted)
    (_csv if kind == "csv" else _jsonl)(found, lambda text: click.echo(text, nl=False))


def _entries(
    wired: Circle, since: datetime | None, until: datetime | None, wanted: dict[str, str]
) -> Iterator[Entry]:
    before: journal.Key | None = None
    while page := wired.store.read(partial(_page, since, until, before, wanted)):
        yield from page
        before = page[-1].key


def _page(
    since: datetime | None, until: datetime | None, before: journal.Key | None,
    wanted: dict[str, str], tx: Tx,
) -> list[Entry]:  # fmt: skip
    return journal.search(
        tx, since=since, until=until, before=before, limit=AT_ONCE, **wanted
    )  # fmt: skip


def _csv(entries: Iterator[Entry], write: Callable[[str], None]) -> None:
    lines = csv.writer(_Echo(write), quoting=csv.QUOTE_NONNUMERIC)
    lines.writerow(HEADER)
    for entry in entries:
        cells = [getattr(entry, name) for name in HEADER]
        lines.writerow([cell if isinstance(cell, int) else _cell(cell) for cell in cells])


def _cell(value: Any) -> str:
    """What a spreadsheet takes for text, whatever somebody gave as a reason."""
    match value:
        case datetime():
            return local_time(value)
        case None:
            return ""
        case str():
            return harmless(value)
    return json.dumps(value, ensure_ascii=False)


def _jsonl(entries: Iterator[Entry], write: Callable[[str], None]) -> None:
    for entry in entries:
        said = {name: getattr(entry, name) for name in HEADER} | {"at": entry.at.isoformat()}
        write(json.dumps(said, ensure_ascii=False) + "\n")


class _Echo:
    """A file to the csv module."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.write = write


def _since(day: datetime | None) -> datetime | None:
    return day.replace(tzinfo=SHANGHAI) if day else None


def _until(day: datetime | None) -> datetime | None:
    return day.replace(tzinfo=SHANGHAI) + timedelta(days=1) if day else None

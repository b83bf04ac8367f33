"""`events load | files`: the daily file of what subscribers did, and what became of each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import click

from commands.wired import circle, local_time
from models.earning import files
from models.earning.earn import earn
from models.earning.files import File
from models.store import Store
from workers.event_lines import ENCODINGS, Unreadable
from workers.event_loader import Loader, NotApplied, TooManyBad
from workers.event_rejects import Rejects

BATCH_LINES = 1000
BAD_PERCENT = 5.0
# A batch of many lines with many rules is one transaction, and nobody waits for it.
PATIENCE_S = 300.0
TELL_EVERY_S = 5.0
SECONDS_SHOWN = 120  # longer is told in minutes
REASONS_SHOWN = 20


@click.group()
def events() -> None:
    """What subscribers did, as BOSS tells it."""


@events.command("load")
@click.argument(
    "path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--batch",
    type=click.IntRange(100, 50_000),
    default=BATCH_LINES,
    show_default=True,
    help="Lines in a transaction.",
)
@click.option("--encoding", type=click.Choice(ENCODINGS), help="Of a CSV file; else it is seen.")
@click.option(
    "--bad-percent",
    type=click.FloatRange(0, 100),
    default=BAD_PERCENT,
    show_default=True,
    help="Stop where more of the lines are bad.",
)
@click.option("--keep-going", is_flag=True, help="Take the good lines, however many are bad.")
@click.pass_context
def load_command(
    context: click.Context, path: Path, batch: int, encoding: str | None, bad_percent: float,
    keep_going: bool,
) -> None:  # fmt: skip
    """Load a file of events, CSV or Parquet; go on where an earlier attempt was cut short."""
    wired = circle(context)
    store = Store(wired.settings.database_url or "", connections=1, patience_s=PATIENCE_S)
    progress = _Progress()
    loader = Loader(store, earn, wired.now, batch, bad_percent, keep_going, progress.tell)
    try:
        loaded = loader.load(path, encoding)
    except Unreadable as why:
        raise click.ClickException(f"{path.name}: {why}") from why
    except files.TakenOver as other:
        raise click.ClickException(
            f"{path.name}: somebody else has begun to load it; this load has stopped"
        ) from other
    except NotApplied as bug:
        raise click.ClickException(
            f"{path.name}: {bug}. Nothing of these lines was taken, all before them was; the log"
            " has the details. Once it is mended, start again: it goes on there"
        ) from bug
    except TooManyBad as many:
        _tell_reasons(many.reasons)
        raise click.ClickException(
            f"{path.name}: {many.bad:,} of the first {many.lines:,} lines are bad, more than"
            f" {bad_percent:g} %. Stopped behind line {many.file.line:,}, with {many.file.new:,}"
            f" events taken; see {Rejects(path).path.name}. To take the good lines all the"
            " same, start again with --keep-going"
        ) from many
    finally:
        store.close()
    if not progress.told:
        click.echo(f"{path.name}: there was nothing left to load", err=True)
    click.echo(_line(loaded))
    _tell_reasons(loaded.reasons)
    if loaded.rejects_size:
        click.echo(f"the lines that were not taken: {_where(path, loaded)}", err=True)


@events.command("files")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.pass_context
def files_command(context: click.Context, limit: int) -> None:
    """List the files that were loaded, the last one first."""
    for file in circle(context).store.read(lambda tx: files.listed(tx, limit)):
        click.echo(f"{local_time(file.started_at)}  {_line(file)}")


def _where(path: Path, loaded: File) -> str:
    beside = Rejects(path).path
    if beside.exists():
        return str(beside)
    # The same content was loaded before, from elsewhere or by another name.
    return (
        f"in {Rejects(Path(loaded.name)).path}, where it was loaded {local_time(loaded.started_at)}"
    )


def _line(file: File) -> str:
    return (
        f"{file.name}: {file.state}, {file.lines:,} lines: {file.new:,} new, {file.repeats:,}"
        f" repeats, {file.conflicts:,} conflicts, {file.bad:,} bad; {file.points:,} points given"
    )


def _tell_reasons(reasons: Mapping[str, int]) -> None:
    most = sorted(reasons.items(), key=lambda each: -each[1])
    for reason, count in most[:REASONS_SHOWN]:
        click.echo(f"  {count:,} x {reason}", err=True)


def _lasting(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds < SECONDS_SHOWN else f"{seconds / 60:,.0f} min"


class _Progress:
    """A line now and then, good for a terminal and for a log."""

    def __init__(self) -> None:
        self.told = False
        self._began = self._last = time.monotonic()
        self._first: tuple[int, float] | None = None

    def tell(self, file: File, share: float) -> None:
        now = time.monotonic()
        self.told = True
        if self._first is None:
            self._first, self._began = (file.lines, share), now
        lines, before = self._first
        # After one batch nobody can say how fast it goes.
        if now - self._last < TELL_EVERY_S or file.lines == lines:
            return
        self._last = now
        rate = (file.lines - lines) / max(now - self._began, 0.001)
        left_s = (now - self._began) * (1 - share) / max(share - before, 1e-9)
        click.echo(
            f"{file.lines:,} lines, {share:.0%}, {rate:,.0f} lines/s, {file.bad:,} bad,"
            f" {file.conflicts:,} conflicts, about {_lasting(left_s)} left",
            err=True,
        )

"""`draws check | diff | publish | show | stop | go | grant | audit`: prize draws."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.operators import command
from commands.typed import AUTHOR, NOTE
from commands.wired import circle, refuse_to_publish
from handlers import draw_files, draw_publishing
from handlers.draw_files import Draws
from menus.checked_yaml import Mistakes
from models import audit, subscribers
from models.base import Tx
from models.draws import auditing, people, publishing, seeds, watching
from models.draws.publishing import LessThanGiven
from models.store import Store
from sms import numbers

if TYPE_CHECKING:
    from app import Circle

ROOT = Path(__file__).parent.parent
DAYS_SHOWN = 10
FINDINGS_SHOWN = 50


@click.group()
def draws() -> None:
    """Prize draws: check and publish them, see how they go, stop them, compute all again."""


@draws.command("check")
@click.argument("folder", type=click.Path(exists=True, file_okay=False), required=False)
@click.pass_context
def check_command(context: click.Context, folder: str | None) -> None:
    """Name every mistake with file, line and column; FOLDER is where rules are unless given."""
    store = circle(context).store if os.environ.get("CIRCLE_DATABASE_URL") else None
    found = _checked(Path(folder) if folder else ROOT / "rules", store)
    click.echo(f"{len(found.drafts)} draws are good")
    if store is None:
        click.echo("offers, clubs and tiers were not looked up: CIRCLE_DATABASE_URL is not set",
                   err=True)  # fmt: skip


@draws.command("diff")
@click.pass_context
def diff_command(context: click.Context) -> None:
    """What publishing the files would change."""
    wired = circle(context)
    found = _checked(_folder(wired), wired.store)
    changed = wired.store.read(lambda tx: draw_publishing.changes(tx, found.drafts.values()))
    for change in changed:
        click.echo(f"{change.draw.code}: {'changes' if change.before else 'is new'}")
        for name, before, after in change.lines:
            if before is not None:
                click.echo(f"  - {name}: {before}")
            if after is not None:
                click.echo(f"  + {name}: {after}")
    if not changed:
        click.echo("nothing has changed")


@draws.command("publish")
@click.option("--by", type=AUTHOR, default=getpass.getuser, show_default="you")
@click.option("--note", type=NOTE, required=True, help="Why; kept with the versions.")
@click.pass_context
def publish_command(context: click.Context, by: str, note: str) -> None:
    """Check the files and make those live that changed; refused while there is a mistake."""
    wired = circle(context)
    refuse_to_publish(wired)
    now = wired.now()
    drafts = list(_checked(_folder(wired), wired.store).drafts.values())

    def publish(tx: Tx) -> list[tuple[str, int]]:
        made = draw_publishing.put(tx, drafts, wired.seeds, author=by, note=note, now=now)
        if made:
            audit.write(
                tx, command(), action="draws.publish", subject="draws",
                after={"versions": dict(made), "author": by}, reason=note, now=now,
            )  # fmt: skip
        return made

    try:
        made = wired.store.run(publish)
    except LessThanGiven as wrong:
        raise click.ClickException(f"{wrong}; nothing published") from None
    for code, version in made:
        click.echo(f"{code}@{version} is live")
    if not made:
        click.echo("nothing has changed")


@draws.command("show")
@click.argument("code", required=False)
@click.pass_context
def show_command(context: click.Context, code: str | None) -> None:
    """The draws there are; or of one its prizes, odds seen and promised, and its seeds."""
    wired = circle(context)
    live = wired.store.read(publishing.live)
    if code is None:
        for each in live.values():
            window = each.draw.window
            click.echo(
                f"{each.draw.code}@{each.version}  {each.draw.title}  {each.state}"
                f"  {window.first} to {window.until}"
            )
        return
    if code not in live:
        raise click.ClickException(_unknown(code, live))
    now = wired.now()
    seen = wired.store.read(lambda tx: watching.watch(tx, code, now))
    click.echo(f"{seen.draws} draws by {seen.people} people; {seen.state}")
    for prize in seen.prizes:
        stock = "" if prize.total is None else f"  {prize.left} of {prize.total} left"
        odd = "" if prize.within else "  OUTSIDE its band"
        click.echo(
            f"  {prize.prize.code}  promised {prize.promised:.6f}  seen {prize.seen:.6f}"
            f" ({prize.low:.6f} to {prize.high:.6f}){odd}{stock}"
        )
    for day in wired.store.read(lambda tx: seeds.days(tx, code, limit=DAYS_SHOWN)):
        revealed = f"seed {day.seed}" if day.seed else "sealed"
        click.echo(f"  {day.day}  commitment {day.commitment}  {revealed}")


@draws.command("stop")
@click.argument("code")
@click.option("--note", type=NOTE, required=True, help="Why; kept in the audit.")
@click.pass_context
def stop_command(context: click.Context, code: str, note: str) -> None:
    """Stop a draw at once."""
    _set(context, code, note, stopped=True)


@draws.command("go")
@click.argument("code")
@click.option("--note", type=NOTE, required=True, help="Why; kept in the audit.")
@click.pass_context
def go_command(context: click.Context, code: str, note: str) -> None:
    """Let a stopped draw go on."""
    refuse_to_publish(circle(context))
    _set(context, code, note, stopped=False)


@draws.command("grant")
@click.argument("code")
@click.argument("subscriber")
@click.option("--chances", type=click.IntRange(1, 100), default=1, show_default=True)
@click.option("--key", type=NOTE, required=True, help="The task or campaign; gives once.")
@click.pass_context
def grant_command(
    context: click.Context, code: str, subscriber: str, chances: int, key: str
) -> None:
    """Give chances in a draw to SUBSCRIBER (a number), as a task or campaign does."""
    wired = circle(context)
    refuse_to_publish(wired)
    now = wired.now()

    def grant(tx: Tx) -> bool:
        who = subscribers.find(tx, "sms", _number(subscriber))
        live = publishing.find(tx, code)
        if who is None or live is None or not live.draw.earned_chances:
            raise click.ClickException("no such subscriber, or no draw with earned chances")
        who = subscribers.lock_id(tx, who.id)
        given = people.grant(tx, who.id, code, chances=chances, key=key, now=now)
        if given:
            audit.write(
                tx, command(), action="draws.grant", subject=f"subscriber:{who.id}",
                after={"draw": code, "chances": chances, "key": key}, now=now,
            )  # fmt: skip
        return given

    given = wired.store.run(grant)
    click.echo(f"{chances} chances given" if given else "this key has given them already")


@draws.command("audit")
@click.argument("code")
@click.pass_context
def audit_command(context: click.Context, code: str) -> None:
    """Compute every result of a draw again; exit code 1 where one is not what it should be."""
    wired = circle(context)
    try:
        with wired.store.reading() as tx:
            report = auditing.audit(tx, code, wired.seeds)
    except LookupError:
        raise click.ClickException(_unknown(code, wired.store.read(publishing.live))) from None
    click.echo(
        f"{report.results} results of {report.days} days computed again,"
        f" {report.revealed} days are revealed"
    )
    for prize, drawn in sorted(report.drawn.items()):
        click.echo(f"  {prize}: drawn {drawn} times, given {report.given[prize]} times")
    for finding in report.findings[:FINDINGS_SHOWN]:
        click.echo(f"{finding.where}: {finding.what}", err=True)
    if report.findings:
        raise click.ClickException(f"{len(report.findings)} findings")
    click.echo("all are what they should be")


def _set(context: click.Context, code: str, note: str, *, stopped: bool) -> None:
    wired = circle(context)
    now = wired.now()

    def change(tx: Tx) -> bool:
        changed = publishing.set_state(tx, code, stopped=stopped)
        if changed:
            audit.write(
                tx, command(), action="draws.stop" if stopped else "draws.go",
                subject=f"draw:{code}", reason=note, now=now,
            )  # fmt: skip
        return changed

    if not wired.store.run(change):
        raise click.ClickException(f"{code} is not {'live' if stopped else 'stopped'}")
    click.echo(f"{code} is stopped" if stopped else f"{code} goes on")


def _checked(folder: Path, store: Store | None) -> Draws:
    there = store.read(draw_files.known) if store is not None else None
    try:
        found = draw_files.load(draw_files.read_folder(folder), there=there)
    except Mistakes as wrong:
        for mistake in wrong.mistakes:
            click.echo(str(mistake), err=True)
        raise click.ClickException(f"{len(wrong.mistakes)} to correct") from None
    for warning in found.warnings:
        click.echo(f"{warning} (a warning)", err=True)
    return found


def _folder(wired: Circle) -> Path:
    return ROOT / wired.settings.rules.folder


def _number(written: str) -> str:
    try:
        return numbers.msisdn(written)
    except numbers.NotANumber:
        raise click.ClickException("that is not a mobile number") from None


def _unknown(code: str, live: dict[str, publishing.Live]) -> str:
    return f"no draw is called {code}; there are {', '.join(sorted(live)) or 'none'}"

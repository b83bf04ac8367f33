"""`rules check | diff | publish | stop | history | dry-run | explain | misses`."""

from __future__ import annotations

import getpass
import os
from datetime import date, datetime, timedelta
from pathlib import Path

import click

from commands.operators import command
from commands.typed import AUTHOR, DAY, NOTE
from commands.wired import circle, local_time, refuse_to_publish
from dialogs.earned import because
from handlers import rule_files, rule_publishing
from menus.menus import Mistakes
from models import audit, clubs, publications
from models.base import Tx
from models.draws.publishing import taking_chances
from models.earning import misses, postings
from models.earning import publishing as desk
from models.earning import rules as versions
from models.earning.budgets import TooLittle
from models.earning.definition import Rule, midnight
from models.earning.dry_run import Outcome, Report, dry_run
from models.earning.judging import RuleBook, compiled
from models.points import day_of
from models.store import Store

ROOT = Path(__file__).parent.parent
TELL_EVERY = 100_000


@click.group()
def rules() -> None:
    """Earning rules: check them, try them on the past, publish, and say why somebody got points."""


@rules.command("check")
@click.argument("folder", type=click.Path(exists=True, file_okay=False), required=False)
@click.pass_context
def check_command(context: click.Context, folder: str | None) -> None:
    """Name every mistake with file, line and column; FOLDER is where rules are unless given."""
    store = circle(context).store if os.environ.get("CIRCLE_DATABASE_URL") else None
    found = _checked(Path(folder) if folder else _folder(), store)
    click.echo(f"{len(found)} rules are good")
    if store is None:
        said = "the codes of clubs and draws were not checked: CIRCLE_DATABASE_URL is not set"
        click.echo(said, err=True)


@rules.command("diff")
@click.pass_context
def diff_command(context: click.Context) -> None:
    """What publishing the files would change."""
    wired = circle(context)
    drafts = _checked(ROOT / wired.settings.rules.folder, wired.store)
    _tell_changes(wired.store, drafts)


@rules.command("publish")
@click.option(
    "--by", type=AUTHOR, default=getpass.getuser, help="Who publishes.", show_default="you"
)
@click.option("--note", type=NOTE, required=True, help="Why; kept with the versions.")
@click.pass_context
def publish_command(context: click.Context, by: str, note: str) -> None:
    """Check the files and make those live that changed; refused while there is a mistake."""
    wired = circle(context)
    refuse_to_publish(wired)
    now = wired.now()
    folder = ROOT / wired.settings.rules.folder
    drafts = _checked(folder, wired.store, so="nothing published")
    texts = {name: text.decode() for name, text in rule_files.read_folder(folder).items()}

    def publish(tx: Tx) -> list[tuple[Rule, int]]:
        done = desk.publish(tx, list(drafts.values()), by=by, note=note, now=now)
        if done:
            _keep(tx, texts, {rule.code: version for rule, version in done}, by, note, now)
        return done

    try:
        done = wired.store.run(publish)
    except TooLittle as wrong:
        raise click.ClickException(f"the budget of {wrong}; nothing published") from wrong
    for rule, version in done:
        click.echo(f"{rule.code}@{version} is live")
    if not done:
        click.echo("nothing has changed")


@rules.command("stop")
@click.argument("code")
@click.option("--by", type=AUTHOR, default=getpass.getuser, show_default="you")
@click.option("--note", type=NOTE, required=True, help="Why; kept with the version.")
@click.pass_context
def stop_command(context: click.Context, code: str, by: str, note: str) -> None:
    """Stop a rule; what is left of its campaign's budget goes back."""
    wired = circle(context)
    refuse_to_publish(wired)
    now = wired.now()

    def stop(tx: Tx) -> int | None:
        version = desk.stop(tx, code, by=by, note=note, now=now)
        if version is not None:
            audit.write(
                tx, command(), action="rules.stop", subject=f"rule:{code}",
                after={"version": version, "by": by}, reason=note, now=now,
            )  # fmt: skip
        return version

    version = wired.store.run(stop)
    if version is None:
        known = ", ".join(sorted(wired.store.read(versions.live))) or "none"
        raise click.ClickException(f"{code} is not live; live are: {known}")
    click.echo(f"{code} is stopped (version {version})")


@rules.command("history")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.pass_context
def history_command(context: click.Context, limit: int) -> None:
    """Every version with its author, time and note, the newest first."""
    for each in circle(context).store.read(lambda tx: versions.history(tx, limit)):
        at = local_time(each.published_at)
        click.echo(f"{each.rule.code}@{each.version}  {each.state}  {at}  {each.by}  {each.note}")


@rules.command("dry-run")
@click.option("--from", "first", type=DAY, help="First day, in China; yesterday.")
@click.option("--to", "last", type=DAY, help="Last day, included; yesterday.")
@click.pass_context
def dry_run_command(context: click.Context, first: date | None, last: date | None) -> None:
    """Say what the rules of the files would have given for recorded events; moves nothing."""
    wired = circle(context)
    drafts = _checked(ROOT / wired.settings.rules.folder, wired.store)
    now = wired.now()
    yesterday = day_of(now) - timedelta(days=1)
    begin = first or yesterday
    end = last or max(begin, yesterday)
    if end < begin:
        raise click.UsageError("--to is before --from")
    book = RuleBook(compiled(rule, 0) for rule in drafts.values())
    report = dry_run(
        wired.store, book, since=midnight(begin), until=midnight(end + timedelta(days=1)),
        now=now, tell=_progress,
    )  # fmt: skip
    click.echo(f"{begin} to {end}: {report.events} events, {report.points} points")
    _tell_report(report)


@rules.command("explain")
@click.argument("serial", type=int)
@click.pass_context
def explain_command(context: click.Context, serial: int) -> None:
    """Say how a transfer of points came about, and how a subscriber is told so."""
    wired = circle(context)
    why = wired.store.read(lambda tx: postings.explain(tx, serial))
    if why is None:
        raise click.ClickException(f"no rule has made the transfer {serial}")
    for line in postings.in_words(why):
        click.echo(line)
    wired.live.refresh()
    click.echo(f"to the subscriber: {because(wired.live(), why)}")


@rules.command("misses")
@click.option("--from", "first", type=DAY, help="First day, in China; today.")
@click.option("--to", "last", type=DAY, help="Last day, included; today.")
@click.pass_context
def misses_command(context: click.Context, first: date | None, last: date | None) -> None:
    """Count the events that earned nothing, by rule and reason."""
    wired = circle(context)
    today = day_of(wired.now())
    begin, end = first or today, last or today
    found = wired.store.read(lambda tx: misses.listed(tx, begin, end))
    for each in found:
        name = each.rule or "(no rule)"
        click.echo(f"{name}  {each.events}  {each.reason}  such as event {each.last_event}")
    if not found:
        click.echo("none")


def _keep(
    tx: Tx, texts: dict[str, str], done: dict[str, int], by: str, note: str, now: datetime
) -> None:
    """Keep the texts with their comments, for the console, and write the audit's entry."""
    files = rule_publishing.standing(tx, texts).files
    version = publications.publish(tx, files, author=by, note=note, now=now, of=publications.RULES)
    audit.write(
        tx, command(), action="rules.publish", subject=f"rules:{version}",
        after={"rules": done, "by": by}, reason=note, now=now,
    )  # fmt: skip


def _folder() -> Path:
    """Where the files are, found without the settings: to check them takes no secrets."""
    return ROOT / os.environ.get("CIRCLE_RULES__FOLDER", "rules")


def _checked(folder: Path, store: Store | None, *, so: str = "") -> dict[str, Rule]:
    """The rules of the folder, or an end with every mistake named, and what follows from them."""
    known = store.read(clubs.codes) if store else None
    draws = store.read(taking_chances) if store else None
    live = [each.rule for each in store.read(versions.live).values()] if store else []
    try:
        found = rule_files.load(folder, clubs=known, draws=draws, others=live)
    except Mistakes as wrong:
        for mistake in wrong.mistakes:
            click.echo(str(mistake), err=True)
        count = len(wrong.mistakes)
        raise click.ClickException(
            f"{count} mistake{'s' if count > 1 else ''}" + (f", {so}" if so else "")
        ) from None
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)
    return found.drafts


def _tell_changes(store: Store, drafts: dict[str, Rule]) -> None:
    changed = store.read(lambda tx: desk.changes(tx, list(drafts.values())))
    for each in changed:
        if each.before is None:
            click.echo(f"+ {each.rule.code}: new ({each.rule.title})")
            continue
        click.echo(f"~ {each.rule.code}: version {each.before.version} is live")
        for name, old, new in each.fields:
            click.echo(f"    {name}: {_shown(old)} -> {_shown(new)}")
    if not changed:
        click.echo("nothing would change")
    for code in sorted(set(store.read(versions.live)) - set(drafts)):
        click.echo(f"! {code} has no file and stays live; `rules stop {code}` ends it")


def _shown(value: object) -> str:
    return "(not set)" if value is None else str(value)


def _progress(done: int) -> None:
    if done % TELL_EVERY == 0:
        click.echo(f"{done} events", err=True)


def _tell_report(report: Report) -> None:
    for code, outcome in sorted(report.outcomes.items()):
        click.echo(_line(code, outcome))
        for reason, events in sorted(outcome.refused.items(), key=lambda each: -each[1]):
            click.echo(f"    nothing for {events}: {reason}")
    for reason, events in sorted(report.refused.items()):
        click.echo(f"(no rule)\n    nothing for {events}: {reason}")


def _line(code: str, found: Outcome) -> str:
    told = f"{code}: {found.matched} events matched, {found.points} points, {found.people} people"
    if found.capped_events:
        told += f"; caps cut {found.capped_points} points of {found.capped_events} events"
    if found.over_budget_events:
        told += f"; over budget {found.over_budget_points} points of {found.over_budget_events}"
    return told

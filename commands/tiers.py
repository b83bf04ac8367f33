"""`tiers check | publish | show | recount | review`: the tiers of the points accounts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands import rule_file
from commands.typed import DAY
from commands.wired import circle, local_time
from menus import tier_rules
from models import points, sql, subscribers
from models import tiers as model
from models.base import HOUSE, Tx
from models.store import Unavailable
from models.subscribers import Subscriber
from sms import numbers

if TYPE_CHECKING:
    from app import Circle

FILE = Path(__file__).parent.parent / "rules" / "tiers.yaml"
REVIEWED_AT_ONCE = 500
RECOUNTED_AT_ONCE = 200
HISTORY_SHOWN = 20


@click.group()
def tiers() -> None:
    """Tiers: check and publish their rules, see who stands where, review, count again."""


@tiers.command("check")
@rule_file.named(FILE)
@click.pass_context
def check_command(context: click.Context, file: str) -> None:
    """Name every mistake with file, line and column; FILE is rules/tiers.yaml unless given."""
    found = _checked(file)
    click.echo(f"{len(found.tiers)} tiers: {', '.join(tier.name for tier in found.tiers)}")
    if not os.environ.get("CIRCLE_DATABASE_URL"):
        click.echo("not compared with what is live: CIRCLE_DATABASE_URL is not set", err=True)
    elif circle(context).store.read(model.content_of) == found.content():
        click.echo("the file is good; it is what is live")
        return
    else:
        click.echo('not live yet: `python app.py tiers publish --note "why"`')
    click.echo("the file is good")


@tiers.command("publish")
@rule_file.named(FILE)
@rule_file.signed
@click.pass_context
def publish_command(context: click.Context, file: str, author: str, note: str) -> None:
    """Check the file and make it live; refused while there is a mistake."""
    content, wired = _checked(file).content(), circle(context)
    before = wired.store.read(model.live)
    try:
        version = rule_file.make_live(
            wired, content, model.publish, live=model.content_of,
            name="tiers", subject="tiers", author=author, note=note,
        )  # fmt: skip
    except model.TierInUse as refused:
        raise click.ClickException(f"{refused}; keep them, or lower these people first") from None
    if version is None:
        return
    click.echo(f"version {version} of the tiers is live")
    after = wired.store.read(model.live)
    if before and after and before.counting != after.counting:
        click.echo(
            "other legs count now: everybody is counted anew at their next points;"
            " `python app.py tiers recount --all` does it for all of them now"
        )


@tiers.command("show")
@click.argument("subscriber", required=False)
@click.pass_context
def show_command(context: click.Context, subscriber: str | None) -> None:
    """The live tiers and how many people have each; or where one SUBSCRIBER (a number) stands."""
    wired = circle(context)
    rules = _live(wired)
    if subscriber is None:
        _show_rules(rules, wired.store.read(model.people_in))
        return
    with wired.store.reading() as tx:
        _show_person(tx, _find(tx, subscriber), rules, wired.now())


@tiers.command("recount")
@click.argument("subscriber", required=False)
@click.option("--all", "everybody", is_flag=True, help="Everybody who has earned or spent.")
@click.pass_context
def recount_command(context: click.Context, subscriber: str | None, everybody: bool) -> None:
    """Count all points of SUBSCRIBER (a number) anew from the ledger; nobody is lowered or told."""
    wired = circle(context)
    _live(wired)
    if everybody == (subscriber is not None):
        raise click.UsageError("give a number, or --all")
    if subscriber is None:
        _recount_all(wired)
        return
    now = wired.now()
    with wired.store.begin() as tx:
        who = _find(tx, subscriber)
        before = _counted(tx, who, now)
        made = model.recount(tx, [who.id], now)
        after = _counted(tx, who, now)
    click.echo(f"{_masked(who)}: {after} points count" + (
        "" if before == after else f"; it was {before} before: put right"
    ))  # fmt: skip
    for change in made:
        click.echo(_line(change))


@tiers.command("review")
@click.option("--day", type=DAY, help="Only who was due by this day.")
@click.pass_context
def review_command(context: click.Context, day: date | None) -> None:
    """Hold the reviews that are due; the clock does the same by itself."""
    wired = circle(context)
    _live(wired)
    now = wired.now()
    due_by = day or points.day_of(now)
    if due_by > points.day_of(now):
        raise click.UsageError("a review cannot be held before its day")
    found = dict.fromkeys(model.WHY, 0)
    while made := wired.store.run(
        lambda tx: model.review_due(tx, now, REVIEWED_AT_ONCE, due_by=due_by)
    ):
        for change in made:
            found[change.why] += 1
        click.echo(f"{sum(found.values())} reviewed", err=True)
    click.echo(", ".join(f"{count} {why}" for why, count in found.items()))


def _checked(file: str) -> tier_rules.TiersFile:
    return rule_file.checked(file, lambda shown: tier_rules.read(file, shown=shown))


def _live(wired: Circle) -> model.Rules:
    rules = wired.store.read(model.live)
    if rules is None:
        raise click.ClickException(
            'no tiers are live: `python app.py tiers publish --note "why"` makes them so'
        )
    return rules


def _show_rules(rules: model.Rules, people: dict[str, int]) -> None:
    click.echo(
        f"version {rules.version}: points {rules.counts} in {rules.period_months} months and the"
        f" running one; reviewed after {rules.review_months}, grace of {rules.grace_months}"
    )
    for tier in rules.tiers:
        # Nobody needs a row to be in the lowest.
        has = "everybody else" if tier is rules.tiers[0] else f"{people.get(tier.code, 0)} people"
        click.echo(
            f"{tier.code}  {tier.name}  from {tier.threshold}  {has}  {'、'.join(tier.benefits)}"
        )


def _show_person(tx: Tx, who: Subscriber, rules: model.Rules, now: datetime) -> None:
    seen = model.both(tx, who.id, now)
    if seen is None:
        return
    standing, ahead = seen
    until = f"until {standing.valid_until}" if standing.valid_until else "for good"
    grace = ", in grace" if standing.in_grace else ""
    click.echo(
        f"{_masked(who)}: {standing.tier.name} since {standing.since}, {until}{grace};"
        f" {standing.counted} points count"
    )
    if ahead.next:
        click.echo(f"{ahead.missing} more for {ahead.next.name}")
    if ahead.by:
        click.echo(f"{ahead.lapsing} of them count no more after {ahead.by}")
    if ahead.keep_missing:
        click.echo(f"{ahead.keep_missing} more keep {standing.tier.name} at its review")
    for change in model.history(tx, who.id, HISTORY_SHOWN):
        click.echo(_line(change))


def _recount_all(wired: Circle) -> None:
    people, raised = 0, 0
    some = wired.store.read(partial(_next_people, after=HOUSE))
    while some:
        raised += _recount(wired, some)
        people += len(some)
        click.echo(f"{people} counted", err=True)
        some = wired.store.read(partial(_next_people, after=some[-1]))
    click.echo(f"{people} people counted anew, {raised} raised")


def _recount(wired: Circle, people: Sequence[int]) -> int:
    """Count these anew, in halves where it takes longer than a transaction may."""
    try:
        return len(wired.store.run(lambda tx: model.recount(tx, people, wired.now())))
    except Unavailable:
        if len(people) == 1:
            raise
        middle = len(people) // 2
        return _recount(wired, people[:middle]) + _recount(wired, people[middle:])


def _next_people(tx: Tx, after: int) -> Sequence[int]:
    rows = sql.rows(
        tx,
        "SELECT DISTINCT subscriber_id FROM points_accounts"
        " WHERE subscriber_id > %(after)s AND NOT merged ORDER BY subscriber_id LIMIT %(limit)s",
        {"after": after, "limit": RECOUNTED_AT_ONCE},
    )
    return [row[0] for row in rows]


def _find(tx: Tx, written: str) -> Subscriber:
    try:
        who = subscribers.find(tx, "sms", numbers.msisdn(written))
    except numbers.NotANumber:
        raise click.ClickException("that is not a mobile number") from None
    if who is None:
        raise click.ClickException("no subscriber has this number")
    return who


def _counted(tx: Tx, who: Subscriber, now: datetime) -> int:
    standing = model.standing(tx, who, now)
    return standing.counted if standing else 0


def _masked(who: Subscriber) -> str:
    return numbers.masked(who.msisdn) if who.msisdn else "-"


def _line(change: model.Change) -> str:
    moved = f"{change.from_tier} -> {change.to_tier}"
    grace = f"  grace until {change.grace_until}" if change.why == model.GRACE else ""
    return (
        f"{local_time(change.at)}  {change.why}  {moved}  with {change.counted} points"
        f"  rules {change.version}  {change.origin}{grace}"
    )

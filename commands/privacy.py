"""`privacy ...`: a copy of one's data, deletion by two people, and what is kept for how long.

Each act is in the audit, in the name of the operator who is given.
"""

from __future__ import annotations

import shutil
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from commands.privacy_docs import page
from commands.wired import circle, local_time
from handlers import privacy_deletion, privacy_file
from models import approvals, audit, outbox, subscribers
from models.approvals import Proposal
from models.audit import By
from models.base import Tx
from models.hiding import has_number
from models.operators import accounts, roles
from models.privacy import erasure, export, retention
from models.privacy.erasure import InTheWay, NotDeletable
from models.store import Store
from sms.numbers import NotANumber, msisdn

COMMAND = By(None, "command:privacy", "command", "", "")
# Whoever may be asked about: a subscriber's number is shorter than any phone number.
LONGEST_ID = 9

_by = click.option("--by", "login", required=True, help="The operator's login.")
_reason = click.option("--reason", required=True, help="How the person asked; no phone number.")


@click.group("privacy")
def privacy() -> None:
    """Personal data: a copy for the person, deletion at their wish, and how long it is kept."""


@privacy.command("export")
@click.argument("whom")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@_by
@_reason
@click.pass_context
def export_command(context: click.Context, whom: str, file: Path, login: str, reason: str) -> None:
    """Write all that is stored about WHOM, a phone number or a subscriber's number, as a ZIP."""
    wired = circle(context)
    now, person = wired.now(), _find(wired.store, whom)
    by = _operator(wired.store, login, "privacy.export")
    whose = wired.store.read(lambda tx: export.person(tx, person))
    wired.store.run(
        lambda tx: audit.write(
            tx, by, action="privacy.export", subject=privacy_deletion.subject(whose.id),
            reason=_said(reason), now=now,
        )
    )  # fmt: skip
    with wired.store.begin() as tx:
        export.steadily(tx)
        with privacy_file.write(tx, whose, now=now) as made, file.open("wb") as opened:
            shutil.copyfileobj(made, opened)
    click.echo(f"subscriber {whose.id}: written to {file}")


@privacy.command("delete")
@click.argument("whom")
@_by
@_reason
@click.pass_context
def delete_command(context: click.Context, whom: str, login: str, reason: str) -> None:
    """Propose to delete WHOM at their wish; somebody else approves."""
    wired = circle(context)
    person = _find(wired.store, whom)
    by = _operator(wired.store, login, "privacy.propose")
    try:
        proposal = wired.store.run(
            lambda tx: privacy_deletion.propose(
                tx, person, reason=_said(reason), by=by, now=wired.now()
            )
        )
    except InTheWay as unfinished:
        raise click.ClickException(_unfinished(unfinished)) from unfinished
    except (NotDeletable, approvals.AlreadyProposed) as no:
        raise click.ClickException(f"not proposed: {no}") from no
    click.echo(f"proposal {proposal.id}: subscriber {person} will be deleted, for good, once")
    click.echo(f"somebody else says: python app.py privacy approve {proposal.id} --by LOGIN")


@privacy.command("approve")
@click.argument("number", type=int)
@_by
@click.option("--because", default="", help="A remark for the audit.")
@click.pass_context
def approve_command(context: click.Context, number: int, login: str, because: str) -> None:
    """Approve a deletion that somebody else has proposed. It cannot be taken back."""
    wired = circle(context)
    wired.live.refresh()
    by = _operator(wired.store, login, "privacy.approve")
    grace = wired.settings.points.refund_grace_days

    def work(tx: Tx) -> tuple[Proposal, erasure.Erased]:
        now = wired.now()
        if approvals.get(tx, number).kind != privacy_deletion.KIND:
            raise click.ClickException(f"proposal {number} is none to delete somebody")
        approved = approvals.approve(tx, number, by=by, because=because, now=now)
        return approved, privacy_deletion.carry_out(
            tx, wired.live(), approved, by=by, grace_days=grace, now=now
        )

    try:
        _, erased = wired.store.run(work)
    except InTheWay as unfinished:
        raise click.ClickException(_unfinished(unfinished)) from unfinished
    except approvals.NoSuchProposal as none:
        raise click.ClickException(f"there is no proposal {number}") from none
    except approvals.SamePerson as same:
        raise click.ClickException("who proposes does not approve") from same
    except (NotDeletable, approvals.AlreadyDecided, approvals.Expired) as no:
        raise click.ClickException(f"not approved: {type(no).__name__} {no}") from no
    if wired.settings.redis_url is not None:
        wired.nudges((outbox.REPLY, outbox.CALL))
    click.echo(
        f"subscriber {erased.subscriber_id} is deleted: {erased.points} points and {erased.coins}"
        f" coins forfeited, {len(erased.clubs)} memberships ended"
    )


@privacy.command("retention")
@click.option("--show", is_flag=True, help="Only show the rules and what they last deleted.")
@click.pass_context
def retention_command(context: click.Context, show: bool) -> None:
    """Forget now what is too old; the clock does so every hour."""
    wired = circle(context)
    days, now = wired.settings.privacy.days(), wired.now()
    runs = wired.store.read(retention.last_runs)
    deleted: dict[str, int] = {}
    for rule in retention.RULES:
        last = runs.get(rule.name)
        if not show:
            deleted[rule.name] = _forget(wired.store, rule, days[rule.name], now)
        did = f"deleted {deleted[rule.name]:,}" if not show else ""
        before = f"last {local_time(last.at)}: {last.deleted:,}" if last else "nothing yet"
        click.echo(f"{rule.name:16} {days[rule.name]:5} days  {rule.what.en}; {did or before}")
    if not show:
        wired.store.run(
            lambda tx: audit.write(
                tx, COMMAND, action="privacy.retention", subject="retention", after=deleted, now=now
            )
        )


@privacy.command("deletions")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@click.pass_context
def deletions_command(context: click.Context, limit: int) -> None:
    """List who was deleted, the last first: subscribers' numbers, when, and what was forfeited."""
    store = circle(context).store
    for one in store.read(partial(erasure.listed, before=None, limit=limit)):
        left = "" if one.purged_at else "  not finished"
        click.echo(
            f"{one.subscriber_id}  {local_time(one.at)}  told: {one.told}  {one.points} points"
            f"  {one.coins} coins  {one.clubs} clubs{left}"
        )


@privacy.command("docs")
def docs_command() -> None:
    """Print docs/privacy.md as the declaration has it."""
    click.echo(page(), nl=False)


def _forget(store: Store, rule: retention.Rule, days: int, now: datetime) -> int:
    total, bite = 0, partial(retention.bite, rule=rule, days=days, now=now)
    while (deleted := store.run(bite)) > 0:
        total += deleted
    return total


def _find(store: Store, whom: str) -> int:
    if whom.isascii() and whom.isdigit() and len(whom) <= LONGEST_ID:
        return int(whom)
    try:
        number = msisdn(whom)
    except NotANumber as wrong:
        raise click.ClickException(f"neither a phone number nor a subscriber's: {wrong}") from wrong
    who = store.read(lambda tx: subscribers.find(tx, "sms", number))
    if who is None:
        raise click.ClickException("nobody has this number")
    return who.id


def _operator(store: Store, login: str, permission: str) -> By:
    try:
        who = store.read(lambda tx: accounts.by_login(tx, login))
    except accounts.NoSuchOperator as nobody:
        raise click.ClickException(f"there is no operator {login}") from nobody
    if not who.active or not roles.may(who.role, permission):
        raise click.ClickException(f"{login} may not do this: it needs {permission}")
    return By(who.id, who.login, who.role, "command", "")


def _said(reason: str) -> str:
    if has_number(reason):
        raise click.ClickException("the reason is kept for good: no phone number in it")
    return reason


def _unfinished(unfinished: InTheWay) -> str:
    lines = [
        f"{each.kind}: " + ", ".join(f"{name} {value}" for name, value in each.about.items())
        for each in unfinished.obstacles
    ]
    return "not finished yet:\n  " + "\n  ".join(lines)

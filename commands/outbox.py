"""`outbox list | retry | drop`: what could not be sent, and a second chance for it.

`outbox templates`: which template messages WeChat has for the kinds of notices.
"""

from __future__ import annotations

import json

import click

from commands.wired import circle, local_time
from dialogs.dropping import drop
from integrations.errors import CallFailed
from models import dead_letters
from models import outbox as rows
from models.dead_letters import Which
from models.outbox import Owed
from models.preferences import KINDS
from sms.numbers import masked

OPEN_STATES = ("owed", "taken", "accepted", "dead")
STATES = ("owed", "taken", "accepted", "sent", "failed", "dead", "dropped")


@click.group()
def outbox() -> None:
    """What is owed to the outside, and what could not be delivered."""


@outbox.command("list")
@click.option("--state", type=click.Choice(STATES), default="dead", show_default=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.pass_context
def list_command(context: click.Context, state: str, limit: int) -> None:
    """List rows in a state, the newest first; dead ones unless told otherwise."""
    store = circle(context).store
    found = store.read(lambda tx: dead_letters.listed(tx, Which(state), limit=limit))
    for owed in found:
        click.echo(_line(owed))
    counts = store.read(dead_letters.counts)
    others = {s: sum(n for (_, each), n in counts.items() if each == s) for s in OPEN_STATES}
    told = ", ".join(f"{n} {each}" for each, n in others.items() if each != state)
    click.echo(f"{len(found)} {state} (elsewhere: {told})")


@outbox.command("retry")
@click.argument("ids", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="Every dead row.")
@click.pass_context
def retry_command(context: click.Context, ids: tuple[int, ...], everything: bool) -> None:
    """Put dead rows back into their queues."""
    wired = circle(context, queue=True)
    now = wired.now()
    if everything:
        ids = tuple(wired.store.read(lambda tx: dead_letters.ids(tx, Which(), most=100_000)))
    elif not ids:
        raise click.UsageError("name the rows, or say --all")
    with wired.store.begin() as tx:
        done = dead_letters.requeue(tx, ids, now)
    wired.nudges(rows.QUEUES)
    for missing in sorted(set(ids) - set(done)):
        click.echo(f"{missing}: not given up, left alone", err=True)
    click.echo(f"{len(done)} put back")
    if len(done) < len(ids):
        raise SystemExit(1)


@outbox.command("drop")
@click.argument("row", type=int)
@click.option("--reason", required=True, help="Why it shall stay undone; kept with the row.")
@click.confirmation_option(prompt="It will never be sent. Sure?")
@click.pass_context
def drop_command(context: click.Context, row: int, reason: str) -> None:
    """Give a dead row up for good; who waited for it is told that it did not work."""
    wired = circle(context, queue=True)
    now = wired.now()
    owed = wired.store.read(lambda tx: rows.get(tx, row))
    if owed is None or owed.state != "dead":
        raise click.ClickException(f"{row} is not dead")
    wired.live.refresh()  # what the person is told is worded by the live version
    if not wired.store.run(lambda tx: drop(tx, wired.engine, [row], reason=reason, now=now)):
        raise click.ClickException(f"{row} is not dead any more")
    wired.nudges(rows.QUEUES)
    click.echo(f"{row} dropped")


def _line(owed: Owed) -> str:
    if owed.kind == "call":
        arguments = dict(owed.payload["arguments"])
        if "msisdn" in arguments:
            arguments["msisdn"] = masked(arguments["msisdn"])
        what = f"{owed.payload['service']} {json.dumps(arguments, ensure_ascii=False)}"
    else:
        what = f"to {masked(owed.payload.get('to', ''))}"
    when = local_time(owed.created_at)
    error = f"  {owed.error}" if owed.error else ""
    return f"{owed.id}  {when}  {owed.queue}/{owed.kind}  tried {owed.attempts}  {what}{error}"


@outbox.command("templates")
@click.pass_context
def templates_command(context: click.Context) -> None:
    """Compare the templates of config.yaml (wechat: templates) with what WeChat lets us send."""
    wired = circle(context, queue=True)
    try:
        there = wired.wechat.templates()
    except CallFailed as failed:
        raise click.ClickException(f"WeChat did not say: {failed}") from failed
    missing = 0
    for kind in KINDS:
        given = wired.sending.templates.get(kind)
        if given is None:
            click.echo(f"{kind:<11} -                by SMS once WeChat is closed")
            continue
        missing += given not in there
        click.echo(f"{kind:<11} {given:<16} {there.get(given, 'WeChat has no such template')}")
    if missing:
        raise click.ClickException(f"{missing} templates are not there: notices go by SMS instead")

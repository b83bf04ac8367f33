"""`operators ...`: who works at the console; the first administrator is added here."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import click

from commands.wired import circle, local_time
from models import sql
from models.audit import By
from models.base import Tx
from models.merchants.staff import NoSuchMerchant
from models.operators import accounts, changes, lockouts, roles, sign_in, totp
from models.operators.accounts import LoginTaken, NoSuchOperator, Operator

if TYPE_CHECKING:
    from app import Circle

Result = TypeVar("Result")
AT_ONCE = 200

_because = click.option("--reason", default="", metavar="TEXT", help="Why; the audit keeps it.")


@click.group()
def operators() -> None:
    """Accounts of the console. Every change is written into the audit."""


@operators.command("add")
@click.argument("login")
@click.option("--name", required=True, help="As colleagues read it.")
@click.option("--role", type=click.Choice(roles.ROLES), required=True)
@click.option("--language", type=click.Choice(accounts.LANGUAGES), default="zh", show_default=True)
@click.pass_context
def add_command(context: click.Context, login: str, name: str, role: str, language: str) -> None:
    """Add an account, and print its start password, once."""
    wired = circle(context)
    with refusals():
        made, start = wired.store.run(
            lambda tx: accounts.create(
                tx, login=login, name=name, role=role, language=language, by=command(),
                now=wired.now(),
            )
        )  # fmt: skip
    click.echo(f"{made.login} is added as {made.role}")
    say_start(start)


@operators.command("list")
@click.option("--role", type=click.Choice(roles.ROLES))
@click.option("--search", default="", help="A part of the login or the name.")
@click.pass_context
def list_command(context: click.Context, role: str | None, search: str) -> None:
    """List accounts in the order of their logins."""
    wired = circle(context)
    for each in _all(wired, role, search):
        who = each.operator
        locked = wired.store.read(partial(lockouts.locked_until, login=who.login, now=wired.now()))
        notes = [
            "" if who.active else "disabled",
            "authenticator" if who.totp else "",
            "start password" if each.must_change else "",
            f"locked until {local_time(locked)}" if locked else "",
            f"seen {local_time(each.seen_at)}" if each.seen_at else "",
        ]
        words = ", ".join(note for note in notes if note)
        click.echo(f"{who.login:<24} {who.role:<14} {who.name}" + (f"  ({words})" if words else ""))


@operators.command("disable")
@click.argument("login")
@_because
@click.pass_context
def disable_command(context: click.Context, login: str, reason: str) -> None:
    """Keep somebody out from now on; their sessions end at once."""
    _change(context, login, reason, changes.disable, "is disabled")


@operators.command("enable")
@click.argument("login")
@_because
@click.pass_context
def enable_command(context: click.Context, login: str, reason: str) -> None:
    """Let somebody in again."""
    _change(context, login, reason, changes.enable, "is enabled")


@operators.command("role")
@click.argument("login")
@click.argument("role", type=click.Choice(roles.ROLES))
@_because
@click.pass_context
def role_command(context: click.Context, login: str, role: str, reason: str) -> None:
    """Give another role; their sessions end."""

    def change(tx: Tx, operator_id: int, **more: object) -> Operator:
        return changes.change_role(tx, operator_id, role, **more)  # type: ignore[arg-type]

    _change(context, login, reason, change, f"is {role} now")


@operators.command("reset-password")
@click.argument("login")
@_because
@click.pass_context
def reset_password_command(context: click.Context, login: str, reason: str) -> None:
    """Give a new start password, and print it, once; their sessions end."""
    _, start = _change(context, login, reason, changes.reset_password, "has a new start password")
    say_start(start)


@operators.command("reset-totp")
@click.argument("login")
@_because
@click.pass_context
def reset_totp_command(context: click.Context, login: str, reason: str) -> None:
    """Forget a lost authenticator; the next sign-in asks for a new one where the role needs it."""
    _change(context, login, reason, changes.reset_totp, "has no authenticator any more")


@operators.command("unlock")
@click.argument("login")
@_because
@click.pass_context
def unlock_command(context: click.Context, login: str, reason: str) -> None:
    """Forget failed sign-ins, so that the next try is not refused."""
    _change(context, login, reason, changes.unlock, "is not locked")


@operators.command("code")
@click.argument("login")
@click.pass_context
def code_command(context: click.Context, login: str) -> None:
    """Development only: the code that somebody's authenticator shows now."""
    wired = circle(context)
    if wired.settings.environment != "development":
        raise click.ClickException("codes are made in development only: use the authenticator")
    with refusals():
        who = wired.store.read(lambda tx: accounts.by_login(tx, login))
    sealed, used = wired.store.read(
        lambda tx: sql.one(
            tx, "SELECT totp_secret, totp_step FROM operators WHERE id = %(id)s", {"id": who.id}
        )
    )
    if sealed is None:
        raise click.ClickException(f"{who.login} has no authenticator")
    now = wired.now()
    secret = wired.vault.open(sealed, operator_id=who.id)
    if totp.step_of(secret, totp.code_at(secret, now), now=now, after=used) is None:
        now += timedelta(seconds=totp.STEP_S)  # this one is used up; the next is taken already
    click.echo(totp.code_at(secret, now))


def command() -> By:
    """Who types: nobody with an account, but somebody on this machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = "unknown"
    return By(None, f"command:{user}"[:60], "command", "", "")


def _change(
    context: click.Context, login: str, reason: str, change: Callable[..., Result], words: str
) -> Result:
    wired = circle(context)

    def work(tx: Tx) -> Result:
        who = accounts.by_login(tx, login)
        return change(tx, who.id, by=command(), reason=reason, now=wired.now())

    with refusals():
        done = wired.store.run(work)
    click.echo(f"{login} {words}")
    return done


def _all(wired: Circle, role: str | None, search: str) -> Iterator[accounts.Listed]:
    after = ""
    while page := wired.store.read(
        partial(accounts.listed, role=role, search=search, after=after, limit=AT_ONCE)
    ):
        yield from page
        after = page[-1].operator.login


def say_start(start: str) -> None:
    """Print a start password and what becomes of it."""
    hours = int(sign_in.START_LASTS.total_seconds() // 3600)
    click.echo(f"start password: {start}")
    click.echo(f"It is shown once, works for {hours} h and is changed at the first sign-in.")


@contextmanager
def refusals() -> Iterator[None]:
    """End the command with a sentence where it was refused."""
    try:
        yield
    except LoginTaken as taken:
        raise click.ClickException(f"there is an account {taken} already") from taken
    except NoSuchOperator as unknown:
        raise click.ClickException(f"there is no account {unknown}") from unknown
    except NoSuchMerchant as unknown:
        raise click.ClickException(f"there is no merchant or store {unknown}") from unknown
    except changes.LastAdministrator as last:
        raise click.ClickException(
            "this is the last active administrator: make another one first"
        ) from last
    except ValueError as wrong:
        raise click.ClickException(str(wrong)) from wrong

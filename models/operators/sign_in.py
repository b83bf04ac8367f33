"""Signing in, step by step; a session that has not passed every step can do nothing else.

    sign_in ──▶ enter_code ──▶ change_password ──▶ offer_totp, confirm_totp
    (password)  (if enrolled)  (a start password)  (where the role needs codes)

Each step that is passed gives the session a new token. Failures come back as results, not as
exceptions: they are counted, so their transaction must commit.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from models import audit, sql
from models.audit import By
from models.base import Tx
from models.operators import lockouts, passwords, sessions, totp
from models.operators.accounts import LOGIN, get, subject
from models.operators.roles import ROLES
from models.operators.sessions import CODE, DONE, ENROL, PASSWORD, Limits, Session
from models.operators.vault import Vault

# A start password that nobody has used by then is not lying about any longer.
START_LASTS = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from; `known`: this login has signed in with this browser before."""

    request_id: str
    address: str
    browser: str = ""
    known: bool = False


@dataclass(frozen=True, slots=True)
class Passed:
    """The step is passed: the session's new token."""

    token: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Wrong, and counted; or not even looked at `until` then."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unfit:
    """A password that cannot be chosen; `why`: "short", "long", "personal", "common", "same"."""

    why: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A secret for an authenticator, as text and as its QR code says it."""

    secret: str
    uri: str


class WrongStep(Exception):
    """This is not what the session is asked for."""


def sign_in(
    tx: Tx, *, login: str, password: str, caller: Caller, limits: Limits, now: datetime,
    admits: Collection[str] = ROLES,
) -> Passed | Refused:  # fmt: skip
    """A session for whoever knows the password and has a role that this door `admits`.

    An unknown login takes as long, and says as little, as a wrong password, a disabled account, a
    start password that is too old, and somebody who belongs to another door.
    """
    login = login.strip().lower()
    locked = _held(tx, login, caller, now)
    if locked:
        return Refused(locked)
    row = sql.first(
        tx,
        "SELECT id, password_hash, active AND role = ANY (%(roles)s)"
        " AND NOT (must_change AND password_at < %(start)s)"
        " FROM operators WHERE login = %(login)s FOR NO KEY UPDATE",
        {
            "login": login if LOGIN.fullmatch(login) else "", "start": now - START_LASTS,
            "roles": list(admits),
        },
    )  # fmt: skip
    operator_id, stored, admitted = row or (None, passwords.of_nobody(), False)
    typed = password if len(password) <= passwords.MOST else ""
    if not passwords.matches(typed, stored) or not admitted:
        return _refused(tx, operator_id, login, "password", caller, now)
    if passwords.outdated(stored):
        _keep(tx, operator_id, password_hash=passwords.hashed(typed))
    token = sessions.create(
        tx, operator_id, limits=limits, address=caller.address, browser=caller.browser, now=now
    )
    if not get(tx, operator_id).totp:
        _opened(tx, operator_id, caller, now)
    return Passed(token)


def enter_code(
    tx: Tx, session: Session, code: str, *, vault: Vault, caller: Caller, now: datetime
) -> Passed | Refused:
    """Pass the second step. Raises WrongStep, sessions.Over, vault.Unsealable."""
    _at(session, CODE)
    who = session.operator
    locked = _held(tx, who.login, caller, now)
    if locked:
        return Refused(locked)
    sealed, last_step = sql.one(
        tx,
        "SELECT totp_secret, totp_step FROM operators WHERE id = %(id)s AND totp_secret IS NOT NULL"
        " FOR NO KEY UPDATE",
        {"id": who.id},
    )
    secret = vault.open(sealed, operator_id=who.id)
    step = totp.step_of(secret, code, now=now, after=last_step)
    if step is None:
        return _refused(tx, who.id, who.login, "code", caller, now)
    _keep(tx, who.id, totp_step=step)
    token = sessions.renew(tx, session, code_passed=True, now=now)
    _opened(tx, who.id, caller, now)
    return Passed(token)


def change_password(
    tx: Tx, session: Session, *, new: str, current: str | None = None, limits: Limits,
    caller: Caller, now: datetime,
) -> Passed | Refused | Unfit:  # fmt: skip
    """Another password: at the first sign-in, or, with the `current` one, at any time.

    Ends every session of this person and begins a new one. Raises WrongStep, sessions.Over.
    """
    _at(session, PASSWORD, DONE)
    who = session.operator
    locked = _held(tx, who.login, caller, now)
    if locked:
        return Refused(locked)
    (stored,) = sql.one(
        tx, "SELECT password_hash FROM operators WHERE id = %(id)s FOR NO KEY UPDATE",
        {"id": who.id},
    )  # fmt: skip
    if session.step == DONE and not passwords.matches((current or "")[: passwords.MOST], stored):
        return _refused(tx, who.id, who.login, "password", caller, now)
    why = passwords.fault(new, login=who.login, name=who.name)
    if why is None and passwords.matches(new, stored):
        why = "same"
    if why:
        return Unfit(why)
    sessions.renew(tx, session, now=now)  # nobody has ended it since
    hashed = passwords.hashed(new)
    _keep(tx, who.id, password_hash=hashed, password_at=now, must_change=False)
    by = _by(tx, who.id, caller)
    sessions.revoke_all(tx, who.id, because="password changed", by=by, now=now)
    audit.write(tx, by, action="operators.password", subject=subject(who.id), now=now)
    return Passed(
        sessions.create(
            tx, who.id, limits=limits, address=caller.address, browser=caller.browser, now=now,
            code_passed=session.code_passed,
        )
    )  # fmt: skip


def offer_totp(tx: Tx, session: Session, *, vault: Vault) -> Offer:
    """The secret to put into an authenticator: the same until a code has proved it.

    Raises WrongStep, also where one is enrolled already.
    """
    _may_enrol(session)
    who = session.operator
    sealed = _offered(tx, session)
    if sealed is None:
        sealed = vault.seal(totp.new_secret(), operator_id=who.id)
        sql.run(
            tx,
            "UPDATE operator_sessions SET totp_offered = %(sealed)s WHERE id = %(id)s",
            {"sealed": sealed, "id": session.id},
        )
    secret = vault.open(sealed, operator_id=who.id)
    return Offer(secret, totp.uri(secret, login=who.login))


def confirm_totp(
    tx: Tx, session: Session, code: str, *, vault: Vault, caller: Caller, now: datetime
) -> Passed | Refused:
    """Enrol what was offered, once its code is right; other sessions are asked for a code, too.

    Raises WrongStep, sessions.Over.
    """
    _may_enrol(session)
    who = session.operator
    locked = _held(tx, who.login, caller, now)
    if locked:
        return Refused(locked)
    sealed = _offered(tx, session)
    if sealed is None:
        raise WrongStep("nothing is offered")
    step = totp.step_of(vault.open(sealed, operator_id=who.id), code, now=now, after=None)
    if step is None:
        return _refused(tx, who.id, who.login, "code", caller, now)
    enrolled = sql.change(
        tx,
        "UPDATE operators SET totp_secret = %(sealed)s, totp_step = %(step)s"
        " WHERE id = %(id)s AND totp_secret IS NULL",
        {"sealed": sealed, "step": step, "id": who.id},
    )
    if not enrolled:
        raise WrongStep("another one is enrolled")
    lockouts.forgive(tx, who.login)
    token = sessions.renew(tx, session, code_passed=True, now=now)
    by = _by(tx, who.id, caller)
    audit.write(tx, by, action="operators.enrol", subject=subject(who.id), now=now)
    return Passed(token)


def _may_enrol(session: Session) -> None:
    _at(session, ENROL, DONE)
    if session.operator.totp:
        raise WrongStep("one is enrolled already")


def _at(session: Session, *steps: str) -> None:
    if session.step not in steps:
        raise WrongStep(session.step)


def _offered(tx: Tx, session: Session) -> bytes | None:
    row = sql.first(
        tx,
        "SELECT totp_offered FROM operator_sessions WHERE id = %(id)s AND token_hash = %(hash)s"
        " AND ended_at IS NULL FOR UPDATE",
        {"id": session.id, "hash": session.token_hash},
    )
    if row is None:
        raise sessions.Over
    found: bytes | None = row[0]
    return found


def _held(tx: Tx, login: str, caller: Caller, now: datetime) -> datetime | None:
    return lockouts.hold(tx, login=login, address=caller.address, known=caller.known, now=now)


def _opened(tx: Tx, operator_id: int, caller: Caller, now: datetime) -> None:
    by = _by(tx, operator_id, caller)
    lockouts.forgive(tx, by.login)
    audit.write(tx, by, action="session.open", subject=subject(operator_id), now=now)


def _refused(
    tx: Tx, operator_id: int | None, login: str, why: str, caller: Caller, now: datetime
) -> Refused:
    until = lockouts.fail(tx, login=login, address=caller.address, known=caller.known, now=now)
    # Noted for unknown logins, too: it takes as long. What was typed may be a password.
    by = _by(tx, operator_id, caller)
    who = subject(operator_id) if operator_id else "operator:unknown"
    after = {"why": why, "locked_until": until}
    audit.write(tx, by, action="session.refuse", subject=who, after=after, now=now)
    return Refused()


def _by(tx: Tx, operator_id: int | None, caller: Caller) -> By:
    if operator_id is None:
        return By(None, "unknown", "nobody", caller.request_id, caller.address)
    who = get(tx, operator_id)
    return By(who.id, who.login, who.role, caller.request_id, caller.address)


def _keep(tx: Tx, operator_id: int, **values: Any) -> None:
    columns = ", ".join(f"{name} = %({name})s" for name in values)
    sql.run(tx, f"UPDATE operators SET {columns} WHERE id = %(id)s", {**values, "id": operator_id})

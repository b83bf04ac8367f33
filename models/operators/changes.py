"""What an administrator, or a command, does to an account; each ends the sessions that it must."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from models import audit, sql
from models.audit import By
from models.base import Tx
from models.operators import lockouts, passwords, sessions
from models.operators.accounts import (
    LANGUAGES,
    NoSuchOperator,
    Operator,
    checked_name,
    get,
    needs,
    needs_over,
    subject,
)
from models.operators.roles import ADMINISTRATOR, ROLES

# The same as in the trigger operators_last_administrator (migration 0010).
ADMINISTRATORS_LOCK = 4001


class OwnAccount(Exception):
    """Nobody changes what they may do, or switches themselves off."""


class LastAdministrator(Exception):
    """Without this one nobody could manage accounts."""


def disable(tx: Tx, operator_id: int, *, by: By, reason: str = "", now: datetime) -> Operator:
    """Keep somebody out from now on. Raises NoSuchOperator, OwnAccount, LastAdministrator,
    PermissionError."""
    before = _held_of_another(tx, operator_id, by)
    _keep_an_administrator(tx, before)
    _set(tx, operator_id, active=False)
    sessions.revoke_all(tx, operator_id, because="disabled", by=by, now=now)
    return _noted(tx, by, "operators.disable", before, reason, now)


def enable(tx: Tx, operator_id: int, *, by: By, reason: str = "", now: datetime) -> Operator:
    """Let somebody in again, with a sign-in. Raises as disable()."""
    before = _held_of_another(tx, operator_id, by)
    _set(tx, operator_id, active=True)
    return _noted(tx, by, "operators.enable", before, reason, now)


def change_role(
    tx: Tx, operator_id: int, role: str, *, by: By, reason: str = "", now: datetime
) -> Operator:
    """Give another role; a role that needs codes asks for them at the next sign-in.

    Raises as disable(); ValueError for an unknown role.
    """
    if role not in ROLES:
        raise ValueError(f"{role!r} is no role")
    needs(by, "operators.manage")
    before = _held_of_another(tx, operator_id, by)
    if before.role not in ROLES:
        raise ValueError("a merchant's person is no operator")
    if role != ADMINISTRATOR:
        _keep_an_administrator(tx, before)
    _set(tx, operator_id, role=role)
    sessions.revoke_all(tx, operator_id, because="another role", by=by, now=now)
    return _noted(tx, by, "operators.role", before, reason, now)


def rename(tx: Tx, operator_id: int, name: str, *, by: By, now: datetime) -> Operator:
    """Another name to show. Raises NoSuchOperator, PermissionError; ValueError for the name."""
    if by.operator_id != operator_id:
        needs_over(tx, by, operator_id)
    before = _held(tx, operator_id)
    _set(tx, operator_id, name=checked_name(name))
    return _noted(tx, by, "operators.rename", before, "", now)


def set_language(tx: Tx, operator_id: int, language: str, *, by: By, now: datetime) -> Operator:
    """ "zh" or "en", one's own only. Raises NoSuchOperator, PermissionError, ValueError."""
    if language not in LANGUAGES:
        raise ValueError(f"{language!r} is no language of the console")
    if by.operator_id != operator_id:
        raise PermissionError("everybody chooses their own language")
    before = _held(tx, operator_id)
    _set(tx, operator_id, language=language)
    return _noted(tx, by, "operators.language", before, "", now)


def reset_password(
    tx: Tx, operator_id: int, *, by: By, reason: str = "", now: datetime
) -> tuple[Operator, str]:
    """A new start password, shown once; ends all sessions and a lock. Raises as disable()."""
    before = _held_of_another(tx, operator_id, by)
    start = passwords.start_password()
    hashed = passwords.hashed(start)
    _set(tx, operator_id, password_hash=hashed, password_at=now, must_change=True)
    lockouts.forgive(tx, before.login)
    sessions.revoke_all(tx, operator_id, because="password reset", by=by, now=now)
    return _noted(tx, by, "operators.reset_password", before, reason, now), start


def reset_totp(tx: Tx, operator_id: int, *, by: By, reason: str = "", now: datetime) -> Operator:
    """Forget an authenticator that was lost; ends all sessions. Raises as disable()."""
    before = _held_of_another(tx, operator_id, by)
    _set(tx, operator_id, totp_secret=None, totp_step=None)
    sessions.revoke_all(tx, operator_id, because="authenticator reset", by=by, now=now)
    return _noted(tx, by, "operators.reset_totp", before, reason, now)


def unlock(tx: Tx, operator_id: int, *, by: By, reason: str = "", now: datetime) -> Operator:
    """Forget failed sign-ins, so that the next try is not refused. Raises as disable()."""
    before = _held_of_another(tx, operator_id, by)
    lockouts.forgive(tx, before.login)
    return _noted(tx, by, "operators.unlock", before, reason, now)


def end_sessions(tx: Tx, operator_id: int, *, by: By, reason: str = "", now: datetime) -> Operator:
    """Sign somebody out wherever they are signed in. Raises as disable()."""
    before = _held_of_another(tx, operator_id, by)
    sessions.revoke_all(tx, operator_id, because="revoked", by=by, now=now)
    return _noted(tx, by, "operators.end_sessions", before, reason, now)


def _held_of_another(tx: Tx, operator_id: int, by: By) -> Operator:
    if by.operator_id == operator_id:
        raise OwnAccount
    needs_over(tx, by, operator_id)
    return _held(tx, operator_id)


def _held(tx: Tx, operator_id: int) -> Operator:
    """Held until the end of the transaction, so that no sign-in comes in between."""
    values = {"id": operator_id}
    if not sql.rows(tx, "SELECT 1 FROM operators WHERE id = %(id)s FOR NO KEY UPDATE", values):
        raise NoSuchOperator(str(operator_id))
    return get(tx, operator_id)


def _keep_an_administrator(tx: Tx, who: Operator) -> None:
    if who.role != ADMINISTRATOR or not who.active:
        return
    # The trigger does the same, for whoever changes the row in another way.
    sql.run(tx, "SELECT pg_advisory_xact_lock(%s)", [ADMINISTRATORS_LOCK])
    others = "SELECT 1 FROM operators WHERE role = %(role)s AND active AND id <> %(id)s LIMIT 1"
    if sql.first(tx, others, {"role": ADMINISTRATOR, "id": who.id}) is None:
        raise LastAdministrator


def _set(tx: Tx, operator_id: int, **values: Any) -> None:
    columns = ", ".join(f"{name} = %({name})s" for name in values)
    sql.run(tx, f"UPDATE operators SET {columns} WHERE id = %(id)s", {**values, "id": operator_id})


def _noted(
    tx: Tx, by: By, action: str, before: Operator, reason: str, now: datetime
) -> Operator:  # fmt: skip
    after = get(tx, before.id)
    audit.write(
        tx, by, action=action, subject=subject(before.id), before=_told(before),
        after=_told(after), reason=reason, now=now,
    )  # fmt: skip
    return after


def _told(who: Operator) -> dict[str, Any]:
    return {
        "login": who.login, "role": who.role, "active": who.active, "totp": who.totp,
        "language": who.language,
    }  # fmt: skip

"""Operators for tests: each role has a person who has done all that a first sign-in asks for."""

from __future__ import annotations

from datetime import datetime

from models import sql
from models.audit import By
from models.base import Tx
from models.operators import accounts, passwords, roles, sessions, totp
from models.operators.accounts import Operator
from models.operators.vault import Vault

COMMAND = By(None, "command:tests", "command", "", "")
VAULT = Vault("a secret that only tests know")
PASSWORD = "drei gelbe Regenschirme"
LIMITS = sessions.Limits()


def operator(
    tx: Tx, role: str, *, now: datetime, login: str = "", password: str = PASSWORD,
    vault: Vault = VAULT,
) -> Operator:  # fmt: skip
    """Somebody with a password of their own and, where the role needs one, an authenticator."""
    made, _ = accounts.create(
        tx, login=login or f"{role[:8]}.{_count(tx)}", name="某人", role=role, by=COMMAND, now=now
    )
    sealed = vault.seal(totp.new_secret(), operator_id=made.id)
    sql.run(
        tx,
        "UPDATE operators SET must_change = false, password_hash = %(hash)s, totp_secret = %(totp)s"
        " WHERE id = %(id)s",
        {
            "id": made.id, "hash": passwords.hashed(password),
            "totp": sealed if role in roles.NEEDS_CODE else None,
        },
    )  # fmt: skip
    return accounts.get(tx, made.id)


def signed_in(tx: Tx, who: Operator, *, now: datetime) -> str:
    """The token of a session that may do all that the role may."""
    return sessions.create(
        tx, who.id, limits=LIMITS, address="192.0.2.7", browser="tests", now=now, code_passed=True
    )


def by(who: Operator) -> By:
    return By(who.id, who.login, who.role, "r-1", "192.0.2.7")


def _count(tx: Tx) -> int:
    return int(sql.value(tx, "SELECT count(*) FROM operators"))

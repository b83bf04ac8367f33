"""Operators' accounts: added, disabled, enabled; never deleted, since the audit names them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Identity,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from models import audit, sql
from models.audit import By
from models.base import Tx, metadata, moment
from models.operators import passwords
from models.operators.roles import MERCHANT_ROLES, OWNER, ROLES, may

LOGIN = re.compile(r"[a-z][a-z0-9._-]{1,31}")
LANGUAGES = ("zh", "en")
NAME_LENGTH = 60

operators = Table(
    "operators",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("login", String(32), nullable=False),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("role", String(16), nullable=False),
    Column("language", String(2), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("password_hash", Text, nullable=False),
    moment("password_at"),
    Column("must_change", Boolean, nullable=False),
    # Sealed by models/operators/vault.py: who reads the table cannot make codes.
    Column("totp_secret", LargeBinary),
    # The last step of 30 s whose code was used: a code is good for one sign-in.
    Column("totp_step", BigInteger),
    moment("created_at"),
    UniqueConstraint("login"),
    UniqueConstraint("id", "role"),  # merchant_staff refers to both
    CheckConstraint("login ~ '^[a-z][a-z0-9._-]{1,31}$'", name="login"),
    CheckConstraint("name <> ''", name="name"),
    CheckConstraint(
        "role IN ('operations', 'approver', 'service', 'analyst', 'administrator',"
        " 'merchant_owner', 'merchant_clerk')",
        name="role",
    ),
    CheckConstraint("language IN ('zh', 'en')", name="language"),
    CheckConstraint("password_hash LIKE '$argon2id$%'", name="hashed"),
    CheckConstraint("totp_step IS NULL OR totp_secret IS NOT NULL", name="totp"),
)


class LoginTaken(Exception):
    """Another account has this login."""


class NoSuchOperator(Exception):
    """There is no account of this number or login."""


@dataclass(frozen=True, slots=True)
class Operator:
    """`totp`: signs in with a code, too. `language`: "zh" or "en"."""

    id: int
    login: str
    name: str
    role: str
    language: str
    totp: bool
    active: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """An account in a list; `seen_at` None: never, or long ago (sessions are forgotten)."""

    operator: Operator
    must_change: bool
    created_at: datetime
    seen_at: datetime | None


COLUMNS = "o.id, o.login, o.name, o.role, o.language, o.totp_secret IS NOT NULL, o.active"


def create(
    tx: Tx, *, login: str, name: str, role: str, language: str = "zh", by: By, now: datetime
) -> tuple[Operator, str]:
    """A new account and its start password, which is shown once and changed at the first sign-in.

    Raises LoginTaken, PermissionError; ValueError for what cannot be a login, name, role, language.
    """
    needs(by, "operators.manage")
    if role not in ROLES:
        raise ValueError(f"{role!r} is no role")
    return open_account(
        tx, login=login, name=name, role=role, language=language, by=by, now=now
    )  # fmt: skip


def open_account(
    tx: Tx, *, login: str, name: str, role: str, language: str = "zh", by: By, now: datetime
) -> tuple[Operator, str]:
    """As create(), of any role, and nobody is asked whether `by` may: the caller has."""
    login, name = login.strip().lower(), checked_name(name)
    if not LOGIN.fullmatch(login):
        raise ValueError(f"{login!r} is no login: 2-32 of a-z 0-9 . _ -, a letter first")
    if role not in (*ROLES, *MERCHANT_ROLES):
        raise ValueError(f"{role!r} is no role")
    if language not in LANGUAGES:
        raise ValueError(f"{language!r} is no language of the console")
    start = passwords.start_password()
    operator_id = sql.maybe_value(
        tx,
        "INSERT INTO operators (login, name, role, language, active, password_hash, password_at,"
        " must_change, created_at) VALUES (%(login)s, %(name)s, %(role)s, %(language)s, true,"
        " %(hash)s, %(now)s, true, %(now)s) ON CONFLICT (login) DO NOTHING RETURNING id",
        {
            "login": login, "name": name, "role": role, "language": language,
            "hash": passwords.hashed(start), "now": now,
        },
    )  # fmt: skip
    if operator_id is None:
        raise LoginTaken(login)
    made = get(tx, operator_id)
    audit.write(
        tx, by, action="operators.add", subject=subject(made.id), now=now,
        after={"login": login, "role": role},
    )  # fmt: skip
    return made, start


def checked_name(name: str) -> str:
    """A name as it is kept. Raises ValueError."""
    name = name.strip()
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise ValueError(f"a name has 1-{NAME_LENGTH} characters")
    return name


def needs(by: By, permission: str) -> None:
    """Raises PermissionError, should a door have let somebody through; commands may all."""
    if by.operator_id is not None and not may(by.role, permission):
        raise PermissionError(f"{by.role} may not {permission}")


def needs_over(tx: Tx, by: By, operator_id: int) -> None:
    """Raises PermissionError unless `by` manages this account.

    Administrators manage operators. A merchant's people are managed by its owners, and by whoever
    opens merchants' accounts at the console; never by an administrator of the console.
    """
    role = sql.maybe_value(
        tx, "SELECT role FROM operators WHERE id = %(id)s", {"id": operator_id}
    )  # fmt: skip
    if role not in MERCHANT_ROLES:
        needs(by, "operators.manage")
    elif by.role != OWNER:
        needs(by, "merchants.accounts")
    elif not _same_merchant(tx, by.operator_id, operator_id):
        raise PermissionError("these are people of another merchant")


def _same_merchant(tx: Tx, one: int | None, other: int) -> bool:
    found = sql.first(
        tx,
        "SELECT 1 FROM merchant_staff m JOIN merchant_staff n USING (merchant_code)"
        " WHERE m.operator_id = %(one)s AND m.role = %(owner)s AND n.operator_id = %(other)s",
        {"one": one, "other": other, "owner": OWNER},
    )
    return found is not None


def subject(operator_id: int) -> str:
    """An operator, as the audit names one."""
    return f"operator:{operator_id}"


def get(tx: Tx, operator_id: int) -> Operator:
    """The account of this number. Raises NoSuchOperator."""
    return _found(tx, "o.id = %(value)s", operator_id)


def by_login(tx: Tx, login: str) -> Operator:
    """The account of this login. Raises NoSuchOperator."""
    return _found(tx, "o.login = %(value)s", login.strip().lower())


def listed(
    tx: Tx, *, search: str = "", role: str | None = None, active: bool | None = None,
    after: str = "", limit: int = 50,
) -> list[Listed]:  # fmt: skip
    """Operators in the order of their logins, from after the login `after`, at most `limit`.

    `search` is a part of the login or the name.
    """
    wanted = {
        "o.login > %(after)s": True, "o.role = ANY (%(roles)s)": True,
        "o.role = %(role)s": role is not None,
        "o.active = %(active)s": active is not None,
        "(position(%(search)s IN o.login) > 0 OR position(%(search)s IN lower(o.name)) > 0)":
            bool(search),
    }  # fmt: skip
    rows = sql.rows(
        tx,
        f"SELECT {COLUMNS}, o.must_change, o.created_at,"
        " (SELECT max(seen_at) FROM operator_sessions s WHERE s.operator_id = o.id)"
        f" FROM operators o WHERE {' AND '.join(w for w, given in wanted.items() if given)}"
        " ORDER BY o.login LIMIT %(limit)s",
        {
            "after": after, "role": role, "active": active, "search": search.strip().lower(),
            "limit": limit, "roles": list(ROLES),
        },
    )  # fmt: skip
    return [Listed(Operator(*row[:7]), *row[7:]) for row in rows]


def _found(tx: Tx, where: str, value: Any) -> Operator:
    row = sql.first(tx, f"SELECT {COLUMNS} FROM operators o WHERE {where}", {"value": value})
    if row is None:
        raise NoSuchOperator(str(value))
    return Operator(*row)

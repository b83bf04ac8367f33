"""Who works for a merchant, as what, and at which store.

    operators (id, role) ◀── merchant_staff ──▶ stores (merchant_code, store_no)

They are accounts as operators have them, with the same passwords, codes, locks and sessions; this
row says whose they are. Without it nobody gets in, whatever the role.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
)

from models import audit, sql
from models.audit import By
from models.base import Tx, metadata
from models.operators import accounts, changes
from models.operators.accounts import COLUMNS, Operator, needs_over, subject
from models.operators.roles import CLERK, MERCHANT_ROLES, OWNER

merchant_staff = Table(
    "merchant_staff",
    metadata,
    Column("operator_id", BigInteger, primary_key=True, autoincrement=False),
    Column("role", String(16), nullable=False),
    Column("merchant_code", String(32), ForeignKey("merchants.code"), nullable=False),
    Column("store_no", Integer),  # None: all stores
    # With the role: an account of the console can have no row here, nor become one that has.
    ForeignKeyConstraint(["operator_id", "role"], ["operators.id", "operators.role"]),
    ForeignKeyConstraint(
        ["merchant_code", "store_no"], ["stores.merchant_code", "stores.store_no"]
    ),
    CheckConstraint("role IN ('merchant_owner', 'merchant_clerk')", name="role"),
    CheckConstraint("role = 'merchant_clerk' OR store_no IS NULL", name="owners_have_all"),
    Index(None, "merchant_code"),
)


class NoSuchMerchant(Exception):
    """There is no merchant of this code, or no store of this number."""


class NoSuchStaff(Exception):
    """This merchant has nobody of this number."""


@dataclass(frozen=True, slots=True)
class Store:
    """A store of a merchant."""

    no: int
    name: str


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody at a merchant. `store_no` None: at all stores; `stores`: where they may work."""

    operator: Operator
    merchant_code: str
    merchant_name: str
    store_no: int | None
    stores: tuple[Store, ...]

    @property
    def is_owner(self) -> bool:
        """Whether they see all of the merchant's."""
        return self.operator.role == OWNER

    @property
    def place(self) -> tuple[str, int | None]:
        """The merchant and the store that they are bound to."""
        return self.merchant_code, self.store_no

    def store(self, no: int) -> Store | None:
        """A store where they may work, or None."""
        return next((store for store in self.stores if store.no == no), None)


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody in the owner's list; `store` None: at all stores, `seen_at` None: never."""

    operator: Operator
    store: Store | None
    must_change: bool
    seen_at: datetime | None


def add(
    tx: Tx, *, login: str, name: str, role: str, merchant: str, store_no: int | None = None,
    by: By, now: datetime,
) -> tuple[Operator, str]:  # fmt: skip
    """A new account at a merchant, and its start password, which is shown once.

    An owner has all stores. Raises NoSuchMerchant, LoginTaken, PermissionError; ValueError for
    what cannot be a login, a name or a role.
    """
    if role not in MERCHANT_ROLES:
        raise ValueError(f"{role!r} is no role of a merchant's people")
    _may_add(tx, by, merchant)
    if not _exists(tx, merchant, store_no):
        raise NoSuchMerchant(merchant if store_no is None else f"{merchant} {store_no}")
    made, start = accounts.open_account(tx, login=login, name=name, role=role, by=by, now=now)
    place = {"merchant": merchant, "store": None if role == OWNER else store_no}
    sql.run(
        tx,
        "INSERT INTO merchant_staff (operator_id, role, merchant_code, store_no)"
        " VALUES (%(id)s, %(role)s, %(merchant)s, %(store)s)",
        {"id": made.id, "role": role, **place},
    )
    audit.write(
        tx, by, action="staff.add", subject=subject(made.id), after=place, now=now
    )  # fmt: skip
    return made, start


def move(
    tx: Tx, operator_id: int, store_no: int | None, *, by: By, reason: str = "", now: datetime
) -> None:
    """Have a clerk work at another store, or (None) at all. Raises NoSuchStaff, NoSuchMerchant,
    OwnAccount, PermissionError; ValueError for an owner."""
    if by.operator_id == operator_id:
        raise changes.OwnAccount
    needs_over(tx, by, operator_id)
    row = sql.first(
        tx,
        "SELECT merchant_code, store_no, role FROM merchant_staff WHERE operator_id = %(id)s"
        " FOR NO KEY UPDATE",
        {"id": operator_id},
    )
    if row is None:
        raise NoSuchStaff(str(operator_id))
    merchant, before, role = row
    if role == OWNER:
        raise ValueError("an owner has all stores")
    if not _exists(tx, merchant, store_no):
        raise NoSuchMerchant(f"{merchant} {store_no}")
    values = {"id": operator_id, "store": store_no}
    sql.run(
        tx, "UPDATE merchant_staff SET store_no = %(store)s WHERE operator_id = %(id)s", values
    )  # fmt: skip
    audit.write(
        tx, by, action="staff.move", subject=subject(operator_id), before={"store": before},
        after={"store": store_no}, reason=reason, now=now,
    )  # fmt: skip


def find(tx: Tx, operator_id: int) -> Staff | None:
    """Whose person this is and where they may work, or None."""
    row = sql.first(
        tx,
        f"SELECT {COLUMNS}, m.code, m.name, s.store_no FROM merchant_staff s"
        " JOIN operators o ON o.id = s.operator_id JOIN merchants m ON m.code = s.merchant_code"
        " WHERE s.operator_id = %(id)s",
        {"id": operator_id},
    )
    if row is None:
        return None
    merchant, name, store_no = row[7:]
    return Staff(Operator(*row[:7]), merchant, name, store_no, stores_of(tx, merchant, store_no))


def stores_of(tx: Tx, merchant: str, only: int | None = None) -> tuple[Store, ...]:
    """A merchant's stores that are open, by their numbers, or the one that is asked for."""
    rows = sql.rows(
        tx,
        "SELECT store_no, name FROM stores WHERE merchant_code = %(merchant)s"
        " AND (store_no = %(only)s OR %(only)s::integer IS NULL AND closed_at IS NULL)"
        " ORDER BY store_no",
        {"merchant": merchant, "only": only},
    )
    return tuple(Store(*row) for row in rows)


def listed(
    tx: Tx, merchant: str, *, after: str = "", limit: int = 50
) -> list[Colleague]:  # fmt: skip
    """Everybody at a merchant by login, from after the login `after`, at most `limit`."""
    return _colleagues(
        tx, merchant, "o.login > %(value)s ORDER BY o.login LIMIT %(limit)s", after, limit
    )  # fmt: skip


def get(tx: Tx, merchant: str, operator_id: int) -> Colleague:
    """One of a merchant's people. Raises NoSuchStaff."""
    found = _colleagues(tx, merchant, "o.id = %(value)s", operator_id)
    if not found:
        raise NoSuchStaff(str(operator_id))
    return found[0]


def _colleagues(
    tx: Tx, merchant: str, where: str, value: Any, limit: int | None = None
) -> list[Colleague]:
    rows = sql.rows(
        tx,
        f"SELECT {COLUMNS}, t.store_no, t.name, o.must_change,"
        " (SELECT max(seen_at) FROM operator_sessions s WHERE s.operator_id = o.id)"
        " FROM merchant_staff m JOIN operators o ON o.id = m.operator_id"
        " LEFT JOIN stores t ON t.merchant_code = m.merchant_code AND t.store_no = m.store_no"
        f" WHERE m.merchant_code = %(merchant)s AND {where}",
        {"merchant": merchant, "value": value, "limit": limit},
    )
    return [
        Colleague(Operator(*row[:7]), Store(row[7], row[8]) if row[7] else None, *row[9:])
        for row in rows
    ]


def _may_add(tx: Tx, by: By, merchant: str) -> None:
    if by.role != OWNER:
        accounts.needs(by, "merchants.accounts")
        return
    own = find(tx, by.operator_id or 0)
    if own is None or own.merchant_code != merchant or not own.is_owner:
        raise PermissionError("people of another merchant")


def _exists(tx: Tx, merchant: str, store_no: int | None) -> bool:
    if store_no is not None:
        return bool(stores_of(tx, merchant, store_no))
    known = "SELECT 1 FROM merchants WHERE code = %(code)s"
    return sql.first(tx, known, {"code": merchant}) is not None


__all__ = ["CLERK", "OWNER", "Colleague", "Staff", "Store", "add", "find", "get", "listed", "move"]

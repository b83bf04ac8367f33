"""People of merchants for tests: they have done all that a first sign-in asks for."""

from __future__ import annotations

from datetime import datetime

from models import points, sql
from models.base import Tx
from models.merchants import staff
from models.operators import accounts, passwords, totp
from models.operators.accounts import Operator
from models.operators.vault import Vault
from models.vouchers import redeeming
from models.vouchers.vouchers import Voucher
from tests.models.conftest import newcomer
from tests.models.operators import COMMAND, PASSWORD, VAULT, signed_in

__all__ = ["person", "second_store", "signed_in", "voucher"]


def person(
    tx: Tx, role: str, *, now: datetime, merchant: str = "jinxiu", store_no: int | None = None,
    login: str = "", vault: Vault = VAULT,
) -> Operator:  # fmt: skip
    """Somebody at a merchant with a password of their own and an authenticator."""
    number = int(sql.value(tx, "SELECT count(*) FROM operators"))
    made, _ = staff.add(
        tx, login=login or f"{role.removeprefix('merchant_')}.{number}", name="某人", role=role,
        merchant=merchant, store_no=store_no, by=COMMAND, now=now,
    )  # fmt: skip
    sql.run(
        tx,
        "UPDATE operators SET must_change = false, password_hash = %(hash)s, totp_secret = %(totp)s"
        " WHERE id = %(id)s",
        {
            "id": made.id, "hash": passwords.hashed(PASSWORD),
            "totp": vault.seal(totp.new_secret(), operator_id=made.id),
        },
    )  # fmt: skip
    return accounts.get(tx, made.id)


def second_store(tx: Tx, merchant: str = "jinxiu") -> None:
    """A second store of a merchant of the sample data."""
    sql.run(
        tx,
        "INSERT INTO stores VALUES (%(merchant)s, 2, '二店', '某路1号', 28, 112)"
        " ON CONFLICT DO NOTHING",
        {"merchant": merchant},
    )


def voucher(tx: Tx, offer: str = "haircut", *, now: datetime) -> Voucher:
    """A voucher that somebody has just paid for."""
    who = newcomer(tx)
    points.issue(
        tx, who, kind=points.CONSUMPTION, points=9000, now=now,
        cause=points.Cause(f"issue:{who.id}", "test", "sms", "tests"),
        expires_on=points.day_of(now).replace(year=now.year + 2, day=1),
    )  # fmt: skip
    return redeeming.redeem(
        tx, who, offer, key=f"m{who.id}", channel="wechat", origin="test", now=now
    )

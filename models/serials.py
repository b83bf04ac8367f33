"""Whose a serial number is: the number of a transfer, by which people speak of what they did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models import sql
from models.base import Tx
from models.subscribers import family
from models.vouchers.vouchers import GIVEN


def is_theirs(tx: Tx, person: int, serial: int) -> bool:
    """Whether a transfer moved points of this person, or of who was merged into it."""
    return bool(
        sql.value(
            tx,
            "WITH RECURSIVE mine (id) AS (SELECT %(person)s::bigint UNION ALL"
            " SELECT s.id FROM mine JOIN subscribers s ON s.merged_into = mine.id)"
            " SELECT EXISTS (SELECT 1 FROM points_legs l JOIN mine ON mine.id IN"
            " (l.payer_id, l.payee_id) WHERE l.serial = %(serial)s)",
            {"person": person, "serial": serial},
        )
    )


def voucher_of(tx: Tx, person: int, serial: int | None) -> tuple[int, int, str] | None:
    """(owner's id, voucher's id, merchant) of the person's voucher that this transfer paid.

    Of one that was given to somebody, it is whoever has it now that may complain.
    """
    row = serial and sql.first(
        tx,
        "SELECT subscriber_id, id, merchant_code FROM vouchers"
        " WHERE subscriber_id = ANY (%(family)s) AND serial = %(serial)s"
        f" AND state <> '{GIVEN}' ORDER BY id DESC LIMIT 1",
        {"family": family(tx, person), "serial": serial},
    )
    return (row[0], row[1], row[2]) if row else None


def paid_a_voucher(tx: Tx, person: int, serial: int) -> bool:
    """Whether this transfer of the person's paid for a voucher, whatever became of that."""
    return bool(
        sql.value(
            tx,
            "SELECT EXISTS (SELECT 1 FROM vouchers WHERE subscriber_id = ANY (%(family)s)"
            " AND serial = %(serial)s)",
            {"family": family(tx, person), "serial": serial},
        )
    )


@dataclass(frozen=True, slots=True)
class About:
    """What a complaint's voucher was, and where and when it was used, if it was."""

    title: str
    serial: int
    points: int
    state: str
    store: str | None
    used_at: datetime | None


def about(tx: Tx, owner: int | None, voucher_id: int | None) -> About | None:
    """What is to be known of the voucher that a complaint is about, or None without one."""
    row = voucher_id and sql.first(
        tx,
        "SELECT v.title, v.serial, v.price_points, v.state, s.name, n.at FROM vouchers v"
        " LEFT JOIN verifications n ON n.subscriber_id = v.subscriber_id AND n.voucher_id = v.id"
        " AND n.undone_at IS NULL"
        " LEFT JOIN stores s ON s.merchant_code = n.merchant_code AND s.store_no = n.store_no"
        " WHERE v.subscriber_id = %(owner)s AND v.id = %(voucher)s",
        {"owner": owner, "voucher": voucher_id},
    )
    return About(*row) if row else None

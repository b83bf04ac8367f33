"""Whose a serial number is: the number of a transfer, by which people speak of what they did."""

from __future__ import annotations

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

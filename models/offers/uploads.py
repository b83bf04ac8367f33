"""An offer's way to the shelf: what the merchant uploads, operations edits, the merchant confirms.

                 ┌──────────────────────┐
                 ▼                      │
uploaded ──▶ sent_back   uploaded ──▶ edited ──▶ confirmed ──▶ live ◀──▶ paused
    ▲            │           ▲          │            ▲  │ (approved)        │
    └────────────┘           └──────────┘            └──┴── revise ◀────────┘
                                                    (all but `ended` may end)

What is live does not change under anybody's hands: whoever wants other terms revises the offer,
which takes it off as a new edition, to be confirmed and approved again. Its number stays, so cards
at counters stay good, and vouchers keep the terms they were issued with. Only the total may be
lowered at once: it is then sold out sooner, which nobody has been promised otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from models import sql
from models.audit import By
from models.base import Tx
from models.offers import following, happening, stock
from models.offers.agreed import Terms, differences
from models.offers.happening import NoWay, said
from models.offers.terms import (
    CONFIRMED,
    EDITED,
    ENDED,
    LIVE,
    MERCHANT,
    OPERATIONS,
    PARTNER,
    PAUSED,
    SENT_BACK,
    UPLOADED,
)

# Where an offer may go from each state. A trigger holds whoever forgets to ask.
NEXT: Mapping[str, tuple[str, ...]] = {
    UPLOADED: (EDITED, SENT_BACK, ENDED),
    EDITED: (EDITED, SENT_BACK, UPLOADED, CONFIRMED, ENDED),
    SENT_BACK: (UPLOADED, ENDED),
    CONFIRMED: (EDITED, LIVE, ENDED),
    LIVE: (PAUSED, EDITED, ENDED),
    PAUSED: (LIVE, EDITED, ENDED),
    ENDED: (),
}
KIND = "offer"  # of proposal


@dataclass(frozen=True, slots=True)
class Upload:
    """An offer on its way or on the shelf. `taken` of its total, `paused_for` whose sake."""

    code: str
    number: int
    merchant_code: str
    merchant_name: str
    state: str
    paused_for: str | None
    edition: int
    events: int
    taken: int
    terms: Terms


class NoSuchOffer(Exception):
    """There is no such offer, or it is another merchant's."""


class Barred(Exception):
    """No offer of the merchant may be live now: `why` is "partner" or "rating"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class ChangedSince(Exception):
    """The offer is not what whoever decides has seen."""


_TERMS = tuple(each.name for each in fields(Terms) if each.name not in ("total", "stores"))
_FIELDS = (
    "o.code, o.number, o.merchant_code, m.name, o.state, o.paused_for, o.edition, o.events,"
    " coalesce(s.taken, 0), s.total, ARRAY(SELECT store_no FROM offer_stores x"
    " WHERE x.offer_code = o.code ORDER BY store_no), " + ", ".join(f"o.{name}" for name in _TERMS)
)
_FROM = (
    " FROM offers o JOIN merchants m ON m.code = o.merchant_code"
    " LEFT JOIN offer_stock s ON s.offer_code = o.code"
)


def upload(
    tx: Tx, merchant_code: str, terms: Terms, *, key: str, by: By, now: datetime
) -> Upload:  # fmt: skip
    """A new offer of a merchant's. The same `key` returns the first one again.

    Raises Barred ("partner") where the merchant is not open; LookupError without a merchant.
    """
    if following.barred(tx, merchant_code) == PARTNER:
        raise Barred(PARTNER)
    there = sql.maybe_value(
        tx,
        "SELECT code FROM offers WHERE merchant_code = %(merchant)s AND upload_key = %(key)s",
        {"merchant": merchant_code, "key": key},
    )
    if there is not None:
        return get(tx, there)
    values = _values(terms)
    names = ", ".join(values)
    code = sql.value(
        tx,
        "WITH n AS (SELECT nextval(pg_get_serial_sequence('offers', 'number'))::int AS number)"
        f" INSERT INTO offers (code, number, merchant_code, upload_key, state, {names})"
        " SELECT 'o' || n.number, n.number, %(merchant)s, %(key)s, 'uploaded',"
        f" {', '.join(f'%({name})s' for name in values)} FROM n RETURNING code",
        {"merchant": merchant_code, "key": key, **values},
    )
    _write_rest(tx, code, merchant_code, terms)
    happening.note(tx, code, happening.UPLOADED, why="", by=by, now=now, after=terms.plain())
    return get(tx, code)


def upload_again(
    tx: Tx, code: str, terms: Terms, *, why: str = "", by: By, now: datetime
) -> Upload:
    """The merchant's other terms, for what was sent back or edited. Raises NoSuchOffer, NoWay."""
    found = get(tx, code, lock=True)
    return _rewrite(tx, found, terms, UPLOADED, happening.UPLOADED, why=why, by=by, now=now)


def edit(tx: Tx, code: str, terms: Terms, *, why: str = "", by: By, now: datetime) -> Upload:
    """What operations makes of it, for the merchant to confirm; of what is on the shelf, a new
    edition, which is off it until then. Raises NoSuchOffer, NoWay, LessThanTaken."""
    found = get(tx, code, lock=True)
    what = happening.REVISED if found.state in (LIVE, PAUSED) else happening.EDITED
    return _rewrite(tx, found, terms, EDITED, what, why=why, by=by, now=now)


def send_back(tx: Tx, code: str, *, why: str, by: By, now: datetime) -> Upload:
    """Back to the merchant. Raises NoSuchOffer, NoWay; ValueError without a reason."""
    return _move(tx, code, SENT_BACK, happening.SENT_BACK, why=said(why), by=by, now=now)


def confirm(tx: Tx, code: str, *, edition: int, events: int, by: By, now: datetime) -> Upload:
    """The merchant agrees to the terms it has seen. Raises NoSuchOffer, NoWay, ChangedSince."""
    found = get(tx, code, lock=True)
    if (found.edition, found.events) != (edition, events):
        raise ChangedSince(code)
    return _move(tx, code, CONFIRMED, happening.CONFIRMED, why="", by=by, now=now)


def put_live(
    tx: Tx, code: str, *, edition: int, terms: Mapping[str, Any], why: str, by: By, now: datetime
) -> Upload:
    """Put what was approved on the shelf, in the transaction that approves the proposal.

    Raises NoSuchOffer, NoWay, Barred; ChangedSince if it is not what was proposed.
    """
    found = _shelved(tx, code)
    if found.state == CONFIRMED and (found.edition, found.terms.plain()) != (edition, dict(terms)):
        raise ChangedSince(code)
    if found.state != CONFIRMED:
        raise NoWay(found.state, LIVE)
    return _move(tx, code, LIVE, happening.APPROVED, why=why, by=by, now=now)


def pause(
    tx: Tx, code: str, *, why: str, by: By, now: datetime, of: str = OPERATIONS
) -> Upload:  # fmt: skip
    """Take it off the shelf for a while; `of`: "operations" or "merchant" want so.

    Raises NoSuchOffer, NoWay; ValueError without a reason.
    """
    return _move(
        tx, code, PAUSED, happening.PAUSED, why=said(why), by=by, now=now, paused_for=of
    )  # fmt: skip


def resume(
    tx: Tx, code: str, *, why: str, by: By, now: datetime, of: str = OPERATIONS
) -> Upload:  # fmt: skip
    """Back on the shelf, as it was approved. A merchant resumes only what it has paused itself.

    Raises NoSuchOffer, NoWay, Barred; ValueError without a reason.
    """
    found = _shelved(tx, code)
    if found.state != PAUSED or (of == MERCHANT and found.paused_for != MERCHANT):
        raise NoWay(found.state, LIVE)
    return _move(tx, code, LIVE, happening.RESUMED, why=said(why), by=by, now=now)


def end(tx: Tx, code: str, *, why: str, by: By, now: datetime) -> Upload:
    """For good; vouchers that are out stay good. Raises NoSuchOffer, NoWay; ValueError."""
    return _move(tx, code, ENDED, happening.ENDED, why=said(why), by=by, now=now)


def cut(tx: Tx, code: str, total: int, *, why: str, by: By, now: datetime) -> Upload:
    """Lower the total of what is on the shelf, at once. Raises NoSuchOffer, LessThanTaken;
    NoWay where there is none, or it is not lower."""
    found = get(tx, code, lock=True)
    before = found.terms.total
    if found.state not in (LIVE, PAUSED) or before is None or total >= before:
        raise NoWay(found.state, "cut")
    stock.set_total(tx, code, total)
    happening.note(
        tx, code, happening.CUT, why=said(why), by=by, now=now, before={"total": before},
        after={"total": total},
    )  # fmt: skip
    return get(tx, code)


def get(tx: Tx, code: str, *, of: str | None = None, lock: bool = False) -> Upload:
    """An offer as it is now, if it is `of` this merchant. Raises NoSuchOffer."""
    row = sql.first(
        tx,
        f"SELECT {_FIELDS}{_FROM} WHERE o.code = %(code)s"
        " AND (%(of)s::text IS NULL OR o.merchant_code = %(of)s)"
        + (" FOR NO KEY UPDATE OF o" if lock else ""),
        {"code": code, "of": of},
    )
    if row is None:
        raise NoSuchOffer(code)
    return _read(row)


def listed(
    tx: Tx, *, state: str = "", merchant_code: str = "", words: str = "", before: int | None = None,
    limit: int = 50,
) -> list[Upload]:  # fmt: skip
    """Offers, the newest number first: those below `before`."""
    wanted = {
        "o.state = %(state)s": bool(state), "o.merchant_code = %(merchant)s": bool(merchant_code),
        "strpos(lower(o.code || ' ' || o.number || ' ' || o.title || ' ' || m.name),"
        " lower(%(words)s)) > 0": bool(words),
        "o.number < %(before)s": before is not None,
    }  # fmt: skip
    where = " AND ".join(condition for condition, given in wanted.items() if given)
    rows = sql.rows(
        tx,
        f"SELECT {_FIELDS}{_FROM} WHERE {where or 'true'} ORDER BY o.number DESC LIMIT %(limit)s",
        {
            "state": state, "merchant": merchant_code, "words": words, "before": before,
            "limit": limit,
        },
    )  # fmt: skip
    return [_read(row) for row in rows]


def waiting(tx: Tx, states: tuple[str, ...]) -> int:
    """How many offers are in these states."""
    return int(
        sql.value(tx, "SELECT count(*) FROM offers WHERE state = ANY (%(s)s)", {"s": list(states)})
    )


def _rewrite(
    tx: Tx, found: Upload, terms: Terms, to: str, what: str, *, why: str, by: By, now: datetime
) -> Upload:  # fmt: skip
    if to not in NEXT[found.state]:
        raise NoWay(found.state, to)
    before, after = found.terms.plain(), terms.plain()
    names = differences(before, after)
    values = _values(terms)
    sql.run(
        tx,
        "UPDATE offers SET state = %(to)s, paused_for = NULL, edition = edition + %(more)s, "
        + ", ".join(f"{name} = %({name})s" for name in values)
        + " WHERE code = %(code)s",
        {"code": found.code, "to": to, "more": int(what == happening.REVISED), **values},
    )
    _write_rest(tx, found.code, found.merchant_code, terms)
    happening.note(
        tx, found.code, what, why=why, by=by, now=now,
        before={name: before[name] for name in names}, after={name: after[name] for name in names},
    )  # fmt: skip
    return get(tx, found.code)


def _move(
    tx: Tx, code: str, to: str, what: str, *, why: str, by: By, now: datetime,
    paused_for: str | None = None,
) -> Upload:  # fmt: skip
    found = get(tx, code, lock=True)
    if to == found.state or to not in NEXT[found.state]:
        raise NoWay(found.state, to)
    sql.run(
        tx,
        "UPDATE offers SET state = %(to)s, paused_for = %(paused_for)s WHERE code = %(code)s",
        {"code": code, "to": to, "paused_for": paused_for},
    )
    happening.note(
        tx, code, what, why=why, by=by, now=now, before={"state": found.state}, after={"state": to}
    )
    return get(tx, code)


def _shelved(tx: Tx, code: str) -> Upload:
    """An offer that is to be live, held after its merchant, as whatever holds both does.

    Raises Barred.
    """
    bar = following.barred(tx, get(tx, code).merchant_code)
    if bar is not None:
        raise Barred(bar)
    return get(tx, code, lock=True)


def _values(terms: Terms) -> dict[str, Any]:
    return {name: getattr(terms, name) for name in _TERMS} | {"pays_bp": terms.pays}


def _write_rest(tx: Tx, code: str, merchant_code: str, terms: Terms) -> None:
    """The total and the stores, which have tables of their own. Raises LessThanTaken."""
    if terms.total is not None:
        stock.set_total(tx, code, terms.total)
    else:
        stock.lift_total(tx, code)
    sql.run(tx, "DELETE FROM offer_stores WHERE offer_code = %(code)s", {"code": code})
    for store_no in sorted(terms.stores):
        sql.run(
            tx,
            "INSERT INTO offer_stores (offer_code, merchant_code, store_no)"
            " VALUES (%(code)s, %(merchant)s, %(no)s)",
            {"code": code, "merchant": merchant_code, "no": store_no},
        )


def _read(row: sql.Row) -> Upload:
    code, number, merchant, name, state, paused_for, edition, events, taken, *rest = row
    total, stores, *named = rest
    terms = Terms(**dict(zip(_TERMS, named, strict=True)), total=total, stores=tuple(stores))
    return Upload(code, number, merchant, name, state, paused_for, edition, events, taken, terms)

"""Publishing: a version of a draw with its stock, its budget and its first seeds; the stop button.

issuing ──publish: budget──▶ draw:CODE ──prizes──▶ people, merchants     prizes:CODE ◀── prices
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from models import points, sql
from models.base import HOUSE, Tx
from models.draws import tables
from models.draws.definition import Draw
from models.draws.seeds import AHEAD_DAYS, Seeds
from models.points import COINS, ISSUING, NEVER, POINTS, STRIPES, Cause, day_of

REMEMBERED = 200
_terms: dict[str, Draw] = {}


class LessThanGiven(Exception):
    """A stock or a budget would be less than what is given already: `what`, and `least`."""

    def __init__(self, what: str, least: int) -> None:
        super().__init__(f"{what}: at least {least}, since they are given already")
        self.what, self.least = what, least


@dataclass(frozen=True, slots=True)
class Live:
    """A draw as it is now: its newest version, and whether it is stopped."""

    draw: Draw
    version: int
    state: str
    author: str
    note: str
    at: datetime


def pays_from(draw_code: str) -> str:
    """The account of the house that prizes are paid out of: the budget."""
    return f"draw:{draw_code}"


def pays_into(draw_code: str) -> str:
    """The account of the house that the prices of draws are paid into."""
    return f"prizes:{draw_code}"


def terms(tx: Tx, draw_code: str, version: int, known_as: str) -> Draw:
    """A version, which never changes: a process remembers it by its hash."""
    if known_as not in _terms:
        if len(_terms) >= REMEMBERED:
            _terms.clear()
        content = sql.value(
            tx,
            "SELECT content FROM draw_versions WHERE draw_code = %(code)s AND version = %(no)s",
            {"code": draw_code, "no": version},
        )
        _terms[known_as] = read(content)
    return _terms[known_as]


def read(content: object) -> Draw:
    """A kept version as a draw."""
    return Draw.model_validate(content)


_LIVE = (
    "SELECT v.content, d.version, d.state, v.author, v.note, v.at FROM draws d"
    " JOIN draw_versions v ON v.draw_code = d.code AND v.version = d.version"
)


def live(tx: Tx) -> dict[str, Live]:
    """All draws that were ever published, by code, stopped and ended ones too."""
    rows = sql.rows(tx, f"{_LIVE} ORDER BY d.price_points, d.code")
    found = [Live(read(row[0]), *row[1:]) for row in rows]
    return {each.draw.code: each for each in found}


def taking_chances(tx: Tx) -> dict[str, bool]:
    """The draws that are not over, by code, and whether tasks and campaigns may give chances."""
    return {
        code: each.draw.earned_chances
        for code, each in live(tx).items()
        if each.state != tables.ENDED
    }


def find(tx: Tx, code: str) -> Live | None:
    """One draw as it is now, or None."""
    row = sql.first(tx, f"{_LIVE} WHERE d.code = %(code)s", {"code": code})
    return Live(read(row[0]), *row[1:]) if row else None


def history(tx: Tx, code: str) -> list[tuple[int, str, str, str, str | None, datetime]]:
    """(version, hash, author, note, who approved, when), the newest first."""
    rows = sql.rows(
        tx,
        "SELECT version, hash, author, note, approved_by, at FROM draw_versions"
        " WHERE draw_code = %(code)s ORDER BY version DESC",
        {"code": code},
    )
    return [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in rows]


def lock(tx: Tx) -> None:
    """One publisher at a time, so that versions follow the order of the commits."""
    sql.run(tx, "LOCK TABLE draw_versions IN SHARE ROW EXCLUSIVE MODE")


def publish(
    tx: Tx, draw: Draw, seeds: Seeds | None, *, author: str, note: str, now: datetime,
    approved_by: str | None = None, proposal_id: int | None = None,
) -> int:  # fmt: skip
    """Make this the version that is drawn from; returns its number. Who calls has checked it.

    Without `seeds` the clock commits to them, and nobody draws before. Raises LessThanGiven: then
    nothing has changed. A draw that was stopped stays stopped.
    """
    lock(tx)
    window = draw.window
    version: int = sql.value(
        tx,
        "INSERT INTO draws AS d (code, title, price_points, version, starts_on, ends_on)"
        " VALUES (%(code)s, %(title)s, %(price)s, 1, %(first)s, %(last)s)"
        " ON CONFLICT (code) DO UPDATE SET title = excluded.title,"
        "   price_points = excluded.price_points, version = d.version + 1,"
        "   starts_on = excluded.starts_on, ends_on = excluded.ends_on,"
        "   state = CASE WHEN d.state = 'stopped' THEN d.state ELSE 'live' END"
        " RETURNING version",
        {
            "code": draw.code, "title": draw.title, "price": draw.price_points,
            "first": window.first, "last": window.until,
        },
    )  # fmt: skip
    sql.run(
        tx,
        "INSERT INTO draw_versions (draw_code, version, content, hash, author, note, at,"
        " approved_by, proposal_id) VALUES (%(code)s, %(version)s, %(content)s, %(hash)s,"
        " %(author)s, %(note)s, %(now)s, %(approved_by)s, %(proposal)s)",
        {
            "code": draw.code, "version": version, "content": Jsonb(draw.content()),
            "hash": draw.table_hash, "author": author, "note": note, "now": now,
            "approved_by": approved_by, "proposal": proposal_id,
        },
    )  # fmt: skip
    points.open_house_account(tx, pays_into(draw.code))
    for unit, wanted in ((POINTS, draw.budget.points), (COINS, draw.budget.coins)):
        _fund(tx, draw.code, unit, wanted, author=author, version=version, now=now)
    _stock(tx, draw)
    first = max(day_of(now), window.first)
    last = min(first + timedelta(days=AHEAD_DAYS), window.until)
    if seeds is not None:
        seeds.promise(tx, draw.code, first=first, last=last, now=now)
    return version


def set_state(tx: Tx, code: str, *, stopped: bool) -> bool:
    """Stop a draw, or let it go on; False if it was so, or is over. Who draws after the commit
    finds it stopped; a draw that is under way ends within its transaction."""
    before, after = (tables.LIVE, tables.STOPPED) if stopped else (tables.STOPPED, tables.LIVE)
    changed = sql.change(
        tx,
        "UPDATE draws SET state = %(after)s WHERE code = %(code)s AND state = %(before)s",
        {"code": code, "before": before, "after": after},
    )
    return changed == 1


def end_due(tx: Tx, now: datetime) -> int:
    """Note which draws are over. Returns how many."""
    return sql.change(
        tx,
        "UPDATE draws SET state = 'ended' WHERE state <> 'ended' AND ends_on < %(today)s",
        {"today": day_of(now)},
    )


def _stock(tx: Tx, draw: Draw) -> None:
    """The stock of each prize; one that is gone from the file keeps what was taken."""
    known: dict[str, int] = dict(
        sql.rows(
            tx,
            "SELECT prize_code, taken - returned FROM draw_stock WHERE draw_code = %(code)s"
            " ORDER BY prize_code FOR NO KEY UPDATE",
            {"code": draw.code},
        )
    )
    wanted = {prize.code: prize.stock for prize in draw.prizes if prize.stock is not None}
    for prize_code in sorted({*known, *wanted}):
        given = known.get(prize_code, 0)
        total = wanted.get(prize_code)
        if total is not None and total < given:
            raise LessThanGiven(f"stock of {prize_code}", given)
        sql.run(
            tx,
            "INSERT INTO draw_stock (draw_code, prize_code, total)"
            " VALUES (%(code)s, %(prize)s, %(total)s)"
            " ON CONFLICT (draw_code, prize_code) DO UPDATE SET total = excluded.total",
            {"code": draw.code, "prize": prize_code, "total": given if total is None else total},
        )


def _fund(
    tx: Tx, code: str, unit: str, wanted: int, *, author: str, version: int, now: datetime
) -> None:
    """Make the budget of the draw's whole life this big; what is too much goes back."""
    account = pays_from(code)
    points.open_house_account(tx, account, unit=unit)
    sql.rows(  # nobody is given anything meanwhile
        tx,
        "SELECT stripe FROM points_accounts WHERE subscriber_id = %(house)s AND unit = %(unit)s"
        " AND kind = %(kind)s ORDER BY stripe FOR NO KEY UPDATE",
        {"house": HOUSE, "unit": unit, "kind": account},
    )
    funded: int = sql.value(
        tx,
        "SELECT coalesce(sum(CASE WHEN l.payee_kind = %(kind)s THEN l.points ELSE -l.points END),"
        " 0)::bigint FROM points_transfers t JOIN points_legs l ON l.serial = t.serial"
        " WHERE t.key = ANY (%(keys)s)",
        {"kind": account, "keys": [_budget_key(code, no, unit) for no in range(1, version)]},
    )
    left = points.house_balance(tx, account, unit=unit)
    more = wanted - funded
    if more < -left:
        raise LessThanGiven(f"budget in {unit}", funded - left)
    key = _budget_key(code, version, unit)
    cause = Cause(key, "budget", "console", account, author)
    if more >= STRIPES:
        points.fund(tx, account, points=more, cause=cause, now=now, unit=unit)
    elif more:
        payer, payee = (ISSUING, account) if more > 0 else (account, ISSUING)
        points.move(
            tx, payer=HOUSE, payer_kinds=[payer], payee=HOUSE, payee_kind=payee,
            payee_expires_on=NEVER, points=abs(more), unit=unit, cause=cause, now=now,
        )  # fmt: skip


def _budget_key(code: str, version: int, unit: str) -> str:
    return f"draw-budget:{code}:{version}:{unit}"

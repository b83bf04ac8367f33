"""Budgets: what a campaign may give, as an account of the house that never goes below nothing.

issuing ──publish: the budget──▶ campaign:CODE ──earn──▶ people
   ▲                                   │
   └────────stop: what is left─────────┘
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, String, Table

from models import points, sql
from models.base import HOUSE, Tx, metadata
from models.points import ISSUING, NEVER, STRIPES

campaigns = Table(
    "earning_campaigns",
    metadata,
    Column("code", String(40), primary_key=True),
    Column("funded", BigInteger, nullable=False),  # put in, less what was taken back
    Column("changes", Integer, nullable=False),  # of the budget; makes each key unique
    CheckConstraint("funded >= 0", name="funded"),
)


class TooLittle(Exception):
    """A budget cannot be made smaller than what was given of it; `least` is what it could be."""

    def __init__(self, campaign: str, least: int) -> None:
        super().__init__(f"{campaign}: at least {least} points, since they are given already")
        self.least = least


def account(campaign: str) -> str:
    """The account of the house that holds a campaign's budget."""
    return f"campaign:{campaign}"


def left(tx: Tx, campaign: str) -> int:
    """What a campaign can still give, in points."""
    return points.house_balance(tx, account(campaign))


def spent(tx: Tx, campaign: str) -> int:
    """What a campaign with a budget has given, in points, in all its life."""
    return _funded(tx, campaign) - left(tx, campaign)


def settle(tx: Tx, campaign: str, budget: int | None, *, operator: str, now: datetime) -> int:
    """Make the budget of a campaign's whole life this big; None takes back what is left.

    Returns the points put in, or less than nothing for what was taken back. Raises TooLittle.
    """
    funded, changes = sql.one(
        tx,
        "INSERT INTO earning_campaigns AS c (code, funded, changes) VALUES (%(code)s, 0, 1)"
        " ON CONFLICT (code) DO UPDATE SET changes = c.changes + 1 RETURNING funded, changes",
        {"code": campaign},
    )
    points.open_house_account(tx, account(campaign))
    _hold(tx, campaign)  # nobody is given anything meanwhile
    here = left(tx, campaign)
    more = (budget - funded) if budget is not None else -here
    if more < -here:
        raise TooLittle(campaign, funded - here)
    cause = points.Cause(
        f"budget:{campaign}:{changes}", "budget", "console", account(campaign), operator=operator
    )
    if more >= STRIPES:
        points.fund(tx, account(campaign), points=more, cause=cause, now=now)
    elif more:
        payer, payee = (ISSUING, account(campaign)) if more > 0 else (account(campaign), ISSUING)
        points.move(
            tx, payer=HOUSE, payer_kinds=[payer], payee=HOUSE, payee_kind=payee,
            payee_expires_on=NEVER, points=abs(more), unit=points.POINTS, cause=cause, now=now,
        )  # fmt: skip
    sql.change(
        tx,
        "UPDATE earning_campaigns SET funded = funded + %(more)s WHERE code = %(code)s",
        {"more": more, "code": campaign},
    )
    return more


def _hold(tx: Tx, campaign: str) -> None:
    sql.rows(
        tx,
        "SELECT stripe FROM points_accounts WHERE subscriber_id = %(house)s AND unit = 'points'"
        " AND kind = %(kind)s ORDER BY stripe FOR NO KEY UPDATE",
        {"house": HOUSE, "kind": account(campaign)},
    )


def _funded(tx: Tx, campaign: str) -> int:
    found = "SELECT funded FROM earning_campaigns WHERE code = %(code)s"
    return int(sql.maybe_value(tx, found, {"code": campaign}) or 0)

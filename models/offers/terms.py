"""The terms of an offer: its price, its limits, and why somebody cannot take it now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)  # fmt: skip

from models import sql, tiers
from models.base import Tx, metadata, moment
from models.points import SHANGHAI
from models.subscribers import Subscriber

KINDS = GOODS, SERVICE, E_VOUCHER, TICKET, EVENT_PASS = (
    "goods", "service", "e_voucher", "ticket", "event_pass",
)  # fmt: skip
STATES = UPLOADED, EDITED, SENT_BACK, CONFIRMED, LIVE, PAUSED, ENDED = (
    "uploaded", "edited", "sent_back", "confirmed", "live", "paused", "ended",
)  # fmt: skip
# Why an offer is paused; the last two go with what they follow (offers/following.py).
PAUSED_FOR = OPERATIONS, MERCHANT, PARTNER, RATING = (
    "operations", "merchant", "partner", "rating",
)  # fmt: skip
EVERY_DAY = 0b1111111  # a bit for each day of the week, Monday's the lowest
DAY_MINUTES = 24 * 60
# What the operator pays the merchant of the face value, in hundredths of a percent.
PAYS_GOODS_BP, PAYS_OTHER_BP = 9500, 8500
WHOLE_BP = 10_000

offers = Table(
    "offers",
    metadata,
    Column("code", String(32), primary_key=True),
    Column("number", Integer, Identity(start=1001), nullable=False, unique=True),  # to be typed
    Column("merchant_code", String(32), ForeignKey("merchants.code"), nullable=False),
    Column("club_code", String(32), ForeignKey("clubs.code")),  # for its members only
    Column("title", String(60), nullable=False),
    Column("price_points", Integer, nullable=False),
    Column("price_fen", Integer, nullable=False, server_default="0"),  # paid at the till
    Column("kind", String(16), nullable=False, server_default=SERVICE),
    Column("state", String(16), nullable=False, server_default=LIVE),
    Column("about", Text, nullable=False, server_default=""),
    Column("face_fen", Integer, nullable=False, server_default="0"),
    Column("pays_bp", Integer, nullable=False, server_default=str(PAYS_OTHER_BP)),
    moment("starts_at", nullable=True),
    moment("ends_at", nullable=True),
    Column("weekdays", SmallInteger, nullable=False, server_default=str(EVERY_DAY)),
    # Minutes after midnight in China: taken from the one until before the other.
    Column("from_minute", SmallInteger, nullable=False, server_default="0"),
    Column("until_minute", SmallInteger, nullable=False, server_default=str(DAY_MINUTES)),
    Column("per_person", Integer),
    Column("per_person_day", Integer),
    Column("level", String(16)),  # of the membership in the club
    Column("tier", String(32)),
    Column("valid_days", Integer, nullable=False, server_default="30"),  # a voucher's
    Column("refunds_expired", Boolean, nullable=False, server_default="true"),
    Column("edition", Integer, nullable=False, server_default="1"),
    Column("paused_for", String(12)),
    Column("upload_key", String(64)),  # of the form it came with, which may come twice
    Column("events", Integer, nullable=False, server_default="0"),
    UniqueConstraint("merchant_code", "upload_key"),
    CheckConstraint("price_points > 0 AND price_fen >= 0", name="price"),
    CheckConstraint(f"kind IN {KINDS}", name="kind"),
    CheckConstraint(f"state IN {STATES}", name="state"),
    CheckConstraint(f"face_fen >= 0 AND pays_bp BETWEEN 0 AND {WHOLE_BP}", name="pays"),
    CheckConstraint("ends_at > starts_at", name="window"),
    CheckConstraint(f"weekdays BETWEEN 1 AND {EVERY_DAY}", name="weekdays"),
    CheckConstraint(
        f"from_minute >= 0 AND from_minute < until_minute AND until_minute <= {DAY_MINUTES}",
        name="hours",
    ),
    CheckConstraint("per_person > 0 AND per_person_day > 0", name="limits"),
    CheckConstraint("level IN ('ordinary', 'premium')", name="level"),
    CheckConstraint("level IS NULL OR club_code IS NOT NULL", name="level_of_club"),
    CheckConstraint("valid_days BETWEEN 1 AND 1000", name="valid"),
    CheckConstraint("edition > 0", name="edition"),
    CheckConstraint(
        f"paused_for IS NULL OR (paused_for IN {PAUSED_FOR} AND state = 'paused')",
        name="paused_for",
    ),
)

# The stores where its vouchers are verified; without a row here, at all of its merchant's. An offer
# for a city is one of the stores there: where a person lives is recorded nowhere.
offer_stores = Table(
    "offer_stores",
    metadata,
    Column("offer_code", String(32), ForeignKey("offers.code"), nullable=False),
    Column("merchant_code", String(32), nullable=False),
    Column("store_no", Integer, nullable=False),
    PrimaryKeyConstraint("offer_code", "store_no"),
    ForeignKeyConstraint(
        ["merchant_code", "store_no"], ["stores.merchant_code", "stores.store_no"]
    ),
)


@dataclass(frozen=True, slots=True)
class Offer:
    """What is offered; people type its `number`.

    Money in fen; `pays_bp` is what the merchant gets of `face_fen`, in hundredths of a percent.
    """

    code: str
    number: int
    merchant_code: str
    club_code: str | None
    title: str
    price_points: int
    price_fen: int
    kind: str
    state: str
    face_fen: int
    pays_bp: int
    starts_at: datetime | None
    ends_at: datetime | None
    weekdays: int
    from_minute: int
    until_minute: int
    per_person: int | None
    per_person_day: int | None
    level: str | None
    tier: str | None
    valid_days: int
    refunds_expired: bool

    @property
    def pays_cents(self) -> int:
        """What a verified voucher is worth to the merchant, in hundredths of a fen."""
        return self.face_fen * self.pays_bp * 100 // WHOLE_BP

    @property
    def agreed(self) -> str:
        """What somebody agrees to who takes it, to be compared when their answer comes."""
        parts = (self.merchant_code, self.price_points, self.price_fen, self.valid_days, self.title)
        return " ".join(str(part) for part in parts)


COLUMNS = ", ".join(f"o.{name}" for name in Offer.__dataclass_fields__)


class NotOffered(Exception):
    """This person cannot take it now; `why` names the rule, `facts` what its sentence needs."""

    def __init__(self, why: str, **facts: object) -> None:
        super().__init__(why)
        self.why = why
        self.facts = facts


def find(tx: Tx, code: str) -> Offer | None:
    """An offer as it is now, or None."""
    row = sql.first(tx, f"SELECT {COLUMNS} FROM offers o WHERE code = %(code)s", {"code": code})
    return Offer(*row) if row else None


def codes(tx: Tx) -> list[str]:
    """The code of every offer, whatever its state."""
    return [row[0] for row in sql.rows(tx, "SELECT code FROM offers ORDER BY code")]


def named(tx: Tx, code: str) -> Offer:
    """The offer with this code, which must exist."""
    row = sql.one(tx, f"SELECT {COLUMNS} FROM offers o WHERE code = %(code)s", {"code": code})
    return Offer(*row)


def check(tx: Tx, offer: Offer, who: Subscriber, now: datetime) -> None:
    """Raises NotOffered where the offer's terms say no to this person now.

    Stock and counts are not looked at here: they are taken (offers/stock.py).
    """
    check_window(offer, now)
    check_person(tx, offer, who, now)


def check_window(offer: Offer, now: datetime) -> None:
    """Raises NotOffered where nobody can take it now."""
    if offer.state != LIVE:
        raise NotOffered("not_live")
    if offer.starts_at is not None and now < offer.starts_at:
        raise NotOffered("not_yet", starts_at=offer.starts_at)
    if offer.ends_at is not None and now >= offer.ends_at:
        raise NotOffered("over", ends_at=offer.ends_at)
    local = now.astimezone(SHANGHAI)
    minute = local.hour * 60 + local.minute
    if not offer.weekdays >> local.weekday() & 1:
        raise NotOffered("weekday", weekdays=offer.weekdays)
    if not offer.from_minute <= minute < offer.until_minute:
        raise NotOffered("hour", from_minute=offer.from_minute, until_minute=offer.until_minute)


def is_open(offer: Offer, now: datetime) -> bool:
    """Whether it can be taken at this moment, as far as time goes."""
    try:
        check_window(offer, now)
    except NotOffered:
        return False
    return True


def check_person(tx: Tx, offer: Offer, who: Subscriber, now: datetime) -> None:
    """Raises NotOffered where this person cannot have it, whenever it is: club, level, tier."""
    if offer.club_code is not None:
        _check_member(tx, offer, who)
    if offer.tier is not None:
        _check_tier(tx, offer, who, now)


def _check_member(tx: Tx, offer: Offer, who: Subscriber) -> None:
    level = sql.maybe_value(
        tx,
        "SELECT level FROM memberships"
        " WHERE subscriber_id = %(id)s AND club_code = %(club)s AND state = 'active'",
        {"id": who.id, "club": offer.club_code},
    )
    if level is None:
        raise NotOffered("members_only", club=offer.club_code, name=_club_name(tx, offer))
    if offer.level == "premium" and level != "premium":
        raise NotOffered(
            "level", club=offer.club_code, level=offer.level, name=_club_name(tx, offer)
        )


def _club_name(tx: Tx, offer: Offer) -> str:
    return str(
        sql.value(tx, "SELECT name FROM clubs WHERE code = %(code)s", {"code": offer.club_code})
    )


def _check_tier(tx: Tx, offer: Offer, who: Subscriber, now: datetime) -> None:
    rules, standing = tiers.live(tx), tiers.standing(tx, who, now)
    known = {tier.code for tier in rules.tiers} if rules else set()
    if (
        rules is None
        or standing is None
        or offer.tier not in known
        or rules.rank(standing.tier.code) < rules.rank(offer.tier)
    ):
        name = rules.tier(offer.tier or "").name if rules and offer.tier in known else offer.tier
        raise NotOffered("tier", tier=offer.tier, name=name)

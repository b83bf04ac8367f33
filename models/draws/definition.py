"""A draw as operators write it and as its versions are kept: one model reads both.

window and audience ─▶ a chance (free · earned · points) ─▶ number ─▶ prize ─▶ fallback ─▶ nothing
"""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import pydantic

from models.points import SHANGHAI

PPM = 1_000_000
PRIZES_MOST = 30
KINDS = THANKS, POINTS, COINS, VOUCHER, DATA, PARCEL = (
    "thanks", "points", "coins", "voucher", "data", "parcel",
)  # fmt: skip
AT_ONCE, DAILY, HOURLY = "at_once", "daily", "hourly"

Code = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
# Both stand in an SMS, which has two segments.
Title = Annotated[str, pydantic.Field(pattern=r"^\S(.*\S)?$", max_length=14)]
Count = Annotated[int, pydantic.Field(ge=1, le=10**9)]
Some = Annotated[int, pydantic.Field(ge=0, le=10**12)]


class _Part(pydantic.BaseModel):
    """What stands in a draw: nothing unknown, nothing changed after reading."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Window(_Part):
    """The days on which it can be drawn, in China; both included."""

    first: Annotated[date, pydantic.Field(alias="from")]
    until: date

    @pydantic.model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.until < self.first:
            raise ValueError("until is before from")
        return self

    @property
    def starts_at(self) -> datetime:
        return datetime.combine(self.first, time(), SHANGHAI)

    @property
    def ends_at(self) -> datetime:
        return datetime.combine(self.until + timedelta(days=1), time(), SHANGHAI)

    @property
    def days(self) -> int:
        return (self.until - self.first).days + 1


class Audience(_Part):
    """Who may draw; every line narrows it."""

    clubs: Annotated[tuple[str, ...], pydantic.Field(min_length=1, max_length=50)] = ()
    tier: str | None = None  # this one or a higher


class Limits(_Part):
    """How often somebody may draw, however the chances came about."""

    person_day: Count | None = None
    person: Count | None = None


class Budget(_Part):
    """What the prizes may cost in all: points and coins, and money for what is bought, in fen."""

    points: Some = 0
    coins: Some = 0
    fen: Some = 0


class Guaranteed(_Part):
    """After so many blanks in a row, the next blank is this prize instead, while there are some."""

    after_blanks: Annotated[int, pydantic.Field(ge=1, le=1000)]
    prize: Code


class Prize(_Part):
    """One thing that can be won. What else it needs depends on its kind (handlers/draw_files)."""

    code: Code
    title: Title
    kind: Literal["thanks", "points", "coins", "voucher", "data", "parcel"]
    odds_ppm: Annotated[int, pydantic.Field(ge=0, le=PPM)] = 0
    stock: Count | None = None
    release: Literal["at_once", "daily", "hourly"] = "at_once"
    points: Count | None = None
    coins: Count | None = None
    valid_days: Annotated[int, pydantic.Field(ge=1, le=1000)] = 90  # of points and coins
    offer: str | None = None
    service: Annotated[str, pydantic.Field(min_length=1, max_length=64)] | None = None
    or_points: Count | None = None  # given if BOSS refuses the package
    cost_fen: Some = 0
    address_days: Annotated[int, pydantic.Field(ge=2, le=60)] = 14  # then the prize is forfeited
    per_person: Count | None = None  # how often somebody can win it

    @property
    def is_blank(self) -> bool:
        return self.kind == THANKS


class Draw(_Part):
    """A whole draw."""

    code: Code
    title: Title
    about: Annotated[str, pydantic.Field(max_length=60)] = ""
    window: Window
    audience: Audience = Audience()
    price_points: Some = 0  # 0: it cannot be paid for
    free_a_day: Annotated[int, pydantic.Field(ge=0, le=100)] = 0
    earned_chances: bool = False  # whether tasks and campaigns may give chances
    limits: Limits = Limits()
    expected_draws: Count  # how many the stock is to last for
    budget: Budget = Budget()
    guaranteed: Guaranteed | None = None
    fallback: Code  # given instead of a prize that is not there
    prizes: Annotated[tuple[Prize, ...], pydantic.Field(min_length=2, max_length=PRIZES_MOST)]

    def content(self) -> dict[str, Any]:
        """What is kept of a version."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    @cached_property
    def table_hash(self) -> str:
        """SHA-256 of the version, in hex: what is published with the commitments."""
        return hash_of(self.content())

    @cached_property
    def _by_code(self) -> dict[str, Prize]:
        return {prize.code: prize for prize in self.prizes}

    def prize(self, code: str) -> Prize:
        """Raises LookupError."""
        return self._by_code[code]

    @property
    def blank(self) -> Prize:
        """What is given when nothing else is: a file without one is refused."""
        return next(prize for prize in self.prizes if prize.is_blank)


def hash_of(content: dict[str, Any]) -> str:
    """The same for the same content, whatever the order of its keys."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

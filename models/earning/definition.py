"""A rule as operators write it and as its versions are kept: one model reads both.

event and window and audience ─▶ when ─▶ amount × multiplier ─▶ caps ─▶ budget
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Annotated, Literal, Self

import pydantic

from models.earning.expressions import POINTS_MOST, SOURCE_CHARS_MOST
from models.points import ISSUING, SHANGHAI

FAMILIES = ("guidance", "retention", "revenue", "activity")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
BUDGET_MOST = 10**12
MONTHS_MOST = 60
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]|24):([0-5]\d)")

Code = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Name = Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Limit = Annotated[int, pydantic.Field(ge=1, le=BUDGET_MOST)]
Source = Annotated[str, pydantic.Field(min_length=1, max_length=SOURCE_CHARS_MOST)]


class _Part(pydantic.BaseModel):
    """What stands in a rule: nothing unknown, nothing changed after reading."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Audience(_Part):
    """Whose events count; every line narrows it."""

    # An empty list would read as nobody and mean everybody.
    clubs: Annotated[tuple[str, ...], pydantic.Field(min_length=1, max_length=50)] = ()
    level: Literal["ordinary", "premium"] | None = None  # in one of `clubs`, or in any club
    numbers: Annotated[tuple[str, ...], pydantic.Field(min_length=1, max_length=200)] = ()
    opted_in: bool | None = None
    city: object = None
    segment: object = None

    @pydantic.field_validator("city", "segment")
    @classmethod
    def _not_yet(cls, found: object) -> object:
        if found is not None:
            raise ValueError("not known yet: nothing is recorded of it about subscribers")
        return found

    @pydantic.field_validator("numbers")
    @classmethod
    def _numbers(cls, found: tuple[str, ...]) -> tuple[str, ...]:
        for each in found:
            if not re.fullmatch(r"\+[1-9][0-9]{1,14}|1[0-9]{1,10}", each):
                raise ValueError(f'"{each}" is not how a number begins, such as "138" or "+852"')
        return found

    @property
    def prefixes(self) -> tuple[str, ...]:
        """As numbers are stored: with the country in front."""
        return tuple(each if each[0] == "+" else f"+86{each}" for each in self.numbers)

    @property
    def asks(self) -> bool:
        return bool(self.clubs or self.level or self.numbers or self.opted_in is not None)


class Window(_Part):
    """When an event must have happened, by the clock in China; both days included."""

    first: Annotated[date, pydantic.Field(alias="from")]
    until: date | None = None
    days: Annotated[
        tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...],
        (pydantic.Field(min_length=1, max_length=7)),
    ] = ()
    hours: str | None = None

    @pydantic.field_validator("hours")
    @classmethod
    def _hours(cls, found: str | None) -> str | None:
        if found is not None:
            parts = _HOURS.fullmatch(found)
            if parts is None or (parts[3] == "24" and parts[4] != "00"):
                raise ValueError('should be hours such as "08:00-22:00"')
            if found[:5] == found[6:]:
                raise ValueError("begins when it ends")
        return found

    @pydantic.model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.until is not None and self.until < self.first:
            raise ValueError("until is before from")
        return self

    @cached_property
    def _minutes(self) -> tuple[int, int] | None:
        if self.hours is None:
            return None
        numbers = [int(each) for each in re.findall(r"\d+", self.hours)]
        return numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]

    def contains(self, moment: datetime) -> bool:
        """Hours that pass midnight, such as 22:00-02:00, belong to the day of the moment."""
        local = moment.astimezone(SHANGHAI)
        day = local.date()
        if day < self.first or (self.until is not None and day > self.until):
            return False
        if self.days and DAYS[day.weekday()] not in self.days:
            return False
        if self._minutes is None:
            return True
        start, end = self._minutes
        minute = local.hour * 60 + local.minute
        return start <= minute < end if start < end else minute >= start or minute < end


class Validity(_Part):
    """How long the points can be used: months, to the end of the month, or a fixed last day."""

    months: Annotated[int, pydantic.Field(ge=1, le=MONTHS_MOST)] | None = None
    until: date | None = None

    @pydantic.model_validator(mode="after")
    def _one(self) -> Self:
        if (self.months is None) == (self.until is None):
            raise ValueError("say either months or until")
        return self

    def expires_on(self, today: date) -> date:
        """The last day on which points given today can be used."""
        if self.months is None:
            return self.until or today
        following = today.year * 12 + today.month - 1 + self.months + 1
        return date(following // 12, following % 12 + 1, 1) - timedelta(days=1)


class Caps(_Part):
    """Points that the campaign gives at most; who comes close to one gets the rest."""

    person_day: Limit | None = None
    person: Limit | None = None
    day: Limit | None = None

    @cached_property
    def are_set(self) -> bool:
        return any(each is not None for each in (self.person_day, self.person, self.day))


class Chances(_Part):
    """Chances in a draw, given beside the points of an event; see models/draws/people.py."""

    draw: Annotated[str, pydantic.Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    count: Annotated[int, pydantic.Field(ge=1, le=100)] = 1


class Rule(_Part):
    """One rule: which events earn how many points for whom."""

    code: Code
    title: Annotated[str, pydantic.Field(min_length=1, max_length=30)]  # subscribers read it
    family: Literal["guidance", "retention", "revenue", "activity"]
    event: Name
    audience: Audience = Audience()
    window: Window
    when: Source | None = None
    amount: Annotated[int, pydantic.Field(ge=1, le=POINTS_MOST)] | Source
    multiplier: Annotated[float, pydantic.Field(gt=0, le=100)] = 1.0
    kind: Literal["consumption", "promotional"]
    valid: Validity
    chances: Chances | None = None
    campaign: Code | None = None
    caps: Caps = Caps()
    budget: Limit | None = None
    group: Code | None = None
    priority: Annotated[int, pydantic.Field(ge=-1000, le=1000)] = 0

    @pydantic.field_validator("multiplier")
    @classmethod
    def _hundredths(cls, found: float) -> float:
        if abs(found * 100 - round(found * 100)) > 1e-6:
            raise ValueError("has at most two decimals")
        return found

    @property
    def times_hundredths(self) -> int:
        return round(self.multiplier * 100)

    @property
    def budget_of(self) -> str:
        """The campaign whose caps and budget the rule uses: its own, unless it names one."""
        return self.campaign or self.code

    @property
    def source(self) -> str:
        """The account of the house that pays."""
        return f"campaign:{self.budget_of}" if self.budget is not None else ISSUING

    @property
    def stack(self) -> str:
        """Of the rules of one group one gives points; a rule without a group stands alone."""
        return f"group {self.group}" if self.group else f"rule {self.code}"


def midnight(day: date) -> datetime:
    """The moment at which a day begins in China."""
    return datetime.combine(day, time(), SHANGHAI)

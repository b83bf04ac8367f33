"""What somebody asks of their list of points: filters and dates in the address, and where to go on.

?show=earned&kind=promotional&since=2026-11-01&until=2026-11-30&before=<cursor>

A cursor carries the balance there, sealed for this browser and this list: one that was changed, or
comes from elsewhere, says only where, and the balance is summed up anew.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from models.points import COINS, KINDS, POINTS
from models.points.history import ALL, SHOWS, Cursor, Filters

YEARS = range(2000, 2100)
SHOW_COINS = "coins"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_CURSOR = re.compile(
    r"([0-9]{1,18})\.([0-9]{1,18})\.(-?[0-9]{1,18})\.([0-9]{1,12})\.([0-9a-f]{32})"
)
_EPOCH = datetime(1, 1, 1, tzinfo=UTC)


class Unreadable(ValueError):
    """An address that none of our pages leads to."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to show; `mistake` says in a subscriber's words what is wrong with the dates."""

    show: str = ALL
    kind: str | None = None
    since: date | None = None
    until: date | None = None
    mistake: str = ""

    @property
    def unit(self) -> str:
        return COINS if self.show == SHOW_COINS else POINTS

    @property
    def filters(self) -> Filters:
        show = ALL if self.show == SHOW_COINS else self.show
        return Filters(show=show, kind=self.kind, since=self.since, until=self.until)

    def arguments(self, **other: str | None) -> dict[str, str]:
        """What an address must carry to ask the same again, but for `other`."""
        given = {
            "show": self.show if self.show != ALL else None,
            "kind": self.kind,
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat() if self.until else None,
            **other,
        }
        return {name: value for name, value in given.items() if value}


def read(arguments: Mapping[str, str]) -> Asked:
    """What is asked for. Raises Unreadable; dates that somebody mistyped are told in `mistake`."""
    show, kind = arguments.get("show") or ALL, arguments.get("kind") or None
    if show not in (*SHOWS, SHOW_COINS) or kind not in (None, *KINDS):
        raise Unreadable("no such filter")
    try:
        since, until = _day(arguments.get("since", "")), _day(arguments.get("until", ""))
    except ValueError:
        return Asked(show, kind, mistake="日期没看懂。请这样写：2026-11-01")
    wrong = since is not None and until is not None and since > until
    return Asked(show, kind, since, until, "开始的日子比结束的晚，请换一下。" if wrong else "")


def month(text: str) -> date:
    """The first day of "2026-11". Raises Unreadable."""
    found = _MONTH.fullmatch(text)
    if found is None or int(found[1]) not in YEARS:
        raise Unreadable("no such month")
    return date(int(found[1]), int(found[2]), 1)


def write_cursor(cursor: Cursor, *, key: bytes, unit: str) -> str:
    """A cursor as it stands in an address."""
    at = (cursor.at - _EPOCH) // timedelta(microseconds=1)
    body = f"{at}.{cursor.serial}.{cursor.balance}.{max(cursor.legs, 0)}"
    # One that knows no balance gets a seal that never fits, and stays so.
    return f"{body}.{_seal(body, key, unit) if cursor.legs >= 0 else '0' * 32}"


def read_cursor(text: str, *, key: bytes, unit: str) -> Cursor | None:
    """The cursor of an address, or None for "". Raises Unreadable."""
    if not text:
        return None
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise Unreadable("no cursor of ours")
    try:
        at = _EPOCH + timedelta(microseconds=int(found[1]))
    except OverflowError as error:
        raise Unreadable("no cursor of ours") from error
    body = text.rpartition(".")[0]
    if not hmac.compare_digest(_seal(body, key, unit), found[5]):
        return Cursor(at, int(found[2]))
    return Cursor(at, int(found[2]), int(found[3]), int(found[4]))


def _seal(body: str, key: bytes, unit: str) -> str:
    return hmac.digest(key, f"{unit} {body}".encode(), hashlib.sha256).hex()[:32]


def _day(text: str) -> date | None:
    """Raises ValueError."""
    if not text:
        return None
    if not _DAY.fullmatch(text) or int(text[:4]) not in YEARS:
        raise ValueError("no such day")
    return date.fromisoformat(text)

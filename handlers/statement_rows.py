"""A person's movements as the rows of a table: for CSV, XLSX and the operators' terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from dialogs import reasons
from handlers.sheets import Row
from menus.menus import Menus
from models.points import POINTS, SHANGHAI, history
from models.points.history import Cursor, Filters, Line, Page
from models.store import Store
from models.subscribers import Subscriber
from sms.numbers import masked

UNIT_NAMES = {"points": "积分", "coins": "如意币"}


@dataclass(frozen=True, slots=True)
class Movements:
    """One person's movements, read in pages as they are needed, the newest first."""

    store: Store
    subscriber: Subscriber
    unit: str
    filters: Filters
    now: datetime
    most: int

    def lines(self) -> Iterator[Line]:
        """At most `most` lines. The first are read at once: Unavailable is raised here."""
        return self._lines(self._page(None, min(self.most, history.PAGE_LINES_MAX)))

    def _lines(self, page: Page) -> Iterator[Line]:
        left = self.most
        while True:
            yield from page.lines[:left]
            left -= len(page.lines)
            if page.older is None or left <= 0:
                return
            page = self._page(page.older, min(left, history.PAGE_LINES_MAX))

    def _page(self, before: Cursor | None, limit: int) -> Page:
        return self.store.read(
            lambda tx: history.page(
                tx, self.subscriber, now=self.now, limit=limit, unit=self.unit, before=before,
                filters=self.filters,
            )
        )  # fmt: skip


def header(unit: str = POINTS) -> list[str]:
    """The names of the columns."""
    return ["流水号", "时间", "内容", UNIT_NAMES[unit], "消费积分", "促销积分", "余额", "办理中"]


def rows(
    lines: Iterable[Line], menus: Menus, *, show_number: Callable[[str], str] = masked
) -> Iterator[Row]:
    """A row for each line; the serial number is text, amounts are numbers."""
    for line in lines:
        party = show_number(line.party) if line.party else None
        yield (
            str(line.serial or ""),
            f"{line.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}",
            reasons.words(menus, line, party=party),
            line.points,
            line.consumption,
            line.promotional,
            line.balance,
            line.held,
        )

"""Everything that is stored about one person, section by section, as of one moment.

Other people's numbers are masked before they leave this module; one-time codes and hashes never do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import psycopg

from models import sql, subscribers
from models.base import Tx
from models.points.closings import unhurried
from models.privacy.sections import DOCUMENT, NUMBER, TEXT, WHO, Section
from models.privacy.sections_activities import ACTIVITIES
from models.privacy.sections_agents import AGENTS
from models.privacy.sections_broadcasts import BROADCASTS
from models.privacy.sections_desk import DESK
from models.privacy.sections_draws import DRAWS
from models.privacy.sections_feedback import FEEDBACK
from models.privacy.sections_invitations import INVITATIONS
from models.privacy.sections_points import POINTS
from models.privacy.sections_vouchers import VOUCHERS

SECTIONS: tuple[Section, ...] = (
    *WHO, *POINTS, *VOUCHERS, *DRAWS, *ACTIVITIES, *INVITATIONS, *AGENTS, *BROADCASTS,
    *FEEDBACK,
    *DESK,
)  # fmt: skip
ROWS_AT_ONCE = 500  # in memory
# Numbers as people and programs write them within a text: here, and anywhere else with their plus.
_NUMBERS = re.compile(r"(?<![0-9])(?:(?:\+?86|0086)?1[3-9][0-9]{9}|\+[1-9][0-9]{6,14})(?![0-9])")

Mask = Callable[[str], str]  # a whole number in E.164 -> as others may see it
Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Person:
    """Whose data it is: all ids that are theirs, and what their own numbers look like."""

    id: int
    ids: tuple[int, ...]
    msisdn: str | None

    def owns(self, number: str) -> bool:
        return self.msisdn is not None and _plain(number) == _plain(self.msisdn)


def person(tx: Tx, subscriber_id: int) -> Person:
    """The person with this id, or whoever took them over. Raises LookupError."""
    found = subscribers.get(tx, subscriber_id)
    into = sql.value(
        tx, "SELECT merged_into FROM subscribers WHERE id = %(id)s", {"id": subscriber_id}
    )
    if into is not None:
        return person(tx, into)
    return Person(found.id, tuple(subscribers.family(tx, found.id)), found.msisdn)


def steadily(tx: Tx) -> None:
    """Let this transaction see one moment only, and take its time; call it first."""
    sql.run(tx, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    unhurried(tx)


def rows(tx: Tx, whose: Person, section: Section, *, mask: Mask) -> Iterator[Row]:
    """The rows of a section, read bit by bit. The transaction must be open until the last."""
    driver = cast("psycopg.Connection[Any]", tx.connection.driver_connection)
    with driver.cursor(name=f"copy_{section.name}") as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(section.statement, {"ids": list(whose.ids)})
        hows = [shown.how for shown in section.shown]
        for row in cursor:
            yield [
                value if value is None else _shown(value, how, whose, mask)
                for value, how in zip(row, hows, strict=True)
            ]


def _shown(value: Any, how: str, whose: Person, mask: Mask) -> Any:
    if how == NUMBER:
        return value if whose.owns(value) else mask(value)
    if how == TEXT:
        return hidden(str(value), whose, mask)
    if how == DOCUMENT:
        return json.loads(hidden(json.dumps(value, ensure_ascii=False), whose, mask))
    return value


def hidden(text: str, whose: Person, mask: Mask) -> str:
    """The text with every number in it masked that is not the person's own."""

    def replaced(found: re.Match[str]) -> str:
        number = found[0]
        return number if whose.owns(number) else mask(_plain(number))

    return _NUMBERS.sub(replaced, text)


def _plain(number: str) -> str:
    """138..., 86138..., 0086138... -> +86138...; others as they are."""
    digits = number.removeprefix("0086").removeprefix("+86")
    digits = digits[2:] if len(digits) == 13 and digits.startswith("86") else digits
    return f"+86{digits}" if len(digits) == 11 and not digits.startswith("+") else number

"""A list, described once: what it shows, how it is searched, and how its rows are read.

The frame makes a page, a CSV and an XLSX of it (listing_pages.py). Pages follow each other by the
key of the last row: a list of millions answers as fast at its end as at its beginning.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar

from handlers.console.forms import Form, clean
from handlers.console.visit import Visit
from handlers.console.words import _, moment
from handlers.sheets import Cell
from models.base import Tx

Row = TypeVar("Row")
Key = tuple[object, ...]
Kind = Literal["text", "number", "time", "link", "code"]

FILTER_LENGTH = 100  # characters
CURSOR_LENGTH = 600
_SEAL_LENGTH = 16


class BadCursor(ValueError):
    """A place in a list that none of our pages has given out."""


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """`cell` gives a str, an int, a datetime or None; kind "link" leads to the row's page."""

    words: str
    cell: Callable[[Row], object]
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Filter:
    """Something to search by. `choices` are (value, words), for kind "choice".

    `check` says in words what is wrong with what was typed, or "".
    """

    name: str
    words: str
    kind: Literal["text", "choice", "date"] = "text"
    choices: Sequence[tuple[str, str]] = ()
    hint: str = ""
    check: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """`fetch` gets the filters that are not empty, the key to go on after (None: from the
    beginning) and how many rows to give at most; `key` is what the rows are ordered by.

    `scope` adds what depends on who looks to the filters: it is never taken from the address.
    """

    name: str
    words: str
    columns: Sequence[Column[Row]]
    filters: Sequence[Filter]
    fetch: Callable[[Tx, Mapping[str, str], Key | None, int], list[Row]]
    key: Callable[[Row], Key]
    row_link: Callable[[Row], str] | None = None
    empty: str = ""  # what to say where there is nothing
    first: Mapping[str, str] = field(default_factory=dict)  # filters as they are at first
    scope: Callable[[Visit], Mapping[str, str]] | None = None
    # What a template of its own draws besides.
    beside: Callable[[Visit], Mapping[str, object]] | None = None

    def asked(self, arguments: Mapping[str, str]) -> Form:
        """The filters as somebody set them; `errors` says what cannot be searched for."""
        given = any(one.name in arguments for one in self.filters)
        source = arguments if given else self.first
        form = Form({one.name: clean(source.get(one.name, "")) for one in self.filters}, sent=True)
        for one in self.filters:
            if (typed := form[one.name]) and (wrong := _wrong(one, typed)):
                form.wrong(one.name, wrong)
        return form

    def cells(self, row: Row) -> list[Cell]:
        """A row of a file: times in China, numbers as numbers, everything else as text."""
        return [plain(column.cell(row)) for column in self.columns]

    def header(self) -> list[str]:
        """The names of the columns."""
        return [_(column.words) for column in self.columns]


def page_of(
    rows: Iterable[Row], key_of: Callable[[Row], Any], key: Key | None, limit: int, *, words: str,
    searched: Callable[[Row], Iterable[str]],
) -> list[Row]:  # fmt: skip
    """What `fetch` gives of a list that is short enough to be read whole: by key, and only where
    `words` is in something of the row, in whatever case."""
    wanted = words.casefold()
    found = [
        row for row in rows
        if not wanted or any(wanted in text.casefold() for text in searched(row))
    ]  # fmt: skip
    found.sort(key=key_of)
    return [row for row in found if key is None or key_of(row) > key][:limit]


def plain(value: object) -> Cell:
    """A cell as a file has it."""
    if isinstance(value, bool):
        return _("是") if value else _("否")
    if value is None or isinstance(value, int | str | Decimal):
        return value
    if isinstance(value, datetime):
        return moment(value)
    return str(value)


def _wrong(one: Filter, typed: str) -> str:
    if len(typed) > FILTER_LENGTH:
        return _("最多 {most} 个字，现在有 {n} 个", most=FILTER_LENGTH, n=len(typed))
    if one.kind == "choice" and typed not in [value for value, _words in one.choices]:
        return _("请从列表里选一个")
    if one.kind == "date" and not _is_day(typed):
        return _("日期没看懂，请这样写：2026-11-01")
    return one.check(typed) if one.check else ""


def _is_day(text: str) -> bool:
    try:
        # No years that PostgreSQL or a calendar of ours does not reach.
        return 2000 <= date.fromisoformat(text).year < 2100 and len(text) == len("2026-11-01")
    except ValueError:
        return False


def write_cursor(key: Key, *, name: str, seal: bytes) -> str:
    """A place in the list called `name`, as an address carries it; nobody can make one up."""
    body = json.dumps([_tagged(part) for part in key], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_signature(body, name, seal) + body).decode().rstrip("=")


def read_cursor(text: str, *, name: str, seal: bytes) -> Key | None:
    """The key behind a cursor, None for "". Raises BadCursor for one that is not ours."""
    if not text:
        return None
    try:
        raw = base64.urlsafe_b64decode(text[:CURSOR_LENGTH] + "=" * (-len(text) % 4))
    except ValueError as error:
        raise BadCursor("not readable") from error
    signature, body = raw[:_SEAL_LENGTH], raw[_SEAL_LENGTH:]
    if not hmac.compare_digest(signature, _signature(body, name, seal)):
        raise BadCursor("not ours")
    return tuple(_untagged(part) for part in json.loads(body))


def _signature(body: bytes, name: str, seal: bytes) -> bytes:
    return hmac.digest(seal, f"{name} ".encode() + body, hashlib.sha256)[:_SEAL_LENGTH]


def _tagged(part: object) -> object:
    """What JSON has no word for, with its kind."""
    if isinstance(part, datetime):
        return {"t": part.astimezone(UTC).isoformat()}
    if isinstance(part, date):
        return {"d": part.isoformat()}
    if part is None or isinstance(part, int | str):
        return part
    raise TypeError(f"a key cannot have a {type(part).__name__}")


def _untagged(part: object) -> object:
    if isinstance(part, dict):
        if "t" in part:
            return datetime.fromisoformat(part["t"])
        return date.fromisoformat(part["d"])
    return part

"""A merchant's own file, line by line: CSV (UTF-8 or GBK) or XLSX, with a head that names columns.

    流水号, 金额（元）        serial, amount (fen)        the unit stands in the head

Nothing in it is run: of a formula the value that its program kept is read, and where it has kept
none the line is one that nobody can read.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import IO

from handlers import delimited, spreadsheet
from models.settlement.reconciling import Bad, Theirs

# Why a line cannot be read.
NO_SERIAL, NO_AMOUNT, TOO_FINE, TOO_SHORT = "no_serial", "no_amount", "too_fine", "too_short"
WORDS = {
    NO_SERIAL: "流水号不是一个号码", NO_AMOUNT: "金额不是一个数", TOO_FINE: "金额的小数位太多",
    TOO_SHORT: "这一行缺列",
}  # fmt: skip

HEAD_LINES = 20  # in which the head must stand
EMPTY_TIMES = 4  # so many lines for each that has something in it: a file may have millions
CELL_CHARS = 200  # of a cell that are looked at
SERIAL_MOST, CENTS_MOST = 2**63 - 1, 10**15
_CENTS = {"yuan": 10_000, "fen": 100}
_SERIAL = re.compile(r"流水|券号|\bserial\b", re.IGNORECASE)
_AMOUNT = re.compile(r"金额|\bamount\b", re.IGNORECASE)
_FEN, _YUAN = re.compile(r"分|\bfen\b", re.IGNORECASE), re.compile(r"元|\byuan\b", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,10})?")

Lines = Iterator[Theirs | Bad]
Row = Sequence[object]


class Unreadable(Exception):
    """The file is none that can be compared; says why, in words for whoever sent it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may have."""

    bytes: int
    lines: int


def read(file: IO[bytes], limits: Limits) -> Lines:
    """The lines of a file, as they come; those that cannot be read are Bad. Raises Unreadable."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size == 0:
        raise Unreadable("文件是空的")
    if size > limits.bytes:
        raise Unreadable(f"文件太大：最多 {limits.bytes // 1024:,} KB")
    start = file.read(4)
    file.seek(0)
    rows = _xlsx(file, limits) if start[:2] == b"PK" else _csv(file, start)
    return _lines(rows, limits)


def _lines(rows: Iterator[tuple[int, Row]], limits: Limits) -> Lines:
    serial_at, amount_at, cents = _head(rows)
    given = 0
    for number, row in rows:
        empty = not any(_text(cell) for cell in row)
        given += not empty
        if given > limits.lines or number > EMPTY_TIMES * limits.lines:
            raise Unreadable(f"行数太多：最多 {limits.lines:,} 行")
        if empty:
            continue
        if len(row) <= max(serial_at, amount_at):
            yield Bad(number, TOO_SHORT)
        else:
            yield _line(number, row[serial_at], row[amount_at], cents)


def _head(rows: Iterator[tuple[int, Row]]) -> tuple[int, int, int]:
    """Where serial and amount stand, and how many hundredths of a fen the amount's unit is."""
    for _, row in itertools.islice(rows, HEAD_LINES):
        texts = [_text(cell) for cell in row]
        serial = next((n for n, text in enumerate(texts) if _SERIAL.search(text)), None)
        amount = next((n for n, text in enumerate(texts) if _AMOUNT.search(text)), None)
        if serial is None or amount is None:
            continue
        fen, yuan = _FEN.search(texts[amount]), _YUAN.search(texts[amount])
        if bool(fen) == bool(yuan):
            raise Unreadable("金额一列的表头要写明单位：“金额（元）”或“金额（分）”")
        return serial, amount, _CENTS["fen" if fen else "yuan"]
    raise Unreadable(f"前 {HEAD_LINES} 行里没有找到表头：要有“流水号”和“金额（元）”两列")


def _line(number: int, serial: object, amount: object, cents: int) -> Theirs | Bad:
    found = _serial(_text(serial))
    if found is None:
        return Bad(number, NO_SERIAL)
    words = _text(amount).replace(",", "").removeprefix("¥").removeprefix("￥").removesuffix("元")
    if not _NUMBER.fullmatch(words):
        return Bad(number, NO_AMOUNT)
    try:
        worth = Decimal(words) * cents
    except InvalidOperation:
        return Bad(number, NO_AMOUNT)
    if worth != worth.to_integral_value():
        return Bad(number, TOO_FINE)
    if abs(worth) > CENTS_MOST:
        return Bad(number, NO_AMOUNT)
    return Theirs(number, found, int(worth))


def _serial(text: str) -> int | None:
    digits = text.removeprefix("'")  # as we write what looks like a formula (handlers/sheets.py)
    if not digits.isascii() or not digits.isdigit() or len(digits) > 19:
        return None
    found = int(digits)
    return found if 0 < found <= SERIAL_MOST else None


def _text(cell: object) -> str:
    """A cell as text: a whole number without its .0, as spreadsheets keep all numbers."""
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    return str(cell)[:CELL_CHARS].strip() if cell is not None else ""


# -- CSV -------------------------------------------------------------------------------------------


def _csv(file: IO[bytes], start: bytes) -> Iterator[tuple[int, Row]]:
    try:
        yield from delimited.rows(file, start, columns=spreadsheet.COLUMNS_MAX)
    except spreadsheet.Unreadable as why:
        raise Unreadable(str(why)) from None


# -- XLSX ------------------------------------------------------------------------------------------


def _xlsx(file: IO[bytes], limits: Limits) -> Iterator[tuple[int, Row]]:
    try:
        for number, cells in spreadsheet.rows(
            file, most=limits.lines + HEAD_LINES, most_bytes=limits.bytes, values=True
        ):
            yield number, [cell.text for cell in cells]
    except spreadsheet.Unreadable as why:
        raise Unreadable(str(why)) from None

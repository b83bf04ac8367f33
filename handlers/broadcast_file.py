"""A file with a column of numbers: CSV, TXT (UTF-8 or GBK) or XLSX, line by line.

The column is the one whose head says so (手机号, number ...), or where the first number stands.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from handlers import delimited, spreadsheet
from handlers.spreadsheet import Unreadable
from models.broadcasts.loading import NOT_A_NUMBER, Bad, Line
from sms.numbers import NotANumber, msisdn

HEAD_LINES = 20  # in which the column must be found
EMPTY_TIMES = 4  # so many lines for each with a number: a file may have millions of empty ones
_HEAD = re.compile(r"号码|手机|电话|\b(number|phone|mobile|msisdn)\b", re.IGNORECASE)
_SCIENCE = re.compile(r"\d(\.\d+)?e\+?\d+", re.IGNORECASE)

# Why a line has no number, as the table keeps it.
NO_CELL, SCIENCE = "no_cell", "science"  # as Excel writes large numbers: 1.38E+10
REASONS = (NOT_A_NUMBER, NO_CELL, SCIENCE)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may have; an XLSX fewer lines, since each costs ten times as much to read."""

    bytes: int
    lines: int
    xlsx_lines: int


def read(file: IO[bytes], limits: Limits) -> Iterator[Line | Bad]:
    """The lines of a file, as they come, without empty ones. Raises Unreadable, at any line."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size == 0:
        raise Unreadable("文件是空的")
    if size > limits.bytes:
        raise Unreadable(f"文件太大：最多 {limits.bytes // 1024**2:,} MB")
    start = file.read(4)
    file.seek(0)
    is_xlsx = start[:2] == b"PK"
    rows = _xlsx(file, limits) if is_xlsx else _text(file, start)
    return _lines(rows, limits.xlsx_lines if is_xlsx else limits.lines)


def _lines(rows: Iterator[tuple[int, Sequence[str]]], most: int) -> Iterator[Line | Bad]:
    column, before, is_head = _column(rows)
    if is_head:
        before = before[:-1]
    given = 0
    for number, row in itertools.chain(before, rows):
        cell = row[column].strip() if len(row) > column else ""
        if not cell and not any(each.strip() for each in row):
            if number > EMPTY_TIMES * most:
                raise Unreadable("空行太多，请只留下有号码的行")
            continue
        given += 1
        if given > most:
            raise Unreadable(f"行数太多：最多 {most:,} 行，请分成几个文件，或存成 CSV")
        yield _line(number, cell)


def _line(number: int, cell: str) -> Line | Bad:
    if not cell:
        return Bad(number, NO_CELL)
    try:
        return Line(number, msisdn(cell.removeprefix("'")))
    except NotANumber:
        return Bad(number, SCIENCE if _SCIENCE.fullmatch(cell) else NOT_A_NUMBER)


def _column(
    rows: Iterator[tuple[int, Sequence[str]]],
) -> tuple[int, list[tuple[int, Sequence[str]]], bool]:
    """(where numbers stand, the lines that were read for it, whether the last one is a head)."""
    seen: list[tuple[int, Sequence[str]]] = []
    for number, row in itertools.islice(rows, HEAD_LINES):
        seen.append((number, row))
        for place, cell in enumerate(row):
            if _is_number(cell):
                return place, seen, False
        for place, cell in enumerate(row):
            if _HEAD.search(cell[:100]):
                return place, seen, True
    raise Unreadable(f"前 {HEAD_LINES} 行里没有手机号，也没有“手机号”这样的表头")


def _is_number(cell: str) -> bool:
    try:
        msisdn(cell.strip().removeprefix("'"))
    except NotANumber:
        return False
    return True


def _text(file: IO[bytes], start: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    return delimited.rows(file, start, columns=spreadsheet.COLUMNS_MAX)


def _xlsx(file: IO[bytes], limits: Limits) -> Iterator[tuple[int, Sequence[str]]]:
    for number, cells in spreadsheet.rows(
        file, most=limits.xlsx_lines + HEAD_LINES, most_bytes=limits.bytes, values=True
    ):
        yield number, [cell.text for cell in cells]

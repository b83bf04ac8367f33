"""XLSX files from outside, read within limits: nothing in one can cost more than they allow.

    bytes ──▶ a zip whose parts are few and small ──▶ rows, one after another, up to `rows` of them

openpyxl reads row by row and makes no room for what lies between two cells; calamine does, and
ends the process for a file of 5 KB with one cell at XFD1048576.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import IO, Any
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from openpyxl import load_workbook
from openpyxl.cell.read_only import EMPTY_CELL
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

UNPACKED_TIMES = 64  # an XLSX is a ZIP: more than this much larger inside is an attack
PARTS_MAX = 100
COLUMNS_MAX = 60
CELL_CHARS_MAX = 2000
# What is written of a row, at most: a column takes six tags. Each costs as much as it is quickly
# packed: a million cells in one row are a file of 20 KB, and half a minute.
TAGS_A_ROW, TAGS_BESIDE = 60, 20_000
READ_BYTES = 1 << 16


class Unreadable(Exception):
    """Why a file cannot be read, as a sentence for whoever sent it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell, as somebody would type it; `wrong`: why it cannot be read."""

    text: str
    wrong: str = ""


Row = list[Cell]


def rows(
    file: IO[bytes], *, most: int, most_bytes: int, values: bool = False
) -> Iterator[tuple[int, Row]]:
    """(number of the row, its cells) of the first sheet, without rows that are empty.

    Of a formula its program's last value with `values`; without, it is `wrong`.

    Raises Unreadable, also for more than `most` rows that have something in them.
    """
    _check_zip(file, most, most_bytes)
    try:
        book = load_workbook(file, read_only=True, keep_links=False, data_only=values)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what the file says of its size need not be so
        # Gaps between rows count as rows here: twice as many as may be filled are looked at.
        found = 0
        for number, row in enumerate(
            sheet.iter_rows(max_row=2 * most + 10, max_col=COLUMNS_MAX), 1
        ):
            if all(each is EMPTY_CELL for each in row):  # a gap, of which there may be many
                continue
            cells = [_cell(each) for each in row]
            if not any(cell.text or cell.wrong for cell in cells):
                continue
            found += 1
            if found > most:
                raise Unreadable(f"一次最多 {most - 1:,} 行，请分成几个文件")
            yield number, cells
    except Unreadable:
        raise
    except (
        InvalidFileException, DefusedXmlException, ParseError, zipfile.BadZipFile, KeyError,
        ValueError, IndexError, TypeError, AttributeError, OSError, EOFError, AssertionError,
        zlib.error,
    ) as broken:  # fmt: skip
        raise Unreadable("文件打不开：它不是 Excel 工作簿（.xlsx），或者已经损坏") from broken


def column(place: int) -> str:
    """The letters of a column: 0 is A."""
    return str(get_column_letter(place + 1))


def _check_zip(file: IO[bytes], most: int, most_bytes: int) -> None:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size > most_bytes:
        raise Unreadable(f"文件太大：最多 {most_bytes // 1024:,} KB")
    start = file.read(2)
    file.seek(0)
    if start != b"PK":
        raise Unreadable("请用 Excel 工作簿（.xlsx），不是 .xls、.csv 或别的文件")
    try:
        with zipfile.ZipFile(file) as parts:
            infos = parts.infolist()
            # zipfile gives no more of a part than is declared here, so the sum holds.
            unpacked = sum(info.file_size for info in infos)
            large = len(infos) > PARTS_MAX or unpacked > most_bytes * UNPACKED_TIMES
            if large or _has_more_tags(parts, most * TAGS_A_ROW + TAGS_BESIDE):
                raise Unreadable("文件解开后太大，请只留下要用的那张表")
    except (
        zipfile.BadZipFile, ValueError, OSError, EOFError, RuntimeError, zlib.error,
    ) as broken:  # fmt: skip
        raise Unreadable("文件打不开：它不是 Excel 工作簿（.xlsx），或者已经损坏") from broken
    file.seek(0)


def _has_more_tags(parts: zipfile.ZipFile, most: int) -> bool:
    """Whether all parts together have more tags: to count them costs a hundredth of reading."""
    for info in parts.infolist():
        with parts.open(info) as part:
            while most >= 0 and (piece := part.read(READ_BYTES)):
                most -= piece.count(b"<")
    return most < 0


def _cell(cell: Any) -> Cell:
    value, kind = cell.value, cell.data_type
    if kind == "f":
        return Cell("", "这一格是公式，请改成它的值")
    if kind == "e":
        return Cell("", f"这一格是 Excel 的错误值：{str(value)[:20]}")
    text = _typed(value)
    if len(text) > CELL_CHARS_MAX:
        return Cell("", f"最多 {CELL_CHARS_MAX} 个字，现在有 {len(text)} 个")
    return Cell(text)


def _typed(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "是" if value else "否"
        case float() if value.is_integer():
            return str(int(value))
        case datetime():
            return f"{value:%Y-%m-%d}"
        case date():
            return value.isoformat()
        case time():
            return f"{value:%H:%M}"
    return str(value).strip()

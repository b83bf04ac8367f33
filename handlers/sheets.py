"""Tables as files: CSV that opens in Chinese Excel, and XLSX, both in little memory."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import IO

import xlsxwriter

Cell = str | int | Decimal | None  # a str stays text, the others are numbers
Row = Sequence[Cell]

BOM = "\ufeff"  # without it Excel reads UTF-8 as GBK
CHUNK_BYTES = 64 * 1024
COLUMN_WIDTHS_MAX = 40
# What a spreadsheet takes for the beginning of a formula (OWASP: CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_chunks(header: Sequence[str], rows: Iterable[Row]) -> Iterator[bytes]:
    """A CSV file, a row at a time: text is quoted, numbers are not."""
    yield (BOM + _csv_line(header)).encode()
    for row in rows:
        yield _csv_line(row).encode()


def xlsx_file(title: str, header: Sequence[str], rows: Iterable[Row]) -> IO[bytes]:
    """An XLSX file of one sheet, open at its beginning; it is gone when it is closed."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller reads and closes it
    # constant_memory: 200,000 rows would take 1.8 GB otherwise. Nothing is taken for a formula.
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(file, options)
    sheet = book.add_worksheet(title)
    bold = book.add_format({"bold": True})
    sheet.freeze_panes(1, 0)
    for column, name in enumerate(header):
        sheet.set_column(column, column, min(COLUMN_WIDTHS_MAX, 8 + 2 * len(name)))
        sheet.write_string(0, column, name, bold)
    for number, row in enumerate(rows, 1):
        for column, cell in enumerate(row):
            if isinstance(cell, int | Decimal):
                sheet.write_number(number, column, cell)
            elif cell:
                sheet.write_string(number, column, cell)
    book.close()
    file.seek(0)
    return file


def in_chunks(file: IO[bytes]) -> Iterator[bytes]:
    """What is in a file, piece by piece."""
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def harmless(text: str) -> str:
    """Text that a spreadsheet does not run: with ' in front where it looks like a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv_line(row: Row) -> str:
    line = io.StringIO()
    cells = [harmless(cell) if isinstance(cell, str) else cell for cell in row]
    csv.writer(line, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n").writerow(
        ["" if cell is None else cell for cell in cells]
    )
    return line.getvalue()

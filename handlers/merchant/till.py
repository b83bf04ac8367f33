"""The till: a code is typed or photographed, the voucher looked at, and then verified, once.

GET, POST /merchant ──▶ GET, POST /merchant/check/<code> ──▶ GET /merchant/used/<code>
(a code, or a photo)    (what it is; confirm)                 (serial number and time; undo)

Addresses carry the long code alone: a typed one, whose guessing is counted, never stands in one.
"""

from __future__ import annotations

import re
import secrets

from flask import abort, redirect, request, url_for
from werkzeug.datastructures import FileStorage

from dialogs import verified
from handlers.merchant import photo, words
from handlers.merchant.frame import Desk, Page, Visit
from handlers.office.forms import Form
from handlers.office.office import FORM_KB
from models.base import Tx
from models.merchants import counter
from models.merchants.counter import Locked, NotVerified, Seen
from models.merchants.staff import Store
from models.vouchers import verifying
from models.vouchers.vouchers import CODE_LENGTH

STORE = "merchant_store"  # which store this phone stands in, of somebody who has several
STORE_LASTS_S = 90 * 24 * 3600
_KEY = re.compile(r"[A-Za-z0-9_-]{22}")  # secrets.token_urlsafe(16)


def add_routes(desk: Desk) -> None:
    """The first page, the voucher, and what was done with it."""

    @desk.page(
        "", permission="till.verify", methods=("GET", "POST"), nav="核销",
        body_kb=photo.PHOTO_KB + FORM_KB,
    )  # fmt: skip
    def till(visit: Visit) -> Page:
        form = visit.form("code", "photo", "store", store=_store_of_phone(desk, visit))
        store = _store(visit, form["store"])
        if form.sent and store is None:
            form.wrong("store", "请选择门店")
        if form.sent and store is not None and (found := _look(visit, form, store.no)):
            answer = redirect(_checking(found.voucher.code, store), 303)
            desk.guard.set_cookie(answer, STORE, str(store.no), lasts_s=STORE_LASTS_S)
            return answer
        return visit.render(
            "merchant/till.html",
            form=form,
            limit_mb=photo.PHOTO_KB // 1024,
            store_choices=[("", "请选择"), *((one.no, one.name) for one in visit.staff.stores)],
        )

    @desk.page("/check/<code>", permission="till.verify", methods=("GET", "POST"))
    def check(visit: Visit, code: str) -> Page:
        code = _long(code)
        store = _store(visit, request.values.get("store", "") or _store_of_phone(desk, visit))
        if store is None:
            return visit.go("till")
        if request.method == "POST":
            return _confirm(visit, code, store)
        return _voucher(visit, code, store)

    @desk.page("/used/<code>", permission="till.verify")
    def used(visit: Visit, code: str) -> Page:
        code = _long(code)
        line = visit.read(lambda tx: counter.live(tx, visit.staff, code))
        if line is None:  # taken back, or another store's
            return redirect(url_for("merchant.check", code=code), 303)
        until = line.at + counter.UNDO_WITHIN if line.undoable(visit.now) else None
        return visit.render("merchant/used.html", line=line, undo_until=until)


def _look(visit: Visit, form: Form, store_no: int) -> Seen | None:
    """The voucher of what was typed or photographed; None, and the form says why not."""
    file = request.files.get("photo")
    code = _photographed(visit, form, file) if file and file.filename else form["code"]
    if form.errors:
        return None
    if not verifying.tidy(code):
        words = "请输入券上的 10 位数字，或拍二维码" if not code else "券号是 10 位数字，请核对"
        form.wrong("code", words)
        return None
    found = visit.parts.store.run(  # also counts what was guessed, so it is no mere reading
        lambda tx: counter.typed(tx, visit.staff, store_no, code, visit.now)
    )
    if isinstance(found, Locked):
        minutes = max(1, -(-int((found.until - visit.now).total_seconds()) // 60))
        form.wrong("code", f"号码试错太多次了。请过 {minutes} 分钟再输，或拍二维码")
        return None
    if found is None:
        field = "photo" if file and file.filename else "code"
        form.wrong(field, "没有这张券，或者它不是本店商户的。请核对号码")
    return found


def _photographed(visit: Visit, form: Form, file: FileStorage) -> str:
    try:
        said = [text for text in photo.codes_in(file.stream) if verifying.tidy(text)]
    except photo.BadPhoto as why:
        form.wrong("photo", str(why))
        return ""
    except photo.Busy:
        abort(503)
    if not said:
        form.wrong("photo", "照片里没有找到券的二维码。请靠近一点、拍清楚，或输入券上的号码")
    if len({verifying.tidy(text) for text in said}) > 1:
        form.wrong("photo", "照片里有几张券，请一次拍一张")
    return said[0] if said else ""


def _voucher(visit: Visit, code: str, store: Store, status: int = 200) -> Page:
    seen = visit.read(lambda tx: counter.seen(tx, visit.staff, store.no, code, visit.now))
    if seen is None:
        abort(404)
    page = visit.render(
        "merchant/check.html",
        seen=seen,
        store=store,
        refusal=words.refusal(seen) if seen.why else None,
        level=words.LEVELS.get(seen.level, ""),
        key=secrets.token_urlsafe(16),
    )
    return page, status


def _confirm(visit: Visit, code: str, store: Store) -> Page:
    key = request.form.get("key", "")
    if not _KEY.fullmatch(key):
        abort(400)

    def work(tx: Tx) -> frozenset[str]:
        done = counter.verify(
            tx, visit.staff, store.no, code, key=key, by=visit.by, now=visit.now
        )  # fmt: skip
        if done.at != visit.now:  # the same form again: its owner has heard of it
            return frozenset()
        return verified.tell(tx, visit.parts.engine, done, visit.now)

    try:
        queues = visit.change(work)
    except NotVerified as refused:
        if refused.why == "unknown":
            abort(404)
        return _voucher(visit, code, store, 409)  # somebody was faster: it says where and when
    visit.parts.nudges(queues)
    return redirect(url_for("merchant.used", code=code), 303)


def _checking(code: str, store: Store) -> str:
    return url_for("merchant.check", code=code, store=store.no)


def _store(visit: Visit, typed: str) -> Store | None:
    """The store of this till: the one that is chosen, or the only one."""
    if typed.isdecimal() and len(typed) < 6:
        return visit.staff.store(int(typed))
    return visit.staff.stores[0] if not typed and len(visit.staff.stores) == 1 else None


def _store_of_phone(desk: Desk, visit: Visit) -> str:
    kept = desk.guard.cookie(STORE)
    return kept if _store(visit, kept) else ""


def _long(code: str) -> str:
    """A long code as it is stored; what is none is no page."""
    tidy = verifying.tidy(code)
    if len(tidy) != CODE_LENGTH:
        abort(404)
    return tidy

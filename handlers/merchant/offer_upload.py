"""Uploading offers: by a form, or many by a sheet; shown as people will see them, then uploaded.

GET, POST /offers/new             one, by a form ──┐
GET, POST /offers/file            many, by a sheet ┴─▶ a preview that carries them, sealed
GET       /offers/template.xlsx   the empty sheet
POST      /offers/upload          what the preview carried; the same preview twice uploads once
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import partial

from flask import Response, abort, request, url_for
from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from handlers import offer_sheet, offer_terms, offer_words
from handlers.merchant.frame import Desk, Page, Visit
from handlers.offer_sheet import BYTES_MAX, OFFERS_MAX, Line
from handlers.offer_terms import FIELDS, Known
from handlers.office.office import FORM_KB
from handlers.spreadsheet import Unreadable
from models import audit
from models.base import Tx
from models.offers import uploads
from models.offers.agreed import Terms
from models.offers.uploads import Barred

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PREVIEW_LASTS_S = 24 * 3600
ERRORS_SHOWN = 30
# What a preview carries of as many offers as a sheet has.
PREVIEW_KB = 480
NOT_OPEN = "现在还不能上传优惠：商户没有开户，或者合作暂停了。请打 10086 找商户服务。"


def add_routes(desk: Desk) -> None:
    """The two ways in, the template, and what follows the preview."""
    _add_preview_taken(desk)

    @desk.page("/offers/new", permission="offers.propose", methods=("GET", "POST"))
    def offer_new(visit: Visit) -> Page:
        known = _known(visit)
        first = {"weekdays": "每天", "hours": "全天", "refunds": "是", "valid": "30"}
        form = visit.form(*FIELDS, **first)
        if form.sent:
            terms, errors = offer_terms.read({name: form[name] for name in FIELDS}, known)
            for name, words in errors.items():
                form.wrong(name, words)
            if terms is not None and not request.form.get("again"):
                typed = {name: form[name] for name in FIELDS}
                return _preview(visit, [terms], known, typed)
        return visit.render(
            "merchant/offer_form.html", form=form, known=known, offer=None, terms=offer_terms,
            crumbs=_crumbs(),
        )  # fmt: skip

    @desk.page(
        "/offers/file", permission="offers.propose", methods=("GET", "POST"),
        body_kb=BYTES_MAX // 1024 + FORM_KB,
    )  # fmt: skip
    def offer_file(visit: Visit) -> Page:
        form = visit.form("file")
        wrong: list[Line] = []
        if form.sent:
            known = _known(visit)
            sent = request.files.get("file")
            source = sent.read(BYTES_MAX + 1) if sent else b""
            try:
                if not source:
                    raise Unreadable("请先选一个文件")
                lines = offer_sheet.read(source, known)
                wrong = [line for line in lines if line.terms is None]
                if not wrong:
                    return _preview(visit, [line.terms for line in lines if line.terms], known)
                form.wrong("file", f"有 {len(wrong)} 行要改，一行也没有上传")
            except Unreadable as why:
                form.wrong("file", str(why))
        said = [(place, words) for line in wrong for place, words in line.errors]
        return visit.render(
            "merchant/offer_file.html", form=form, wrong=said[:ERRORS_SHOWN],
            more=len(said) - ERRORS_SHOWN, most=OFFERS_MAX, kb=BYTES_MAX // 1024,
            crumbs=_crumbs(),
        )  # fmt: skip


def _add_preview_taken(desk: Desk) -> None:
    """The template, and what a preview carried."""

    @desk.page("/offers/template.xlsx", permission="offers.see")
    def offer_template(visit: Visit) -> Page:
        answer = Response(offer_sheet.template(_known(visit)), mimetype=XLSX)
        answer.headers["Content-Disposition"] = 'attachment; filename="offers.xlsx"'
        return answer

    @desk.page("/offers/upload", permission="offers.propose", methods=("POST",), body_kb=PREVIEW_KB)
    def offer_upload(visit: Visit) -> Page:
        # Longer than any field that people type; its seal is checked before anything is read.
        try:
            carried = _seal(visit).loads(
                request.form.get("carried", ""), max_age=PREVIEW_LASTS_S
            )  # fmt: skip
        except SignatureExpired:
            visit.say("预览放得太久了，请再上传一次。")
            return visit.go("offers")
        except BadData:
            abort(400)
        terms = [Terms.read(one) for one in carried["offers"]]
        try:
            made = visit.change(partial(_upload, visit=visit, terms=terms, key=carried["key"]))
        except Barred:
            visit.say(NOT_OPEN)
            return visit.go("offers")
        visit.say(f"已上传 {made} 个优惠，等运营看。")
        return visit.go("offers")


def _upload(tx: Tx, visit: Visit, terms: list[Terms], key: str) -> int:
    # Also where they are there already, from the same preview.
    audit.write(
        tx, visit.by, action="offers.send", subject=f"merchant:{visit.staff.merchant_code}",
        after={"offers": len(terms)}, now=visit.now,
    )  # fmt: skip
    for number, one in enumerate(terms):
        uploads.upload(
            tx, visit.staff.merchant_code, one, key=f"{key}:{number}", by=visit.by, now=visit.now
        )
    return len(terms)


def _preview(
    visit: Visit, offers: list[Terms], known: Known, typed: Mapping[str, str] | None = None
) -> Page:
    """Offers as they will be; `typed`: what the form goes on with, for who changes their mind.

    A browser that goes back has lost it: our pages are not kept.
    """
    carried = _seal(visit).dumps(
        {"key": secrets.token_hex(16), "offers": [one.plain() for one in offers]}
    )
    return visit.render(
        "merchant/offer_preview.html", carried=carried, words=offer_words,
        offers=[(one, offer_words.shown(one, known)) for one in offers], typed=typed or {},
        crumbs=_crumbs(),
    )  # fmt: skip


def _seal(visit: Visit) -> URLSafeTimedSerializer:
    """Only this merchant's previews are read, and only as they left us."""
    return URLSafeTimedSerializer(
        visit.parts.seal("offers").hex(), salt=visit.staff.merchant_code
    )  # fmt: skip


def _known(visit: Visit) -> Known:
    return visit.read(lambda tx: offer_terms.known(tx, visit.staff.merchant_code))


def _crumbs() -> list[tuple[str, str]]:
    return [("优惠", url_for("merchant.offers"))]

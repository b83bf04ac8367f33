"""Complaints that a merchant is asked about: what happened, and a form to answer. GET, POST."""

from __future__ import annotations

from flask import abort, url_for

from handlers.merchant.frame import Desk, Page, Visit
from models import audit, complaint_desk, complaints
from models.base import Tx
from models.complaint_desk import Known
from models.complaints import NoSuchComplaint
from models.hiding import hide_numbers
from sms.numbers import masked

SHOWN = 50
ANSWER_CHARS_MAX = 500


def add_routes(desk: Desk) -> None:
    """The list, and one with its form."""

    @desk.page("/complaints", permission="complaints.answer", nav="投诉")
    def complaints_asked(visit: Visit) -> Page:
        code = visit.staff.merchant_code
        found = visit.read(lambda tx: complaint_desk.with_merchant(tx, code, limit=SHOWN))
        return visit.render("merchant/complaints.html", complaints=[_told(one) for one in found])

    @desk.page("/complaints/<int:number>", permission="complaints.answer", methods=("GET", "POST"))
    def complaint_asked(visit: Visit, number: int) -> Page:
        code, form = visit.staff.merchant_code, visit.form("words")
        form.need("words", "请写下经过：怎么回事，打算怎么办", most=ANSWER_CHARS_MAX)
        try:
            if form.good:
                visit.change(lambda tx: _answer(tx, visit, number, form["words"]))
                visit.say("已交给客服，谢谢您。")
                return visit.go("complaints_asked")
            found = visit.read(lambda tx: complaint_desk.known(tx, code, number))
        except NoSuchComplaint:  # of another merchant, answered, or taken back: all the same
            abort(404)
        return visit.render(
            "merchant/complaint.html", form=form, one=_told(found), most=ANSWER_CHARS_MAX,
            crumbs=[("投诉", url_for("merchant.complaints_asked"))],
        )  # fmt: skip


def waiting(visit: Visit) -> int:
    """How many complaints wait for this merchant's answer."""
    code = visit.staff.merchant_code
    return len(visit.read(lambda tx: complaint_desk.with_merchant(tx, code, limit=SHOWN)))


def _answer(tx: Tx, visit: Visit, number: int, words: str) -> None:
    complaint_desk.answer(
        tx, visit.staff.merchant_code, number, words=words,
        by=f"{visit.staff.merchant_code}:{visit.by.login}"[: complaints.BY_CHARS_MAX],
        now=visit.now,
    )  # fmt: skip
    audit.write(
        tx, visit.by, action="complaint.answer", subject=f"complaint:{number}",
        after={"state": "received"}, now=visit.now,
    )  # fmt: skip


def _told(one: Known) -> dict[str, object]:
    """What the merchant may know: never a number, neither the person's nor one in the words."""
    return {
        "number": one.number,
        "name": complaints.name(one.number),
        "words": hide_numbers(one.words or "（内容已删除）"),
        "title": one.title or "",
        "serial": one.serial,
        "who": masked(one.msisdn) if one.msisdn else "微信用户",
        "opened_at": one.opened_at,
        "until": one.merchant_deadline,
    }

"""Compensation at the console: the page that proposes it, what who decides sees, and what it does.

GET, POST /complaints/<n>/compensation ──▶ a proposal ──▶ deciding.py, somebody else
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import abort, url_for

from dialogs import complaint_news
from handlers.console import person
from handlers.console.forms import Form
from handlers.console.frame import CannotApply, Console, Page, Parts, Visit
from handlers.console.person_words import complaint_number, said_about, who_acted
from handlers.console.words import _
from models import approvals, compensations, complaints, outbox
from models.approvals import REASON_LENGTH, AlreadyProposed, Proposal
from models.audit import By
from models.base import Tx
from models.compensations import Limits, NotPayable
from models.complaints import OPEN, UPHELD, Complaint, NoSuchComplaint
from models.vouchers import vouchers

WHY = {
    "closed": _("这个投诉已经办结，没有判定属实"),
    "paid": _("这个投诉已经补偿过了"),
    "refunded": _("这张券的积分已经退回过了"),
    "nothing": _("请选择退回积分，或者填写补偿积分"),
    "no_voucher": _("这个投诉没有对应的券，只能给补偿积分"),
    "not_verified": _("这张券没有核销，不用从商户扣回：请用户自己退券"),
    "too_early": _("商户十分钟内还可以撤销核销，请过一会儿再提"),
    "too_much": _("补偿积分超过了上限"),
    "nobody": _("这个用户已经不在了"),
}


def add_routes(console: Console) -> None:
    """The page that proposes."""

    @console.page(
        "/complaints/<int:number>/compensation", permission="compensations.propose",
        methods=("GET", "POST"),
    )  # fmt: skip
    def compensation(visit: Visit, number: int) -> Page:
        form = visit.form("refund", "goodwill", "reason")
        limits = limits_of(visit.parts)
        form.need("reason", _("请写明查到了什么、为什么补偿"), most=REASON_LENGTH)
        goodwill = _goodwill(form, limits)
        if form.good and _propose(visit, number, form, goodwill, limits):
            visit.say(_("已提出补偿申请，由另一个人审批后生效。"))
            return visit.go("complaint", number=number)
        try:
            found, most, why = visit.read(lambda tx: _look(tx, number, visit.now))
        except NoSuchComplaint:
            abort(404)
        return visit.render(
            "console/complaint_compensation.html", form=form, complaint=found, most=most,
            why=_(WHY[why]) if why else "", name=complaint_number(number), limits=limits,
            crumbs=[
                (_("投诉"), url_for("console.complaints")),
                (complaint_number(number), url_for("console.complaint", number=number)),
            ],
        )  # fmt: skip


def limits_of(parts: Parts) -> Limits:
    """What may be given, as the settings say."""
    given = parts.settings.complaints
    return Limits(
        goodwill_most=given.goodwill_most,
        goodwill_lasts=timedelta(days=given.goodwill_days),
        grace_days=parts.settings.points.refund_grace_days,
        upheld_costs=given.upheld_costs,
    )


def apply(tx: Tx, parts: Parts, proposal: Proposal, by: By, now: datetime) -> None:
    """Uphold and give; the person is told. Raises CannotApply: nothing has happened."""
    try:
        after, paid = compensations.apply(tx, proposal, by=by, limits=limits_of(parts), now=now)
    except NotPayable as why:
        raise CannotApply(_(WHY[why.why])) from why
    theirs = paid.goodwill_points
    if paid.refund_points and compensations.is_the_payers(tx, after):
        theirs += paid.refund_points
    complaint_news.paid(tx, parts.engine, after, points=theirs, now=now)


def after_commit(parts: Parts, proposal: Proposal) -> None:
    """What the person is told leaves now."""
    parts.nudges((outbox.REPLY,))


def details(tx: Tx, parts: Parts, proposal: Proposal) -> Mapping[str, Any]:
    """The complaint, and what would be given, as who decides sees it."""
    found = complaints.get(tx, int(proposal.payload["complaint"]))
    told = [
        (one, who_acted(one.by), said_about(one.what, one.words))
        for one in complaints.events_of(tx, found.number)
    ]
    return {
        "complaint": found,
        "name": complaint_number(found.number),
        "who": person.called(tx, found.subscriber_id),
        "words": person.hide_numbers(found.words or _("（内容已删除）")),
        "events": told,
        "voucher": _voucher(tx, found),
        "paid": compensations.of(tx, found.number),
    }


def proposed(tx: Tx, number: int) -> Proposal | None:
    """The open proposal about a complaint, or None."""
    return approvals.open_proposal(tx, compensations.KIND, compensations.subject(number))


def _voucher(tx: Tx, found: Complaint) -> vouchers.Voucher | None:
    if found.voucher_owner is None or found.voucher_id is None:
        return None
    return vouchers.get(tx, subscriber_id=found.voucher_owner, voucher_id=found.voucher_id)


def _look(tx: Tx, number: int, now: datetime) -> tuple[Complaint, int, str]:
    """(the complaint, points that can go back, why none can)."""
    found = complaints.get(tx, number)
    if found.state not in (*OPEN, UPHELD):
        return found, 0, "closed"
    if compensations.of(tx, number) is not None:
        return found, 0, "paid"
    try:
        return found, compensations.refundable(tx, found, now), ""
    except NotPayable as not_payable:
        return found, 0, not_payable.why


def _goodwill(form: Form, limits: Limits) -> int:
    typed = form["goodwill"] or "0"
    if not form.sent:
        return 0
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 6):
        form.wrong("goodwill", _("请填写整数，例如 100"))
        return 0
    if int(typed) > limits.goodwill_most:
        form.wrong("goodwill", _("补偿积分最多 {n} 分", n=limits.goodwill_most))
    return int(typed)


def _propose(visit: Visit, number: int, form: Form, goodwill: int, limits: Limits) -> bool:
    try:
        visit.change(
            lambda tx: compensations.propose(
                tx, number, refund=form["refund"] == "yes", goodwill=goodwill,
                reason=form["reason"], by=visit.by, limits=limits, now=visit.now,
            )
        )  # fmt: skip
    except NotPayable as why:
        form.wrong("goodwill" if why.why == "nothing" else "refund", _(WHY[why.why]))
    except AlreadyProposed:
        form.wrong("reason", _("这个投诉已有一个补偿申请在等待审批"))
    except NoSuchComplaint:
        abort(404)
    return form.good

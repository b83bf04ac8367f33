"""Payments: what is owed is proposed by one and approved by another, then the bank gets its file.

GET /payments?through=2026-03-31   POST /payments/propose
GET /payments/1001   POST /payments/1001/paid   POST /payments/1001.csv
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from flask import Response, abort, request, url_for

from handlers import sheets
from handlers.console.forms import Form
from handlers.console.frame import CannotApply, Console, Page, Parts, Visit
from handlers.console.words import _
from handlers.settlement_words import yuan
from handlers.sheets import Cell
from models import approvals, audit
from models.approvals import REASON_LENGTH, AlreadyProposed, Proposal
from models.audit import By
from models.base import Tx
from models.operators import accounts
from models.operators.vault import Vault
from models.points import day_of
from models.settlement import payees, payments
from models.settlement.payments import NOTE_MAX, Payment

KIND = "payment"  # of proposal
LISTED, PARTS_SHOWN = 50, 200
# In the bank's file; the account is whole there and nowhere else.
HEADER = (
    "付款单",
    "商户代码",
    "商户名称",
    "收款户名",
    "开户行",
    "收款账号",
    "金额（元）",
    "结算单",
)
FILE_PAGE = 500


def add_routes(console: Console) -> None:
    """The list with the form that proposes; a payment, its file, and that it was paid."""

    @console.page(
        "/payments", permission="payments.see", nav=_("付款"),
        about=_("给商户的付款：一个人提出，另一个人审批，再把文件交给银行。"),
    )  # fmt: skip
    def payments_list(visit: Visit) -> Page:
        yesterday = day_of(visit.now) - timedelta(days=1)
        form = visit.judge(
            Form({"through": request.args.get("through", yesterday.isoformat()), "reason": ""})
        )
        return _list(visit, form, _day(form, yesterday))

    @console.page("/payments/propose", permission="payments.propose", methods=("POST",))
    def payments_propose(visit: Visit) -> Page:
        form = visit.form("reason", "through")
        through = _day(form, day_of(visit.now) - timedelta(days=1))
        number = _propose(visit, through, form)
        if number is None:
            return _list(visit, form, through)
        visit.say(_("已提出，等另一个人审批。"))
        return visit.go("proposal", number=number)

    @console.page("/payments/<int:number>", permission="payments.see")
    def payment(visit: Visit, number: int) -> Page:
        return _payment(visit, _get(visit, number), visit.form("note"))

    @console.page("/payments/<int:number>/paid", permission="payments.propose", methods=("POST",))
    def payment_paid(visit: Visit, number: int) -> Page:
        found = _get(visit, number)
        form = visit.form("note")
        if not _mark(visit, found, form):
            return _payment(visit, found, form)
        return visit.go("payment", number=found.id)

    @console.page("/payments/<int:number>.csv", permission="payments.file", methods=("POST",))
    def payment_file(visit: Visit, number: int) -> Page:
        found = _get(visit, number)
        visit.change(
            lambda tx: audit.write(
                tx, visit.by, action="payments.file", subject=f"payment:{found.id}", now=visit.now
            )
        )
        answer = Response(
            b"".join(sheets.csv_chunks(HEADER, rows(visit, found))), mimetype="text/csv"
        )
        name = f"payment-{found.id}.csv"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


def _list(visit: Visit, form: Form, through: date) -> str:
    below = request.args.get("below", "")
    return visit.render(
        "console/payments.html",
        form=form,
        through=through,
        ready=visit.read(lambda tx: payments.ready(tx, through)),
        shown=PARTS_SHOWN,
        found=visit.read(
            lambda tx: payments.listed(
                tx, limit=LISTED,
                below=int(below) if below.isdecimal() and len(below) < 10 else None,
            )
        ),
        listed=LISTED,
        yuan=yuan,
    )  # fmt: skip


def _payment(visit: Visit, found: Payment, form: Form) -> str:
    after = request.args.get("after", "")[:32]
    parts = visit.read(lambda tx: payments.parts(tx, found.id, limit=PARTS_SHOWN + 1, after=after))
    return visit.render(
        "console/payment.html",
        form=form,
        payment=found,
        parts=parts[:PARTS_SHOWN],
        more=parts[PARTS_SHOWN - 1].merchant_code if len(parts) > PARTS_SHOWN else "",
        yuan=yuan,
        crumbs=[(_("付款"), url_for("console.payments_list"))],
    )


def rows(visit: Visit, one: Payment) -> Iterator[list[Cell]]:
    """The lines of the bank's file, the same however often it is written."""
    after, vault = "", visit.parts.vault
    while True:
        found = visit.read(
            lambda tx: payments.parts(tx, one.id, limit=FILE_PAGE, after=after)  # noqa: B023
        )
        yield from (_row(vault, one, part) for part in found)
        if len(found) < FILE_PAGE:
            return
        after = found[-1].merchant_code


def _row(vault: Vault, one: Payment, part: payments.FilePart) -> list[Cell]:
    account = payees.unseal(vault, part.merchant_code, part.sealed)
    return [
        str(one.id), part.merchant_code, part.name, account.holder, account.bank, account.number,
        yuan(part.fen * 100), " ".join(str(number) for number in part.statements),
    ]  # fmt: skip


def _get(visit: Visit, number: int) -> Payment:
    found = visit.read(lambda tx: payments.get(tx, min(number, 2**31 - 1)))
    if found is None:
        abort(404)
    return found


def _day(form: Form, latest: date) -> date:
    """The last day of what is paid: one that is over."""
    try:
        found = date.fromisoformat(form["through"])
    except ValueError:
        found = date.max
    if not date(2000, 1, 1) <= found <= latest:
        form.wrong("through", _("请写一个已经过完的日子，例如 {day}", day=latest))
        return latest
    return found


def _propose(visit: Visit, through: date, form: Form) -> int | None:
    form.need("reason", _("请写明付的是哪一期"), most=REASON_LENGTH)
    if not form.good:
        return None

    def work(tx: Tx) -> int | None:
        ready = payments.ready(tx, through)
        if not ready.parts:
            form.wrong("through", _("到这一天为止没有能付的"))
            return None
        return approvals.propose(
            tx, kind=KIND, subject=f"payment:{through}", reason=form["reason"], by=visit.by,
            payload={
                "through": through.isoformat(), "digest": ready.digest().hex(), "fen": ready.fen,
                "merchants": len(ready.parts), "statements": ready.statements,
            },
            now=visit.now,
        ).id  # fmt: skip

    if not visit.read(lambda tx: payments.ready(tx, through)).parts:
        form.wrong("through", _("到这一天为止没有能付的"))
        return None
    try:
        return visit.change(work)
    except AlreadyProposed as other:
        form.wrong("reason", _("已经有一份申请在等审批：{n} 号", n=other.proposal_id))
        return None


def _mark(visit: Visit, found: Payment, form: Form) -> bool:
    note = form.need("note", _("请写银行的回单号"), most=NOTE_MAX)
    if not form.good:
        return False

    def work(tx: Tx) -> bool:
        done = payments.mark_paid(tx, found.id, note=note, by=visit.by.login, now=visit.now)
        audit.write(
            tx, visit.by, action="payments.paid", subject=f"payment:{found.id}",
            after={"marked": done}, reason=note, now=visit.now,
        )  # fmt: skip
        return done

    visit.say(_("已记为已付。") if visit.change(work) else _("别人已经记过了。"))
    return True


# -- what approving does (deciding.py) -------------------------------------------------------------


def apply(tx: Tx, parts: Parts, proposal: Proposal, by: By, now: datetime) -> None:
    """Make the payment that was proposed. Raises CannotApply."""
    payload = proposal.payload
    try:
        made = payments.make(
            tx, date.fromisoformat(payload["through"]), digest=bytes.fromhex(payload["digest"]),
            proposal_id=proposal.id, proposed_by=accounts.get(tx, proposal.proposed_by).login,
            approved_by=by.login, now=now,
        )  # fmt: skip
    except payments.ChangedSince as since:
        raise CannotApply(_("提出之后，要付的结算单或收款账号变了，请重新提出")) from since
    audit.write(
        tx, by, action="payments.make", subject=f"payment:{made.id}", reason=proposal.reason,
        after={"fen": made.fen, "merchants": made.merchants, "statements": made.statements},
        now=now,
    )  # fmt: skip


def details(tx: Tx, parts: Parts, proposal: Proposal) -> Mapping[str, Any]:
    """What would be paid, to whom, and whose account is new."""
    ready = payments.ready(tx, date.fromisoformat(proposal.payload["through"]))
    return {
        "payload": proposal.payload,
        "ready": ready,
        "same": ready.digest().hex() == proposal.payload["digest"],
        "shown": PARTS_SHOWN,
        "yuan": yuan,
    }

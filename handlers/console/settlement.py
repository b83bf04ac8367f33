"""Settlement: every merchant's statements, their lines and files, and the account it is paid into.

GET /settlement   /settlement/1001   /settlement/1001.csv   .xlsx   .pdf
GET, POST /settlement/payees/<merchant>
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from flask import abort, request, url_for

from handlers import settlement_files
from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import (
    BadCursor,
    Column,
    Filter,
    Key,
    Listing,
    read_cursor,
    write_cursor,
)
from handlers.console.words import _
from handlers.settlement_words import yuan
from models import audit, catalogue
from models.base import Tx
from models.settlement import lines as settled
from models.settlement import payees, payments, statements
from models.settlement.payments import Payment
from models.settlement.statements import Statement

LINES = "settlement lines"  # the name of its cursors


@dataclass(frozen=True, slots=True)
class _Row:
    one: Statement
    payment: Payment | None


def add_routes(console: Console) -> None:
    """The list, a statement with its files, and a merchant's account."""
    console.listing(
        "/settlement", LISTING, permission="settlement.see", nav=_("结算"),
        about=_("每个商户每一期的结算单，逐行对得上券和流水。"),
    )  # fmt: skip
    _statement_pages(console)
    _payee_page(console)


def _statement_pages(console: Console) -> None:
    @console.page("/settlement/<int:number>", permission="settlement.see")
    def settlement_statement(visit: Visit, number: int) -> Page:
        one = _get(visit, number)
        seal, limit = visit.parts.seal("lists"), visit.parts.settings.settlement.page_lines
        try:
            after: Any = read_cursor(request.args.get("after", ""), name=LINES, seal=seal)
        except BadCursor:
            abort(404)
        lines = visit.read(
            partial(
                settled.page, merchant=one.merchant_code, first=one.first, last=one.last,
                limit=limit + 1, after=after,
            )
        )  # fmt: skip
        more = ""
        if len(lines) > limit:
            more = write_cursor(lines[limit - 1].key, name=LINES, seal=seal)
        return visit.render(
            "console/settlement_statement.html",
            one=one,
            name=visit.read(lambda tx: catalogue.merchant_name(tx, one.merchant_code)),
            payment=visit.read(lambda tx: payments.payment_of(tx, [one.id])).get(one.id),
            payee=visit.read(lambda tx: payees.of(tx, one.merchant_code)),
            lines=lines[:limit],
            more=more,
            later=after is not None,
            yuan=yuan,
            crumbs=[(_("结算"), url_for("console.settlement"))],
        )

    @console.page("/settlement/<int:number>.<form>", permission="settlement.see")
    def settlement_file(visit: Visit, number: int, form: str) -> Page:
        one = _get(visit, number)
        if form not in settlement_files.TYPES:
            abort(404)
        visit.change(
            lambda tx: audit.write(
                tx, visit.by, action="settlement.export", subject=f"statement:{one.id}",
                after={"form": form}, now=visit.now,
            )
        )  # fmt: skip
        return settlement_files.answer(
            visit.read, one, form, operator_id=visit.operator.id,
            merchant_name=visit.read(lambda tx: catalogue.merchant_name(tx, one.merchant_code)),
            pdf_lines=visit.parts.settings.settlement.pdf_lines,
            days=lambda: visit.read(lambda tx: statements.by_day(tx, one)),
        )  # fmt: skip


def _payee_page(console: Console) -> None:
    @console.page(
        "/settlement/payees/<code>", permission="settlement.payees", methods=("GET", "POST")
    )
    def settlement_payee(visit: Visit, code: str) -> Page:
        name = visit.read(lambda tx: catalogue.merchant_name(tx, code))
        if not name:
            abort(404)
        form = visit.form("holder", "bank", "number", "again", "reason")
        if form.sent and _enter(visit, code, form):
            visit.say(_("已记下新的收款账号，从下一次付款起用它。"))
            return visit.go("settlement_payee", code=code)
        return visit.render(
            "console/settlement_payee.html",
            form=form,
            code=code,
            name=name,
            payee=visit.read(lambda tx: payees.of(tx, code)),
            crumbs=[(_("结算"), url_for("console.settlement", merchant=code))],
        )


def _get(visit: Visit, number: int) -> Statement:
    found = visit.read(lambda tx: statements.get(tx, min(number, 2**31 - 1)))
    if found is None:
        abort(404)
    return found


def _enter(visit: Visit, code: str, form: Form) -> bool:
    reason = form.need(
        "reason", _("请写明依据，例如合同或盖章函件的编号"), most=audit.REASON_LENGTH
    )
    if form["again"] != form["number"]:
        form.wrong("again", _("两次输入的账号不一样"))
    words = {
        "holder": _("请写户名"), "bank": _("请写开户行"),
        "number": _(
            "账号是 {least} 到 {most} 位数字", least=payees.NUMBER_MIN, most=payees.NUMBER_MAX
        ),
    }  # fmt: skip
    try:
        account = payees.tidy(form["holder"], form["bank"], form["number"])
    except ValueError as wrong:
        form.wrong(str(wrong), words[str(wrong)])
    if not form.good:
        return False

    def work(tx: Tx) -> None:
        before = payees.of(tx, code)
        after = payees.enter(tx, visit.parts.vault, code, account, by=visit.by.login, now=visit.now)
        audit.write(
            tx, visit.by, action="settlement.payee", subject=f"merchant:{code}", reason=reason,
            before={"account": f"****{before.tail}"} if before else None,
            after={"account": f"****{after.tail}"}, now=visit.now,
        )  # fmt: skip

    visit.change(work)
    return True


# -- the list --------------------------------------------------------------------------------------


def payment_words(one: Statement, payment: Payment | None) -> str:
    """What has become of a statement."""
    if payment is None:
        return _("没有要付的") if one.fen == 0 else _("未付")
    if payment.paid_at is None:
        return _("付款单 {n}，付款中", n=payment.id)
    return _("付款单 {n}，已付", n=payment.id)


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[_Row]:
    last = date.fromisoformat(filters["last"]) if "last" in filters else None
    found = statements.listed(
        tx, limit=limit, merchant=filters.get("merchant"), last=last,
        below=int(str(key[0])) if key else None,
    )  # fmt: skip
    paid = payments.payment_of(tx, [one.id for one in found])
    return [_Row(one, paid.get(one.id)) for one in found]


LISTING: Listing[_Row] = Listing(
    name="settlement",
    words=_("结算"),
    columns=(
        Column(_("结算单"), lambda row: str(row.one.id), "link"),
        Column(_("商户"), lambda row: row.one.merchant_code, "code"),
        Column(_("从"), lambda row: row.one.first.isoformat()),
        Column(_("到"), lambda row: row.one.last.isoformat()),
        Column(_("笔数"), lambda row: row.one.lines, "number"),
        Column(_("积分"), lambda row: row.one.points, "number"),
        Column(_("应付（元）"), lambda row: yuan(row.one.fen * 100), "number"),
        Column(_("付款"), lambda row: payment_words(row.one, row.payment)),
    ),
    filters=(
        Filter("merchant", _("商户代码")),
        Filter("last", _("结算期的最后一天"), "date"),
    ),
    fetch=_fetch,
    key=lambda row: (row.one.id,),
    row_link=lambda row: url_for("console.settlement_statement", number=row.one.id),
    empty=_("还没有结算单。一期结束后由时钟自动出单。"),
)

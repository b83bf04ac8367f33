"""Reconciliations: merchants' files against ours, and the lines that somebody has to explain.

GET /reconciliations   GET, POST /reconciliations/7
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from flask import abort, request, url_for

from handlers import reconcile_file
from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.words import _
from handlers.settlement_words import yuan
from models import audit, catalogue
from models.base import Tx
from models.settlement import reconciling
from models.settlement.reconciling import Reconciliation

REASON_LENGTH, REJECTS_SHOWN = 200, 50
OUTCOMES = {
    reconciling.ONLY_OURS: _("只在我方"), reconciling.ONLY_THEIRS: _("只在商户文件"),
    reconciling.DIFFERS: _("金额不同"),
}  # fmt: skip

WHY = {
    reconcile_file.NO_SERIAL: _("流水号不是一个号码"),
    reconcile_file.NO_AMOUNT: _("金额不是一个数"),
    reconcile_file.TOO_FINE: _("金额的小数位太多"), reconcile_file.TOO_SHORT: _("这一行缺列"),
}  # fmt: skip


def add_routes(console: Console) -> None:
    """The list, and one with its work list."""
    console.listing(
        "/reconciliations", LISTING, permission="settlement.see", nav=_("对账"),
        about=_("商户的文件和我方逐行对账，不一致的行要有人写明原因。"),
    )  # fmt: skip

    @console.page(
        "/reconciliations/<int:number>", permission="settlement.see", methods=("GET", "POST")
    )
    def reconciliation(visit: Visit, number: int) -> Page:
        found = visit.read(lambda tx: reconciling.get(tx, min(number, 2**31 - 1)))
        if found is None:
            abort(404)
        form = visit.form("no", "why")
        if form.sent and _settle(visit, found, form):
            return visit.go("reconciliation", number=found.id)
        after, every = request.args.get("after", ""), request.args.get("all") == "1"
        limit = visit.parts.settings.settlement.page_lines
        work = visit.read(
            partial(
                reconciling.work_list, reconciliation_id=found.id, limit=limit + 1,
                open_only=not every,
                after=int(after) if after.isdecimal() and len(after) < 10 else 0,
            )
        )  # fmt: skip
        return visit.render(
            "console/reconciliation.html",
            form=form,
            found=found,
            name=visit.read(lambda tx: catalogue.merchant_name(tx, found.merchant_code)),
            work=work[:limit],
            more=work[limit - 1].no if len(work) > limit else 0,
            later=bool(after),
            every=every,
            open=visit.read(lambda tx: reconciling.open_findings(tx, found.id)),
            rejects=visit.read(lambda tx: reconciling.rejected(tx, found.id, limit=REJECTS_SHOWN)),
            why=WHY,
            outcomes=OUTCOMES,
            may=visit.can("reconciliations.settle"),
            yuan=yuan,
            crumbs=[(_("对账"), url_for("console.reconciliations"))],
        )


def _settle(visit: Visit, found: Reconciliation, form: Form) -> bool:
    if not visit.can("reconciliations.settle"):
        abort(403)
    why = form.need("why", _("请写明原因"), most=REASON_LENGTH)
    if not form["no"].isdecimal() or len(form["no"]) > 9:
        abort(400)
    if not form.good:
        return False
    no = int(form["no"])

    def work(tx: Tx) -> bool:
        done = reconciling.settle(tx, found.id, no, why=why, by=visit.by.login, now=visit.now)
        audit.write(
            tx, visit.by, action="settlement.settle", subject=f"reconciliation:{found.id}",
            after={"line": no, "settled": done}, reason=why, now=visit.now,
        )  # fmt: skip
        return done

    visit.say(_("已记下原因。") if visit.change(work) else _("这一行别人已经处理过了。"))
    return True


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Reconciliation]:
    return reconciling.listed(
        tx, limit=limit, merchant=filters.get("merchant"),
        below=int(str(key[0])) if key else None,
    )  # fmt: skip


LISTING: Listing[Reconciliation] = Listing(
    name="reconciliations",
    words=_("对账"),
    columns=(
        Column(_("编号"), lambda one: str(one.id), "link"),
        Column(_("商户"), lambda one: one.merchant_code, "code"),
        Column(_("从"), lambda one: one.first.isoformat()),
        Column(_("到"), lambda one: one.last.isoformat()),
        Column(_("文件"), lambda one: one.file_name),
        Column(_("一致"), lambda one: one.matched, "number"),
        Column(_("只在我方"), lambda one: one.only_ours, "number"),
        Column(_("只在商户文件"), lambda one: one.only_theirs, "number"),
        Column(_("金额不同"), lambda one: one.differs, "number"),
        Column(_("读不懂"), lambda one: one.rejected, "number"),
        Column(_("谁"), lambda one: one.by, "code"),
        Column(_("何时"), lambda one: one.at, "time"),
    ),
    filters=(Filter("merchant", _("商户代码")),),
    fetch=_fetch,
    key=lambda one: (one.id,),
    row_link=lambda one: url_for("console.reconciliation", number=one.id),
    empty=_("还没有对过账。"),
)

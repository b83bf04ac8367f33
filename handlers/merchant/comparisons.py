"""Comparing: a merchant sends its own file and sees line by line where it does not agree with ours.

GET, POST /merchant/statements/1001/compare   GET /merchant/comparisons
GET, POST /merchant/comparisons/7   each line that does not agree, settled with a reason
"""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import abort, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from handlers import reconcile_file
from handlers.merchant.frame import Desk, Page, Visit
from handlers.merchant.statements import WORDS, own
from handlers.office.forms import Form, clean
from handlers.places import Places
from models import audit
from models.base import Tx
from models.settlement import reconciling
from models.settlement.reconciling import Reconciliation
from models.settlement.statements import Statement

# A file of 100,000 lines is read for some ten seconds, with a transaction open: the pages keep the
# other connections.
FILES_AT_ONCE = 2
AROUND_KB = 16  # what comes with the file: the form's key
LISTED, REJECTS_SHOWN, NAME_LENGTH, REASON_LENGTH = 24, 20, 120, 200
OUTCOMES = {
    reconciling.ONLY_OURS: "只在平台", reconciling.ONLY_THEIRS: "只在贵方文件",
    reconciling.DIFFERS: "金额不同",
}  # fmt: skip

_places = Places(FILES_AT_ONCE)


def add_routes(desk: Desk) -> None:
    """Send a file; what came of it; what has been compared before."""

    @desk.page(
        "/statements/<int:number>/compare", permission="reconcile", methods=("GET", "POST"),
        body_kb=lambda parts: parts.settings.settlement.file_kb + AROUND_KB,
    )  # fmt: skip
    def merchant_compare(visit: Visit, number: int) -> Page:
        one = own(visit, number)
        form = visit.form("file")
        if form.sent:
            made = _compare(visit, one, form)
            if made is not None:
                visit.say(f"对账完成：{made.matched:,} 行一致。")
                return visit.go("merchant_comparison", number=made.id)
        limits = visit.parts.settings.settlement
        return visit.render(
            "merchant/compare.html", form=form, one=one, limits=limits,
            crumbs=[(f"结算单 {one.id}", url_for("merchant.merchant_statement", number=one.id))],
            **WORDS,
        )  # fmt: skip

    @desk.page("/comparisons", permission="reconcile")
    def merchant_comparisons(visit: Visit) -> Page:
        merchant = visit.staff.merchant_code
        found = visit.read(lambda tx: reconciling.listed(tx, merchant=merchant, limit=LISTED))
        return visit.render(
            "merchant/comparisons.html", found=found,
            crumbs=[("结算", url_for("merchant.merchant_statements"))], **WORDS,
        )  # fmt: skip

    @desk.page("/comparisons/<int:number>", permission="reconcile", methods=("GET", "POST"))
    def merchant_comparison(visit: Visit, number: int) -> Page:
        merchant = visit.staff.merchant_code
        found = visit.read(
            lambda tx: reconciling.get(tx, min(number, 2**31 - 1), merchant=merchant)
        )
        if found is None:
            abort(404)
        form = visit.form("no", "why")
        if form.sent and (gone := _settle(visit, found, form)) is not None:
            return gone
        return visit.render("merchant/comparison.html", form=form, **_shown(visit, found))


def _compare(visit: Visit, one: Statement, form: Form) -> Reconciliation | None:
    file = request.files.get("file")
    if file is None or not file.filename:
        form.wrong("file", "请选一个文件")
        return None
    settings = visit.parts.settings.settlement
    limits = reconcile_file.Limits(settings.file_kb * 1024, settings.file_lines)
    name, stream = clean(file.filename)[-NAME_LENGTH:], file.stream

    def work(tx: Tx) -> Reconciliation:
        found = reconciling.reconcile(
            tx, merchant=one.merchant_code, first=one.first, last=one.last,
            theirs=reconcile_file.read(stream, limits), file_name=name, by=visit.by.login,
            now=visit.now,
        )  # fmt: skip
        audit.write(
            tx, visit.by, action="settlement.reconcile", subject=f"reconciliation:{found.id}",
            after={
                "statement": one.id, "matched": found.matched, "only_ours": found.only_ours,
                "only_theirs": found.only_theirs, "differs": found.differs,
                "unreadable": found.rejected,
            },
            now=visit.now,
        )  # fmt: skip
        return found

    if not _places.take(visit.operator.id):
        abort(503)
    try:
        return visit.change(work)
    except reconcile_file.Unreadable as why:
        form.wrong("file", str(why))
        return None
    finally:
        _places.free(visit.operator.id)


def _settle(visit: Visit, found: Reconciliation, form: Form) -> BaseResponse | None:
    why = form.need("why", "请写明原因", most=REASON_LENGTH)
    if not form["no"].isdecimal() or len(form["no"]) > 9:
        abort(400)
    if not form.good:
        return None
    no = int(form["no"])

    def work(tx: Tx) -> bool:
        done = reconciling.settle(tx, found.id, no, why=why, by=visit.by.login, now=visit.now)
        audit.write(
            tx, visit.by, action="settlement.settle", subject=f"reconciliation:{found.id}",
            after={"line": no, "settled": done}, reason=why, now=visit.now,
        )  # fmt: skip
        return done

    visit.say("已记下原因。" if visit.change(work) else "这一行别人已经处理过了。")
    return visit.go("merchant_comparison", number=found.id)


def _shown(visit: Visit, found: Reconciliation) -> dict[str, Any]:
    after, every = request.args.get("after", ""), request.args.get("all") == "1"
    limit = visit.parts.settings.settlement.page_lines
    work = visit.read(
        partial(
            reconciling.work_list, reconciliation_id=found.id, limit=limit + 1, open_only=not every,
            after=int(after) if after.isdecimal() and len(after) < 10 else 0,
        )
    )  # fmt: skip
    return {
        "found": found,
        "work": work[:limit],
        "more": work[limit - 1].no if len(work) > limit else 0,
        "later": bool(after),
        "every": every,
        "open": visit.read(lambda tx: reconciling.open_findings(tx, found.id)),
        "rejects": [
            (bad.line_no, reconcile_file.WORDS.get(bad.why, bad.why))
            for bad in visit.read(
                lambda tx: reconciling.rejected(tx, found.id, limit=REJECTS_SHOWN)
            )
        ],
        "outcomes": OUTCOMES,
        "crumbs": [("对账", url_for("merchant.merchant_comparisons"))],
        **WORDS,
    }

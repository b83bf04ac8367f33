"""The money of agents: the budget that commission is paid of, and what is paid out of it.

GET       /agents/budget              what it has   POST .../fund   more of it, alone or by two
GET       /agents/payouts             what can be paid of a month, and what was
POST      /agents/payouts/propose     GET /agents/payouts/1001   POST .../paid   POST ....csv
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from flask import Response, abort, request, url_for

from handlers import sheets
from handlers.console.agents import crumbs
from handlers.console.forms import Form
from handlers.console.frame import CannotApply, Console, Page, Parts, Visit
from handlers.console.words import _
from handlers.settlement_words import yuan
from handlers.sheets import Cell
from models import approvals, audit
from models.agents import budget, payouts, rules
from models.agents.payouts import Run
from models.agents.tables import NOTE_MAX
from models.approvals import REASON_LENGTH, AlreadyProposed, Proposal
from models.audit import By
from models.base import Tx
from models.operators import accounts
from sms.numbers import masked

LISTED, PARTS_SHOWN, FILE_PAGE = 50, 200, 500
HEADER = ("付款批次", "月份", "代理点代码", "名称", "手机号", "佣金积分", "金额（元）")


def add_routes(console: Console) -> None:
    """The budget, and the payouts."""

    @console.page("/agents/budget", permission="agents.see")
    def agent_budget(visit: Visit) -> Page:
        return _budget(visit, visit.form("points", "reason", once=secrets.token_hex(8)))

    @console.page("/agents/budget/fund", permission="agents.fund", methods=("POST",))
    def agent_budget_fund(visit: Visit) -> Page:
        form = visit.form("points", "reason", "once")
        return _fund(visit, form) or _budget(visit, form)

    @console.page("/agents/payouts", permission="agents.see")
    def agent_payouts(visit: Visit) -> Page:
        latest = payouts.last_month(visit.now)
        given = {"month": request.args.get("month", f"{latest:%Y-%m}"), "reason": ""}
        form = visit.judge(Form(given))
        return _payouts(visit, form, _month(form, latest))

    @console.page("/agents/payouts/propose", permission="agents.pay", methods=("POST",))
    def agent_payouts_propose(visit: Visit) -> Page:
        form = visit.form("month", "reason")
        month = _month(form, payouts.last_month(visit.now))
        number = _propose(visit, month, form)
        if number is None:
            return _payouts(visit, form, month)
        visit.say(_("已提出，等另一个人审批。"))
        return visit.go("proposal", number=number)

    _one_run(console)


def _one_run(console: Console) -> None:
    @console.page("/agents/payouts/<int:number>", permission="agents.see")
    def agent_payout(visit: Visit, number: int) -> Page:
        return _run(visit, _get(visit, number), visit.form("note"))

    @console.page("/agents/payouts/<int:number>/paid", permission="agents.pay", methods=("POST",))
    def agent_payout_paid(visit: Visit, number: int) -> Page:
        one, form = _get(visit, number), visit.form("note")
        note = form.need("note", _("请写付款的回单号"), most=NOTE_MAX)
        if not form.good:
            return _run(visit, one, form)
        done = visit.change(
            lambda tx: payouts.mark_paid(tx, number, note=note, by=visit.by, now=visit.now)
        )
        visit.say(_("已记为已付。") if done else _("别人已经记过了。"))
        return visit.go("agent_payout", number=number)

    @console.page("/agents/payouts/<int:number>.csv", permission="agents.pay", methods=("POST",))
    def agent_payout_file(visit: Visit, number: int) -> Page:
        one = _get(visit, number)
        visit.change(
            lambda tx: audit.write(
                tx, visit.by, action="agent.payout_file", subject=f"agent_payout:{one.id}",
                now=visit.now,
            )
        )  # fmt: skip
        answer = Response(b"".join(sheets.csv_chunks(HEADER, _rows(visit, one))),
                          mimetype="text/csv")  # fmt: skip
        name = f"agent-payout-{one.id}.csv"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


# -- the budget ------------------------------------------------------------------------------------


def _budget(visit: Visit, form: Form) -> str:
    def work(tx: Tx) -> dict[str, Any]:
        return {
            "has": budget.standing(tx),
            "left": budget.left_alone(tx, visit.operator.login, visit.now),
            "alone_most": rules.live(tx).fund_alone_most,
            "fundings": budget.listed(tx, LISTED),
            "open": approvals.open_proposal(tx, budget.KIND, budget.SUBJECT),
        }

    return visit.render("console/agent_budget.html", form=form, crumbs=crumbs(), **visit.read(work))


def _fund(visit: Visit, form: Form) -> Page | None:
    """Put it in, or propose to; None where something is wrong."""
    typed = form["points"].replace(",", "")
    good = typed.isascii() and typed.isdigit() and len(typed) < 10
    if not good or not 0 < int(typed) <= budget.MOST:
        form.wrong("points", _("请写 1 到 {most} 的整数", most=budget.MOST))
    form.need("reason", _("请写明为什么"), most=REASON_LENGTH)
    if not form.good:
        return None
    amount = int(typed)
    # A form that is sent twice has the same key: points are made once.
    key = f"console:{visit.operator.id}:{form['once'][:16]}"

    def work(tx: Tx) -> None:
        if not budget.fund(
            tx, amount, key=key, by=visit.by, reason=form["reason"], now=visit.now
        ):  # fmt: skip
            audit.write(tx, visit.by, action="agent.fund_again", subject=budget.SUBJECT,
                        now=visit.now)  # fmt: skip

    try:
        visit.change(work)
    except budget.TooMuchAlone:
        return _propose_funding(visit, form, amount)
    visit.say(_("已放进 {n} 积分。", n=amount))
    return visit.go("agent_budget")


def _propose_funding(visit: Visit, form: Form, amount: int) -> Page | None:
    try:
        made = visit.change(
            lambda tx: approvals.propose(
                tx, kind=budget.KIND, subject=budget.SUBJECT, reason=form["reason"], by=visit.by,
                payload={"points": amount}, now=visit.now,
            )
        )  # fmt: skip
    except AlreadyProposed as other:
        form.wrong("points", _("已经有一份申请在等审批：{n} 号", n=other.proposal_id))
        return None
    visit.say(_("超过了一个人能放的积分，已提出，等另一个人审批。"))
    return visit.go("proposal", number=made.id)


# -- payouts ---------------------------------------------------------------------------------------


def _payouts(visit: Visit, form: Form, month: date) -> str:
    below = request.args.get("below", "")
    return visit.render(
        "console/agent_payouts.html", form=form, month=month, yuan=yuan, masked=masked,
        ready=visit.read(lambda tx: payouts.ready(tx, month)), shown=PARTS_SHOWN, listed=LISTED,
        least=visit.read(rules.live).payout_least,
        runs=visit.read(
            lambda tx: payouts.listed(
                tx, limit=LISTED,
                below=int(below) if below.isdecimal() and len(below) < 10 else None,
            )
        ),
        crumbs=crumbs(),
    )  # fmt: skip


def _run(visit: Visit, one: Run, form: Form) -> str:
    after = request.args.get("after", "")[:16]
    found = visit.read(lambda tx: payouts.parts(tx, one.id, limit=PARTS_SHOWN + 1, after=after))
    return visit.render(
        "console/agent_payout.html", form=form, run=one, parts=found[:PARTS_SHOWN], yuan=yuan,
        masked=masked, more=found[PARTS_SHOWN - 1].code if len(found) > PARTS_SHOWN else "",
        crumbs=[*crumbs(), (_("付佣金"), url_for("console.agent_payouts"))],
    )  # fmt: skip


def _rows(visit: Visit, one: Run) -> Iterator[list[Cell]]:
    after = ""
    while True:
        found = visit.read(
            lambda tx: payouts.parts(tx, one.id, limit=FILE_PAGE, after=after)  # noqa: B023
        )
        for part in found:
            yield [
                str(one.id), f"{one.month:%Y-%m}", part.code, part.name, part.number or "",
                part.points, yuan(part.fen * 100),
            ]  # fmt: skip
        if len(found) < FILE_PAGE:
            return
        after = found[-1].code


def _get(visit: Visit, number: int) -> Run:
    one = visit.read(lambda tx: payouts.get(tx, min(number, 2**31 - 1)))
    if one is None:
        abort(404)
    return one


def _month(form: Form, latest: date) -> date:
    """The first day of a month that is over."""
    try:
        found = date.fromisoformat(f"{form['month'][:7]}-01")
    except ValueError:
        found = date.max
    if not date(2000, 1, 1) <= found <= latest:
        form.wrong("month", _("请写一个已经过完的月份，例如 {month}", month=f"{latest:%Y-%m}"))
        return latest
    return found


def _propose(visit: Visit, month: date, form: Form) -> int | None:
    form.need("reason", _("请写明付的是哪一期"), most=REASON_LENGTH)
    ready = visit.read(lambda tx: payouts.ready(tx, month))
    if not ready.parts:
        form.wrong("month", _("这个月没有能付的"))
    if not form.good:
        return None
    try:
        return visit.change(
            lambda tx: approvals.propose(
                tx, kind=payouts.KIND, subject=f"agents:{month:%Y-%m}", reason=form["reason"],
                by=visit.by, now=visit.now,
                payload={
                    "month": month.isoformat(), "digest": ready.digest(), "fen": ready.fen,
                    "points": ready.points, "agents": len(ready.parts),
                },
            )
        ).id  # fmt: skip
    except AlreadyProposed as other:
        form.wrong("reason", _("已经有一份申请在等审批：{n} 号", n=other.proposal_id))
        return None


# -- what approving does (deciding.py) -------------------------------------------------------------


def apply_budget(tx: Tx, parts: Parts, proposal: Proposal, by: By, now: datetime) -> None:
    """Put in what was proposed."""
    budget.fund(
        tx, int(proposal.payload["points"]), key=f"proposal:{proposal.id}", by=by,
        reason=proposal.reason, now=now, proposal=proposal.id,
    )  # fmt: skip


def budget_details(tx: Tx, parts: Parts, proposal: Proposal) -> Mapping[str, Any]:
    """What the budget has now."""
    return {"payload": proposal.payload, "has": budget.standing(tx)}


def apply_payout(tx: Tx, parts: Parts, proposal: Proposal, by: By, now: datetime) -> None:
    """Pay out what was proposed. Raises CannotApply."""
    try:
        payouts.make(
            tx, date.fromisoformat(proposal.payload["month"]), digest=proposal.payload["digest"],
            proposal_id=proposal.id, proposed_by=accounts.get(tx, proposal.proposed_by).login,
            by=by, reason=proposal.reason, now=now,
        )  # fmt: skip
    except payouts.ChangedSince as since:
        raise CannotApply(_("提出之后，要付的佣金变了，请重新提出")) from since


def payout_details(tx: Tx, parts: Parts, proposal: Proposal) -> Mapping[str, Any]:
    """Who would get how much, and whether it still is what was proposed."""
    ready = payouts.ready(tx, date.fromisoformat(proposal.payload["month"]))
    return {
        "payload": proposal.payload, "ready": ready, "shown": PARTS_SHOWN, "yuan": yuan,
        "masked": masked, "same": ready.digest() == proposal.payload["digest"],
    }  # fmt: skip

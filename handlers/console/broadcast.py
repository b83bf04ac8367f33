"""One broadcast: looked at before it goes, proposed, started, watched, paused, stopped.

GET       /broadcasts/<n>              what it says, whom it reaches, what it costs, how far it is
GET       /broadcasts/<n>/live         how far it is, polled
GET       /broadcasts/<n>/rejects.csv  lines of the file that gave no number
POST      /broadcasts/<n>/propose      ... /test  ... /pause  ... /resume
GET, POST /broadcasts/<n>/start        ... /stop: what will happen, and a button
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from flask import Response, render_template, request, url_for

from handlers import broadcast_file, broadcasting, sheets
from handlers.console.broadcasts import CRUMBS, STATES, get
from handlers.console.forms import Form
from handlers.console.frame import CannotApply, Console, Page, Parts, Visit
from handlers.console.words import _
from handlers.sheets import Cell
from models import audit, outbox, quotas
from models.approvals import REASON_LENGTH, AlreadyProposed, Proposal
from models.audit import By
from models.base import Tx
from models.broadcasts import acting, broadcast, loading, looking, trying
from models.broadcasts.broadcast import Broadcast, WrongState
from models.broadcasts.tables import (
    APPROVED,
    DRAFT,
    PAUSED,
    PROPOSED,
    RUNNING,
)
from models.sending_policy import Policy
from sms.numbers import NotANumber, masked, msisdn

POLL_S = 3
WHY = {
    loading.NOT_A_NUMBER: _("不是手机号"), loading.REPEATED: _("和前面的号码重复"),
    broadcast_file.NO_CELL: _("这一行没有号码"),
    broadcast_file.SCIENCE: _("Excel 把号码存成了 1.38E+10，请把这一列设为文本"),
}  # fmt: skip
FILE_PAGE, REJECTS_SHOWN = 2000, 10
REASONS = {
    "opted_out": _("已退订"), "unwanted": _("不要营销短信"), "blocklist": _("在黑名单"),
    "cap": _("本周已发够"), "not_a_test": _("不是测试号码"), "gone": _("已封停或注销"),
    "no_way": _("没有号码"),
}  # fmt: skip


def add_routes(console: Console) -> None:
    """One broadcast, and what is done about it."""
    _looks(console)
    _acts(console)

    @console.page(
        "/broadcasts/<int:number>/propose", permission="broadcasts.propose", methods=("POST",)
    )
    def broadcast_propose(visit: Visit, number: int) -> Page:
        found, form = get(visit, number), visit.form("reason", "to")
        form.need("reason", _("请写明为什么发、发给谁"), most=REASON_LENGTH)
        if not form.good or not _propose(visit, found, form):
            return _page(visit, get(visit, number), form)
        visit.say(_("已提出，等另一个人审批。"))
        return visit.go("broadcast_one", number=number)

    @console.page(
        "/broadcasts/<int:number>/test", permission="broadcasts.propose", methods=("POST",)
    )
    def broadcast_test(visit: Visit, number: int) -> Page:
        found, form = get(visit, number), visit.form("reason", "to")
        if not _test(visit, found, form):
            return _page(visit, found, form)
        return visit.go("broadcast_one", number=number)


def _looks(console: Console) -> None:
    @console.page("/broadcasts/<int:number>", permission="broadcasts.see")
    def broadcast_one(visit: Visit, number: int) -> Page:
        return _page(visit, get(visit, number), visit.form("reason", "to"))

    @console.page("/broadcasts/<int:number>/live", permission="broadcasts.see")
    def broadcast_live(visit: Visit, number: int) -> Page:
        found = get(visit, number)
        answer = Response(_live(visit, found), mimetype="text/html")
        if request.args.get("state") != found.state:  # other buttons now
            answer.headers["HX-Refresh"] = "true"
        return answer

    @console.page("/broadcasts/<int:number>/rejects.csv", permission="broadcasts.see")
    def broadcast_rejects(visit: Visit, number: int) -> Page:
        found = get(visit, number)
        header = (_("行"), _("原因"))
        answer = Response(
            b"".join(sheets.csv_chunks(header, _rejects(visit, found.id))), mimetype="text/csv"
        )
        name = f"broadcast-{found.id}-rejects.csv"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer


def _acts(console: Console) -> None:
    @console.page(
        "/broadcasts/<int:number>/start", permission="broadcasts.run", methods=("GET", "POST")
    )
    def broadcast_start(visit: Visit, number: int) -> Page:
        return _asked(visit, number, "start")

    @console.page(
        "/broadcasts/<int:number>/stop", permission="broadcasts.run", methods=("GET", "POST")
    )
    def broadcast_stop(visit: Visit, number: int) -> Page:
        return _asked(visit, number, "stop")

    @console.page("/broadcasts/<int:number>/pause", permission="broadcasts.run", methods=("POST",))
    def broadcast_pause(visit: Visit, number: int) -> Page:
        _act(visit, get(visit, number), "pause", "")
        return visit.go("broadcast_one", number=number)

    @console.page("/broadcasts/<int:number>/resume", permission="broadcasts.run", methods=("POST",))
    def broadcast_resume(visit: Visit, number: int) -> Page:
        _act(visit, get(visit, number), "resume", "")
        return visit.go("broadcast_one", number=number)


def _asked(visit: Visit, number: int, do: str) -> Page:
    """What will happen, and the button that does it."""
    found, form = get(visit, number), visit.form("reason")
    if do == "stop":
        form.need("reason", _("请写明为什么"), most=REASON_LENGTH)
    if form.good and _act(visit, found, do, form["reason"]):
        return visit.go("broadcast_one", number=number)
    if do == "start" and found.state != APPROVED:
        return visit.go("broadcast_one", number=number)
    return visit.render(
        "console/broadcast_act.html", form=form, do=do, **_figures(visit, found),
        crumbs=[*CRUMBS(), (found.name, url_for("console.broadcast_one", number=number))],
    )  # fmt: skip


def policy_of(visit: Visit) -> Policy:
    """What is configured about sending."""
    return visit.parts.engine.rules.sending


def _page(visit: Visit, found: Broadcast, form: Form) -> str:
    draft = found.state in (DRAFT, PROPOSED, APPROVED)
    return visit.render(
        "console/broadcast.html",
        form=form,
        **_figures(visit, found),
        live=_live(visit, found),
        may_run=visit.can("broadcasts.run"),
        may_propose=visit.can("broadcasts.propose"),
        rejects=visit.read(lambda tx: loading.rejected(tx, found.id, limit=REJECTS_SHOWN)),
        why=WHY,
        before_it_goes=draft,
        sample=visit.read(lambda tx: looking.sample(tx, found.id, policy_of(visit), visit.now))
        if draft
        else None,
        test_numbers=len(policy_of(visit).test_numbers),
        crumbs=CRUMBS(),
    )


def _figures(visit: Visit, found: Broadcast) -> dict[str, Any]:
    return {
        "found": found,
        "state": STATES[found.state],
        "cost": broadcasting.cost_words(found),
        "masked": masked,
        "reasons": REASONS,
        "segment": segment_words(found),
        "minutes": -(-found.targets // (found.pace_s * 60)),
    }


def segment_words(found: Broadcast) -> str:
    """Whom it is for."""
    if found.segment is None:
        return found.source or _("文件里的号码")
    words: list[str] = []
    for value in found.segment.values():
        words += value if isinstance(value, list) else [value]
    return "、".join(words) or _("所有有号码的用户")


def _live(visit: Visit, found: Broadcast) -> str:
    gone = found.sent + found.delivered + found.failed
    return render_template(
        "console/_broadcast_live.html",
        visit=visit,
        found=found,
        gone=gone,
        running=found.state in (RUNNING, PAUSED) or bool(found.queued),
        every_s=POLL_S,
        reasons=REASONS,
        percent=100 * found.handled // found.targets if found.targets else 0,
        spent=f"{found.cost_of(gone) / 100:,.2f}",
        ends=looking.ends_at(found, policy_of(visit), visit.now),
    )


def _rejects(visit: Visit, number: int) -> Iterator[list[Cell]]:
    after = 0
    while True:
        found = visit.read(
            lambda tx: loading.rejected(tx, number, after=after, limit=FILE_PAGE)  # noqa: B023
        )
        for one in found:
            yield [str(one.line), _(WHY[one.why])]
        if len(found) < FILE_PAGE:
            return
        after = found[-1].line


def _propose(visit: Visit, found: Broadcast, form: Form) -> bool:
    try:
        visit.change(
            lambda tx: acting.propose(
                tx, found.id, reason=form["reason"], by=visit.by, now=visit.now
            )
        )
    except WrongState:
        form.wrong("reason", _("它已经不是草稿了，请刷新再看"))
    except acting.NotLoaded:
        form.wrong("reason", _("一个号码也没有，不能提出"))
    except AlreadyProposed as other:
        form.wrong("reason", _("已经有一份申请在等审批：{n} 号", n=other.proposal_id))
    return form.good


def _test(visit: Visit, found: Broadcast, form: Form) -> bool:
    policy, most = policy_of(visit), visit.parts.settings.broadcasts.tests_an_hour
    try:
        numbers = [msisdn(form["to"])] if form["to"] else sorted(policy.test_numbers)
    except NotANumber:
        form.wrong("to", _("不是手机号"))
        return False

    def work(tx: Tx) -> list[str] | None:
        if not quotas.take(tx, visit.operator.id, quotas.TESTS, most=most, now=visit.now):
            audit.write(
                tx, visit.by, action="broadcasts.test_refused",
                subject=broadcast.subject(found.id), now=visit.now,
            )  # fmt: skip
            return None
        return trying.send(tx, found.id, numbers, by=visit.by, policy=policy, now=visit.now)

    sent = visit.change(work)
    if sent is None:
        form.wrong("to", _("这一小时的测试次数用完了"))
    elif not sent:
        form.wrong(
            "to", _("没有可以发的号码：没有配置测试号码，或者对方已退订、本周已发够、现在是夜里")
        )
    else:
        visit.parts.nudges((outbox.BULK,))
        visit.say(_("测试短信已交给网关：{n} 个号码。", n=len(sent)))
    return form.good


def _act(visit: Visit, found: Broadcast, do: str, reason: str) -> bool:
    by, now = visit.by, visit.now

    def work(tx: Tx) -> int:
        if do == "start":
            return acting.start(tx, found.id, by=by, now=now)
        if do == "resume":
            return acting.resume(tx, found.id, by=by, now=now)
        if do == "pause":
            return acting.pause(tx, found.id, by=by, now=now)
        return acting.stop(tx, found.id, by=by, reason=reason, now=now)

    try:
        back = visit.change(work)
    except WrongState as wrong:
        visit.say(_("没有做：它现在是“{state}”。", state=_(STATES[wrong.state][0])))
        return True
    words = {
        "start": _("开始发送。"), "resume": _("接着发送。"),
        "pause": _("已暂停，收回了 {n} 条还没发出的。", n=back),
        "stop": _("已终止，收回了 {n} 条还没发出的。", n=back),
    }  # fmt: skip
    visit.say(words[do])
    return True


# -- what approving does (deciding.py) -------------------------------------------------------------


def apply(tx: Tx, parts: Parts, proposal: Proposal, by: By, now: datetime) -> None:
    """It may be started from now on. Raises CannotApply."""
    try:
        acting.approve(tx, proposal, now=now)
    except (WrongState, broadcast.NoSuchBroadcast) as changed:
        raise CannotApply(_("提出之后它变了，请重新提出")) from changed


def details(tx: Tx, parts: Parts, proposal: Proposal) -> Mapping[str, Any]:
    """What would be sent, to how many, for how much."""
    found = broadcast.get(tx, int(proposal.subject.removeprefix(f"{broadcast.KIND}:")))
    policy = parts.engine.rules.sending
    return {
        "found": found,
        "cost": broadcasting.cost_words(found),
        "segment": segment_words(found),
        "minutes": -(-found.targets // (found.pace_s * 60)),
        "sample": looking.sample(tx, found.id, policy, proposal.proposed_at),
        "reasons": REASONS,
        "masked": masked,
    }

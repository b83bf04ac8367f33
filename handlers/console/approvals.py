"""The inbox of proposals: looked at, and approved, rejected or withdrawn.

GET /approvals   GET /approvals/<id>   POST /approvals/<id> with `do`: approve, reject, withdraw
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import structlog
from flask import abort, request, url_for

from handlers.console.deciding import KINDS, Kind
from handlers.console.forms import Form
from handlers.console.frame import CannotApply, Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.words import _
from models import approvals
from models.approvals import PROPOSED, REASON_LENGTH, Proposal
from models.base import Tx
from models.operators import accounts

log = structlog.get_logger()

STATES = {
    "proposed": _("等待审批"),
    "approved": _("已通过"),
    "rejected": _("已驳回"),
    "withdrawn": _("已撤回"),
    "expired": _("已过期"),
}
COLOURS = {"proposed": "yellow", "approved": "green", "rejected": "red"}


@dataclass(frozen=True, slots=True)
class Line:
    """A proposal, and whose it is."""

    proposal: Proposal
    proposer: str


def add_routes(console: Console) -> None:
    """The inbox, and a proposal with the three ways to end it."""
    console.listing(
        "/approvals", LISTING, permission="approvals.see", nav=_("审批"),
        about=_("别人提出的修改，由第二个人看过才生效。"),
    )  # fmt: skip

    @console.page("/approvals/<int:number>", permission="approvals.see", methods=("GET", "POST"))
    def proposal(visit: Visit, number: int) -> Page:
        try:
            found = visit.read(lambda tx: approvals.get(tx, number))
        except approvals.NoSuchProposal:
            abort(404)
        kind = KINDS.get(found.kind)
        if kind is None or not visit.can(kind.see):
            abort(404)
        form = visit.form("because")
        if form.sent:
            done = _decide(visit, found, kind, form, request.form.get("do", ""))
            if done:
                return visit.go("proposal", number=number)
            found = visit.read(lambda tx: approvals.get(tx, number))
        return visit.render("console/proposal.html", **_look(visit, found, kind, form))


def waiting(visit: Visit) -> int:
    """How many proposals this operator could decide."""
    kinds = tuple(name for name, kind in KINDS.items() if visit.can(kind.decide))
    if not kinds:
        return 0
    return visit.read(
        lambda tx: approvals.waiting(tx, kinds=kinds, not_by=visit.operator.id, now=visit.now)
    )


def state_words(state: str) -> str:
    """A state as people call it."""
    return _(STATES[state])


def _look(visit: Visit, found: Proposal, kind: Kind, form: Form) -> dict[str, Any]:
    def work(tx: Tx) -> tuple[Mapping[int, str], Mapping[str, Any]]:
        details = kind.details(tx, visit.parts, found) if kind.details else {}
        return _names(tx, {found.proposed_by, found.decided_by}), details

    names, details = visit.read(work)
    is_open = found.state == PROPOSED and visit.now < found.expires_at
    mine = found.proposed_by == visit.operator.id
    return {
        **details,
        "crumbs": [(_("审批"), url_for("console.approvals"))],
        "proposal": found,
        "kind": kind,
        "names": names,
        "state": state_words(found.state),
        "colour": COLOURS.get(found.state, "grey"),
        "may_decide": is_open and not mine and visit.can(kind.decide),
        "may_withdraw": is_open and mine,
        "form": form,
    }


# -- decisions -------------------------------------------------------------------------------------


def _decide(visit: Visit, found: Proposal, kind: Kind, form: Form, do: str) -> bool:
    """Whether it is done; else the form says why not."""
    because = form.at_most("because", REASON_LENGTH)
    if do not in ("approve", "reject", "withdraw"):
        abort(400)
    if do != "withdraw" and not visit.can(kind.decide):
        abort(403)
    if do == "reject":
        form.need("because", _("请写明为什么驳回"), most=REASON_LENGTH)
    if not form.good:
        return False
    try:
        _carry_out(visit, found, kind, do, because)
    except approvals.SamePerson:
        form.wrong("because", _("自己提出的，要由别人来审批"))
    except approvals.NotTheProposer:
        form.wrong("because", _("只有提出的人才能撤回"))
    except approvals.AlreadyDecided as decided:
        form.wrong("because", _("已经有人处理过了：{state}", state=state_words(decided.state)))
    except approvals.Expired:
        form.wrong("because", _("已经过期了，请重新提出"))
    except CannotApply as why:
        form.wrong("because", _("现在不能生效：{why}", why=str(why)))
    return form.good


def _carry_out(visit: Visit, found: Proposal, kind: Kind, do: str, because: str) -> None:
    now, by = visit.now, visit.by

    def work(tx: Tx) -> Proposal:
        if do == "reject":
            return approvals.reject(tx, found.id, by=by, because=because, now=now)
        if do == "withdraw":
            return approvals.withdraw(tx, found.id, by=by, because=because, now=now)
        approved = approvals.approve(tx, found.id, by=by, because=because, now=now)
        kind.apply(tx, visit.parts, approved, by, now)
        return approved

    decided = visit.change(work)
    said = {"approve": _("已通过，并已生效。"), "reject": _("已驳回。"), "withdraw": _("已撤回。")}
    visit.say(said[do])
    if do == "approve" and kind.after_commit:
        try:
            kind.after_commit(visit.parts, decided)
        except Exception as error:
            log.error("after an approval failed", proposal=found.id, exc_info=error)
            visit.say(_("已生效，但后续步骤没有完成（如推送到微信）。请在对应页面重试。"))


# -- the list --------------------------------------------------------------------------------------


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Line]:
    kinds = tuple(filter(None, filters["kinds"].split(",")))
    if "kind" in filters:
        kinds = tuple(kind for kind in kinds if kind == filters["kind"])
    if not kinds:
        return []
    mine = filters.get("whose") == "mine"
    found = approvals.listed(
        tx,
        kinds=kinds,
        state=filters.get("state"),
        subject=filters.get("subject", ""),
        proposed_by=int(filters["me"]) if mine else None,
        before=int(str(key[0])) if key else None,
        limit=limit,
    )
    names = _names(tx, {one.proposed_by for one in found})
    return [Line(one, names[one.proposed_by]) for one in found]


def _names(tx: Tx, ids: AbstractSet[int | None]) -> dict[int, str]:
    """What operators are called; there are few on a page."""
    return {number: accounts.get(tx, number).name for number in ids if number is not None}


def _scope(visit: Visit) -> Mapping[str, str]:
    seen = (name for name, kind in KINDS.items() if visit.can(kind.see))
    return {"kinds": ",".join(seen), "me": str(visit.operator.id)}


def _kind_words(line: Line) -> str:
    return _(KINDS[line.proposal.kind].words)


LISTING: Listing[Line] = Listing(
    name="approvals",
    words=_("审批"),
    columns=(
        Column(_("内容"), _kind_words, "link"),
        Column(_("编号"), lambda line: line.proposal.id),
        Column(_("对象"), lambda line: line.proposal.subject, "code"),
        Column(_("原因"), lambda line: line.proposal.reason),
        Column(_("提出人"), lambda line: line.proposer),
        Column(_("提出时间"), lambda line: line.proposal.proposed_at, "time"),
        Column(_("状态"), lambda line: state_words(line.proposal.state)),
    ),
    filters=(
        Filter("state", _("状态"), "choice", tuple(STATES.items())),
        Filter("subject", _("对象"), hint=""),
        Filter("whose", _("谁提出的"), "choice", (("mine", _("我提出的")),)),
    ),
    fetch=_fetch,
    key=lambda line: (line.proposal.id,),
    row_link=lambda line: url_for("console.proposal", number=line.proposal.id),
    empty=_("没有等待审批的。"),
    first={"state": PROPOSED},
    scope=_scope,
)

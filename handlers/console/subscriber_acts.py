"""What customer service does with one person: each act a form that says what will happen.

/subscribers/<n>/ message · block · unbind · merge · questions/<id> · complaint · reversal/<serial>
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import abort, render_template

from handlers.console import person, subscribers
from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.person import Person
from handlers.console.person_words import CATEGORIES, complaint_number
from handlers.console.subscriber import REASON_CHARS_MAX
from handlers.console.words import _, moment
from models import approvals, audit, binding, complaints, desk, outbox, serials
from models.base import Tx
from models.desk import NoSuchPerson
from models.points import nature, reversals
from sms import segments

# Why two people cannot become one (models/binding.py).
NOT_MERGEABLE = {
    "same": _("这是同一个人"),
    "unknown": _("没有这个用户，或者已经并入他人"),
    "blocked": _("两个账户都要先解除封停"),
    "has_number": _("这个账户有自己的号码，不能并入别的号码"),
    "no_number": _("要并入的账户没有号码，或者这个账户没有微信"),
}
UNREACHABLE = {"blocked": _("用户已封停，不能发送"), "no_way": _("没有号码，微信窗口也不在")}


class Twice(Exception):
    """The form was sent before: `complaint` came of it."""

    def __init__(self, complaint: complaints.Complaint) -> None:
        super().__init__(complaint.number)
        self.complaint = complaint


Work = Callable[[Tx], object]


def add_routes(console: Console) -> None:
    """All acts on a person."""
    _add_message(console)
    _add_block(console)
    _add_accounts(console)
    _add_question(console)
    _add_complaint(console)
    _add_reversal(console)


def _add_message(console: Console) -> None:
    both = ("GET", "POST")

    @console.page(
        "/subscribers/<int:number>/message", permission="subscribers.message", methods=both
    )
    def message(visit: Visit, number: int) -> Page:
        shown, form = person.present(visit, number), visit.form("words")
        most = visit.parts.settings.desk.message_chars
        form.need("words", _("请写下要发的内容"), most=most)
        signature = visit.parts.live().text("signature", channel="sms")
        if form.good and _send(visit, shown, form, signature):
            return visit.go("subscriber", number=number)
        seen = {"most": most, "signature": signature, "size": _size(form["words"], signature)}
        return _form(visit, "message", shown, form, **seen)

    @console.page(
        "/subscribers/<int:number>/message/size", permission="subscribers.message",
        methods=("POST",),
    )  # fmt: skip
    def message_size(visit: Visit, number: int) -> Page:
        form = visit.form("words")
        signature = visit.parts.live().text("signature", channel="sms")
        return render_template(
            "console/_message_size.html", size=_size(form["words"], signature),
            most=visit.parts.settings.desk.message_chars,
        )  # fmt: skip


def _send(visit: Visit, shown: Person, form: Form, signature: str) -> bool:
    try:
        how, _owed = visit.change(
            lambda tx: desk.message(
                tx, shown.id, words=form["words"], signature=signature, by=visit.by, now=visit.now
            )
        )
    except desk.Unreachable as why:
        form.wrong("words", _(UNREACHABLE[why.why]))
        return False
    except desk.SaidAlready:
        form.wrong("words", _("同样的内容刚刚发过，没有再发"))
        return False
    except NoSuchPerson as nobody:
        person.elsewhere(nobody)
    visit.parts.nudges((outbox.REPLY,))
    by_wechat = _("已交给微信发送；微信不收时改发短信。")
    visit.say(by_wechat if how.kind == "wechat" else _("已交给短信网关发送。"))
    return True


def _size(words: str, signature: str) -> dict[str, int]:
    """How long a text is, and how many SMS it would be."""
    whole = signature + words
    return {"chars": len(words), "segments": segments.count(whole) if words else 0}


def _add_block(console: Console) -> None:
    @console.page(
        "/subscribers/<int:number>/block", permission="subscribers.block", methods=("GET", "POST")
    )
    def block(visit: Visit, number: int) -> Page:
        shown, form = person.present(visit, number), visit.form("reason", "do")
        blocked = shown.who.status == "blocked"
        form.need("reason", _("请写明原因"), most=REASON_CHARS_MAX)
        # What the page offered, so that two people's clicks do not undo each other.
        act = {"block": desk.block, "unblock": desk.unblock}.get(form["do"])
        if form.sent and act is None:
            abort(400)
        if form.good and act is not None:
            _once(
                visit,
                lambda tx: act(tx, number, by=visit.by, reason=form["reason"], now=visit.now),
                _("已封停。") if form["do"] == "block" else _("已解除封停。"),
            )
            return visit.go("subscriber", number=number)
        return _form(visit, "block", shown, form, blocked=blocked)


def _add_accounts(console: Console) -> None:
    both = ("GET", "POST")

    @console.page("/subscribers/<int:number>/unbind", permission="subscribers.merge", methods=both)
    def unbind(visit: Visit, number: int) -> Page:
        shown, form = person.present(visit, number), visit.form("reason")
        form.need("reason", _("请写明原因"), most=REASON_CHARS_MAX)
        if form.good:
            try:
                _once(
                    visit,
                    lambda tx: desk.unbind(
                        tx, number, by=visit.by, reason=form["reason"], now=visit.now
                    ),
                    _("微信绑定已解除，账户按号码保留。"),
                )
            except binding.OnlyWeChat:
                form.wrong("reason", _("这个账户只有微信，解除后就再也找不到了"))
            else:
                return visit.go("subscriber", number=number)
        return _form(visit, "unbind", shown, form)

    @console.page("/subscribers/<int:number>/merge", permission="subscribers.merge", methods=both)
    def merge(visit: Visit, number: int) -> Page:
        shown, form = person.present(visit, number), visit.form("into", "reason", "sure")
        form.need("into", _("请输入要并入的号码或用户编号"), most=subscribers.QUERY_CHARS_MAX)
        form.need("reason", _("请写明原因"), most=REASON_CHARS_MAX)
        target = _target(visit, form) if form.good else None
        # The other person must have been seen before anything is done: `sure` names them.
        if form.good and target is not None and form["sure"] == str(target.id):
            try:
                visit.change(
                    lambda tx: desk.merge(
                        tx, source=number, target=target.id, by=visit.by, reason=form["reason"],
                        now=visit.now,
                    )
                )  # fmt: skip
            except binding.NotMergeable as why:
                form.wrong("into", _(NOT_MERGEABLE[why.why]))
            else:
                visit.parts.nudges((outbox.CALL,))
                visit.say(_("已并入，积分、会籍和记录都在这里。"))
                return visit.go("subscriber", number=target.id)
        return _form(visit, "merge", shown, form, target=target if form.good else None)


def _target(visit: Visit, form: Form) -> Person | None:
    """Whom to merge into; looking for a number counts as a search."""
    try:
        wanted = subscribers.read(form["into"])
    except subscribers.Unreadable:
        form.wrong("into", _("没看懂。请输入手机号或用户编号"))
        return None
    if wanted.kind not in (subscribers.NUMBER, subscribers.PERSON):
        form.wrong("into", _("请输入手机号或用户编号"))
        return None
    result = visit.change(lambda tx: subscribers.search(tx, visit, wanted))
    if not result.allowed:
        form.wrong("into", _("这一小时查找号码的次数已用完，请用用户编号"))
        return None
    if not result.hits:
        form.wrong("into", _("没有找到这个用户"))
        return None
    return person.look(visit, result.hits[0].who.id)


def _add_question(console: Console) -> None:
    @console.page(
        "/subscribers/<int:number>/questions/<int:talk>", permission="subscribers.message",
        methods=("GET", "POST"),
    )  # fmt: skip
    def end_question(visit: Visit, number: int, talk: int) -> Page:
        shown, form = person.present(visit, number), visit.form("reason")
        form.need("reason", _("请写明原因"), most=REASON_CHARS_MAX)
        if form.good:
            _once(
                visit,
                lambda tx: desk.end_question(
                    tx, number, talk, by=visit.by, reason=form["reason"], now=visit.now
                ),
                _("问题已结束，用户之后的回答不再算数。"),
            )
            return visit.go("subscriber", number=number)
        question = next((one for one in shown.questions if one.id == talk and one.asking), None)
        if question is None:
            abort(404)
        return _form(visit, "question", shown, form, question=question)


def _add_complaint(console: Console) -> None:
    @console.page(
        "/subscribers/<int:number>/complaint", permission="complaints.open",
        methods=("GET", "POST"),
    )  # fmt: skip
    def open_complaint(visit: Visit, number: int) -> Page:
        shown, form = person.present(visit, number), visit.form("category", "words", "serial")
        form.one_of("category", complaints.CATEGORIES, _("请选一类"))
        form.need("words", _("请写下投诉的内容"), most=complaints.WORDS_MAX)
        if form.sent and form["serial"] and not _is_serial(form["serial"]):
            form.wrong("serial", _("流水号只有数字"))
        if form.good and (opened := _open(visit, shown, form)):
            visit.say(_("投诉 {number} 已受理。", number=complaint_number(opened.number)))
            return visit.go("complaint", number=opened.number)
        hours = visit.parts.settings.desk.complaint_hours
        categories = [(name, _(words)) for name, words in CATEGORIES.items()]
        return _form(visit, "complaint", shown, form, categories=categories, hours=hours)


def _open(visit: Visit, shown: Person, form: Form) -> complaints.Complaint | None:
    serial = int(form["serial"]) if form["serial"] else None

    def work(tx: Tx) -> complaints.Complaint:
        who = desk.hold(tx, shown.id)
        twin = complaints.opened_since(
            tx, person=who.id, words=form["words"], by=visit.by.login,
            since=visit.now - desk.SAME_AGAIN,
        )  # fmt: skip
        if twin is not None:
            raise Twice(twin)
        opened = complaints.open_one(
            tx, person=who.id, category=form["category"], words=form["words"], serial=serial,
            by=visit.by.login, channel="console", now=visit.now,
            lasts=timedelta(hours=visit.parts.settings.desk.complaint_hours),
        )  # fmt: skip
        audit.write(
            tx, visit.by, action="complaint.open", subject=f"complaint:{opened.number}",
            after={"subscriber": who.id, "category": opened.category, "serial": serial},
            now=visit.now,
        )  # fmt: skip
        return opened

    try:
        return visit.change(work)
    except Twice as already:
        return already.complaint
    except complaints.NotTheirs:
        form.wrong("serial", _("这个用户没有这笔流水"))
    except NoSuchPerson as nobody:
        person.elsewhere(nobody)
    return None


def _is_serial(typed: str) -> bool:
    return typed.isascii() and typed.isdigit() and len(typed) <= subscribers.LONGEST_ID


def _add_reversal(console: Console) -> None:
    @console.page(
        "/subscribers/<int:number>/reversal/<int:serial>", permission="reversals.propose",
        methods=("GET", "POST"),
    )  # fmt: skip
    def reversal(visit: Visit, number: int, serial: int) -> Page:
        shown, form = person.present(visit, number), visit.form("reason", "partial")
        if serial >= 10**subscribers.LONGEST_ID:
            abort(404)
        form.need("reason", _("请写明为什么要撤销"), most=REASON_CHARS_MAX)
        if form.good and _propose(visit, shown, serial, form):
            visit.say(_("已提出撤销申请，由另一个人审批后生效。"))
            return visit.go("subscriber", number=number)
        try:
            what = visit.read(lambda tx: _transfer(tx, shown, serial))
        except (nature.NoSuchTransfer, complaints.NotTheirs):
            abort(404)
        return _form(visit, "reversal", shown, form, transfer=what)


def _transfer(tx: Tx, shown: Person, serial: int) -> nature.Nature:
    if not serials.is_theirs(tx, shown.id, serial):
        raise complaints.NotTheirs(serial)
    return nature.nature(tx, serial)


def _propose(visit: Visit, shown: Person, serial: int, form: Form) -> bool:
    try:
        visit.change(
            lambda tx: desk.propose_reversal(
                tx, shown.id, serial, partial=form["partial"] == "yes", reason=form["reason"],
                by=visit.by, now=visit.now,
            )
        )  # fmt: skip
    except (nature.NoSuchTransfer, complaints.NotTheirs):
        abort(404)
    except desk.PaidAVoucher:
        form.wrong("reason", _("这笔积分换了券：没用的券请用户退券，用过的请走投诉补偿"))
    except reversals.NotReversible:
        form.wrong("reason", _("这种流水不能撤销：只有转赠、发放和消费可以"))
    except reversals.AlreadyProposed as already:
        other = already.reversal
        form.wrong(
            "reason",
            _("{when} 已由 {who} 申请过了", when=moment(other.proposed_at), who=other.proposed_by),
        )
    except approvals.AlreadyProposed:
        form.wrong("reason", _("这笔流水已有一个撤销申请在等待审批"))
    except NoSuchPerson as nobody:
        person.elsewhere(nobody)
    return form.good


def _once(visit: Visit, work: Work, done: str) -> None:
    """Do it and say so; or say that somebody else has been there before."""
    try:
        visit.change(work)
    except desk.Nothing:
        visit.say(_("已经是这样了，没有改变什么。"))
    except NoSuchPerson as nobody:
        person.elsewhere(nobody)
    else:
        visit.parts.nudges((outbox.CALL,))
        visit.say(done)


def _form(visit: Visit, name: str, shown: Person, form: Form, **more: Any) -> str:
    """The page of an act."""
    return visit.render(
        f"console/subscriber_{name}.html", person=shown, form=form, crumbs=person.crumbs(shown),
        **more,
    )  # fmt: skip

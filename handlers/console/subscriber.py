"""One person's page: who it is, what is open, and everything that happened, the newest first.

GET  /subscribers/<n>            ?group=messages&before=<cursor>
POST /subscribers/<n>/notes      a note for colleagues
GET, POST /subscribers/<n>/number   the whole number, for a reason, on one page view
"""

from __future__ import annotations

from dataclasses import replace

from flask import abort, request

from handlers.console import person
from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.person import Person
from handlers.console.person_words import GROUPS, complaint_number, tell
from handlers.console.words import _
from models import audit, complaints, desk, quotas, timeline
from models.base import Tx
from models.desk import NoSuchPerson
from models.timeline import Cursor

REASON_CHARS_MAX = 200


def add_routes(console: Console) -> None:
    """The page, its notes, and the number."""

    @console.page("/subscribers/<int:number>", permission="subscribers.find")
    def subscriber(visit: Visit, number: int) -> Page:
        return _draw(visit, person.look(visit, number), visit.form("words"))

    @console.page(
        "/subscribers/<int:number>/notes", permission="subscribers.find", methods=("POST",)
    )
    def note(visit: Visit, number: int) -> Page:
        form = visit.form("words")
        form.need("words", _("请写下备注"), most=complaints.WORDS_MAX)
        if not form.good:
            return _draw(visit, person.present(visit, number), form)
        try:
            visit.change(
                lambda tx: desk.note(tx, number, words=form["words"], by=visit.by, now=visit.now)
            )
        except NoSuchPerson as nobody:
            person.elsewhere(nobody)
        except desk.Nothing:  # a double click: it is kept already
            pass
        visit.say(_("备注已保存。"))
        return visit.go("subscriber", number=number)

    @console.page(
        "/subscribers/<int:number>/number", permission="subscribers.unmask",
        methods=("GET", "POST"),
    )  # fmt: skip
    def unmask(visit: Visit, number: int) -> Page:
        shown, form = person.look(visit, number), visit.form("reason")
        if not shown.number:
            abort(404)
        form.need("reason", _("请写明为什么要看完整号码"), most=REASON_CHARS_MAX)
        if form.good and _take(visit, shown, form):
            return _draw(visit, shown.unmasked(), Form({"words": ""}))
        most = visit.parts.settings.desk.numbers_shown_an_hour
        return visit.render(
            "console/subscriber_unmask.html",
            person=shown,
            form=form,
            most=most,
            crumbs=person.crumbs(shown),
        )


def _take(visit: Visit, shown: Person, form: Form) -> bool:
    """Count and note that the number is looked at; False: not this hour any more."""
    most = visit.parts.settings.desk.numbers_shown_an_hour

    def work(tx: Tx) -> bool:
        allowed = quotas.take(tx, visit.operator.id, quotas.UNMASK, most=most, now=visit.now)
        audit.write(
            tx, visit.by, action="subscriber.unmask", subject=desk.subject(shown.id),
            after={"allowed": allowed}, reason=form["reason"], now=visit.now,
        )  # fmt: skip
        return allowed

    allowed = visit.change(work)
    if not allowed:
        form.wrong("reason", _("这一小时查看完整号码的次数已用完（{n} 次）", n=most))
    return allowed


def _draw(visit: Visit, shown: Person, form: Form) -> str:
    group, before = _asked()
    limit = visit.parts.settings.desk.timeline_entries
    page = visit.read(
        lambda tx: timeline.page(tx, shown.id, limit=limit, before=before, group=group)
    )
    menus, may_reverse = visit.parts.live(), visit.can("reversals.propose")
    return visit.render(
        "console/subscriber.html",
        person=shown,
        form=form,
        group=group,
        groups=[(name, _(words)) for name, words in GROUPS.items()],
        entries=[
            tell(entry, menus, person=shown.id, may_reverse=may_reverse) for entry in page.entries
        ],
        older=timeline.write_cursor(page.older) if page.older else "",
        first_page=before is None,
        notes=[
            replace(one, words=person.hide_numbers(one.words or _("（内容已删除）")))
            for one in shown.notes
        ],
        complaint_number=complaint_number,
        crumbs=person.crumbs(),
    )


def _asked() -> tuple[str, Cursor | None]:
    group = request.args.get("group", "all")
    if group not in GROUPS:
        abort(404)
    try:
        return group, timeline.read_cursor(request.args.get("before", ""))
    except ValueError:
        abort(404)

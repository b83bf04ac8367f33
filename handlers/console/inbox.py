"""The inbox: people who wait for a person of ours, and the talk with one of them.

GET /inbox   GET, POST /inbox/<n> with `do`: take, answer, back, close   GET /inbox/<n>/talk: htmx
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import Response, abort, render_template, request, url_for

from dialogs import attended
from handlers.console import person
from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.person_words import CHANNELS
from handlers.console.subscriber_acts import UNREACHABLE
from handlers.console.words import _
from models import audit, desk, handover_desk, handover_pictures, handovers, outbox, subscribers
from models.base import Tx
from models.handovers import Elsewhere, Handover, NoSuchHandover, Over
from models.hiding import hide_numbers
from models.operators import accounts

WORDS_SHOWN = 200  # of a talk, the last ones
PREVIEW_CHARS = 40
TAKE, ANSWER, BACK, CLOSE = DOES = ("take", "answer", "back", "close")
MINE = "mine"
STATES = {"waiting": _("等待接待"), "taken": _("接待中"), "closed": _("已结束")}
COLOURS = {"waiting": "yellow", "taken": "blue", "closed": "grey"}
SHOWS = (("waiting", _("等待接待")), (MINE, _("我接待的")), ("taken", _("接待中")))
ENDED_BY = {
    "person": _("用户结束"), "operator": _("客服结束"), "clock": _("超时结束"),
    "merge": _("账户合并"),
}  # fmt: skip
NO_TEXT = _("（发来的不是文字）")
# What somebody sent that is no text.
KINDS = {
    "image": _("（发来一张图片）"), "voice": _("（发来一段语音，没有听出文字）"),
    "video": _("（发来一段视频，这里看不到）"), "link": _("（发来一个链接）"),
}  # fmt: skip


def add_routes(console: Console) -> None:
    """The list, and a talk."""
    console.listing(
        "/inbox", LISTING, permission="subscribers.message", nav=_("人工服务"),
        about=_("回复“人工”找客服的用户，等得最久的在最前面。"),
    )  # fmt: skip

    @console.page(
        "/inbox/<int:number>", permission="subscribers.message", methods=("GET", "POST")
    )  # fmt: skip
    def talk(visit: Visit, number: int) -> Page:
        form, do = visit.form("words"), request.form.get("do", "")
        if form.sent:
            if do not in DOES:
                abort(400)
            if do == ANSWER:
                form.need("words", _("请写下要回复的内容"), most=_most(visit))
            if form.good and _act(visit, number, do, form):
                visit.parts.nudges((outbox.REPLY,))
                if do in (BACK, CLOSE):
                    visit.say(_("已放回，别的客服可以接待。") if do == BACK else _("已结束。"))
                    return visit.go("inbox")
                return visit.go("talk", number=number)
        seen = _shown(visit, number)
        person.note_look(visit, seen["who"].id)
        return visit.render(
            "console/talk.html", form=form, most=_most(visit), crumbs=_crumbs(), **seen
        )  # fmt: skip

    @console.page(
        "/inbox/<int:number>/talk", permission="subscribers.message"
    )  # fmt: skip
    def talk_words(visit: Visit, number: int) -> Page:
        return render_template("console/_talk.html", **_shown(visit, number))

    _add_pictures(console)


def _add_pictures(console: Console) -> None:
    @console.page("/inbox/<int:number>/pictures/<int:no>", permission="subscribers.message")
    def talk_picture(visit: Visit, number: int, no: int) -> Page:
        try:
            jpeg = visit.read(
                lambda tx: handover_pictures.jpeg_of(tx, handovers.get(tx, number), no)
            )
        except NoSuchHandover:
            jpeg = None
        if jpeg is None:
            abort(404)
        return Response(jpeg, mimetype="image/jpeg")


def waiting(visit: Visit) -> int:
    """How many wait for anybody, or for a word of whoever looks."""
    if not visit.can("subscribers.message"):
        return 0
    return visit.read(lambda tx: handover_desk.waiting(tx, visit.operator.id))


def _act(visit: Visit, number: int, do: str, form: Form) -> bool:
    try:
        visit.change(lambda tx: _do(tx, visit, number, do, form["words"]))
    except Over:
        form.wrong("words", _("这次人工服务已经结束了，没有发出"))
    except Elsewhere:
        form.wrong("words", _("这位用户正由别的客服接待，没有发出"))
    except desk.Unreachable as why:
        form.wrong("words", _(UNREACHABLE[why.why]))
    except desk.SaidAlready:
        form.wrong("words", _("同样的内容刚刚发过，没有再发"))
    except (NoSuchHandover, desk.NoSuchPerson):
        abort(404)
    return form.good


def _do(tx: Tx, visit: Visit, number: int, do: str, words: str) -> None:
    """One act of an operator, with its entry in the audit; the person is held before the talk."""
    by, now = visit.by, visit.now
    found, me = handovers.get(tx, number), visit.operator.id
    if do == ANSWER:
        who = subscribers.by_now(tx, found.subscriber_id)
        signature = visit.parts.live().text("signature", channel="sms")
        desk.message(tx, who.id, words=words, signature=signature, by=by, now=now)
        lasts = timedelta(hours=visit.parts.settings.handover.hours)
        handovers.answer(tx, number, words=words, operator_id=me, lasts=lasts, now=now)
        return  # desk.message has written the audit
    if do == TAKE:
        handovers.take(tx, number, operator_id=me)
    elif do == BACK:
        handovers.put_back(tx, number, operator_id=me)
    else:
        if found.state == handovers.TAKEN and found.operator_id != me:
            raise Elsewhere(found.operator_id)
        if not handovers.close(tx, found, by=handovers.BY_OPERATOR, now=now):
            raise Over(number)
        attended.ended(tx, visit.parts.live(), found, by=handovers.BY_OPERATOR, now=now)
    audit.write(tx, by, action=f"handover.{do}", subject=f"handover:{number}", now=now)


def _shown(visit: Visit, number: int) -> dict[str, Any]:
    try:
        seen = visit.read(lambda tx: _look(tx, number))
    except NoSuchHandover:
        abort(404)
    found: Handover = seen["found"]
    mine = found.state == handovers.TAKEN and found.operator_id == visit.operator.id
    return {
        **seen,
        "name": person.name_of(seen["who"]),
        "state": _(STATES[found.state]),
        "colour": COLOURS[found.state],
        "channel": _(CHANNELS[found.channel]),
        "ended_by": _(ENDED_BY[found.ended_by]) if found.ended_by else "",
        "mine": mine,
        "may_answer": found.is_open and not found.at_wechat and (mine or found.state == "waiting"),
        "their_words": {said.no: _their_words(said) for said in seen["words"]},
    }


def _look(tx: Tx, number: int) -> dict[str, Any]:
    found = handovers.get(tx, number)
    words = handover_desk.words_of(tx, found, WORDS_SHOWN)
    ids = {said.operator_id for said in words} | {found.operator_id}
    return {
        "found": found,
        "words": words,
        "pictures": handover_pictures.states(tx, found, [said.no for said in words]),
        "who": subscribers.by_now(tx, found.subscriber_id),
        "operators": {one: _operator(tx, one) for one in ids if one is not None},
    }


def _operator(tx: Tx, number: int) -> str:
    try:
        return accounts.get(tx, number).name
    except accounts.NoSuchOperator:
        return f"#{number}"


def _their_words(said: handovers.Said) -> str:
    """What was said, without anybody's whole number; of what is no text, what it was."""
    if said.words.strip():
        return hide_numbers(said.words)
    return _(KINDS.get(said.kind, NO_TEXT))


def _most(visit: Visit) -> int:
    return visit.parts.settings.desk.message_chars


def _crumbs() -> list[tuple[str, str]]:
    return [(_("人工服务"), url_for("console.inbox"))]


# -- the list --------------------------------------------------------------------------------------


def _fetch(
    tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int
) -> list[tuple[Handover, str]]:
    show = filters.get("show")
    return handover_desk.listed(
        tx, limit=limit, after=(_moment(key[0]), int(str(key[1]))) if key else None,
        state=handovers.TAKEN if show == MINE else show,
        operator_id=int(filters["me"]) if show == MINE else None,
    )  # fmt: skip


def _moment(part: object) -> datetime:
    if not isinstance(part, datetime):
        raise TypeError("the last words came at a moment")
    return part


LISTING: Listing[tuple[Handover, str]] = Listing(
    name="inbox",
    words=_("人工服务"),
    columns=(
        Column(_("编号"), lambda one: str(one[0].id), "link"),
        Column(_("最后一句话"), lambda one: hide_numbers(one[1])[:PREVIEW_CHARS]),
        Column(_("没回复的"), lambda one: one[0].unread, "number"),
        Column(_("状态"), lambda one: _(STATES[one[0].state])),
        Column(_("渠道"), lambda one: _(CHANNELS[one[0].channel])),
        Column(_("最后说话"), lambda one: one[0].heard_at, "time"),
        Column(_("转人工时间"), lambda one: one[0].opened_at, "time"),
    ),
    filters=(Filter("show", _("看哪些"), "choice", SHOWS),),
    fetch=_fetch,
    key=lambda one: (one[0].heard_at, one[0].id),
    row_link=lambda one: url_for("console.talk", number=one[0].id),
    scope=lambda visit: {"me": str(visit.operator.id)},
    empty=_("没有用户在等客服。"),
)

"""Broadcasts: the list, and writing one. One of them: broadcast.py.

GET       /broadcasts            a list; as CSV and XLSX, too
GET, POST /broadcasts/new        a text, and numbers of a file or a segment
GET, POST /broadcasts/<n>/edit   another text for a draft
POST      /broadcasts/size       how many SMS a text makes, as it is typed
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import IO

from flask import abort, render_template, request, url_for

from handlers import broadcast_file, broadcasting
from handlers.broadcast_file import Limits
from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Parts, Visit
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.words import _
from handlers.spreadsheet import Unreadable
from models.base import Tx
from models.broadcasts import broadcast, loading, looking, segment, wording
from models.broadcasts.broadcast import Broadcast, NoSuchBroadcast, WrongState
from models.broadcasts.loading import Bad, Line, TooMany, Wording
from models.broadcasts.segment import BadSegment, Segment
from models.broadcasts.tables import (
    APPROVED,
    DONE,
    DRAFT,
    PAUSED,
    PEOPLE_MOST,
    PROPOSED,
    RUNNING,
    STOPPED,
)

STATES = {
    DRAFT: (_("草稿"), "grey"),
    PROPOSED: (_("等待审批"), "yellow"),
    APPROVED: (_("已批准"), "turquoise"),
    RUNNING: (_("发送中"), "green"),
    PAUSED: (_("已暂停"), "orange"),
    STOPPED: (_("已终止"), "red"),
    DONE: (_("已发完"), "blue"),
}
FAULTS = {
    wording.EMPTY: _("请写短信内容"),
    wording.TOO_LONG: _("内容太长：最多 {most} 个字"),
    wording.HAS_CONTROL: _("内容里有看不见的控制字符，请删掉"),
    wording.IS_SIGNED: _("签名会自动加在前面，请去掉开头的【】"),
    wording.HAS_HOLE: _("内容里有没填好的地方，例如 {example}"),
    wording.NO_WAY_OUT: _("营销短信必须写明怎样退订，例如在末尾写“退订回TD”"),
    broadcasting.TOO_MANY_PARTS: _("太长：按短信算超过了 {most} 条"),
    broadcasting.BAD_PACE: _("速度是每秒 1 到 {most} 条的整数"),
    broadcasting.BAD_NAME: _("请写名称，最多 {most} 个字"),
}
FILE, SEGMENT = "file", "segment"
FIELDS = ("name", "text", "pace")
_AT = {broadcasting.BAD_PACE: "pace", broadcasting.BAD_NAME: "name"}


def add_routes(console: Console) -> None:
    """The list, a new one, and another text."""
    console.listing(
        "/broadcasts", LISTING, permission="broadcasts.see", nav=_("群发"),
        about=_("给很多号码发同一条短信：上传号码或选人群，审批后按速度发送，随时暂停、终止。"),
        template="console/broadcasts.html",
    )  # fmt: skip

    @console.page(
        "/broadcasts/new", permission="broadcasts.propose", methods=("GET", "POST"),
        body_kb=lambda parts: parts.settings.broadcasts.file_mb * 1024 + 64,
    )  # fmt: skip
    def broadcast_new(visit: Visit) -> Page:
        limits = visit.parts.settings.broadcasts
        form = visit.form(
            *FIELDS, "who", "file", "club", "level", "tier", "city", pace=str(limits.pace_s),
            who=FILE,
        )  # fmt: skip
        if form.sent:
            number = _make(visit, form)
            if number is not None:
                return visit.go("broadcast_one", number=number)
        return visit.render(
            "console/broadcast_form.html", form=form, found=None, limits=limits,
            most=PEOPLE_MOST, choices=visit.read(segment.choices), size=_size(visit, form["text"]),
            crumbs=CRUMBS(),
        )  # fmt: skip

    @console.page(
        "/broadcasts/<int:number>/edit", permission="broadcasts.propose", methods=("GET", "POST")
    )
    def broadcast_edit(visit: Visit, number: int) -> Page:
        found = get(visit, number)
        if found.state != DRAFT:
            visit.say(_("提出以后就不能改了。"))
            return visit.go("broadcast_one", number=number)
        form = visit.form(*FIELDS, name=found.name, text=found.text, pace=str(found.pace_s))
        if form.sent and _reword(visit, found, form):
            visit.say(_("已改好。"))
            return visit.go("broadcast_one", number=number)
        return visit.render(
            "console/broadcast_form.html", form=form, found=found,
            limits=visit.parts.settings.broadcasts, size=_size(visit, form["text"]),
            crumbs=[*CRUMBS(), (found.name, url_for("console.broadcast_one", number=number))],
        )  # fmt: skip

    @console.page("/broadcasts/size", permission="broadcasts.propose", methods=("POST",))
    def broadcast_size(visit: Visit) -> Page:
        text = visit.form("text")["text"]
        return render_template("console/_broadcast_size.html", size=_size(visit, text))


def CRUMBS() -> list[tuple[str, str]]:  # noqa: N802 - words of the language that is spoken now
    return [(_("群发"), url_for("console.broadcasts"))]


def get(visit: Visit, number: int) -> Broadcast:
    """One of them; ends the request with 404 where there is none."""
    try:
        return visit.read(lambda tx: broadcast.get(tx, min(number, 2**63 - 1)))
    except NoSuchBroadcast:
        abort(404)


def fault_words(why: str, parts: Parts, text: str = "") -> str:
    """What is wrong, in words."""
    limits = parts.settings.broadcasts
    most = limits.pace_most if why == broadcasting.BAD_PACE else limits.parts_most
    if why in (wording.TOO_LONG, broadcasting.BAD_NAME):
        most = wording.TEXT_MOST if why == wording.TOO_LONG else wording.NAME_MOST
    return _(FAULTS[why], most=most, example=wording.hole(text))


def _size(visit: Visit, text: str) -> dict[str, object]:
    limits = visit.parts.settings.broadcasts
    judged = broadcasting.judge(text, visit.parts.live(), limits)
    return {
        "judged": judged, "chars": len(wording.tidy(text)),
        "faults": [fault_words(why, visit.parts, text) for why in judged.faults] if text else [],
        "fen": judged.parts * limits.fen_per_1000 / 1000,
    }  # fmt: skip


def _said(visit: Visit, form: Form) -> Wording | None:
    """What the form says; None where something is wrong with it."""
    pace = form["pace"]
    is_number = pace.isascii() and pace.isdecimal() and len(pace) <= 5
    try:
        return broadcasting.said(
            form["name"], form["text"], int(pace) if is_number else 0, menus=visit.parts.live(),
            limits=visit.parts.settings.broadcasts,
        )  # fmt: skip
    except wording.Unfit as unfit:
        at = _AT.get(unfit.why, "text")
        form.wrong(at, fault_words(unfit.why, visit.parts, form["text"]))
        return None


def _make(visit: Visit, form: Form) -> int | None:
    said = _said(visit, form)
    upload = request.files.get("file")
    if form["who"] == FILE and (upload is None or not upload.filename):
        form.wrong("file", _("请选择一个文件"))
    form.one_of("who", (FILE, SEGMENT), _("请选择发给谁"))
    if said is None or not form.good:
        return None
    make = partial(
        broadcasting.make, visit.parts.store, visit.change, said, by=visit.by, now=visit.now
    )
    try:
        if form["who"] == SEGMENT:
            return make(_segment(form), source="")
        assert upload is not None  # noqa: S101 - checked above
        source = (upload.filename or "").replace("\\", "/").rpartition("/")[2][:120]
        return make(_lines(visit, upload.stream), source=source)
    except BadSegment as bad:
        form.wrong({"clubs": "club", "tiers": "tier", "cities": "city"}.get(bad.field, "level"),
                   _("没有这一项，请重新选择"))  # fmt: skip
    except Unreadable as why:
        form.wrong("file", str(why))
    except TooMany:
        form.wrong("file", _("号码太多：一次群发最多 {most} 个", most=PEOPLE_MOST))
    return None


def _lines(visit: Visit, file: IO[bytes]) -> Iterable[Line | Bad]:
    given = visit.parts.settings.broadcasts
    return broadcast_file.read(
        file, Limits(given.file_mb * 1024**2, broadcasting.LINES_MOST, given.xlsx_lines)
    )


def _segment(form: Form) -> Segment:
    """Raises BadSegment."""
    lists = {"clubs": form["club"], "tiers": form["tier"], "cities": form["city"]}
    stored: dict[str, object] = {name: [one] for name, one in lists.items() if one}
    return Segment.from_json(stored | ({"level": form["level"]} if form["level"] else {}))


def _reword(visit: Visit, found: Broadcast, form: Form) -> bool:
    said = _said(visit, form)
    if said is None or not form.good:
        return False
    try:
        visit.change(lambda tx: loading.reword(tx, found.id, said, by=visit.by, now=visit.now))
    except WrongState:
        form.wrong("text", _("提出以后就不能改了。"))
    return form.good


# -- the list --------------------------------------------------------------------------------------


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Broadcast]:
    return looking.listed(
        tx, state=filters.get("state"), below=int(str(key[0])) if key else None, limit=limit
    )


LISTING: Listing[Broadcast] = Listing(
    name="broadcasts",
    words=_("群发"),
    columns=(
        Column(_("编号"), lambda one: str(one.id), "link"),
        Column(_("名称"), lambda one: one.name),
        Column(_("状态"), lambda one: _(STATES[one.state][0])),
        Column(_("号码"), lambda one: one.targets, "number"),
        Column(_("已处理"), lambda one: one.handled, "number"),
        Column(_("已送达"), lambda one: one.delivered, "number"),
        Column(_("失败"), lambda one: one.failed, "number"),
        Column(_("谁"), lambda one: one.created_by, "code"),
        Column(_("何时"), lambda one: one.created_at, "time"),
    ),
    filters=(
        Filter("state", _("状态"), "choice", tuple((code, words) for code, (words, _c)
                                                 in STATES.items())),
    ),
    fetch=_fetch,
    key=lambda one: (one.id,),
    row_link=lambda one: url_for("console.broadcast_one", number=one.id),
    empty=_("还没有群发。"),
)  # fmt: skip

"""Draws: edited as files and proposed; watched while they run, stopped at once; parcels sent.

GET /draws ...                  file_pages.py, file_review.py
GET, POST /draws/live/<code>    prizes left, pace, odds seen and promised; stop and go on
GET, POST /draws/parcels        addresses, and that a parcel has left
"""

from __future__ import annotations

from typing import Any

from flask import abort, request, url_for

from dialogs import draw_news, draw_words
from handlers.console import file_pages, file_review
from handlers.console.file_desk import Desk
from handlers.console.file_sets import DRAWS
from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.words import _
from models import audit
from models.approvals import REASON_LENGTH
from models.base import Tx
from models.draws import parcels, publishing, tables, watching
from models.draws.parcels import NoParcel

PARCELS_SHOWN = 50


def add_routes(console: Console) -> None:
    """The pages of the draws' files, of a draw that runs, and of parcels."""
    file_pages.add_routes(
        console, DRAWS, extra=_extra,
        about=_("有什么奖品、中奖机会、库存和预算：修改、检查、提议发布；看进行情况，随时停止。"),
    )  # fmt: skip
    file_review.add_routes(console, DRAWS)

    @console.page("/draws/live/<code>", permission="draws.see")
    def draw_live(visit: Visit, code: str) -> Page:
        return _watch(visit, code, visit.form("reason"))

    @console.page("/draws/live/<code>/stop", permission="draws.stop", methods=("POST",))
    def draw_stop(visit: Visit, code: str) -> Page:
        return _set(visit, code, stopped=True)

    @console.page("/draws/live/<code>/go", permission="draws.approve", methods=("POST",))
    def draw_go(visit: Visit, code: str) -> Page:
        return _set(visit, code, stopped=False)

    @console.page("/draws/parcels", permission="prizes.send")
    def parcels_waiting(visit: Visit) -> Page:
        return _parcels(visit, visit.form("carrier", "tracking"))

    @console.page("/draws/parcels", permission="prizes.send", methods=("POST",))
    def parcel_sent(visit: Visit) -> Page:
        return _send(visit)


def _extra(visit: Visit, desk: Desk) -> dict[str, Any]:
    live = visit.read(publishing.live)
    more: dict[str, Any] = {"live_draws": list(live.values()), "state_words": STATES}
    try:
        folder = DRAWS.folder(visit.parts)
    except OSError as gone:
        return {**more, "folder_differs": False, "folder_unreadable": str(gone)[:300]}
    return {**more, "folder_differs": folder != dict(desk.live.files), "folder_unreadable": ""}


STATES = {
    tables.LIVE: (_("进行中"), "green"),
    tables.STOPPED: (_("已停止"), "red"),
    tables.ENDED: (_("已结束"), "grey"),
}


def _watch(visit: Visit, code: str, form: Form) -> str:
    try:
        seen = visit.read(lambda tx: watching.watch(tx, code, visit.now))
    except LookupError:
        abort(404)
    return visit.render(
        "console/draw.html",
        seen=seen,
        form=form,
        state=STATES[seen.state],
        confidence=f"{watching.CONFIDENCE:.1%}",
        crumbs=[(_(DRAWS.words), url_for("console.draws"))],
    )


def _set(visit: Visit, code: str, *, stopped: bool) -> Page:
    """Stop a draw at once, or let it go on."""
    form = visit.form("reason")
    form.need("reason", _("请写明为什么"), most=REASON_LENGTH)
    if not form.good:
        return _watch(visit, code, form), 400

    def work(tx: Tx) -> bool:
        done = publishing.set_state(tx, code, stopped=stopped)
        audit.write(
            tx, visit.by, action="draws.stop" if stopped else "draws.go", subject=f"draw:{code}",
            after={"changed": done}, reason=form["reason"], now=visit.now,
        )  # fmt: skip
        return done

    if visit.read(lambda tx: publishing.find(tx, code)) is None:
        abort(404)
    if visit.change(work):
        visit.say(_("已停止：从现在起谁也抽不了。") if stopped else _("已恢复，可以抽了。"))
    else:
        visit.say(_("状态没有变：可能别人已经处理，或者活动已经结束。"))
    return visit.go("draw_live", code=code)


def _parcels(visit: Visit, form: Form, number: str = "") -> str:
    waiting = visit.read(lambda tx: parcels.to_send(tx, limit=PARCELS_SHOWN))
    return visit.render(
        "console/draw_parcels.html", waiting=waiting, form=form, number=number,
        serial=draw_words.serial, crumbs=[(_(DRAWS.words), url_for("console.draws"))],
    )  # fmt: skip


def _send(visit: Visit) -> Page:
    """Note that a parcel has left, and tell its owner."""
    form = visit.form("carrier", "tracking")
    owner, number = (request.form.get(name, "") for name in ("owner", "number"))
    if not all(each.isdecimal() and len(each) < 18 for each in (owner, number)):
        abort(400)
    form.need("carrier", _("请写快递公司"), most=parcels.CARRIER_MOST)
    form.need("tracking", _("请写快递单号"), most=parcels.TRACKING_MOST)
    if not form.good:
        return _parcels(visit, form, number), 400

    def work(tx: Tx) -> None:
        won = parcels.sent(
            tx, subscriber_id=int(owner), result_id=int(number), carrier=form["carrier"],
            tracking=form["tracking"], now=visit.now,
        )  # fmt: skip
        draw_news.sent(tx, visit.parts.engine, won, visit.now)
        audit.write(
            tx, visit.by, action="prizes.send", subject=f"result:{number}",
            after={"tracking": form["tracking"]}, now=visit.now,
        )  # fmt: skip

    try:
        visit.change(work)
    except (NoParcel, LookupError):
        visit.say(_("这份奖品不在等待寄出的状态，可能别人已经处理。"))
        return visit.go("parcels_waiting")
    visit.say(_("已记下寄出，会发消息告诉中奖人。"))
    return visit.go("parcels_waiting")

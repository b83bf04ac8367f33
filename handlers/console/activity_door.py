"""The door of an activity: the screen whose code changes, letting people in, the poster outside.

GET  /activities/<n>/door        for a tablet or a monitor at the door
GET  /activities/<n>/door/live   what stands on it now, polled; another code when it is time
POST /activities/<n>/door        lets somebody in who says their number
POST /activities/<n>/code        has WeChat make the code that leads to signing up
GET  /activities/<n>/poster      that code as a poster to hang up
"""

from __future__ import annotations

import structlog
from flask import Response, abort, render_template
from markupsafe import Markup

from dialogs import activity_words
from handlers import posters, scene_codes
from handlers.console.activities import crumbs, found, page
from handlers.console.frame import Console, Page, Visit
from handlers.console.words import _
from handlers.print import drawing
from integrations.errors import CallFailed
from models import audit, scenes
from models.activities import doors
from models.activities.doors import DoorCode
from models.activities.joining import NotPossible
from models.activities.planning import Activity
from models.activities.tables import PUBLISHED
from models.base import Tx
from sms.numbers import NotANumber, masked, msisdn

log = structlog.get_logger()

_SCREEN = "console/activity_door_live.html"
POLL_S = 10  # a code is shown for a minute
CODES_LOOKED_AT = 20
STEPS = ("打开微信，点“扫一扫”，对准二维码", "看好时间地点，回复“是”，就报名了",
         "到了现场，扫门口屏幕上的码签到")  # fmt: skip


def add_routes(console: Console) -> None:
    """The door and the poster."""

    @console.page("/activities/<int:number>/door", permission="activities.door")
    def activity_door(visit: Visit, number: int) -> Page:
        one = found(visit, number)
        if one.state != PUBLISHED:
            abort(404)
        return visit.render(
            "console/activity_door.html", activity=one, body=_live(visit, one), every_s=POLL_S,
            when=activity_words.until(one), crumbs=crumbs(one),
        )  # fmt: skip

    @console.page("/activities/<int:number>/door/live", permission="activities.door")
    def activity_door_live(visit: Visit, number: int) -> Page:
        one = found(visit, number)
        return render_template(
            "console/activity_door_part.html",
            visit=visit,
            activity=one,
            body=_live(visit, one),
            every_s=POLL_S,
        )

    @console.page("/activities/<int:number>/door", permission="activities.door", methods=("POST",))
    def activity_let_in(visit: Visit, number: int) -> Page:
        return _let_in(visit, found(visit, number))

    @console.page(
        "/activities/<int:number>/code", permission="activities.change", methods=("POST",)
    )
    def activity_code(visit: Visit, number: int) -> Page:
        one = found(visit, number)
        if one.state != PUBLISHED:
            abort(404)
        days = min(scene_codes.DAYS_LONGEST, max(1, (one.ends_at - visit.now).days + 1))
        try:
            scene_codes.make(visit, f"activity-{number}", days=days)
        except CallFailed:
            visit.say(_("微信没有生成，请稍后再试"))
            return visit.go("activity", number=number)
        return visit.go("activity_poster", number=number)

    @console.page("/activities/<int:number>/poster", permission="activities.see")
    def activity_poster(visit: Visit, number: int) -> Page:
        one = found(visit, number)
        codes = visit.read(lambda tx: scenes.codes_of(tx, f"activity-{number}", CODES_LOOKED_AT))
        code = scenes.best(codes, visit.now) or abort(404)
        note = f"{activity_words.until(one)}　{one.place}　短信报名发“活动{number}”"
        with drawing():
            made = posters.poster(
                code.url, title=one.title, size="A4", form="pdf", note=note, steps=STEPS
            )
        answer = Response(made, mimetype="application/pdf")
        answer.headers["Content-Disposition"] = f'attachment; filename="activity-{number}.pdf"'
        return answer


def _live(visit: Visit, one: Activity) -> str:
    """What stands on the screen now."""
    if not doors.is_open(one, visit.now):
        opens = activity_words.when(one.starts_at - doors.OPENS_BEFORE)
        return render_template(_SCREEN, visit=visit, code=None, opens=opens)
    code = visit.read(lambda tx: doors.shown(tx, one.id, visit.now)) or _another(visit, one)
    picture = _picture(code.url) if code.url else ""
    return render_template(_SCREEN, visit=visit, code=code, picture=picture, opens="")


def _picture(url: str) -> Markup:
    """The code as SVG within the page: a screen that has its page has its picture, too."""
    drawn = posters.svg(url).decode()
    return Markup(drawn[drawn.index("<svg") :])  # noqa: S704 - made of squares, by us


def _another(visit: Visit, one: Activity) -> DoorCode:
    """Another code: with a picture if WeChat makes one, else with its digits alone."""
    code, url = doors.new_code(visit.now), ""
    try:
        lasts = int(doors.WORKS.total_seconds())
        url = visit.parts.wechat.create_temporary_qr(doors.scene(code.code), lasts).url
    except CallFailed as failed:
        log.warning("no code for a door", activity=one.id, why=type(failed).__name__)
    # The screen does this by itself, nobody at it: who opened the door is what the audit has.
    return visit.parts.store.run(lambda tx: doors.keep(tx, one.id, code, url, visit.now))


def _let_in(visit: Visit, one: Activity) -> Page:
    """Let somebody in who has no phone at hand, or whose digits did not work."""
    form = visit.form("msisdn")
    typed = form.need("msisdn", _("请写手机号"))
    try:
        number = msisdn(typed) if typed else ""
    except NotANumber:
        form.wrong("msisdn", _("这不是手机号"))
    if not form.good:
        return page(visit, one, form)

    def work(tx: Tx) -> int:
        came = doors.let_in_by_number(tx, number, one.id, now=visit.now)
        audit.write(
            tx, visit.by, action="activities.let_in", subject=f"activity:{one.id}",
            after={"number": masked(number), "points": came.points}, now=visit.now,
        )  # fmt: skip
        return came.points

    try:
        points = visit.change(work)
    except NotPossible as why:
        key, values = activity_words.not_possible(why)
        words = visit.parts.live().text(key, channel="wechat", **values)
        form.wrong("msisdn", _("没有签到。对用户会这样说：{words}", words=words))
        return page(visit, one, form)
    visit.say(_("已签到，送了 {n} 积分。", n=points))
    return visit.go("activity", number=one.id)

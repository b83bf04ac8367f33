"""Scenes: what each QR code opens and how often it was scanned; codes, pictures and posters.

GET /scenes   GET, POST /scenes/<name>   GET .../qr.png, qr.svg, poster?size=A4&form=pdf
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, abort, request, url_for

from handlers import posters, scene_codes
from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing, page_of
from handlers.console.words import _, day
from handlers.print import drawing
from handlers.scene_codes import DAYS_LONGEST
from integrations.errors import CallFailed
from menus.menus import Menus, Route
from models import club_changes, scenes
from models.base import Tx
from models.club_changes import Standing
from models.scenes import Code, Scans

CODES_SHOWN = 20
FORMS = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
PICTURES = {"png": posters.png, "svg": posters.svg}
POSTERS = ("pdf", "png")


def add_routes(console: Console) -> None:
    """The list, a scene, and its pictures."""

    console.listing(
        "/scenes", _listing(console), permission="clubs.see", nav=_("二维码"),
        about=_("每个二维码打开什么、扫了多少次；生成二维码，下载海报。"),
        template="console/scenes.html",
    )  # fmt: skip

    @console.page("/scenes/<name>", permission="clubs.see", methods=("GET", "POST"))
    def scene(visit: Visit, name: str) -> Page:
        route = _route(visit, name)
        form = visit.form("lasts", days="30")
        if form.sent:
            if not visit.can("scenes.change"):
                abort(403)
            if _make(visit, name, form):
                visit.say(_("二维码已生成。"))
                return visit.go("scene", name=name)
        return visit.render("console/scene.html", **_drawn(visit, name, route, form))

    @console.page("/scenes/<name>/qr.<form>", permission="clubs.see")
    def scene_qr(visit: Visit, name: str, form: str) -> Page:
        code = _code(visit, name)
        if form not in PICTURES:
            abort(404)
        return _file(PICTURES[form](code.url), FORMS[form], f"{name}.{form}")

    @console.page("/scenes/<name>/poster", permission="clubs.see")
    def scene_poster(visit: Visit, name: str) -> Page:
        size, form = request.args.get("size", "A4"), request.args.get("form", "pdf")
        if size not in posters.SIZES_MM or form not in POSTERS:
            abort(404)
        route, code = _route(visit, name), _code(visit, name)
        title = _opens(visit.parts.live(), route, _club_names(visit))
        with drawing():
            made = posters.poster(code.url, title=title, size=size, form=form, note=_note(code))
        return _file(made, FORMS[form], f"{name}-{size}.{form}")


@dataclass(frozen=True, slots=True)
class Line:
    """A scene, what it opens, and how often it was scanned."""

    name: str
    opens: str
    scans: Scans


def _listing(console: Console) -> Listing[Line]:
    def fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Line]:
        counts = scenes.scans(tx, datetime.fromisoformat(filters["now"]))
        names, menus = _names(club_changes.standings(tx)), console.parts.live()
        lines = [
            Line(name, _opens(menus, route, names), counts.get(name, Scans()))
            for name, route in menus.scenes.items()
        ]
        return page_of(
            lines, lambda line: (line.name,), key, limit, words=filters.get("words", ""),
            searched=lambda line: (line.name, line.opens),
        )  # fmt: skip

    def beside(visit: Visit) -> Mapping[str, object]:
        counts = visit.read(lambda tx: scenes.scans(tx, visit.now))
        live = visit.parts.live()
        return {"gone": [name for name in counts if live.scene(name) is None], "counts": counts}

    return Listing(
        name="scene_list",
        words=_("二维码"),
        columns=(
            Column(_("场景码"), lambda line: line.name, "link"),
            Column(_("打开"), lambda line: line.opens),
            Column(_("今天"), lambda line: line.scans.today, "number"),
            Column(_("30 天"), lambda line: line.scans.lately, "number"),
            Column(_("总共扫码"), lambda line: line.scans.ever, "number"),
        ),
        filters=(Filter("words", _("场景码或打开什么")),),
        fetch=fetch,
        key=lambda line: (line.name,),
        row_link=lambda line: url_for("console.scene", name=line.name),
        scope=lambda visit: {"now": visit.now.isoformat()},
        beside=beside,
    )


def _route(visit: Visit, name: str) -> Route:
    route = visit.parts.live().scene(name)
    if route is None:
        abort(404)
    return route


def _code(visit: Visit, name: str) -> Code:
    """The code to print; 404 where there is none that works."""
    _route(visit, name)
    found = scenes.best(visit.read(lambda tx: scenes.codes_of(tx, name, CODES_SHOWN)), visit.now)
    if found is None:
        abort(404)
    return found


def _club_names(visit: Visit) -> Mapping[str, str]:
    return _names(visit.read(club_changes.standings))


def _names(clubs: Sequence[Standing]) -> Mapping[str, str]:
    return {one.code: one.terms.name for one in clubs}


def _opens(menus: Menus, route: Route, names: Mapping[str, str]) -> str:
    """What a scan opens: a club by its name, else the word that opens the same."""
    code = str(route.notes.get("club", ""))
    return names.get(code, code) or _in_words(menus, route)


def _in_words(menus: Menus, route: Route) -> str:
    """A dialog by a word that opens it, with the same notes if there is one: 砸金蛋."""
    words = [word for word in menus.words.values() if word.route.dialog == route.dialog]
    same = [word for word in words if dict(word.route.notes) == dict(route.notes)]
    return (same or words)[0].name if words else route.dialog


def _note(code: Code) -> str:
    return f"有效期至 {day(code.expires_at.date())}" if code.expires_at else ""


def _drawn(visit: Visit, name: str, route: Route, form: Form) -> Mapping[str, Any]:
    found, by_day, counts = visit.read(
        lambda tx: (
            scenes.codes_of(tx, name, CODES_SHOWN),
            scenes.by_day(tx, name, visit.now),
            scenes.scans(tx, visit.now).get(name, Scans()),
        )
    )
    return {
        "name": name,
        "opens": _opens(visit.parts.live(), route, _club_names(visit)),
        "dialog": _in_words(visit.parts.live(), route),
        "codes": found,
        "best": scenes.best(found, visit.now),
        "by_day": by_day,
        "scans": counts,
        "form": form,
        "sizes": list(posters.SIZES_MM),
        "crumbs": [(_("二维码"), url_for("console.scene_list"))],
    }


def _make(visit: Visit, name: str, form: Form) -> bool:
    """Have WeChat make a code, and keep it; whether it did, else the form says why not."""
    lasts = form.one_of("lasts", ("forever", "days"), _("请选永久或临时"))
    days = 0
    if lasts == "days":
        typed = form["days"]
        days = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 4 else 0
        if not 1 <= days <= DAYS_LONGEST:
            form.wrong("days", _("请写 1 到 {most} 天", most=DAYS_LONGEST))
    if not form.good:
        return False
    try:
        scene_codes.make(visit, name, days=days)
    except CallFailed:
        form.wrong("lasts", _("微信没有生成，请稍后再试"))
        return False
    return True


def _file(content: bytes, kind: str, name: str) -> Response:
    answer = Response(content, mimetype=kind)
    attached = "" if request.args.get("show") else "attachment; "
    answer.headers["Content-Disposition"] = f'{attached or "inline; "}filename="{name}"'
    return answer

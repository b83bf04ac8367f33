"""The simulator: phones, an in-app browser, and a look behind the scenes. Development only.

GET  /                           leads to the simulator
GET  /simulator                  the whole page; works without JavaScript
GET  /simulator/parts/<part>     one part of it, polled by htmx, 304 while nothing has changed
GET  /simulator/wire?after=<id>  what the wire log has gained
POST /simulator/do/<act>         everything that can be done (simulator_actions.py)
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import qrcode
from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from dialogs.live import LiveMenus
from handlers import simulator_actions as actions
from handlers import (
    simulator_browser,
    simulator_reset,
    simulator_scripts,
    simulator_state,
    simulator_views,
)
from handlers.guards import Guard
from handlers.simulator_emulators import Emulators, NotPossible, NotThere, Person
from handlers.simulator_notices import MenuNotices, Notice
from models import clubs
from models.offers import cards, looking
from models.store import Store, Unavailable

EXCHANGES_SHOWN = 60
CARDS_SHOWN = 200
# part -> how often it is polled, in seconds
PARTS: Mapping[str, int] = {
    "notices": 2, "wechat": 1, "menu": 2, "sms": 1, "boss": 1, "state": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Desk:
    """Draws the parts of the page."""

    emulators: Emulators
    store: Store
    live: LiveMenus
    notices: MenuNotices
    now: Callable[[], datetime]

    def everybody(self) -> list[Person]:
        """Who has a phone here; nobody while the emulators do not answer."""
        try:
            return self.emulators.people()
        except NotThere:
            return []

    def chosen(self, people: list[Person], name: str) -> Person:
        """The person with this name, else the first."""
        nobody = Person("", "", "", follows=False)
        return next((one for one in people if one.name == name), (people or [nobody])[0])

    def gateways(self, person: Person) -> tuple[list[str], str]:
        """Over which a phone can text, and the one that this phone has used last."""
        try:
            known = self.emulators.gateways()
            chat = self.emulators.phone(person.name)["sms"]
        except (NotThere, NotPossible):
            return [], ""
        mine = [str(one.get("via") or "twilio") for one in chat if one["from"] == "me"]
        return known, mine[-1] if mine else ""

    def part(self, name: str, person: Person) -> tuple[str, str]:
        """A part as HTML, and its ETag."""
        values: Callable[[Person], dict[str, Any]] = getattr(self, f"_{name}")
        try:
            inside = render_template(f"simulator/{name}.html", person=person, **values(person))
        except (NotThere, NotPossible):
            inside = ""
        tag = hashlib.sha256(inside.encode()).hexdigest()[:16]
        html = render_template(
            "simulator/part.html", name=name, person=person, inside=Markup(inside), tag=tag,  # noqa: S704
            every_s=PARTS[name],
        )  # fmt: skip
        return html, tag

    def wire(self, after: int) -> list[simulator_views.Exchange]:
        """The newest exchanges first."""
        entries = self.emulators.wire(after)[-EXCHANGES_SHOWN:]
        return [simulator_views.exchange(entry) for entry in reversed(entries)]

    def scenes(self) -> list[simulator_views.Scene]:
        """The QR codes that can be scanned."""
        try:
            names = {club.code: club.name for club in self.store.read(clubs.all_open)}
        except Unavailable:
            names = {}
        return simulator_views.scenes(self.live(), names)

    def cards(self) -> list[simulator_views.Scene]:
        """The counter cards of offers that are live."""
        now = self.now()
        try:
            found = self.store.read(lambda tx: looking.live(tx, now, limit=CARDS_SHOWN))
        except Unavailable:
            found = []
        return [
            simulator_views.Scene(
                cards.scene_of(one.offer.number), f"{one.offer.title} · {one.merchant}"
            )
            for one in found
        ]

    def start_again(self) -> None:
        """Let the product forget what the people of the emulators have done."""
        people, now = self.emulators.people(), self.now()
        self.store.run(lambda tx: simulator_reset.start_again(tx, people, now))

    def _notices(self, _: Person) -> dict[str, Any]:
        found = self.notices()
        if not self.everybody():
            gone = f"模拟器没有回答 The emulators do not answer at {self.emulators.url}"
            found.insert(0, Notice(gone, ("start everything with: make run",)))
        return {"notices": found}

    def _wechat(self, person: Person) -> dict[str, Any]:
        chat = self.emulators.phone(person.name)["wechat"] if person.openid else []
        friends = [one for one in self.everybody() if one.openid and one.name != person.name]
        return {"chat": chat, "friends": friends}

    def _menu(self, person: Person) -> dict[str, Any]:
        menu = self.emulators.phone(person.name)["menu"] if person.openid else None
        return {"buttons": (menu or {}).get("button", [])}

    def _sms(self, person: Person) -> dict[str, Any]:
        chat = self.emulators.phone(person.name)["sms"] if person.msisdn else []
        return {"chat": chat}

    def _boss(self, _: Person) -> dict[str, Any]:
        waiting = [one for one in self.emulators.orders() if one["state"] == "accepted"]
        return {
            "moods": actions.BOSS_MOODS,
            "mood": actions.mood(self.emulators.boss()),
            "orders": waiting,
            "armed": actions.armed(self.emulators.faults()),
        }

    def _state(self, person: Person) -> dict[str, Any]:
        try:
            known = self.store.read(
                lambda tx: simulator_state.remembered(
                    tx, openid=person.openid, msisdn=person.msisdn
                )
            )
        except Unavailable:
            return {"known": [], "unavailable": True}
        return {"known": known, "unavailable": False}


def pages(
    *,
    emulators_url: str,
    store: Store,
    live: LiveMenus,
    menus_folder: Path,
    now: Callable[[], datetime],
) -> Blueprint:
    """The simulator's routes."""
    blueprint = Blueprint("simulator", __name__, url_prefix=None)
    emulators = Emulators(emulators_url)
    port = urlsplit(emulators_url).port
    own = f"{emulators_url} http://127.0.0.1:{port} http://localhost:{port}"
    guard = Guard(secure=False, frames=own)
    guard.protect(blueprint, error_page=_error_page)
    desk = Desk(emulators, store, live, MenuNotices(live, menus_folder), now)
    blueprint.add_app_template_filter(simulator_views.pieces, "pieces")
    blueprint.add_app_template_filter(simulator_views.clock, "second")
    blueprint.add_app_template_filter(simulator_views.gateway, "gateway")
    blueprint.add_app_template_filter(simulator_state.in_both, "in_both")
    simulator_browser.add_routes(blueprint, guard, emulators)
    _add_page(blueprint, desk)
    _add_parts(blueprint, desk)
    _add_acts(blueprint, desk)

    @blueprint.errorhandler(NotThere)
    def gone(_: NotThere) -> tuple[str, int]:
        return f"the emulators do not answer at {emulators_url}: start all with make run", 503

    return blueprint


def _add_page(blueprint: Blueprint, desk: Desk) -> None:
    @blueprint.get("/")
    def home() -> BaseResponse:
        return redirect(url_for("simulator.index"))

    @blueprint.get("/simulator")
    def index() -> BaseResponse | str:
        if elsewhere := simulator_browser.one_name(request.url, desk.emulators.url):
            return redirect(elsewhere)
        return _page(desk, request.args.get("person", ""))

    @blueprint.get("/simulator/codes/<scene>.png")
    def code(scene: str) -> Response:
        if desk.live().scene(scene) is None:
            abort(404)
        picture = io.BytesIO()
        drawing = qrcode.QRCode(border=2, box_size=6)
        drawing.add_data(scene)
        drawing.make_image().save(picture, "PNG")
        answer = Response(picture.getvalue(), mimetype="image/png")
        answer.headers["Cache-Control"] = "max-age=3600"
        return answer

    @blueprint.get("/simulator/pictures/<media_id>")
    def picture(media_id: str) -> Response:
        found = desk.emulators.picture(media_id)
        if found is None:
            abort(404)
        return Response(found[0], mimetype=found[1])

    @blueprint.get("/simulator/saved_chat.py")
    def saved_chat() -> Response:
        people = desk.emulators.people()
        phones = {person.name: desk.emulators.phone(person.name) for person in people}
        text = simulator_scripts.script(desk.emulators.wire(0), people, phones)
        answer = Response(text, content_type="text/x-python; charset=utf-8")
        answer.headers["Content-Disposition"] = "attachment; filename=test_saved_chat.py"
        return answer


def _add_parts(blueprint: Blueprint, desk: Desk) -> None:
    @blueprint.get("/simulator/parts/<name>")
    def part(name: str) -> Response:
        if name not in PARTS:
            abort(404)
        person = desk.chosen(desk.everybody(), request.args.get("person", ""))
        html, tag = desk.part(name, person)
        answer = Response(html, mimetype="text/html")
        answer.set_etag(tag)
        answer.make_conditional(request)
        return answer

    @blueprint.get("/simulator/wire")
    def wire() -> Response | tuple[str, int]:
        after = request.args.get("after", "0")
        found = desk.wire(int(after) if after.isdecimal() else 0)
        if not found:
            return "", 304
        person = desk.chosen(desk.everybody(), request.args.get("person", ""))
        return Response(render_template("simulator/wire_more.html", exchanges=found, person=person))


def _add_acts(blueprint: Blueprint, desk: Desk) -> None:
    @blueprint.post("/simulator/do/<act>")
    def do(act: str) -> BaseResponse | str:
        name, fields = request.form.get("person", ""), request.form.to_dict()
        person = desk.chosen(desk.emulators.people(), name)
        try:
            said = actions.do(desk.emulators, act, person, fields)
            if act == "reset":
                desk.start_again()
        except NotPossible as why:
            said = f"做不到 Not possible: {why}"
        except KeyError:
            abort(404)
        if act == "visit":  # a menu entry that opens a page, in the browser pane
            url = fields.get("url", "")
            page = url_for("simulator.open_page", person=person.name, channel="wechat", url=url)
            return redirect(page, 303)
        if "HX-Request" not in request.headers:
            return _page(desk, person.name, said)
        answer = Response(Markup("{}").format(said), mimetype="text/html")
        answer.headers["HX-Trigger"] = "acted"
        if act == "reset":
            answer.headers["HX-Refresh"] = "true"
        return answer


def _page(desk: Desk, name: str, said: str = "") -> str:
    people = desk.everybody()
    person = desk.chosen(people, name)
    gateways, via = desk.gateways(person)
    return render_template(
        "simulator/index.html",
        gateways=gateways,
        via=via,
        people=people,
        person=person,
        said=said,
        parts={part: Markup(desk.part(part, person)[0]) for part in PARTS},  # noqa: S704
        scenes=desk.scenes(),
        cards=desk.cards(),
        is_bound=person.openid in simulator_reset.BOUND_FROM_THE_START,
        faults=actions.FAULTS,
        exchanges=desk.wire(0) if people else [],
    )


def _error_page(status: int) -> str:
    return render_template("simulator/error.html", status=status)

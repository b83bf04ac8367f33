"""The frame of a place with accounts: who looks, whether they may, and how a page is drawn.

browser ─▶ request id ─▶ form key ─▶ session ─▶ permission ─▶ view(Visit, ...) ─▶ page
                          else 403    else sign-in    else 403

A page is a view with a permission (`Office.page`): without one there is no route. An endpoint is
called as its view.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from typing import Any, ClassVar

import structlog
from flask import Blueprint, Response, abort, g, make_response, render_template, request, url_for
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as BaseResponse

from handlers.guards import Guard
from handlers.office import words
from handlers.office.doorkeeper import Doorkeeper
from handlers.office.entrance import Entrance
from handlers.office.visit import Banner, Page, Parts, Visit, read_said, write_said
from handlers.office.words import _
from models.operators import sessions
from models.operators.sessions import Session
from models.operators.sign_in import WrongStep

log = structlog.get_logger()
View = Callable[..., Page]
BodyKb = int | Callable[[Any], int]  # a function of the parts, for what is a setting

FORM_KB = 64  # around a file: the other fields, and what separates them
SAID_LASTS_S = 60  # a message is shown on the next page, or never
# The page of each step that a new session goes through (models/operators/sessions.py).
STEPS = {sessions.CODE: "code", sessions.PASSWORD: "password", sessions.ENROL: "enrol"}


@dataclass(frozen=True, slots=True)
class Route:
    """One rule of a place. `permission` None: open to everybody, signed in or not."""

    rule: str
    endpoint: str
    methods: tuple[str, ...]
    permission: str | None
    nav: str | None = None
    about: str = ""
    body_kb: BodyKb = 0  # that it takes, where that is more than a form


@dataclass(frozen=True)
class Office:
    """What pages hang themselves on; the console and the merchants' desk are such places."""

    parts: Parts
    guard: Guard
    blueprint: Blueprint
    banners: Sequence[Callable[[Any], Banner | None]] = ()
    badges: Mapping[str, Callable[[Any], int]] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)

    entrance: ClassVar[Entrance]

    @property
    def doorkeeper(self) -> Doorkeeper:
        """Knows whose browser it is."""
        return Doorkeeper(self.parts, self.guard, self.entrance)

    def page(
        self, rule: str, *, permission: str, methods: Sequence[str] = ("GET",),
        nav: str | None = None, about: str = "", steps: Sequence[str] = (sessions.DONE,),
        body_kb: BodyKb = 0,
    ) -> Callable[[View], View]:  # fmt: skip
        """Open a view at `rule`, below the place's own address, for the roles with `permission`.

        `nav`: its words in the navigation, `about` a sentence for the first page. `steps`: where
        in signing in somebody must be. `body_kb`: what it takes from somebody signed in, where that
        is more than a form. Raises KeyError for an unknown permission.
        """
        self.entrance.permissions[permission]

        def decorated(view: View) -> View:
            @wraps(view)
            def opened(**values: Any) -> Response | BaseResponse:
                session = self.doorkeeper.session()
                if session is None:
                    return self._to_sign_in()
                visit = self._visit(session)
                if session.step not in steps:
                    return self._to_step(session)
                if not visit.can(permission):
                    log.info("page refused", route=request.endpoint, by=visit.operator.id)
                    abort(403)
                try:
                    return self._finished(visit, view(visit, **values))
                except (sessions.Over, WrongStep):  # ended, or a step further, in another window
                    return self._to_sign_in()

            name, ways = view.__name__, tuple(methods)
            self._add(Route(rule, name, ways, permission, nav, about, body_kb), opened)
            return view

        return decorated

    def public(self, rule: str, *, methods: Sequence[str] = ("GET",)) -> Callable[[View], View]:
        """Open a view, which gets the URL's values alone, to everybody: to sign in, no more."""

        def decorated(view: View) -> View:
            self._add(Route(rule, view.__name__, tuple(methods), None), view)
            return view

        return decorated

    def draw(self, visit: Visit, template: str, values: Mapping[str, object]) -> str:
        """A page in its frame."""
        said = [*read_said(self.parts, self.guard.cookie(self.entrance.said)), *visit.said]
        visit.said.clear()
        g.office_said_shown = True
        whole = visit.session.step == sessions.DONE
        return render_template(
            template,
            visit=visit,
            operator=visit.operator,
            can=visit.can,
            nav=self._nav(visit) if whole else [],
            banners=[shown for banner in self.banners if whole and (shown := banner(visit))],
            said=said,
            here=request.endpoint,
            section=self._section(),
            **values,
        )

    def error_page(self, status: int) -> str:
        """A page that says what went wrong; in the frame for whoever is signed in."""
        visit: Visit | None = g.get("office_visit")
        folder = self.entrance.name
        if visit is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return render_template(f"{folder}/sorry_bare.html", status=status)
        return self.draw(visit, f"{folder}/sorry.html", {"status": status})

    def make_room(self) -> None:
        """Before the body is read: for what the page takes, from whoever is signed in."""
        for route in self.routes:
            if route.body_kb and f"{self.entrance.name}.{route.endpoint}" == request.endpoint:
                if request.method == "POST" and self.doorkeeper.session():
                    kb = route.body_kb
                    kb = kb if isinstance(kb, int) else kb(self.parts)
                    request.max_content_length = kb * 1024
                return

    # -- one request ---------------------------------------------------------------------------

    def welcomed(self, session: Session) -> Visit:
        """The visit of whoever has this session; other places give it more to know."""
        by = self.doorkeeper.by(session.operator)
        return Visit(
            session.operator, by, g.office_now, self.parts, session, self.draw, self.entrance
        )  # fmt: skip

    def _visit(self, session: Session) -> Visit:
        words.speak(session.operator.language)
        g.office_visit = visit = self.welcomed(session)
        return visit

    def _finished(self, visit: Visit, answer: Page) -> Response:
        made = make_response((answer, visit.status) if isinstance(answer, str) else answer)
        if visit.session.step == sessions.DONE:
            self.doorkeeper.remember(made, visit.operator.login)
        if visit.said:
            cookie = write_said(self.parts, visit.said)
            self.guard.set_cookie(made, self.entrance.said, cookie, lasts_s=SAID_LASTS_S)
        elif g.get("office_said_shown") and self.guard.cookie(self.entrance.said):
            self.guard.drop_cookie(made, self.entrance.said)
        return made

    def _to_sign_in(self) -> BaseResponse:
        """To the sign-in, and from there back to where they were."""
        sign_in = f"{self.entrance.name}.sign_in"
        if "HX-Request" in request.headers:
            # A part of a page asks: the whole page must go, and come back to itself.
            came_from = self.entrance.joined(request.headers.get("HX-Current-URL", ""))
            answer = BaseResponse(status=401)
            answer.headers["HX-Redirect"] = url_for(sign_in, next=came_from)
            return answer
        return redirect(url_for(sign_in, next=self._wanted()), 303)

    def _to_step(self, session: Session) -> BaseResponse:
        asked = self.entrance.local(request.args.get("next", ""))
        if session.step == sessions.DONE:  # this step is behind them
            return redirect(asked, 303)
        steps = {f"{self.entrance.name}.{name}" for name in STEPS.values()}
        wanted = asked if request.endpoint in steps else self._wanted()
        page = f"{self.entrance.name}.{STEPS[session.step]}"
        return redirect(url_for(page, next=wanted), 303)

    def _wanted(self) -> str:
        """The page that is asked for; of what a form was sent to, the page it stood on."""
        if request.method in ("GET", "HEAD"):
            return self.entrance.joined(request.full_path.rstrip("?"))
        return self.entrance.joined(request.referrer or "")

    def _add(self, route: Route, view: Callable[..., Any]) -> None:
        self.blueprint.add_url_rule(route.rule, route.endpoint, view, methods=list(route.methods))
        self.routes.append(route)

    def _nav(self, visit: Visit) -> list[dict[str, object]]:
        return [
            {
                "words": _(route.nav),
                "about": _(route.about) if route.about else "",
                "endpoint": f"{self.entrance.name}.{route.endpoint}",
                "badge": badge(visit) if (badge := self.badges.get(route.endpoint)) else 0,
            }
            for route in self.routes
            if route.nav and route.permission and visit.can(route.permission)
        ]

    def _section(self) -> str:
        """The entry of the navigation under which this page lies: by the beginning of its rule."""
        path = request.path.removeprefix(self.entrance.prefix)
        inside = [
            route for route in self.routes
            if route.nav and (path == route.rule or path.startswith(f"{route.rule}/"))
        ]  # fmt: skip
        # The first page is "": everything lies below it, and nothing belongs to it.
        longest = max((one for one in inside if one.rule or not path), key=_length, default=None)
        return f"{self.entrance.name}.{longest.endpoint}" if longest else ""


def _length(route: Route) -> int:
    return len(route.rule)

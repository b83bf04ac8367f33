"""The first page: what one may do here, and what waits for one."""

from __future__ import annotations

from flask import abort
from werkzeug.wrappers import Response as BaseResponse

from handlers.console.frame import Console, Page, Visit
from handlers.console.words import _

ALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def add_routes(console: Console) -> None:
    """GET /console; and every address where nothing is."""

    @console.page("", permission="home.see", nav=_("首页"))
    def home(visit: Visit) -> Page:
        return visit.render("console/home.html")

    @console.page("/", permission="home.see")
    def home_slash(visit: Visit) -> BaseResponse:
        return visit.go("home")

    @console.page("/<path:rest>", permission="home.see", methods=ALL_METHODS)
    def nowhere(visit: Visit, rest: str) -> Page:
        abort(404)

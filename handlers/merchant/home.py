"""Every address of the desk where nothing is, and its first page under its other spelling."""

from __future__ import annotations

from flask import abort
from werkzeug.wrappers import Response as BaseResponse

from handlers.merchant.frame import Desk, Page, Visit

ALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def add_routes(desk: Desk) -> None:
    """What no page answers."""

    @desk.page("", permission="till.verify", nav="核销")
    def till(visit: Visit) -> Page:
        return visit.render("merchant/till.html")

    @desk.page("/", permission="account.own")
    def till_slash(visit: Visit) -> BaseResponse:
        return visit.go("till")

    @desk.page("/<path:rest>", permission="account.own", methods=ALL_METHODS)
    def nowhere(visit: Visit, rest: str) -> Page:
        abort(404)

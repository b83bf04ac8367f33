"""The first page under its other spelling, and every address of the desk where nothing is."""

from __future__ import annotations

from flask import abort
from werkzeug.wrappers import Response as BaseResponse

from handlers.merchant.frame import Desk, Page, Visit

ALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def add_routes(desk: Desk) -> None:
    """What no page answers."""

    @desk.page("/", permission="account.own")
    def till_slash(visit: Visit) -> BaseResponse:
        return visit.go("till")

    @desk.page("/<path:rest>", permission="account.own", methods=ALL_METHODS)
    def nowhere(visit: Visit, rest: str) -> Page:
        abort(404)

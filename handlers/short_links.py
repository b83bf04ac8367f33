"""Links as short as counter cards have room for. GET /o/<number>: an offer's page."""

from __future__ import annotations

from flask import Blueprint
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from dialogs import pages

NUMBER_MAX = 2**31 - 1


def add_routes(blueprint: Blueprint) -> None:
    """The way from a card to its offer; whether there is one, the offer's page says."""

    @blueprint.get(f"/o/<int(max={NUMBER_MAX}):number>")
    def offer_of_a_card(number: int) -> Response:
        return redirect(pages.offer(number))

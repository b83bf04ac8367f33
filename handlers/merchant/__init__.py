"""The merchants' desk: its pages in the order of the navigation (manual: docs/merchants.zh.md).

One page = one file here with `add_routes(desk)`, one template in templates/merchant/, one line in
PAGES.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

from flask import Blueprint

from handlers.guards import Guard
from handlers.merchant import (
    account,
    cards,
    comparisons,
    complaints,
    frame,
    home,
    ledger,
    offer_upload,
    offers,
    people,
    shown,
    statements,
    till,
    today,
    words,
)
from handlers.merchant.frame import ENTRANCE, Desk, Parts
from handlers.office import around, enrolment, sign_in

PAGES: Sequence[ModuleType] = (
    till, today, offer_upload, offers, cards, ledger, statements, comparisons, complaints, people,
    account, enrolment, sign_in, home,
)  # fmt: skip


def _words() -> dict[str, object]:
    return {
        "role_words": frame.role_words, "sorry_words": frame.sorry_words,
        "last_day": words.last_day, "clock": words.clock,
    }  # fmt: skip


def voucher_link(desk: Desk) -> Blueprint:
    """Where the QR code of a voucher leads."""
    return shown.pages(desk)


def build(parts: Parts) -> Desk:
    """The desk with all its pages; its `blueprint` is for Flask."""
    guard = Guard(secure=parts.public_url.startswith("https://"))
    blueprint = Blueprint(ENTRANCE.name, __name__, url_prefix=ENTRANCE.prefix)
    desk = Desk(parts, guard, blueprint, badges={"complaints_asked": complaints.waiting})
    around.protect(desk)
    desk.blueprint.context_processor(_words)
    for page in PAGES:
        page.add_routes(desk)
    return desk

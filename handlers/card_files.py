"""Counter cards as files, for the console and for merchants alike: their codes and their PDFs.

A card's code is for ever, and one is enough: a card on a counter outlives everybody's plans.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from flask import Response

from handlers import cards, scene_codes
from handlers.cards import Ways
from handlers.print import drawing
from handlers.scene_codes import Maker
from models import scenes
from models.base import Tx
from models.offers.cards import Card
from models.scenes import Code

if TYPE_CHECKING:
    import settings

Result = TypeVar("Result")


class Reader(Protocol):
    """Whoever looks at a card."""

    def read(self, work: Callable[[Tx], Result]) -> Result: ...


class _Parts(Protocol):
    @property
    def public_url(self) -> str: ...
    @property
    def settings(self) -> settings.Settings: ...


class Printer(Reader, Protocol):
    """Whoever takes a card as a file."""

    @property
    def parts(self) -> _Parts: ...


class CardMaker(Maker, Reader, Protocol):
    """Whoever has a card's code made."""


def code(visit: Reader, card: Card) -> Code | None:
    """The code that the card says, None where WeChat has not made one yet."""
    return visit.read(lambda tx: scenes.lasting(tx, [card.scene])).get(card.scene)


def make_code(visit: CardMaker, card: Card) -> None:
    """Have WeChat make the card's code, unless there is one. Raises CallFailed."""
    if code(visit, card) is None:
        scene_codes.make(visit, card.scene)


def ways(visit: Printer) -> Ways:
    """How people get to the offers of this server, but for the code."""
    number = cards.texted_to(visit.parts.settings.sms.twilio.from_number)
    return Ways("", number, visit.parts.public_url)


def wanted(visit: Printer, card: Card, size: str, *, to_cut: bool) -> Response | None:
    """The card to be downloaded, None if there is no such size or no code yet.

    Raises ServiceUnavailable while others are being drawn.
    """
    made_of = code(visit, card)
    if size not in cards.SIZES or made_of is None:
        return None
    with drawing():
        whole = replace(ways(visit), code=made_of.url)
        made = cards.pdf(card, whole, size=size, to_cut=to_cut)
    answer = Response(made, mimetype="application/pdf")
    name = f"{card.scene}-{size}{'-print' if to_cut else ''}.pdf"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer

"""Cards for merchants' counters: an offer, its code for WeChat, and a line for whoever texts.

┌────────────┐   A5 or A6, in hundredths of the width: the picture is the same in both.
│ merchant   │
├────────────┤
│ offer      │
│ points     │
│ ┌────┐ 1   │
│ │ QR │ 2   │
│ └────┘ 3   │
│ SMS, link  │
└────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fpdf.drawing_primitives import DeviceCMYK

from handlers.member_words import long_day, yuan
from handlers.print import BLACK, BLEED_MM, BRAND, GREEN, GREY, SIZES_MM, WHITE, Document
from models.offers.cards import Card
from models.offers.terms import DAY_MINUTES, EVERY_DAY
from models.points import SHANGHAI

SIZES = ("A5", "A6")
STEPS = ("微信扫一扫", "点“确认兑换”", "出示给店员")
KEYWORD = "DH"  # as menus/keywords.yaml has it
LEAST = 0.62  # of its size, before words are cut
_PALE = DeviceCMYK(0.1, 0, 0.1, 0.02)
_EDGE = 7.0  # hundredths of the width; nearer to the cut nothing stands that must be read
_BAND, _CODE_TOP, _CODE, _BOX_TOP = 27.0, 65.0, 45.0, 114.5


@dataclass(frozen=True, slots=True)
class Ways:
    """How a card's reader gets to the offer: what the QR code says, where to text, a short link."""

    code: str
    sms_number: str  # as people dial it
    public_url: str


def pdf(card: Card, ways: Ways, *, size: str, to_cut: bool) -> bytes:
    """A card as a PDF; `to_cut`: for a printer, with 3 mm of bleed and marks. Takes a second."""
    return _Picture(card, ways, SIZES_MM[size], to_cut).drawn()


def short_link(public_url: str, number: int) -> str:
    """The link that a card says, as people type it."""
    return f"{public_url.split('://', 1)[-1]}/o/{number}"


def texted_to(number: str) -> str:
    """A number as people in China dial it: +8610086 is 10086."""
    return number.removeprefix("+86")


def price(card: Card) -> str:
    """ "500 积分 + 15.00元"."""
    paid = f" + {yuan(card.price_fen)}" if card.price_fen else ""
    return f"{card.price_points} 积分{paid}"


def conditions(card: Card) -> str:
    """Who can take it when, as far as a card can say."""
    said = [
        f"限{card.club}会员，扫码可以加入" if card.club else "",
        f"{_day(card.starts_at)}开始" if card.starts_at else "",
        f"截至{_day(card.ends_at)}" if card.ends_at else "",
        _weekdays(card.weekdays),
        _hours(card.from_minute, card.until_minute),
        "还有其他条件，以扫码后看到的为准" if card.narrowed else "",
    ]
    return "；".join(filter(None, said))


class _Picture:
    def __init__(self, card: Card, ways: Ways, size_mm: tuple[float, float], to_cut: bool) -> None:
        self.card, self.ways, self.unit = card, ways, size_mm[0] / 100
        self.paper = Document(size_mm, title=f"{BRAND} {card.merchant} {card.title}")
        self.over = BLEED_MM if to_cut else 0
        if to_cut:
            self.paper.page_to_cut()
        else:
            self.paper.add_page()

    def drawn(self) -> bytes:
        self._head()
        self._offer()
        self._code()
        self._other_ways()
        return bytes(self.paper.output())

    def _head(self) -> None:
        paper, over = self.paper, self.over
        paper.set_fill_color(GREEN)
        paper.rect(-over, -over, paper.w + 2 * over, self.unit * _BAND + over, style="F")
        brand = f"{BRAND} · {self.card.club}" if self.card.club else BRAND
        self._words(brand, y=5.5, size=4.2, ink=WHITE)
        whole, _ = self._fitted(self.card.merchant, 8, 1)
        size, lines = (8.0, 1) if whole > 5.5 else (5.5, 2)  # one large line or two small ones
        self._words(self.card.merchant, y=11.5, size=size, lines=lines, ink=WHITE, bold=True)

    def _offer(self) -> None:
        """The title and the price, in the middle of their room."""
        top, bottom = _BAND + 1, _CODE_TOP - 2
        size, lines = self._fitted(self.card.title, 7.5, 3)
        title = size * 1.3 * len(lines)
        y = top + (bottom - top - title - 8.5 * 1.3) / 2
        self._words(self.card.title, y=y, size=7.5, lines=3, bold=True)
        self._words(price(self.card), y=y + title, size=8.5, ink=GREEN, bold=True)

    def _code(self) -> None:
        paper, unit = self.paper, self.unit
        paper.code(self.ways.code, x=_EDGE * unit, y=_CODE_TOP * unit, side=_CODE * unit)
        x = _EDGE + _CODE + 5
        for number, words in enumerate(STEPS, 1):
            y = _CODE_TOP + 4 + (number - 1) * 16
            paper.set_fill_color(GREEN)
            paper.ellipse(x * unit, y * unit, 6.4 * unit, 6.4 * unit, style="F")
            self._words(str(number), x=x, y=y + 0.5, size=4.1, width=6.4, ink=WHITE, align="C")
            self._words(words, x=x + 8, y=y + 0.4, size=4.2, width=100 - 4 - x - 8)

    def _other_ways(self) -> None:
        paper, unit, card = self.paper, self.unit, self.card
        paper.set_fill_color(_PALE)
        wide = paper.w + 2 * self.over
        paper.rect(-self.over, _BOX_TOP * unit, wide, paper.h - _BOX_TOP * unit + self.over, "F")
        text = f"没有微信？发短信 {KEYWORD} {card.number} 到 {self.ways.sms_number}"
        self._words(text, y=_BOX_TOP + 3.2, size=4.9, bold=True)
        link = short_link(self.ways.public_url, card.number)
        self._words(f"也可以用手机打开 {link}", y=_BOX_TOP + 10.4, size=3.6)
        self._words(conditions(card), y=_BOX_TOP + 15.8, size=2.7, lines=2, ink=GREY)

    def _fitted(self, words: str, size: float, lines: int) -> tuple[float, list[str]]:
        wide = (100 - 2 * _EDGE) * self.unit
        fitting, parts = self.paper.fitted(words, size * self.unit, wide, lines, LEAST)
        return fitting / self.unit, parts

    def _words(
        self, words: str, *, y: float, size: float, x: float = _EDGE, width: float | None = None,
        lines: int = 1, ink: DeviceCMYK = BLACK, bold: bool = False, align: str = "L",
    ) -> None:  # fmt: skip
        unit = self.unit
        self.paper.words(
            words, x=x * unit, y=y * unit, size=size * unit,
            width=(100 - 2 * _EDGE if width is None else width) * unit, lines=lines, ink=ink,
            bold=bold, align=align, least=LEAST,
        )  # fmt: skip


def _day(at: datetime) -> str:
    return long_day(at.astimezone(SHANGHAI).date())


def _weekdays(days: int) -> str:
    if days == EVERY_DAY:
        return ""
    return "限周" + "、".join(name for bit, name in enumerate("一二三四五六日") if days >> bit & 1)


def _hours(begin: int, end: int) -> str:
    if (begin, end) == (0, DAY_MINUTES):
        return ""
    return f"每天{begin // 60}:{begin % 60:02}—{end // 60}:{end % 60:02}可兑换"

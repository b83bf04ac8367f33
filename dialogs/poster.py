"""The poster of an invitation, as a picture for a phone: the club, who invites, the QR code.

┌──────────────┐
│   和生活圈    │   750 dots wide, which every phone shows sharply; about 40 kB.
│   电影俱乐部   │   Drawn by workers (for the chat) and by pages alike.
│  ┌────────┐  │
│  │   QR   │  │
│  └────────┘  │
│ 138****0001  │
└──────────────┘
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import qrcode
from PIL import Image, ImageDraw, ImageFont
from qrcode.constants import ERROR_CORRECT_M

from dialogs.fonts import FONT_INDEX, font_file

WIDTH, HEIGHT = 750, 1240
CODE_PX = 470
BOX_PX, QUIET = 10, 4  # of a module; its standard wants four of white around the code
BRAND = "和生活圈"
_INK, _SOFT, _WHITE = "#16231c", "#5b675f", "#ffffff"
_GREEN = "#0b6b3a"
# The clubs' colours are those of their emblems (handlers/static/pages.css).
COLOURS = {
    "film": "#a8352b", "car": "#1f5f9e", "sports": "#067a3e", "lottery": "#a14d00",
    "gamers": "#6a3fa0", "vip": "#6f5412",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Poster:
    """What stands on it; `inviter` is masked already, `code` is what the QR code says."""

    club_code: str
    club: str
    intro: str
    inviter: str
    code: str
    points: int  # what a new friend gets; 0: nothing is promised
    until: str  # "12月22日"; "" if the code works for ever


def draw(poster: Poster) -> bytes:
    """The picture, a PNG."""
    sheet = Image.new("RGB", (WIDTH, HEIGHT), _WHITE)
    pen = ImageDraw.Draw(sheet)
    colour = COLOURS.get(poster.club_code, _GREEN)
    pen.rectangle((0, 0, WIDTH, 330), fill=colour)
    _centred(pen, BRAND, 36, y=48, fill=_WHITE)
    _centred(pen, poster.club, 78, y=110, fill=_WHITE, bold=True)
    _centred(pen, poster.intro, 30, y=242, fill=_WHITE)
    _centred(pen, f"您的朋友 {poster.inviter} 邀请您加入", 36, y=372, fill=_INK)
    if poster.points:
        _centred(pen, f"新朋友加入送 {poster.points} 积分", 40, y=430, fill=colour, bold=True)
    top = 530
    pen.rounded_rectangle(
        ((WIDTH - CODE_PX) // 2 - 18, top - 18, (WIDTH + CODE_PX) // 2 + 18, top + CODE_PX + 18),
        radius=24, outline=colour, width=4,
    )  # fmt: skip
    code = _code(poster.code).resize((CODE_PX, CODE_PX), Image.Resampling.NEAREST)
    sheet.paste(code, ((WIDTH - CODE_PX) // 2, top))
    _centred(pen, "长按或扫一扫，按提示办理", 36, y=1050, fill=_INK, bold=True)
    _centred(pen, "收到短信回复“是”，就加入了", 32, y=1108, fill=_INK)
    if poster.until:
        _centred(pen, f"二维码{poster.until}前有效", 26, y=1176, fill=_SOFT)
    stream = io.BytesIO()
    # Few colours: a third of the size, and nobody sees the difference.
    sheet.quantize(32, method=Image.Quantize.FASTOCTREE).save(stream, "PNG")
    return stream.getvalue()


def _centred(
    pen: ImageDraw.ImageDraw, words: str, size: float, *, y: int, fill: str, bold: bool = False
) -> None:
    font, most = _font(size), WIDTH * 0.9
    if (length := font.getlength(words)) > most:
        font = _font(max(size * most / length, size * 0.6))
        while font.getlength(words) > most:
            words = words.rstrip("…")[:-1] + "…"
    pen.text(
        (WIDTH / 2, y), words, font=font, fill=fill, anchor="ma",
        stroke_width=round(size / 40) if bold else 0, stroke_fill=fill,
    )  # fmt: skip


def _font(size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_file(), round(size), index=FONT_INDEX)


def _code(content: str) -> Image.Image:
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET, box_size=BOX_PX)
    code.add_data(content)
    picture: Image.Image = code.make_image().get_image().convert("RGB")
    return picture

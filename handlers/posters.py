"""QR codes as PNG and SVG, and posters around them, as PNG and PDF: 300 dots an inch, for printers.

┌────────────┐
│  the club  │   A4 or A5. The code stands in the middle, as large as half of the width, with
│  ┌──────┐  │   error correction H: a coffee cup on the counter has left its mark on many.
│  │  QR  │  │
│  └──────┘  │
│ 1 · 2 · 3  │
└────────────┘
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import qrcode
from PIL import Image, ImageDraw, ImageFont
from qrcode.constants import ERROR_CORRECT_H
from qrcode.image.svg import SvgPathImage

from dialogs.fonts import FONT_INDEX, font_file
from handlers import print as printing
from handlers.print import BRAND, QUIET

DPI = 300
SIZES_MM = {size: printing.SIZES_MM[size] for size in ("A4", "A5")}
STEPS = ("打开微信，点“扫一扫”，对准二维码", "关注后按提示绑定手机号", "收到短信回复“是”，就加入了")
BOX_PX = 12
_GREEN, _INK, _SOFT = "#0b6b3a", "#16231c", "#5b675f"


def png(content: str) -> bytes:
    """The code alone, black on white."""
    stream = io.BytesIO()
    _code(content).make_image().get_image().save(stream, "PNG")
    return stream.getvalue()


def svg(content: str) -> bytes:
    """The code alone, of any size."""
    stream = io.BytesIO()
    _code(content).make_image(image_factory=SvgPathImage).save(stream)
    return stream.getvalue()


def poster(
    content: str, *, title: str, size: str, form: str, note: str = "",
    steps: Sequence[str] = STEPS,
) -> bytes:  # fmt: skip
    """A poster with three steps; `size` is A4 or A5, `form` is png or pdf, `note` stands small."""
    width, height = (round(mm / 25.4 * DPI) for mm in SIZES_MM[size])
    sheet = Image.new("RGB", (width, height), "white")
    _draw(sheet, content, title, note, steps)
    stream = io.BytesIO()
    if form == "pdf":
        sheet.save(stream, "PDF", resolution=DPI, quality=92, title=f"{BRAND} {title}")
    else:
        sheet.save(stream, "PNG", dpi=(DPI, DPI), optimize=False, compress_level=3)
    return stream.getvalue()


def _draw(sheet: Image.Image, content: str, title: str, note: str, steps: Sequence[str]) -> None:
    width, height = sheet.size
    unit, pen = width / 100, ImageDraw.Draw(sheet)
    pen.rectangle((0, 0, width, round(unit * 30)), fill=_GREEN)
    _centred(pen, BRAND, unit * 5, y=unit * 4, fill="white", width=width)
    _centred(pen, title, unit * 10, y=unit * 12, fill="white", width=width, bold=True)
    side = round(unit * 56)
    code = _code(content).make_image().get_image().convert("RGB")
    at = (round((width - side) / 2), round(unit * 35))
    sheet.paste(code.resize((side, side), Image.Resampling.NEAREST), at)
    top = at[1] + side + unit * 4
    for number, words in enumerate(steps, 1):
        y = top + (number - 1) * unit * 9.5
        pen.ellipse((unit * 12, y, unit * 19, y + unit * 7), fill=_GREEN)
        digit = _font(unit * 4.4)
        pen.text((unit * 15.5, y + unit * 3.5), str(number), font=digit, fill="white", anchor="mm")
        pen.text(
            (unit * 22, y + unit * 3.5), words, font=_fitting(words, unit * 4.2, unit * 68),
            fill=_INK, anchor="lm",
        )  # fmt: skip
    if note:
        _centred(pen, note, unit * 2.2, y=height - unit * 6, fill=_SOFT, width=width)


def _centred(
    pen: ImageDraw.ImageDraw, words: str, size: float, *, y: float, fill: str, width: int,
    bold: bool = False,
) -> None:  # fmt: skip
    font = _fitting(words, size, width * 0.9)
    pen.text(
        (width / 2, y), words, font=font, fill=fill, anchor="ma",
        stroke_width=round(size / 40) if bold else 0, stroke_fill=fill,
    )  # fmt: skip


def _fitting(words: str, size: float, width: float) -> ImageFont.FreeTypeFont:
    """The font as large as asked for, or as the width allows."""
    font = _font(size)
    length = font.getlength(words)
    return font if length <= width else _font(size * width / length)


def _font(size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_file(), round(size), index=FONT_INDEX)


def _code(content: str) -> qrcode.QRCode:
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_H, border=QUIET, box_size=BOX_PX)
    code.add_data(content)
    return code

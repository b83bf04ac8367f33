"""PDF documents: pages of exact size, our Chinese font embedded, QR codes as vectors.

┼─┐ ╷           ╷ ┌─┼    what a printer gets: 3 mm of colour over the edge, and marks where to
  └─┌───────────┐─┘      cut. Coordinates are millimetres from the corner of the *cut* page, with
    │ cut page  │        or without marks: what lies over the edge has negative ones.
  ┌─└───────────┘─┐
┼─┘ ╵           ╵ └─┼
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import qrcode
from fpdf import FPDF
from fpdf.drawing_primitives import DeviceCMYK
from fpdf.enums import PathPaintRule, TextMode
from qrcode.constants import ERROR_CORRECT_H
from werkzeug.exceptions import ServiceUnavailable

from dialogs.fonts import FONT_INDEX, font_file

SIZES_MM = {"A4": (210, 297), "A5": (148, 210), "A6": (105, 148)}
BLEED_MM = 3
MARK_MM = 5  # as long as a mark is; it begins where the bleed ends
SLUG_MM = 10  # around the cut page, for bleed and marks
MM_PT = 72 / 25.4
QUIET = 4  # modules of white around a code, as its standard wants
FONT = "noto"
BRAND = "和生活圈"
# In the printer's four inks; text is of one, or it would have coloured edges.
BLACK = DeviceCMYK(0, 0, 0, 1)
GREY = DeviceCMYK(0, 0, 0, 0.72)
WHITE = DeviceCMYK(0, 0, 0, 0)
GREEN = DeviceCMYK(0.9, 0.3, 0.85, 0.2)
# What stays on one line: a word or number of Latin letters, a character and what closes after it.
_PIECES = re.compile(r"(?:[!-~]+|.)[，。；：、！？）》”’…]*\s?", re.DOTALL)

# Drawing takes a second of a processor: the doors keep the other threads.
_place = threading.BoundedSemaphore(1)
PATIENCE_S = 4.0


@contextmanager
def drawing() -> Iterator[None]:
    """One place to draw in for each process. Raises ServiceUnavailable if it stays taken."""
    if not _place.acquire(timeout=PATIENCE_S):
        raise ServiceUnavailable
    try:
        yield
    finally:
        _place.release()


class Document(FPDF):
    """A PDF in millimetres, in our font, with neither margins nor page breaks of its own.

    Making one takes about a second: the font has 65,000 characters, of which those used are kept.
    """

    def __init__(self, size_mm: tuple[float, float], *, title: str) -> None:
        super().__init__(unit="mm", format=size_mm)
        self.set_margin(0)
        self.c_margin = 0
        self.set_auto_page_break(False)
        self.set_title(title)
        self.set_author(BRAND)
        self.set_lang("zh-CN")
        self.add_font(FONT, "", font_file(), collection_font_number=FONT_INDEX)

    def page_to_cut(self) -> None:
        """A page for a printer: with bleed and marks around it."""
        self.add_page()
        page = self.pages[self.page]
        # The library writes each attribute of a page; it knows no boxes but the first.
        for name, around in (("media_box", SLUG_MM), ("bleed_box", BLEED_MM), ("trim_box", 0)):
            setattr(page, name, self._box(around))
        self.set_draw_color(BLACK)
        self.set_line_width(0.1)
        near, far = BLEED_MM, BLEED_MM + MARK_MM
        for x in (0, self.w):
            self.line(x, -far, x, -near)
            self.line(x, self.h + near, x, self.h + far)
        for y in (0, self.h):
            self.line(-far, y, -near, y)
            self.line(self.w + near, y, self.w + far, y)

    def words(
        self, words: str, *, x: float, y: float, size: float, width: float, lines: int = 1,
        ink: DeviceCMYK = BLACK, bold: bool = False, align: str = "L", least: float = 0.5,
    ) -> float:  # fmt: skip
        """Write words from the top at `y` into `width`; returns where they end.

        All lengths in mm; `size` is a line's height of type. What does not fit `lines` is written
        smaller, down to `least` of the size, and cut with … after that.
        """
        size, parts = self.fitted(words, size, width, lines, least)
        self.set_text_color(ink)
        self.set_draw_color(ink)
        with self._thick(size if bold else 0):
            for part in parts:
                self.set_xy(x, y)
                self.cell(w=width, h=size * 1.3, text=part, align=align)
                y += size * 1.3
        return y

    def code(self, content: str, *, x: float, y: float, side: float) -> None:
        """A QR code with error correction H as vectors; `side` mm of black, and white around it."""
        drawn = qrcode.QRCode(error_correction=ERROR_CORRECT_H, border=0)
        drawn.add_data(content)
        rows: list[list[bool]] = drawn.get_matrix()
        module = side / len(rows)
        white = QUIET * module
        self.set_fill_color(WHITE)
        self.rect(x - white, y - white, side + 2 * white, side + 2 * white, style="F")
        # One path, or renderers would show hairlines between neighbours.
        with self.new_path(paint_rule=PathPaintRule.FILL_NONZERO) as path:
            path.style.fill_color = BLACK
            for row, cells in enumerate(rows):
                for begin, length in _runs(cells):
                    path.rectangle(x + begin * module, y + row * module, length * module, module)

    def fitted(
        self, words: str, size: float, width: float, lines: int, least: float
    ) -> tuple[float, list[str]]:
        """The size in which words fit `lines` of `width` mm, and what stands in each."""
        wanted = size
        while True:
            self.set_font(FONT, size=size * MM_PT)
            parts = self._split(words, width)
            if len(parts) <= lines:
                return size, parts
            if size <= wanted * least:
                return size, [*parts[: lines - 1], self._cut("".join(parts[lines - 1 :]), width)]
            size = max(size * 0.95, wanted * least)

    def _split(self, words: str, width: float) -> list[str]:
        parts = [""]
        for piece in _PIECES.findall(words):
            if self.get_string_width((parts[-1] + piece).rstrip()) <= width:
                parts[-1] += piece
            elif self.get_string_width(piece) <= width:
                parts.append(piece.lstrip())
            else:  # longer than a line
                for letter in piece:
                    if self.get_string_width(parts[-1] + letter) > width:
                        parts.append("")
                    parts[-1] += letter
        return [part.rstrip() for part in parts if part] or [""]

    def _cut(self, words: str, width: float) -> str:
        while words and self.get_string_width(words + "…") > width:
            words = words[:-1]
        return words + "…"

    @contextmanager
    def _thick(self, size: float) -> Iterator[None]:
        """The font has one weight: for a bold one its outline is drawn, too."""
        if not size:
            yield
            return
        with self.local_context(text_mode=TextMode.FILL_STROKE, line_width=size / 28):
            yield

    def _box(self, around: float) -> str:
        low = -around * MM_PT
        wide, high = ((side + around) * MM_PT for side in (self.w, self.h))
        return f"[{low:.2f} {low:.2f} {wide:.2f} {high:.2f}]"


def _runs(cells: list[bool]) -> Iterator[tuple[int, int]]:
    """(begin, length) of what is black in a row."""
    begin = None
    for at, black in enumerate([*cells, False]):
        if black and begin is None:
            begin = at
        elif not black and begin is not None:
            yield begin, at - begin
            begin = None

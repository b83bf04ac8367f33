"""PDF documents as a printer gets them: sizes, marks, fonts, codes, words that are too long."""

from __future__ import annotations

import re
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from handlers.print import BLEED_MM, GREEN, MM_PT, SLUG_MM, Document

A6 = (105, 148)
LONG = "全球通VIP俱乐部尊享服务中心"


@pytest.fixture(scope="module")
def pdf() -> bytes:
    made = Document(A6, title="水牌")
    made.page_to_cut()
    made.set_fill_color(GREEN)
    made.rect(-BLEED_MM, -BLEED_MM, 105 + 2 * BLEED_MM, 20, style="F")
    made.words("锦绣理发店", x=8, y=4, size=6, width=89, bold=True)
    made.code("http://weixin.qq.com/q/02abc", x=20, y=40, side=60)
    return bytes(made.output())


def picture(pdf: bytes, dpi: int = 150) -> Image.Image:
    drawn: Image.Image = pypdfium2.PdfDocument(pdf)[0].render(scale=dpi / 72).to_pil()
    return drawn


def test_a_printers_page_is_cut_to_size_and_has_colour_over_its_edge(pdf: bytes) -> None:
    page = pypdfium2.PdfDocument(pdf)[0]
    low, bottom, wide, high = page.get_trimbox()
    assert (wide - low, high - bottom) == pytest.approx([side * MM_PT for side in A6], abs=0.01)
    low, _, wide, _ = page.get_bleedbox()
    assert wide - low == pytest.approx((105 + 2 * BLEED_MM) * MM_PT, abs=0.02)
    assert page.get_size() == pytest.approx([(side + 2 * SLUG_MM) * MM_PT for side in A6], abs=0.02)
    drawn = picture(pdf)
    dots = 150 / 25.4
    y = round((SLUG_MM + 5) * dots)
    red: Any = drawn.getchannel("R")
    assert red.getpixel((round((SLUG_MM - 2) * dots), y)) < 50, "green over the edge"
    assert red.getpixel((round((SLUG_MM - 4) * dots), y)) == 255
    mark: Any = drawn.crop((round(4 * dots), round(9 * dots), round(6 * dots), round(11 * dots)))
    assert mark.convert("L").getextrema()[0] < 150, "a mark where to cut"


def test_its_font_is_embedded_its_words_are_words_and_its_code_is_no_picture(pdf: bytes) -> None:
    assert b"/FontFile3" in pdf
    assert set(re.findall(rb"/BaseFont /(\S+)", pdf)) == {b"MPDFAA+NotoSansCJKSC"}
    assert b"/Subtype /Image" not in pdf
    assert len(pdf) < 30_000, "of the font, only what is used"
    words = pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_range()
    assert "锦绣理发店" in words
    (found,) = zxingcpp.read_barcodes(picture(pdf))
    assert found.text == "http://weixin.qq.com/q/02abc"


def test_a_document_without_marks_is_its_page_and_words_wrap_shrink_and_are_cut_at_last() -> None:
    plain = Document((210, 297), title="对账单")
    plain.add_page()
    for words, most in ((LONG, 1), (LONG * 2, 2), (LONG * 20, 2), ("W" * 300, 2), ("", 1)):
        end = plain.words(words, x=8, y=100, size=6, width=60, lines=most)
        assert 100 < end <= 100 + most * 6 * 1.3 + 0.01
    size, parts = plain.fitted(LONG * 20, 6, 60, 2, 0.5)
    assert (size, len(parts)) == (3, 2)
    assert parts[1].endswith("…")
    assert max(plain.get_string_width(part) for part in parts) <= 60
    page = pypdfium2.PdfDocument(bytes(plain.output()))[0]
    assert page.get_size() == pytest.approx((210 * MM_PT, 297 * MM_PT), abs=0.02)

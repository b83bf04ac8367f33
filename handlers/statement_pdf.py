"""A statement on paper (A4): what is paid and how it comes about, day by day, then line by line.

┌──────────────────────┐
│ 结算单 1001   和生活圈 │   Text, not a picture: figures can be copied and searched for.
│ 应付  10,203.00 元    │
│ 日期  张数  积分  金额 │
│ 流水号 券名 ...       │
└──────────────────────┘
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

from dialogs.fonts import FONT_INDEX, font_file
from handlers import print as printing
from handlers.settlement_words import cents_words, fen_words, period_words, yuan
from models.points import SHANGHAI
from models.settlement.lines import Line
from models.settlement.statements import DayTotal, Statement

_FONT = "noto"
_GREEN, _INK, _SOFT, _BAND = (11, 107, 58), (22, 35, 28), (91, 103, 95), (240, 245, 241)
_TITLE, _BODY, _SMALL = 18, 9.5, 8  # points of type
_MARGIN_MM, _ROW_MM = 16, 6.2


class _Paper(FPDF):
    """Pages with the statement's number and their own at the foot."""

    foot = ""

    def footer(self) -> None:
        self.set_y(-13)
        self.set_font(_FONT, size=_SMALL)
        self.set_text_color(*_SOFT)
        self.cell(0, 5, self.foot)
        self.set_x(-40)
        self.cell(40 - _MARGIN_MM, 5, f"{self.page_no()} / {{nb}}", align="R")


def draw(
    one: Statement, merchant_name: str, days: Sequence[DayTotal], lines: Iterable[Line]
) -> bytes:
    """The PDF of a statement; `lines` may be empty where there are too many to print."""
    paper = _Paper(format="A4")
    paper.set_margin(_MARGIN_MM)
    paper.set_auto_page_break(True, margin=18)
    # The simplified Chinese of the collection, of which only the letters that are used go along.
    paper.add_font(_FONT, fname=font_file(), collection_font_number=FONT_INDEX)
    paper.set_title(f"结算单 {one.id}")
    paper.set_creation_date(one.made_at)
    paper.foot = f"结算单 {one.id}　校验码 {one.digest.hex()[:32]}"
    paper.add_page()
    _head(paper, one, merchant_name)
    _days(paper, days)
    _lines(paper, one, lines)
    return bytes(paper.output())


def _head(paper: FPDF, one: Statement, merchant_name: str) -> None:
    paper.set_font(_FONT, size=_TITLE)
    paper.set_text_color(*_GREEN)
    paper.cell(0, 10, "商户结算单", new_x=XPos.LEFT)
    paper.set_font(_FONT, size=_BODY)
    paper.cell(
        0, 10, f"{printing.BRAND}　第 {one.id} 号", align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT
    )
    paper.set_draw_color(*_GREEN)
    paper.line(_MARGIN_MM, paper.get_y(), paper.w - _MARGIN_MM, paper.get_y())
    paper.ln(3)
    made = f"{one.made_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    facts = [
        ("商户", f"{merchant_name}（{one.merchant_code}）"),
        ("结算期（按到期日）", period_words(one.first, one.last)),
        ("核销与扣回", f"{one.lines:,} 笔，{one.points:,} 积分"),
        ("本期金额", cents_words(one.cents)),
        ("上期结转", cents_words(one.carried_cents)),
        ("出单时间", made),
    ]
    for words, value in facts:
        paper.set_text_color(*_SOFT)
        paper.cell(42, _ROW_MM, words)
        paper.set_text_color(*_INK)
        paper.cell(0, _ROW_MM, value, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.ln(1)
    paper.set_fill_color(*_BAND)
    paper.set_font(_FONT, size=14)
    paper.set_text_color(*_GREEN)
    paper.cell(42, 11, "应付", fill=True)
    paper.cell(0, 11, fen_words(one.fen), fill=True, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.ln(4)


def _days(paper: FPDF, days: Sequence[DayTotal]) -> None:
    if not days:
        _say(paper, "这一期没有到期的核销。")
        return
    rows = [
        (
            total.day.isoformat(), f"{total.lines:,}", f"{total.points:,}",
            f"{yuan(total.cents):,}", f"{total.deductions:,}" if total.deductions else "",
            f"{yuan(total.deducted_cents):,}" if total.deductions else "",
        )
        for total in days
    ]  # fmt: skip
    head = ("到期日", "核销（笔）", "积分", "金额（元）", "扣回（笔）", "扣回（元）")
    _table(paper, "逐日合计", head, rows, (30, 26, 30, 36, 26, 30), "LRRRRR")


def _lines(paper: FPDF, one: Statement, lines: Iterable[Line]) -> None:
    rows = [
        (
            str(line.serial), line.title + (f"（{line.why}）" if line.why else ""),
            str(line.store_no or ""), f"{line.at.astimezone(SHANGHAI):%m-%d %H:%M}",
            f"{line.points:,}", f"{yuan(line.cents):,}",
        )
        for line in lines
    ]  # fmt: skip
    if rows:
        head = ("流水号", "券名", "门店", "核销时间", "积分", "金额（元）")
        _table(paper, "逐笔明细", head, rows, (28, 62, 14, 26, 20, 28), "LLLLRR")
    elif one.lines:
        _say(paper, f"逐笔明细共 {one.lines:,} 行，见同一结算单的 CSV 或 XLSX 文件。")
    paper.ln(3)
    _say(paper, "金额按万分之一元逐笔累计，只在合计时四舍五入到分；低于零的金额结转到下一期。")


def _table(
    paper: FPDF, title: str, head: Sequence[str], rows: Iterable[Sequence[str]],
    widths: Sequence[int], aligned: str,
) -> None:  # fmt: skip
    paper.ln(2)
    paper.set_font(_FONT, size=11)
    paper.set_text_color(*_GREEN)
    paper.cell(0, 8, title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.set_font(_FONT, size=_SMALL)
    paper.set_text_color(*_INK)
    paper.set_draw_color(210, 220, 212)
    paper.set_fill_color(255)
    with paper.table(
        col_widths=tuple(widths), text_align=tuple({"L": "LEFT", "R": "RIGHT"}[a] for a in aligned),
        borders_layout=TableBordersLayout.HORIZONTAL_LINES, line_height=5, padding=0.6,
        headings_style=FontFace(emphasis="", fill_color=_BAND, color=_INK),
    ) as table:  # fmt: skip
        for cells in (head, *rows):
            table.row(cells)


def _say(paper: FPDF, words: str) -> None:
    paper.set_font(_FONT, size=_SMALL)
    paper.set_text_color(*_SOFT)
    paper.multi_cell(0, 5, words, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

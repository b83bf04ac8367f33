"""Offers in a sheet: the template that merchants download, and what they send back by lines."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import xlsxwriter

from handlers import offer_terms, spreadsheet
from handlers.offer_terms import FIELDS, KIND_WORDS, LEVEL_WORDS, Known
from handlers.office.forms import clean
from handlers.spreadsheet import Unreadable
from models.offers.agreed import Terms

OFFERS_MAX = 100  # in one file
BYTES_MAX = 256 * 1024
SHEET, HELP_SHEET = "优惠", "填写说明"
NEEDED = ("title", "kind", "points", "face")
# What stands in the sheet that explains: what to write, and an example.
EXPLAINED: Mapping[str, tuple[str, str]] = {
    "title": (f"必填，最多 {offer_terms.TITLE_CHARS_MAX} 个字", "龙井一壶"),
    "kind": ("必填：" + "、".join(KIND_WORDS.values()), "服务"),
    "about": (f"最多 {offer_terms.ABOUT_CHARS_MAX} 个字：包括什么，要注意什么", "两人用，限两小时"),
    "points": ("必填，用户付的积分，整数", "900"),
    "yuan": ("用户到店另付的现金；不写就是只要积分", "5"),
    "face": ("必填，原价；结算按它的比例付给商户（实物 95%，其他 85%）", "38"),
    "starts": ("从这一天起可以兑换；不写就是上架后", "2026-12-01"),
    "ends": ("最后一天；不写就是一直", "2027-03-31"),
    "weekdays": ("每天、工作日、周末，或者如 一三五；不写就是每天", "工作日"),
    "hours": ("全天，或者如 09:00-21:00；不写就是全天", "09:00-21:00"),
    "total": ("一共多少份；不写就是不限", "500"),
    "per_person": ("每人一共最多几份；不写就是不限", "3"),
    "per_day": ("每人每天最多几份；不写就是不限", "1"),
    "club": ("只给这个俱乐部的会员；不写就是所有人", "电影俱乐部"),
    "level": ("俱乐部的" + "、".join(LEVEL_WORDS.values()) + "；不写就是都可以", "高级会员"),
    "tier": ("至少这个积分等级；不写就是都可以", "金卡"),
    "stores": ("可以用券的门店，编号或名称；不写就是全部门店", "1、2"),
    "valid": ("兑换后多少天内有效；不写就是 30 天", "30"),
    "refunds": ("过期没用的券退不退积分：是、否；不写就是退", "是"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the sheet: its terms, or None and what is wrong, as (place, words)."""

    row: int
    title: str
    terms: Terms | None
    errors: tuple[tuple[str, str], ...] = ()


def template(known: Known) -> bytes:
    """An empty sheet with the columns, choices where there are some, and one that explains."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False})
    sheet, help_sheet = book.add_worksheet(SHEET), book.add_worksheet(HELP_SHEET)
    bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True})
    must = book.add_format({"bold": True, "bg_color": "#FFF2CC"})
    as_text = book.add_format({"num_format": "@"})  # so that 1-3 does not become a date
    choices: Mapping[str, list[str]] = {
        "kind": list(KIND_WORDS.values()),
        "club": list(known.clubs.values()),
        "level": list(LEVEL_WORDS.values()),
        "tier": list(known.tiers.values()),
        "refunds": ["是", "否"],
    }
    sheet.freeze_panes(1, 1)
    for place, (name, words) in enumerate(FIELDS.items()):
        wide = 24 if name in ("title", "about", "stores") else 14
        sheet.set_column(place, place, wide, as_text)
        sheet.write_string(0, place, words, must if name in NEEDED else bold)
        if choices.get(name) and len(",".join(choices[name])) <= 255:  # Excel's own limit
            sheet.data_validation(
                1, place, OFFERS_MAX, place, {"validate": "list", "source": choices[name]}
            )
    help_sheet.set_column(0, 0, 16)
    help_sheet.set_column(1, 2, 44, wrapped)
    for place, head in enumerate(("列", "怎么写", "例子")):
        help_sheet.write_string(0, place, head, bold)
    for row, (name, (what, example)) in enumerate(EXPLAINED.items(), 1):
        for place, text in enumerate((FIELDS[name], what, example)):
            help_sheet.write_string(row, place, text)
    first = len(EXPLAINED) + 2
    help_sheet.write_string(first, 0, "门店", bold)
    for row, (no, name) in enumerate(known.stores.items(), first + 1):
        help_sheet.write_string(row, 0, str(no))
        help_sheet.write_string(row, 1, name)
    book.close()
    return file.getvalue()


def read(source: bytes, known: Known) -> list[Line]:
    """What somebody sent, line by line. Raises Unreadable."""
    found = spreadsheet.rows(io.BytesIO(source), most=OFFERS_MAX + 1, most_bytes=BYTES_MAX)
    columns = _columns(next(found, (1, []))[1])
    lines = [_line(number, row, columns, known) for number, row in found]
    if not lines:
        raise Unreadable("表里还没有优惠：从第 2 行起，一行写一个")
    return lines


def _columns(head: spreadsheet.Row) -> dict[str, int]:
    """Where each thing that is typed stands, by the words of the first row."""
    by_words = {words: name for name, words in FIELDS.items()}
    found: dict[str, int] = {}
    for place, cell in enumerate(head):
        if not cell.text:
            continue
        name = by_words.get(cell.text)
        where = f"1 行 {spreadsheet.column(place)} 列"
        if name is None:
            raise Unreadable(f"第 {where}：没有叫“{cell.text[:20]}”的列，请用模板")
        if name in found:
            raise Unreadable(f"第 {where}：“{cell.text}”有两列")
        found[name] = place
    if missing := [FIELDS[name] for name in NEEDED if name not in found]:
        raise Unreadable(f"第 1 行缺少这些列：{'、'.join(missing)}，请用模板")
    return found


def _line(number: int, row: spreadsheet.Row, columns: Mapping[str, int], known: Known) -> Line:
    cells = {name: row[place] for name, place in columns.items() if place < len(row)}
    terms, errors = offer_terms.read(
        {name: clean(cell.text) for name, cell in cells.items()}, known
    )
    errors |= {name: cell.wrong for name, cell in cells.items() if cell.wrong}
    said = tuple(
        (f"{number} 行 {spreadsheet.column(columns[name])} 列（{FIELDS[name]}）", errors[name])
        if name in columns else (f"{number} 行（{FIELDS[name]}）", errors[name])
        for name in FIELDS if name in errors
    )  # fmt: skip
    title = cells["title"].text[:30] if "title" in cells else ""
    return Line(number, title, None if said else terms, said)

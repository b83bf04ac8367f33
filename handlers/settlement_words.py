"""How amounts and days of settlement are said: on merchants' pages, in the console, in files."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

CENTS_A_YUAN = 10_000


def yuan(cents: int) -> Decimal:
    """Hundredths of a fen as yuan, all four decimals or two: 340_085 -> 34.0085, else 34.01."""
    decimals = Decimal("0.0001") if cents % 100 else Decimal("0.01")
    return (Decimal(cents) / CENTS_A_YUAN).quantize(decimals)


def cents_words(cents: int) -> str:
    """Hundredths of a fen as people read them: 1,234.50 元, and all digits where there are more."""
    return f"{yuan(cents):,} 元"


def fen_words(fen: int) -> str:
    """Fen as people read them: 1,234.56 元."""
    return f"{Decimal(fen) / 100:,.2f} 元"


def period_words(first: date, last: date) -> str:
    """2026年3月16日至31日; both ends in full where they lie in two months."""
    begin = f"{first.year}年{first.month}月{first.day}日"
    if (first.year, first.month) == (last.year, last.month):
        return f"{begin}至{last.day}日"
    year = "" if first.year == last.year else f"{last.year}年"
    return f"{begin}至{year}{last.month}月{last.day}日"


def day_words(day: date) -> str:
    """3月17日."""
    return f"{day.month}月{day.day}日"

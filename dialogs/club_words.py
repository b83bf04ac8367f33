"""Clubs in words."""

from __future__ import annotations

from decimal import Decimal


def yuan(fen: int) -> str:
    """500 -> "5", 550 -> "5.5"."""
    return format((Decimal(fen) / 100).normalize(), "f")


def price_words(fen: int) -> str:
    """What a club costs a month: "每月5元", or "免费"."""
    return f"每月{yuan(fen)}元" if fen else "免费"

"""The paths of the pages that dialogs lead to; handlers/member.py serves them."""

from __future__ import annotations

ACCOUNT = "/me"
POINTS = "/me/points"


def club(code: str) -> str:
    """The page of a club, with its tickets."""
    return f"/clubs/{code}"

"""Whose browser it is: handlers/office/doorkeeper.py, with the console's cookies."""

from __future__ import annotations

from handlers.office.doorkeeper import Doorkeeper

COOKIE = "circle_console"
KNOWN = "circle_known"

__all__ = ["COOKIE", "KNOWN", "Doorkeeper"]

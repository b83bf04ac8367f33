"""A visit to the console: handlers/office/visit.py, under the name that its pages use."""

from __future__ import annotations

from handlers.office.visit import Banner, CannotApply, Page, Parts, Visit

__all__ = ["Banner", "CannotApply", "Page", "Parts", "Visit"]

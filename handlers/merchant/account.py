"""My account at the merchants' desk: what every place has (handlers/office/own_account.py)."""

from __future__ import annotations

from handlers.merchant.frame import Desk
from handlers.office import own_account


def add_routes(desk: Desk) -> None:
    """My own account; nobody else's."""
    own_account.add_routes(desk, nav="我的")

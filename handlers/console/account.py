"""My account: who I am here, my password, my codes, my sessions."""

from __future__ import annotations

from handlers.console.frame import Console, Page, Visit


def add_routes(console: Console) -> None:
    """GET /account."""

    @console.page("/account", permission="account.own")
    def account(visit: Visit) -> Page:
        return visit.render("console/account.html")

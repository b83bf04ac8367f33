"""The frame of the operator's console: handlers/office/office.py, and lists as pages and files.

Beyond the contract: `Visit.form` reads a form, `CannotApply` says why not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from handlers.console.doorkeeper import COOKIE, KNOWN
from handlers.office.entrance import Entrance
from handlers.office.office import Office, Route
from handlers.office.visit import Banner, CannotApply, Page, Parts, Visit
from handlers.office.words import _
from models.operators.roles import PERMISSIONS, ROLES

if TYPE_CHECKING:
    from handlers.console.listing import Listing

__all__ = ["Banner", "CannotApply", "Console", "Page", "Parts", "Route", "Visit", "local"]

ENTRANCE = Entrance(
    name="console", session=COOKIE, known=KNOWN, said="console_said", roles=ROLES,
    permissions=PERMISSIONS, helper=_("系统管理员"),
)  # fmt: skip
PREFIX = ENTRANCE.prefix


@dataclass(frozen=True)
class Console(Office):
    """What pages of the console hang themselves on."""

    entrance: ClassVar[Entrance] = ENTRANCE

    def listing(
        self, rule: str, listing: Listing[Any], *, permission: str, nav: str | None = None,
        about: str = "", template: str = "console/listing.html",
    ) -> None:  # fmt: skip
        """A list as a page, as CSV and as XLSX; its endpoint is its name."""
        from handlers.console import listing_pages  # which needs this module

        listing_pages.add_listing(
            self, rule, listing, permission=permission, nav=nav, about=about, template=template
        )


def local(path: str) -> str:
    """`path` if it is a page of the console, else its first page: never anybody else's site."""
    return ENTRANCE.local(path)

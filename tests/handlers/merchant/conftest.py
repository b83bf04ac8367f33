"""The merchants' desk on a real database, one for a module: an owner and clerks, signed in.

`desk.as_("owner")` is somebody at the barber's with that role, `desk.as_("clerk", store_no=2)`
one who works at one store, `desk.as_("owner", merchant="chaye")` somebody of another merchant;
each in a browser of their own. `desk.anonymous()` is nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from handlers.merchant.frame import ENTRANCE
from models import sql
from models.base import Tx
from models.operators.accounts import Operator
from models.vouchers.vouchers import Voucher
from tests.handlers.console.conftest import Browser, Console, OpenConsole, open_console
from tests.models import merchants

__all__ = ["Browser", "Desk", "open_console"]


@dataclass
class Desk(Console):
    """The running desk, and everybody who works at it."""

    def as_(
        self, role: str, *, merchant: str = "jinxiu", store_no: int | None = None,
        another: bool = False,
    ) -> Browser:  # fmt: skip
        """The person of a role, "owner" or "clerk", or another one, in a new browser."""
        key = f"{role} {merchant} {store_no} {another}"
        now = self.clock()
        with self.circle.store.begin() as tx:
            if key not in self.people:
                self.people[key] = merchants.person(
                    tx, f"merchant_{role}", now=now, merchant=merchant, store_no=store_no,
                    vault=self.circle.vault,
                )  # fmt: skip
        return self.browser_of(self.people[key])

    def browser_of(self, who: Operator) -> Browser:
        """A browser in which this person is signed in."""
        with self.circle.store.begin() as tx:
            token = merchants.signed_in(tx, who, now=self.clock())
        browser = Browser(self.flask.test_client(), who)
        browser.client.set_cookie(
            f"__Host-{ENTRANCE.session}", token, domain="circle.example", secure=True, path="/"
        )
        return browser

    def voucher(self, offer: str = "haircut", **terms: object) -> Voucher:
        """A voucher that somebody has just paid for; `terms` change the offer first."""
        now = self.clock()

        def work(tx: Tx) -> Voucher:
            if terms:
                columns = ", ".join(f"{name} = %({name})s" for name in terms)
                sql.run(tx, f"UPDATE offers SET {columns} WHERE code = %(code)s",
                        {**terms, "code": offer})  # fmt: skip
            return merchants.voucher(tx, offer, now=now)

        return self.circle.store.run(work)


@pytest.fixture(scope="module")
def desk(open_console: OpenConsole) -> Desk:
    """The desk with the shipped settings, and a second store at the barber's."""
    opened = open_console()
    with opened.circle.store.begin() as tx:
        merchants.second_store(tx)
    return Desk(opened.flask, opened.circle, opened.clock)

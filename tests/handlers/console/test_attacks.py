"""Attacks that once got through, or ended in an error of ours: each is tried here as it was."""

from __future__ import annotations

from models.operators.accounts import Operator
from tests.handlers.console.conftest import FORM_KEY, Browser, Console
from tests.models import operators

BAD_ADDRESS = "http://[not-an-address"


def _person(console: Console, login: str, role: str = "service") -> Operator:
    with console.circle.store.begin() as tx:
        return operators.operator(
            tx, role, now=console.clock(), login=login, vault=console.circle.vault
        )


def _in(console: Console, who: Operator) -> Browser:
    """A browser in which this person is signed in."""
    browser = console.anonymous()
    with console.circle.store.begin() as tx:
        token = operators.signed_in(tx, who, now=console.clock())
    browser.client.set_cookie(
        "__Host-circle_console", token, domain="circle.example", secure=True, path="/"
    )
    return browser


# -- what a browser sends --------------------------------------------------------------------------


def test_an_address_that_is_none_in_a_header_is_no_error_of_ours(console: Console) -> None:
    nobody = console.anonymous()
    polled = {"HX-Request": "true", "HX-Current-URL": BAD_ADDRESS}
    answer = nobody.get("/console/operations/live", headers=polled)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (
        401, "/console/sign-in?next=/console",
    )  # fmt: skip
    nobody.client.set_cookie("__Host-form", FORM_KEY, domain="circle.example", secure=True)
    from_nowhere = {"Referer": BAD_ADDRESS}
    sent = nobody.post("/console/menus/push", {"form_key": FORM_KEY}, headers=from_nowhere)
    assert (sent.status_code, sent.location) == (303, "/console/sign-in?next=/console")


def test_a_nul_in_an_address_is_no_error_of_ours(console: Console) -> None:
    administrator = console.as_("administrator")
    answer = administrator.get("/console/outbox/bulk?do=retry&state=dead&error=%00x")
    assert answer.status_code == 200

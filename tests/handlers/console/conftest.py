"""The console on a real database, one for a module: an operator for each role, signed in.

No socket: Flask's own client carries requests in, which costs a tenth. `console.as_("service")`
is somebody with that role, with a browser of their own; `console.anonymous()` is nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import app as product
import doors
import settings as configuration
from embedded.valkey import Valkey
from handlers.console.doorkeeper import COOKIE
from models.operators.accounts import Operator
from tests.conftest import MovableClock
from tests.models import operators

# What a form of ours carries and its cookie has, too, for whoever sends forms without drawing them.
FORM_KEY = "k" * 43
_HIDDEN = re.compile(r'name="form_key" value="([^"]+)"')
SECURE = "https://circle.example"


@dataclass
class Browser:
    """One person's browser; `operator` is whose, None before anybody has signed in."""

    client: FlaskClient
    operator: Operator | None = None

    def get(self, path: str, **more: Any) -> TestResponse:
        """One request; redirects are not followed."""
        return self.client.get(path, base_url=SECURE, buffered=True, **more)

    def page(self, path: str) -> str:
        """A page that must be there, as text."""
        answer = self.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status} {answer.location}"
        return answer.text

    def form_key(self, path: str) -> str:
        """What a form of this page must carry."""
        found = _HIDDEN.search(self.get(path).text)
        assert found, f"{path} has no form"
        return unescape(found[1])

    def post(self, path: str, fields: dict[str, Any], **more: Any) -> TestResponse:
        """Send fields as they are, without a form key unless it is among them."""
        return self.client.post(path, base_url=SECURE, data=fields, **more)

    def send(self, path: str, *, form_from: str = "", **fields: Any) -> TestResponse:
        """Fill in the form of a page (`form_from`, by default at the same path) and send it."""
        return self.post(path, {"form_key": self.form_key(form_from or path), **fields})

    def forge(self, path: str, method: str = "POST", **fields: Any) -> TestResponse:
        """Send what no page of ours may have offered, with a good form key."""
        self.client.set_cookie("__Host-form", FORM_KEY, domain="circle.example", secure=True)
        return self.client.open(
            path, method=method, base_url=SECURE, data={"form_key": FORM_KEY, **fields},
            buffered=True,
        )  # fmt: skip

    def follow(self, answer: TestResponse) -> str:
        """The page that a redirect leads to."""
        assert answer.status_code == 303, f"{answer.status}\n{answer.text[:2000]}"
        to = urlsplit(answer.location)
        return self.page(f"{to.path}?{to.query}" if to.query else to.path)


@dataclass
class Console:
    """The running console, and everybody who works at it."""

    flask: Flask
    circle: product.Circle
    clock: MovableClock
    people: dict[str, Operator] = field(default_factory=dict)

    def anonymous(self) -> Browser:
        """A browser that nobody has signed in with."""
        return Browser(self.flask.test_client())

    def as_(self, role: str, *, another: bool = False) -> Browser:
        """The person of a role, or another one of the same role, in a new browser."""
        now = self.clock()
        with self.circle.store.begin() as tx:
            key = f"{role} again" if another else role
            if key not in self.people:
                self.people[key] = operators.operator(tx, role, now=now, vault=self.circle.vault)
            who = self.people[key]
            token = operators.signed_in(tx, who, now=now)
        browser = Browser(self.flask.test_client(), who)
        browser.client.set_cookie(
            f"__Host-{COOKIE}", token, domain="circle.example", secure=True, path="/"
        )
        return browser

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database says."""
        with self.circle.store.reading() as tx:
            return [tuple(row) for row in tx.exec_driver_sql(query, values or None)]


OpenConsole = Callable[..., Console]


@pytest.fixture(scope="module")
def open_console(module_database_url: str, valkey: Valkey) -> Iterator[OpenConsole]:
    """Consoles on a database of this module's own; each may have other settings."""
    opened: list[product.Circle] = []

    def open_one(**environment: str) -> Console:
        clock = MovableClock()
        settings = configuration.load(
            {
                **configuration.DEVELOPMENT,
                "CIRCLE_PUBLIC_URL": SECURE,
                "CIRCLE_BOSS__BASE_URL": "http://127.0.0.1:9/boss",
                "CIRCLE_DATABASE_URL": module_database_url,
                "CIRCLE_REDIS_URL": valkey.url,
                **{f"CIRCLE_{key}": value for key, value in environment.items()},
            }
        )
        circle = product.Circle(settings, connections=8, now=clock)
        opened.append(circle)
        return Console(doors.flask_app(circle), circle, clock)

    yield open_one
    for circle in opened:
        circle.store.close()


@pytest.fixture(scope="module")
def console(open_console: OpenConsole) -> Console:
    """The console with the shipped settings. Tests of a module share it and its database."""
    return open_console()

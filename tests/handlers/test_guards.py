"""What guards every page: forms, headers, cookies, and where a redirect may lead."""

from __future__ import annotations

import re

import pytest
from flask import Blueprint, Flask, render_template_string
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from handlers.guards import Guard, local_path
from models.store import Unavailable


def client(*, secure: bool = False) -> FlaskClient:
    """An app with one form."""
    blueprint = Blueprint("pages", __name__)
    Guard(secure=secure).protect(blueprint, error_page=lambda status: f"sorry {status}")

    @blueprint.get("/form")
    def form() -> str:
        return render_template_string("{{ form_key() }}{{ form_key() }}")

    @blueprint.post("/form")
    def sent() -> str:
        return "done"

    @blueprint.get("/away")
    def away() -> str:
        raise Unavailable("for a test")

    app = Flask("app")
    app.register_blueprint(blueprint)
    return app.test_client()


def key_in(answer: TestResponse) -> str:
    keys = set(re.findall(r'value="([^"]+)"', answer.text))
    assert len(keys) == 1
    return str(keys.pop())


def test_a_form_of_ours_is_taken_and_its_key_stays_the_same() -> None:
    browser = client()
    key = key_in(browser.get("/form"))
    assert browser.post("/form", data={"form_key": key}).text == "done"
    assert key_in(browser.get("/form")) == key


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({}, {}),
        ({"form_key": ""}, {}),
        ({"form_key": "a" * 43}, {}),
        ({"form_key": "KEY"}, {"Sec-Fetch-Site": "cross-site"}),
        ({"form_key": "KEY"}, {"Sec-Fetch-Site": "same-site"}),
    ],
)
def test_a_form_from_elsewhere_is_refused(fields: dict[str, str], headers: dict[str, str]) -> None:
    browser = client()
    key = key_in(browser.get("/form"))
    given = {name: value.replace("KEY", key) for name, value in fields.items()}
    answer = browser.post("/form", data=given, headers=headers)
    assert (answer.status_code, answer.text) == (403, "sorry 403")


def test_an_empty_cookie_and_an_empty_field_are_not_a_match() -> None:
    browser = client()
    browser.set_cookie("form", "")
    assert browser.post("/form", data={"form_key": ""}).status_code == 403
    browser.set_cookie("form", "short")
    assert browser.post("/form", data={"form_key": "short"}).status_code == 403


def test_by_https_the_cookie_belongs_to_this_host_alone() -> None:
    cookie = client(secure=True).get("/form", base_url="https://circle.example").headers
    assert cookie["Set-Cookie"].startswith("__Host-form=")
    for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert word in cookie["Set-Cookie"]


def test_the_policy_forbids_what_we_do_not_use() -> None:
    policy = client().get("/form").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'self'" in policy


def test_a_database_that_is_away_is_503_with_a_page() -> None:
    answer = client().get("/away")
    assert (answer.status_code, answer.text) == (503, "sorry 503")


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:x", "", "/a//b"],
)
def test_a_path_never_leads_to_another_site(path: str) -> None:
    assert local_path(path) == "/me"


def test_our_own_paths_are_kept() -> None:
    assert local_path("/clubs/film?from=sms") == "/clubs/film?from=sms"

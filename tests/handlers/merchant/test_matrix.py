"""Who may open what: every route of the merchants' desk, by both roles and by nobody."""

from __future__ import annotations

from typing import cast

import pytest
from werkzeug.routing import Rule

from handlers import merchant
from handlers.merchant.frame import ENTRANCE, Parts
from models.merchants.permissions import PERMISSIONS, may
from tests.handlers.merchant.conftest import Desk

PUBLIC = {"merchant.sign_in"}
SAMPLES = {"IntegerConverter": "999999", "PathConverter": "no/where", "UnicodeConverter": "none"}


class _NoParts:
    public_url = ""


ROUTES = {f"merchant.{route.endpoint}": route for route in
          merchant.build(cast("Parts", _NoParts())).routes}  # fmt: skip


def _rules(desk: Desk) -> list[tuple[Rule, str]]:
    prefix = ENTRANCE.prefix
    return [
        (rule, method)
        for rule in desk.flask.url_map.iter_rules()
        if rule.rule == prefix or rule.rule.startswith(f"{prefix}/")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def _address(rule: Rule) -> str:
    path = rule.rule
    for name, converter in rule._converters.items():
        for spelling in (f"<{name}>", f"<int:{name}>", f"<path:{name}>"):
            path = path.replace(spelling, SAMPLES[type(converter).__name__])
    assert "<" not in path, rule.rule
    return path


def test_no_rule_lies_below_the_desk_but_those_that_the_frame_has_hung_up(desk: Desk) -> None:
    assert {rule.endpoint for rule, _method in _rules(desk)} == set(ROUTES)
    assert {name for name, route in ROUTES.items() if route.permission is None} == PUBLIC
    for name, route in ROUTES.items():
        assert name in PUBLIC or route.permission in PERMISSIONS, name


def test_nobody_gets_further_than_the_sign_in(desk: Desk) -> None:
    for rule, method in _rules(desk):
        answer = desk.anonymous().forge(_address(rule), method)
        if rule.endpoint in PUBLIC:
            assert answer.status_code in (200, 400)
        else:
            assert answer.status_code == 303, f"{method} {rule.rule}: {answer.status}"
            assert answer.location.startswith("/merchant/sign-in")


@pytest.mark.parametrize("role", ["owner", "clerk"])
def test_a_role_opens_what_it_may_and_nothing_else(desk: Desk, role: str) -> None:
    for rule, method in _rules(desk):
        permission = ROUTES[rule.endpoint].permission
        # A browser for each: one of the routes ends its session.
        answer = desk.as_(role).forge(_address(rule), method)
        told = f"{method} {rule.rule} by {role}: {answer.status}"
        if permission is not None and not may(f"merchant_{role}", permission):
            assert answer.status_code == 403, told
        else:
            assert answer.status_code not in (401, 403), told
            assert answer.status_code < 500, told

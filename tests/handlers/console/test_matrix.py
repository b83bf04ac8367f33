"""Who may open what: every route of the running console, by every role and by nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from werkzeug.routing import Rule

from commands.console import routes
from handlers.console import matrix
from handlers.console.frame import PREFIX
from models.operators.roles import PERMISSIONS, ROLES, may
from tests.handlers.console.conftest import Console

ROUTES = {f"console.{route.endpoint}": route for route in routes()}
PAGE = Path(__file__).parents[3] / "docs/console-permissions.md"
SIGN_IN = f"{PREFIX}/sign-in"
# Nobody is known there yet, so everybody may come: and nothing else is open.
PUBLIC = {"console.sign_in"}
SAMPLES = {"IntegerConverter": "999999", "PathConverter": "no/where", "UnicodeConverter": "none"}


def _rules(console: Console) -> list[tuple[Rule, str]]:
    """Every rule below /console as Flask has it, with each method that it takes."""
    return [
        (rule, method)
        for rule in console.flask.url_map.iter_rules()
        if rule.rule == PREFIX or rule.rule.startswith(f"{PREFIX}/")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def _address(rule: Rule) -> str:
    path = rule.rule
    for name, converter in rule._converters.items():
        sample = SAMPLES[type(converter).__name__]
        for spelling in (f"<{name}>", f"<int:{name}>", f"<path:{name}>"):
            path = path.replace(spelling, sample)
    assert "<" not in path, rule.rule
    return path


def test_no_rule_lies_below_the_console_but_those_that_the_frame_has_hung_up(
    console: Console,
) -> None:
    found = {rule.endpoint for rule, _method in _rules(console)}
    assert found == set(ROUTES)
    assert {name for name, route in ROUTES.items() if route.permission is None} == PUBLIC


def test_every_route_asks_for_a_permission_of_the_table(console: Console) -> None:
    for name, route in ROUTES.items():
        assert name in PUBLIC or route.permission in PERMISSIONS, name


def test_nobody_gets_further_than_the_sign_in(console: Console) -> None:
    for rule, method in _rules(console):
        answer = console.anonymous().forge(_address(rule), method)
        if rule.endpoint in PUBLIC:
            assert answer.status_code in (200, 400)
        else:
            assert answer.status_code == 303, f"{method} {rule.rule}: {answer.status}"
            assert answer.location.startswith(SIGN_IN)


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_what_it_may_and_nothing_else(console: Console, role: str) -> None:
    for rule, method in _rules(console):
        permission = ROUTES[rule.endpoint].permission
        # A browser for each: one of the routes ends its session.
        answer = console.as_(role).forge(_address(rule), method)
        told = f"{method} {rule.rule} by {role}: {answer.status}"
        if permission is not None and not may(role, permission):
            assert answer.status_code == 403, told
        else:
            assert answer.status_code not in (401, 403), told
            assert answer.status_code < 500, told


def test_the_table_in_the_docs_is_what_the_routes_say() -> None:
    told = "write it anew: python app.py console permissions > docs/console-permissions.md"
    assert PAGE.read_text(encoding="utf-8") == matrix.table(routes()), told

"""Expressions: what is taken, and that nothing hostile crashes, hangs or gives points."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import points
from models.earning import expressions, misses
from models.earning.earn import earn
from models.earning.expressions import (
    NESTING_MOST,
    SOURCE_CHARS_MOST,
    WORDS_MOST,
    Failed,
    Refused,
    context_of,
    read,
)  # fmt: skip
from models.store import Store
from tests.models.conftest import newcomer
from tests.models.earning import SOON, event, publish, rule

VALUES = {"amount_fen": 5000, "package": "10GB", "is_first": True}
# The deepest and the longest that are taken, of each kind of nesting.
DEEPEST = [
    "(" * NESTING_MOST + "1" + ")" * NESTING_MOST,
    "[" * NESTING_MOST + "1" + "]" * NESTING_MOST,
    "!" * NESTING_MOST + "true",
    "-" * NESTING_MOST + "1",
    "true?1:" * NESTING_MOST + "2",
    "1" + "+1" * ((WORDS_MOST - 1) // 2),
    "event" + ".a" * ((WORDS_MOST - 1) // 2),
    "true" + "&&true" * ((WORDS_MOST - 1) // 2),
    "size(" * NESTING_MOST + "'a'" + ")" * NESTING_MOST,
]


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("event.amount_fen / 100", 50),
        ("event.amount_fen >= 1000 && event.package == '10GB'", True),
        ('event.package in ["1GB", "10GB"]', True),
        ("event.package.startsWith('10') ? 20 : 5", 20),
        ("has(event.channel) && event.channel == 'app'", False),
        ("int(double(event.amount_fen) * 0.015)", 75),
        ("size(event.package)", 4),
        ('event.package + "\\"" == \'10GB"\'', True),
        ("!event.is_first", False),
        ("-7 / 2", -3),
    ],
)
def test_what_rules_need_can_be_said(source: str, result: object) -> None:
    found = read(source).evaluate(context_of(VALUES))
    assert (found, type(found)) == (result, type(result))


@pytest.mark.parametrize(
    "source",
    [
        "", " ", "1 +", "((1)", "1 2", "。", "event", "event.", "event['amount_fen']", "amount_fen",
        "[1, 2].map(x, x)", "[1].all(event, true)", "event.a.exists(x, x)", "event.a.filter(x, x)",
        "[[1]].map(x, x.map(y, y))", "event.package.matches('(a+)+$')", "__import__('os')",
        "f(1)", "timestamp('2026-01-01T00:00:00Z')", "dyn(1)", "type(1)", "{'a': 1}",
        "r'a'", "b'a'", "'a' 'b'", "'''a'''", "'''a' + [1].map(x, x) + 'b'''", "'a\\x41'", "'a\nb'",
        "1e400", "0x10", "5u", "99999999999999999999999", "event.in", "event..a", "a" * 10_000,
        "'" + "a" * SOURCE_CHARS_MOST + "'", "1" + "+1" * WORDS_MOST, "\x00", "event.\ud800",
        "event.package // comment", "event.amount_fen; 1", "event.r'\\' + [1].map(x,x) + '\\''",
        "(" * 5000, "[" * 5000, "!" * 5000, "-" * 400 + "1", f"({DEEPEST[0]})",
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_refused_in_words(source: str) -> None:
    with pytest.raises(Refused) as refused:
        read(source)
    assert str(refused.value)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("event.amount_fen / 0", "division by nothing"),
        ("event.amount_fen % (event.amount_fen - 5000)", "division by nothing"),
        ("event.amount_fen * 9223372036854775807", "a number too big"),
        ("int(1.0 / 0.0)", "a number too big"),
        ("event.other", "the event lacks a value"),
        ("event.package * 2", "a value of the wrong type"),
        ("event.amount_fen.other", "a value of the wrong type"),
        ("event.amount_fen > 'x'", "a value of the wrong type"),
        ("int('ten')", "cannot be evaluated"),
        ("int(1, 2)", "cannot be evaluated"),
        ("[1][5 % 6 - 5 + 9]", "the event lacks a value"),
    ],
)
def test_what_cannot_be_evaluated_says_why_in_a_fixed_phrase(source: str, reason: str) -> None:
    with pytest.raises(Failed) as failed:
        read(source).evaluate(context_of(VALUES))
    assert failed.value.reason == reason


def test_values_that_are_too_big_or_of_other_kinds_are_not_seen() -> None:
    seen = {"big": 2**70, "long": "x" * 1000, "list": [1], "real": 1.5, "none": None, "ok": 1}
    assert read("event.ok").evaluate(context_of(seen)) == 1
    for name in set(seen) - {"ok"}:
        with pytest.raises(Failed):
            read(f"event.{name}").evaluate(context_of(seen))
    with pytest.raises(Failed, match="too many values"):
        context_of({f"v{n}": n for n in range(1000)})


_PIECES = st.sampled_from(
    ["event", ".", "a", "b", "1", "0", "9223372036854775807", "'x'", '"', "'", "\\", "(", ")", "[",
     "]", "{", "}", "?", ":", "!", "-", "+", "*", "/", "%", "&&", "||", "==", "<", "in", "has",
     "size", "int", "double", "string", "map", "all", "true", ",", " ", "\n", "r", "b", "u", "."]
)  # fmt: skip


@settings(max_examples=600)
@given(st.one_of(st.lists(_PIECES, max_size=40).map("".join), st.text(max_size=60)))
def test_any_source_is_refused_or_ends_in_a_value_or_a_reason(source: str) -> None:
    with suppress(Refused, Failed):
        read(source).evaluate(context_of({"a": 3, "b": "x"}))


def _on_a_small_stack() -> None:
    for source in DEEPEST:
        try:
            read(source).evaluate(context_of(VALUES))
        except (Refused, Failed) as told:
            print(source[:20], told)  # noqa: T201
    print("alive")  # noqa: T201


@pytest.mark.slow
def test_the_deepest_expressions_fit_the_stack_of_a_small_thread() -> None:
    # A stack that is too small ends a process, so this is tried in one of its own.
    program = (
        "import threading; threading.stack_size(512 * 1024)\n"
        "from tests.models.test_earning_expressions import _on_a_small_stack as work\n"
        "thread = threading.Thread(target=work); thread.start(); thread.join()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "alive" in done.stdout


def test_evaluation_is_quick_whatever_is_taken() -> None:
    """A thousand of the costliest in a fraction of a minute: no loop can be written."""
    costly = read("'" + "x" * 40 + "'" + " + event.package" * 28 + " == 'y'")
    context = context_of({"package": "x" * 200})
    started = time.perf_counter()
    for _ in range(1000):
        assert costly.evaluate(context) is False
    assert time.perf_counter() - started < 20


@pytest.fixture
def hostile() -> list[dict[str, Any]]:
    return [
        {"amount": "1 / event.n_count"}, {"amount": "event.n_count * 9223372036854775807"},
        {"amount": "event.text"}, {"amount": "event.n_count - 1"}, {"amount": "-5 + event.n_count"},
        {"when": "event.n_count"}, {"when": "event.missing == 1"}, {"amount": "2.5"},
        {"amount": "1000001 + event.n_count"}, {"amount": "1", "multiplier": 0.01},
        {"amount": "true"}, {"valid": {"until": "2026-01-31"}},
    ]  # fmt: skip


def test_a_rule_that_fails_for_an_event_gives_nothing_and_says_why(
    store: Store, hostile: list[dict[str, Any]]
) -> None:
    """The other rules give theirs: the event is not lost."""
    publish(store, rule("good"), *[rule(f"bad-{n}", **more) for n, more in enumerate(hostile)])
    li = store.run(newcomer)
    done = event(li, n_count=0, text="x")
    assert store.run(lambda tx: earn(tx, [done], SOON)) == 10
    day = points.day_of(SOON)
    found = {each.rule: each.reason for each in store.read(lambda tx: misses.listed(tx, day, day))}
    assert found == {
        "bad-0": "division by nothing", "bad-1": "amounts to nothing",
        "bad-2": "the amount is no whole number", "bad-3": "amounts to nothing",
        "bad-4": "amounts to nothing", "bad-5": "the condition is neither true nor false",
        "bad-6": "the event lacks a value", "bad-7": "the amount is no whole number",
        "bad-8": "more points than a rule may give", "bad-9": "amounts to nothing",
        "bad-10": "the amount is no whole number", "bad-11": "points that have expired already",
    }  # fmt: skip


def test_a_published_rule_whose_expression_is_refused_is_left_out(store: Store) -> None:
    """Who writes past the check, into the table, stops his own rule and no other."""
    publish(store, rule("good"), rule("bad", when="[1].all(x, true)"))
    li = store.run(newcomer)
    assert store.run(lambda tx: earn(tx, [event(li)], SOON)) == 10


def test_the_names_an_expression_looks_at_are_known() -> None:
    found = read("event.amount_fen > 1 && event.package.startsWith('event.other')")
    assert found.names == ("amount_fen", "package")
    assert expressions.POINTS_MOST >= 1

"""Days and words as they are typed: what cannot be meant is refused in a sentence."""

from __future__ import annotations

import pytest

from tests.commands.conftest import Typed

LI = "13800000001"
FIRST, LAST = "0001-01-01", "9999-12-31"  # no day is before the one, or after the other


@pytest.mark.parametrize(
    "words",
    [
        ("rules", "dry-run", "--from", LAST),
        ("rules", "dry-run", "--to", LAST),
        ("rules", "misses", "--from", FIRST),
        ("points", "statement", LI, "--from", FIRST),
        ("points", "statement", LI, "--to", LAST),
        ("ledger", "export", FIRST),
        ("ledger", "export", LAST),
        ("ledger", "close", "--through", LAST),
        ("ledger", "anchor", LAST),
        ("ledger", "expire", "--day", FIRST),
        ("tiers", "review", "--day", FIRST),
    ],
    ids=" ".join,
)
def test_a_day_that_cannot_be_meant_is_refused(typed: Typed, words: tuple[str, ...]) -> None:
    said = typed(*words)
    assert said.exit_code == 2
    assert "is not between 2000-01-01 and 2999-12-31" in said.stderr


@pytest.mark.parametrize("day", ["yesterday", "2026-02-29", "2026-13-01", ""])
def test_what_is_no_day_is_refused_with_an_example(typed: Typed, day: str) -> None:
    said = typed("ledger", "export", day)
    assert said.exit_code == 2
    assert "is no day such as 2026-11-22" in said.stderr


@pytest.mark.parametrize("author", ["", " ", "x" * 61, "a\nb", "\udcff"])
@pytest.mark.parametrize(
    "words",
    [
        ("rules", "publish", "--note", "why", "--by"),
        ("rules", "stop", "data", "--note", "why", "--by"),
        ("tiers", "publish", "--note", "why", "--author"),
        ("menus", "publish", "--note", "why", "--author"),
        ("menus", "rollback", "--author"),
    ],
    ids=" ".join,
)
def test_who_publishes_has_a_name_that_can_be_kept(
    typed: Typed, words: tuple[str, ...], author: str
) -> None:
    said = typed(*words, author)
    assert said.exit_code == 2
    assert "Invalid value for" in said.stderr


@pytest.mark.parametrize(
    "words", [("rules", "publish"), ("tiers", "publish"), ("menus", "publish")]
)
def test_a_version_says_why_it_was_made(typed: Typed, words: tuple[str, ...]) -> None:
    said = typed(*words, "--note", "  ")
    assert said.exit_code == 2
    assert "1 to 500 characters" in said.stderr

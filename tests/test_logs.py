"""Logs: one JSON object a line, and no whole number or word of a person in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
import structlog

import logs
from logs import frames_only, mask_numbers


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """What another test configured stays as it was."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@dataclass(frozen=True)
class Person:
    number: str


NUMBERS = [
    "13800000001",
    "8613800000001",
    "+8613800000001",
    "008613800000001",
    "138-0000-0001",
    "138 0000 0001",
    "+86 138 0000 0001",
    "+86-138-0000-0001",
    "１３８０００００００１",
    "+15005550006",
    "+447911123456",
    "+85251234567",
]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    "where", ["{}", "to={}&x=1", '{{"to": "{}"}}', "tel:{}", "给{}发短信", "%2B{}", "({})", "a{}b"]
)
def test_a_number_is_masked_wherever_it_stands(number: str, where: str) -> None:
    line = str(mask_numbers(None, "", {"event": where.format(number)})["event"])
    assert number not in line
    assert "****" in line
    digits = [c for c in line.replace("%2B", "") if c.isdigit() and c != "x"]
    assert len(digits) <= 10


@pytest.mark.parametrize(
    "value",
    [
        13800000001,
        ["13800000001"],
        ("13800000001",),
        {"13800000001"},
        {"to": "13800000001"},
        {"13800000001": "to"},
        {"to": [{"number": 8613800000001}]},
        b"13800000001",
        Person("+8613800000001"),
        ValueError("13800000001"),
    ],
)
def test_a_number_is_masked_in_whatever_holds_it(value: Any) -> None:
    written = repr(mask_numbers(None, "", {"event": "x", "value": value}))
    assert "0000000" not in written
    assert "138****0001" in written


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-22T00:12:49.138000Z",
        "wx:23456789012345678:o_lilei:1763769528",
        "SM00000000000000000000000000000001",
        "1763769528000",
        "step failed",
        "10086",
        "106575020001",
        42,
        1763769528,
        0.138,
        True,
        None,
    ],
)
def test_what_is_no_number_of_a_person_stays_as_it_is(value: Any) -> None:
    assert mask_numbers(None, "", {"event": value}) == {"event": value}


def test_a_masked_number_is_written_as_people_may_see_it() -> None:
    told = mask_numbers(None, "", {"event": "+8613812345678 and +15005550006"})
    assert told["event"] == "138****5678 and +15****0006"


def test_a_line_is_one_json_object_with_its_phrase_and_fields(
    capfd: pytest.CaptureFixture[str],
) -> None:
    logs.configure("info")
    structlog.get_logger().info("sms sent", owed=5, to="+8613800000001", text="第一行\n第二行")
    structlog.get_logger().debug("not shown")
    (line,) = capfd.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["event"], told["level"], told["owed"]) == ("sms sent", "info", 5)
    assert told["to"] == "138****0001"
    assert told["timestamp"].endswith("Z")


def test_what_json_does_not_know_is_written_and_masked(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    structlog.get_logger().info("x", who=Person("13800000001"), raw=b"\xff13800000001")
    told = json.loads(capfd.readouterr().err)
    assert told["who"] == "Person(number='138****0001')"
    assert "13800000001" not in told["raw"]


def test_an_error_is_told_by_its_kind_and_place_and_not_by_its_words(
    capfd: pytest.CaptureFixture[str],
) -> None:
    logs.configure("info")

    def fails(text: str) -> None:
        try:
            int(text)
        except ValueError as error:
            raise LookupError(f"no {text}") from error

    try:
        fails("悄悄" + "话")  # in two, since the line of code is told
    except LookupError:
        structlog.get_logger().exception("step failed", key="wx:1")
    written = capfd.readouterr().err
    told = json.loads(written)
    assert "悄悄话" not in written
    first, *rest = told["exception"].splitlines()
    assert first == "ValueError"
    assert "LookupError" in rest
    assert any("in fails: int(text)" in line for line in rest)


def test_an_error_of_the_database_tells_its_code() -> None:
    told = frames_only(None, "", {"exc_info": psycopg.errors.CheckViolation("Failing row: 悄悄话")})
    assert told == {"exception": "CheckViolation 23514"}


def test_a_chain_of_errors_and_a_deep_one_have_an_end() -> None:
    def deep() -> None:
        deep()

    try:
        deep()
    except RecursionError as error:
        told = frames_only(None, "", {"exc_info": (type(error), error, error.__traceback__)})
    assert len(str(told["exception"]).splitlines()) == logs.MOST_FRAMES + 1

    last: BaseException = ValueError()
    for _ in range(20):
        following = ValueError()
        following.__cause__ = last
        last = following
    told = frames_only(None, "", {"exc_info": last})
    assert len(str(told["exception"]).splitlines()) == logs.MOST_CAUSES


def test_without_an_error_nothing_is_added() -> None:
    assert frames_only(None, "", {"event": "x", "exc_info": None}) == {"event": "x"}
    assert frames_only(None, "", {"event": "x", "exc_info": True}) == {"event": "x"}

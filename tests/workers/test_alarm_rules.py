"""When something is alarming: each kind at its limit, by a hair, and with too few to tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.sender_beat import GatewaySeen, SenderSeen
from models.alarm_kinds import KINDS
from workers.alarm_rules import Limits, Seen, readings, way_out

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
WELL = GatewaySeen(bound=2, wanted=2, under_way=3, window=16, full_s=0, share_percent=100)
SENDER = SenderSeen("sender", NOW, 0, {"smpp": WELL})
SEEN = Seen(
    carriers=("smpp",), senders=(SENDER,), counted={"sms:smpp:taken": 100},
    shut={"twilio": False}, late_s={"answer": 0}, lately={"smpp": (100, 0)},
)  # fmt: skip


def bad(seen: Seen, *, open_too: bool = False) -> set[tuple[str, str]]:
    found = readings(seen, Limits(), NOW)
    return {one.key for one in found if one.is_bad(is_open=open_too, margin_percent=10)}


def gateway(**changed: Any) -> Seen:
    one = replace(WELL, **changed)
    return replace(SEEN, senders=(replace(SENDER, gateways={"smpp": one}),))


def submits(**n: int) -> Seen:
    return replace(SEEN, counted={f"sms:smpp:{name}": each for name, each in n.items()})


def test_while_all_is_well_nothing_is_alarming() -> None:
    assert bad(SEEN, open_too=True) == set()


@pytest.mark.parametrize(
    ("name", "subject", "wrong", "just_well"),
    [
        ("bind_down", "smpp", gateway(bound=1), gateway(bound=2)),
        ("failed_over", "smpp", gateway(share_percent=80), gateway()),
        ("window_full", "smpp", gateway(full_s=301), gateway(full_s=300)),
        ("errors", "smpp", submits(taken=79, refused=10, later=10, unknown=1),
         submits(taken=80, refused=10, later=10)),
        ("errors", "smpp", submits(refused=50), submits(refused=49)),  # 49 are too few to tell
        ("throttled", "smpp", submits(taken=79, busy=21), submits(taken=80, busy=20)),
        ("delivery", "smpp", replace(SEEN, lately={"smpp": (79, 21)}),
         replace(SEEN, lately={"smpp": (80, 20)})),
        ("delivery", "smpp", replace(SEEN, lately={"smpp": (0, 50)}),
         replace(SEEN, lately={"smpp": (0, 49)})),
        ("backlog", "answer", replace(SEEN, late_s={"answer": 31}),
         replace(SEEN, late_s={"answer": 30})),
        ("backlog", "marketing", replace(SEEN, late_s={"marketing": 14401}),
         replace(SEEN, late_s={"marketing": 14400})),
        ("loops", "", replace(SEEN, loops=21), replace(SEEN, loops=20)),
        ("shut", "twilio", replace(SEEN, shut={"twilio": True}), SEEN),
        ("spool", "sender", replace(SEEN, senders=(replace(SENDER, spool_bytes=1),)), SEEN),
        ("sender_down", "",
         replace(SEEN, senders=(replace(SENDER, at=NOW - timedelta(seconds=31)),)), SEEN),
        ("sender_down", "", replace(SEEN, senders=()), replace(SEEN, senders=(), carriers=())),
    ],
)  # fmt: skip
def test_each_kind_at_its_limit(name: str, subject: str, wrong: Seen, just_well: Seen) -> None:
    assert bad(wrong) == {(name, subject)}
    assert bad(just_well) == set()


def test_every_kind_has_a_case_above() -> None:
    marks = test_each_kind_at_its_limit.pytestmark[0]  # type: ignore[attr-defined]
    assert {case[0] for case in marks.args[1]} == KINDS.keys()


def test_what_is_raised_is_well_again_only_by_a_margin() -> None:
    late = replace(SEEN, late_s={"answer": 28})
    assert bad(late) == set()
    assert bad(late, open_too=True) == {("backlog", "answer")}
    assert bad(replace(SEEN, late_s={"answer": 27}), open_too=True) == set()
    few = replace(SEEN, lately={"smpp": (81, 19)})
    assert bad(few, open_too=True) == {("delivery", "smpp")}
    assert bad(replace(SEEN, lately={"smpp": (82, 18)}), open_too=True) == set()


def test_without_redis_nothing_is_said_of_what_only_redis_knows() -> None:
    known = list(readings(replace(SEEN, senders=None, counted=None, shut=None), Limits(), NOW))
    assert {one.name for one in known} == {"backlog", "delivery", "loops"}


def test_a_dead_senders_spool_is_still_missed() -> None:
    dead = replace(SENDER, at=NOW - timedelta(hours=5), spool_bytes=900)
    alive = replace(SENDER, name="other")
    assert bad(replace(SEEN, senders=(dead, alive))) == {("spool", "sender")}


@pytest.mark.parametrize(
    ("wrong", "by"),
    [
        (set(), "smpp"),
        ({("backlog", "answer"), ("loops", "")}, "smpp"),  # of no gateway
        ({("bind_down", "smpp")}, "cmpp"),
        ({("delivery", "smpp")}, "cmpp"),  # the one that is quite well
        ({("delivery", "smpp"), ("errors", "cmpp"), ("shut", "twilio")}, "smpp"),
        ({("bind_down", "smpp"), ("failed_over", "cmpp")}, "twilio"),
        ({("sender_down", "")}, "twilio"),
        ({("sender_down", ""), ("shut", "twilio")}, "smpp"),  # none works: the usual one
    ],
)
def test_operators_are_told_over_a_gateway_that_works(wrong: set[tuple[str, str]], by: str) -> None:
    assert way_out("smpp", ["smpp", "cmpp", "twilio"], dict.fromkeys(wrong)) == by


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", sorted(KINDS))
def test_each_kind_says_what_is_wrong_and_what_to_do(name: str, language: str) -> None:
    words = KINDS[name].says(language, subject="smpp", value=7, limit=8)
    assert "{" not in words
    assert KINDS[name].do(language)[-1] not in "。."

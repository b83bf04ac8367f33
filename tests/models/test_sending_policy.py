"""Which way something is sent: the rule alone, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from models import sending_policy
from models.points import SHANGHAI
from models.sending_policy import ANSWER, MARKETING, NOTICE, Facts, Policy, Way, choose
from models.subscribers import Subscriber

NOON = datetime(2026, 3, 2, 12, tzinfo=SHANGHAI)
NIGHT = datetime(2026, 3, 2, 23, 30, tzinfo=SHANGHAI)
MORNING = datetime(2026, 3, 3, 8, tzinfo=SHANGHAI)
LI = Subscriber(1, "active", False, "o_li", "+8613800000001", NIGHT + timedelta(hours=1))
SHUT = replace(LI, wechat_open_until=None)
TEXTS = replace(LI, openid=None, wechat_open_until=None)
BOTH = Facts(wechat_left=2)
POLICY = Policy(a_week=3)
TEMPLATES = replace(POLICY, templates={"points": "T1"})


def way(who: Subscriber = LI, known: Facts = BOTH, **more: Any) -> Way:
    usual: dict[str, Any] = {"kind": "points", "category": NOTICE, "policy": POLICY, "now": NOON}
    return choose(who, known, **usual | more)


@pytest.mark.parametrize(
    ("who", "known", "policy", "by"),
    [
        (LI, BOTH, POLICY, "wechat"),
        (LI, BOTH, TEMPLATES, "wechat"),
        (LI, Facts(wechat_left=0), POLICY, "sms"),  # WeChat takes no more
        (LI, Facts(wechat_left=0), TEMPLATES, "template"),
        (SHUT, BOTH, POLICY, "sms"),
        (SHUT, BOTH, TEMPLATES, "template"),
        (TEXTS, BOTH, TEMPLATES, "sms"),
        (replace(SHUT, msisdn=None), BOTH, POLICY, "none"),
    ],
)
def test_the_order_of_the_ways(who: Subscriber, known: Facts, policy: Policy, by: str) -> None:
    assert way(who, known, policy=policy).by == by


def test_a_kind_without_a_template_goes_by_sms() -> None:
    assert way(SHUT, policy=TEMPLATES, kind="clubs").by == "sms"


def test_sms_stands_in_unless_the_person_does_not_want_it() -> None:
    assert way().or_sms
    assert not way(known=Facts(frozenset({"sms"}), wechat_left=1)).or_sms


@pytest.mark.parametrize(
    ("closed", "policy", "by", "why"),
    [
        ({"wechat"}, TEMPLATES, "sms", ""),  # neither message nor template
        ({"sms"}, TEMPLATES, "wechat", ""),
        ({"sms", "wechat"}, TEMPLATES, "none", "unwanted"),
    ],
)
def test_what_a_person_has_closed_is_not_used(
    closed: set[str], policy: Policy, by: str, why: str
) -> None:
    found = way(known=Facts(frozenset(closed), wechat_left=1), policy=policy)
    assert (found.by, found.why) == (by, why)


def test_an_answer_comes_in_any_case_and_where_the_person_spoke_last() -> None:
    known = Facts(frozenset({"sms", "wechat"}), this_week=9, wechat_left=1, spoke_last="sms")
    opted_out = replace(LI, opted_out=True)
    assert way(opted_out, known, category=ANSWER, now=NIGHT).by == "sms"
    in_wechat = replace(known, spoke_last="wechat")
    assert way(opted_out, in_wechat, category=ANSWER, now=NIGHT).by == "wechat"
    blocked = replace(LI, status="blocked")
    assert way(blocked, known, category=ANSWER).by == "none"


@pytest.mark.parametrize("category", [NOTICE, MARKETING])
@pytest.mark.parametrize(
    ("who", "known", "policy", "why"),
    [
        (replace(LI, opted_out=True), BOTH, POLICY, "opted_out"),
        (LI, replace(BOTH, this_week=3), POLICY, "cap"),
        (LI, BOTH, replace(POLICY, blocklist=frozenset({LI.msisdn or ""})), "blocklist"),
        (LI, BOTH, replace(POLICY, only_tests=True), "not_a_test"),
        (replace(LI, status="deleted"), BOTH, POLICY, "gone"),
    ],
)
def test_what_keeps_a_notice_in_the_mailbox(
    who: Subscriber, known: Facts, policy: Policy, why: str, category: str
) -> None:
    for now in (NOON, NIGHT):
        assert way(who, known, policy=policy, category=category, now=now) == Way("none", why)


def test_our_own_numbers_know_neither_night_nor_cap_but_may_opt_out() -> None:
    policy = replace(POLICY, only_tests=True, test_numbers=frozenset({LI.msisdn or ""}))
    known = replace(BOTH, this_week=99)
    assert way(known=known, policy=policy, now=NIGHT).by == "wechat"
    assert way(replace(LI, opted_out=True), known, policy=policy).why == "opted_out"


@pytest.mark.parametrize(
    ("hour", "minute", "until"),
    [
        (20, 59, None), (21, 0, MORNING), (23, 59, MORNING), (8, 0, None), (12, 0, None),
        (7, 59, MORNING - timedelta(days=1)), (0, 0, MORNING - timedelta(days=1)),
    ],
)  # fmt: skip
def test_the_night_puts_off_until_the_morning(
    hour: int, minute: int, until: datetime | None
) -> None:
    found = way(now=NOON.replace(hour=hour, minute=minute))
    assert found.until == until
    assert found.by == ("later" if until else "wechat")


def test_a_night_may_lie_within_a_day_or_be_none() -> None:
    siesta = Policy(quiet_from=time(12), quiet_until=time(14))
    assert siesta.quiet_ends(NOON) == NOON.replace(hour=14)
    assert siesta.quiet_ends(NIGHT) is None
    assert Policy(quiet_from=time(0), quiet_until=time(0)).quiet_ends(NIGHT) is None


def test_a_question_goes_where_the_person_spoke_last_and_never_by_template() -> None:
    assert way(SHUT, policy=TEMPLATES, asks=True).by == "sms"
    assert way(known=replace(BOTH, spoke_last="sms"), asks=True).by == "sms"
    assert way(known=replace(BOTH, spoke_last="wechat"), asks=True).by == "wechat"


def test_a_kind_that_is_none_is_a_mistake() -> None:
    assert sending_policy.category_of("marketing") == MARKETING
    assert sending_policy.category_of("gifts") == NOTICE
    with pytest.raises(ValueError, match="no such kind"):
        sending_policy.category_of("news")

"""Nothing that costs points, or ends or changes anything, is ever opened by a guess."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from dialogs import choices, understanding
from dialogs.catalog import BY_NAME
from dialogs.delivery import Delivery
from dialogs.inbound import Inbound
from menus import sounds
from models import conversations
from models.conversations import Conversation
from sms import replies
from tests.conftest import World
from tests.menus.test_guessing import SHIPPED

KEYWORDS = sorted(SHIPPED.words)
CHANGING = sorted(
    said for said in KEYWORDS if not BY_NAME[SHIPPED.words[said].route.dialog].reads_only
)
AROUND = [
    "",
    "我想",
    "请问",
    "帮我",
    "一下",
    "吧",
    "了",
    "呢",
    "不",
    "别",
    "，",
    " ",
    "1001",
    "谢谢",
]


@some.composite
def near_to(draw: some.DrawFn, words: list[str]) -> str:
    """A word, as somebody may miswrite it: in pinyin, wrongly, with more around it."""
    said = draw(some.sampled_from(words))
    how = draw(some.sampled_from(["as it is", "pinyin", "swapped", "less", "more", "traditional"]))
    at = draw(some.integers(0, len(said) - 1))
    if how == "pinyin":
        said = "".join(sounds.usual(said))
    elif how == "swapped":
        said = said[:at] + said[at : at + 2][::-1] + said[at + 2 :]
    elif how == "less":
        said = said[:at] + said[at + 1 :]
    elif how == "more":
        said = said[:at] + draw(some.sampled_from("的我积电兑退券加x1")) + said[at:]
    before, behind = draw(some.sampled_from(AROUND)), draw(some.sampled_from(AROUND))
    return before + said + behind


SAID = some.one_of(near_to(KEYWORDS), near_to(CHANGING), some.text(max_size=40))
OPEN = [None, "redeem", "join_club", "complain", "did_you_mean", "help_choices"]


def reads(dialog: str) -> bool:
    return BY_NAME[dialog].reads_only


def _out(channel: str = "wechat") -> Delivery:
    """What understanding looks at, of a delivery."""
    who, now = SimpleNamespace(id=1), datetime(2026, 3, 2, tzinfo=UTC)
    return cast(
        Delivery, SimpleNamespace(menus=SHIPPED, channel=channel, tx=None, now=now, who=who)
    )


def _question(dialog: str | None) -> Conversation | None:
    if dialog is None:
        return None
    row = Conversation(1, dialog, "wechat", cast(Any, None), id=1, state="asking")
    row.question = {"key": "words.did_you_mean_one", "values": {"word": "积分"}}
    return row


def met(said: str, kind: str, dialog: str | None, channel: str) -> understanding.Met:
    """How such a message is met while this dialog asks."""
    out, question = _out(channel), _question(dialog)
    with (
        patch("models.inbox.not_understood", return_value=1),
        patch("models.merchants.nearby.is_place", return_value=True),
    ):
        if kind == "text":
            return understanding.unclear(out, replies.read(said), question, reads)
        inbound = Inbound("k", "wechat", "o", "voice", said)
        return understanding.media(out, inbound, question, reads)


@settings(max_examples=400)
@given(
    SAID, some.sampled_from(["text", "voice"]), some.sampled_from(OPEN),
    some.sampled_from(["wechat", "sms"]),
)  # fmt: skip
def test_a_guess_opens_what_reads_or_asks(
    said: str, kind: str, dialog: str | None, channel: str
) -> None:
    opens = met(said, kind, dialog, channel).opens
    if opens is None or reads(opens.dialog):
        return
    assert opens.dialog == "did_you_mean"
    assert dialog is None or dialog in choices.SOFT, "a question that was open would be lost"


@settings(max_examples=400)
@given(SAID)
def test_while_a_question_is_open_only_what_reads_opens_by_a_guess(said: str) -> None:
    route = understanding.at_once(_out(), replies.read(said), reads)
    assert route is None or reads(route.dialog)


def test_it_would_be_seen_if_a_guess_opened_more() -> None:
    careless = understanding.unclear(_out(), replies.read("我想抽奖一下"), None, lambda _: True)
    assert careless.opens is not None
    assert careless.opens.dialog == "draw"


STATE = (
    "SELECT (SELECT coalesce(sum(points), 0) FROM points_legs),"
    " (SELECT count(*) FROM points_transfers), (SELECT count(*) FROM vouchers),"
    " (SELECT count(*) FROM draw_results), (SELECT count(*) FROM membership_changes),"
    " (SELECT count(*) FROM subscribers WHERE opted_out_at IS NOT NULL),"
    " (SELECT count(*) FROM complaints), (SELECT count(*) FROM outbox WHERE kind = 'call')"
)


@pytest.mark.slow
def test_nothing_changes_by_what_is_only_near(world: World) -> None:
    """Through the engine: what is no word and no answer leaves points and clubs as they are."""
    engine, store, now = world.circle.engine, world.circle.store, world.clock()
    before = world.rows(STATE)
    ((person,),) = world.rows(
        "SELECT subscriber_id FROM subscriber_addresses WHERE address = %s", "+8613800000001"
    )

    @settings(max_examples=120, suppress_health_check=list(HealthCheck))
    @given(some.lists(SAID.filter(_is_no_word), min_size=1, max_size=4))
    def talks(messages: list[str]) -> None:
        with store.begin() as tx:
            for number, said in enumerate(messages):
                inbound = Inbound(f"k{number}", "sms", "+8613800000001", "text", said, None)
                engine.hear(tx, inbound, now)
            asking = conversations.waiting(tx, person)
            assert all(row.dialog in choices.SOFT for row in asking)
            assert [tuple(row) for row in tx.exec_driver_sql(STATE)] == before
            tx.rollback()

    talks()


def _is_no_word(said: str) -> bool:
    read = replies.read(said)
    answers = read.is_yes or read.is_no or read.is_opt_out or read.is_opt_in
    printable = not any(unicodedata.category(letter) == "Cs" or letter == "\0" for letter in said)
    return printable and not answers and read.number is None and SHIPPED.word(read.normal) is None

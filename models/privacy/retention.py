"""Retention: how long each kind of data is kept, who forgets it then, and what was forgotten.

    RULES ──(days from config.yaml, section privacy)──▶ the clock, bite by bite ──▶ retention_runs

A bite is a transaction: what is deleted and the count of it stand or fall together. Whoever dies
between two has lost nothing; what is still too old is found by whoever comes next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    PrimaryKeyConstraint,
    String,
    Table,
)  # fmt: skip

from models import (
    bind_codes,
    consents,
    conversations,
    feedback_pictures,
    handovers,
    inbox,
    mailbox,
    outbox,
    page_links,
    remembered,
    sql,
)
from models.base import Tx, metadata, moment
from models.broadcasts import looking as broadcasts
from models.earning import counters, events, misses
from models.earning.told import OLDEST
from models.merchants import guesses
from models.operators import lockouts
from models.operators import sessions as operator_sessions
from models.points.accounts import day_of
from models.privacy.shape import Said

BITE = 5000  # rows deleted in one transaction

runs = Table(
    "retention_runs",
    metadata,
    Column("rule", String(32), nullable=False),
    Column("day", Date, nullable=False),  # in China
    Column("deleted", BigInteger, nullable=False),
    moment("at"),  # the last bite of the day
    PrimaryKeyConstraint("rule", "day"),
    CheckConstraint("deleted >= 0", name="deleted"),
)

Forget = Callable[[Tx, datetime, int], int]  # before when, at most how many; returns how many


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of data, and how many days it is kept: `days` unless config.yaml says otherwise."""

    name: str
    table: str
    what: Said
    days: int
    least: int  # fewer would break something, as `because` says
    most: int
    because: Said
    forget: Forget


def _days(kept: timedelta) -> int:
    return kept.days


_REPEATS = Said("平台还可能重发同一条消息", "the same message may still be sent again")
_CODES = Said("每天索取次数要数一天", "the daily limit counts a day")
_EVENTS = Said("BOSS 还可能重报 60 天内的事件", "BOSS may tell again what happened within 60 days")
_NOTHING = Said("没有下限", "nothing")

RULES: tuple[Rule, ...] = (
    Rule(
        "wechat_messages", "inbox", Said("微信来的消息", "messages heard by WeChat"),
        _days(inbox.KEPT_FOR["wechat"]), 1, 730, _REPEATS,
        partial(inbox.forget_before, channel="wechat"),
    ),
    Rule(
        "sms_messages", "inbox", Said("短信来的消息", "messages heard by SMS"),
        _days(inbox.KEPT_FOR["sms"]), 7, 730, _REPEATS,
        partial(inbox.forget_before, channel="sms"),
    ),
    Rule(
        "sent_messages", "outbox", Said("发出的消息", "messages and calls that were settled"),
        _days(outbox.KEPT_FOR), 7, 730,
        Said("回执和对账", "receipts, and questions about what was sent"), outbox.forget_before,
    ),
    Rule(
        "mailbox", "mailbox", Said("消息中心的消息", "the mailbox"),
        _days(mailbox.KEPT_FOR), 30, 730,
        Said("本人还要查看", "its owner may want to look again"), mailbox.forget_before,
    ),
    Rule(
        "conversations", "conversations", Said("结束的对话", "conversations that have ended"),
        _days(conversations.KEPT_FOR), 4, 730,
        Said("72 小时内的回答还要认得", "an answer within 72 hours is still understood"),
        conversations.forget_before,
    ),
    Rule(
        "handovers", "handovers", Said("结束的人工对话", "talks with a person that have ended"),
        _days(handovers.KEPT_FOR), 7, 730,
        Said("接着办的客服要看得到", "whoever goes on with it reads what was said"),
        handovers.forget_before,
    ),
    Rule(
        "codes", "bind_codes", Said("绑定验证码", "codes that prove a number"),
        _days(bind_codes.KEPT_FOR), 1, 30, _CODES, bind_codes.forget_before,
    ),
    Rule(
        "links", "page_links", Said("过期的一次性链接", "one-time links that are over"),
        0, 0, 30, _NOTHING, page_links.forget_links_before,
    ),
    Rule(
        "sessions", "page_sessions", Said("过期的登录", "sessions that are over"),
        0, 0, 30, _NOTHING, page_links.forget_sessions_before,
    ),
    Rule(
        "consents", "consents", Said("同意和退订的凭证", "evidence of consents"),
        1095, 154, 3650,
        Said("监管要求至少 5 个月", "the regulator wants five months at least"),
        consents.forget_before,
    ),
    Rule(
        "events", "earning_events", Said("BOSS 报来的事件", "events that BOSS has told"),
        _days(events.KEPT_FOR), OLDEST.days + 2, 730, _EVENTS, events.forget_before,
    ),
    Rule(
        "event_counters", "earning_counters", Said("封顶计数", "counts for caps"),
        _days(counters.KEPT_FOR), OLDEST.days + 2, 730, _EVENTS, counters.forget_before,
    ),
    Rule(
        "event_misses", "earning_misses", Said("没得分的计数", "counts of what earned nothing"),
        _days(misses.KEPT_FOR), 1, 730, _NOTHING, misses.forget_before,
    ),
    Rule(
        "feedback_pictures", "feedback_pictures",
        Said("答复过的反馈的图片", "pictures of feedback that was answered"),
        365, 7, 3650,
        Said("答复后还可能追问", "somebody may ask again after the answer"),
        feedback_pictures.forget_before,
    ),
    Rule(
        "remembered", "remembered_rewards",
        Said("已删除号码的印记", "marks of deleted numbers"),
        730, 0, 1095, _NOTHING, remembered.forget_before,
    ),
    Rule(
        "operator_sessions", "operator_sessions",
        Said("运营人员过期的登录", "operators' sessions that are over"),
        _days(operator_sessions.KEPT_FOR), 1, 730,
        Said("谁在哪里登录过要查得到", "who signed in from where can be asked"),
        operator_sessions.forget_before,
    ),
    Rule(
        "operator_tries", "operator_tries",
        Said("控制台登录失败的计数", "counts of failures at the console's door"),
        _days(lockouts.FORGOTTEN_AFTER), 1, 30,
        Said("失败要数一天", "failures count for a day"), lockouts.forget_before,
    ),
    Rule(
        "till_tries", "till_tries",
        Said("商户输错券号的计数", "counts of codes that were none at tills"),
        _days(guesses.FORGOTTEN_AFTER), 1, 30,
        Said("输错要数一天", "they count for a day"), guesses.forget_before,
    ),
    Rule(
        "broadcast_targets", "broadcast_targets",
        Said("群发发给了谁", "whom a broadcast went to"),
        180, 7, 730,
        Said("回执和投诉", "receipts, and complaints about it"), broadcasts.forget_before,
    ),
)  # fmt: skip
BY_NAME: Mapping[str, Rule] = {rule.name: rule for rule in RULES}
DEFAULTS: Mapping[str, int] = {rule.name: rule.days for rule in RULES}


@dataclass(frozen=True, slots=True)
class Run:
    """What a rule has deleted on a day."""

    rule: str
    day: date
    deleted: int
    at: datetime


def bite(tx: Tx, rule: Rule, *, days: int, now: datetime, limit: int = BITE) -> int:
    """Forget what is older than `days`, at most `limit` rows, and note how many. Returns that."""
    if days < rule.least:
        raise ValueError(f"{rule.name} is kept {rule.least} days at least")
    deleted = rule.forget(tx, now - timedelta(days=days), limit)
    if deleted:
        sql.change(
            tx,
            "INSERT INTO retention_runs AS r (rule, day, deleted, at)"
            " VALUES (%(rule)s, %(day)s, %(deleted)s, %(now)s) ON CONFLICT (rule, day)"
            " DO UPDATE SET deleted = r.deleted + excluded.deleted, at = excluded.at",
            {"rule": rule.name, "day": day_of(now), "deleted": deleted, "now": now},
        )
    return deleted


def last_runs(tx: Tx) -> dict[str, Run]:
    """The last day on which each rule had something to delete."""
    rows = sql.rows(
        tx,
        "SELECT DISTINCT ON (rule) rule, day, deleted, at FROM retention_runs"
        " ORDER BY rule, day DESC",
    )
    return {row[0]: Run(*row) for row in rows}

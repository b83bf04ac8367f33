"""What the product remembers of a person: dialogs, memberships, and what is owed to them.

Of what is over, only what is newer than the last reset of the simulator.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from dialogs.delivery import PAGE_MARK
from handlers.simulator_reset import MARK
from models import clubs, conversations, outbox, subscribers
from models.base import Tx
from models.conversations import Conversation
from models.subscribers import Subscriber

ENDED_SHOWN = 3
OWED_SHOWN = 12
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
# The words of the database, in Chinese; states, kinds, channels, and what a question expects.
_CHINESE = {
    "asking": "等回答", "calling": "等系统", "ended": "已结束", "done": "办完了",
    "declined": "没有同意", "expired": "过期了", "replaced": "换了话题", "late": "等得太久",
    "reset": "清空了", "owed": "待发", "taken": "正在发", "sent": "已发出", "delivered": "已送达",
    "accepted": "已受理", "answered": "已答复", "failed": "失败", "dead": "放弃了",
    "dropped": "不再发", "opening": "开通中", "active": "会员", "left": "已退出",
    "refused": "被拒绝", "sms": "短信", "wechat": "微信", "call": "调用", "yes_no": "是或否",
    "notice": "通知", "template": "模板消息", "mailbox": "消息中心",
    "number": "序号", "text": "文字",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Owed:
    """A row of the outbox, in a few words."""

    id: int
    kind: str
    state: str
    attempts: int
    status: str
    error: str
    what: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Remembered:
    """One subscriber behind the phone: two until WeChat and number are bound."""

    who: Subscriber
    waiting: tuple[Conversation, ...]
    ended: tuple[Conversation, ...]
    memberships: tuple[tuple[str, str], ...]  # (club, state)
    owed: tuple[Owed, ...]


def remembered(tx: Tx, *, openid: str, msisdn: str) -> list[Remembered]:
    """What is known of whoever has this openid or this number."""
    addresses = (("wechat", openid), ("sms", msisdn))
    found = [subscribers.find(tx, channel, address) for channel, address in addresses if address]
    people = {who.id: who for who in found if who is not None}
    return [_of(tx, who) for who in people.values()]


def in_both(word: str) -> str:
    """ "active" -> "会员 active"; words that we do not know stay as they are."""
    return f"{_CHINESE[word]} {word}" if word in _CHINESE else word


def _of(tx: Tx, who: Subscriber) -> Remembered:
    since = _last_reset(tx, who.id)
    return Remembered(
        who=who,
        waiting=tuple(conversations.waiting(tx, who.id)),
        ended=tuple(_ended(tx, who.id, since)),
        memberships=tuple(_memberships(tx, who.id)),
        owed=tuple(_owed(tx, who.id, since)),
    )


def _last_reset(tx: Tx, subscriber_id: int) -> datetime:
    table = conversations.conversations.c
    return (
        tx.execute(
            select(func.max(table.ended_at)).where(
                table.subscriber_id == subscriber_id, table.dialog == MARK
            )
        ).scalar_one()
        or LONG_AGO
    )


def _ended(tx: Tx, subscriber_id: int, since: datetime) -> list[Conversation]:
    table = conversations.conversations.c
    rows = tx.execute(
        select(table.id)
        .where(table.subscriber_id == subscriber_id, table.state == "ended", table.ended_at > since)
        .order_by(table.ended_at.desc(), table.id.desc())
        .limit(ENDED_SHOWN)
    ).scalars()
    talks = [conversations.get(tx, subscriber_id, talk_id) for talk_id in rows.all()]
    return [talk for talk in talks if talk is not None]


def _memberships(tx: Tx, subscriber_id: int) -> list[tuple[str, str]]:
    joined = clubs.memberships.join(clubs.clubs)
    rows = tx.execute(
        select(clubs.clubs.c.name, clubs.memberships.c.state)
        .select_from(joined)
        .where(clubs.memberships.c.subscriber_id == subscriber_id)
        .order_by(clubs.clubs.c.position)
    )
    return [(row[0], row[1]) for row in rows]


def _owed(tx: Tx, subscriber_id: int, since: datetime) -> list[Owed]:
    table = outbox.outbox.c
    rows = tx.execute(
        select(
            table.id, table.kind, table.state, table.attempts, table.status, table.error,
            table.payload, table.created_at,
        )
        .where(table.subscriber_id == subscriber_id, table.created_at > since)
        .order_by(table.id.desc())
        .limit(OWED_SHOWN)
    )  # fmt: skip
    return [
        Owed(
            id=row.id, kind=row.kind, state=row.state, attempts=row.attempts,
            status=row.status or "", error=row.error or "", what=_words(row.payload),
            at=row.created_at,
        )
        for row in rows
    ]  # fmt: skip


def _words(payload: dict[str, Any]) -> str:
    text = str(payload.get("text") or payload.get("service") or "")
    # The link itself is made as the SMS leaves, and stored nowhere.
    return text.replace(PAGE_MARK, f"[一次性链接 → {payload.get('page')}]")

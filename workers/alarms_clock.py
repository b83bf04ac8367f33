"""SMS figures and alarms by the clock: counts are added up, values judged, operators told.

figures, beats, breakers, outbox ──▶ readings ──▶ alarms: raised, still, cleared ──▶ an SMS
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import redis
import structlog

from integrations.breaker import CLOSED, Breakers
from integrations.live_numbers import LiveNumbers
from integrations.sender_beat import senders
from models import alarms, outbox, sms_counts, sms_report, submissions
from models.alarm_kinds import KINDS
from models.alarms import CLEARED, Alarm
from models.base import HOUSE, Tx
from models.sms_counts import LOOPED
from models.store import Store
from workers.alarm_rules import LOOP_MINUTES, Limits, Reading, Seen, readings, way_out
from workers.nudges import Nudges
from workers.parts import Parts

log = structlog.get_logger()

FOLD_AT_ONCE = 5000
TIDY_EVERY = timedelta(minutes=10)
JUDGE_EVERY = timedelta(seconds=5)
# Receipts of longer ago say nothing of now.
RECEIPTS_WITHIN = timedelta(minutes=30)
# What nothing speaks of any more, such as a gateway that was taken out of the settings.
UNREAD_CLEARS = timedelta(days=1)
NAMED_MOST = 3  # alarms named in one SMS


@dataclass(frozen=True, slots=True)
class Telling:
    """Whom to tell and how: `numbers` of operators; `usual` and then `others` are gateways.

    Each alarm is spoken of once within `again` at most.
    """

    numbers: Sequence[str]
    usual: str
    others: Sequence[str]
    signature: Callable[[], str]
    again: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Watched:
    """What the alarms are judged by, and how patiently."""

    carriers: Sequence[str]
    counters: redis.Redis
    numbers: LiveNumbers
    breakers: Breakers
    limits: Limits = field(default_factory=Limits)
    raise_after: timedelta = timedelta(seconds=20)
    clear_after: timedelta = timedelta(minutes=2)


@dataclass(slots=True)
class AlarmsClock:
    """`milli_fen`: gateway -> what a segment costs, of those that have a price."""

    store: Store
    watched: Watched
    telling: Telling
    nudges: Nudges
    milli_fen: Mapping[str, int]
    judged_at: datetime | None = None
    tidied_at: datetime | None = None
    bad_since: dict[tuple[str, str], datetime] = field(default_factory=dict)
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts(
            "alarms",
            {"fold": self._fold, "judge": self._judge, "tell": self._tell, "tidy": self._tidy},
        )

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _fold(self, _now: datetime) -> bool:
        return self.store.run(lambda tx: sms_counts.fold(tx, FOLD_AT_ONCE)) == FOLD_AT_ONCE

    def _tidy(self, now: datetime) -> bool:
        if self.tidied_at is not None and now - self.tidied_at < TIDY_EVERY:
            return False
        self.tidied_at = now
        self.store.run(lambda tx: sms_counts.keep_prices(tx, self.milli_fen, now))
        self.store.run(lambda tx: sms_counts.forget_old(tx, now))
        self.store.run(lambda tx: alarms.forget_old(tx, now))
        return False

    # -- judging ----------------------------------------------------------------------------------

    def _judge(self, now: datetime) -> bool:
        if self.judged_at is not None and now - self.judged_at < JUDGE_EVERY:
            return False
        self.judged_at = now
        seen = self._look(now)
        found = list(readings(seen, self.watched.limits, now))
        self.store.run(lambda tx: self._note(tx, found, now))
        return False

    def _note(self, tx: Tx, found: Sequence[Reading], now: datetime) -> None:
        standing = {(one.name, one.subject): one for one in alarms.open_now(tx)}
        margin = self.watched.limits.margin_percent
        bad = {
            one.key: one for one in found
            if one.is_bad(is_open=one.key in standing, margin_percent=margin)
        }  # fmt: skip
        self.bad_since = {key: self.bad_since.get(key, now) for key in bad}
        for key, one in bad.items():
            if key not in standing and now - self.bad_since[key] < self.watched.raise_after:
                continue
            raised = alarms.bad(
                tx, name=one.name, subject=one.subject, value=one.value or 0, limit=one.limit,
                now=now,
            )  # fmt: skip
            if raised:
                log.error("alarm raised", alarm=one.name, subject=one.subject, value=one.value,
                          limit=one.limit)  # fmt: skip
        read = {one.key for one in found}
        well = (read - bad.keys()) & standing.keys()
        gone = [k for k, one in standing.items()
                if k not in read and one.bad_at < now - UNREAD_CLEARS]  # fmt: skip
        cleared = alarms.good(
            tx, [*well, *gone], clear_after=self.watched.clear_after, now=now
        )  # fmt: skip
        for name, subject in cleared:
            log.info("alarm cleared", alarm=name, subject=subject)

    def _look(self, now: datetime) -> Seen:
        watched = self.watched
        counted = sending = shut = None
        try:
            sending = senders(watched.counters, now)
            counted = watched.numbers.last(watched.limits.within_s).counts
            shut = {"twilio": watched.breakers["twilio"].condition().state != CLOSED}
        except redis.RedisError as away:
            log.warning("alarms wait for Redis", why=type(away).__name__)
        names = [*watched.carriers, "twilio"]

        def look(tx: Tx) -> Seen:
            lately = sms_report.receipts_lately(
                tx, most=watched.limits.receipts, since=now - RECEIPTS_WITHIN
            )
            return Seen(
                carriers=watched.carriers,
                senders=sending,
                counted=counted,
                shut=shut,
                late_s=submissions.late_by(tx, now),
                lately={name: lately.get(name, (0, 0)) for name in names},
                loops=sms_report.counted_since(
                    tx, LOOPED, now - timedelta(minutes=LOOP_MINUTES)
                ),
            )  # fmt: skip

        return self.store.read(look)

    # -- telling ----------------------------------------------------------------------------------

    def _tell(self, now: datetime) -> bool:
        if self.judged_at != now or not self.telling.numbers:
            return False
        if self.store.run(lambda tx: self._tell_all(tx, now)):
            self.nudges((outbox.REPLY,))
        return False

    def _tell_all(self, tx: Tx, now: datetime) -> int:
        """Owe the SMS that are due; returns how many alarms they are of."""
        wrong = {(one.name, one.subject): one for one in alarms.open_now(tx)}
        gateway = way_out(self.telling.usual, self.telling.others, wrong)
        alarms.reroute_messages(tx, gateway=gateway, older=now - self.telling.again, now=now)
        due = alarms.to_tell(tx, again=self.telling.again, now=now)
        if not due:
            return 0
        text = self.telling.signature() + said(due)
        for number in self.telling.numbers:
            payload = {"to": number, "text": text, "gateway": gateway, "alarm": True}
            outbox.owe(
                tx, subscriber_id=HOUSE, kind="sms", payload=payload, queue=outbox.REPLY, now=now
            )
        alarms.told(tx, due, now)
        log.warning("operators told", alarms=len(due), gateway=gateway)
        return len(due)


def said(due: Sequence[tuple[Alarm, str]]) -> str:
    """The words of one SMS about these alarms."""
    wrong = [_sentence(one) for one, words in due if words != CLEARED]
    over = [_sentence(one) for one, words in due if words == CLEARED]
    heads = (("告警", wrong), ("已恢复", over))
    parts = [f"{head}：{_named(each)}。" for head, each in heads if each]
    return "".join(parts) + "详情和处理办法见控制台的告警页。"


def _named(sentences: Sequence[str]) -> str:
    more = len(sentences) - NAMED_MOST
    return "；".join(sentences[:NAMED_MOST]) + (f"；另有{more}项" if more > 0 else "")


def _sentence(one: Alarm) -> str:
    return KINDS[one.name].says("zh", subject=one.subject, value=one.value, limit=one.limit)

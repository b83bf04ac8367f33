"""When something is alarming: readings of the SMS plane, each with its limit.

A reading is bad beyond its limit. Once it is, it is well again only when it is better than the
limit by a margin, and has been for a while (models/alarms.py): a value that wavers is one alarm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from integrations.sender_beat import SenderSeen
from models.alarm_kinds import KINDS

LOOP_MINUTES = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """As in config.yaml, section sms.alarms; each says its unit in its name."""

    backlog_answer_s: int = 30
    backlog_notice_s: int = 1800
    backlog_marketing_s: int = 14400
    throttled_percent: int = 20
    errors_percent: int = 20
    submits_least: int = 50
    within_s: int = 300
    window_full_s: int = 300
    delivered_percent: int = 80
    receipts: int = 200
    receipts_least: int = 50
    loops: int = 20
    margin_percent: int = 10

    def backlog_s(self, category: str) -> int:
        return {
            "answer": self.backlog_answer_s, "notice": self.backlog_notice_s,
            "marketing": self.backlog_marketing_s,
        }[category]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of the plane. None: nobody can say now, so that nothing is raised or cleared.

    `late_s`: category -> how late the oldest message is. `lately`: gateway -> (delivered, failed).
    `counted`: LiveNumbers of the last `within_s`. `shut`: of gateways with a breaker. `carriers`:
    those that a sender has to bind to.
    """

    carriers: Sequence[str] = ()
    senders: Sequence[SenderSeen] | None = None
    counted: Mapping[str, int] | None = None
    shut: Mapping[str, bool] | None = None
    late_s: Mapping[str, int] = field(default_factory=dict)
    lately: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    loops: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """A value with its limit; None: too few to tell, which is no alarm."""

    name: str
    subject: str
    value: int | None
    limit: int

    def is_bad(self, *, is_open: bool, margin_percent: int) -> bool:
        """Whether it is alarming; where it was already, a little less is, too."""
        if self.value is None:
            return False
        kind = KINDS[self.name]
        margin = margin_percent if is_open and not kind.firm else 0
        if kind.below:  # of what is missing to 100 %
            return self.value < self.limit + (100 - self.limit) * margin / 100
        return self.value > self.limit * (100 - margin) / 100

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.subject


def readings(seen: Seen, limits: Limits, now: datetime) -> Iterator[Reading]:
    """All that can be said now."""
    for category, late_s in seen.late_s.items():
        yield Reading("backlog", category, late_s, limits.backlog_s(category))
    for gateway, (delivered, failed) in seen.lately.items():
        enough = delivered + failed >= limits.receipts_least
        percent = delivered * 100 // (delivered + failed) if enough else None
        yield Reading("delivery", gateway, percent, limits.delivered_percent)
    yield Reading("loops", "", seen.loops, limits.loops)
    for gateway, shut in (seen.shut or {}).items():
        yield Reading("shut", gateway, int(shut), 0)
    if seen.senders is not None:
        yield from _of_senders(seen.carriers, seen.senders, limits, now)
    if seen.counted is not None:
        for gateway in seen.carriers:
            yield from _of_submits(gateway, seen.counted, limits)


def _of_senders(
    carriers: Sequence[str], senders: Sequence[SenderSeen], limits: Limits, now: datetime
) -> Iterator[Reading]:
    for one in senders:
        yield Reading("spool", one.name[:32], one.spool_bytes, 0)
    running = [one for one in senders if one.runs(now)]
    if carriers:
        yield Reading("sender_down", "", int(not running), 0)
    for gateway in carriers:
        binds = [one.gateways[gateway] for one in running if gateway in one.gateways]
        if not binds:  # there is nobody to ask: sender_down says it
            continue
        wanted = sum(one.wanted for one in binds)
        yield Reading("bind_down", gateway, sum(one.bound for one in binds), wanted)
        yield Reading("failed_over", gateway, min(one.share_percent for one in binds), 100)
        full_s = max(one.full_s for one in binds)
        yield Reading("window_full", gateway, full_s, limits.window_full_s)


def _of_submits(gateway: str, counted: Mapping[str, int], limits: Limits) -> Iterator[Reading]:
    verdicts = ("taken", "busy", "refused", "later", "unknown")
    answers = {each: counted.get(f"sms:{gateway}:{each}", 0) for each in verdicts}
    submits = sum(answers.values())
    enough = submits >= limits.submits_least
    wrong = answers["refused"] + answers["later"] + answers["unknown"]
    errors = wrong * 100 // submits if enough else None
    busy = answers["busy"] * 100 // submits if enough else None
    yield Reading("errors", gateway, errors, limits.errors_percent)
    yield Reading("throttled", gateway, busy, limits.throttled_percent)


def way_out(usual: str, others: Sequence[str], wrong: Mapping[tuple[str, str], object]) -> str:
    """The gateway over which operators are told: the first with nothing wrong with it, else the
    first that still sends; the usual one if none does."""
    order = [usual, *(each for each in others if each != usual)]
    stopped = {
        subject for name, subject in wrong if KINDS[name].stops and KINDS[name].about == "gateway"
    }
    if ("sender_down", "") in wrong:
        stopped |= {each for each in order if each != "twilio"}
    ailing = {subject for name, subject in wrong if KINDS[name].about == "gateway"}
    sound = [each for each in order if each not in stopped]
    return next((each for each in sound if each not in ailing), sound[0] if sound else usual)

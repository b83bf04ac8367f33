"""Who is sent what, when and on which way: the one rule, asked when a message leaves.

answer     to what the person has just done or ordered   everybody who is not blocked, at any hour
notice     unasked, of their own account or clubs         who has not opted out (退订), on the ways
                                                          they left open for its kind, by day,
marketing  unasked, to gain by it                         so many a week

    decide ──▶ WeChat, while its window is open and takes one more
           ──▶ template message, where the account has one for this kind
           ──▶ SMS
           ──▶ the mailbox alone, which has it in any case (models/mailbox.py)
           ──▶ in the morning
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from models import sql
from models.base import Tx
from models.leaving_words import says_how_to_leave
from models.outbox import Owed
from models.points.accounts import SHANGHAI
from models.preferences import KINDS
from models.subscribers import AFTER_MESSAGE, AFTER_TAP, Subscriber

# More SMS than this to one number within this time are a loop, or somebody's joke, that we pay for
# (RapidPro stops a contact at 20 identical messages).
LOOP_LIMIT = 30
LOOP_WITHIN = timedelta(minutes=10)
LOOP = "too many in a short time: two machines may be talking to each other"
ON_THE_LIST = "the number is on the list of those that are not written to"
NO_TEST_NUMBER = "only test numbers are written to before going live"
NO_WAY_OUT = "marketing that does not say how to leave"
NOT_WANTED = "the subscriber wants no marketing by SMS"
WEEK = timedelta(days=7)
# So many customer-service messages WeChat takes after a message and after a tap (客服消息下发规则).
WECHAT_AFTER_MESSAGE, WECHAT_AFTER_TAP = 5, 3

ANSWER, NOTICE, MARKETING = "answer", "notice", "marketing"

# Ways, and why there is none.
WECHAT, TEMPLATE, SMS, NOWHERE, LATER = "wechat", "template", "sms", "none", "later"
OPTED_OUT, UNWANTED, BLOCKLISTED, CAPPED = "opted_out", "unwanted", "blocklist", "cap"
NOT_A_TEST, NO_WAY, GONE = "not_a_test", "no_way", "gone"


@dataclass(frozen=True, slots=True)
class Policy:
    """What is configured. Test numbers know neither night nor cap; with `only_tests` nobody else
    gets anything unasked. `templates`: kind -> id of the template, of the kinds that have one.
    """

    quiet_from: time = time(21)
    quiet_until: time = time(8)
    a_week: int = 10
    blocklist: frozenset[str] = frozenset()
    test_numbers: frozenset[str] = frozenset()
    only_tests: bool = False
    templates: Mapping[str, str] = field(default_factory=dict)
    template_fields: tuple[str, str, str] = ("thing1", "thing2", "time3")  # kind, words, when

    def quiet_ends(self, now: datetime) -> datetime | None:
        """When the night is over, if it is night; None by day."""
        here = now.astimezone(SHANGHAI)
        since, until, at = self.quiet_from, self.quiet_until, here.time()
        over_midnight = since > until
        by_night = at >= since or at < until if over_midnight else since <= at < until
        if not by_night:
            return None
        morning = here.replace(hour=until.hour, minute=until.minute, second=0, microsecond=0)
        return morning if morning > here else morning + timedelta(days=1)

    def excepts(self, who: Subscriber) -> bool:
        """Whether this is one of our own numbers for tests."""
        return who.msisdn is not None and who.msisdn in self.test_numbers


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rule must know of somebody beside who they are."""

    unwanted: frozenset[str] = frozenset()  # ways that the person has closed for the kind
    this_week: int = 0  # what was sent to them unasked
    wechat_left: int = 0  # customer-service messages that WeChat would take
    spoke_last: str = SMS
    blocked: bool = False  # their number, by an operator (models/blocked_numbers.py)


@dataclass(frozen=True, slots=True)
class Way:
    """How a message goes: `by` what, and whether SMS may stand in; or until when, or why not."""

    by: str
    why: str = ""
    until: datetime | None = None
    or_sms: bool = False


def category_of(kind: str) -> str:
    """Of what is told unasked. Raises ValueError for a kind that is none."""
    if kind not in KINDS:
        raise ValueError(f"{kind}: no such kind; there are {', '.join(KINDS)}")
    return MARKETING if kind == MARKETING else NOTICE


def silence(who: Subscriber, category: str) -> str | None:
    """Why this person is not written to in this category, or None if they may be."""
    if who.status == "blocked":
        return "the subscriber is blocked"
    if category == ANSWER:
        return None
    if who.opted_out:
        return "the subscriber has opted out"
    return None if who.status == "active" else f"the subscriber is {who.status}"


def decide(
    tx: Tx, who: Subscriber, *, kind: str, category: str, policy: Policy, now: datetime,
    asks: bool = False,
) -> Way:  # fmt: skip
    """How something reaches this person now; whoever asks holds them, so that the cap holds.

    `asks`: it is a question, which goes where the person spoke last and never by template.
    """
    return choose(
        who, facts(tx, who, kind=kind, now=now), kind=kind, category=category, policy=policy,
        now=now, asks=asks,
    )  # fmt: skip


def choose(
    who: Subscriber, known: Facts, *, kind: str, category: str, policy: Policy, now: datetime,
    asks: bool = False,
) -> Way:  # fmt: skip
    """The rule itself: it looks at nothing but its arguments."""
    if who.status != "active" and (category != ANSWER or who.status == "blocked"):
        return Way(NOWHERE, GONE)
    open_ways = _ways(who, known, kind=kind, policy=policy, now=now)
    if category == ANSWER or asks:  # where the person is looking
        open_ways.sort(key=lambda way: way != known.spoke_last)
    if asks:
        open_ways = [way for way in open_ways if way != TEMPLATE]
    wanted = [way for way in open_ways if _channel(way) not in known.unwanted]
    if category == ANSWER:
        wanted = wanted or open_ways  # what somebody waits for comes in any case
    elif why := _kept_back(who, known, policy):
        return Way(NOWHERE, why)
    elif wanted and not policy.excepts(who) and (until := policy.quiet_ends(now)):
        return Way(LATER, until=until)
    if not wanted:
        return Way(NOWHERE, UNWANTED if open_ways else NO_WAY)
    return Way(wanted[0], or_sms=SMS in wanted[1:])


def facts(tx: Tx, who: Subscriber, *, kind: str, now: datetime) -> Facts:
    """What decide() must know, in one statement."""
    off, this_week, used, heard_at, open_until, spoke_last, blocked = sql.one(
        tx, _FACTS, {"id": who.id, "kind": kind, "week": now - WEEK}
    )
    left = 0
    if open_until is not None:
        left = most_in(heard_at, open_until) - used
    return Facts(frozenset(off), this_week, max(left, 0), spoke_last or SMS, blocked)


def most_in(heard_at: datetime | None, open_until: datetime) -> int:
    """How many customer-service messages the window takes that is open until then."""
    after_tap = heard_at is not None and open_until <= heard_at + AFTER_TAP
    return WECHAT_AFTER_TAP if after_tap else WECHAT_AFTER_MESSAGE


# When the window `w` was opened: by a tap, or by the last message. What was sent since then counts.
OPENED = (
    f"CASE WHEN w.open_until <= w.heard_at + interval '{AFTER_TAP.seconds} seconds'"
    f" THEN w.heard_at ELSE w.open_until - interval '{AFTER_MESSAGE.days} days' END"
)
USED = (
    "SELECT count(*) FROM outbox o WHERE o.subscriber_id = w.subscriber_id"
    # A poster is a call of a worker's, and a customer-service message for WeChat.
    " AND (o.kind = 'wechat' OR o.kind = 'call' AND o.payload ->> 'service' = 'wechat.poster')"
    f" AND o.submitted_at >= {OPENED} AND o.created_at > {OPENED} - interval '7 days'"
)
_FACTS = f"""
    SELECT ARRAY(SELECT channel FROM notice_preferences
                 WHERE subscriber_id = s.id AND kind = %(kind)s AND NOT wanted),
           (SELECT count(*) FROM mailbox WHERE subscriber_id = s.id AND category <> 'answer'
             AND way IN ('wechat', 'template', 'sms') AND decided_at > %(week)s),
           ({USED}), w.heard_at, w.open_until,
           (SELECT channel FROM subscriber_addresses WHERE subscriber_id = s.id
            ORDER BY heard_at DESC NULLS LAST, channel DESC LIMIT 1),
           EXISTS (SELECT 1 FROM subscriber_addresses n JOIN blocked_numbers b
                   ON b.number = n.address WHERE n.subscriber_id = s.id AND n.channel = 'sms')
    FROM subscribers s
    LEFT JOIN subscriber_addresses w ON w.subscriber_id = s.id AND w.channel = 'wechat'
    WHERE s.id = %(id)s
"""


@dataclass(frozen=True, slots=True)
class InWeChat:
    """Whose an openid is, and what WeChat takes for it."""

    owner: int
    open_until: datetime | None
    left: int

    def takes_one(self, now: datetime) -> bool:
        """Whether a customer-service message would get through."""
        return self.open_until is not None and now < self.open_until and self.left > 0


def in_wechat(tx: Tx, openid: str) -> InWeChat | None:
    """What is known of an openid, in one statement; None: nobody follows by it."""
    row = sql.first(
        tx,
        f"SELECT w.subscriber_id, w.heard_at, w.open_until, ({USED}) FROM subscriber_addresses w"
        " WHERE w.channel = 'wechat' AND w.address = %(openid)s",
        {"openid": openid},
    )
    if row is None:
        return None
    owner, heard_at, open_until, used = row
    left = most_in(heard_at, open_until) - used if open_until is not None else 0
    return InWeChat(owner, open_until, left)


def refusal(tx: Tx, owed: Owed, policy: Policy) -> str | None:
    """Why this message must not leave, or None if it may."""
    return refusals(tx, [owed], policy)[0]


def refusals(tx: Tx, batch: Sequence[Owed], policy: Policy) -> list[str | None]:
    """Of each of these messages why it must not leave, or None: one statement for all of them."""
    found = sql.rows(
        tx,
        _JUDGED,
        {
            "ids": [owed.id for owed in batch],
            "people": [owed.subscriber_id for owed in batch],
            # Only SMS are counted.
            "numbers": [owed.payload.get("to") if owed.kind == SMS else None for owed in batch],
            "since": [owed.created_at - LOOP_WITHIN for owed in batch], "most": LOOP_LIMIT,
        },
    )  # fmt: skip
    known = {row[0]: row[1:] for row in found}
    return [_refusal(owed, policy, *known[owed.id]) for owed in batch]


def _refusal(
    owed: Owed, policy: Policy, looping: bool, blocked: bool, unwanted: bool, who: int,
    status: str, opted_out: bool,
) -> str | None:  # fmt: skip
    subscriber = Subscriber(who, status, opted_out, None, None, None)
    if looping and not owed.payload.get("last_word"):
        return LOOP
    to = owed.payload.get("to")
    if owed.category != ANSWER and (blocked or to in policy.blocklist):
        return ON_THE_LIST
    if owed.category != ANSWER and policy.only_tests and to not in policy.test_numbers:
        return NO_TEST_NUMBER
    if unwanted and owed.category == MARKETING and owed.kind == SMS:  # switched off since
        return silence(subscriber, owed.category) or NOT_WANTED
    return silence(subscriber, owed.category) or unfair(owed)


def unfair(owed: Owed) -> str | None:
    """Why these words must not leave as SMS, whoever gets them, or None if they may."""
    if owed.kind != SMS or owed.category != MARKETING:
        return None
    return None if says_how_to_leave(str(owed.payload.get("text", ""))) else NO_WAY_OUT


_JUDGED = """
    SELECT v.id, v.number IS NOT NULL AND s.status <> 'blocked' AND (
               SELECT count(*) FROM (
                   SELECT 1 FROM outbox WHERE kind = 'sms' AND payload ->> 'to' = v.number
                   AND created_at > v.since LIMIT %(most)s + 1) AS sms) > %(most)s,
           EXISTS (SELECT 1 FROM blocked_numbers b WHERE b.number = v.number),
           EXISTS (SELECT 1 FROM notice_preferences p WHERE p.subscriber_id = s.id
                   AND p.kind = 'marketing' AND p.channel = 'sms' AND NOT p.wanted),
           s.id, s.status, s.opted_out_at IS NOT NULL
    FROM unnest(%(ids)s::bigint[], %(people)s::bigint[], %(numbers)s::text[],
                %(since)s::timestamptz[]) AS v (id, person, number, since)
    JOIN subscribers s ON s.id = v.person
"""


def too_late(owed: Owed, policy: Policy, now: datetime) -> datetime | None:
    """Until when a message that is on its way must wait for the morning; None: it may leave."""
    to = owed.payload.get("to") or (owed.payload.get("sms") or {}).get("to")
    if owed.category == ANSWER or to in policy.test_numbers:
        return None
    return policy.quiet_ends(now)


def _ways(who: Subscriber, known: Facts, *, kind: str, policy: Policy, now: datetime) -> list[str]:
    """All that lead to this person now, the best first."""
    ways = []
    if who.wechat_is_open(now) and known.wechat_left > 0:
        ways.append(WECHAT)
    if who.openid is not None and kind in policy.templates:
        ways.append(TEMPLATE)
    if who.msisdn is not None:
        ways.append(SMS)
    return ways


def _channel(way: str) -> str:
    """What people call it: both ways of WeChat are 微信."""
    return SMS if way == SMS else WECHAT


def _kept_back(who: Subscriber, known: Facts, policy: Policy) -> str | None:
    if who.opted_out:
        return OPTED_OUT
    if known.blocked or (who.msisdn is not None and who.msisdn in policy.blocklist):
        return BLOCKLISTED
    if policy.excepts(who):
        return None
    if policy.only_tests:
        return NOT_A_TEST
    return CAPPED if known.this_week >= policy.a_week else None

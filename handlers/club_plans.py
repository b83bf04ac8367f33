"""What would happen to somebody's membership, in sentences, before they agree to it on a page.

plan(act) ──▶ what it costs, what is lost, what is agreed to ──POST──▶ plan again, compare, do
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from dialogs import club_words
from models import clubs, memberships, points
from models.base import Tx
from models.clubs import ACTIVE, SUSPENDED, Club
from models.memberships import ORDINARY, PREMIUM, NotAllowed, Quote
from models.memberships.pausing import check_suspending
from models.memberships.terms import active
from models.subscribers import Subscriber

# An act that BOSS has to agree to -> the dialog that asks it (dialogs/club_acts.py).
DIALOGS: Mapping[str, str] = {
    "join": "open_now", "suspend": "suspend_now", "resume": "resume_now", "leave": "leave_now",
}  # fmt: skip

REACHED = "premium:reached"  # what is agreed to where it costs nothing


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked on the page of an act; `agreed` changes with everything that is agreed to."""

    title: str
    lines: tuple[str, ...]
    button: str
    agreed: str

    @property
    def question(self) -> str:
        """What was agreed to, as evidence."""
        return f"{self.title} {' '.join(self.lines)}"


def plan(tx: Tx, who: Subscriber, club: Club, act: str, now: datetime) -> Plan:
    """What this act would do now. Raises NotAllowed, and KeyError for what is no act."""
    return _PLANS[act](tx, who, club, now)


def _join(tx: Tx, who: Subscriber, club: Club, now: datetime) -> Plan:
    looked = clubs.look(tx, who, club.code)
    state = looked[1] if looked else None
    if state == clubs.OPENING:
        raise NotAllowed("opening")
    if state in clubs.STANDING:
        raise NotAllowed("busy" if state not in (ACTIVE, SUSPENDED) else "changed")
    fee = f"资费每月{club_words.yuan(club.price_fen)}元，从话费里收"
    lines = (
        f"中国移动邀您加入{club.name}，{fee if club.price_fen else '免费，不另收费'}。",
        "点了“同意加入”才开通，办好后发消息告诉您。",
        "想退出，随时在这里点“退会”，或者回复“退会”。",
    )
    agreed = f"join:{club.price_fen}:{club.boss_service}"
    if (quote := memberships.due_to_join(tx, who, club.code, now)) is not None:
        until = club_words.day(quote.until)
        cost = f"您上次的会期已经过了：新的会期到{until}，用{quote.price}积分，开通时才扣。"
        return Plan(
            f"再次加入{club.name}", (lines[0], cost, *lines[1:]),
            f"同意加入，用{quote.price}积分", f"{agreed}:{quote.agreed}",
        )  # fmt: skip
    return Plan(f"加入{club.name}", lines, "同意加入", agreed)


def _premium(tx: Tx, who: Subscriber, club: Club, now: datetime) -> Plan:
    if active(tx, who, club.code).is_premium:
        raise NotAllowed("changed")
    rule, title = memberships.live(tx).of(club.code), f"升级{club.name}高级会员"
    benefits = f"高级会员的优惠：{'、'.join(rule.benefits)}。"
    done = memberships.progress(tx, who, club.code, rule, now)
    if rule.premium is not None and done.reached:
        lines = ("您已经达到条件，免费升级，不用积分。", benefits)
        return Plan(title, lines, "确认升级", REACHED)
    quote = memberships.quote(tx, who, club.code, PREMIUM, now)
    return _paid(tx, who, title, "升级", quote, now, (benefits,))


def _renew(level: str) -> Callable[[Tx, Subscriber, Club, datetime], Plan]:
    def renew(tx: Tx, who: Subscriber, club: Club, now: datetime) -> Plan:
        if level == PREMIUM and not active(tx, who, club.code).is_premium:
            raise NotAllowed("changed")
        quote = memberships.quote(tx, who, club.code, level, now)
        title = f"续{club.name}{'高级会员' if level == PREMIUM else '会籍'}"
        return _paid(tx, who, title, "续费", quote, now)

    return renew


def _paid(
    tx: Tx, who: Subscriber, title: str, verb: str, quote: Quote, now: datetime,
    more: tuple[str, ...] = (),
) -> Plan:  # fmt: skip
    have = points.balance(tx, who, now=now, expiring_days=1).usable
    if have < quote.price:
        raise NotAllowed("points", have=have, price=quote.price)
    lines = (f"有效到{club_words.day(quote.until)}。", *more)
    if not quote.price:
        return Plan(title, ("免费，不用积分。", *lines), f"确认{verb}", quote.agreed)
    cost = f"用{quote.price}积分；您有{have}积分，{verb}以后还剩{have - quote.price}积分。"
    return Plan(title, (cost, *lines), f"确认，用{quote.price}积分{verb}", quote.agreed)


def _suspend(tx: Tx, who: Subscriber, club: Club, now: datetime) -> Plan:
    check_suspending(tx, who, club.code, now)
    months = memberships.live(tx).suspend_months
    lines = (
        "暂停以后不收月费，会员优惠先不能用；",
        "会籍剩下的日子给您留着，恢复后接着算；",
        f"最长{months}个月，到期不恢复就退会，我们会提前提醒您。",
    )
    return Plan(f"暂停{club.name}", lines, "确认暂停", f"suspend:{months}")


def _resume(tx: Tx, who: Subscriber, club: Club, now: datetime) -> Plan:
    one = memberships.find(tx, who, club.code)
    if one is None or one.state != SUSPENDED:
        active(tx, who, club.code)
        raise NotAllowed("not_resting")
    fee = club_words.price_words(club.price_fen)
    lines = (f"恢复以后资费{fee}，会员优惠马上能用；", "会籍从暂停那天接着算。")
    return Plan(f"恢复{club.name}", lines, "确认恢复", f"resume:{club.price_fen}")


def _leave(tx: Tx, who: Subscriber, club: Club, now: datetime) -> Plan:
    one = memberships.find(tx, who, club.code)
    if one is None or one.state != SUSPENDED:
        one = active(tx, who, club.code)
    lost = []
    if one.is_premium and one.premium_until is not None:
        until = club_words.day(one.premium_until)
        lost = [f"高级会员也停，花掉的积分不退；{until}前再加入，还接着算；"]
    lines = (
        "退会以后月费停收，会员优惠不能再用；", *lost,
        "积分余额和换好的券都在，以后还能再加入。",
    )  # fmt: skip
    agreed = f"leave:{one.level}:{one.premium_until}"
    return Plan(f"退出{club.name}", lines, "确认退会", agreed)


_PLANS: Mapping[str, Callable[[Tx, Subscriber, Club, datetime], Plan]] = {
    "join": _join,
    "premium": _premium,
    "renew": _renew(ORDINARY),
    "renew-premium": _renew(PREMIUM),
    "suspend": _suspend,
    "resume": _resume,
    "leave": _leave,
}
ACTS = frozenset(_PLANS)

"""What comes of invitations, in words: a friend has joined, and both are told once.

joined ── in the step that has heard from BOSS      told ── by the clock, for other ways of joining
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from dialogs import notices, pages
from dialogs.dialog import Talk
from menus.menus import Menus
from models.base import Tx
from models.invitations import coming
from models.invitations.coming import Settled
from models.invitations.looking import Friend
from models.subscribers import Subscriber
from sms.numbers import masked

KIND = "clubs"
NAMELESS = "微信朋友"  # who has no number yet
# Every key, with the placeholders that are filled.
TEXTS: Mapping[str, frozenset[str]] = {
    "invited.rewarded": frozenset({"phone", "points"}),
    "invite.joined": frozenset({"phone", "link"}),
    "invite.joined_points": frozenset({"phone", "points", "link"}),
}


def joined(talk: Talk) -> None:
    """Somebody is a member now: if they were invited, both get their points, and hear of it."""
    settled = coming.settle(talk.tx, talk.subscriber, limits=talk.rules.inviting, now=talk.now)
    if settled is None or settled.why is not None:
        return
    if settled.friend_points:
        talk.say("invited.rewarded", phone=called(settled.inviter), points=settled.friend_points)
    key, values = _to_inviter(settled)
    talk.tell(settled.inviter.id, key, kind=KIND, page=pages.INVITATIONS, **values)


def told(tx: Tx, menus: Menus, settled: Settled, now: datetime) -> None:
    """Tell both of a friend who has joined by a way that nobody is waiting at."""
    if settled.why is not None:
        return
    if settled.friend_points:
        notices.tell(
            tx, menus, settled.friend.id, "invited.rewarded", kind=KIND, now=now,
            phone=called(settled.inviter), points=settled.friend_points,
        )  # fmt: skip
    key, values = _to_inviter(settled)
    notices.tell(
        tx, menus, settled.inviter.id, key, kind=KIND, now=now, page=pages.INVITATIONS, **values
    )


def called(who: Subscriber) -> str:
    """Somebody as others may see them."""
    return masked(who.msisdn) if who.msisdn else NAMELESS


def friend(one: Friend) -> str:
    """A friend in a list: 138****0002已加入."""
    name = masked(one.msisdn) if one.msisdn else NAMELESS
    return f"{name}{'已加入' if one.has_joined else '还没加入'}"


def _to_inviter(settled: Settled) -> tuple[str, dict[str, object]]:
    values: dict[str, object] = {"phone": called(settled.friend)}
    if settled.points:
        return "invite.joined_points", values | {"points": settled.points}
    return "invite.joined", values

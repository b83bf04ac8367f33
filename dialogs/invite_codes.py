"""The QR code of an invitation, made by WeChat when there is none that lasts, and its poster.

A member's code is a temporary one of WeChat (30 days): an account has 100,000 for ever in all, and
any number of these. Whoever may call WeChat (a worker, a page) hands in how.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from dialogs.invitation_news import called
from dialogs.poster import Poster
from models import scenes
from models.base import Tx
from models.invitations import codes, looking
from models.invitations.codes import Code
from models.points import SHANGHAI
from models.store import Store

LASTS = timedelta(days=30)  # WeChat's longest, of a temporary code
# A poster that is passed on today must work for a while.
AT_LEAST = timedelta(days=7)
MADE_BY = "invitations"


class Made(Protocol):
    """A code as WeChat gives it (integrations/wechat_api.py)."""

    @property
    def ticket(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def expires_at(self) -> datetime | None: ...


Make = Callable[[str, int], Made]  # scene, seconds -> code


def scene(number: int) -> str:
    """What WeChat tells us when the code of this invitation is scanned."""
    return f"invite-{number}"


def qr(store: Store, make: Make, number: int, now: datetime) -> tuple[str, datetime | None]:
    """What the picture says, and until when it works. Raises what `make` raises."""
    name = scene(number)
    known = scenes.best(store.read(lambda tx: scenes.codes_of(tx, name, 5)), now)
    if known is not None and (known.expires_at is None or known.expires_at - now >= AT_LEAST):
        return known.url, known.expires_at
    made = make(name, int(LASTS.total_seconds()))

    def keep(tx: Tx) -> None:
        scenes.keep(
            tx, name, url=made.url, ticket=made.ticket, made_by=MADE_BY,
            expires_at=made.expires_at, now=now,
        )  # fmt: skip

    store.run(keep)
    return made.url, made.expires_at


def poster(store: Store, make: Make, number: int, now: datetime) -> Poster | None:
    """What stands on the poster of this code, or None if it is nobody's any more."""

    def read(tx: Tx) -> tuple[Code | None, int]:
        return codes.find(tx, number), looking.promised(tx, now)[1]

    code, points = store.read(read)
    if code is None or code.inviter.status != "active":
        return None
    url, until = qr(store, make, number, now)
    day = until.astimezone(SHANGHAI) if until else None
    return Poster(
        club_code=code.club.code, club=code.club.name, intro=code.club.intro,
        inviter=called(code.inviter), code=url, points=points,
        until=f"{day.month}月{day.day}日" if day else "",
    )  # fmt: skip

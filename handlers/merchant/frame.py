"""The frame of the merchants' desk: pages for a merchant's owners and clerks, below /merchant.

It is handlers/office/office.py with a door of its own: other cookies, other roles, other
permissions (models/merchants/permissions.py). What a visit knows beside: whose person it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import ClassVar

from flask import abort

from handlers.office.entrance import Entrance
from handlers.office.office import Office
from handlers.office.visit import CannotApply, Page, Parts
from handlers.office.visit import Visit as _Visit
from models.base import Tx
from models.merchants import staff
from models.merchants.permissions import MERCHANT_ROLES, PERMISSIONS
from models.merchants.staff import Staff
from models.operators import sessions
from models.operators.sessions import Session

__all__ = ["CannotApply", "Desk", "Page", "Parts", "Visit"]

ENTRANCE = Entrance(
    name="merchant", session="circle_merchant", known="circle_merchant_known",
    said="merchant_said", roles=MERCHANT_ROLES, permissions=PERMISSIONS, helper="店主",
)  # fmt: skip
SORRY = {
    403: ("这里您不能进入", "这一页只有店主能看，或者页面放得太久了。请回到核销，再试一次。"),
    404: ("没有这个页面", "网址可能写错了，或者它已经不在了。"),
    413: ("照片或文件太大了", "请拍小一点的照片，或输入券上的号码；表格请分成几个文件。"),
    503: ("现在太忙，请稍后再试", "什么也没有改变。过一会儿再试一次。"),
}
OURS = ("出错了，是我们的问题", "什么也没有改变。请再试一次；还是不行，请打 10086 找商户服务。")
NOT_SO = ("这样不行", "请回到上一页，再试一次。")
ROLE_WORDS = {"merchant_owner": "店主", "merchant_clerk": "店员"}


@dataclass(frozen=True, slots=True)
class Visit(_Visit):
    """The first argument of every view.

    `staff` says whose person it is and at which stores: what a page reads is of these alone.
    """

    staff: Staff = field(kw_only=True)

    def hold(self, tx: Tx) -> None:
        """As everywhere; and whoever works at another store by now changes nothing."""
        sessions.hold(tx, self.session)
        found, known = staff.find(tx, self.operator.id), self.staff
        if found is None or found.place != known.place:
            raise sessions.Over


@dataclass(frozen=True)
class Desk(Office):
    """What pages of the merchants' desk hang themselves on."""

    entrance: ClassVar[Entrance] = ENTRANCE

    def welcomed(self, session: Session) -> Visit:
        """The visit of somebody who works for a merchant; nobody else is let in."""
        whose = self.parts.store.read(lambda tx: staff.find(tx, session.operator.id))
        if whose is None:
            abort(403)
        given = super().welcomed(session)
        return Visit(
            given.operator, given.by, given.now, self.parts, session, self.draw, self.entrance,
            staff=whose,
        )  # fmt: skip

    def draw(self, visit: _Visit, template: str, values: Mapping[str, object]) -> str:
        """A page in its frame; templates know `staff`, too."""
        known = visit.staff if isinstance(visit, Visit) else None
        return super().draw(visit, template, {"staff": known, **values})


def sorry_words(status: int) -> tuple[str, str]:
    """A heading and a sentence for an error."""
    return SORRY.get(status, OURS if status >= HTTPStatus.INTERNAL_SERVER_ERROR else NOT_SO)


def role_words(role: str) -> str:
    """A role as a merchant's people call it."""
    return ROLE_WORDS.get(role, role)

"""Numbers that are not written to unasked: who wanted so, when and why.

GET /blocklist   /blocklist.csv   /blocklist.xlsx   GET, POST /blocklist/add, /blocklist/<n>
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import abort, url_for

from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import Column, Key, Listing
from handlers.console.words import _, moment
from models import blocked_numbers
from models.base import Tx
from models.blocked_numbers import WHY_CHARS, AlreadyBlocked, Blocked, NotBlocked
from sms.numbers import NUMBER_CHARS_MAX, NotANumber, masked, msisdn


def add_routes(console: Console) -> None:
    """The list, one more, and one less."""
    console.listing(
        "/blocklist", LISTING, permission="blocklist.see", nav=_("免打扰号码"),
        about=_("不主动发任何短信的号码：谁加的、何时、为什么。"),
        template="console/blocklist.html",
    )  # fmt: skip

    @console.page("/blocklist/add", permission="blocklist.change", methods=("GET", "POST"))
    def blocklist_add(visit: Visit) -> Page:
        form = visit.form("number", "why")
        form.need("number", _("请输入手机号"), most=NUMBER_CHARS_MAX)
        form.need("why", _("请写明原因"), most=WHY_CHARS)
        if form.good:
            try:
                number = msisdn(form["number"])
                visit.change(
                    lambda tx: blocked_numbers.block(
                        tx, visit.by, number=number, why=form["why"], now=visit.now
                    )
                )
            except NotANumber:
                form.wrong("number", _("这不是手机号，请写 11 位数字"))
            except AlreadyBlocked as known:
                one = known.blocked
                form.wrong("number", _("已经在名单里：{when}，{who} 加的", when=moment(one.at),
                                       who=one.by))  # fmt: skip
            else:
                visit.say(_("已加入，从现在起不再主动发短信给它。"))
                return visit.go("blocklist")
        return visit.render("console/blocklist_add.html", form=form, crumbs=_crumbs())

    @console.page("/blocklist/<int:number>", permission="blocklist.change", methods=("GET", "POST"))
    def blocklist_remove(visit: Visit, number: int) -> Page:
        one = visit.read(lambda tx: blocked_numbers.get(tx, number))
        if one is None:
            abort(404)
        form = visit.form("why")
        form.need("why", _("请写明原因"), most=WHY_CHARS)
        if form.good:
            try:
                visit.change(
                    lambda tx: blocked_numbers.unblock(
                        tx, visit.by, blocked_id=number, why=form["why"], now=visit.now
                    )
                )
            except NotBlocked:  # somebody else in this moment
                abort(404)
            visit.say(_("已移出名单。退订过的仍是退订。"))
            return visit.go("blocklist")
        return visit.render(
            "console/blocklist_remove.html", form=form, one=one, number=masked(one.number),
            crumbs=_crumbs(),
        )  # fmt: skip


def _crumbs() -> list[tuple[str, str]]:
    return [(_("免打扰号码"), url_for("console.blocklist"))]


def _fetch(tx: Tx, _filters: Mapping[str, str], key: Key | None, limit: int) -> list[Blocked]:
    return blocked_numbers.listed(tx, limit=limit, below=int(str(key[0])) if key else None)


LISTING: Listing[Blocked] = Listing(
    name="blocklist",
    words=_("免打扰号码"),
    columns=(
        Column(_("号码"), lambda one: masked(one.number), "link"),
        Column(_("何时"), lambda one: one.at, "time"),
        Column(_("谁加的"), lambda one: one.by),
        Column(_("原因"), lambda one: one.why),
    ),
    filters=(),
    fetch=_fetch,
    key=lambda one: (one.id,),
    row_link=lambda one: url_for("console.blocklist_remove", number=one.id),
    empty=_("名单是空的。"),
)

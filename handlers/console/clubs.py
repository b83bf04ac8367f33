"""Clubs: what each offers, its members, its entries; and changes, which somebody else approves.

GET /clubs   GET, POST /clubs/<code>
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from flask import abort, url_for

from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing, page_of
from handlers.console.visit import CannotApply, Parts
from handlers.console.words import _
from menus.menus import Menus
from models import approvals, audit, catalogue, club_changes
from models.approvals import REASON_LENGTH, AlreadyProposed, Proposal
from models.audit import By
from models.base import Tx
from models.club_changes import INTRO_CHARS_MAX, NAME_CHARS_MAX, PRICE_FEN_MAX, Standing, Terms

KIND = "club"  # of proposal


def add_routes(console: Console) -> None:
    """The list, and a club with the form that proposes to change it."""

    console.listing(
        "/clubs", LISTING, permission="clubs.see", nav=_("俱乐部"),
        about=_("俱乐部的名称、资费、会员数，和通向它的菜单、二维码。"),
    )  # fmt: skip

    @console.page("/clubs/<code>", permission="clubs.see", methods=("GET", "POST"))
    def club(visit: Visit, code: str) -> Page:
        found = visit.read(lambda tx: club_changes.standings(tx, code))
        if not found:
            abort(404)
        standing = found[0]
        form = _form(visit, standing)
        if form.sent:
            if not visit.can("clubs.change"):
                abort(403)
            number = _propose(visit, standing, form)
            if number is not None:
                visit.say(_("已提出，等另一个人审批，通过后生效。"))
                return visit.go("proposal", number=number)
        return visit.render("console/club.html", **_drawn(visit, standing, form))


def _key(club: Standing) -> tuple[int, str]:
    return (club.position, club.code)


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Standing]:
    takes = {"yes": True, "no": False}.get(filters.get("open", ""))
    clubs = [one for one in club_changes.standings(tx) if takes in (None, one.terms.is_open)]
    return page_of(
        clubs, _key, key, limit, words=filters.get("words", ""),
        searched=lambda club: (club.code, club.terms.name, club.boss_service),
    )  # fmt: skip


LISTING: Listing[Standing] = Listing(
    name="clubs",
    words=_("俱乐部"),
    columns=(
        Column(_("名称"), lambda club: club.terms.name, "link"),
        Column(_("代码"), lambda club: club.code, "code"),
        Column(_("资费"), lambda club: price_words(club.terms.price_fen)),
        Column(_("会员"), lambda club: club.members, "number"),
        Column(_("开通中"), lambda club: club.opening, "number"),
        Column(_("收新会员"), lambda club: _("是") if club.terms.is_open else _("否")),
    ),
    filters=(
        Filter("words", _("名称或代码")),
        Filter("open", _("收新会员"), "choice", (("yes", _("是")), ("no", _("否")))),
    ),
    fetch=_fetch,
    key=_key,
    row_link=lambda club: url_for("console.club", code=club.code),
)


def subject(code: str) -> str:
    """How proposals and the audit name a club."""
    return f"club:{code}"


def yuan_words(fen: int) -> str:
    """What something costs once: 15 元."""
    return _("{yuan} 元", yuan=_yuan(fen))


def price_words(fen: int) -> str:
    """A month's fee as people read it."""
    return _("免费") if fen == 0 else _("{yuan} 元/月", yuan=_yuan(fen))


def _yuan(fen: int) -> str:
    return format((Decimal(fen) / 100).normalize(), "f")


def _form(visit: Visit, standing: Standing) -> Form:
    terms = standing.terms
    return visit.form(
        "reason", name=terms.name, intro=terms.intro, yuan=_yuan(terms.price_fen),
        is_open="yes" if terms.is_open else "",
    )  # fmt: skip


def _read(form: Form) -> Terms | None:
    name = form.need("name", _("请写名称"), most=NAME_CHARS_MAX)
    intro = form.need("intro", _("请写介绍"), most=INTRO_CHARS_MAX)
    form.need("reason", _("请写明为什么改"), most=REASON_LENGTH)
    fen = _fen(form)
    if not form.good or fen is None:
        return None
    return Terms(name, intro, fen, form["is_open"] == "yes")


def _fen(form: Form) -> int | None:
    try:
        fen = Decimal(form["yuan"]) * 100
    except ArithmeticError:  # no number, or one beyond all bounds
        fen = Decimal("NaN")
    if not fen.is_finite() or fen != fen.to_integral_value() or not 0 <= fen <= PRICE_FEN_MAX:
        form.wrong("yuan", _("请写 0 到 {most} 元，最多两位小数", most=PRICE_FEN_MAX // 100))
        return None
    return int(fen)


def _propose(visit: Visit, standing: Standing, form: Form) -> int | None:
    after = _read(form)
    if after is None:
        return None
    if after == standing.terms:
        form.wrong("name", _("和现在一样，没有改动"))
        return None
    payload = {"before": standing.terms.plain(), "after": after.plain()}
    try:
        return visit.change(
            lambda tx: approvals.propose(
                tx, kind=KIND, subject=subject(standing.code), payload=payload,
                reason=form["reason"], by=visit.by, now=visit.now,
            )
        ).id  # fmt: skip
    except AlreadyProposed as other:
        form.wrong("reason", _("已经有一份申请在等审批：{n} 号", n=other.proposal_id))
        return None


def _drawn(visit: Visit, standing: Standing, form: Form) -> Mapping[str, Any]:
    offers = visit.read(lambda tx: catalogue.club_offers(tx, standing.code))
    menus = visit.parts.live()
    return {
        "club": standing,
        "price": price_words,
        "yuan": yuan_words,
        "form": form,
        "offers": offers,
        "scenes": scenes_of(menus, standing.code),
        "has_menu": any(file.tag == standing.code for file in menus.menu_files),
        "crumbs": [(_("俱乐部"), url_for("console.clubs"))],
    }


def scenes_of(menus: Menus, code: str) -> list[str]:
    """The scenes that lead to a club."""
    return [name for name, route in menus.scenes.items() if route.notes.get("club") == code]


# -- what approving does (deciding.py) -------------------------------------------------------------


def apply(tx: Tx, parts: Parts, proposal: Proposal, by: By, now: datetime) -> None:
    """Make the club what was proposed. Raises CannotApply."""
    code = proposal.subject.removeprefix("club:")
    before, after = (Terms.read(proposal.payload[name]) for name in ("before", "after"))
    try:
        club_changes.change(tx, code, before=before, after=after)
    except club_changes.ChangedSince as since:
        raise CannotApply(_("俱乐部在提出之后改过了，请重新提出")) from since
    audit.write(
        tx, by, action="club.change", subject=proposal.subject, before=before.plain(),
        after=after.plain(), reason=proposal.reason, now=now,
    )  # fmt: skip


def details(tx: Tx, parts: Parts, proposal: Proposal) -> Mapping[str, Any]:
    """What would change, line by line."""
    before, after = (Terms.read(proposal.payload[name]) for name in ("before", "after"))
    lines = [
        (_("名称"), before.name, after.name),
        (_("介绍"), before.intro, after.intro),
        (_("资费"), price_words(before.price_fen), price_words(after.price_fen)),
        (
            _("收新会员"),
            _("是") if before.is_open else _("否"),
            _("是") if after.is_open else _("否"),
        ),
    ]
    return {"lines": [line for line in lines if line[1] != line[2]]}

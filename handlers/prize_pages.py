"""My prizes: what I have won, what became of it, and where a parcel is to go.

GET /me/prizes        GET, POST /me/prizes/<number>      of oneself alone
"""

from __future__ import annotations

from typing import Any

import structlog
from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from dialogs import draw_words
from handlers.member_login import Login
from models import subscribers
from models.base import Tx
from models.draws import parcels, results, tables
from models.draws.parcels import Address, NoParcel
from models.draws.results import Won
from models.subscribers import Subscriber

log = structlog.get_logger()

A_PAGE = 20
Page = BaseResponse | str | tuple[str, int]
STATES = {
    tables.GIVEN: "已到账",
    tables.CALLING: "正在开通",
    tables.REFUSED: "没有开通成功",
    tables.WANTS_ADDRESS: "请填收货地址",
    tables.TO_SEND: "等待寄出",
    tables.SENT: "已寄出",
    tables.FORFEITED: "已作废",
}
WRONG = {
    ("name", "missing"): "请写收件人的姓名",
    ("name", "long"): f"姓名最多{parcels.NAME_MOST}个字",
    ("phone", "phone"): "请写一个能联系到的电话号码",
    ("address", "missing"): "请写详细地址：省、市、区、街道、门牌号",
    ("address", "long"): f"地址最多{parcels.ADDRESS_MOST}个字",
}


def add_routes(blueprint: Blueprint, login: Login) -> None:
    """GET /me/prizes, GET and POST /me/prizes/<number>."""

    @blueprint.get(draw_words.PRIZES)
    def my_prizes() -> Page:
        who = login.who()
        if who is None:
            return login.ask(draw_words.PRIZES)
        before = request.args.get("before", type=int)
        found = login.store.read(
            lambda tx: results.won_by(tx, who, limit=A_PAGE + 1, before=before)
        )
        return render_template(
            "member/prizes.html", prizes=found[:A_PAGE], states=STATES,
            older=found[A_PAGE - 1].result_id if len(found) > A_PAGE else None,
            serial=draw_words.serial,
        )  # fmt: skip

    @blueprint.get(f"{draw_words.PRIZES}/<int:number>")
    def prize(number: int) -> Page:
        who = login.who()
        if who is None:
            return login.ask(draw_words.prize_page(number))
        return _page(login, who, number)

    @blueprint.post(f"{draw_words.PRIZES}/<int:number>")
    def send_prize(number: int) -> Page:
        who = login.who()
        if who is None:
            return login.ask(draw_words.prize_page(number))
        return _keep(login, who, number)


def _page(
    login: Login, who: Subscriber, number: int, *, given: Address | None = None,
    wrong: dict[str, str] | None = None,
) -> Page:  # fmt: skip
    """The page of a prize; `given`: what was typed and cannot be kept as it is."""
    won = login.store.read(lambda tx: results.won(tx, who, number))
    if won is None:
        abort(404)
    page = render_template(
        "member/prize.html", won=won, state=STATES[won.state], given=given or _typed(won, who),
        wrong=wrong or {}, may_change=_may_change(won, login), serial=draw_words.serial,
        limits={"name": parcels.NAME_MOST, "address": parcels.ADDRESS_MOST},
    )  # fmt: skip
    return (page, 400) if wrong else page


def _keep(login: Login, who: Subscriber, number: int) -> Page:
    given = Address(*(request.form.get(name, "")[:500] for name in ("name", "phone", "address")))
    wrong = {name: WRONG[name, why] for name, why in given.wrong().items()}
    if wrong:
        return _page(login, who, number, given=given, wrong=wrong)
    now = login.now()

    def work(tx: Tx) -> Any:
        held = subscribers.lock_id(tx, who.id)
        return parcels.give_address(tx, held, number, given, now)

    try:
        login.store.run(work)
    except NoParcel as refused:
        if refused.state == "none":
            abort(404)
        return _page(login, who, number)  # it says what has become of it meanwhile
    log.info("address given", subscriber=who.id, result=number)
    return redirect(url_for("member.prize", number=number, kept=1), 303)


def _typed(won: Won, who: Subscriber) -> Address:
    """What stands in the form at first: what is kept, or the person's own number."""
    return Address(won.name or "", won.phone or (who.msisdn or "")[-11:], won.address or "")


def _may_change(won: Won, login: Login) -> bool:
    if won.state == tables.WANTS_ADDRESS:
        return won.address_by is not None and login.now() < won.address_by
    return won.state == tables.TO_SEND

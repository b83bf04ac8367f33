"""A merchant's stores, and what its vouchers' holders find there.

GET, POST /merchants/<code>/stores/new         another store
GET, POST /merchants/<code>/stores/<no>        where it is
GET, POST /merchants/<code>/stores/<no>/close  no more, with a reason
"""

from __future__ import annotations

from flask import abort, url_for

from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.words import _
from models.merchants import partners, stores
from models.merchants.partners import Merchant, NoSuchMerchant
from models.merchants.stores import Needed, NoSuchStore, Place, Store
from models.offers.happening import WHY_LENGTH

NAME_CHARS_MAX, ADDRESS_CHARS_MAX, CITY_CHARS_MAX = 60, 200, 32


def add_routes(console: Console) -> None:
    """Add, edit, close."""

    @console.page(
        "/merchants/<code>/stores/new", permission="merchants.change", methods=("GET", "POST")
    )
    def store_new(visit: Visit, code: str) -> Page:
        found = _merchant(visit, code)
        form = visit.form("name", "address", "latitude", "longitude", city=found.details.city)
        if form.sent and (place := _read(form)):
            number = visit.change(
                lambda tx: stores.add(tx, code, place, by=visit.by, now=visit.now)
            )
            visit.say(_("已加 {n} 号门店。", n=number))
            return visit.go("merchant", code=code)
        return visit.render(
            "console/store_form.html", form=form, merchant=found, store=None, crumbs=_crumbs(found)
        )

    @console.page(
        "/merchants/<code>/stores/<int:no>", permission="merchants.change",
        methods=("GET", "POST"),
    )  # fmt: skip
    def store_edit(visit: Visit, code: str, no: int) -> Page:
        found, store = _merchant(visit, code), _store(visit, code, no)
        place = store.place
        form = visit.form(
            name=place.name, address=place.address, city=place.city,
            latitude=f"{place.latitude:g}", longitude=f"{place.longitude:g}",
        )  # fmt: skip
        if form.sent and (after := _read(form)):
            if after != place:
                visit.change(
                    lambda tx: stores.edit(tx, code, no, after, by=visit.by, now=visit.now)
                )
            visit.say(_("已修改。"))
            return visit.go("merchant", code=code)
        return visit.render(
            "console/store_form.html", form=form, merchant=found, store=store,
            crumbs=_crumbs(found),
        )  # fmt: skip

    @console.page(
        "/merchants/<code>/stores/<int:no>/close", permission="merchants.change",
        methods=("GET", "POST"),
    )  # fmt: skip
    def store_close(visit: Visit, code: str, no: int) -> Page:
        found, store = _merchant(visit, code), _store(visit, code, no)
        form = visit.form("why")
        if form.sent and _closed(visit, store, form):
            visit.say(_("门店已关闭。"))
            return visit.go("merchant", code=code)
        return visit.render(
            "console/store_close.html", form=form, merchant=found, store=store,
            crumbs=_crumbs(found),
        )  # fmt: skip


def _read(form: Form) -> Place | None:
    form.need("name", _("请写名称"), most=NAME_CHARS_MAX)
    form.need("address", _("请写地址"), most=ADDRESS_CHARS_MAX)
    form.need("city", _("请写城市"), most=CITY_CHARS_MAX)
    latitude, longitude = _degrees(form, "latitude", 90), _degrees(form, "longitude", 180)
    if form.errors:
        return None
    return Place(form["name"], form["address"], form["city"], latitude, longitude)


def _degrees(form: Form, name: str, most: int) -> float:
    try:
        found = float(form[name])
    except ValueError:
        found = float("nan")
    if not -most <= found <= most:
        form.wrong(name, _("请写度数，如 28.1950"))
        return 0.0
    return found


def _closed(visit: Visit, store: Store, form: Form) -> bool:
    form.need("why", _("请写明原因"), most=WHY_LENGTH)
    if form.errors:
        return False
    try:
        visit.change(
            lambda tx: stores.close(
                tx, store.merchant_code, store.store_no, why=form["why"], by=visit.by,
                now=visit.now,
            )
        )  # fmt: skip
    except Needed as needed:
        if needed.titles:
            titles = "、".join(needed.titles)
            form.wrong(
                "why", _("这些优惠只在这个门店能用，先改或结束它们：{titles}", titles=titles)
            )
        elif needed.people:
            form.wrong(
                "why", _("有 {n} 个店员只在这个门店工作，请店主先把他们调走", n=needed.people)
            )
        else:
            form.wrong("why", _("这是最后一个门店；不再合作请暂停或终止商户"))
    return form.good


def _merchant(visit: Visit, code: str) -> Merchant:
    try:
        return visit.read(lambda tx: partners.get(tx, code))
    except NoSuchMerchant:
        abort(404)


def _store(visit: Visit, code: str, no: int) -> Store:
    try:
        return visit.read(lambda tx: stores.get(tx, code, no))
    except NoSuchStore:
        abort(404)


def _crumbs(found: Merchant) -> list[tuple[str, str]]:
    return [
        (_("商户"), url_for("console.merchants")),
        (found.name, url_for("console.merchant", code=found.code)),
    ]

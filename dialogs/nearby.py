"""Nearby: the partner stores around a place that was sent, or in one that was named."""

from __future__ import annotations

from collections.abc import Sequence

from dialogs import offer_words, pages
from dialogs.dialog import Dialog, Move, Talk
from models.merchants import nearby
from models.merchants.nearby import NearStore
from sms.segments import units

SHOWN = 3
CITIES_SHOWN = 4
ADDRESS_LETTERS, NAME_LETTERS, TITLE_LETTERS = 22, 12, 8
SMS_UNITS = 76  # of the list: with what stands around it two segments
PLACE_LETTERS = 10


class Nearby(Dialog):
    reads_only = True
    takes = frozenset({"where", "latitude", "longitude"})

    def opened(self, talk: Talk) -> Move:
        if (at := _place(talk)) is not None:
            found = nearby.around(talk.tx, *at, talk.now, limit=SHOWN)
            if not found:
                return talk.end("nearby.too_far", cities=_cities(talk))
            return talk.end(
                "nearby.list", stores=_listed(found, talk.channel), page=pages.nearby(*at)
            )
        where = nearby.place_in(str(talk.notes.get("where", "")))
        if not where:
            return talk.end("nearby.where", cities=_cities(talk))
        found = nearby.named(talk.tx, where, talk.now, limit=SHOWN)
        if not found:
            return talk.end(
                "nearby.unknown", where=offer_words.clipped(where, PLACE_LETTERS),
                cities=_cities(talk),
            )  # fmt: skip
        return talk.end(
            "nearby.list", stores=_listed(found, talk.channel),
            page=pages.nearby(found[0].latitude, found[0].longitude),
        )  # fmt: skip


def far(meters: float) -> str:
    """ "约300米", "约1.2公里"; nobody is told to the metre where they stand."""
    if meters < 950:
        return f"约{max(50, round(meters / 50) * 50)}米"
    return f"约{meters / 1000:.1f}公里" if meters < 9950 else f"约{meters / 1000:.0f}公里"


def _place(talk: Talk) -> tuple[float, float] | None:
    said = talk.notes.get("latitude"), talk.notes.get("longitude")
    if None in said:
        return None
    latitude, longitude = (float(str(each)) for each in said)
    return latitude, longitude


def _cities(talk: Talk) -> str:
    return "、".join(nearby.cities(talk.tx)[:CITIES_SHOWN])


def _listed(found: Sequence[NearStore], channel: str) -> str:
    """Without numbers: none is asked for. WeChat has room for the address and the offers on lines
    of their own; two SMS have not."""
    if channel == "wechat":
        return "\n".join(map(_lines, found))
    said: list[str] = []
    for store in found:
        line = offer_words.clipped(store.name, NAME_LETTERS)
        line += f"，{far(store.meters)}" if store.meters is not None else ""
        line += f"，{offer_words.clipped(store.address, NAME_LETTERS)}"
        if store.offers:
            line += f"，有{offer_words.clipped(store.offers[0], TITLE_LETTERS)}"
        if said and units("；".join([*said, line])) > SMS_UNITS:
            break
        said.append(line)
    return "；".join(said)


def _lines(store: NearStore) -> str:
    away = f"，{far(store.meters)}" if store.meters is not None else ""
    lines = [f"· {store.name}{away}"]
    lines.append(f"　地址：{offer_words.clipped(store.address, ADDRESS_LETTERS)}")
    if store.offers:
        lines.append("　可以换：" + "、".join(offer_words.title(each) for each in store.offers))
    return "\n".join(lines)

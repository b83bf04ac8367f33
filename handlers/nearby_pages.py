"""Partner stores on the phone: where there are any, and those around a place with a map of each.

GET /nearby                 the cities, with their stores
GET /nearby/<lat>/<long>    the stores around a place, which a message has led to
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode

from flask import Blueprint, abort, render_template, request

from dialogs import nearby as words
from dialogs import pages
from models.merchants import nearby
from models.merchants.nearby import NearStore
from models.store import Store

STORES_SHOWN = 20
PLACE_LETTERS = 20
# docs: 腾讯位置服务, 地图调起 URI API, marker. It opens in WeChat and in every browser.
MAP = "https://apis.map.qq.com/uri/v1/marker"
_DEGREES = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,6})?")


def add_routes(blueprint: Blueprint, store: Store, now: Callable[[], datetime]) -> None:
    """GET /nearby and GET /nearby/<latitude>/<longitude>, for everybody."""

    @blueprint.get(pages.NEARBY)
    def stores_in() -> str:
        where = request.args.get("where", "").strip()[:PLACE_LETTERS].replace("\0", "")
        cities = store.read(nearby.cities)
        found = (
            store.read(lambda tx: nearby.named(tx, where, now(), limit=STORES_SHOWN))
            if where
            else []
        )
        return render_template(
            "member/nearby.html", where=where, cities=cities, stores=found, far=words.far,
            map_of=map_of, around=False,
        )  # fmt: skip

    @blueprint.get(f"{pages.NEARBY}/<latitude>/<longitude>")
    def stores_around(latitude: str, longitude: str) -> str:
        if not (_DEGREES.fullmatch(latitude) and _DEGREES.fullmatch(longitude)):
            abort(404)
        at = float(latitude), float(longitude)
        if abs(at[0]) > 90 or abs(at[1]) > 180:
            abort(404)
        found = store.read(lambda tx: nearby.around(tx, *at, now(), limit=STORES_SHOWN))
        return render_template(
            "member/nearby.html", where="", cities=store.read(nearby.cities), stores=found,
            far=words.far, map_of=map_of, around=True,
        )  # fmt: skip


def map_of(store: NearStore) -> str:
    """The address of a map with this store in its middle."""
    at = f"{store.latitude},{store.longitude}"
    marker = f"coord:{at};title:{_plain(store.name)};addr:{_plain(store.address)}"
    return f"{MAP}?{urlencode({'marker': marker, 'referer': 'lifecircle'})}"


def _plain(said: str) -> str:
    """Without what separates the parts of a marker."""
    return re.sub(r"[:;|]", " ", said)

"""Draws for tests: a small one that can be changed, published, with seeds that can be opened."""

from __future__ import annotations

from datetime import date, datetime
from itertools import count
from typing import Any

from models import points
from models.base import Tx
from models.draws import drawing, publishing
from models.draws.definition import Draw
from models.draws.drawing import Drawn
from models.draws.seeds import Seeds
from models.operators.vault import Vault
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON, cause

VAULT = Vault("the secret of these tests")
SEEDS = Seeds(lambda: VAULT)
_keys = count(1)

THANKS = {"code": "thanks", "title": "谢谢参与", "kind": "thanks"}


def prize(code: str, odds_ppm: int, stock: int, **more: Any) -> dict[str, Any]:
    """A prize of 5 points, unless it is said otherwise."""
    kind = {"kind": "points", "points": 5} if "kind" not in more else {}
    return {"code": code, "title": code, "odds_ppm": odds_ppm, "stock": stock, **kind, **more}


def terms(*prizes: dict[str, Any], code: str = "test", **more: Any) -> Draw:
    """A draw that costs 10 points, with these prizes and blanks for the rest of the odds."""
    prizes = prizes or (prize("five", 0, 9),)
    rest = 1_000_000 - sum(each["odds_ppm"] for each in prizes)
    written = {
        "code": code, "title": "试抽", "window": {"from": "2026-03-01", "until": "2026-03-10"},
        "price_points": 10, "expected_draws": 1, "fallback": "thanks",
        "budget": {"points": 100_000, "coins": 1000, "fen": 0},
        "prizes": [*prizes, {**THANKS, "odds_ppm": rest}], **more,
    }  # fmt: skip
    return Draw.model_validate(written)


def publish(store: Store, draw: Draw, now: datetime = NOON) -> Draw:
    with store.begin() as tx:
        publishing.publish(tx, draw, SEEDS, author="tests", note="a test", now=now)
    return draw


def rich(tx: Tx, who: Subscriber, amount: int = 1000) -> Subscriber:
    """The same person, with points."""
    points.issue(
        tx, who, kind=points.PROMOTIONAL, points=amount, expires_on=date(2030, 1, 1),
        cause=cause(f"rich:{who.id}"), now=NOON,
    )  # fmt: skip
    return who


def draw_once(
    tx: Tx, who: Subscriber, code: str = "test", *, key: str = "", now: datetime = NOON,
    at_most: int = 1000,
) -> Drawn:  # fmt: skip
    return drawing.draw(
        tx, who, code, key=key or f"k{next(_keys)}", channel="sms", seeds=SEEDS, now=now,
        at_most=at_most,
    )  # fmt: skip

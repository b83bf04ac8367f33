"""Draws in which everybody wins the same, for conversations and pages."""

from __future__ import annotations

from typing import Any

from models.draws import publishing
from models.draws.definition import Draw
from tests.conftest import World

POINTS = {"title": "50积分", "kind": "points", "points": 50}


def only(world: World, prize: dict[str, Any], code: str = "egg", **more: Any) -> None:
    """A draw in which everybody wins this, free of charge unless it is said otherwise."""
    now = world.clock()
    year = now.year
    written = {
        "code": code, "title": "砸金蛋", "expected_draws": 1, "fallback": "thanks",
        "window": {"from": f"{year}-01-01", "until": f"{year + 1}-12-31"}, "free_a_day": 1,
        "budget": {"points": 6_000_000, "coins": 60_000},
        "prizes": [
            {"code": "it", "odds_ppm": 1_000_000, "stock": 5, **prize},
            {"code": "thanks", "title": "谢谢参与", "kind": "thanks"},
        ], **more,
    }  # fmt: skip
    with world.circle.store.begin() as tx:
        publishing.publish(
            tx, Draw.model_validate(written), world.circle.seeds, author="tests", note="test",
            now=now,
        )  # fmt: skip

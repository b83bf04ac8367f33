"""Draws whose result is no matter of chance."""

from __future__ import annotations

from tests.conftest import World
from tests.draws import POINTS, only


def points(world: World, price: str = "10", free_a_day: str = "0") -> None:
    """`given draws.points 10`: whoever smashes the egg wins 50 points, for so many points."""
    only(world, POINTS, free_a_day=int(free_a_day), price_points=int(price))
    world.tick()  # the seeds are promised

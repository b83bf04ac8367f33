"""Scenes: what a scanned QR code says, and which dialog it opens.

club-film     stands in scenes.yaml
offer-1001    stands in no file: what numbered scenes open is the program's (dialogs/catalog.py)
"""

import re
from collections.abc import Mapping
from typing import Annotated

import pydantic

from menus.checked_yaml import Document, Mistake
from menus.routes import Opening, Route, RouteRules, Strict, make_route

# WeChat: 生成带参数的二维码, scene_str 1-64 characters; these need no escaping anywhere.
SceneName = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


_NUMBERED = re.compile(r"([a-z]{1,20})-([0-9]{1,18})")


class ScenesFile(Strict):
    """menus/scenes.yaml."""

    scenes: dict[SceneName, Opening] = pydantic.Field(
        description="Scene of the QR code -> the dialog that a scan opens."
    )


def read_scenes(
    document: Document, file: ScenesFile, *, rules: RouteRules
) -> tuple[dict[str, Route], list[Mistake]]:
    """Scene -> Route, and what is wrong with where they lead."""
    mistakes = [
        mistake
        for name, opening in file.scenes.items()
        for mistake in rules.mistakes(document, ("scenes", name), opening)
    ]
    return {name: opening.route for name, opening in file.scenes.items()}, mistakes


def numbered(scene: str, prefixes: Mapping[str, tuple[str, str]]) -> Route | None:
    """Where a scene such as offer-1001 leads; `prefixes`: offer -> the dialog and its note."""
    found = _NUMBERED.fullmatch(scene)
    opens = prefixes.get(found[1]) if found else None
    return make_route(opens[0], {opens[1]: found[2]}) if found and opens else None

"""Scenes: what a scanned QR code says, and which dialog it opens."""

from typing import Annotated

import pydantic

from menus.checked_yaml import Document, Mistake
from menus.routes import Opening, Route, RouteRules, Strict

# WeChat: 生成带参数的二维码, scene_str 1-64 characters; these need no escaping anywhere.
SceneName = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


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

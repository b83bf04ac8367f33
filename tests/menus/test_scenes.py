"""Scenes of QR codes."""

import pytest

from menus.checked_yaml import Mistakes, read_text
from menus.scenes import ScenesFile


@pytest.mark.parametrize("name", ["中文", "a b", "x" * 65])
def test_a_scene_has_64_letters_that_wechat_takes(name: str) -> None:
    with pytest.raises(Mistakes) as caught:
        read_text(f"scenes:\n  {name}: {{dialog: help}}\n", ScenesFile, file="s.yaml")
    (mistake,) = caught.value.mistakes
    assert str(mistake).startswith(f"s.yaml:2:3: scenes.{name}: should match pattern")


def test_a_scene_of_64_letters_is_good() -> None:
    file = read_text(f"scenes:\n  {'x' * 64}: {{dialog: help}}\n", ScenesFile, file="s.yaml")
    assert file.scenes["x" * 64].route.dialog == "help"

"""Reading the folder."""

import pathlib

import pytest

from menus.files import read_folder
from menus.menus import Mistakes


def test_yaml_files_are_read_by_their_names_in_the_folder(tmp_path: pathlib.Path) -> None:
    (tmp_path / "wechat").mkdir()
    (tmp_path / "wechat" / "default.yaml").write_text("menu: 积分\n", "utf-8")
    (tmp_path / "scenes.yml").write_text("", "utf-8")
    (tmp_path / ".#keywords.yaml").write_text("", "utf-8")
    (tmp_path / "menus.py").write_text("", "utf-8")
    assert read_folder(tmp_path) == {"wechat/default.yaml": "menu: 积分\n", "scenes.yml": ""}


def test_a_file_in_another_encoding_is_told_with_its_place(tmp_path: pathlib.Path) -> None:
    (tmp_path / "scenes.yaml").write_bytes("scenes:\n  # 电影\n".encode("gb18030"))
    with pytest.raises(Mistakes) as caught:
        read_folder(tmp_path)
    assert str(caught.value) == "menus/scenes.yaml:2:5: not UTF-8 (save the file as UTF-8)"


def test_a_folder_that_is_not_there_is_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(NotADirectoryError, match="is not a folder of menus"):
        read_folder(tmp_path / "nowhere")

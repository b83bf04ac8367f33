"""The example of docs/adding-a-dialog.md, done as the page says and had as a conversation."""

from __future__ import annotations

import importlib.util
import inspect
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from dialogs import catalog, live
from menus.menus import read_folder
from tests.docs.markdown import ROOT, Block, blocks

PAGE = ROOT / "docs" / "adding-a-dialog.md"
LINES_MAX = 30
BLOCKS = [block for block in blocks(PAGE.read_text("utf-8")) if block.title]


def _only(title: str) -> Block:
    (block,) = (block for block in BLOCKS if block.title == title)
    return block


def _patched(source: str, diff: str) -> str:
    """The source with one hunk applied, whose old lines must stand in it exactly once."""
    lines = diff.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    assert source.count(old) == 1, f"not once in the file:\n{old}"
    return source.replace(old, new)


def _load(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of dialogs/ and menus/ to which everything has been done that the page says."""
    for folder in ("dialogs", "menus"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for block in BLOCKS:
        file = tmp_path / block.title
        file.parent.mkdir(parents=True, exist_ok=True)
        if block.language == "diff":
            file.write_text(_patched(file.read_text("utf-8"), block.text), "utf-8")
        else:
            assert not file.exists(), f"{block.title} is there already"
            file.write_text(block.text, "utf-8")
    return tmp_path


@pytest.fixture
def environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The product with the new dialog in its list, and with the new menu files."""
    # Noted before the modules are loaded, so that all of them are gone afterwards.
    for name in ("dialogs.feedback", "edited_catalog", "test_of_the_page"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    _load("dialogs.feedback", project / "dialogs/feedback.py")
    edited = _load("edited_catalog", project / "dialogs/catalog.py")
    # The engine holds this very mapping, so the new one is laid into it.
    known = catalog.BY_NAME
    assert isinstance(known, dict)
    for name in set(edited.BY_NAME) - set(known):
        monkeypatch.setitem(known, name, edited.BY_NAME[name])
    monkeypatch.setattr(catalog, "DIALOGS", edited.DIALOGS)
    return {"CIRCLE_MENUS__FOLDER": str(project / "menus")}


def test_the_dialog_has_at_most_30_lines() -> None:
    assert len(_only("dialogs/feedback.py").text.splitlines()) <= LINES_MAX


def test_its_steps_are_in_the_list_of_shipped_ones(project: Path) -> None:
    steps = re.findall(
        r"^    def ([a-z]\w*)\(self", _only("dialogs/feedback.py").text, re.MULTILINE
    )
    listed = (project / "dialogs" / "shipped.txt").read_text("utf-8").splitlines()
    assert {f"feedback.{step}" for step in steps} <= set(listed)


def test_the_menu_files_of_the_page_are_good_and_without_a_warning(
    project: Path, environment: dict[str, str]
) -> None:
    menus = live.check(read_folder(project / "menus"))
    assert [str(warning) for warning in menus.warnings] == []
    opened = menus.key("feedback")
    assert opened is not None
    assert opened.dialog == "feedback"


def test_the_conversation_of_the_page_goes_as_its_test_says(
    project: Path, environment: dict[str, str], request: pytest.FixtureRequest
) -> None:
    module = _load("test_of_the_page", project / "tests/dialogs/test_feedback.py")
    tests: list[Callable[..., None]] = [
        item for name, item in vars(module).items() if name.startswith("test_")
    ]
    assert tests
    for test in tests:
        needed = inspect.signature(test).parameters
        test(**{name: request.getfixturevalue(name) for name in needed})

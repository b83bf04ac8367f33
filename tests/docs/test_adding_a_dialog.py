"""The example of docs/adding-a-dialog.md, done as the page says and had as a conversation.

Where somebody has followed the page in this very tree, the tree is proved as it is.
"""

from __future__ import annotations

import gc
import importlib.util
import inspect
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from dialogs import catalog, live
from menus.menus import read_folder
from tests.chats import script
from tests.chats.play import Stage
from tests.conftest import World
from tests.docs.markdown import ROOT, Block, blocks

PAGE = ROOT / "docs" / "adding-a-dialog.md"
LINES_MAX = 30
BLOCKS = [block for block in blocks(PAGE.read_text("utf-8")) if block.title]
FOLLOWED = (ROOT / "dialogs" / "wish.py").exists()
COPIED = shutil.ignore_patterns("__pycache__")


def _only(title: str) -> Block:
    (block,) = (block for block in BLOCKS if block.title == title)
    return block


def _patched(source: str, diff: str, name: str) -> str:
    """The source with one hunk applied, whose old lines must stand in it exactly once."""
    lines = diff.splitlines()
    odd = [line for line in lines if not line or line[0] not in " -+"]
    assert not odd, f"{name}: lines of a diff begin with a blank, - or +: {odd}"
    old = [line[1:] for line in lines if line[0] in " -"]
    new = [line[1:] for line in lines if line[0] in " +"]
    assert old, f"{name}: a diff needs lines that say where"
    given = source.splitlines()
    starts = [n for n in range(len(given)) if given[n : n + len(old)] == old]
    assert len(starts) == 1, f"{name} has these lines {len(starts)} times:\n" + "\n".join(old)
    given[starts[0] : starts[0] + len(old)] = new
    return "\n".join(given) + "\n"


def _follow_the_page(folder: Path) -> None:
    """Do in the folder everything that the page says, to the letter."""
    for block in BLOCKS:
        file = folder / block.title
        if block.language == "diff":
            patched = _patched(file.read_text("utf-8"), block.text, block.title)
            file.write_text(patched, "utf-8")
        else:
            assert not file.exists(), f"{block.title} is there already"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, "utf-8")


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
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=COPIED)
    if FOLLOWED:
        for folder in ("dialogs", "chats"):
            shutil.copytree(ROOT / "tests" / folder, tmp_path / "tests" / folder, ignore=COPIED)
    else:
        _follow_the_page(tmp_path)
    return tmp_path


@pytest.fixture
def no_class_left() -> Iterator[None]:
    """Nothing of the example is among the subclasses of Dialog afterwards."""
    yield
    gc.collect()


@pytest.fixture
def environment(
    project: Path, no_class_left: None, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The product with the new dialog in its list, and with the new menu files."""
    # Noted before the modules are loaded, so that all of them are gone afterwards.
    monkeypatch.setitem(sys.modules, "test_of_the_page", ModuleType("test_of_the_page"))
    if not FOLLOWED:
        for name in ("dialogs.wish", "edited_catalog"):
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        _load("dialogs.wish", project / "dialogs/wish.py")
        edited = _load("edited_catalog", project / "dialogs/catalog.py")
        # The engine holds this very mapping, so the new one is laid into it.
        known = catalog.BY_NAME
        assert isinstance(known, dict)
        for name in set(edited.BY_NAME) - set(known):
            monkeypatch.setitem(known, name, edited.BY_NAME[name])
        monkeypatch.setattr(catalog, "DIALOGS", edited.DIALOGS)
    return {"CIRCLE_MENUS__FOLDER": str(project / "menus")}


def test_the_dialog_has_at_most_30_lines() -> None:
    assert len(_only("dialogs/wish.py").text.splitlines()) <= LINES_MAX


def test_its_steps_are_in_the_list_of_shipped_ones(project: Path) -> None:
    source = (project / "dialogs" / "wish.py").read_text("utf-8")
    steps = re.findall(r"^    def ([a-z]\w*)\(self", source, re.MULTILINE)
    assert steps
    listed = (project / "dialogs" / "shipped.txt").read_text("utf-8").splitlines()
    assert {f"wish.{step}" for step in steps} <= set(listed)


def test_a_diff_that_no_longer_fits_its_file_is_told() -> None:
    diff = "   - say: [a]\n+  - say: [b]\n"
    assert _patched("words:\n  - say: [a]\n", diff, "f") == "words:\n  - say: [a]\n  - say: [b]\n"
    for source in ("words:\n  - say: [a, c]\n", "words:\n", "  - say: [a]\n" * 2):
        with pytest.raises(AssertionError, match=r"f has these lines [02] times"):
            _patched(source, diff, "f")
    with pytest.raises(AssertionError, match="begin with a blank"):
        _patched("words:\n", "words:\n+x\n", "f")


@pytest.mark.slow
def test_the_menu_files_of_the_page_are_good_and_without_a_warning(
    project: Path, environment: dict[str, str]
) -> None:
    menus = live.check(read_folder(project / "menus"))
    assert [str(warning) for warning in menus.warnings] == []
    opened = menus.key("wish")
    assert opened is not None
    assert opened.dialog == "wish"


@pytest.mark.slow
def test_the_conversation_of_the_page_goes_as_its_test_says(
    project: Path, environment: dict[str, str], world: World, request: pytest.FixtureRequest
) -> None:
    module = _load("test_of_the_page", project / "tests/dialogs/test_wish.py")
    tests: list[Callable[..., None]] = [
        item for name, item in vars(module).items() if name.startswith("test_")
    ]
    assert tests
    for test in tests:
        needed = inspect.signature(test).parameters
        test(**{name: request.getfixturevalue(name) for name in needed})
    chat = (project / "tests/chats/wish.txt").read_text("utf-8")
    stage = Stage(world)
    list(stage.arrived())  # what the test has heard is no part of the chat
    assert script.read(chat).played(stage.play).written() == chat

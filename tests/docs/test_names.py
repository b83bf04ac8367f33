"""Names of code in README.md and docs/ are names that the code has."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from settings import Settings
from tests.docs.markdown import FILES, ROOT, code

# The one page whose files do not exist: its example makes them, and is tested for itself.
EXAMPLE = "adding-a-dialog.md"
SECTIONS = frozenset(Settings.model_fields)
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


@cache
def _tests() -> frozenset[str]:
    sources = (file.read_text("utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(name for text in sources for name in re.findall(r"def (test_\w+)", text))


@each_file
def test_every_test_that_is_named_exists(file: Path) -> None:
    named = {
        name
        for words in code(file.read_text("utf-8"))
        for name in re.findall(r"(?<![\w/])test_\w+(?!\.py|\w)", words)
    }
    if file.name == EXAMPLE:
        named.discard("test_what_somebody_would_like_is_kept_and_they_are_thanked")
    assert named - _tests() == set()


@each_file
def test_every_file_of_ours_that_is_named_exists(file: Path) -> None:
    named = {
        path
        for words in code(file.read_text("utf-8"))
        for path in re.findall(r"(?<![\w/.-])[a-z_]+/[\w/.-]+\.(?:py|yaml|json|md)\b", words)
    }
    missing = {path for path in named if not (ROOT / path).exists()}
    missing -= {path for path in named if (ROOT / "menus" / path).exists()}
    if file.name == EXAMPLE:
        missing = {path for path in missing if "wish" not in path}
    assert missing == set()


@pytest.mark.parametrize("name", ["architecture.md", "decisions.md", "deployment.md"])
def test_every_setting_by_its_place_in_config_yaml_exists(name: str) -> None:
    file = ROOT / "docs" / name
    named = {
        words
        for words in code(file.read_text("utf-8"))
        if re.fullmatch(r"[a-z_]+\.[a-z_0-9]+", words) and words.split(".")[0] in SECTIONS
    }
    missing = {words for words in named if not _is_setting(words)}
    assert missing == set()


def _is_setting(words: str) -> bool:
    section, name = words.split(".")
    model = Settings.model_fields[section].annotation
    return name in getattr(model, "model_fields", {}) or (ROOT / section / f"{name}.py").exists()

"""Words: Chinese first, and English for every one of them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

from handlers.console import words

ROOT = Path(words.__file__).parents[2]
SOURCES = (
    *(
        ("python", file)
        for folder in ("console", "office")
        for file in sorted((ROOT / "handlers" / folder).rglob("*.py"))
    ),
    *(
        ("jinja2.ext:babel_extract", file)
        for file in sorted((ROOT / "handlers/templates/console").rglob("*.html"))
    ),
)
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_PLACES = re.compile(r"{(\w*)}")
_COMMENT = re.compile(r"{#.*?#}", re.DOTALL)
_SAID = re.compile(r"""_\(\s*(["']).*?\1""", re.DOTALL)


@cache
def _said(method: str, file: Path) -> tuple[tuple[int, str], ...]:
    found = extract_from_file(method, file, options={"silent": "false"})
    return tuple(
        (line, message if isinstance(message, str) else message[0])
        for line, message, _comments, _context in found
    )


@pytest.mark.parametrize(("method", "file"), SOURCES, ids=lambda one: Path(one).name)
def test_every_text_has_its_english(method: str, file: Path) -> None:
    missing = [
        f"{file.relative_to(ROOT)}:{line}: {text}"
        for line, text in _said(method, file)
        if text not in words.english()
    ]
    assert not missing, "add to handlers/console/english/*.po:\n" + "\n".join(missing)


@pytest.mark.parametrize("file", sorted(words.FOLDER.glob("*.po")), ids=lambda file: file.name)
def test_english_has_the_same_values_and_is_still_said(file: Path) -> None:
    said = {text for method, source in SOURCES for _line, text in _said(method, source)}
    with file.open("rb") as opened:
        for message in read_po(opened):
            if message.id:
                chinese, english = str(message.id), str(message.string)
                assert english, f"{chinese} is empty"
                assert set(_PLACES.findall(chinese)) == set(_PLACES.findall(english)), chinese
                assert chinese in said, f"nobody says {chinese} any more"


@pytest.mark.parametrize(
    "file", [file for method, file in SOURCES if method != "python"], ids=lambda file: file.name
)
def test_no_chinese_stands_in_a_template_outside_of_words(file: Path) -> None:
    bare = _SAID.sub("", _COMMENT.sub("", file.read_text(encoding="utf-8")))
    bare = bare.replace('"中文"', "")  # what the switch itself is called
    assert not _CHINESE.search(bare), _CHINESE.search(bare)

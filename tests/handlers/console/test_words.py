"""Words: Chinese first, and English for every one of them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

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
    # What the console says with others.
    *(("python", ROOT / "handlers" / f"{name}.py") for name in ("offer_terms", "offer_words")),
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


def test_every_text_has_its_english() -> None:
    missing = [
        f"{file.relative_to(ROOT)}:{line}: {text}"
        for method, file in SOURCES
        for line, text in _said(method, file)
        if text not in words.english()
    ]
    assert not missing, "add to handlers/console/english/*.po:\n" + "\n".join(missing)


def test_english_has_the_same_values_and_is_still_said() -> None:
    said = {text for method, source in SOURCES for _line, text in _said(method, source)}
    wrong = []
    for file in sorted(words.FOLDER.glob("*.po")):
        with file.open("rb") as opened:
            pairs = [(str(each.id), str(each.string)) for each in read_po(opened) if each.id]
        for chinese, english in pairs:
            if not english:
                wrong.append(f"{file.name}: {chinese} is empty")
            if set(_PLACES.findall(chinese)) != set(_PLACES.findall(english)):
                wrong.append(f"{file.name}: {chinese} has other values than {english}")
            if chinese not in said:
                wrong.append(f"{file.name}: nobody says {chinese} any more")
    assert not wrong, "\n".join(wrong)


def test_no_chinese_stands_in_a_template_outside_of_words() -> None:
    wrong = []
    for file in (file for method, file in SOURCES if method != "python"):
        bare = _SAID.sub("", _COMMENT.sub("", file.read_text(encoding="utf-8")))
        bare = bare.replace('"中文"', "")  # what the switch itself is called
        wrong += [f"{file.relative_to(ROOT)}: {found}" for found in _CHINESE.findall(bare)]
    assert not wrong, "\n".join(wrong)

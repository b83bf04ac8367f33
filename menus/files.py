"""The files of the folder menus/: which there are, and what each holds.

wechat/default.yaml  wechat/film.yaml ...  keywords.yaml  synonyms.yaml  scenes.yaml
texts/common.yaml ...
"""

import pathlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

import pydantic

from menus.checked_yaml import Document, Mistake, Mistakes, check, closest, parse
from menus.entries import MenuFile
from menus.keywords import KeywordsFile
from menus.scenes import ScenesFile
from menus.synonyms import SynonymsFile
from menus.texts import TextsFile

Model = TypeVar("Model", bound=pydantic.BaseModel)

FOLDER = "menus"
DEFAULT_MENU = "wechat/default.yaml"
KEYWORDS = "keywords.yaml"
SCENES = "scenes.yaml"
SYNONYMS = "synonyms.yaml"  # not required: versions from before there was one stay good
COMMON_TEXTS = "texts/common.yaml"
REQUIRED = (DEFAULT_MENU, KEYWORDS, SCENES, COMMON_TEXTS)
# Read files that are kept; longer ones are not, so that these stay small.
KEPT_FILES = 128
KEPT_FILE_LETTERS = 16 * 1024
_WECHAT = re.compile(r"wechat/[a-z0-9][a-z0-9_-]*\.yaml")
_TEXTS = re.compile(r"texts/[a-z0-9][a-z0-9_-]*\.yaml")


def read_folder(path: str | pathlib.Path) -> dict[str, str]:
    """Name relative to the folder -> source of each YAML file. Raises Mistakes, OSError."""
    folder = pathlib.Path(path)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder of menus")
    files: dict[str, str] = {}
    mistakes: list[Mistake] = []
    for found in sorted(folder.rglob("*.y*ml")):
        name = found.relative_to(folder).as_posix()
        if found.suffix not in (".yaml", ".yml") or found.name.startswith((".", "#")):
            continue
        raw = found.read_bytes()
        try:
            files[name] = raw.decode("utf-8")
        except UnicodeDecodeError:
            mistakes += parse(raw, file=shown(name)).mistakes
    if mistakes:
        raise Mistakes(mistakes)
    return files


def shown(name: str) -> str:
    """The name that mistakes carry: as seen from the folder of the project."""
    return f"{FOLDER}/{name}"


@dataclass(slots=True)
class Parsed:
    """What the files say, each with its document (for positions), and the mistakes so far."""

    menus: dict[str, tuple[Document, MenuFile]] = field(default_factory=dict)
    texts: dict[str, tuple[Document, TextsFile]] = field(default_factory=dict)
    keywords: tuple[Document, KeywordsFile] | None = None
    scenes: tuple[Document, ScenesFile] | None = None
    synonyms: tuple[Document, SynonymsFile] | None = None
    unread: set[str] = field(default_factory=set)  # files that say nothing, for their mistakes
    mistakes: list[Mistake] = field(default_factory=list)


def parse_files(files: Mapping[str, str]) -> Parsed:
    """All files, each checked by itself. Never raises: see `.mistakes`."""
    parsed = Parsed()
    for name in REQUIRED:
        if name not in files:
            parsed.mistakes.append(Mistake(shown(name), 1, 1, "the file is missing"))
    for name, source in sorted(files.items()):
        document = _read(name, source)
        if _WECHAT.fullmatch(name):
            if menu := _checked(name, document, MenuFile, parsed):
                parsed.menus[name] = document, menu
        elif _TEXTS.fullmatch(name):
            if texts := _checked(name, document, TextsFile, parsed):
                parsed.texts[name] = document, texts
        elif name == KEYWORDS:
            if keywords := _checked(name, document, KeywordsFile, parsed):
                parsed.keywords = document, keywords
        elif name == SCENES:
            if scenes := _checked(name, document, ScenesFile, parsed):
                parsed.scenes = document, scenes
        elif name == SYNONYMS:
            if synonyms := _checked(name, document, SynonymsFile, parsed):
                parsed.synonyms = document, synonyms
        else:
            hint = closest(name, {*REQUIRED, SYNONYMS, *files} - {name})
            hint = hint or "menus stand in wechat/NAME.yaml, sentences in texts/NAME.yaml"
            parsed.mistakes.append(Mistake(shown(name), 1, 1, "nothing reads this file", hint))
    return parsed


def _read(name: str, source: str) -> Document:
    return (_kept if len(source) <= KEPT_FILE_LETTERS else _kept.__wrapped__)(name, source)


@lru_cache(KEPT_FILES)  # operators change a line of one file, and all are looked at again
def _kept(name: str, source: str) -> Document:
    return parse(source, file=shown(name))


def _checked(name: str, document: Document, model: type[Model], parsed: Parsed) -> Model | None:
    result, found = check(document, model)
    parsed.mistakes += found
    if result is None:
        parsed.unread.add(name)
    return result

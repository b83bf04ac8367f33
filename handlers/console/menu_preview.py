"""Menus and texts as a phone shows them: columns of the bar, and sentences with sample values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from menus import checked_yaml
from menus.checked_yaml import Mistakes
from menus.menus import Menus
from menus.samples import SAMPLES
from menus.texts import TextsFile
from sms import segments

NO_SAMPLE = "……"
_BEGIN, _END = "\ue000", "\ue001"  # around a value, while a sentence is filled
_VALUE = re.compile(f"{_BEGIN}(.*?){_END}", re.S)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line that can be tapped, and what it opens."""

    name: str
    target: str


@dataclass(frozen=True, slots=True)
class Column:
    """An entry of the bar: with `entries` above it, or opening something itself."""

    name: str
    target: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Phone:
    """The bar as those see it who carry `tag`, None: everybody else."""

    tag: str | None
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence on one channel: pieces are (text, whether it is a sample value)."""

    channel: str
    pieces: tuple[tuple[str, bool], ...]
    units: int
    parts: int  # SMS that it is billed as; 0 on WeChat


@dataclass(frozen=True, slots=True)
class Text:
    """A text with its sentences; `keyed` is its name in the file."""

    keyed: str
    said: tuple[Said, ...]


def phones(menus: Menus) -> list[Phone]:
    """Every menu, the default one first."""
    return [
        Phone(
            file.tag,
            tuple(
                Column(
                    top.name,
                    "" if top.entries else top.target,
                    tuple(Entry(below.name, below.target) for below in top.entries or ()),
                )
                for top in file.menu
            ),
        )
        for file in menus.menu_files
    ]


def phone(menus: Menus, source: str) -> Phone | None:
    """The menu that a file's text says, if it is one of these."""
    tag = re.search(r"(?m)^tag:\s*[\"']?([^\s\"'#]+)", source)
    wanted = tag[1] if tag else None
    return next((each for each in phones(menus) if each.tag == wanted), None)


def texts(menus: Menus, source: str) -> list[Text]:
    """The texts that stand in a file, as they are said."""
    try:
        keys = list(checked_yaml.read_text(source, TextsFile, file="texts").root)
    except Mistakes:
        return []
    return [Text(key, _said(menus, key)) for key in keys if key in menus.sentences["wechat"]]


def changed_texts(menus: Menus, old: Mapping[str, str], names: Sequence[str]) -> list[Text]:
    """The texts of these files that are said differently from `old`, file by file."""
    found = []
    for name in names:
        before, after = _written(old.get(name, "")), _written(menus.files.get(name, ""))
        different = [key for key in after if after[key] != before.get(key)]
        found += [Text(key, _said(menus, key)) for key in different]
    return found


def _written(source: str) -> dict[str, object]:
    try:
        return dict(checked_yaml.read_text(source, TextsFile, file="texts").root)
    except Mistakes:
        return {}


def _said(menus: Menus, key: str) -> tuple[Said, ...]:
    by_wechat, by_sms = (_filled(menus, key, channel) for channel in ("wechat", "sms"))
    text = "".join(piece for piece, _ in by_sms)
    return (
        Said("wechat", by_wechat, len("".join(piece for piece, _ in by_wechat)), 0),
        Said("sms", by_sms, segments.units(text), segments.count(text)),
    )


def _filled(menus: Menus, key: str, channel: str) -> tuple[tuple[str, bool], ...]:
    sentence = menus.sentences[channel][key]
    values = {name: f"{_BEGIN}{SAMPLES.get(name, NO_SAMPLE)}{_END}" for name in sentence.names}
    pieces = _VALUE.split(sentence.fill(values))
    return tuple((piece, bool(place % 2)) for place, piece in enumerate(pieces) if piece)

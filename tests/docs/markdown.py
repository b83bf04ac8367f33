"""Reads the project's Markdown: its files, fenced blocks, inline code and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))

_FENCE = re.compile(
    r"^ *```(\w*)(?: title=\"([^\"]+)\")? *\n(.*?)^ *``` *$", re.DOTALL | re.MULTILINE
)
_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; `title` is the file that it goes into, if it says so."""

    language: str
    title: str
    text: str


def blocks(text: str) -> list[Block]:
    """All fenced blocks, in order."""
    return [Block(*found.groups(default="")) for found in _FENCE.finditer(text)]


def code(text: str) -> Iterator[str]:
    """Everything written as code: lines of fenced blocks, and inline code."""
    for block in blocks(text):
        yield from block.text.splitlines()
    for found in _CODE.finditer(_FENCE.sub("", text)):
        yield " ".join(found[2].split())


def links(text: str) -> list[str]:
    """The targets of all links and pictures outside code."""
    plain = _CODE.sub("", _FENCE.sub("", text))
    return [found[1] for found in _LINK.finditer(plain)]


def anchors(text: str) -> set[str]:
    """The anchors of all headings, as GitHub makes them."""
    headings = (found[1] for found in _HEADING.finditer(_FENCE.sub("", text)))
    return {_slug(heading) for heading in headings}


def _slug(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")

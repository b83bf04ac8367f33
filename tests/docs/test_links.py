"""What README.md and docs/ point to exists: files, headings, commands, settings."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest

import settings
from commands import cli
from tests.docs.markdown import FILES, ROOT, anchors, code, links

TARGETS = frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


@each_file
def test_every_relative_link_leads_to_a_file_and_a_heading(file: Path) -> None:
    found = links(file.read_text("utf-8"))
    assert [link for link in found if not _leads_somewhere(file, link)] == []


@each_file
def test_every_make_target_exists(file: Path) -> None:
    named = [
        word
        for line in code(file.read_text("utf-8"))
        for words in re.findall(r"(?:^|[ ;&])make((?: +[a-z][a-z-]*)+)", line)
        for word in words.split()
    ]
    assert set(named) - TARGETS == set()


@each_file
def test_every_command_and_option_exists(file: Path) -> None:
    named = [
        said
        for line in code(file.read_text("utf-8"))
        for said in re.findall(r"(?:app\.py |^(?=(?:menus|db|outbox) ))([a-z][\w -]*)", line)
    ]
    wrong = {said: problem for said in named if (problem := _problem(said))}
    assert wrong == {}


@each_file
def test_every_setting_exists(file: Path) -> None:
    named = re.findall(r"CIRCLE_[A-Z][A-Z0-9_]*[A-Z0-9]", file.read_text("utf-8"))
    assert settings.unknown_names(dict.fromkeys(named, "")) == []


def test_what_does_not_exist_is_noticed() -> None:
    assert _problem("menus publish --note x") is None
    assert _problem("menus publsh") == "no command publsh"
    assert _problem("menus publish --nota x") == "no option --nota"
    assert _problem("outbox") is None


def _leads_somewhere(file: Path, link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme:
        return True
    target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if not target.is_relative_to(ROOT) or not target.exists():
        return False
    return not parts.fragment or parts.fragment in anchors(target.read_text("utf-8"))


def _problem(said: str) -> str | None:
    """What is wrong with the words after `python app.py`."""
    command: click.Command = cli.main
    for word in said.split():
        if word.startswith("-"):
            options = {option for known in command.params for option in known.opts}
            if word not in options | {"--help"}:
                return f"no option {word}"
        elif isinstance(command, click.Group):
            if word not in command.commands:
                return f"no command {word}"
            command = command.commands[word]
    return None

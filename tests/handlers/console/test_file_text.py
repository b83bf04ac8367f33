"""One changed line in the browser is one changed line in the file, whatever the browser sends."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from handlers.console.file_text import Line, as_written, difference, differences

FILE = "# what everybody sees\nmenu:\n  - name: 积分   # first\n\n  - name: 服务\n"


def sent(text: str) -> str:
    """A text area's value as a form carries it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


@pytest.mark.parametrize(
    "before",
    [
        FILE,
        FILE.rstrip("\n"),
        FILE.replace("\n", "\r\n"),
        "a\r\nb\nc\rd\n",
        "\ufeff" + FILE,
        "\n\n\n",
        "",
        "no end",
    ],
)
def test_a_text_that_was_not_touched_comes_back_to_the_byte(before: str) -> None:
    if before:
        assert as_written(sent(before), before) == before
        assert as_written(sent(before.lstrip("\ufeff")), before) == before


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_one_changed_line_is_one_changed_line_for_git(tmp_path: Path, ends: str) -> None:
    before = FILE.replace("\n", ends)
    after = as_written(sent(FILE.replace("积分   #", "查积分   #")), before)
    for name, text in (("before", before), ("after", after)):
        (tmp_path / name).write_bytes(text.encode())
    told = subprocess.run(
        ["git", "diff", "--no-index", "--numstat", "before", "after"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    assert told.split()[:2] == ["1", "1"]


def test_the_last_line_keeps_its_end_and_a_new_file_gets_one() -> None:
    assert as_written("a\r\nb", "a\n") == "a\nb\n"
    assert as_written("a", "") == "a\n"
    assert as_written("a\r\nb", "a") == "a\nb"
    assert as_written("", "a\n") == ""


def test_new_lines_end_as_the_file_does() -> None:
    assert as_written("a\nnew\nb\n", "a\r\nb\r\n") == "a\r\nnew\r\nb\r\n"
    assert as_written("a\nnew\nb\n", "a\r\nb\n") == "a\r\nnew\r\nb\n"


def test_a_difference_shows_signs_numbers_and_what_is_left_out() -> None:
    old = "".join(f"line {n}\n" for n in range(1, 12))
    lines = list(difference(old, old.replace("line 6\n", "line six\nline 6.5\n")))
    assert [line.sign for line in lines] == [*"@", *"   ", "-", "+", "+", *"   ", "@"]
    assert lines[4] == Line("-", "line 6", 6, None)
    assert lines[6] == Line("+", "line 6.5", None, 7)
    assert lines[7] == Line(" ", "line 7", 7, 8)


def test_ends_of_lines_are_a_difference_that_can_be_seen() -> None:
    assert [line.text for line in difference("a\r\nb\n", "a\nb")] == ["a ␍␊", "b", "a", "b ⌁"]


def test_files_that_come_and_go_are_named() -> None:
    found = differences({"a": "1\n", "b": "1\n", "c": "1\n"}, {"b": "2\n", "c": "1\n", "d": "1\n"})
    told = [(each.name, each.kind, each.added, each.removed) for each in found]
    assert told == [("a", "gone", 0, 1), ("b", "changed", 1, 1), ("d", "new", 1, 0)]

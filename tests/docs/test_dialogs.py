"""docs/dialogs.md shows the dialogs as they are: their steps, what opens them, how they go."""

from __future__ import annotations

import difflib
import re

from commands import dialog_docs
from commands.dialog_graph import Move, steps
from dialogs.bind_phone import BindPhone
from dialogs.catalog import DIALOGS, texts_used
from dialogs.draw import Draw
from dialogs.join_club import JoinClub
from dialogs.live import check
from dialogs.redeem import Redeem
from menus.menus import read_folder
from tests.docs.markdown import ROOT


def test_the_page_is_what_code_menus_and_chats_say_now() -> None:
    written = (ROOT / "docs" / "dialogs.md").read_text("utf-8")
    now = dialog_docs.page(check(read_folder(ROOT / "menus"))) + "\n"
    lines = difflib.unified_diff(written.splitlines(), now.splitlines(), "file", "now", n=0)
    assert list(lines) == [], "python app.py dialogs docs > docs/dialogs.md"


def test_steps_are_read_with_the_helpers_that_they_use() -> None:
    opened, picked, agreed = steps(Redeem)
    assert (opened.name, picked.name, agreed.name) == ("opened", "picked", "agreed")
    asks = Move("ask", ("redeem.ask",), then="agreed", expects="yes_no")
    assert asks in opened.moves  # by _offer
    assert Move("end", ("refused.*",)) in agreed.moves  # by refusals.not_offered
    assert Move("end", (), then="join_club") in picked.moves
    assert Move("end", ("draw.*",)) in steps(Draw)[0].moves  # by a table in draw_words


def test_calls_and_what_comes_without_an_answer_are_drawn() -> None:
    lines = [line.strip() for line in dialog_docs.diagram(JoinClub)]
    assert 'state "boss_replied: boss.open_service" as boss_replied' in lines
    assert any(line.startswith("answered --> boss_replied: boss.open_service") for line in lines)
    bind = "\n".join(dialog_docs.diagram(BindPhone))
    assert "no answer, bind.expired" in bind
    assert "code_given --> to_before" in bind


def test_every_dialog_asks_says_or_goes_on_in_words_that_exist() -> None:
    known = set(texts_used())
    for dialog in DIALOGS:
        for step in steps(dialog):
            assert step.moves, f"{dialog.name()}.{step.name} does nothing that can be read"
            for move in step.moves:
                if move.kind in ("say", "ask", "end", "tell"):
                    texts = {key for key in move.keys if not key.endswith(".*")}
                    assert texts <= known, f"{dialog.name()}.{step.name}: {texts - known}"
                assert move.kind != "ask" or move.keys, f"{dialog.name()}.{step.name} asks what?"


def test_every_dialog_is_opened_by_something() -> None:
    sections = (ROOT / "docs" / "dialogs.md").read_text("utf-8").split("\n## ")[1:]
    opened = re.compile(r"^- (Words|WeChat menu|QR codes|Opened by)", re.MULTILINE)
    assert [text.split("\n")[0] for text in sections if not opened.search(text)] == []
    assert len(sections) == len(DIALOGS)

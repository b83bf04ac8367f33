"""Surveys in the console: edited as files, checked, proposed, approved by somebody else."""

from __future__ import annotations

import pytest

from handlers import survey_publishing
from models.surveys import definition
from tests.handlers.console.conftest import Browser, Console
from tests.handlers.console.test_menus import hidden, proposed, saved, send

FILE, DRAFT = "/console/surveys/file/{}.yaml", "/console/surveys/draft"
SURVEY = """\
# Of the console.
code: {code}
title: 观影问卷
intro: 三个小问题，一分钟
thanks: 谢谢您
window: {{from: 2026-01-01, until: 2039-12-31}}
audience: {{clubs: [film]}}
invite_most: 0
questions:
  - {{id: how, ask: 影院怎么样？, kind: stars}}
  - {{id: again, ask: 还会来吗？, kind: choice, choices: [{{say: 会}}, {{say: 不会}}]}}
  - {{id: words, ask: 想说什么？, kind: words}}
"""


@pytest.fixture
def li(console: Console) -> Browser:
    return console.as_("operations")


def new(li: Browser, code: str) -> str:
    """A file of this name in the draft; its address."""
    li.follow(send(li, "/console/surveys/new", form_from="/console/surveys", folder="", stem=code))
    return FILE.format(code)


def approve(console: Console, proposal: str) -> str:
    wang = console.as_("approver")
    return wang.follow(send(wang, proposal, do="approve", because=""))


def live(console: Console) -> dict[str, definition.Survey]:
    return console.circle.store.read(definition.live)


def test_a_new_survey_is_shown_approved_by_another_and_runs(console: Console, li: Browser) -> None:
    address = new(li, "console")
    page = saved(li, address, SURVEY.format(code="console"))
    assert "检查通过" in page
    assert "+ console：新问卷“观影问卷”" in li.page(DRAFT)
    proposal = proposed(li, "问问影院", "surveys")
    assert "console" not in live(console)
    assert li.send(f"{proposal}", form_from=proposal, do="approve", because="").status_code != 303
    assert "console" not in live(console)  # not by who has proposed it
    approve(console, proposal)
    assert live(console)["console"].version == 1
    ((author, approver),) = console.rows("SELECT author, approved_by FROM survey_publications")
    assert author != approver
    assert "问问影院" in li.page("/console/surveys/history")
    page = saved(li, address, SURVEY.format(code="console").replace("谢谢您", "多谢"))
    assert "thanks: 谢谢您 → 多谢" in li.page(DRAFT)
    approve(console, proposed(li, "换句话", "surveys"))
    assert live(console)["console"].version == 2
    standing = console.circle.store.read(
        lambda tx: survey_publishing.standing(tx, {}, console.clock())
    )
    assert standing.files["console.yaml"].startswith("# Of the console.")  # as it was written


def test_mistakes_are_told_in_chinese_and_what_runs_keeps_its_file(
    console: Console, li: Browser
) -> None:
    address = new(li, "wrong")
    bad = SURVEY.format(code="wrong").replace("clubs: [film]", "clubs: [films]")
    page = saved(li, address, bad.replace("kind: stars}", "kind: stars, then: nowhere}"))
    assert "没有俱乐部 films" in page
    assert "没有题目 nowhere" in page
    running = next(iter(live(console)), None)
    if running is not None:
        gone = FILE.format(running)
        li.follow(send(li, gone, do="delete", seen=hidden(li, gone, "seen")))
        assert "要停就把 window 的 until 改成昨天" in li.page(DRAFT)


@pytest.mark.parametrize("role", ["approver", "analyst", "service"])
def test_others_look_and_change_nothing(console: Console, role: str) -> None:
    browser = console.as_(role)
    page = browser.page("/console/surveys")
    assert "新文件" not in page
    refused = browser.send(
        "/console/surveys/new", form_from="/console/surveys", folder="", stem="x"
    )
    assert refused.status_code == 403


def test_who_may_not_see_surveys_does_not(console: Console) -> None:
    assert console.as_("administrator").get("/console/surveys").status_code == 403

"""Feedback and surveys at the console: found, sorted, answered once, seen with its picture."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image

from models import complaints, feedback, feedback_pictures, subscribers
from models.base import Tx
from models.points import SHANGHAI
from models.surveys import definition, responses
from tests.handlers.console.conftest import Console

NUMBER = "+8613800000001"


def _said(console: Console, words: str = "周末也想换票", *, person: int | None = None) -> int:
    """Feedback of 李雷, who has asked to be rung up; its number."""

    def work(tx: Tx) -> int:
        who = subscribers.find(tx, "sms", NUMBER)
        assert who is not None
        made = feedback.keep(
            tx, person=person or who.id, category="club", words=words, channel="wechat",
            lasts=timedelta(hours=72), now=console.clock(),
        )  # fmt: skip
        return made.number

    return console.circle.store.run(work)


def _owed(console: Console) -> list[str]:
    rows = console.rows("SELECT words FROM mailbox ORDER BY at, id")
    return [row[0] for row in rows]


def test_it_is_listed_by_its_deadline_and_numbers_in_it_are_masked(console: Console) -> None:
    number = _said(console, "请打13912345678告诉我")
    page = console.as_("service").page("/console/feedback")
    assert f"FK{number}" in page
    assert "13912345678" not in page
    assert "139****5678" in page
    assert f"FK{number}" not in console.as_("analyst").page("/console/feedback?priority=high")


def test_somebody_takes_it_answers_it_and_the_person_hears_of_both(console: Console) -> None:
    number = _said(console)
    desk, path = console.as_("service"), f"/console/feedback/{number}"
    desk.follow(desk.send(path, do="take", words=""))
    assert "已有专人在办" in _owed(console)[-1]
    answer = desk.send(path, do="answer", words="")
    assert answer.status_code == 400
    assert "请写下要说的话" in answer.text
    page = desk.follow(desk.send(path, do="answer", words="下个月起周末也能换。"))
    assert "已答复" in page
    assert "下个月起周末也能换" in _owed(console)[-1]
    told = len(_owed(console))
    again = desk.send(path, do="answer", words="再说一次")
    assert (again.status_code, len(_owed(console))) == (400, told)
    assert console.rows("SELECT state, owner FROM feedback WHERE number = %s", number) == [
        ("answered", desk.operator.login if desk.operator else "")
    ]
    assert f"FK{number}" in desk.page("/console/feedback/answered")
    audited = console.rows(
        "SELECT action FROM audit_entries WHERE subject = %s ORDER BY id", f"feedback:{number}"
    )
    assert [row[0] for row in audited] == ["feedback.take", "feedback.answer"]
    desk.follow(desk.send(path, do="take", words="用户又来问了"))
    desk.follow(desk.send(path, do="answer", words="已经改好了。"))
    assert "已经改好了" in _owed(console)[-1]


def test_it_gets_a_category_a_priority_an_owner_and_another_deadline(console: Console) -> None:
    number = _said(console)
    desk, path = console.as_("service"), f"/console/feedback/{number}"
    login = desk.operator.login if desk.operator else ""
    day = (console.clock().astimezone(SHANGHAI) + timedelta(days=9)).date().isoformat()
    good = {"do": "sort", "category": "idea", "priority": "high", "owner": login, "day": day}
    page = desk.follow(desk.send(path, **good))
    assert "一般 → 紧急" in page
    assert "俱乐部和活动 → 建议" in page
    assert console.rows(
        "SELECT category, priority, owner FROM feedback WHERE number = %s", number
    ) == [("idea", "high", login)]
    told = len(_owed(console))
    bad: tuple[dict[str, Any], ...] = (
        {"day": "morgen"}, {"day": "2020-01-01"}, {"owner": "nobody"}, {"owner": ""},
        {"priority": "x"},
    )  # fmt: skip
    for wrong in bad:
        assert desk.send(path, **(good | wrong)).status_code == 400, wrong
    assert len(_owed(console)) == told


def test_who_only_looks_changes_nothing(console: Console) -> None:
    number = _said(console)
    analyst, path = console.as_("analyst"), f"/console/feedback/{number}"
    page = analyst.page(path)
    assert "答复用户" not in page
    assert analyst.forge(path, do="answer", words="好的").status_code == 403
    assert console.as_("approver").get(path).status_code == 403
    assert console.as_("service").get("/console/feedback/999").status_code == 404
    assert console.as_("service").forge(path, do="delete").status_code == 400


def test_a_picture_is_shown_and_what_failed_is_said(console: Console) -> None:
    number = _said(console)
    made = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(made, "JPEG")

    def work(tx: Tx) -> None:
        now = console.clock()
        feedback_pictures.attach(tx, number, made.getvalue(), now)
        feedback_pictures.want(tx, number, "gone", now)
        feedback_pictures.fetched(tx, number, 2, None, now)

    console.circle.store.run(work)
    desk = console.as_("service")
    assert "没有取到" in desk.page(f"/console/feedback/{number}")
    answer = desk.get(f"/console/feedback/{number}/pictures/1")
    assert (answer.status_code, answer.mimetype) == (200, "image/jpeg")
    assert answer.data == made.getvalue()
    assert desk.get(f"/console/feedback/{number}/pictures/2").status_code == 404


def test_what_is_overdue_stands_above_every_page_of_those_who_answer(console: Console) -> None:
    _said(console)
    console.clock.advance(days=4)
    try:
        assert "超过答复期限" in console.as_("service").page("/console/feedback")
        assert "超过答复期限" not in console.as_("analyst").page("/console/feedback")
    finally:
        console.clock.advance(days=-4)


def test_complaints_that_are_closed_are_listed_the_latest_first(console: Console) -> None:
    def work(tx: Tx) -> int:
        who = subscribers.find(tx, "sms", NUMBER)
        assert who is not None
        now = console.clock()
        made = complaints.open_one(
            tx, person=who.id, words="多扣了积分", serial=None, category="points", by="zhang",
            channel="console", lasts=timedelta(hours=72), now=now,
        )  # fmt: skip
        complaints.move(tx, made.number, to="resolved", words="已退回", by="zhang", now=now)
        return made.number

    number = console.circle.store.run(work)
    desk = console.as_("service")
    assert f"TS{number}" not in desk.page("/console/complaints")
    assert f"TS{number}" in desk.page("/console/complaints/closed")
    assert f"TS{number}" in desk.page("/console/complaints/closed?state=resolved")
    assert f"TS{number}" not in desk.page("/console/complaints/closed?state=upheld")


@pytest.fixture
def answered(console: Console) -> None:
    """李雷 has answered the survey of the film club."""

    def work(tx: Tx) -> None:
        now = console.clock()
        who = subscribers.find(tx, "sms", NUMBER)
        survey = definition.live(tx)["film"]
        assert who is not None
        begun = responses.begin(tx, who.id, [who.id], survey, channel="sms", now=now)
        for number, words in ((4, None), (1, None), (2, None), (9, None), (None, "=1+1便宜点")):
            question = survey.question(begun.question)
            begun = responses.answer(
                tx, begun, survey, question, number=number, words=words, now=now
            )

    console.circle.store.run(work)


@pytest.mark.usefixtures("answered")
def test_a_survey_is_counted_question_by_question_and_taken_as_a_file(console: Console) -> None:
    analyst = console.as_("analyst")
    assert "电影俱乐部小调查" in analyst.page("/console/surveys")
    page = analyst.page("/console/surveys/live/film")
    for words in ("满意 100%", "平均 <b>4.00</b>", "净推荐值 100", "每周都看", "便宜点"):
        assert words in page
    assert analyst.get("/console/surveys/live/none").status_code == 404
    file = analyst.get("/console/surveys/answers.csv?survey=film").text
    assert "场次太少" in file
    assert len(file.strip().splitlines()) == 6
    assert "\n=1+1" not in file.replace(",", "\n")
    assert NUMBER[1:] not in file

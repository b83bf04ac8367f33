"""Feedback, surveys and stars in the database: once, in order, whoever comes at the same time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import psycopg
import pytest

from models import activity_ratings, feedback, feedback_pictures, merging, sql, subscribers
from models.base import Tx
from models.feedback import Answered, Feedback, NoSuchFeedback
from models.privacy import erasure, export, retention
from models.store import Store
from models.subscribers import Subscriber
from models.surveys import audience, definition, responses, results
from models.surveys.definition import Survey
from tests.models.conftest import NOON, at_once, cause, newcomer, rows

HOURS = timedelta(hours=72)
WEEK = timedelta(days=7)
JPEG = b"\xff\xd8\xff\xd9"


@pytest.fixture
def li(store: Store) -> Subscriber:
    return store.run(newcomer)


@pytest.fixture
def film(store: Store) -> Survey:
    """The survey of the film club, for everybody."""

    def work(tx: Tx) -> Survey:
        row = tx.exec_driver_sql("SELECT content FROM surveys WHERE code = 'film'")
        content = dict(row.scalar_one())
        content["audience"] = content["audience"] | {"clubs": [], "share_percent": 100}
        content["invite_most"] = 100
        content["window"] = {"from": "2026-01-01", "until": "2026-12-31"}
        made = definition.publish(tx, content, author="t", note="t", now=NOON)
        assert made is not None
        assert definition.publish(tx, content, author="t", note="t", now=NOON) is None
        return made

    return store.run(work)


def keep(tx: Tx, who: Subscriber, words: str = "队太长") -> Feedback:
    return feedback.keep(
        tx, person=who.id, category="club", words=words, channel="sms", lasts=HOURS, now=NOON
    )


def refused(store: Store, statement: str, *values: object) -> None:
    with pytest.raises(psycopg.Error), store.begin() as tx:
        sql.run(tx, statement, values or None)


# -- feedback --------------------------------------------------------------------------------------


def test_it_is_answered_once_whoever_answers_at_the_same_time(store: Store, li: Subscriber) -> None:
    number = store.run(lambda tx: keep(tx, li)).number

    def answer() -> bool:
        try:
            store.run(lambda tx: feedback.answer(tx, number, words="好了", by="zhang", now=NOON))
        except Answered:
            return False
        return True

    assert sorted(at_once([answer] * 4)) == [False, False, False, True]
    told = store.read(lambda tx: feedback.events_of(tx, number))
    assert [one.what for one in told] == ["opened", "answered"]


def test_no_more_pictures_than_three_and_none_twice(store: Store, li: Subscriber) -> None:
    number = store.run(lambda tx: keep(tx, li)).number

    def want(media: str) -> int | None:
        def work(tx: Tx) -> int | None:
            subscribers.lock_id(tx, li.id)
            return feedback_pictures.want(tx, number, media, NOON)

        return store.run(work)

    assert [want(media) for media in "aabcd"] == [1, None, 2, 3, None]
    assert store.run(lambda tx: feedback_pictures.fetched(tx, number, 1, JPEG, NOON))
    assert not store.run(lambda tx: feedback_pictures.fetched(tx, number, 1, None, NOON))
    assert store.run(lambda tx: feedback_pictures.fetched(tx, number, 2, None, NOON))
    assert [one.state for one in store.read(lambda tx: feedback_pictures.of(tx, number))] == [
        "kept", "failed", "wanted",
    ]  # fmt: skip


def test_nobody_fills_the_store_with_pictures(
    store: Store, li: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback_pictures, "MOST_A_PERSON", 2)
    first, second = (store.run(lambda tx: keep(tx, li)).number for _ in range(2))

    def attach(number: int) -> int | None:
        return store.run(lambda tx: feedback_pictures.attach(tx, number, JPEG, NOON))

    assert [attach(first), attach(first), attach(second)] == [1, 2, None]


def test_the_table_holds_what_the_functions_promise(store: Store, li: Subscriber) -> None:
    number = store.run(lambda tx: keep(tx, li)).number
    store.run(lambda tx: feedback.take(tx, number, by="zhang", now=NOON))
    for change in (
        "words = 'x'", "state = 'answered'", "state = 'received', events = events + 1",
        "owner = NULL, events = events + 1", "priority = 'high'", "subscriber_id = 1",
        "category = 'x', events = events + 1",
    ):  # fmt: skip
        refused(store, f"UPDATE feedback SET {change} WHERE number = %s", number)
    refused(store, "DELETE FROM feedback")
    refused(store, "UPDATE feedback_events SET words = 'x'")
    refused(store, "DELETE FROM feedback_events")
    for words in ("", "好" * 1001):
        with pytest.raises(ValueError, match="1 to 1000"):
            store.run(lambda tx, words=words: keep(tx, li, words))  # type: ignore[misc]
    with pytest.raises(NoSuchFeedback):
        store.run(lambda tx: feedback.note(tx, 1, words="x", by="zhang", now=NOON))


# -- surveys ---------------------------------------------------------------------------------------


def _answers(tx: Tx, who: Subscriber, survey: Survey, *numbers: int | None) -> None:
    begun = responses.begin(tx, who.id, [who.id], survey, channel="sms", now=NOON)
    for number in numbers:
        question = survey.question(begun.question)
        begun = responses.answer(
            tx, begun, survey, question, number=number, now=NOON,
            words="便宜点" if number is None else None,
        )  # fmt: skip


def test_an_answer_that_comes_twice_counts_once(store: Store, li: Subscriber, film: Survey) -> None:
    store.run(lambda tx: responses.begin(tx, li.id, [li.id], film, channel="sms", now=NOON))

    def first(number: int) -> Callable[[], int]:
        def work(tx: Tx) -> int:
            begun = responses.of(tx, [li.id], "film")
            assert begun is not None
            return responses.answer(
                tx, begun, film, film.questions[0], number=number, words=None, now=NOON
            ).answers

        return lambda: store.run(work)

    assert at_once([first(number) for number in (5, 4, 3, 5)]) == [1, 1, 1, 1]
    assert rows(store, "SELECT count(*) FROM survey_answers") == [(1,)]
    with pytest.raises(ValueError, match="1 to 5"):
        store.run(
            lambda tx: responses.answer(
                tx, responses.begin(tx, li.id, [li.id], film, channel="sms", now=NOON), film,
                film.questions[0], number=9, words=None, now=NOON,
            )
        )  # fmt: skip


def test_what_is_done_stays_done_and_is_counted(store: Store, li: Subscriber, film: Survey) -> None:
    other = store.run(newcomer)
    store.run(lambda tx: _answers(tx, li, film, 5, 1, 1, 10, None))
    store.run(lambda tx: _answers(tx, other, film, 1, None, 2, 3, None))
    refused(store, "UPDATE survey_responses SET state = 'open', ended_at = NULL")
    refused(store, "UPDATE survey_answers SET number = 5")
    refused(store, "DELETE FROM survey_answers")
    refused(store, "UPDATE surveys SET note = 'x'")
    counted = store.read(lambda tx: results.overviews(tx)["film"])
    assert (counted.begun, counted.done) == (2, 2)
    by_id = {one.question.id: one for one in store.read(lambda tx: results.outcomes(tx, film))}
    assert (by_id["how"].hundredths, by_id["how"].good_percent) == (300, 50)
    assert by_id["tell"].recommend == 0
    assert [one.people for one in by_id["wish"].counts] == [0, 1, 0, 0]
    assert store.read(lambda tx: results.words_of(tx, "film", "why", limit=5)) == ["便宜点"]


def test_who_is_invited_by_two_clocks_is_invited_once(
    store: Store, li: Subscriber, film: Survey
) -> None:
    def invite() -> bool:
        def work(tx: Tx) -> bool:
            subscribers.lock_id(tx, li.id)
            return audience.invite(tx, li.id, film, every=WEEK, now=NOON)

        return store.run(work)

    assert sorted(at_once([invite] * 4)) == [False, False, False, True]
    left = store.read(
        lambda tx: audience.to_invite(tx, film, after=0, every=WEEK, now=NOON, limit=100)
    )
    assert li.id not in left


def test_a_share_is_drawn_by_lot_and_grows_by_others(store: Store, film: Survey) -> None:
    people = store.run(lambda tx: [newcomer(tx).id for _ in range(200)])

    def drawn(percent: int) -> set[int]:
        survey = replace(film, share_percent=percent)
        return set(
            store.read(
                lambda tx: audience.to_invite(
                    tx, survey, after=min(people) - 1, every=WEEK, now=NOON, limit=500
                )
            )
        )

    few, half = drawn(20), drawn(50)
    assert few < half
    assert 20 < len(few) < 60
    assert 70 < len(half) < 130


# -- people ----------------------------------------------------------------------------------------


def test_what_somebody_began_is_theirs_after_they_are_merged(
    store: Store, li: Subscriber, film: Survey
) -> None:
    target = store.run(newcomer)

    def work(tx: Tx) -> None:
        keep(tx, li)
        _answers(tx, li, film, 5)
        audience.invite(tx, li.id, film, every=WEEK, now=NOON)
        merging.merge(tx, source=li, target=target, origin="test", now=NOON)

    store.run(work)
    people = store.read(lambda tx: subscribers.family(tx, target.id))
    assert len(store.read(lambda tx: feedback.of(tx, people, 9))) == 1
    waiting = store.read(lambda tx: audience.for_person(tx, people, date(2026, 3, 2), NOON))
    assert "film" in [one.code for one in waiting]
    begun = store.run(
        lambda tx: responses.begin(tx, target.id, people, film, channel="sms", now=NOON)
    )
    assert (begun.subscriber_id, begun.answers) == (li.id, 1)


def test_a_copy_has_all_of_it_and_a_deletion_leaves_no_word(
    store: Store, li: Subscriber, film: Survey
) -> None:
    def work(tx: Tx) -> int:
        made = keep(tx, li, "秘密的话")
        feedback_pictures.attach(tx, made.number, JPEG, NOON)
        feedback.answer(tx, made.number, words="秘密的答复", by="zhang", now=NOON)
        _answers(tx, li, film, 2, None, 1, 1, None)
        activity_ratings.owe(tx, subscriber_id=li.id, activity=7, title="观影会", ends_at=NOON)
        return made.number

    number = store.run(work)
    store.run(
        lambda tx: erasure.erase(
            tx, li.id, cause=cause(f"privacy:{li.id}", "forfeited"), grace_days=30,
            proposal_id=None, now=NOON,
        )
    )  # fmt: skip
    left = rows(
        store,
        "SELECT (SELECT count(*) FROM feedback WHERE words IS NOT NULL)"
        " + (SELECT count(*) FROM feedback_events WHERE words IS NOT NULL)"
        " + (SELECT count(*) FROM survey_answers WHERE words IS NOT NULL)"
        " + (SELECT count(*) FROM feedback_pictures)",
    )
    assert left == [(0,)]
    assert store.read(lambda tx: feedback.get(tx, number)).state == "answered"
    assert rows(store, "SELECT count(*) FROM survey_answers WHERE number = 2") == [(1,)]
    names = {section.name for section in export.SECTIONS}
    assert {"feedback", "feedback_pictures", "survey_answers", "activity_ratings"} <= names


def test_pictures_are_forgotten_a_year_after_the_answer(store: Store, li: Subscriber) -> None:
    def work(tx: Tx) -> None:
        for answered in (True, False):
            number = keep(tx, li, f"话{answered}").number
            feedback_pictures.attach(tx, number, JPEG, NOON)
            if answered:
                feedback.answer(tx, number, words="好", by="zhang", now=NOON)

    store.run(work)
    rule = retention.BY_NAME["feedback_pictures"]
    for days, kept in ((300, 2), (400, 1)):
        later = NOON + timedelta(days=days)
        store.run(lambda tx, later=later: retention.bite(tx, rule, days=365, now=later))  # type: ignore[misc]
        assert rows(store, "SELECT count(*) FROM feedback_pictures") == [(kept,)]

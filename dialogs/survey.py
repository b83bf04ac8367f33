"""A survey: one question after the other, by digits or words; stopped and gone on with at will.

问卷 ──▶ the first question ──answer──▶ the one that follows it ──▶ ... ──▶ thanks, and the points
             └──否──▶ later: 问卷 goes on at the same question
"""

from __future__ import annotations

from datetime import datetime

from dialogs.dialog import Dialog, Move, Talk
from dialogs.rate import CHOICES as RATINGS
from models import subscribers
from models.base import Tx
from models.earning.happened import happened
from models.points import day_of
from models.subscribers import Subscriber
from models.surveys import audience, definition, responses
from models.surveys.definition import CHOICE, STARS, WORDS, Question
from models.surveys.definition import Survey as Published
from models.surveys.responses import DONE, Response
from sms.replies import Reply

EVENT = "survey_answered"
NOTHING_TO_SAY = (("0", "没有想说的"),)


class Survey(Dialog):
    takes = frozenset({"survey"})  # of a link or a menu entry; else the first that waits

    def opened(self, talk: Talk) -> Move:
        people = subscribers.family(talk.tx, talk.subscriber.id)
        wanted = str(talk.notes.pop("survey", ""))
        found = audience.for_person(talk.tx, people, day_of(talk.now), talk.now)
        survey = next((one for one in found if wanted in ("", one.code)), None)
        if survey is None:
            return talk.end("survey.none")
        begun = responses.begin(
            talk.tx, talk.subscriber.id, people, survey, channel=talk.channel, now=talk.now
        )
        return self._ask(talk, definition.get(talk.tx, survey.code, begun.version), begun)

    def answered(self, talk: Talk, reply: Reply) -> Move:
        people = subscribers.family(talk.tx, talk.subscriber.id)
        begun = responses.of(talk.tx, people, talk.notes["code"], lock=True)
        if begun is None:  # it went with the rest, at the person's wish
            return talk.end("survey.none")
        survey = definition.get(talk.tx, begun.survey, begun.version)
        question = survey.question(talk.notes["question"])
        number, words = _read(question, reply)
        if number is None and not words and question.kind != WORDS:
            if reply.is_no:
                responses.stop(talk.tx, begun, talk.now)
                return talk.end("survey.stopped", ended_as="declined")
            return self._ask(talk, survey, begun)
        was_done = begun.state == DONE
        after = responses.answer(
            talk.tx, begun, survey, question, number=number, words=words, now=talk.now
        )
        if after.state != DONE:
            return self._ask(talk, survey, after)
        points = 0 if was_done else reward(talk.tx, talk.subscriber, after, talk.now)
        if points:
            return talk.end("survey.thanks_points", thanks=survey.thanks, points=points)
        return talk.end("survey.thanks", thanks=survey.thanks)

    def _ask(self, talk: Talk, survey: Published, begun: Response) -> Move:
        question = survey.question(begun.question)
        talk.notes |= {"code": survey.code, "question": question.id}
        lead = f"第{begun.answers + 1}题" if begun.answers else f"{survey.title}，第1题"
        if question.kind == WORDS:
            return talk.ask(
                "survey.ask_words", expects="text", then=self.answered, lead=lead,
                question=question.ask, taps=NOTHING_TO_SAY,
            )  # fmt: skip
        listed = "".join(f" {no}{said}" for no, said in enumerate(question.choices, start=1))
        return talk.ask(
            "survey.ask", expects="number", again="survey.again", then=self.answered, lead=lead,
            question=question.ask + listed, ask=question.ask, least=question.least,
            most=question.most, taps=_choices(question),
        )  # fmt: skip


def reward(tx: Tx, person: Subscriber, done: Response, now: datetime) -> int:
    """The points that the earning rules give a person, held, for a survey just answered; once.

    Who is known by an openid alone gets none: whoever unfollows and follows again is somebody new
    each time, and could carry them all to one number.
    """
    if person.msisdn is None:
        return 0
    return happened(
        tx, person.id, EVENT, key=responses.event_id(done),
        values={"survey": done.survey}, now=now,
    )  # fmt: skip


def _read(question: Question, reply: Reply) -> tuple[int | None, str | None]:
    """The number or the words that answer a question; neither: no answer, or nothing to say."""
    if question.kind == WORDS:
        return None, None if reply.is_no else reply.text
    fits = reply.number is not None and question.takes(reply.number)
    return (reply.number if fits else None), None


def _choices(question: Question) -> tuple[tuple[str, str], ...]:
    """What WeChat lists below a question."""
    if question.kind == CHOICE:
        return tuple((str(no), f"{no} {say}") for no, say in enumerate(question.choices, start=1))
    if question.kind == STARS:
        return RATINGS
    return tuple((str(no), str(no)) for no in range(question.least, question.most + 1))

"""The cases: what is sent to whom, and what every single answer must say."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench import messages
from bench.load import Run
from bench.messages import Answer
from bench.people import Person
from bench.servers import Server
from bench.stage import Stage

SCENE = "club-film"
DUPLICATES_KEPT = 500
NO_ANSWER = Answer(0, None)


class WrongAnswer(RuntimeError):
    """A server said something else than it should: its messages a second mean nothing."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """One request, and whether an answer to it is right."""

    wire: bytes
    is_right: Callable[[Answer], bool]


Prepare = Callable[[int], list[Prepared]]


@dataclass(frozen=True, slots=True)
class Case:
    """`prepare(count)` gives as many requests, freshly signed; `after` looks at what they did.

    Where `may_lose`, an empty or missing answer is a loss to count, not an end to everything.
    """

    name: str
    server: Server
    prepare: Prepare
    after: Callable[[Run], None] = lambda run: None
    may_lose: bool = False


@dataclass(slots=True)
class _Heard:
    """Messages that were handled, and what each was answered, to be sent again."""

    scans: list[tuple[str, str, str]] = field(default_factory=list)  # openid, message, answer


def cases(stage: Stage, *, subscribers: int) -> dict[str, Case]:
    """All cases by name."""
    people = [Person(n) for n in range(subscribers)]
    readers, fresh, heard = _cycle(people), iter(people), _Heard()
    changes = _Changes(stage, fresh, heard)
    made = [
        Case("echo", stage.echo, lambda n: _echoes(readers, n)),
        # Its sessions in SQLite: with two processes "database is locked", and nothing is answered.
        Case("werobot", stage.werobot, lambda n: _echoes(readers, n), may_lose=True),
        Case("werobot_alone", stage.werobot_alone, lambda n: _echoes(readers, n), may_lose=True),
        Case("balance", stage.product, lambda n: _balances(readers, n)),
        Case("click", stage.product, lambda n: _helps(readers, n)),
        Case("change", stage.product, changes.prepare, changes.after),
        Case("duplicate", stage.product, lambda n: _duplicates(heard, n)),
        Case("hostile", stage.product, lambda n: _hostile(readers, n, (403, 400))),
        Case("hostile_echo", stage.echo, lambda n: _hostile(readers, n, (403, 403))),
    ]
    return {case.name: case for case in made}


def check(case: Case, prepared: Sequence[Prepared], run: Run) -> int:
    """Look at every answer; returns how many were right. Raises WrongAnswer."""
    right = 0
    for asked, response in zip(prepared, run.answers, strict=False):
        answer = messages.read(response) if response else NO_ANSWER
        if asked.is_right(answer):
            right += 1
        elif not case.may_lose or answer.text is not None:
            raise WrongAnswer(f"{case.name}: {answer} to {asked.wire[:300]!r}")
    return right


def _cycle(people: Sequence[Person]) -> Iterator[Person]:
    while True:
        yield from people


def _says(expected: str) -> Callable[[Answer], bool]:
    return lambda answer: answer.text == expected


def _echoes(people: Iterator[Person], count: int) -> list[Prepared]:
    def one(person: Person) -> Prepared:
        message = messages.click(person.openid, "balance")
        return Prepared(messages.request(message, openid=person.openid), _says("balance"))

    return [one(next(people)) for _ in range(count)]


def _balances(people: Iterator[Person], count: int) -> list[Prepared]:
    def one(person: Person) -> Prepared:
        message, start = messages.click(person.openid, "balance"), f"您现在有{person.points}积分"

        def is_right(answer: Answer) -> bool:
            text = answer.text or ""
            return text.startswith(start) and "够换" in text

        return Prepared(messages.request(message, openid=person.openid), is_right)

    return [one(next(people)) for _ in range(count)]


def _helps(people: Iterator[Person], count: int) -> list[Prepared]:
    def one(person: Person) -> Prepared:
        message = messages.click(person.openid, "help")
        return Prepared(
            messages.request(message, openid=person.openid),
            lambda answer: (answer.text or "").startswith("您可以点下面的菜单"),
        )

    return [one(next(people)) for _ in range(count)]


class _Changes:
    """Scans of somebody who is no member: each asks a question by SMS, which stays owed."""

    def __init__(self, stage: Stage, fresh: Iterator[Person], heard: _Heard) -> None:
        self._stage = stage
        self._fresh = fresh
        self._unused: list[Person] = []
        self._scans: list[tuple[Person, str]] = []
        self._heard = heard
        self._total = 0

    def prepare(self, count: int) -> list[Prepared]:
        people = self._unused[:count]
        people += itertools.islice(self._fresh, count - len(people))
        self._unused = self._unused[count:]
        if len(people) < count:
            raise WrongAnswer("too few subscribers for so many scans")
        self._scans = [(person, messages.scan(person.openid, SCENE)) for person in people]
        return [
            Prepared(messages.request(message, openid=person.openid), self._asked(person))
            for person, message in self._scans
        ]

    def after(self, run: Run) -> None:
        """Count what stands in the database; keep some for the duplicates."""
        sent = len(run.answers)
        self._unused = [person for person, _ in self._scans[sent:]] + self._unused
        for (person, message), response in zip(self._scans, run.answers, strict=False):
            text = messages.read(response).text or ""
            self._heard.scans.append((person.openid, message, text))
        del self._heard.scans[:-DUPLICATES_KEPT]
        self._total += sent
        asking = self._stage.count("SELECT count(*) FROM conversations WHERE state = 'asking'")
        owed = self._stage.count("SELECT count(*) FROM outbox WHERE kind = 'sms'")
        if not asking == owed == self._total:
            raise WrongAnswer(f"{self._total} scans, {asking} questions open, {owed} SMS owed")

    @staticmethod
    def _asked(person: Person) -> Callable[[Answer], bool]:
        words = f"请您看一下手机{person.masked}的短信"
        return lambda answer: words in (answer.text or "")


def _duplicates(heard: _Heard, count: int) -> list[Prepared]:
    repeated = (heard.scans[n % len(heard.scans)] for n in range(count))
    return [
        Prepared(messages.request(message, openid=openid), _says(text))
        for openid, message, text in repeated
    ]


def _hostile(people: Iterator[Person], count: int, statuses: tuple[int, int]) -> list[Prepared]:
    """By turns a bad signature and, well signed, what no key decrypts."""

    def one(person: Person, turn: int) -> Prepared:
        message = messages.click(person.openid, "balance")
        wire = (
            messages.badly_padded(person.openid)
            if turn
            else messages.request(message, openid=person.openid, signed=False)
        )
        return Prepared(wire, lambda answer: answer.status == statuses[turn])

    return [one(next(people), n % 2) for n in range(count)]

"""The audit of a draw: every result computed again from what it came from.

    seed ─▶ number ─▶ prize by the version's odds and the person's blanks ─▶ what was not there
    seal · nonces without a gap · slots 1..n in order of time · limits · prices · digests

An altered row does not fit its seal; who alters the seal, too, needs the seed, and after the day,
when everybody has it, the digest of the day has been published. A deleted row leaves a gap.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from models import sql
from models.base import Tx
from models.draws import choosing, fairness, tables
from models.draws import seeds as days_of
from models.draws.audit_stock import Slots
from models.draws.definition import Draw, hash_of
from models.draws.drawing import HAS_ENOUGH, OUT_OF_STOCK, OVER_BUDGET
from models.draws.publishing import read
from models.draws.results import COLUMNS, Result
from models.draws.seeds import DIGEST, Day, Seeds
from models.operators.vault import Unsealable

AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and with what: "result 20000017", "day 2026-03-02", "prize kettle"."""

    where: str
    what: str


@dataclass(slots=True)
class Report:
    """What was looked at and what was found; `drawn` and `given` count prizes by code."""

    draw_code: str
    results: int = 0
    days: int = 0
    revealed: int = 0
    drawn: Counter[str] = field(default_factory=Counter)
    given: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class _Player:
    nonce: int = 0
    blanks: int | None = 0  # None: the result before is not to be trusted
    won: Counter[str] = field(default_factory=Counter)
    days: Counter[date] = field(default_factory=Counter)


def audit(tx: Tx, draw_code: str, seeds: Seeds) -> Report:
    """Compute all results of a draw again. Raises LookupError where there is no such draw."""
    return _Audit(tx, draw_code, seeds).report()


@dataclass(slots=True)
class _Audit:
    tx: Tx
    code: str
    seeds: Seeds
    found: Report = field(init=False)
    versions: dict[int, Draw] = field(default_factory=dict)
    opened: dict[date, str] = field(default_factory=dict)
    public: dict[date, Day] = field(default_factory=dict)
    players: dict[str, _Player] = field(default_factory=lambda: defaultdict(_Player))
    slots: Slots = field(init=False)

    def report(self) -> Report:
        self.found = Report(self.code)
        self.slots = Slots(self.tx, self.code)
        self._read_versions()
        self._read_days()
        for result in self._results():
            self.found.results += 1
            self.found.drawn[result.wanted] += 1
            self.found.given[result.prize] += 1
            wrong = list(self._result(result))
            self.found.findings += [Finding(f"result {result.id}", what) for what in wrong]
            if wrong:  # named once: what follows from it is not its neighbours' fault
                self.players[result.player].blanks = None
        self.found.findings += [Finding(*each) for each in self.slots.findings(self.versions)]
        self._digests()
        self._money()
        return self.found

    def _say(self, where: str, what: str) -> None:
        self.found.findings.append(Finding(where, what))

    def _read_versions(self) -> None:
        rows = sql.rows(
            self.tx,
            "SELECT version, content, hash FROM draw_versions WHERE draw_code = %(code)s",
            {"code": self.code},
        )
        if not rows:
            raise LookupError(f"no draw {self.code} was ever published")
        for version, content, known_as in rows:
            self.versions[version] = read(content)
            if hash_of(content) != known_as:
                self._say(f"version {version}", "does not have the hash that was published")

    def _read_days(self) -> None:
        for day in days_of.days(self.tx, self.code, limit=100_000):
            self.public[day.day] = day
            self.found.days += 1
            try:
                seed = day.seed or self.seeds.of(self.tx, self.code, day.day)
            except (LookupError, Unsealable):
                self._say(f"day {day.day}", "its seed is still sealed, and this key opens it not")
                continue
            self.opened[day.day] = seed
            if fairness.commitment(seed) != day.commitment:
                self._say(f"day {day.day}", "the seed is not the one that was committed to")

    def _results(self) -> Iterator[Result]:
        last = (date.min, 0)
        while True:
            rows = sql.rows(
                self.tx,
                f"SELECT {COLUMNS} FROM draw_results r WHERE r.draw_code = %(code)s"
                " AND (r.day, r.id) > (%(day)s, %(id)s) ORDER BY r.day, r.id LIMIT %(limit)s",
                {"code": self.code, "day": last[0], "id": last[1], "limit": AT_ONCE},
            )
            for row in rows:
                yield Result(*row)
            if len(rows) < AT_ONCE:
                return
            last = (rows[-1][5], rows[-1][1])

    def _result(self, result: Result) -> Iterator[str]:
        altered = list(self._inputs(result))
        yield from altered
        player = self.players[result.player]
        if result.nonce != player.nonce + 1:
            yield f"is draw {result.nonce} of {result.player}, after draw {player.nonce}"
        elif player.blanks is not None and result.blanks != player.blanks:
            yield f"says {result.blanks} blanks before it, there were {player.blanks}"
        draw = self.versions.get(result.version)
        if draw is None:
            yield f"was drawn from version {result.version}, which there is not"
            return
        player.nonce, player.blanks = result.nonce, None
        if altered:
            return
        yield from self._outcome(draw, result, player)
        yield from _limits(draw, result, player)
        player.blanks = result.blanks + 1 if draw.prize(result.prize).is_blank else 0

    def _inputs(self, result: Result) -> Iterator[str]:
        day, seed = self.public.get(result.day), self.opened.get(result.day)
        if day is None:
            yield f"has a day without a seed, {result.day}"
        elif day.committed_at > result.at:
            yield "was drawn before its day's seed was committed to"
        if seed is None:
            return
        number = fairness.number(seed, draw=self.code, player=result.player, nonce=result.nonce)
        if number != result.number:
            yield f"has the number {result.number}, the seed gives {number}"
        if result.sealed(seed) != bytes(result.seal):
            yield "does not fit its seal: it was altered"

    def _outcome(self, draw: Draw, result: Result, player: _Player) -> Iterator[str]:
        choice = choosing.choose(draw, number=result.number, blanks=result.blanks)
        if (choice.prize.code, choice.by) != (result.wanted, result.by):
            yield f"says {result.wanted} was drawn, the number means {choice.prize.code}"
            return
        skipped = {each[0]: each for each in result.seen}
        for prize in choosing.in_order(draw, choice):
            if prize.code == result.prize:
                break
            if prize.code not in skipped:
                yield f"gives {result.prize} though nothing was wrong with {prize.code}"
                return
            _, why, had, most = skipped[prize.code]
            if why == OUT_OF_STOCK:
                self.slots.missing(result, prize, taken=had, there=most)
            elif why == HAS_ENOUGH and not player.won[prize.code] == had >= (prize.per_person or 0):
                yield f"says they had {had} of {prize.code}, they had {player.won[prize.code]}"
            elif why == OVER_BUDGET and had >= most:
                yield f"says the budget had not enough for {prize.code}"
            elif why not in (OUT_OF_STOCK, HAS_ENOUGH, OVER_BUDGET):
                yield f"says nothing sensible of {prize.code}"
        else:
            yield f"gives {result.prize}, which {choice.prize.code} never becomes"
            return
        given = draw.prize(result.prize)
        if given.is_blank != (result.slot is None):
            yield f"has the slot {result.slot} of {result.prize}"
        if result.slot is not None:
            player.won[result.prize] += 1
            self.slots.taken(result, given)

    def _digests(self) -> None:
        """What was revealed of a day still is all of it."""
        for day in self.public.values():
            if day.seed is None:
                continue
            self.found.revealed += 1
            results, digest = sql.one(self.tx, DIGEST, {"code": self.code, "day": day.day})
            if results != day.results:
                self._say(f"day {day.day}", f"has {results} results, {day.results} were published")
            elif digest != day.digest:
                self._say(f"day {day.day}", "its results do not have the digest that was published")

    def _money(self) -> None:
        """Each price was paid by the transfer that it names, each prize has its delivery."""
        unpaid = sql.rows(
            self.tx,
            "SELECT r.id FROM draw_results r WHERE r.draw_code = %(code)s AND r.points > 0"
            " AND NOT EXISTS (SELECT 1 FROM points_transfers t JOIN points_legs l"
            "   ON l.serial = t.serial WHERE t.serial = r.serial"
            "   AND t.key = 'draw:' || r.subscriber_id || ':' || r.key"
            "   GROUP BY t.serial HAVING sum(l.points) = r.points) ORDER BY r.id",
            {"code": self.code},
        )
        for (result_id,) in unpaid:
            self._say(f"result {result_id}", "was not paid for as it says")
        strays = sql.rows(
            self.tx,
            "SELECT coalesce(r.id, w.result_id), r.id IS NULL FROM (SELECT * FROM draw_results"
            "   WHERE draw_code = %(code)s AND slot IS NOT NULL) r FULL JOIN (SELECT *"
            "   FROM draw_deliveries WHERE draw_code = %(code)s) w"
            " ON w.subscriber_id = r.subscriber_id AND w.result_id = r.id"
            " AND w.prize_code = r.prize WHERE r.id IS NULL OR w.result_id IS NULL ORDER BY 1",
            {"code": self.code},
        )
        for result_id, unwon in strays:
            what = "has a prize that it did not win" if unwon else "has won what nobody delivers"
            self._say(f"result {result_id}", what)


def _limits(draw: Draw, result: Result, player: _Player) -> Iterator[str]:
    player.days[result.day] += 1
    limits = draw.limits
    if limits.person_day is not None and player.days[result.day] > limits.person_day:
        yield f"is one more than {limits.person_day} a day"
    if limits.person is not None and result.nonce > limits.person:
        yield f"is one more than {limits.person} a person"
    price = draw.price_points if result.chance == tables.PAID else 0
    if result.points != price:
        yield f"cost {result.points} points, not {price}"

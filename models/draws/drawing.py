"""One draw, one transaction: the chance, the price, the prize and the result, or nothing.

    look ─▶ may they? ─▶ price ─▶ number ─▶ blank ──────────────────────────▶ result
                                    └─▶ a prize, if there is one ─▶ given ─▶ stock ─▶ result

Most draws win nothing, and touch no row that anybody else touches. A winner takes the stock's row,
which others may want, as the last thing before the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from models import points, sql
from models.base import RunAgain, Tx
from models.draws import choosing, fairness, giving, people, publishing, results, tables
from models.draws.choosing import Choice
from models.draws.definition import Prize
from models.draws.giving import Given, Giving
from models.draws.people import NotDrawn, Standing
from models.draws.results import FIELDS, Result, Won
from models.draws.seeds import Seeds
from models.operators.vault import Unsealable
from models.points import Cause, NotEnough, day_of
from models.subscribers import Subscriber

# Why a prize that was drawn is not given.
OUT_OF_STOCK, HAS_ENOUGH, OVER_BUDGET = "stock", "person", "budget"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A result with its prize, and what became of it; `won` is None for a blank."""

    result: Result
    prize: Prize
    won: Won | None


class DrewMeanwhile(RunAgain):
    """The same person has drawn between our look and our write: run it from its beginning."""


class _Lost(Exception):
    """Somebody else has taken the last one."""


def draw(
    tx: Tx, who: Subscriber, code: str, *, key: str, channel: str, seeds: Seeds, now: datetime,
    at_most: int,
) -> Drawn:  # fmt: skip
    """Draw once, for `at_most` points; the caller holds the person.

    The same key returns the first result again. Raises NotDrawn, which leaves nothing behind.
    """
    before = results.keyed(tx, who, key)
    if before is not None:
        return drawn(tx, who, before)
    standing = people.look(tx, who, code, now)
    people.check(tx, standing, who, now)
    if standing.price > at_most:
        raise NotDrawn("price", price=standing.price)
    turn = _Turn(tx, who, standing, key, channel, seed_of(standing, seeds, now), now)
    return turn.take()


def drawn(tx: Tx, who: Subscriber, result: Result) -> Drawn:
    """A result that is there already, with its prize as it is now."""
    known_as: str = sql.value(
        tx,
        "SELECT hash FROM draw_versions WHERE draw_code = %(code)s AND version = %(version)s",
        {"code": result.draw_code, "version": result.version},
    )
    terms = publishing.terms(tx, result.draw_code, result.version, known_as)
    return Drawn(result, terms.prize(result.prize), results.won(tx, who, result.id))


def seed_of(standing: Standing, seeds: Seeds, now: datetime) -> str:
    """Today's seed. Raises NotDrawn("not_ready") where there is none that we can open."""
    if standing.sealed is None:
        raise NotDrawn("not_ready")
    try:
        return seeds.open(standing.draw.code, day_of(now), standing.sealed)
    except (LookupError, Unsealable):
        raise NotDrawn("not_ready") from None


@dataclass(slots=True)
class _Turn:
    tx: Tx
    who: Subscriber
    standing: Standing
    key: str
    channel: str
    seed: str
    now: datetime

    def take(self) -> Drawn:
        paid = self._pay()
        at, terms = self.standing, self.standing.draw
        player, nonce = at.player or fairness.new_player(), at.nonce + 1
        number = fairness.number(self.seed, draw=terms.code, player=player, nonce=nonce)
        choice = choosing.choose(terms, number=number, blanks=at.blanks)
        facts: dict[str, Any] = {
            "subscriber_id": self.who.id, "draw_code": terms.code, "key": self.key,
            "channel": self.channel, "day": day_of(self.now), "at": self.now, "player": player,
            "nonce": nonce, "version": at.version, "blanks": at.blanks, "number": number,
            "wanted": choice.prize.code, "by": choice.by, "chance": at.chance, "points": at.price,
            "serial": paid,
        }  # fmt: skip
        return self._give(choice, facts)

    def _pay(self) -> int | None:
        """Take the price; the chance itself is counted with the result."""
        price = self.standing.price
        if not price:
            return None
        code = self.standing.draw.code
        try:
            paid = points.spend(
                self.tx, self.who, points=price, into=publishing.pays_into(code), now=self.now,
                cause=Cause(f"draw:{self.who.id}:{self.key}", "draw", self.channel, code),
            )  # fmt: skip
        except NotEnough as short:
            raise NotDrawn("points", have=short.have, price=price) from None
        return paid.serial

    def _give(self, choice: Choice, facts: dict[str, Any]) -> Drawn:
        """The first prize of the choice that is there; why the others were not goes along."""
        seen: list[list[Any]] = []
        for prize in choosing.in_order(self.standing.draw, choice):
            if prize.is_blank and prize.stock is None:
                return self._keep(prize, facts | {"prize": prize.code, "slot": None, "seen": seen})
            missing = self._missing(prize)
            if missing is not None:
                seen.append(missing)
                continue
            sql.run(self.tx, "SAVEPOINT prize")  # what was given goes with a stock that was lost
            try:
                return self._win(prize, facts | {"prize": prize.code, "seen": [*seen]})
            except _Lost:
                sql.run(self.tx, "ROLLBACK TO prize")
                seen.append(self._missing(prize) or [prize.code, OUT_OF_STOCK, 0, 0])
            except NotEnough as short:  # the ledger refuses what the check has let pass
                sql.run(self.tx, "ROLLBACK TO prize")
                seen.append([prize.code, OVER_BUDGET, short.have, prize.points or prize.coins or 0])
        raise AssertionError("a draw has a blank without stock")

    def _missing(self, prize: Prize) -> list[Any] | None:
        """Why this prize is not there for this person, without waiting for anybody."""
        taken, there, mine = sql.one(
            self.tx,
            "SELECT taken, least(total, %(released)s) + returned, (SELECT count(*)"
            "   FROM draw_results r WHERE r.subscriber_id = %(id)s AND r.draw_code = s.draw_code"
            "   AND r.prize = s.prize_code AND r.slot IS NOT NULL)"
            " FROM draw_stock s WHERE draw_code = %(code)s AND prize_code = %(prize)s",
            self._of(prize),
        )
        if prize.per_person is not None and mine >= prize.per_person:
            return [prize.code, HAS_ENOUGH, mine, prize.per_person]
        return [prize.code, OUT_OF_STOCK, taken, there] if taken >= there else None

    def _win(self, prize: Prize, facts: dict[str, Any]) -> Drawn:
        result_id = sql.value(self.tx, "SELECT nextval('draw_results_id_seq')")
        given = giving.give(
            self.tx,
            Giving(self.who, self.standing.draw.code, prize, result_id, self.channel, self.now),
        )
        slot = sql.maybe_value(
            self.tx,
            "UPDATE draw_stock SET taken = taken + 1"
            " WHERE draw_code = %(code)s AND prize_code = %(prize)s"
            " AND taken < least(total, %(released)s) + returned RETURNING taken",
            self._of(prize),
        )
        if slot is None:
            raise _Lost
        return self._keep(prize, facts | {"id": result_id, "slot": slot}, given)

    def _of(self, prize: Prize) -> dict[str, Any]:
        terms = self.standing.draw
        return {
            "code": terms.code, "prize": prize.code, "id": self.who.id,
            "released": choosing.released(terms, prize, self.now),
        }  # fmt: skip

    def _keep(self, prize: Prize, facts: dict[str, Any], given: Given | None = None) -> Drawn:
        """Count the draw for the person, and write result and delivery: one statement."""
        facts = {"id": 0, **facts}
        unsealed = Result(**facts, seal=b"")
        values = facts | {"seal": unsealed.sealed(self.seed), "seen": Jsonb(facts["seen"])}
        values |= self._counts(prize)
        named = [name for name in FIELDS if name != "id" or facts["id"]]
        kept = (
            f"{_COUNTED}, r AS (INSERT INTO draw_results ({', '.join(_quoted(named))})"
            f" SELECT {', '.join(f'%({name})s' for name in named)} FROM counted RETURNING id)"
        )
        if given is None:
            found = sql.maybe_value(self.tx, f"{kept} SELECT id FROM r", values)
        else:
            delivered = f"{kept} {giving.DELIVERED} SELECT id FROM r"
            found = sql.maybe_value(self.tx, delivered, values | given.values(prize))
        if found is None:
            raise DrewMeanwhile("the person has drawn meanwhile")
        result = Result(**(facts | {"id": found}), seal=values["seal"])
        won = given.won(self.who.id, found, result, prize) if given else None
        return Drawn(result, prize, won)

    def _counts(self, prize: Prize) -> dict[str, Any]:
        at, limits = self.standing, self.standing.draw.limits
        return {
            "before": at.nonce, "most": limits.person, "day_most": limits.person_day,
            "blanks_now": at.blanks + 1 if prize.is_blank else 0,
            "free": int(at.chance == tables.FREE), "earned": int(at.chance == tables.EARNED),
        }  # fmt: skip


# The nonce counts the person's results: who drew meanwhile has raised it, and nothing is written.
# Nor where the person got another name meanwhile, with their first chances.
_COUNTED = """
    WITH counted AS (
        INSERT INTO draw_people AS p (subscriber_id, draw_code, player, nonce, blanks, draws,
            at_most, day, day_draws, day_at_most, day_free)
        SELECT %(subscriber_id)s, %(draw_code)s, %(player)s, 1, %(blanks_now)s, 1, %(most)s,
            %(day)s, 1, %(day_most)s, %(free)s
        ON CONFLICT (subscriber_id, draw_code) DO UPDATE SET
            nonce = p.nonce + 1, blanks = %(blanks_now)s, draws = p.draws + 1, at_most = %(most)s,
            day = %(day)s, day_at_most = %(day_most)s,
            day_draws = CASE WHEN p.day = %(day)s THEN p.day_draws ELSE 0 END + 1,
            day_free = CASE WHEN p.day = %(day)s THEN p.day_free ELSE 0 END + %(free)s,
            chances = p.chances - %(earned)s
        WHERE p.nonce = %(before)s AND p.player = %(player)s RETURNING p.nonce
    )
"""


def _quoted(names: list[str]) -> list[str]:
    return [f'"{name}"' for name in names]

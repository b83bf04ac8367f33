"""What must hold after people have drawn through the doors, whatever was killed meanwhile.

settle()   waits until nothing is owed to anybody
Proof      results against stock, limits, price, messages, deliveries and the other side's orders
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models import points, sql
from models.draws import publishing
from models.draws.definition import Draw
from models.store import Store

BUSY, SERIAL = "系统正忙", "流水号CJ"
_SERIAL = re.compile(f"{SERIAL}([0-9]+)")


def settle(store: Store, within_s: float) -> None:
    """Wait until no message and no call is owed and every prize has arrived."""
    deadline = time.monotonic() + within_s
    while True:
        with store.reading() as tx:
            found = sql.one(
                tx,
                "SELECT (SELECT count(*) FROM outbox WHERE state IN ('owed', 'taken', 'accepted')),"
                " (SELECT count(*) FROM draw_deliveries WHERE state = 'calling')",
            )
        if found == (0, 0):
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"still owed, still called for: {found}")
        time.sleep(0.2)


@dataclass(slots=True)
class Proof:
    """`answers`: of each message that was sent, by its key; `orders`: as BOSS has them."""

    store: Store
    terms: Draw
    people: int
    each: int
    answers: Mapping[str, str]
    orders: Sequence[Mapping[str, Any]]

    def hold(self) -> None:
        """Raises AssertionError where anything is not exact."""
        self._counts()
        self._messages()
        self._deliveries()

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.store.reading() as tx:
            return [tuple(row) for row in sql.rows(tx, query, {"code": self.terms.code})]

    def _counts(self) -> None:
        (found,) = self._rows(
            "SELECT count(*), count(DISTINCT key), count(*) FILTER (WHERE chance = 'free'),"
            " sum(points) FROM draw_results WHERE draw_code = %(code)s"
        )
        paid = self.people * (self.each - self.terms.free_a_day)
        draws, price = self.people * self.each, self.terms.price_points
        assert found == (draws, draws, self.people * self.terms.free_a_day, paid * price), found
        people = self._rows(
            "SELECT min(draws), max(draws), max(day_draws), count(*) FROM draw_people"
            " WHERE draw_code = %(code)s"
        )
        assert people == [(self.each, self.each, self.each, self.people)], people
        with self.store.reading() as tx:
            taken_in = points.house_balance(tx, publishing.pays_into(self.terms.code))
        assert taken_in == paid * price, taken_in
        stock = self._rows(
            "SELECT s.prize_code, s.total, s.taken, count(r.slot), count(DISTINCT r.slot),"
            " max(r.slot), (SELECT count(*) FROM draw_results w WHERE w.draw_code = s.draw_code"
            "   AND w.wanted = s.prize_code)"
            " FROM draw_stock s LEFT JOIN draw_results r ON r.draw_code = s.draw_code"
            " AND r.prize = s.prize_code AND r.slot IS NOT NULL WHERE s.draw_code = %(code)s"
            " GROUP BY s.draw_code, s.prize_code, s.total, s.taken"
        )
        for prize, total, taken, slots, different, last, wanted in stock:
            given = min(total, wanted)
            _say(f"{prize}: {taken} of {total} given, drawn {wanted} times")
            assert (taken, slots, different, last) == (given, given, given, given or None), stock

    def _messages(self) -> None:
        """Each message is at most one draw, and who was told of one was told of that one."""
        results = dict(self._rows("SELECT key, id FROM draw_results WHERE draw_code = %(code)s"))
        told = {key: found[1] for key, said in self.answers.items()
                if (found := _SERIAL.search(said))}  # fmt: skip
        untold = {key: self.answers.get(key) for key in results.keys() - told.keys()}
        _say(f"{len(results)} results, {len(told)} told at once, {len(untold)} of messages that"
             " nobody answered")  # fmt: skip
        assert told.items() <= {key: str(number) for key, number in results.items()}.items()
        # Whoever was told that the system is busy was told that nothing was done, too.
        assert all(said == "" for said in untold.values()), list(untold.items())[:9]

    def _deliveries(self) -> None:
        won = self._rows(
            "SELECT r.prize, w.kind, w.state, count(*), count(w.serial), count(w.owed_id)"
            " FROM draw_results r FULL JOIN draw_deliveries w ON w.subscriber_id = r.subscriber_id"
            " AND w.result_id = r.id WHERE r.slot IS NOT NULL OR w.result_id IS NOT NULL"
            " GROUP BY 1, 2, 3"
        )
        _say(f"deliveries: {won}")
        calls = 0
        for prize, kind, state, count, serials, owed in won:
            assert (kind, state) == (self.terms.prize(prize).kind, "given"), won
            assert (serials if kind == "points" else owed) == count, won
            calls += count if kind == "data" else 0
        opened = [order for order in self.orders if order["state"] == "opened"]
        assert len(opened) == len(self.orders) == calls, (len(opened), len(self.orders), calls)
        said = self._rows("SELECT kind, state, count(*) FROM outbox GROUP BY 1, 2 ORDER BY 1, 2")
        _say(f"outbox: {said}")
        assert not [each for each in said if each[1] in ("failed", "dead", "dropped")], said
        assert sum(count for kind, _, count in said if kind != "call") == calls, said


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

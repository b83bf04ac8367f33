"""Coins: points into coins and back, at a rate that is said first.

换币 3 ──▶ 300 points for 3 coins, sure? ──▶ done      换积分 3 ──▶ 3 coins for 300 points, sure?
"""

from __future__ import annotations

from dialogs import amounts
from dialogs.dialog import Dialog, Move, Talk
from models import points
from models.points import COINS, POINTS, Cause, NotEnough, exchange
from models.points.lots import HouseShort
from sms.replies import Reply

BUY, SELL = "buy", "sell"
TRIES = 3


class Coins(Dialog):
    takes = frozenset({"way", "coins"})

    def opened(self, talk: Talk) -> Move:
        if talk.subscriber.msisdn is None:
            talk.say("coins.bind_first")
            return talk.end(then=("bind_phone", {"then": self.name()}))
        if talk.notes.get("way") not in (BUY, SELL):
            return talk.ask(
                "coins.which", again="coins.which_again", expects="number", then=self.way_given,
                have=_has(talk, POINTS), coins=_has(talk, COINS), rate=talk.rules.points_per_coin,
            )  # fmt: skip
        typed = str(talk.notes.pop("coins", ""))
        if typed.isdecimal() and int(typed):
            return self._confirm(talk, int(typed))
        return self._how_many(talk)

    def way_given(self, talk: Talk, reply: Reply) -> Move:
        if reply.number not in (1, 2):
            return talk.end("coins.declined", ended_as="declined")
        talk.notes["way"] = BUY if reply.number == 1 else SELL
        return self._how_many(talk)

    def number_given(self, talk: Talk, reply: Reply) -> Move:
        n = amounts.read(reply)
        if reply.is_no or n == 0:
            return talk.end("coins.declined", ended_as="declined")
        if n is None:
            if _once_too_often(talk):
                return talk.end("coins.declined", ended_as="failed")
            return talk.ask(
                "coins.how_many_again", expects="text", then=self.number_given, most=_most(talk)
            )
        talk.notes["by_digits"] = True
        return self._confirm(talk, n)

    def agreed(self, talk: Talk, reply: Reply) -> Move:
        if not reply.is_yes:
            return talk.end("coins.declined", ended_as="declined")
        n, rate = talk.notes["n"], talk.rules.points_per_coin
        if "by_digits" in talk.notes and reply.number is not None:
            return self._confirm(talk, n)  # perhaps the number of coins, sent twice: no clear yes
        if talk.notes["rate"] != rate:
            talk.say("coins.rate_changed", rate=rate)
            return self._confirm(talk, n)
        buys = talk.notes["way"] == BUY
        act = exchange.buy_coins if buys else exchange.sell_coins
        try:
            made = act(
                talk.tx, talk.subscriber, coins=n, points_per_coin=rate, now=talk.now,
                cause=Cause(f"coins:{talk.origin}", "exchange", talk.channel, talk.origin),
            )  # fmt: skip
        except NotEnough:  # spent elsewhere meanwhile
            return self._confirm(talk, n)
        except HouseShort:  # the rate was raised: more would come out than ever went in
            return talk.end("coins.not_now", ended_as="failed")
        return talk.end(
            "coins.bought" if buys else "coins.sold", n=n, points=n * rate,
            serial=made.serial, have=_has(talk, POINTS), coins=_has(talk, COINS),
        )  # fmt: skip

    def _how_many(self, talk: Talk) -> Move:
        most, rate = _most(talk), talk.rules.points_per_coin
        if not most:
            return self._too_few(talk)
        if talk.notes["way"] == BUY:
            return talk.ask(
                "coins.buy_how_many", expects="text", then=self.number_given,
                have=_has(talk, POINTS), rate=rate, most=most,
            )  # fmt: skip
        return talk.ask(
            "coins.sell_how_many", expects="text", then=self.number_given, rate=rate, most=most,
        )  # fmt: skip

    def _confirm(self, talk: Talk, n: int) -> Move:
        """Ask whether this is meant, or for another number where it is too much."""
        most, rate = _most(talk), talk.rules.points_per_coin
        if not most:
            return self._too_few(talk)
        if n > most:
            if _once_too_often(talk):
                return talk.end("coins.declined", ended_as="failed")
            return talk.ask(
                "coins.too_many", expects="text", then=self.number_given, most=most
            )  # fmt: skip
        talk.notes |= {"n": n, "rate": rate}
        buys = talk.notes["way"] == BUY
        return talk.ask(
            "coins.buy_agree" if buys else "coins.sell_agree", n=n, points=n * rate,
            again="coins.buy_agree" if buys else "coins.sell_agree", rate=rate, then=self.agreed,
        )  # fmt: skip

    def _too_few(self, talk: Talk) -> Move:
        if talk.notes["way"] == BUY:
            return talk.end(
                "coins.too_few_points", ended_as="failed", have=_has(talk, POINTS),
                rate=talk.rules.points_per_coin,
            )  # fmt: skip
        return talk.end("coins.no_coins", ended_as="failed")


def _once_too_often(talk: Talk) -> bool:
    talk.notes["tries"] = talk.notes.get("tries", 0) + 1
    return bool(talk.notes["tries"] >= TRIES)


def _has(talk: Talk, unit: str) -> int:
    return points.balance(talk.tx, talk.subscriber, now=talk.now, expiring_days=1, unit=unit).usable


def _most(talk: Talk) -> int:
    """How many coins they can exchange, in the way they have chosen."""
    if talk.notes["way"] == BUY:
        return _has(talk, POINTS) // talk.rules.points_per_coin
    return _has(talk, COINS)

"""Draw: choose one, agree to its price if it has one, and read the result at once."""

from __future__ import annotations

from dialogs import draw_words
from dialogs.dialog import Dialog, Move, Talk
from models import points
from models.draws import drawing, people
from models.draws.people import NotDrawn, Standing
from sms.replies import Reply

# So many fit into two SMS segments, or on a screen.
SHOWN = {"sms": 3, "wechat": 8}


class Draw(Dialog):
    def opened(self, talk: Talk) -> Move:
        if talk.subscriber.msisdn is None:
            talk.say("draw.bind_first")
            return talk.end(then=("bind_phone", {"then": self.name(), **talk.notes}))
        if "draw" in talk.notes:
            return self._offer(talk, talk.notes["draw"])
        open_now = people.open_to(talk.tx, talk.subscriber, talk.now)[: SHOWN[talk.channel]]
        if not open_now:
            return talk.end("draw.none")
        if len(open_now) == 1:
            return self._offer(talk, open_now[0].draw.code)
        talk.notes["codes"] = [each.draw.code for each in open_now]
        listed = "；".join(
            f"{no} {each.draw.title}（{draw_words.cost(each)}）"
            for no, each in enumerate(open_now, start=1)
        )
        return talk.ask(
            "draw.choose", expects="number", again="draw.choose_again", draws=listed,
            then=self.chosen,
        )  # fmt: skip

    def chosen(self, talk: Talk, reply: Reply) -> Move:
        codes = talk.notes["codes"]
        if reply.number is None:
            return talk.end("draw.declined", ended_as="declined")
        if not 1 <= reply.number <= len(codes):
            return self.opened(talk)
        return self._offer(talk, codes[reply.number - 1])

    def agreed(self, talk: Talk, reply: Reply) -> Move:
        if not reply.is_yes:
            return talk.end("draw.declined", ended_as="declined")
        return self._draw(talk, talk.notes["agreed"], at_most=talk.notes["price"])

    def _offer(self, talk: Talk, code: str) -> Move:
        """Draw at once where it costs nothing; else ask whether it may cost what it costs."""
        try:
            standing = people.look(talk.tx, talk.subscriber, code, talk.now)
            people.check(talk.tx, standing, talk.subscriber, talk.now)
            have = self._have(talk, standing)
        except NotDrawn as refused:
            return _refused(talk, refused)
        if not standing.price:
            return self._draw(talk, code, at_most=0)
        talk.notes |= {"agreed": code, "price": standing.price}
        return talk.ask(
            "draw.agree", again="draw.agree_again", draw=standing.draw.title,
            price=standing.price, have=have, then=self.agreed,
        )  # fmt: skip

    def _have(self, talk: Talk, standing: Standing) -> int:
        """What the person can spend. Raises NotDrawn where it is less than the price."""
        has = points.balance(
            talk.tx, talk.subscriber, now=talk.now, expiring_days=talk.rules.expiring_days
        ).usable
        if has < standing.price:
            raise NotDrawn("points", have=has, price=standing.price)
        return has

    def _draw(self, talk: Talk, code: str, *, at_most: int) -> Move:
        try:
            drawn = drawing.draw(
                talk.tx, talk.subscriber, code, key=talk.origin, channel=talk.channel,
                seeds=talk.rules.seeds, now=talk.now, at_most=at_most,
            )  # fmt: skip
        except NotDrawn as refused:
            if refused.why == "price":  # it costs more than what was agreed to: ask again
                return self._offer(talk, code)
            return _refused(talk, refused)
        title = people.title(talk.tx, code)
        key, values, page = draw_words.outcome(drawn, title)
        return talk.end(key, page=page, **values)


class DrawThis(Dialog):
    """One draw by its code: of a menu entry, a word, or a code that hangs at an event."""

    requires = frozenset({"draw"})

    def opened(self, talk: Talk) -> Move:
        return talk.end(then=("draw", {"draw": talk.notes["draw"]}))


def _refused(talk: Talk, why: NotDrawn) -> Move:
    key, values = draw_words.not_drawn(why)
    return talk.end(key, ended_as="failed", **values)

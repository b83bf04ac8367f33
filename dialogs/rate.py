"""Rate what one has used: one to five, and for one or two the way to a complaint.

asked by the clock (workers/complaints_clock.py) ──1-5──▶ thanks
                                                 └──1-2──▶ what happened? ──▶ complain
"""

from __future__ import annotations

from dialogs.complain import declines
from dialogs.dialog import Dialog, Move, Talk
from dialogs.naming import shortened, store_name
from models import ratings
from models.vouchers import vouchers
from sms.replies import Reply


class Rate(Dialog):
    requires = frozenset({"owner", "voucher"})  # whose it was when it was used, and which
    by_menu = False

    def opened(self, talk: Talk) -> Move:
        used = _used(talk)
        return talk.ask(
            "rate.ask", title=used["title"], store=used["store"], expects="number",
            again="rate.again", then=self.stars_given,
        )  # fmt: skip

    def stars_given(self, talk: Talk, reply: Reply) -> Move:
        stars = reply.number
        if reply.is_no:
            return talk.end("rate.no_matter", ended_as="declined")
        if stars is None or not ratings.LEAST <= stars <= ratings.MOST:
            return talk.ask(
                "rate.again", expects="number", again="rate.again", then=self.stars_given
            )
        owner, voucher = int(talk.notes["owner"]), int(talk.notes["voucher"])
        kept = ratings.give(
            talk.tx, subscriber_id=owner, voucher_id=voucher, stars=stars, now=talk.now
        )
        if not kept:
            return talk.end("rate.late")
        if stars <= ratings.LOW:
            return talk.ask("rate.sorry", expects="text", then=self.words_given)
        return talk.end("rate.thanks", store=_used(talk)["store"])

    def words_given(self, talk: Talk, reply: Reply) -> Move:
        if declines(reply):
            return talk.end("rate.noted")
        if reply.is_yes or not reply.normal:
            return talk.ask("rate.sorry_how", expects="text", then=self.words_given)
        owner, voucher = int(talk.notes["owner"]), int(talk.notes["voucher"])
        ratings.say(talk.tx, subscriber_id=owner, voucher_id=voucher, words=reply.text)
        used = vouchers.get(talk.tx, subscriber_id=owner, voucher_id=voucher)
        then = ("complain", {"serial": str(used.serial), "words": reply.text})
        return talk.end(then=then)


def _used(talk: Talk) -> dict[str, str]:
    """What was used, and where."""
    owner, voucher = int(talk.notes["owner"]), int(talk.notes["voucher"])
    used = vouchers.get(talk.tx, subscriber_id=owner, voucher_id=voucher)
    rating = ratings.get(talk.tx, subscriber_id=owner, voucher_id=voucher)
    where = store_name(talk.tx, rating.merchant_code, rating.store_no) if rating else ""
    return {"title": shortened(used.title), "store": shortened(where)}

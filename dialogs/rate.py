"""Rate what one has used or come to: one to five, by a tap or a digit.

asked by the clock ──1-5──▶ thanks
                   └──1-2──▶ what happened? ──▶ complain, of a voucher; feedback, of an activity
"""

from __future__ import annotations

from typing import TypeGuard

from dialogs.complain import declines
from dialogs.dialog import Dialog, Move, Talk
from dialogs.feedback import answer_day, keep
from dialogs.naming import shortened, store_name
from models import activity_ratings, feedback, ratings
from models.vouchers import vouchers
from sms.replies import Reply

# The best first: what WeChat shows to be tapped.
CHOICES = (("5", "5 很满意"), ("4", "4 满意"), ("3", "3 一般"), ("2", "2 不满意"),
           ("1", "1 很不满意"))  # fmt: skip


class Rate(Dialog):
    requires = frozenset({"owner", "voucher"})  # whose it was when it was used, and which
    by_menu = False

    def opened(self, talk: Talk) -> Move:
        used = _used(talk)
        return talk.ask(
            "rate.ask", title=used["title"], store=used["store"], expects="number",
            again="rate.again", then=self.stars_given, taps=CHOICES,
        )  # fmt: skip

    def stars_given(self, talk: Talk, reply: Reply) -> Move:
        stars = reply.number
        if reply.is_no:
            return talk.end("rate.no_matter", ended_as="declined")
        if not _fits(stars):
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


class RateActivity(Dialog):
    """The same after an activity of a club; nobody is complained of, so words become feedback."""

    requires = frozenset({"owner", "activity"})  # who came, and to which
    by_menu = False

    def opened(self, talk: Talk) -> Move:
        return talk.ask(
            "rate.ask_activity", title=shortened(_came_to(talk)), expects="number",
            again="rate.again", then=self.stars_given, taps=CHOICES,
        )  # fmt: skip

    def stars_given(self, talk: Talk, reply: Reply) -> Move:
        stars = reply.number
        if reply.is_no:
            return talk.end("rate.no_matter", ended_as="declined")
        if not _fits(stars):
            return talk.ask(
                "rate.again", expects="number", again="rate.again", then=self.stars_given
            )
        owner, activity = int(talk.notes["owner"]), int(talk.notes["activity"])
        kept = activity_ratings.give(
            talk.tx, subscriber_id=owner, activity=activity, stars=stars, now=talk.now
        )
        if not kept:
            return talk.end("rate.late_activity")
        if stars <= ratings.LOW:
            return talk.ask("rate.sorry_activity", expects="text", then=self.words_given)
        return talk.end("rate.thanks_activity", title=shortened(_came_to(talk)))

    def words_given(self, talk: Talk, reply: Reply) -> Move:
        if reply.is_no or reply.is_yes or not reply.normal:
            return talk.end("rate.noted")
        owner, activity = int(talk.notes["owner"]), int(talk.notes["activity"])
        activity_ratings.say(talk.tx, subscriber_id=owner, activity=activity, words=reply.text)
        made = keep(talk, "club", f"{_came_to(talk)}：{reply.text}")
        if made is None:
            return talk.end("rate.noted")
        return talk.end(
            "feedback.done", number=feedback.name(made.number), day=answer_day(made.deadline)
        )


def _fits(stars: int | None) -> TypeGuard[int]:
    return stars is not None and ratings.LEAST <= stars <= ratings.MOST


def _came_to(talk: Talk) -> str:
    """What the activity was called."""
    owner, activity = int(talk.notes["owner"]), int(talk.notes["activity"])
    found = activity_ratings.get(talk.tx, subscriber_id=owner, activity=activity)
    return found.title if found else ""


def _used(talk: Talk) -> dict[str, str]:
    """What was used, and where."""
    owner, voucher = int(talk.notes["owner"]), int(talk.notes["voucher"])
    used = vouchers.get(talk.tx, subscriber_id=owner, voucher_id=voucher)
    rating = ratings.get(talk.tx, subscriber_id=owner, voucher_id=voucher)
    where = store_name(talk.tx, rating.merchant_code, rating.store_no) if rating else ""
    return {"title": shortened(used.title), "store": shortened(where)}

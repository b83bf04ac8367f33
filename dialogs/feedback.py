"""Feedback: what it is about, in one's own words, and in WeChat a picture or three.

反馈 ──▶ about what? ──▶ what? ──▶ models/feedback.py ──(in WeChat)──▶ a picture? ──▶ ... ──▶ 完
FK20001 ──▶ how far it is        words are kept as soon as they are said; pictures follow them
"""

from __future__ import annotations

from datetime import datetime

from dialogs import pages
from dialogs.balance import month_and_day
from dialogs.dialog import Dialog, Move, Talk
from models import feedback, feedback_pictures, subscribers
from models.feedback import CATEGORIES
from models.feedback import Feedback as Kept
from models.points import SHANGHAI
from sms.replies import Reply

LISTED = 3
# Of an answer: in the news of it, and where it is asked for. All of it stands on the page.
ANSWER_CHARS = 60
WHOLE_CHARS = {"sms": 100, "wechat": 600}
# In the order of CATEGORIES: what is said in a list, and shown to be tapped.
ABOUT = ("积分", "俱乐部和活动", "商户", "短信和微信", "提建议", "其他")
CHOICES = tuple((str(no), f"{no} {words}") for no, words in enumerate(ABOUT, start=1))
_READY = frozenset(
    {"完", "完了", "好了", "没有", "没有了", "没了", "没图", "没有图片", "不用", "发完了", "就这些"}
)  # fmt: skip
STATES = {"received": "已收到", "handling": "正在办理", "answered": "已答复"}


class Feedback(Dialog):
    takes = frozenset({"number"})  # FK20001

    def opened(self, talk: Talk) -> Move:
        given = str(talk.notes.pop("number", ""))
        people = subscribers.family(talk.tx, talk.subscriber.id)
        if given:
            return _state(talk, people, int(given))
        if feedback.kept_today(talk.tx, people, talk.now) >= talk.rules.hearing.a_day:
            return talk.end("feedback.too_many", ended_as="failed")
        return talk.ask(
            "feedback.ask_about", expects="picture", taps=CHOICES, then=self.category_given
        )

    def category_given(self, talk: Talk, reply: Reply) -> Move:
        if reply.number is not None and 1 <= reply.number <= len(CATEGORIES):
            talk.notes["category"] = CATEGORIES[reply.number - 1]
            return talk.ask("feedback.ask_words", expects="picture", then=self.words_given)
        if reply.number is not None and reply.number > 0:
            return talk.ask(
                "feedback.ask_about", expects="picture", taps=CHOICES, then=self.category_given
            )
        return self.words_given(talk, reply)

    def words_given(self, talk: Talk, reply: Reply) -> Move:
        if reply.is_no:
            return talk.end("feedback.cancelled", ended_as="declined")
        if reply.picture:  # before a word: kept in mind until there is one
            seen = [*talk.notes.get("pictures", []), reply.picture]
            talk.notes["pictures"] = seen[-feedback_pictures.MOST :]
            return talk.ask("feedback.picture_first", expects="picture", then=self.words_given)
        if reply.is_yes or not reply.normal:
            return talk.ask("feedback.ask_words", expects="picture", then=self.words_given)
        return self._keep(talk, reply.text)

    def picture_given(self, talk: Talk, reply: Reply) -> Move:
        number = int(talk.notes["number"])
        name, day = feedback.name(number), answer_day(feedback.get(talk.tx, number).deadline)
        if reply.picture:
            no = want(talk, number, reply.picture)
            if no is None or no >= feedback_pictures.MOST:
                return talk.end("feedback.pictures_enough", number=name, day=day)
            return talk.ask(
                "feedback.picture_more", count=no, expects="picture", then=self.picture_given,
                late=self.lapsed,
            )  # fmt: skip
        if reply.is_no or reply.is_yes or not reply.normal or reply.normal in _READY:
            return talk.end("feedback.done", number=name, day=day)
        feedback.add(talk.tx, number, words=reply.text.strip()[: feedback.WORDS_MAX], now=talk.now)
        return talk.ask(
            "feedback.added", expects="picture", then=self.picture_given, late=self.lapsed
        )

    def lapsed(self, talk: Talk) -> Move:
        """Nobody sent a picture: the words are kept, and there is nothing more to say."""
        return talk.end()

    def _keep(self, talk: Talk, words: str) -> Move:
        made = keep(talk, str(talk.notes.get("category", "other")), words)
        if made is None:
            return talk.end("feedback.too_many", ended_as="failed")
        name, day = feedback.name(made.number), answer_day(made.deadline)
        talk.notes["number"] = made.number
        for media_id in talk.notes.pop("pictures", []):
            want(talk, made.number, media_id)
        if talk.channel == "sms":
            return talk.end("feedback.done", number=name, day=day)
        return talk.ask(
            "feedback.ask_picture", number=name, day=day, expects="picture",
            then=self.picture_given, late=self.lapsed,
        )  # fmt: skip


class MyFeedback(Dialog):
    """What became of it: the latest, and the page with all of it."""

    reads_only = True

    def opened(self, talk: Talk) -> Move:
        people = subscribers.family(talk.tx, talk.subscriber.id)
        found = feedback.of(talk.tx, people, LISTED)
        if not found:
            return talk.end("feedback.none")
        lines = [f"{feedback.name(one.number)} {_when(one)}{STATES[one.state]}" for one in found]
        return talk.end("feedback.list", page=pages.FEEDBACK, feedback="\n".join(lines))


def keep(talk: Talk, category: str, words: str) -> Kept | None:
    """Keep what somebody says here; None where they have said very much today."""
    people = subscribers.family(talk.tx, talk.subscriber.id)
    if feedback.kept_today(talk.tx, people, talk.now) >= talk.rules.hearing.a_day:
        return None
    return feedback.keep(
        talk.tx, person=talk.subscriber.id, category=category,
        words=words.strip()[: feedback.WORDS_MAX], channel=talk.channel,
        lasts=talk.rules.hearing.lasts, now=talk.now,
    )  # fmt: skip


def want(talk: Talk, number: int, media_id: str) -> int | None:
    """Have a picture fetched from WeChat; which one it is, or None: there are enough."""
    no = feedback_pictures.want(talk.tx, number, media_id, talk.now)
    if no is not None:
        talk.also("wechat.picture", feedback=number, no=no, media_id=media_id)
    return no


def _state(talk: Talk, people: list[int], number: int) -> Move:
    found = feedback.one_of(talk.tx, people, number) if number < 10**15 else None
    if found is None:
        return talk.end("feedback.not_yours")
    name = feedback.name(number)
    if found.state == feedback.ANSWERED:
        said = [one.words for one in feedback.events_of(talk.tx, number) if one.what == "answered"]
        return talk.end(
            "feedback.is_answered",
            number=name,
            whole=short(said[-1] or "", WHOLE_CHARS[talk.channel]),
        )
    return talk.end(
        "feedback.is_received" if found.state == feedback.RECEIVED else "feedback.is_handling",
        number=name, day=answer_day(found.deadline),
    )  # fmt: skip


def short(words: str, most: int = ANSWER_CHARS) -> str:
    """An answer as a message has room for it."""
    words = " ".join(words.split())
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _when(one: Kept) -> str:
    return month_and_day(one.opened_at.astimezone(SHANGHAI).date())


def answer_day(moment: datetime) -> str:
    """Until when an answer is promised, as a message says it."""
    return month_and_day(moment.astimezone(SHANGHAI).date())

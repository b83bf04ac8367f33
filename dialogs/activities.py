"""Activities: what there is, signing up or waiting for a place, one's own, and giving one up.

活动 ──▶ list ──picked──▶ one ──agreed──▶ a place
活动1001 ───────────────▶  └──agreed to wait──▶ a place in the queue

Lists show each activity's own number, which never changes; its place answers the list alone.
"""

from __future__ import annotations

from dialogs import activity_words, pages
from dialogs.dialog import Dialog, Move, Talk
from dialogs.redeem import MORE
from models.activities import joining, looking
from models.activities.joining import NotPossible
from models.activities.looking import Seen
from models.activities.planning import Activity
from models.activities.tables import CAME, FIRST_NUMBER, GOING, WAITING
from sms.replies import Reply

MOST_FOUND = 50


class Activities(Dialog):
    takes = frozenset({"activity", "club"})

    def opened(self, talk: Talk) -> Move:
        if "activity" in talk.notes:
            return self._one(talk, str(talk.notes["activity"]))
        return self._list(talk, skip=0)

    def picked(self, talk: Talk, reply: Reply) -> Move:
        if reply.normal in MORE:
            return self._list(talk, skip=talk.notes["skip"] + len(talk.notes["listed"]))
        if reply.is_no or reply.number == 0:
            return talk.end("activities.declined", ended_as="declined")
        if reply.number is None:
            return talk.ask(
                "activities.list_again", expects="text", then=self.picked,
                number=talk.notes["listed"][0],
            )  # fmt: skip
        talk.notes["picked"] = reply.number
        return self._one(talk, str(reply.number))

    def agreed(self, talk: Talk, reply: Reply) -> Move:
        return self._sign_up(talk, reply, wait=False)

    def agreed_to_wait(self, talk: Talk, reply: Reply) -> Move:
        return self._sign_up(talk, reply, wait=True)

    def _list(self, talk: Talk, *, skip: int) -> Move:
        """So many as go into two SMS, from the first or from further on."""
        everything = self._coming(talk)
        found = everything[skip:] or everything
        if not found:
            return talk.end("activities.none")
        if len(everything) == 1:
            return self._about(talk, found[0])
        lines = activity_words.listed(found, talk.channel)
        shown = [seen.activity.id for seen in found[: len(lines)]]
        talk.notes |= {"listed": shown, "skip": skip if everything[skip:] else 0}
        if len(everything) > len(lines) and talk.channel == "wechat":
            talk.say("activities.more", page=pages.ACTIVITIES, count=len(everything))
        more = len(found) > len(lines)
        return talk.ask(
            "activities.list_more" if more else "activities.list", again="activities.list_again",
            expects="text", then=self.picked, activities="\n".join(lines), number=shown[0],
        )  # fmt: skip

    def _coming(self, talk: Talk) -> list[Seen]:
        """Those of the club whose menu was tapped; all, where it has none."""
        for club in dict.fromkeys((talk.notes.get("club"), None)):
            found = looking.coming(talk.tx, talk.subscriber, talk.now, limit=MOST_FOUND, club=club)
            if found:
                return found
        return []

    def _one(self, talk: Talk, number: str) -> Move:
        """An activity by its own number; a place counts in the list that was just read alone,
        since lists change: without one it is shown."""
        listed = talk.notes.get("listed") or []
        wanted = int(number) if number.isdecimal() and len(number) < 18 else 0
        if 0 < wanted <= len(listed):
            wanted = listed[wanted - 1]
        elif 0 < wanted < FIRST_NUMBER and not listed:
            return self._list(talk, skip=0)
        seen = looking.one(talk.tx, talk.subscriber, wanted)
        if seen is None:
            return talk.end("activities.unknown", ended_as="failed")
        return self._about(talk, seen)

    def _about(self, talk: Talk, seen: Seen) -> Move:
        activity = seen.activity
        title, when, place = activity_words.facts(activity)
        if seen.state in (GOING, CAME):
            return talk.end(
                "activities.going", page=pages.activity(activity.id), title=title, when=when,
                place=place,
            )  # fmt: skip
        if seen.state == WAITING:
            return talk.end("activities.waiting", title=title, turn=seen.ahead + 1)
        try:
            joining.check(talk.tx, talk.subscriber, activity, talk.now)
        except NotPossible as why:
            return self._cannot(talk, why, activity)
        # What is agreed to is what was said: looked at again when the answer comes.
        talk.notes |= {"activity": str(activity.id), "agreed": _terms(activity)}
        if activity.free:
            return talk.ask(
                "activities.ask", again="activities.ask_again", then=self.agreed,
                title=title, when=when, place=place, left=activity.free,
            )  # fmt: skip
        if not joining.takes_waiting(activity, talk.now):
            return _refused(talk, NotPossible("queue_full"))
        return talk.ask(
            "activities.ask_wait", again="activities.ask_wait_again", then=self.agreed_to_wait,
            title=title, when=when, place=place, turn=activity.waiting + 1,
        )  # fmt: skip

    def _cannot(self, talk: Talk, why: NotPossible, activity: Activity) -> Move:
        """Lead whoever cannot yet to what they need first; say why to the others."""
        if why.why == "unbound":
            talk.say("activities.bind_first")
            then = {"then": self.name(), "activity": str(activity.id)}
            return talk.end(then=("bind_phone", then))
        if why.why == "members_only":
            talk.say("activities.join_first", club=why.facts["name"], number=activity.id)
            return talk.end(then=("join_club", {"club": why.facts["club"]}))
        return _refused(talk, why)

    def _sign_up(self, talk: Talk, reply: Reply, *, wait: bool) -> Move:
        if not reply.is_yes:
            return talk.end("activities.declined", ended_as="declined")
        number = int(talk.notes["activity"])
        seen = looking.one(talk.tx, talk.subscriber, number)
        # The digit that picked it may come twice: no clear yes.
        doubtful = bool(talk.notes.pop("listed", None)) and reply.number == _picked(talk)
        if seen is None:
            return talk.end("activities.unknown", ended_as="failed")
        if doubtful or talk.notes["agreed"] != _terms(seen.activity):
            return self._about(talk, seen)
        try:
            done = joining.sign_up(
                talk.tx, talk.subscriber, number, wait=wait, channel=talk.channel, now=talk.now
            )
        except NotPossible as why:
            if why.why == "full":  # since it was asked: whether to wait is another question
                return self._about(talk, seen)
            return _refused(talk, why)
        title, when, place = activity_words.facts(seen.activity)
        if done.state == WAITING:
            return talk.end("activities.queued", title=title, turn=done.ahead + 1)
        return talk.end(
            "activities.signed_up", page=pages.activity(number), title=title, when=when, place=place
        )


class MyActivities(Dialog):
    reads_only = True

    def opened(self, talk: Talk) -> Move:
        found = looking.mine(talk.tx, talk.subscriber, talk.now, limit=MOST_FOUND)
        if not found:
            return talk.end("activities.mine_none")
        lines = activity_words.listed(found, talk.channel, mine=True)
        return talk.end(
            "activities.mine", page=pages.MY_ACTIVITIES, activities="\n".join(lines)
        )  # fmt: skip


class CancelActivity(Dialog):
    """Give a place up, so that whoever waits can have it."""

    takes = frozenset({"activity"})

    def opened(self, talk: Talk) -> Move:
        found = _to_give_up(talk)
        if not found:
            return talk.end("activities.mine_none")
        given = str(talk.notes.pop("activity", ""))
        if len(found) == 1 and not given:
            return self._ask(talk, found, found[0].activity.id)
        if given.isdecimal() and int(given) >= FIRST_NUMBER:
            return self._ask(talk, found, int(given))
        lines = activity_words.listed(found, talk.channel, mine=True)
        talk.notes["listed"] = [seen.activity.id for seen in found[: len(lines)]]
        return talk.ask(
            "activities.cancel_which", again="activities.cancel_which_again", expects="number",
            then=self.picked, activities="\n".join(lines), number=talk.notes["listed"][0],
        )  # fmt: skip

    def picked(self, talk: Talk, reply: Reply) -> Move:
        if reply.number is None or reply.number == 0:
            return talk.end("activities.kept", ended_as="declined")
        talk.notes["picked"] = reply.number
        listed, number = talk.notes["listed"], reply.number
        wanted = listed[number - 1] if number <= len(listed) else number
        return self._ask(talk, _to_give_up(talk), wanted)

    def agreed(self, talk: Talk, reply: Reply) -> Move:
        if not reply.is_yes:
            return talk.end("activities.kept", ended_as="declined")
        number = int(talk.notes["activity"])
        if talk.notes.pop("listed", None) and reply.number == _picked(talk):
            return self._ask(talk, _to_give_up(talk), number)
        try:
            left = joining.give_up(talk.tx, talk.subscriber, number, now=talk.now)
        except NotPossible as why:
            return _refused(talk, why)
        return talk.end("activities.given_up", title=activity_words.title(left), number=number)

    def _ask(self, talk: Talk, found: list[Seen], number: int) -> Move:
        seen = next((one for one in found if one.activity.id == number), None)
        if seen is None:
            return talk.end("activities.not_signed_up", ended_as="failed")
        talk.notes["activity"] = str(number)
        title, when, _ = activity_words.facts(seen.activity)
        return talk.ask(
            "activities.cancel_ask", again="activities.cancel_ask", then=self.agreed,
            title=title, when=when,
        )  # fmt: skip


def _to_give_up(talk: Talk) -> list[Seen]:
    found = looking.mine(talk.tx, talk.subscriber, talk.now, limit=MOST_FOUND)
    return [
        seen
        for seen in found
        if seen.state in (GOING, WAITING) and seen.activity.starts_at > talk.now
    ]


def _picked(talk: Talk) -> int | None:
    """The number with which it was picked from a list."""
    found: int | None = talk.notes.pop("picked", 1)  # nothing: an older conversation
    return found


def _terms(activity: Activity) -> list[str]:
    return [activity.starts_at.isoformat(), activity.place]


def _refused(talk: Talk, why: NotPossible) -> Move:
    key, values = activity_words.not_possible(why)
    return talk.end(key, ended_as="failed", **values)

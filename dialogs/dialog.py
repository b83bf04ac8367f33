"""What a dialog is made of: steps that are told what happened and say what comes next.

A step gets `talk` and at most one thing that happened, and returns exactly one of
`talk.ask`, `talk.call` and `talk.end`. Its name is stored, so a deployed name is a promise
(shipped.txt).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from menus.menus import Menus
from models.base import Tx
from models.bind_codes import Limits
from models.draws.seeds import Seeds
from models.invitations.limits import Limits as Inviting
from models.offers.shelf import Shelf
from models.points.gifts import GiftLimits
from models.sending_policy import Policy
from models.subscribers import Subscriber

Via = Literal["here", "sms"]
Expects = Literal["yes_no", "number", "text", "picture"]  # picture: or words
Step = Callable[..., "Move"]


@dataclass(frozen=True, slots=True)
class Complaining:
    """Until when a complaint is answered, how many a day, and when somebody is asked to rate."""

    lasts: timedelta
    a_day: int
    ask_rating_after: timedelta


@dataclass(frozen=True, slots=True)
class HandingOver:
    """How long somebody stays with a person of ours without a word, and at whose desk."""

    lasts: timedelta
    by_wechat: bool


@dataclass(frozen=True, slots=True)
class Hearing:
    """Until when feedback is answered, and how much of it a day one person may leave."""

    lasts: timedelta
    a_day: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What dialogs go by: the configured limits, and the shelf of what points can get."""

    question: timedelta
    call: timedelta
    skew: timedelta
    binding: Limits
    expiring_days: int
    offers_shown: int
    shelf: Shelf
    grace_days: int  # of points that come back after their last day
    complaining: Complaining
    seeds: Seeds
    gifts: GiftLimits
    points_per_coin: int
    handover: HandingOver
    inviting: Inviting
    public_url: str  # for links that are passed on; a page of one's own is Saying.page
    hearing: Hearing
    sending: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class Saying:
    """A sentence by its key in menus/texts, not yet put into words."""

    key: str
    values: Mapping[str, Any]
    via: Via = "here"
    page: str | None = None  # the page that its {link} leads to
    to: str | None = None  # a number, where the words go to somebody not yet known
    taps: tuple[tuple[str, str], ...] = ()  # (answer, words): what WeChat shows to be tapped
    pick: str = ""  # of which wait they are: "<conversation>.<wait>"


@dataclass(frozen=True, slots=True)
class Telling:
    """A notice to somebody else, or for later (dialogs/notices.py)."""

    who: Subscriber | int
    saying: Saying
    kind: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Wait for an answer."""

    saying: Saying
    step: str
    expects: Expects
    again: str | None
    lasts: timedelta
    late_step: str | None


@dataclass(frozen=True, slots=True)
class Call:
    """Wait for another system."""

    service: str
    arguments: Mapping[str, Any]
    step: str
    lasts: timedelta


@dataclass(frozen=True, slots=True)
class End:
    """Done; `then` opens another dialog at once."""

    then: tuple[str, Mapping[str, Any]] | None = None
    ended_as: str = "done"


Move = Ask | Call | End


@dataclass(frozen=True, slots=True)
class Answer:
    """What another system said: its state in its own words, or "late" when it has not yet."""

    state: str
    reason: str = ""


@dataclass(slots=True)
class Talk:
    """One person in one dialog at one moment, within one transaction."""

    tx: Tx
    subscriber: Subscriber
    notes: dict[str, Any]
    now: datetime
    rules: Rules
    channel: str
    menus: Menus
    origin: str  # the key of the message (or the id of the call) that brought us here
    asked: str = ""  # the question that is being answered, in words, and when it was asked
    asked_at: datetime | None = None
    to_wechats_desk: bool = False  # what they have said goes to WeChat's own customer service
    said: list[Saying] = field(default_factory=list)
    effects: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    told: list[Telling] = field(default_factory=list)

    def say(
        self, key: str, /, *, via: Via = "here", page: str | None = None, to: str | None = None,
        **values: Any,
    ) -> None:  # fmt: skip
        """Say something more: where the person is talking to us, or by SMS."""
        self.said.append(Saying(key, values, via, page, to))

    def tell(
        self, other: Subscriber | int, key: str, /, *, kind: str, page: str | None = None,
        **values: Any,
    ) -> None:  # fmt: skip
        """Have somebody else told, or this person on the way of notices: dialogs/notices.py."""
        self.told.append(Telling(other, Saying(key, values, page=page), kind))

    def ask(
        self, key: str, /, *, then: Step, via: Via = "here", expects: Expects = "yes_no",
        again: str | None = None, lasts: timedelta | None = None, late: Step | None = None,
        page: str | None = None, taps: tuple[tuple[str, str], ...] = (), **values: Any,
    ) -> Ask:  # fmt: skip
        """Ask, and go on at `then` with the reply; at `late`, or silently nowhere, without one.

        What cannot be read as an answer is met once with the text `again`, filled alike. A text
        that asks has no {link} itself: `page` is for words that bring a mark of their own. In
        WeChat `taps` stand below the words; a tap on (answer, words) is that answer.
        """
        return Ask(
            Saying(key, values, via, page, taps=taps),
            step=_name(then),
            expects=expects,
            again=again,
            lasts=lasts or self.rules.question,
            late_step=_name(late) if late else None,
        )

    def call(
        self, what: str, /, *, then: Step, lasts: timedelta | None = None, **arguments: Any
    ) -> Call:
        """Have another system called after the commit, and go on at `then` with its Answer.

        If it is late, `then` hears that first, and the true answer whenever it comes.
        """
        return Call(what, arguments, _name(then), lasts or self.rules.call)

    def also(self, what: str, /, **arguments: Any) -> None:
        """Have another system told after the commit; nobody waits for what it answers."""
        self.effects.append((what, arguments))

    def end(
        self, key: str | None = None, *, page: str | None = None,
        then: tuple[str, Mapping[str, Any]] | None = None, ended_as: str = "done", **values: Any,
    ) -> End:  # fmt: skip
        """Say a last thing, or nothing, and be done."""
        if key is not None:
            self.say(key, page=page, **values)
        return End(then, ended_as)


class Dialog:
    """A conversation: a class with one method per moment, and no state of its own."""

    requires: ClassVar[frozenset[str]] = frozenset()  # the notes that whoever opens it must give
    takes: ClassVar[frozenset[str]] = frozenset()  # the notes that it may get besides
    by_menu: ClassVar[bool] = True  # whether menus, words and scenes may open it
    reads_only: ClassVar[bool] = False  # changes nothing: answered without claim, lock or row

    @classmethod
    def name(cls) -> str:
        """JoinClub -> join_club, as menus and conversations call it."""
        letters = (f"_{c.lower()}" if c.isupper() else c for c in cls.__name__)
        return "".join(letters).removeprefix("_")

    def opened(self, talk: Talk) -> Move:
        """The first step."""
        raise TypeError(f"{type(self).__name__} has no first step")


def _name(step: Step) -> str:
    return str(step.__name__)

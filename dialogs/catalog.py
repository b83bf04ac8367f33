"""The list of all dialogs, and what it tells about them: one line here adds a dialog."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from dialogs import (
    activity_words,
    agent_words,
    answers,
    attended,
    club_news,
    club_words,
    draw_words,
    invitation_news,
    reasons,
    refusals,
    understanding,
)
from dialogs.activities import Activities, CancelActivity, MyActivities
from dialogs.agents import AgentAsks, AgentLook, AgentRedeem, AgentStatement
from dialogs.answers import Answers, CloseAccount, MyNumber
from dialogs.balance import Balance
from dialogs.bind_phone import BindPhone
from dialogs.check_in import CheckIn
from dialogs.choices import DidYouMean, HelpChoices, OfferPerson
from dialogs.club_services import ClubServices
from dialogs.clubs import Clubs, MyClubs
from dialogs.coins import Coins
from dialogs.complain import Complain
from dialogs.dialog import Dialog, Move
from dialogs.draw import Draw, DrawThis
from dialogs.feedback import Feedback, MyFeedback
from dialogs.follow import Follow, Unfollow
from dialogs.gift import Gift
from dialogs.hand_over import EndHandOver, HandOver
from dialogs.help import Help, Thanks
from dialogs.history import History
from dialogs.invite import Invite
from dialogs.invited import Invited
from dialogs.join_club import JoinClub, OpenNow
from dialogs.leave_club import LeaveClub, LeaveNow
from dialogs.mailbox import Mailbox
from dialogs.my_invitations import MyInvitations
from dialogs.my_vouchers import MyVouchers, ReturnVoucher
from dialogs.nearby import Nearby
from dialogs.notice_settings import NoticeSettings
from dialogs.opt_out import OptIn, OptOut
from dialogs.premium import Premium
from dialogs.rate import Rate, RateActivity
from dialogs.redeem import Redeem
from dialogs.renew_club import RenewClub
from dialogs.show_page import AccountPage, ClubPage
from dialogs.survey import Survey
from dialogs.suspend_club import ResumeClub, ResumeNow, SuspendClub, SuspendNow
from dialogs.tasks import Tasks
from dialogs.tier import Tier
from dialogs.what_for import WhatFor

DIALOGS: tuple[type[Dialog], ...] = (
    JoinClub,
    Balance,
    Redeem,
    MyVouchers,
    ReturnVoucher,
    BindPhone,
    Thanks,
    Nearby,
    DidYouMean,
    HelpChoices,
    OfferPerson,
    Help,
    OptOut,
    OptIn,
    Mailbox,
    NoticeSettings,
    ClubPage,
    AccountPage,
    Complain,
    Rate,
    RateActivity,
    Feedback,
    MyFeedback,
    Survey,
    Follow,
    Unfollow,
    Draw,
    DrawThis,
    Gift,
    History,
    Coins,
    WhatFor,
    Tier,
    HandOver,
    EndHandOver,
    Invite,
    Invited,
    MyInvitations,
    Clubs,
    MyClubs,
    ClubServices,
    Premium,
    RenewClub,
    SuspendClub,
    SuspendNow,
    ResumeClub,
    ResumeNow,
    LeaveClub,
    LeaveNow,
    OpenNow,
    Activities,
    MyActivities,
    CancelActivity,
    CheckIn,
    Tasks,
    Answers,
    MyNumber,
    CloseAccount,
    AgentRedeem,
    AgentLook,
    AgentAsks,
    AgentStatement,
)

BY_NAME: Mapping[str, Dialog] = {dialog.name(): dialog() for dialog in DIALOGS}

# What is said unasked, to gain by it: as SMS these must say how to leave (models/leaving_words.py).
MARKETING_TEXTS = frozenset({"invited.ask"})

# Scenes of QR codes that stand in no file: prefix -> the dialog and the note that the number fills.
NUMBERED_SCENES: Mapping[str, tuple[str, str]] = {
    "offer": ("redeem", "offer"),
    "invite": ("invited", "number"),
    "activity": ("activities", "activity"),
    "checkin": ("check_in", "code"),
}

# What the engine and the doors say themselves, with the placeholders they fill.
SAID_BY_THE_ENGINE: Mapping[str, frozenset[str]] = {
    **understanding.TEXTS,
    **attended.TEXTS,
    "common.busy": frozenset(),
    "common.enough": frozenset(),
    "common.sorry": frozenset({"reference"}),
    "common.question_expired": frozenset(),
    "common.question_replaced": frozenset({"now"}),
    "common.nothing_open": frozenset(),
    "common.say_yes_or_no": frozenset(),
    "common.say_number": frozenset(),
    "common.working": frozenset(),
    "common.choice_over": frozenset(),
    "common.entry_unknown": frozenset(),
    "points.also_coins": frozenset({"coins"}),  # within a balance
    "points.expiring_soon": frozenset({"expiring", "expiring_by", "total", "offers"}),
    "points.expiring_soon_small": frozenset({"expiring", "expiring_by", "total"}),
    "points.coins_expiring_soon": frozenset({"expiring", "expiring_by", "total"}),
    # To somebody who was deleted, for the last time (handlers/farewell.py).
    "privacy.farewell": frozenset({"number"}),
    # dialogs/verified.py: a till has used somebody's voucher.
    "verified.used": frozenset({"title", "store", "serial"}),
    "verified.undone": frozenset({"title", "store", "serial"}),
    # dialogs/complaint_news.py: how a complaint goes on.
    "complaint.with_merchant": frozenset({"number"}),
    "complaint.resolved": frozenset({"number", "because"}),
    "complaint.upheld": frozenset({"number", "because"}),
    "complaint.rejected": frozenset({"number", "because"}),
    "complaint.paid": frozenset({"number", "points"}),
    "complaint.late": frozenset({"number"}),
    # dialogs/earned.py: points for what was just done, and why somebody got points.
    "earning.at_once": frozenset({"points"}),
    "earning.because": frozenset({"day", "title", "points", "until"}),
    "earning.because_less": frozenset({"day", "title", "points", "until", "wanted", "reason"}),
    "earning.less_person_day": frozenset({"limit"}),
    "earning.less_person": frozenset({"limit"}),
    "earning.less_day": frozenset(),
    "earning.less_budget": frozenset(),
    **reasons.TEXTS,
    **refusals.TEXTS,
    # Of vouchers, unasked (dialogs/voucher_news.py).
    "vouchers.runs_out": frozenset({"title", "shop", "until", "code", "link"}),
    "vouchers.expired": frozenset({"title", "shop", "price"}),
    "vouchers.expired_back": frozenset({"title", "shop", "price"}),
    "vouchers.gift_came_back": frozenset({"title", "price", "serial"}),
    "gift.given": frozenset({"title", "phone"}),
    "gift.received": frozenset({"phone", "title", "shop", "code", "until", "link"}),
    # Of feedback and surveys, unasked (dialogs/feedback_news.py, workers/feedback_clock.py).
    "feedback.taken": frozenset({"number"}),
    "feedback.answered": frozenset({"number", "answer", "link"}),
    "survey.invite": frozenset({"title", "intro"}),
    **draw_words.TEXTS,
    **invitation_news.TEXTS,
    **club_words.TEXTS,
    **club_news.TEXTS,
    **activity_words.TEXTS,
    **agent_words.TEXTS,
    **answers.TEXTS,
    "tier.up": frozenset({"tier", "until", "benefits"}),
    "tier.grace": frozenset({"tier", "until", "missing"}),
    "tier.down": frozenset({"tier", "benefits", "next", "missing"}),
}


# Steps that a conversation in the database may name: "dialog.step", or "dialog.old -> dialog.new".
SHIPPED = Path(__file__).with_name("shipped.txt")
RENAMED: Mapping[str, str] = {
    old.strip(): new.strip()
    for old, arrow, new in (
        line.partition("->") for line in SHIPPED.read_text("utf-8").splitlines()
    )
    if arrow and not old.startswith("#")
}


def step(dialog: str, name: str) -> Callable[..., Move]:
    """The method of a stored step, found under its new name if it was renamed since."""
    known = RENAMED.get(f"{dialog}.{name}", f"{dialog}.{name}")
    dialog, _, name = known.partition(".")
    found: Callable[..., Move] = getattr(BY_NAME[dialog], name)
    return found


def required_notes() -> dict[str, frozenset[str]]:
    """For each dialog the notes that a menu entry, scene or keyword must give."""
    return {name: dialog.requires for name, dialog in BY_NAME.items() if dialog.by_menu}


def optional_notes() -> dict[str, frozenset[str]]:
    """For each dialog the notes that a menu entry, scene or keyword may give besides."""
    return {name: dialog.takes for name, dialog in BY_NAME.items() if dialog.by_menu}


def texts_used() -> dict[str, frozenset[str]]:
    """For each text key the placeholders that every step using it fills, read from the steps."""
    used: dict[str, frozenset[str]] = dict(SAID_BY_THE_ENGINE)
    for module in sorted({dialog.__module__ for dialog in DIALOGS}):
        tree = ast.parse(inspect.getsource(sys.modules[module]))
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and _is_talk(call.func):
                given = frozenset(_placeholders(call))
                for key in _keys(call):
                    used[key] = used[key] & given if key in used else given
    return used


_NOT_PLACEHOLDERS = frozenset(
    {"then", "late", "via", "expects", "again", "lasts", "to", "ended_as", "taps", "kind"}
)


def _is_talk(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr in ("say", "ask", "end", "tell")
        and isinstance(function.value, ast.Name)
        and function.value.id == "talk"
    )


def _keys(call: ast.Call) -> list[str]:
    again = [keyword.value for keyword in call.keywords if keyword.arg == "again"]
    return [
        node.value
        for argument in [*_key_of(call), *again]
        for node in ast.walk(argument)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def _key_of(call: ast.Call) -> list[ast.expr]:
    tells = isinstance(call.func, ast.Attribute) and call.func.attr == "tell"
    return call.args[1:2] if tells else call.args[:1]


def _placeholders(call: ast.Call) -> set[str]:
    names = {keyword.arg for keyword in call.keywords if keyword.arg}
    return {"link" if name == "page" else name for name in names - _NOT_PLACEHOLDERS}

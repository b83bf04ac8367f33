"""The paths of the pages that dialogs lead to; handlers/member.py serves them."""

from __future__ import annotations

ACCOUNT = "/me"
POINTS = "/me/points"
COMPLAINTS = "/me/complaints"
FEEDBACK = "/me/feedback"
SURVEYS = "/me/surveys"
GIFT = "/me/gift"


MESSAGES = "/me/messages"
NOTICES = "/me/notices"
CLUBS = "/clubs"
OFFERS = "/offers"
ACTIVITIES = "/activities"
MY_ACTIVITIES = "/me/activities"
TASKS = "/me/tasks"
VOUCHERS = "/me/vouchers"
NEARBY = "/nearby"


INVITATIONS = "/me/invitations"


def invitation(number: int) -> str:
    """The page of a member's code, for whoever gets its link."""
    return f"/i/{number}"


def offer(number: int) -> str:
    """The page of an offer."""
    return f"{OFFERS}/{number}"


def activity(number: int) -> str:
    """The page of an activity, where one signs up."""
    return f"{ACTIVITIES}/{number}"


def voucher(voucher_id: int) -> str:
    """The page of a voucher, with the picture that a till scans."""
    return f"{VOUCHERS}/{voucher_id}"


def feedback(number: int) -> str:
    """The page of what somebody has told us, with our answer."""
    return f"{FEEDBACK}/{number}"


def survey(code: str) -> str:
    """The page on which a survey is answered."""
    return f"{SURVEYS}/{code}"


def club(code: str) -> str:
    """The page of a club: what it is, one's membership, its services."""
    return f"{CLUBS}/{code}"


def nearby(latitude: float, longitude: float) -> str:
    """The page of the stores around a place, to within a hundred metres."""
    return f"{NEARBY}/{latitude:.3f}/{longitude:.3f}"

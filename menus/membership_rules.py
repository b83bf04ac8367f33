"""rules/memberships.yaml: terms, premium and services of clubs, checked with line and column."""

import pathlib
from collections.abc import Collection, Iterable
from typing import Annotated, Any, Literal

import pydantic

from menus.checked_yaml import (
    FILE_LIMIT_BYTES,
    Document,
    Mistake,
    Mistakes,
    check,
    closest,
    parse,
)
from menus.positions import Path
from menus.routes import Strict
from menus.tier_rules import Written

MOST_BENEFITS = 6
SHOWN_BENEFITS = 2  # in an SMS: two segments hold no more
BENEFIT_LIMIT = 16  # characters
MOST_SERVICES = 9  # one digit chooses among them
SERVICE_LIMIT, HOW_LIMIT = 12, 60  # characters
POINTS_MOST = 1_000_000

Points = Annotated[int, pydantic.Field(ge=0, le=POINTS_MOST)]
SomePoints = Annotated[int, pydantic.Field(ge=1, le=POINTS_MOST)]
Code = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9-]*$", max_length=32)]
Level = Literal["ordinary", "premium"]


class Ordinary(Strict):
    """What everybody has who joins."""

    term_months: Annotated[int, pydantic.Field(ge=0, le=36)]
    price_points: Points = pydantic.Field(description="What another term costs; 0: nothing.")
    grace_days: Annotated[int, pydantic.Field(ge=0, le=90)]


class Needs(Strict):
    """What makes a premium member: any one of these."""

    tasks: Annotated[int, pydantic.Field(ge=1, le=100)] | None = None
    points_spent: SomePoints | None = None
    pay_points: SomePoints | None = None
    within_months: Annotated[int, pydantic.Field(ge=1, le=36)] | None = pydantic.Field(
        default=None, description="In which tasks and points spent count, back from today."
    )


class Premium(Strict):
    """The higher level."""

    term_months: Annotated[int, pydantic.Field(ge=1, le=36)]
    grace_days: Annotated[int, pydantic.Field(ge=0, le=90)]
    needs: Needs
    benefits: Annotated[
        tuple[Annotated[Written, pydantic.StringConstraints(max_length=BENEFIT_LIMIT)], ...],
        pydantic.Field(min_length=1, max_length=MOST_BENEFITS),
    ]


class Service(Strict):
    """Something that the club does for its members: an offer for points, or words how to get it."""

    title: Annotated[Written, pydantic.StringConstraints(max_length=SERVICE_LIMIT)]
    level: Level = "ordinary"
    offer: Code | None = pydantic.Field(default=None, description="The code of an offer.")
    how: Annotated[Written, pydantic.StringConstraints(max_length=HOW_LIMIT)] | None = None


class ClubRules(Strict):
    """One club."""

    ordinary: Ordinary
    premium: Premium | None = None
    services: Annotated[tuple[Service, ...], pydantic.Field(max_length=MOST_SERVICES)] = ()


class Suspending(Strict):
    """How long a membership may rest, and how often in 365 days."""

    most_months: Annotated[int, pydantic.Field(ge=1, le=24)]
    a_year: Annotated[int, pydantic.Field(ge=1, le=12)]


class MembershipsFile(Strict):
    """The whole file."""

    remind_days: Annotated[
        tuple[Annotated[int, pydantic.Field(ge=1, le=60)], ...],
        pydantic.Field(min_length=1, max_length=4),
    ]
    renew_days: Annotated[int, pydantic.Field(ge=1, le=90)]
    suspending: Suspending
    clubs: Annotated[dict[Code, ClubRules], pydantic.Field(min_length=1)]

    def content(self) -> dict[str, Any]:
        """What is stored when it is published."""
        return self.model_dump(mode="json")


def read(
    path: str | pathlib.Path, *, shown: str = "", clubs: Collection[str] | None = None,
    offers: Collection[str] | None = None,
) -> MembershipsFile:  # fmt: skip
    """The file, if it is good; `shown` is its name in mistakes. Raises Mistakes, OSError.

    `clubs`, `offers`: the codes that it may name; None where nobody can say.
    """
    with open(path, "rb") as file:
        source = file.read(FILE_LIMIT_BYTES + 1)
    return read_text(source, shown=shown or str(path), clubs=clubs, offers=offers)


def read_text(
    source: str | bytes, *, shown: str, clubs: Collection[str] | None = None,
    offers: Collection[str] | None = None,
) -> MembershipsFile:  # fmt: skip
    """The same for a text in memory. Raises Mistakes."""
    document = parse(source, file=shown)
    found, mistakes = check(document, MembershipsFile)
    if found is not None:
        mistakes = [*mistakes, *_days(document, found)]
        for code, club in found.clubs.items():
            mistakes += _club(document, ("clubs", code), club, offers)
            if clubs is not None and code not in clubs:
                hint = closest(code, clubs) or f"there are {', '.join(clubs)}"
                message = f"{code}: no such club"
                mistakes.append(document.mistake(("clubs", code), message, hint, key=True))
    if found is None or mistakes:
        raise Mistakes(mistakes)
    return found


def _days(document: Document, file: MembershipsFile) -> Iterable[Mistake]:
    if list(file.remind_days) != sorted(set(file.remind_days), reverse=True):
        message = "remind_days: the most days first, each once"
        yield document.mistake(("remind_days",), message, "such as [14, 3]")
    if max(file.remind_days) > file.renew_days:
        message = "remind_days: reminded before a term can be renewed"
        yield document.mistake(("remind_days",), message, f"{file.renew_days} at most, renew_days")


def _club(
    document: Document, path: Path, club: ClubRules, offers: Collection[str] | None
) -> Iterable[Mistake]:
    spoken, ordinary = ".".join(map(str, path)), club.ordinary
    for name in ("price_points", "grace_days"):
        if ordinary.term_months == 0 and getattr(ordinary, name):
            message = f"{spoken}.ordinary.{name}: a membership without an end is never renewed"
            yield document.mistake((*path, "ordinary", name), message, "write 0")
    if club.premium is not None:
        yield from _needs(document, (*path, "premium", "needs"), club.premium.needs)
    seen: dict[str, int] = {}
    for no, service in enumerate(club.services):
        where = (*path, "services", no)
        first = seen.setdefault(service.title, no)
        if first != no:
            message = f"{spoken}.services.{no}.title: services.{first} has it too"
            yield document.mistake((*where, "title"), message)
        if (service.offer is None) == (service.how is None):
            message = f"{spoken}.services.{no}: needs either `offer:` or `how:`"
            yield document.mistake(where, message, "the code of an offer, or words how to get it")
        if service.level == "premium" and club.premium is None:
            message = f"{spoken}.services.{no}.level: this club has no premium members"
            yield document.mistake((*where, "level"), message)
        if service.offer is not None and offers is not None and service.offer not in offers:
            message = f"{spoken}.services.{no}.offer: no such offer"
            yield document.mistake((*where, "offer"), message, closest(service.offer, offers))


def _needs(document: Document, path: Path, needs: Needs) -> Iterable[Mistake]:
    spoken = ".".join(map(str, path))
    counted = needs.tasks is not None or needs.points_spent is not None
    if not counted and needs.pay_points is None:
        message = f"{spoken}: nothing, so nobody becomes premium"
        yield document.mistake(path, message, "tasks, points_spent or pay_points")
    if counted and needs.within_months is None:
        message = f"{spoken}: tasks and points spent count within a time"
        yield document.mistake(path, message, "add `within_months:`")
    if not counted and needs.within_months is not None:
        message = f"{spoken}.within_months: nothing is counted in it"
        yield document.mistake((*path, "within_months"), message, "delete the line")

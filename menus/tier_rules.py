"""rules/tiers.yaml: the tiers as operators write them, checked with file, line and column."""

import pathlib
from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Any, Literal

import pydantic

from menus.checked_yaml import FILE_LIMIT_BYTES, Document, Mistake, Mistakes, check, parse
from menus.routes import SIMPLE_NAME, Strict

MOST_TIERS = 10
MOST_BENEFITS = 8
SHOWN_BENEFITS = 2  # of a tier, in an SMS: two segments hold no more
BENEFIT_LIMIT = 20  # characters

Months = Annotated[int, pydantic.Field(ge=1, le=36)]
Code = Annotated[str, pydantic.StringConstraints(pattern=SIMPLE_NAME, max_length=32)]
Reason = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$", max_length=40)]
# "issuing", "merchant:m001", "campaign:*": an account of the house, or all that begin alike.
House = Annotated[
    str, pydantic.StringConstraints(pattern=r"^[a-z]+(:[A-Za-z0-9_-]*\*?)?$", max_length=48)
]
Written = Annotated[str, pydantic.StringConstraints(pattern=r"^\S(.*\S)?$")]


class Earned(Strict):
    """Which points that come to a person count."""

    accounts: tuple[House, ...] = pydantic.Field(
        alias="from", description="Accounts of the house that they come out of."
    )
    kinds: tuple[Literal["consumption", "promotional"], ...] = pydantic.Field(min_length=1)


class Spent(Strict):
    """Which points that a person pays count."""

    accounts: tuple[House, ...] = pydantic.Field(
        alias="into", description="Accounts of the house that they are paid into."
    )


class Tier(Strict):
    """One level."""

    code: Code = pydantic.Field(description="Kept with people: it must not change.")
    name: Annotated[Written, pydantic.StringConstraints(max_length=8)]
    threshold: Annotated[int, pydantic.Field(ge=0, le=10**12)]
    benefits: Annotated[
        tuple[Annotated[Written, pydantic.StringConstraints(max_length=BENEFIT_LIMIT)], ...],
        pydantic.Field(min_length=1, max_length=MOST_BENEFITS),
    ]


class TiersFile(Strict):
    """The whole file."""

    counts: Literal["earned", "spent", "both"]
    period_months: Months
    review_months: Months
    grace_months: Months
    earned: Earned
    spent: Spent
    except_reasons: tuple[Reason, ...]
    tiers: tuple[Tier, ...] = pydantic.Field(min_length=2, max_length=MOST_TIERS)

    def content(self) -> dict[str, Any]:
        """What is stored when it is published."""
        return self.model_dump(mode="json", by_alias=True)


def read(path: str | pathlib.Path, *, shown: str = "") -> TiersFile:
    """The file, if it is good; `shown` is its name in mistakes. Raises Mistakes, OSError."""
    with open(path, "rb") as file:
        return read_text(file.read(FILE_LIMIT_BYTES + 1), shown=shown or str(path))


def read_text(source: str | bytes, *, shown: str) -> TiersFile:
    """The same for a text in memory. Raises Mistakes."""
    document = parse(source, file=shown)
    found, mistakes = check(document, TiersFile)
    if found is not None:
        mistakes = [*mistakes, *_order(document, found), *_accounts(document, found)]
    if found is None or mistakes:
        raise Mistakes(mistakes)
    return found


def _order(document: Document, file: TiersFile) -> Iterable[Mistake]:
    if file.tiers[0].threshold != 0:
        message = "tiers.0.threshold: everybody has the lowest tier"
        yield document.mistake(("tiers", 0, "threshold"), message, "write 0")
    for no, (below, above) in enumerate(pairwise(file.tiers), start=1):
        if above.threshold <= below.threshold:
            message = f"tiers.{no}.threshold: not more than that of {below.code}, {below.threshold}"
            yield document.mistake(("tiers", no, "threshold"), message, "the lowest tier first")
    for what in ("code", "name"):
        seen: dict[str, int] = {}
        for no, tier in enumerate(file.tiers):
            first = seen.setdefault(getattr(tier, what), no)
            if first != no:
                message = f"tiers.{no}.{what}: tiers.{first} has it too"
                yield document.mistake(("tiers", no, what), message)


def _accounts(document: Document, file: TiersFile) -> Iterable[Mistake]:
    """What is paid into and out of the same account would count as earned and as refunded."""
    for no, into in enumerate(file.spent.accounts):
        for source in file.earned.accounts:
            if _overlap(into, source):
                message = f"spent.into.{no}: {into} is in earned.from, too, as {source}"
                yield document.mistake(("spent", "into", no), message, "in one of them only")
    for lists, name, accounts in (
        ("earned", "from", file.earned.accounts), ("spent", "into", file.spent.accounts),
    ):  # fmt: skip
        if not accounts and file.counts in (lists, "both"):
            message = f"{lists}.{name}: no account, so nobody reaches a tier"
            yield document.mistake((lists, name), message, f"or another word at `counts: {lists}`")


def _overlap(one: str, other: str) -> bool:
    """Whether an account could be meant by both; a * stands at the end only."""
    short, long = sorted((one, other), key=len)
    if short.endswith("*") and long.startswith(short[:-1]):
        return True
    return one == other or (long.endswith("*") and short.startswith(long[:-1]))

"""rules/agents.yaml: what agents earn and may, checked with file, line and column."""

import pathlib
from collections.abc import Iterable
from typing import Annotated, Any

import pydantic

from menus.checked_yaml import FILE_LIMIT_BYTES, Document, Mistake, Mistakes, check, parse
from menus.routes import Strict

TOGETHER_MOST = 100  # thousandths of what a customer pays, for the whole branch

Permille = Annotated[int, pydantic.Field(ge=0, le=100)]


class Rate(Strict):
    """Thousandths of the points a customer pays."""

    sells: Permille = pydantic.Field(description="For the agent who has sold.")
    above: Permille = pydantic.Field(description="For one who stands above the one who has sold.")


class Commission(Strict):
    """What each level earns."""

    shop: Rate
    county: Rate
    city: Rate
    province: Rate


class Payout(Strict):
    """How commission is paid out."""

    least_points: Annotated[int, pydantic.Field(ge=1, le=1_000_000)]
    fen_per_point: Annotated[int, pydantic.Field(ge=1, le=100)]


class Budget(Strict):
    """What commission is paid of."""

    alone_most: Annotated[int, pydantic.Field(ge=0, le=10_000_000)]


class Asking(Strict):
    """How fast agents may ask customers."""

    asks_a_day: Annotated[int, pydantic.Field(ge=1, le=10_000)]
    asked_a_day: Annotated[int, pydantic.Field(ge=1, le=20)]
    declined_a_day: Annotated[int, pydantic.Field(ge=1, le=1_000)]
    # Codes that bind a number are kept for no longer (models/binding.py).
    bound_days: Annotated[int, pydantic.Field(ge=1, le=2)]
    dormant_days: Annotated[int, pydantic.Field(ge=7, le=3_650)]


class AgentsFile(Strict):
    """The whole file."""

    commission: Commission
    payout: Payout
    budget: Budget
    asking: Asking

    def content(self) -> dict[str, Any]:
        """What is stored when it is published."""
        return self.model_dump(mode="json")


def read(path: str | pathlib.Path, *, shown: str = "") -> AgentsFile:
    """The file, if it is good; `shown` is its name in mistakes. Raises Mistakes, OSError."""
    with open(path, "rb") as file:
        return read_text(file.read(FILE_LIMIT_BYTES + 1), shown=shown or str(path))


def read_text(source: str | bytes, *, shown: str) -> AgentsFile:
    """The same for a text in memory. Raises Mistakes."""
    document = parse(source, file=shown)
    found, mistakes = check(document, AgentsFile)
    if found is not None:
        mistakes = [*mistakes, *_rates(document, found.commission)]
    if found is None or mistakes:
        raise Mistakes(mistakes)
    return found


def _rates(document: Document, given: Commission) -> Iterable[Mistake]:
    if given.shop.above:
        message = "commission.shop.above: nobody stands below a shop"
        yield document.mistake(("commission", "shop", "above"), message, "write 0")
    above = 0
    for level in ("province", "city", "county", "shop"):
        rate: Rate = getattr(given, level)
        together = rate.sells + above
        if together > TOGETHER_MOST:
            message = (
                f"commission.{level}.sells: {together} thousandths together with whoever stands"
                f" above; at most {TOGETHER_MOST}"
            )
            yield document.mistake(("commission", level, "sells"), message)
        above += rate.above

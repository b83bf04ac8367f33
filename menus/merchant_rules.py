"""rules/merchants.yaml: how merchants are rated, checked with file, line and column."""

import pathlib
from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Any, Literal

import pydantic

from menus.checked_yaml import FILE_LIMIT_BYTES, Document, Mistake, Mistakes, check, parse
from menus.routes import Strict

MOST_STEPS = 20
NAMES = ("A+", "A", "B", "B-")

Percent = Annotated[int, pydantic.Field(ge=0, le=100)]


class Step(Strict):
    """From this value on so many points."""

    least: Annotated[int, pydantic.Field(ge=0, le=10**15)]
    points: Percent


class Dimension(Strict):
    """What is looked at, and what it counts."""

    weight: Percent
    unknown: Percent = pydantic.Field(description="Points while the value is not known.")
    steps: tuple[Step, ...] = pydantic.Field(min_length=1, max_length=MOST_STEPS)


class Dimensions(Strict):
    """All of them; one with weight 0 does not count."""

    turnover: Dimension
    capital: Dimension
    stores: Dimension
    cities: Dimension
    word_of_mouth: Dimension
    credit: Dimension


class Class(Strict):
    """One class, from this score on."""

    name: Literal["A+", "A", "B", "B-"]
    least: Percent


class MerchantsFile(Strict):
    """The whole file."""

    classes: tuple[Class, ...] = pydantic.Field(min_length=4, max_length=4)
    least_ratings: Annotated[int, pydantic.Field(ge=1, le=1000)]
    dimensions: Dimensions

    def content(self) -> dict[str, Any]:
        """What is stored when it is published."""
        return self.model_dump(mode="json")


def read(path: str | pathlib.Path, *, shown: str = "") -> MerchantsFile:
    """The file, if it is good; `shown` is its name in mistakes. Raises Mistakes, OSError."""
    with open(path, "rb") as file:
        return read_text(file.read(FILE_LIMIT_BYTES + 1), shown=shown or str(path))


def read_text(source: str | bytes, *, shown: str) -> MerchantsFile:
    """The same for a text in memory. Raises Mistakes."""
    document = parse(source, file=shown)
    found, mistakes = check(document, MerchantsFile)
    if found is not None:
        mistakes = [*mistakes, *_classes(document, found), *_dimensions(document, found)]
    if found is None or mistakes:
        raise Mistakes(mistakes)
    return found


def _classes(document: Document, file: MerchantsFile) -> Iterable[Mistake]:
    for no, (one, name) in enumerate(zip(file.classes, NAMES, strict=True)):
        if one.name != name:
            message = f"classes.{no}.name: {name} stands here: the best first"
            yield document.mistake(("classes", no, "name"), message)
    for no, (better, worse) in enumerate(pairwise(file.classes), start=1):
        if worse.least >= better.least:
            message = f"classes.{no}.least: not less than that of {better.name}, {better.least}"
            yield document.mistake(("classes", no, "least"), message)
    if file.classes[-1].least != 0:
        message = f"classes.{len(file.classes) - 1}.least: everybody else is in the lowest class"
        yield document.mistake(("classes", len(file.classes) - 1, "least"), message, "write 0")


def _dimensions(document: Document, file: MerchantsFile) -> Iterable[Mistake]:
    named = {name: getattr(file.dimensions, name) for name in Dimensions.model_fields}
    together = sum(one.weight for one in named.values())
    if together != 100:
        message = f"dimensions: the weights are {together} together, not 100"
        yield document.mistake(("dimensions",), message)
    for name, one in named.items():
        for no, (lower, upper) in enumerate(pairwise(one.steps), start=1):
            path = ("dimensions", name, "steps", no)
            spoken = ".".join(map(str, path))
            if upper.least <= lower.least:
                message = f"{spoken}.least: not more than the step before, {lower.least}"
                yield document.mistake((*path, "least"), message)
            if upper.points < lower.points:
                message = f"{spoken}.points: fewer than the step before, {lower.points}"
                yield document.mistake(
                    (*path, "points"), message, "more of it never gives fewer points"
                )

"""The files rules/draws/CODE.yaml: read, and checked so that a draw can keep what it promises.

odds add up to 1,000,000 · stock lasts for the draws expected · the budget pays for all the stock ·
a blank without stock is there at the end of every fallback
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from menus.checked_yaml import Document, Mistake, Mistakes, check, closest, parse
from models import clubs, sql, tiers
from models.base import Tx
from models.draws.definition import (
    AT_ONCE,
    COINS,
    DATA,
    PARCEL,
    POINTS,
    PPM,
    VOUCHER,
    Draw,
    Prize,
)

FOLDER = "draws"
# What each kind needs, and what may stand there besides; the rest would have no effect.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "thanks": (),
    POINTS: ("points",),
    COINS: ("coins",),
    VOUCHER: ("offer",),
    DATA: ("service", "or_points"),
    PARCEL: (),
}
MAY: Mapping[str, tuple[str, ...]] = {
    "thanks": (),
    POINTS: ("valid_days",),
    COINS: ("valid_days",),
    VOUCHER: ("cost_fen",),
    DATA: ("cost_fen",),
    PARCEL: ("cost_fen", "address_days"),
}
OF_A_KIND = (
    "points", "coins", "offer", "service", "or_points", "valid_days", "cost_fen", "address_days",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """What is there to be named: offers with their prices in points, clubs, tiers."""

    offers: Mapping[str, int]
    clubs: frozenset[str]
    tiers: frozenset[str]


@dataclass(slots=True)
class Draws:
    """Draws without a mistake, by code, and what is worth a second look."""

    drafts: dict[str, Draw] = field(default_factory=dict)
    warnings: list[Mistake] = field(default_factory=list)


def known(tx: Tx) -> Known:
    """What the database knows."""
    offers = sql.rows(tx, "SELECT code, price_points FROM offers WHERE state = 'live'")
    rules = tiers.live(tx)
    return Known(
        {row[0]: row[1] for row in offers},
        frozenset(clubs.codes(tx)),
        frozenset(tier.code for tier in rules.tiers) if rules else frozenset(),
    )


def read_folder(folder: Path) -> dict[str, bytes]:
    """File name -> what is in it, of a folder rules/."""
    return {
        path.name: path.read_bytes()
        for path in sorted((folder / FOLDER).glob("*.y*ml"))
        if not path.name.startswith((".", "#"))
    }


def load(
    files: Mapping[str, str | bytes], *, shown: str = f"rules/{FOLDER}",
    there: Known | None = None,
) -> Draws:  # fmt: skip
    """The draws that stand in files. Raises Mistakes, all at once; `there`: None where nobody
    can say what offers, clubs and tiers there are."""
    found, mistakes = Draws(), []
    for name, source in sorted(files.items()):
        document = parse(source, file=f"{shown}/{name}")
        draw, wrong = check(document, Draw)
        mistakes += wrong
        if draw is None:
            continue
        mistakes += _by_itself(document, draw, name)
        if there is not None:
            mistakes += _named(document, draw, there)
        mistakes += _covered(document, draw, there)
        found.drafts[draw.code] = draw
        found.warnings += _warnings(document, draw)
    if not files:
        mistakes.append(Mistake(shown, 1, 1, "there is no draw here"))
    if mistakes:
        raise Mistakes(sorted(mistakes))
    return found


def _by_itself(document: Document, draw: Draw, name: str) -> Iterator[Mistake]:
    if draw.code != PurePosixPath(name).stem:
        hint = f"call the file {draw.code}.yaml"
        yield document.mistake(("code",), "code: not the file's name", hint)
    if not draw.price_points and not draw.free_a_day and not draw.earned_chances:
        hint = "write price_points, free_a_day or earned_chances"
        yield document.mistake(("code",), "nobody has a chance to draw", hint)
    limits = draw.limits
    if limits.person is not None and limits.person < (limits.person_day or 0):
        yield document.mistake(
            ("limits", "person_day"), "limits.person_day: more than person, so it never counts"
        )
    total = sum(prize.odds_ppm for prize in draw.prizes)
    if total != PPM:
        less = f"{PPM - total} are missing" if total < PPM else f"{total - PPM} too many"
        hint = f"{less}; what is left over belongs to the blank"
        yield document.mistake(("prizes",), f"the odds add up to {total}, not {PPM}", hint)
    for what in ("code", "title"):
        seen: dict[str, int] = {}
        for no, prize in enumerate(draw.prizes):
            first = seen.setdefault(getattr(prize, what), no)
            if first != no:
                wrong = f"prizes.{no}.{what}: prizes.{first} has it too"
                yield document.mistake(("prizes", no, what), wrong)
    for no, prize in enumerate(draw.prizes):
        yield from _prize(document, no, prize)
    yield from _promised(document, draw)


def _prize(document: Document, no: int, prize: Prize) -> Iterator[Mistake]:
    where = ("prizes", no)
    for name in NEEDS[prize.kind]:
        if getattr(prize, name) is None:
            yield document.mistake((*where, "kind"), f"prizes.{no}: {prize.kind} needs {name}")
    allowed = {*NEEDS[prize.kind], *MAY[prize.kind]}
    for name in OF_A_KIND:
        if name in prize.model_fields_set and name not in allowed:
            wrong = f"prizes.{no}.{name}: means nothing for {prize.kind}"
            yield document.mistake((*where, name), wrong, key=True)
    if prize.is_blank:
        for name in ("stock", "release", "per_person"):
            if name in prize.model_fields_set:
                wrong = f"prizes.{no}.{name}: there is always enough of nothing"
                yield document.mistake((*where, name), wrong, key=True)
    elif prize.stock is None:
        yield document.mistake((*where, "kind"), f"prizes.{no}: {prize.kind} needs stock")


def _promised(document: Document, draw: Draw) -> Iterator[Mistake]:
    """The prizes that a rule names are there."""
    codes = [prize.code for prize in draw.prizes]
    blanks = [prize for prize in draw.prizes if prize.is_blank]
    if not blanks:
        wrong = "prizes: none is `kind: thanks`, which is given when all else is gone"
        yield document.mistake(("prizes",), wrong)
    named: list[tuple[tuple[str, ...], str]] = [(("fallback",), draw.fallback)]
    if draw.guaranteed is not None:
        named.append((("guaranteed", "prize"), draw.guaranteed.prize))
    for path, code in named:
        if code not in codes:
            wrong = f"{'.'.join(path)}: no prize is called {code}"
            yield document.mistake(path, wrong, closest(code, codes))
        elif path[0] == "guaranteed" and draw.prize(code).is_blank:
            yield document.mistake(path, "guaranteed.prize: a blank is no prize")


def _named(document: Document, draw: Draw, there: Known) -> Iterator[Mistake]:
    for no, club in enumerate(draw.audience.clubs):
        if club not in there.clubs:
            hint = closest(club, there.clubs)
            yield document.mistake(("audience", "clubs", no), f"no club is called {club}", hint)
    tier = draw.audience.tier
    if tier is not None and tier not in there.tiers:
        hint = closest(tier, there.tiers)
        yield document.mistake(("audience", "tier"), f"no tier is called {tier}", hint)
    for no, prize in enumerate(draw.prizes):
        if prize.offer is not None and prize.offer not in there.offers:
            hint = closest(prize.offer, there.offers)
            wrong = f"prizes.{no}.offer: no live offer is called {prize.offer}"
            yield document.mistake(("prizes", no, "offer"), wrong, hint)


def _covered(document: Document, draw: Draw, there: Known | None) -> Iterator[Mistake]:
    """Stock covers the odds, and the budget the stock."""
    for no, prize in enumerate(draw.prizes):
        wanted = -(-draw.expected_draws * prize.odds_ppm // PPM)
        if prize.stock is not None and prize.stock < wanted:
            wrong = (
                f"prizes.{no}.stock: {prize.stock} do not cover {draw.expected_draws} draws"
                f" at {prize.odds_ppm} in a million"
            )
            yield document.mistake(("prizes", no, "stock"), wrong, f"{wanted} at least")
    for unit, cost in costs(draw, there).items():
        if cost > getattr(draw.budget, unit):
            wrong = f"budget.{unit}: the stock costs {cost}, more than {getattr(draw.budget, unit)}"
            where = ("budget", unit) if unit in draw.budget.model_fields_set else ("code",)
            yield document.mistake(where, wrong, f"{cost} at least, or less stock")


def costs(draw: Draw, there: Known | None) -> dict[str, int]:
    """What all the stock together costs, in points, coins and fen."""
    found = {"points": 0, "coins": 0, "fen": 0}
    for prize in draw.prizes:
        stock = prize.stock or 0
        voucher = there.offers.get(prize.offer or "", 0) if there else 0
        found["points"] += stock * ((prize.points or prize.or_points or 0) + voucher)
        found["coins"] += stock * (prize.coins or 0)
        found["fen"] += stock * prize.cost_fen
    return found


def _warnings(document: Document, draw: Draw) -> Iterator[Mistake]:
    days = draw.window.days
    for no, prize in enumerate(draw.prizes):
        slices = days if prize.release == "daily" else days * 24
        if prize.release != AT_ONCE and prize.stock is not None and prize.stock < slices:
            wrong = f"prizes.{no}.stock: {prize.stock} over {slices} slices: some release none"
            yield document.mistake(("prizes", no, "stock"), wrong)

"""Publish earning rules, tiers and memberships from the files of the folder rules/, all or none.

    standing(tx)   what is live, as files: each with the text that it was published from
    checked(tx)    the files, read and checked against each other and against the clubs
    put(tx)        changed rules get a version, rules without a file stop, the others are replaced

Rules are kept as data (models/earning/rules.py), without their comments. The text that goes with
them is kept beside, and counts as long as it still says what is live.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import structlog
from ruamel.yaml import YAML

from handlers import rule_files
from handlers.publishing import Stale, refuse_big
from handlers.rule_files import EVENTS, RULES
from menus import membership_rules, tier_rules
from menus.checked_yaml import Mistake, Mistakes, check, parse
from models import clubs, memberships, publications, sql, tiers
from models.base import Tx
from models.draws import publishing as draws
from models.earning import publishing as desk
from models.earning import rules
from models.earning.definition import Rule
from models.earning.publishing import Change
from models.offers import terms as offers

log = structlog.get_logger()

TIERS, MEMBERSHIPS = "tiers.yaml", "memberships.yaml"
SHOWN = "rules"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is live as files, and a mark that is another one after every change."""

    files: Mapping[str, str]
    base: str
    version: int  # of the files; 0: they were never published whole


@dataclass(frozen=True, slots=True)
class Checked:
    """Files without a mistake: rules by code, tiers, memberships, and what one should look at."""

    drafts: Mapping[str, Rule]
    tiers: tier_rules.TiersFile | None
    memberships: membership_rules.MembershipsFile | None
    warnings: tuple[Mistake, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What publishing would do: rules that come or change or stop, other tiers or memberships."""

    coming: tuple[Change, ...]
    stopping: tuple[rules.Version, ...]
    new_tiers: bool
    new_memberships: bool


def standing(tx: Tx, folder: Mapping[str, str]) -> Standing:
    """What is live. `folder`: the files on this machine, of use where their text is not kept."""
    kept = publications.live(tx, publications.RULES)
    texts = [kept.files, folder] if kept else [folder]
    files = {}
    for code, version in sorted(rules.live(tx).items()):
        name = f"{RULES}/{code}.yaml"
        said = (text[name] for text in texts if name in text)
        fitting = (text for text in said if _rule_in(text) == version.rule)
        files[name] = next(fitting, None) or _as_yaml(rules.written(version.rule))
    if events := next((text[EVENTS] for text in texts if EVENTS in text), None):
        files[EVENTS] = events
    if (content := tiers.content_of(tx)) is not None:
        said = (text[TIERS] for text in texts if TIERS in text)
        fitting = (text for text in said if _tiers_in(text) == content)
        files[TIERS] = next(fitting, None) or _as_yaml(content)
    if (content := memberships.content_of(tx)) is not None:
        said = (text[MEMBERSHIPS] for text in texts if MEMBERSHIPS in text)
        fitting = (text for text in said if _memberships_in(text) == content)
        files[MEMBERSHIPS] = next(fitting, None) or _as_yaml(content)
    return Standing(files, mark(tx), kept.version if kept else 0)


def mark(tx: Tx) -> str:
    """What changes with everything that is published: rows are only ever added to these tables."""
    counts = sql.one(
        tx,
        "SELECT (SELECT count(*) FROM earning_rules), (SELECT count(*) FROM tier_rules),"
        " (SELECT count(*) FROM membership_rules),"
        " (SELECT coalesce(max(version), 0) FROM rule_publications)",
    )
    return ".".join(str(count) for count in counts)


def checked(tx: Tx, files: Mapping[str, str]) -> Checked:
    """The files, read. Raises Mistakes: all of them, in every file."""
    refuse_big(files)
    mistakes = [
        Mistake(f"{SHOWN}/{name}", 1, 1, "nothing reads this file", "rules stand in earning/")
        for name in files
        if name not in (EVENTS, TIERS, MEMBERSHIPS) and not name.startswith(f"{RULES}/")
    ]
    found, levels = rule_files.Rules(), None
    try:
        found = rule_files.load_files(
            files, shown=SHOWN, clubs=clubs.codes(tx), draws=draws.taking_chances(tx)
        )
    except Mistakes as wrong:
        mistakes += wrong.mistakes
    try:
        if TIERS in files:
            levels = tier_rules.read_text(files[TIERS], shown=f"{SHOWN}/{TIERS}")
        elif tiers.content_of(tx) is not None:
            mistakes.append(Mistake(f"{SHOWN}/{TIERS}", 1, 1, "the file is missing"))
    except Mistakes as wrong:
        mistakes += wrong.mistakes
    terms = None
    try:
        terms = _memberships(tx, files)
    except Mistakes as wrong:
        mistakes += wrong.mistakes
    if mistakes:
        raise Mistakes(mistakes)
    return Checked(found.drafts, levels, terms, tuple(found.warnings))


def _memberships(tx: Tx, files: Mapping[str, str]) -> membership_rules.MembershipsFile | None:
    shown = f"{SHOWN}/{MEMBERSHIPS}"
    if MEMBERSHIPS in files:
        return membership_rules.read_text(
            files[MEMBERSHIPS], shown=shown, clubs=clubs.codes(tx), offers=offers.codes(tx)
        )
    if memberships.content_of(tx) is not None:
        raise Mistakes([Mistake(shown, 1, 1, "the file is missing")])
    return None


def changes(tx: Tx, found: Checked) -> Changes:
    """What publishing would change for subscribers."""
    live = rules.live(tx)
    return Changes(
        coming=tuple(desk.changes(tx, list(found.drafts.values()))),
        stopping=tuple(each for code, each in sorted(live.items()) if code not in found.drafts),
        new_tiers=found.tiers is not None and found.tiers.content() != tiers.content_of(tx),
        new_memberships=found.memberships is not None
        and found.memberships.content() != memberships.content_of(tx),
    )


def put(
    tx: Tx, files: Mapping[str, str], *, base: str | None, author: str, note: str, now: datetime,
    approved_by: str | None = None, proposal_id: int | None = None,
) -> int:  # fmt: skip
    """Check and make the files live; returns the number of this set of files.

    Raises Stale, Mistakes, budgets.TooLittle, tiers.TierInUse: then nothing has changed.
    """
    publications.lock(tx, publications.RULES)
    rules.lock(tx)
    if base is not None and base != (live := mark(tx)):
        raise Stale(base, live)
    found = checked(tx, files)
    wanted = changes(tx, found)
    for each in wanted.stopping:
        desk.stop(tx, each.rule.code, by=author, note=note, now=now)
    desk.publish(tx, list(found.drafts.values()), by=author, note=note, now=now)
    if wanted.new_tiers and found.tiers is not None:
        tiers.publish(tx, found.tiers.content(), author=author, note=note, now=now)
    if wanted.new_memberships and found.memberships is not None:
        content = found.memberships.content()
        memberships.publish(tx, content, author=author, note=note, now=now)
    version = publications.publish(
        tx, files, author=author, note=note, now=now, approved_by=approved_by,
        proposal_id=proposal_id, of=publications.RULES,
    )  # fmt: skip
    log.info("rules published", version=version, author=author)
    return version


@lru_cache(maxsize=256)
def _rule_in(text: str) -> Rule | None:
    return check(parse(text, file=RULES), Rule)[0]


@lru_cache(maxsize=8)
def _tiers_in(text: str) -> Mapping[str, object] | None:
    try:
        return tier_rules.read_text(text, shown=TIERS).content()
    except Mistakes:
        return None


@lru_cache(maxsize=8)
def _memberships_in(text: str) -> Mapping[str, object] | None:
    try:
        return membership_rules.read_text(text, shown=MEMBERSHIPS).content()
    except Mistakes:
        return None


def _as_yaml(content: Mapping[str, object]) -> str:
    """A text for what was published without one that we know."""
    yaml = YAML(pure=True)
    yaml.default_flow_style = None
    yaml.allow_unicode = True
    written = io.StringIO()
    yaml.dump(dict(content), written)
    return written.getvalue()

"""The sets of files that operators edit, menus, rules, draws and surveys: what their pages share.

live ─▶ draft over it ─▶ check ─▶ proposal (all texts, what was live) ─▶ put, checked again
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from handlers import (
    draw_files,
    draw_publishing,
    publishing,
    rule_files,
    rule_publishing,
    survey_publishing,
)
from handlers.console import check_words
from handlers.console.visit import CannotApply, Parts
from handlers.console.words import _
from menus import survey_rules
from menus.checked_yaml import Mistake, Mistakes
from menus.menus import Menus, diff, read_folder
from menus.survey_rules import SurveyFile
from models import clubs, publications, tiers
from models.approvals import Proposal
from models.base import Tx
from models.draws.publishing import LessThanGiven
from models.draws.seeds import Seeds
from models.earning import budgets
from models.operators import accounts

ROOT = Path(__file__).parents[2]
FILE_MOST_BYTES = 32 * 1024  # the longest that is shipped has 6
LINE_MOST_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Live:
    """What is live: its files, its number, and a mark that changes with everything published."""

    files: Mapping[str, str]
    version: int
    base: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a check found. `menus` or `rules` is what was read, if there is no mistake."""

    mistakes: Sequence[Mistake] = ()
    warnings: Sequence[Mistake] = ()
    menus: Menus | None = None
    rules: rule_publishing.Checked | None = None
    draws: draw_files.Draws | None = None
    surveys: Mapping[str, SurveyFile] | None = None

    def of(self, shown: str) -> list[Mistake]:
        """The mistakes of one file, and those of none in particular."""
        return [each for each in self.mistakes if each.file == shown or not each.line]


class FileSet(ABC):
    """A folder of files that go live together. `kind` is also the kind of its proposals."""

    kind: str
    words: str
    files_of: Sequence[tuple[str, str]]  # (folder, words) in which new files can be made
    names: re.Pattern[str]  # what a file may be called
    required: frozenset[str]

    @property
    def subject(self) -> str:
        """There is one open proposal for what is live."""
        return f"{self.kind}:live"

    def shown(self, name: str) -> str:
        """A file as mistakes call it."""
        return f"{self.kind}/{name}"

    def allows(self, name: str) -> bool:
        """Whether a file may be called so: never a path out of the folder."""
        return self.names.fullmatch(name) is not None

    @abstractmethod
    def live(self, tx: Tx, parts: Parts) -> Live:
        """What is live now."""

    @abstractmethod
    def folder(self, parts: Parts) -> dict[str, str]:
        """The files on this server, which commands publish. Raises OSError, Mistakes."""

    @abstractmethod
    def check(self, tx: Tx, parts: Parts, files: Mapping[str, str]) -> Found:
        """The same check as the command's, and as when they go live."""

    @abstractmethod
    def changes(
        self, tx: Tx, old: Mapping[str, str], new: Mapping[str, str], found: Found
    ) -> list[str]:
        """What subscribers will notice, line by line; only for files without a mistake."""

    @abstractmethod
    def put(self, tx: Tx, parts: Parts, proposal: Proposal, who: Sequence[str]) -> int:
        """Make what was proposed live; `who` proposed and approved. Raises CannotApply."""

    def apply(self, tx: Tx, parts: Parts, proposal: Proposal, by: object, now: datetime) -> None:
        """What approving a proposal does: everything is looked at once more. Raises CannotApply."""
        people = (proposal.proposed_by, proposal.decided_by or 0)
        try:
            self.put(tx, parts, proposal, [accounts.get(tx, each).login for each in people])
        except Mistakes as wrong:
            first = check_words.mistake(wrong.mistakes[0].message, wrong.mistakes[0].hint)
            raise CannotApply(
                _(
                    "检查没有通过，共 {n} 处：{file}：{first}",
                    n=len(wrong.mistakes), file=wrong.mistakes[0].file, first=first,
                )
            ) from wrong  # fmt: skip
        except publishing.Stale as stale:
            raise CannotApply(
                _("提出以后，别人已经发布了新的版本；请驳回，让提出人在新版本上重新提议")
            ) from stale


class _Menus(FileSet):
    kind = "menus"
    words = _("菜单与文字")
    files_of = (("wechat/", _("微信菜单（某个标签的人看到的）")), ("texts/", _("文字")))
    names = re.compile(r"(wechat/[a-z0-9][a-z0-9_-]{0,39}|texts/[a-z0-9][a-z0-9_-]{0,39}"
                       r"|keywords|synonyms|scenes)\.yaml")  # fmt: skip
    required = frozenset(
        {"wechat/default.yaml", "keywords.yaml", "scenes.yaml", "texts/common.yaml"}
    )

    def live(self, tx: Tx, parts: Parts) -> Live:
        found = publications.live(tx)
        if found is None:  # nothing was published yet: what servers use is the folder
            return Live(dict(parts.live().files), 0, "0")
        return Live(found.files, found.version, str(found.version))

    def folder(self, parts: Parts) -> dict[str, str]:
        return read_folder(parts.menus_folder)

    def check(self, tx: Tx, parts: Parts, files: Mapping[str, str]) -> Found:
        known = tuple(clubs.codes(tx))
        return _checked_menus(tuple(sorted(files.items())), known, parts.public_url)

    def changes(
        self, tx: Tx, old: Mapping[str, str], new: Mapping[str, str], found: Found
    ) -> list[str]:
        try:
            return diff(old, new).splitlines()
        except Mistakes:  # an old version that this program does not read any more
            return []

    def put(self, tx: Tx, parts: Parts, proposal: Proposal, who: Sequence[str]) -> int:
        payload = proposal.payload
        return publishing.put(
            tx, payload["files"], base=int(payload["base"]), public_url=parts.public_url,
            author=who[0], note=proposal.reason, approved_by=who[1], proposal_id=proposal.id,
            now=proposal.decided_at or proposal.proposed_at,
        )  # fmt: skip


class _Rules(FileSet):
    kind = "rules"
    words = _("积分规则")
    files_of = (("earning/", _("积分规则，文件名就是规则的 code")),)
    names = re.compile(r"(earning/[a-z][a-z0-9-]{0,39}|events|tiers|memberships)\.yaml")
    required = frozenset({"events.yaml", "tiers.yaml", "memberships.yaml"})

    def live(self, tx: Tx, parts: Parts) -> Live:
        found = rule_publishing.standing(tx, self.folder(parts))
        return Live(found.files, found.version, found.base)

    def folder(self, parts: Parts) -> dict[str, str]:
        folder = ROOT / parts.settings.rules.folder
        raw = rule_files.read_folder(folder)
        for name in (rule_publishing.TIERS, rule_publishing.MEMBERSHIPS):
            if (folder / name).is_file():
                raw[name] = (folder / name).read_bytes()
        return {name: text.decode("utf-8", "replace") for name, text in raw.items()}

    def check(self, tx: Tx, parts: Parts, files: Mapping[str, str]) -> Found:
        try:
            rules = rule_publishing.checked(tx, files)
        except Mistakes as wrong:
            return Found(mistakes=wrong.mistakes)
        return Found(warnings=rules.warnings, rules=rules)

    def changes(
        self, tx: Tx, old: Mapping[str, str], new: Mapping[str, str], found: Found
    ) -> list[str]:
        return list(_rule_lines(rule_publishing.changes(tx, found.rules))) if found.rules else []

    def put(self, tx: Tx, parts: Parts, proposal: Proposal, who: Sequence[str]) -> int:
        payload = proposal.payload
        try:
            return rule_publishing.put(
                tx, payload["files"], base=payload["base"], author=who[0], note=proposal.reason,
                approved_by=who[1], proposal_id=proposal.id,
                now=proposal.decided_at or proposal.proposed_at,
            )  # fmt: skip
        except budgets.TooLittle as wrong:
            raise CannotApply(
                _("预算太小：这个活动已经送出 {least} 积分", least=wrong.least)
            ) from wrong
        except tiers.TierInUse as wrong:
            raise CannotApply(_("还有人处在要去掉的等级：{why}", why=str(wrong))) from wrong


@lru_cache(maxsize=16)  # a check takes a fifth of a second, and pages look at the same again
def _checked_menus(
    files: tuple[tuple[str, str], ...], known_clubs: tuple[str, ...], public_url: str
) -> Found:
    try:
        menus = publishing.checked(dict(files), clubs=known_clubs, public_url=public_url)
    except Mistakes as wrong:
        return Found(mistakes=wrong.mistakes)
    return Found(warnings=menus.warnings, menus=menus)


def _rule_lines(found: rule_publishing.Changes) -> Iterable[str]:
    for each in found.coming:
        if each.before is None:
            yield _("+ {code}：新规则“{title}”", code=each.rule.code, title=each.rule.title)
            continue
        yield _("~ {code}：现在是第 {n} 版", code=each.rule.code, n=each.before.version)
        for name, old, new in each.fields:
            yield f"    {name}: {_shown(old)} → {_shown(new)}"
    for stopping in found.stopping:
        yield _("- {code}：停用，不再送积分；活动预算里没有送完的收回", code=stopping.rule.code)
    if found.new_tiers:
        yield _("~ 会员等级换成新的一版")
    if found.new_memberships:
        yield _("~ 俱乐部会籍规则换成新的一版；已经开始的会籍期限不变")
    if not (found.coming or found.stopping or found.new_tiers or found.new_memberships):
        yield _("用户得到的积分没有变化。")


def _draw_lines(found: Iterable[draw_publishing.Change]) -> Iterable[str]:
    nothing = True
    for each in found:
        nothing = False
        if each.before is None:
            yield _("+ {code}：新抽奖“{title}”", code=each.draw.code, title=each.draw.title)
            continue
        yield _("~ {code}：现在是第 {n} 版", code=each.draw.code, n=each.before.version)
        for name, old, new in each.lines:
            yield f"    {name}: {_shown(old)} → {_shown(new)}"
    if nothing:
        yield _("抽奖没有变化。")


def _survey_lines(found: Iterable[survey_publishing.Change]) -> Iterable[str]:
    nothing = True
    for each in found:
        nothing = False
        if not each.version:
            yield _("+ {code}：新问卷“{title}”", code=each.survey.code, title=each.survey.title)
            continue
        yield _(
            "~ {code}：现在是第 {n} 版；已经开始答的人答完原来那一版",
            code=each.survey.code, n=each.version,
        )  # fmt: skip
        for name, old, new in each.lines:
            yield f"    {name}: {_shown(old)} → {_shown(new)}"
    if nothing:
        yield _("问卷没有变化。")


def _shown(value: object) -> str:
    return _("（没有写）") if value is None else str(value)


class _Draws(FileSet):
    kind = "draws"
    words = _("抽奖")
    files_of = (("", _("抽奖，文件名就是抽奖的 code")),)
    names = re.compile(r"[a-z][a-z0-9-]{0,31}\.yaml")
    required = frozenset()

    def live(self, tx: Tx, parts: Parts) -> Live:
        found = draw_publishing.standing(tx, self.folder(parts))
        return Live(found.files, found.version, found.base)

    def folder(self, parts: Parts) -> dict[str, str]:
        raw = draw_files.read_folder(ROOT / parts.settings.rules.folder)
        return {name: text.decode("utf-8", "replace") for name, text in raw.items()}

    def check(self, tx: Tx, parts: Parts, files: Mapping[str, str]) -> Found:
        try:
            draws = draw_publishing.checked(tx, files)
        except Mistakes as wrong:
            return Found(mistakes=wrong.mistakes)
        return Found(warnings=draws.warnings, draws=draws)

    def changes(
        self, tx: Tx, old: Mapping[str, str], new: Mapping[str, str], found: Found
    ) -> list[str]:
        if found.draws is None:
            return []
        return list(_draw_lines(draw_publishing.changes(tx, found.draws.drafts.values())))

    def put(self, tx: Tx, parts: Parts, proposal: Proposal, who: Sequence[str]) -> int:
        payload = proposal.payload
        try:
            return draw_publishing.put_files(
                tx, payload["files"], Seeds(lambda: parts.vault), base=payload["base"],
                author=who[0], note=proposal.reason, approved_by=who[1], proposal_id=proposal.id,
                now=proposal.decided_at or proposal.proposed_at,
            )  # fmt: skip
        except LessThanGiven as wrong:
            raise CannotApply(
                _("{what} 太少：已经送出 {least}", what=wrong.what, least=wrong.least)
            ) from wrong


class _Surveys(FileSet):
    kind = "surveys"
    words = _("问卷")
    files_of = (("", _("问卷，文件名就是问卷的 code")),)
    names = re.compile(r"[a-z][a-z0-9-]{0,31}\.yaml")
    required = frozenset()

    def live(self, tx: Tx, parts: Parts) -> Live:
        found = survey_publishing.standing(tx, self.folder(parts), parts.now())
        return Live(found.files, found.version, found.base)

    def folder(self, parts: Parts) -> dict[str, str]:
        raw = survey_rules.read_folder(ROOT / parts.settings.rules.folder)
        return {name: text.decode("utf-8", "replace") for name, text in raw.items()}

    def check(self, tx: Tx, parts: Parts, files: Mapping[str, str]) -> Found:
        try:
            return Found(surveys=survey_publishing.checked(tx, files, parts.now()))
        except Mistakes as wrong:
            return Found(mistakes=wrong.mistakes)

    def changes(
        self, tx: Tx, old: Mapping[str, str], new: Mapping[str, str], found: Found
    ) -> list[str]:
        if found.surveys is None:
            return []
        return list(_survey_lines(survey_publishing.changes(tx, found.surveys.values())))

    def put(self, tx: Tx, parts: Parts, proposal: Proposal, who: Sequence[str]) -> int:
        payload = proposal.payload
        return survey_publishing.put_files(
            tx, payload["files"], base=payload["base"], author=who[0], note=proposal.reason,
            approved_by=who[1], proposal_id=proposal.id,
            now=proposal.decided_at or proposal.proposed_at,
        )  # fmt: skip


MENUS, RULES, DRAWS, SURVEYS = SETS = (_Menus(), _Rules(), _Draws(), _Surveys())
BY_KIND: Mapping[str, FileSet] = {each.kind: each for each in SETS}

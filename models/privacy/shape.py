"""How a declaration of personal data is written down: a table, its columns by what they tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# What a column tells; its words are in WORDS.
OWNER, CONTACT, TEXT, BEHAVIOUR, MONEY = "owner", "contact", "text", "behaviour", "money"
SECRET, TIME, TECHNICAL, STAFF = "secret", "time", "technical", "staff"


@dataclass(frozen=True, slots=True)
class Said:
    """The same in both languages of the console."""

    zh: str
    en: str

    def __call__(self, language: str) -> str:
        return self.en if language == "en" else self.zh


CLASSES: Mapping[str, Said] = {
    OWNER: Said("归属编号", "whose it is, as a number"),
    CONTACT: Said("联系方式", "how a person is reached"),
    TEXT: Said("文字内容", "words"),
    BEHAVIOUR: Said("使用情况", "what the person did"),
    MONEY: Said("积分与金额", "points and amounts"),
    SECRET: Said("密码类（只存哈希）", "secrets, stored hashed"),
    TIME: Said("时间", "moments"),
    TECHNICAL: Said("技术字段", "technical"),
    STAFF: Said("工作人员", "people of ours"),
}


@dataclass(frozen=True, slots=True)
class Deletion:
    """What becomes of a person's rows; `statement` does it, for %(ids)s and %(numbers)s."""

    words: Said
    statement: str | None = None  # None: the rows stay, under a number that is nobody's


STAYS = Deletion(Said("保留，但不再能认出本人", "stays, without identity"))


def removes(table: str, or_else: str = "") -> Deletion:
    """The rows are deleted."""
    where = "subscriber_id = ANY (%(ids)s)" + (f" OR {or_else}" if or_else else "")
    return Deletion(Said("删除", "deleted"), f"DELETE FROM {table} WHERE {where}")


@dataclass(frozen=True, slots=True)
class Forever:
    """Kept while the account is there, or for good, and why; else the name of a retention rule."""

    words: Said


UNTIL_DELETED = Forever(Said("直到本人要求删除", "until the person asks for deletion"))
BOOKS = Forever(
    Said("账簿，长期保存（会计档案）", "for good: the books of points, as book-keeping demands")
)
EVIDENCE = Forever(Said("凭证，长期保存", "for good: evidence of what was agreed or done"))


@dataclass(frozen=True, slots=True)
class Kept:
    """A table that has something about people."""

    table: str
    what: Said
    why: Said
    columns: Mapping[str, str]  # what they tell -> their names
    kept: Forever | str  # a retention rule's name
    deletion: Deletion
    sections: tuple[str, ...] = ()  # of the export that give it
    not_exported: Said | None = None  # why no section does
    withheld: Mapping[str, Said] = field(default_factory=dict)  # columns that no export gives

    def names(self) -> list[str]:
        """All its columns."""
        return [name for names in self.columns.values() for name in names.split()]

    def told_by(self, column: str) -> str:
        """What a column tells. Raises LookupError."""
        return next(what for what, names in self.columns.items() if column in names.split())


HASH = Said("只存哈希，不是内容本身", "a hash, not the thing itself")
OURS = Said("工作人员的信息", "about people of ours")
OTHERS = Said(
    "另一位用户的信息，只给遮盖后的号码", "another person's; their number is given masked"
)
INNER = Said("内部编号", "an inner number")


def inner(names: str) -> dict[str, Said]:
    """These columns are withheld: they mean something to our programs alone."""
    return dict.fromkeys(names.split(), INNER)

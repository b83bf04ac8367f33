"""docs/privacy.md, written from the declaration; a test holds the file to it."""

from __future__ import annotations

from collections.abc import Iterator

from models.privacy import retention
from models.privacy.declared import DECLARED, ELSEWHERE, IMPERSONAL
from models.privacy.shape import CLASSES, Forever, Kept

HEAD = """# Personal data: what is stored, why, and for how long

<!-- Written by `python app.py privacy docs > docs/privacy.md`; a test holds this file to it. Change
     models/privacy/declared_*.py and retention.py instead. -->

The law is the Personal Information Protection Law of the People's Republic of China
(个人信息保护法, PIPL). What the product does for it:

- **One declaration** (`models/privacy/declared.py`) names every table and column with
  personal data. A test compares it with the database's tables: a table or column that
  nobody has declared fails it. The console's page 个人信息, the copy, the deletion and this
  page are all made from it.
- **A copy** (PIPL 45): customer service gives a person all that is stored about them as one
  ZIP, a page in Chinese and JSON. Other people's numbers are masked wherever they stand;
  codes and hashes are not in it.
  `python app.py privacy export NUMBER FILE --by LOGIN --reason "..."`
- **Deletion** (PIPL 47): one person proposes it, another approves. It is refused while
  something is not finished, and says what: reserved points, a club that BOSS is opening, an
  unanswered call of BOSS, a reversal that waits, an open complaint. Then, in one
  transaction: points and coins are forfeited by a transfer into the house's account
  `forfeited`; memberships end, and BOSS is asked to close their services; WeChat's tags are
  taken away; what the table below says is deleted; the person is told once. What stays has
  a number and no name. Who comes back is somebody new.
  `python app.py privacy delete NUMBER --by LOGIN --reason "..."`,
  then `privacy approve N --by ANOTHER`
- **Retention** (PIPL 19): what is not needed any more is forgotten by the clock, every
  hour, in small bites.
  `python app.py privacy retention`
- **Masking**: a phone number is whole only where it must be; at the console only for a
  reason, and audited.
- A reason that is kept for good may not contain a phone number: the console and the
  commands refuse it.

The number of a deleted person lives on in what is still owed to them (the last message,
BOSS' close order), until it has left or been answered; a message is given up after
`privacy.last_words_hours`. `privacy deletions` and the console say for whom that is not
finished: an order that BOSS does not answer must be looked at (`python app.py outbox
list`).
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_retention(), *_tables(), *_elsewhere(), *_impersonal()])


def _retention() -> Iterator[str]:
    yield "## How long\n"
    yield "Days are settings (`config.yaml`, section `privacy`); none may be less than the least.\n"
    yield "| data | setting | days | least | because |"
    yield "|---|---|---|---|---|"
    for rule in retention.RULES:
        yield (
            f"| {rule.what.en} | `{rule.name}_days` | {rule.days} | {rule.least}"
            f" | {rule.because.en} |"
        )
    yield ""


def _tables() -> Iterator[str]:
    yield "## What is stored\n"
    for kept in DECLARED:
        yield f"### {kept.table}\n"
        yield f"{kept.what.en[0].upper()}{kept.what.en[1:]}. {_why(kept)}\n"
        yield "| tells | columns |"
        yield "|---|---|"
        for kind, names in kept.columns.items():
            yield f"| {CLASSES[kind].en} | {', '.join(f'`{name}`' for name in names.split())} |"
        yield ""
        yield f"- Kept: {_kept(kept)}."
        yield f"- In a copy: {_copy(kept)}."
        yield f"- Deletion: {kept.deletion.words.en}."
        yield ""


def _why(kept: Kept) -> str:
    return f"Why: {kept.why.en}."


def _kept(kept: Kept) -> str:
    if isinstance(kept.kept, Forever):
        return kept.kept.words.en
    days = retention.BY_NAME[kept.kept].days
    return f"{days} days (`{kept.kept}_days`)" if days else f"until it is over (`{kept.kept}_days`)"


def _copy(kept: Kept) -> str:
    if kept.not_exported is not None:
        return f"no: {kept.not_exported.en}"
    names = ", ".join(f"`{name}`" for name in kept.sections)
    if not kept.withheld:
        return f"all of it, as {names}"
    return f"as {names}, without {', '.join(f'`{name}`' for name in kept.withheld)}"


def _elsewhere() -> Iterator[str]:
    yield "## Outside the database\n"
    for where, what in ELSEWHERE.items():
        yield f"- **{where}**: {what}."
    yield ""


def _impersonal() -> Iterator[str]:
    yield "## Tables with nothing about subscribers\n"
    for table, why in IMPERSONAL.items():
        yield f"- `{table}`: {why}"
    yield ""

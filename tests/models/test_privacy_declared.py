"""Nothing about people is stored that the declaration does not name: every table, every column."""

from __future__ import annotations

import re

import pytest

import settings
from models.privacy import retention
from models.privacy.declared import BY_TABLE, DECLARED, IMPERSONAL
from models.privacy.export import SECTIONS
from models.privacy.shape import CLASSES, OWNER, SECRET, Forever, Kept
from models.tables import metadata

# What a table about nobody has no column for, whatever it is called.
TELLING = re.compile(
    r"subscriber|msisdn|openid|phone|payload|said|answer|(?<!per_)person|payer|payee"
)


@pytest.fixture(params=DECLARED, ids=lambda kept: kept.table)
def kept(request: pytest.FixtureRequest) -> Kept:
    found: Kept = request.param
    return found


def test_every_table_is_declared_or_known_to_have_nothing_about_people() -> None:
    tables = set(metadata.tables)
    assert tables == set(BY_TABLE) | set(IMPERSONAL)
    assert not set(BY_TABLE) & set(IMPERSONAL)
    assert len(BY_TABLE) == len(DECLARED)


def test_every_column_of_a_declared_table_says_what_it_tells(kept: Kept) -> None:
    names = [column.name for column in metadata.tables[kept.table].columns]
    assert sorted(kept.names()) == sorted(names)
    assert set(kept.columns) <= set(CLASSES)


def test_a_table_about_nobody_has_no_column_that_could_be_about_somebody() -> None:
    for table in IMPERSONAL:
        telling = [c.name for c in metadata.tables[table].columns if TELLING.search(c.name)]
        assert not telling, f"{table}: {telling}"


def test_every_column_is_in_the_copy_or_withheld_for_a_reason(kept: Kept) -> None:
    if kept.not_exported is not None:
        assert not kept.sections
        return
    sections = [section for section in SECTIONS if section.name in kept.sections]
    assert len(sections) == len(kept.sections)
    given = set().union(*(section.gives(kept.table) for section in sections))
    owners = set(kept.columns.get(OWNER, "").split())
    missing = set(kept.names()) - given - set(kept.withheld) - owners
    assert not missing
    assert set(kept.withheld) <= set(kept.names())
    assert not given & set(kept.withheld)
    secret = set(kept.columns.get(SECRET, "").split())
    assert secret <= set(kept.withheld), "no copy shows a hash"


def test_every_section_of_the_copy_belongs_to_declared_tables() -> None:
    named = {name for kept in DECLARED for name in kept.sections}
    assert named == {section.name for section in SECTIONS}


def test_what_is_not_kept_for_good_has_a_rule_of_retention(kept: Kept) -> None:
    if isinstance(kept.kept, Forever):
        return
    assert retention.BY_NAME[kept.kept].table == kept.table


def test_every_rule_of_retention_is_a_setting_with_the_same_limits() -> None:
    fields = settings.Privacy.model_fields
    for rule in retention.RULES:
        field = fields[f"{rule.name}_days"]
        limits = {type(each).__name__: each for each in field.metadata}
        assert (limits["Ge"].ge, limits["Le"].le, field.default) == (
            rule.least, rule.most, rule.days,
        ), rule.name  # fmt: skip
        assert rule.least <= rule.days <= rule.most
        assert rule.table in metadata.tables
    days = {name for name in fields if name.endswith("_days")}
    assert days == {f"{rule.name}_days" for rule in retention.RULES}


def test_a_new_table_or_column_would_be_missed(kept: Kept) -> None:
    """That the tests above can fail: a column more, and they do."""
    names = [*(c.name for c in metadata.tables[kept.table].columns), "new_column"]
    assert sorted(kept.names()) != sorted(names)

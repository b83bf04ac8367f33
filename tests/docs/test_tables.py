"""The tables of docs/architecture.md, and the rule that it says they keep."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Table, UniqueConstraint

from models.tables import metadata
from tests.docs.markdown import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


def _named(kind: str) -> list[str]:
    """The tables in the second column of the row of this kind."""
    (row,) = re.findall(rf"^\| {kind} \|([^|]+)\|", PAGE, re.MULTILINE)
    names = re.findall(r"`(\w+)`", row)
    return [name for name in names if name in metadata.tables]


SCOPED = [metadata.tables[name] for name in _named("subscriber-scoped") if name != "subscribers"]
REFERENCE = frozenset(_named("reference"))


def test_every_table_stands_once_in_the_page() -> None:
    kinds = ("subscriber-scoped", "looked up by another key", "between two people", "reference")
    named = [name for kind in kinds for name in _named(kind)]
    assert sorted(named) == sorted(metadata.tables)


@pytest.mark.parametrize("table", SCOPED, ids=lambda table: str(table.name))
def test_keys_of_what_belongs_to_a_person_begin_with_the_person(table: Table) -> None:
    keys = [table.primary_key, *(k for k in table.constraints if isinstance(k, UniqueConstraint))]
    firsts = [next(iter(key.columns)).name for key in keys]
    firsts += [next(iter(index.columns)).name for index in table.indexes if index.unique]
    assert set(firsts) == {"subscriber_id"}
    for link in table.foreign_key_constraints:
        assert "subscriber_id" in link.column_keys or link.referred_table.name in REFERENCE

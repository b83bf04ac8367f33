"""docs/decisions.md explains every library."""

from __future__ import annotations

import re

import pytest

from tests.docs.markdown import ROOT

LIBRARIES = [
    re.split(r"\[", line.strip())[0]
    for line in (ROOT / "requirements.in").read_text().splitlines()
    if line.strip() and not line.startswith("#")
]


@pytest.mark.parametrize("name", LIBRARIES)
def test_every_library_of_requirements_in_is_explained(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs" / "decisions.md").read_text("utf-8")

"""A far end that Twilio's client talks to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.far_end import FarEnd, far_end


@pytest.fixture
def far() -> Iterator[FarEnd]:
    with far_end({}) as end:
        yield end

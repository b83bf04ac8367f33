"""A far end that WeChat's and BOSS's clients talk to, and a real Redis."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import redis

from tests.far_end import FarEnd, far_end


@pytest.fixture
def far() -> Iterator[FarEnd]:
    with far_end({"errcode": 0, "errmsg": "ok"}) as end:
        yield end


@pytest.fixture
def redis_address(redis_url: str) -> str:
    return redis_url


@pytest.fixture
def store(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def app_id() -> str:
    """Its own for each test, so that tests may share a Redis."""
    return f"wx{uuid.uuid4().hex[:16]}"

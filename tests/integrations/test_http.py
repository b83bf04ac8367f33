"""Sessions: always a timeout, hosts moved where they should, no secret in an error."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from integrations.http import from_transport, move, new_session, retry_after_s

MOVED = {"api.weixin.qq.com": "http://127.0.0.1:8001/far"}


def test_a_known_host_is_moved_with_path_query_and_fragment_and_others_stay() -> None:
    assert (
        move("https://api.weixin.qq.com/a/b?c=1#d", MOVED) == "http://127.0.0.1:8001/far/a/b?c=1#d"
    )
    assert move("https://example.org/a?c=1", MOVED) == "https://example.org/a?c=1"


def test_a_request_without_a_timeout_gets_one(far: Any) -> None:
    far.answer = lambda _: None
    with pytest.raises(requests.ReadTimeout):
        new_session(timeout_s=0.05).get(far.url)
    assert len(far.calls) == 1


def test_the_callers_own_timeout_wins(far: Any) -> None:
    far.answer = lambda _: None
    with pytest.raises(requests.ReadTimeout):
        new_session(timeout_s=30).get(far.url, timeout=0.05)


def test_a_hard_coded_host_is_reached_at_its_stand_in(far: Any) -> None:
    session = new_session(timeout_s=5, moved={"api.weixin.qq.com": far.url})
    assert session.get("https://api.weixin.qq.com/x", params={"y": "1"}).ok
    assert (far.calls[0].path, far.calls[0].query) == ("/x", {"y": "1"})


def test_an_error_never_quotes_the_url() -> None:
    with pytest.raises(requests.ConnectionError) as refused:
        # Port 9 (discard) refuses: nothing listens there.
        new_session(timeout_s=1).get("http://127.0.0.1:9/?access_token=secret")
    assert "secret" in str(refused.value)
    failed = from_transport(refused.value, whom="WeChat")
    assert "secret" not in str(failed)
    assert not failed.maybe_done


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("999999", 3600.0),
        ("", None),
        ("-1", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_a_pause_is_read_and_bounded(value: str, seconds: float | None) -> None:
    assert retry_after_s({"Retry-After": value}) == seconds

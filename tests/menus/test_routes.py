"""Keys say a whole route, and are read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from menus.routes import make_key, make_route, read_key

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


def test_the_key_of_a_route_is_stable() -> None:
    assert make_key("balance", {}) == "balance"
    assert make_key("join_club", {"club": "film"}) == "join_club?club=film"
    assert make_key("d", {"b": "1", "a": "2"}) == make_key("d", {"a": "2", "b": "1"}) == "d?a=2&b=1"


@given(NAMES, st.dictionaries(NAMES, st.text(st.characters(codec="utf-8"), max_size=2), max_size=3))
def test_a_key_is_read_back_as_its_route(dialog: str, notes: dict[str, str]) -> None:
    key = make_key(dialog, notes)
    if len(key) <= 128:
        assert read_key(key) == make_route(dialog, notes)


@given(st.text(max_size=140))
def test_any_key_is_a_route_or_none(key: str) -> None:
    route = read_key(key)
    assert route is None or route.dialog


@pytest.mark.parametrize(
    "key", ["", "Balance", "a?", "a?b", "a?b=%ff", "a?B=c", "a?b=c&b=d", "a" * 129, "a\n", "\ud800"]
)
def test_what_is_no_key_of_ours_is_none(key: str) -> None:
    assert read_key(key) is None


def test_the_notes_of_a_route_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        make_route("a", {"b": "c"}).notes["b"] = "d"  # type: ignore[index]

"""Numbers that nobody can choose, odds that are kept, stock that is given out in slices."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as some

from models.draws import choosing, fairness
from models.draws.watching import wilson
from tests.models.draws import prize, terms

SEED = "00" * 31 + "2a"


def test_anybody_can_compute_a_number_with_five_lines() -> None:
    """As the page that explains it says: HMAC-SHA256, eight words, the first below 4294000000."""
    digest = hmac.new(bytes.fromhex(SEED), b"egg|0123456789ab|7|0", hashlib.sha256).digest()
    words = [int.from_bytes(digest[at : at + 4], "big") for at in range(0, 32, 4)]
    first = next(word for word in words if word < 4_294_000_000)
    assert fairness.number(SEED, draw="egg", player="0123456789ab", nonce=7) == first % 1_000_000
    assert fairness.commitment(SEED) == hashlib.sha256(bytes.fromhex(SEED)).hexdigest()


def test_numbers_are_spread_evenly() -> None:
    """Chi-square over 100 equal parts: 99 degrees of freedom, 99.9 % lie below 148."""
    counted = Counter(
        fairness.number(SEED, draw="egg", player="p", nonce=nonce) // 10_000
        for nonce in range(1, 20_001)
    )
    chi = sum((counted[part] - 200) ** 2 / 200 for part in range(100))
    assert chi < 148


def test_every_number_belongs_to_one_prize_by_the_odds_in_their_order() -> None:
    draw = terms(prize("a", 1, 9), prize("b", 250_000, 9), prize("c", 0, 9))
    means = {0: "a", 1: "b", 250_000: "b", 250_001: "thanks", 999_999: "thanks"}
    for number, code in means.items():
        assert choosing.choose(draw, number=number, blanks=0).prize.code == code


@given(some.integers(1, 500), some.sampled_from(["daily", "hourly"]), some.data())
@settings(max_examples=60)
def test_slices_never_release_too_much_and_at_last_all(
    stock: int, release: str, data: some.DataObject
) -> None:
    draw = terms(prize("a", 1000, stock, release=release))
    start, end = draw.window.starts_at, draw.window.ends_at
    moments = sorted(
        start + timedelta(seconds=data.draw(some.integers(-100, 864_100))) for _ in range(5)
    )
    counts = [choosing.released(draw, draw.prizes[0], at) for at in moments]
    assert counts == sorted(counts)
    assert all(0 <= count <= stock for count in counts)
    last = timedelta(days=1) if release == "daily" else timedelta(hours=1)
    before = choosing.released(draw, draw.prizes[0], end - last - timedelta(seconds=1))
    assert choosing.released(draw, draw.prizes[0], end - last) == stock
    assert before < stock, "the last slice has some"


@given(some.integers(0, 1000), some.integers(1, 1000))
def test_the_band_holds_what_was_seen(hits: int, of: int) -> None:
    hits = min(hits, of)
    low, high = wilson(hits, of)
    assert 0 <= low <= hits / of <= high <= 1


def test_wilsons_band_is_the_known_one() -> None:
    low, high = wilson(10, 100, confidence=0.95)
    assert (round(low, 4), round(high, 4)) == (0.0552, 0.1744)
    assert wilson(0, 0) == (0, 1)

"""The sample values with which operators see the texts."""

from collections.abc import Mapping

from menus.menus import Menus
from menus.samples import SAMPLES
from menus.texts import OTHER_UNITS, TYPICAL_UNITS, units


def test_every_placeholder_of_a_dialog_has_a_sample(
    texts_used: Mapping[str, frozenset[str]],
) -> None:
    assert frozenset().union(*texts_used.values()) <= SAMPLES.keys()


def test_every_shipped_text_can_be_shown_with_samples(
    menus: Menus, texts_used: Mapping[str, frozenset[str]]
) -> None:
    for key in texts_used:
        for channel in ("wechat", "sms"):
            assert "{" not in menus.text(key, channel=channel, **SAMPLES), key


def test_a_sample_is_about_as_long_as_the_check_reckons() -> None:
    for name, sample in SAMPLES.items():
        assert units(sample) <= TYPICAL_UNITS.get(name, OTHER_UNITS) + 2, name

"""Sentences: placeholders, channels, the signature, lengths."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogs import live
from menus.menus import Menus, Mistakes, read_folder
from menus.texts import compile_sentence, units

FOLDER = Path(__file__).parents[2] / "menus"
Load = Callable[..., Menus]


def load_text(load_sample: Load, sample: Mapping[str, str], yaml: str, *names: str) -> Menus:
    """The sample with one text alone, t.x, that is given these values."""
    files = {name: text for name, text in sample.items() if not name.startswith("texts/")}
    files["texts/t.yaml"] = yaml
    files["texts/common.yaml"] = 'signature: "【和%生活圈】"\n'
    used = {"t.x": frozenset(names)}
    return load_sample(files, texts_used=used)


def told(load_sample: Load, sample: Mapping[str, str], yaml: str, *names: str) -> list[str]:
    with pytest.raises(Mistakes) as caught:
        load_text(load_sample, sample, yaml, *names)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_text_is_filled_and_signed_by_sms_only(sample_menus: Menus) -> None:
    said = sample_menus.text("club.welcome", channel="wechat", club="电影俱乐部", link="L")
    assert said == "欢迎加入电影俱乐部！会员优惠和服务都在这里：L"
    by_sms = sample_menus.text("club.welcome", channel="sms", club="电影俱乐部", link="L")
    assert by_sms == "【和生活圈】" + said
    assert sample_menus.text("common.busy", channel="sms").startswith("【和生活圈】系统正忙")


def test_the_consent_question_names_company_club_price_and_how_to_leave(menus: Menus) -> None:
    for key in ("club.offer", "club.offer_again"):
        said = menus.text(key, channel="sms", club="电影俱乐部", price="5")
        for part in ("中国移动", "电影俱乐部", "5元", "退", "不回复"):
            assert part in said


def test_a_channel_without_its_own_sentence_uses_the_other(
    load_sample: Load, sample: Mapping[str, str]
) -> None:
    menus = load_text(load_sample, sample, "t.x: {wechat: 微信}\n")
    assert menus.text("t.x", channel="sms") == "【和%生活圈】微信"
    menus = load_text(load_sample, sample, "t.x: {sms: 短信}\n")
    assert menus.text("t.x", channel="wechat") == "短信"


def test_braces_and_percent_signs_stay_what_they_are(
    load_sample: Load, sample: Mapping[str, str]
) -> None:
    menus = load_text(load_sample, sample, 't.x: "{{a}} 95% {club} %s"\n', "club")
    assert menus.text("t.x", channel="wechat", club="{x}%") == "{a} 95% {x}% %s"
    assert menus.text("t.x", channel="sms", club="C") == "【和%生活圈】{a} 95% C %s"
    menus = load_text(load_sample, sample, 't.x: "95% {{}}"\n')
    assert menus.text("t.x", channel="sms") == "【和%生活圈】95% {}"


def test_an_unknown_key_or_a_missing_value_raises_keyerror(menus: Menus) -> None:
    with pytest.raises(KeyError, match="nothing"):
        menus.text("club.nothing", channel="sms")
    with pytest.raises(KeyError, match="link"):
        menus.text("club.page", channel="sms", club="电影俱乐部")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{}", "{}: a placeholder is one simple name"),
        ("{club.name}", "{club.name}: a placeholder is one simple name"),
        ("{club:>9}", "{club:>9}: a placeholder is one simple name"),
        ("{club!r}", "{club!r}: a placeholder is one simple name"),
        ("{0}", "{0}: a placeholder is one simple name"),
        ("{俱乐部}", "{俱乐部}: a placeholder is one simple name"),
        ("{club", "a single {; write {{ for the brace itself"),
        ("club}", "a single }; write }} for the brace itself"),
    ],
)
def test_a_placeholder_is_one_simple_name(
    load_sample: Load, sample: Mapping[str, str], text: str, why: str
) -> None:
    (found,) = told(load_sample, sample, f't.x: "{text}"\n', "club")
    assert found.startswith(f"menus/texts/t.yaml:1:6: t.x: {why}")


def test_a_value_that_the_dialogs_do_not_give_is_told(
    load_sample: Load, sample: Mapping[str, str]
) -> None:
    yaml = 't.x:\n  wechat: "{club}"\n  sms: "{clubs}{day}"\n'
    assert told(load_sample, sample, yaml, "club") == [
        "menus/texts/t.yaml:3:8: t.x: no value for {clubs} (did you mean club?)",
        "menus/texts/t.yaml:3:8: t.x: no value for {day} (offered here: club)",
    ]


@pytest.mark.parametrize(
    ("yaml", "why"),
    [
        ("t.x: 5\n", "1:6: t.x: should be a valid string (put it in quotes)"),
        ("t.x: ''\n", "1:6: t.x: an empty sentence"),
        ("t.x: {}\n", "1:6: t.x: needs wechat or sms"),
        ("t.x: {wehcat: a}\n", "1:7: t.x.wehcat: unknown key (did you mean wechat?)"),
        ("T X: a\n", "1:1: T X: should match pattern"),
    ],
)
def test_a_text_is_a_sentence_or_one_for_each_channel(
    load_sample: Load, sample: Mapping[str, str], yaml: str, why: str
) -> None:
    found = told(load_sample, sample, yaml)
    assert found[0].startswith(f"menus/texts/t.yaml:{why}")


def test_more_than_two_sms_are_a_mistake_with_signature_and_values_counted(
    load_sample: Load, sample: Mapping[str, str]
) -> None:
    signature = len("【和%生活圈】")
    fits = "圈" * (134 - signature - 9) + "{club}"  # a club's name counts 9
    load_text(load_sample, sample, f't.x: "{fits}"\n', "club")
    (found,) = told(load_sample, sample, f't.x: "{fits}圈"\n', "club")
    assert found.startswith(
        "menus/texts/t.yaml:1:6: t.x: about 135 characters by SMS, signature and values included"
    )
    load_text(load_sample, sample, f't.x: {{wechat: "{fits}圈"}}\n', "club")


def test_more_than_2048_bytes_are_a_mistake_on_wechat(
    load_sample: Load, sample: Mapping[str, str]
) -> None:
    load_text(load_sample, sample, f"t.x: {{wechat: {'圈' * 682}}}\n")
    (found,) = told(load_sample, sample, f"t.x: {{wechat: {'圈' * 683}}}\n")
    assert found.startswith("menus/texts/t.yaml:1:15: t.x: about 2049 bytes on WeChat")


def test_an_emoji_counts_two_units() -> None:
    assert (units("圈"), units("😀"), units("")) == (1, 2, 0)


def test_no_sentence_takes_more_than_two_sms(
    menus: Menus, texts_used: Mapping[str, frozenset[str]]
) -> None:
    assert texts_used.keys() | {"signature"} == menus.sentences["sms"].keys()


@settings(max_examples=50)
@given(data=st.data())
def test_a_declared_text_is_said_whatever_its_values(
    data: st.DataObject, menus: Menus, texts_used: Mapping[str, frozenset[str]]
) -> None:
    key = data.draw(st.sampled_from(sorted(texts_used)))
    values = data.draw(
        st.fixed_dictionaries(
            {name: st.text() | st.integers() | st.none() for name in texts_used[key]}
        )
    )
    for channel in ("wechat", "sms"):
        said = menus.text(key, channel=channel, **values)
        spoken = menus.sentences[channel][key].names
        assert all(str(values[name]) in said for name in spoken)


@given(st.text(), st.text())
def test_escaped_text_comes_out_as_it_was_written(before: str, value: str) -> None:
    escaped = before.replace("{", "{{").replace("}", "}}")
    assert compile_sentence(escaped).fill({}) == before
    assert compile_sentence(escaped + "{club}").fill({"club": value}) == before + value


def test_marketing_that_does_not_say_how_to_leave_is_a_mistake_by_sms_alone(
    load_sample: Load, sample: Mapping[str, str]
) -> None:
    def mistakes(yaml: str) -> list[str]:
        files = {name: text for name, text in sample.items() if not name.startswith("texts/")}
        files["texts/common.yaml"] = 'signature: "【和生活圈】"\n'
        files["texts/t.yaml"] = yaml
        try:
            load_sample(
                files,
                texts_used={"t.x": frozenset()},
                marketing={"t.x"},
                says_how_to_leave=lambda text: "TD" in text,
            )
        except Mistakes as bad:
            return [str(each) for each in bad.mistakes]
        return []

    (wrong,) = mistakes('t.x: {wechat: "电影半价", sms: "今晚电影半价"}')
    assert wrong.startswith("menus/texts/t.yaml:1:")
    assert "t.x: marketing by SMS must say how to leave" in wrong
    assert "回复TD退订" in wrong
    assert mistakes('t.x: {wechat: "电影半价", sms: "今晚电影半价，回复TD退订"}') == []
    assert len(mistakes('t.x: "电影半价"')) == 1


def test_a_shipped_text_that_sells_and_hides_how_to_leave_is_refused() -> None:
    files = read_folder(FOLDER)
    name = "texts/invitations.yaml"
    files[name] = files[name].replace("，不想再收到请回复TD", "")
    with pytest.raises(Mistakes) as caught:
        live.check(files)
    (wrong,) = caught.value.mistakes
    assert wrong.message == "invited.ask: marketing by SMS must say how to leave"

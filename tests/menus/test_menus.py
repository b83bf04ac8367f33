"""Loading the menu files: what is shipped is clean, and every mistake is told with its place."""

from collections.abc import Callable

import pytest

from menus.menus import Menus, Mistakes
from menus.routes import make_route

Files = dict[str, str]
Load = Callable[..., Menus]
DEFAULT = "wechat/default.yaml"
JOIN = "texts/join_club.yaml"


def told(load_sample: Load, files: Files, **other: object) -> list[str]:
    with pytest.raises(Mistakes) as caught:
        load_sample(files, **other)
    return [str(mistake) for mistake in caught.value.mistakes]


def changed(files: Files, name: str, old: str, new: str) -> Files:
    assert old in files[name], f"{old} is not in {name}"
    return {**files, name: files[name].replace(old, new, 1)}


def test_the_shipped_files_load_without_mistake_or_warning(menus: Menus) -> None:
    assert menus.version == 0
    assert menus.warnings == ()
    assert {menu.tag for menu in menus.wechat_menus()} >= {None, "film", "vip"}


def test_a_tapped_entry_a_scan_and_a_word_lead_to_the_same_route(menus: Menus) -> None:
    route = make_route("join_club", {"club": "film"})
    assert menus.key("join_club?club=film") == route
    assert menus.scene("cinema-01") == menus.scene("club-film") == route
    word = menus.word("加入电影")
    assert word is not None
    assert (word.route, word.always) == (route, False)


def test_help_and_leaving_always_work(menus: Menus) -> None:
    for said in ("帮助", "bz", "退订", "td"):
        word = menus.word(said)
        assert word is not None
        assert word.always


def test_every_club_can_be_joined_by_word_and_by_pinyin(menus: Menus) -> None:
    words = {
        "film": ("加入电影", "jr电影", "jrdy"),
        "car": ("加入车友", "jr车友会", "jrcy"),
        "sports": ("加入体育", "jr体育", "jrty"),
        "lottery": ("加入彩民", "jr彩票", "jrcm"),
        "gamers": ("加入玩家", "jr手机玩家", "jrwj"),
        "vip": ("加入vip", "jr全球通", "jrqqt"),
    }
    for club, said in words.items():
        for text in said:
            word = menus.word(text)
            assert word is not None, text
            assert word.route == make_route("join_club", {"club": club})
        assert menus.scene(f"club-{club}") == make_route("join_club", {"club": club})


def test_a_key_of_an_older_menu_still_opens_its_dialog(menus: Menus) -> None:
    assert menus.key("club_page?club=vip") == make_route("club_page", {"club": "vip"})


@pytest.mark.parametrize(
    "key", ["", "join_club", "nothing?club=film", "join_club?club", "a?b=c&b=d"]
)
def test_a_key_that_says_no_whole_route_leads_nowhere(menus: Menus, key: str) -> None:
    assert menus.key(key) is None


def test_unknown_scenes_and_words_lead_nowhere(menus: Menus) -> None:
    assert menus.scene("cinema-99") is None
    assert menus.word("今天天气") is None


def test_the_default_menu_comes_first_and_pages_get_the_public_address(sample_menus: Menus) -> None:
    default, *by_tag = sample_menus.wechat_menus("https://circle.example/")
    assert default.tag is None
    assert [menu.tag for menu in by_tag] == ["car", "film", "vip"]
    assert default.buttons[0]["sub_button"][0] == {
        "type": "click",
        "name": "查积分",
        "key": "balance",
    }
    film = by_tag[1].buttons[1]["sub_button"][0]
    assert film == {
        "type": "view",
        "name": "我的电影俱乐部",
        "url": "https://circle.example/clubs/film",
    }


def test_an_address_that_makes_a_url_too_long_is_refused(sample_menus: Menus) -> None:
    with pytest.raises(ValueError, match="longer than 1024 bytes"):
        sample_menus.wechat_menus("https://circle.example/" + "x" * 1020)


def test_the_version_and_the_files_are_kept(sample: Files, load_sample: Load) -> None:
    menus = load_sample(sample, version=7)
    assert menus.version == 7
    assert dict(menus.files) == sample


def test_an_unknown_dialog_is_told_in_its_line(sample: Files, load_sample: Load) -> None:
    files = changed(sample, DEFAULT, "dialog: balance", "dialog: balanse")
    assert told(load_sample, files) == [
        "menus/wechat/default.yaml:8:17: no dialog balanse (did you mean balance?)"
    ]


def test_a_missing_an_unknown_and_a_wrong_note_are_told(sample: Files, load_sample: Load) -> None:
    files = changed(sample, DEFAULT, "{club: film}", "{clup: film}")
    files = changed(files, DEFAULT, "{club: car}", "{club: caar}")
    assert told(load_sample, files) == [
        "menus/wechat/default.yaml:14:17: dialog join_club needs club (write `with: {club: ...}`)",
        "menus/wechat/default.yaml:15:16: dialog join_club takes no clup (did you mean club?)",
        "menus/wechat/default.yaml:18:22: no club caar (did you mean car?)",
    ]


def test_routes_of_words_and_scenes_are_checked_too(sample: Files, load_sample: Load) -> None:
    scenes = "scenes:\n  club-film: {dialog: join_clubs, with: {club: film}}\n"
    words = "words:\n  - say: [积分]\n    dialog: balance\n    with: {club: film}\n"
    found = told(load_sample, {**sample, "scenes.yaml": scenes, "keywords.yaml": words})
    assert found == [
        "menus/keywords.yaml:4:12: dialog balance takes no club (it takes nothing)",
        "menus/scenes.yaml:2:23: no dialog join_clubs (did you mean join_club?)",
    ]


def test_a_doubled_scene_is_told(sample: Files, load_sample: Load) -> None:
    scenes = sample["scenes.yaml"] + "  club-film: {dialog: help}\n"
    (found,) = told(load_sample, {**sample, "scenes.yaml": scenes})
    assert found.endswith("club-film: written twice (it stands in line 5 too)")


def test_a_menu_without_default_is_told(sample: Files, load_sample: Load) -> None:
    files = {name: source for name, source in sample.items() if name != DEFAULT}
    assert told(load_sample, files) == ["menus/wechat/default.yaml:1:1: the file is missing"]


def test_a_tag_of_two_menus_and_a_tag_of_nobody_are_told(sample: Files, load_sample: Load) -> None:
    files = changed(sample, "wechat/film.yaml", "tag: film", "tag: car")
    files = changed(files, "wechat/vip.yaml", "tag: vip", "tag: vipp")
    assert told(load_sample, files) == [
        "menus/wechat/film.yaml:3:6: tag car is used twice "
        "(menus/wechat/car.yaml has it too; a tag has one menu)",
        "menus/wechat/vip.yaml:3:6: nobody carries the tag vipp (did you mean vip?)",
    ]


def test_a_tag_belongs_to_every_menu_but_the_default_one(sample: Files, load_sample: Load) -> None:
    files = changed(sample, "wechat/film.yaml", "tag: film\n", "")
    files = changed(files, DEFAULT, "menu:\n", "tag: film\nmenu:\n")
    assert told(load_sample, files) == [
        "menus/wechat/default.yaml:4:1: the default menu is for everybody and has no tag "
        "(delete this line)",
        "menus/wechat/film.yaml:3:1: tag: missing; only default.yaml is for everybody "
        "(write `tag: film`)",
    ]


def test_a_file_that_nothing_reads_is_told(sample: Files, load_sample: Load) -> None:
    files = {**sample, "wechat/film.yml": "", "keyword.yaml": ""}
    assert told(load_sample, files) == [
        "menus/keyword.yaml:1:1: nothing reads this file (did you mean keywords.yaml?)",
        "menus/wechat/film.yml:1:1: nothing reads this file (did you mean wechat/film.yaml?)",
    ]


def test_a_missing_text_is_told_where_it_belongs(sample: Files, load_sample: Load) -> None:
    files = changed(sample, JOIN, "club.welcome:", "club.wellcome:")
    assert told(load_sample, files) == [
        "menus/texts/join_club.yaml:1:1: club.welcome: missing (did you mean club.wellcome?)"
    ]


def test_a_text_in_two_files_is_told(sample: Files, load_sample: Load) -> None:
    source = sample["texts/help.yaml"] + 'club.page: "{club}{link}"\n'
    (found,) = told(load_sample, {**sample, "texts/help.yaml": source})
    assert found.startswith("menus/texts/join_club.yaml:16:1: club.page: written in two files")
    assert "menus/texts/help.yaml:7 has it too" in found


def test_the_signature_is_required_and_the_same_for_everybody(
    sample: Files, load_sample: Load
) -> None:
    name = "texts/common.yaml"
    line = 'signature: "【和生活圈】"\n'
    assert told(load_sample, changed(sample, name, line, "")) == [
        "menus/texts/common.yaml:1:1: signature: missing"
    ]
    files = changed(sample, name, line, 'signature: "【{club}】"\n')
    assert told(load_sample, files) == [
        "menus/texts/common.yaml:3:12: signature: the same words for everybody "
        "(one text without placeholders, such as 【和生活圈】)"
    ]


def test_a_text_that_no_dialog_says_is_a_warning_only(sample: Files, load_sample: Load) -> None:
    files = {**sample, "texts/spring.yaml": 'spring.hello: "新年好！"\n'}
    assert [str(warning) for warning in load_sample(files).warnings] == [
        "menus/texts/spring.yaml:1:1: spring.hello: no dialog says this"
    ]


def test_a_value_that_a_text_leaves_out_is_a_warning(sample: Files, load_sample: Load) -> None:
    files = changed(sample, JOIN, "资费每月{price}元。同意", "同意")
    assert [str(warning) for warning in load_sample(files).warnings] == [
        "menus/texts/join_club.yaml:4:1: club.offer: never says {price} "
        "(on purpose? then write `without: [price]`)"
    ]


def test_a_value_left_out_on_purpose_is_no_warning(sample: Files, load_sample: Load) -> None:
    old = sample[JOIN].splitlines()[3]
    new = 'club.offer: {sms: "加入{club}吗？", without: [price]}'
    assert load_sample(changed(sample, JOIN, old, new)).warnings == ()


def test_mistakes_of_all_files_come_together(sample: Files, load_sample: Load) -> None:
    files = changed(sample, DEFAULT, "name: 服务", "name: 各种各样的服务")
    files = changed(files, JOIN, "{club}，资费", "{culb}，资费")
    files = {**files, "scenes.yaml": "scens: {}\n"}
    assert told(load_sample, files) == [
        "menus/scenes.yaml:1:1: scenes: missing",
        "menus/scenes.yaml:1:1: scens: unknown key (did you mean scenes?)",
        "menus/texts/join_club.yaml:4:13: club.offer: no value for {culb} (did you mean club?)",
        "menus/wechat/default.yaml:28:11: menu.2.name: 21 bytes; WeChat allows 16 here, "
        "that is 5 Chinese characters",
    ]

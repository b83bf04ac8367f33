"""YAML files read into models: positions, suggestions, the environment, hostile files."""

import pathlib
from collections.abc import Mapping
from typing import Any, Literal

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from menus.checked_yaml import FILE_LIMIT_BYTES, Mistake, Mistakes, read, read_text
from menus.positions import NESTING_LIMIT, parse, plain


class Forbid(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class WeChat(Forbid):
    token: pydantic.SecretStr
    mode: Literal["plain", "compatible", "secure"] = "secure"


class Settings(Forbid):
    port: int = pydantic.Field(default=8000, ge=1, le=65535)
    debug: bool = False
    timeout_s: float = 5.0
    names: tuple[str, ...] = ()
    wechat: WeChat


GOOD = "port: 8080\nwechat:\n  token: t\n"


def mistakes_in(source: str | bytes, overrides: Mapping[str, Any] | None = None) -> list[str]:
    with pytest.raises(Mistakes) as caught:
        read_text(source, Settings, file="c.yaml", overrides=overrides)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_good_file_becomes_its_model(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(GOOD + "names: [a, b]\ntimeout_s: 3\n", "utf-8")
    settings = read(path, Settings)
    assert (settings.port, settings.names, settings.timeout_s) == (8080, ("a", "b"), 3.0)
    assert settings.wechat.token.get_secret_value() == "t"


def test_a_mistake_in_a_file_names_its_path(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("prot: 1\n" + GOOD, "utf-8")
    with pytest.raises(Mistakes, match="prot: unknown key") as caught:
        read(path, Settings)
    assert caught.value.mistakes == [
        Mistake(str(path), 1, 1, "prot: unknown key", "did you mean port?")
    ]


def test_all_mistakes_come_at_once_in_the_order_of_the_file() -> None:
    source = """\
port: "80"
prot: 1
names: [a, 1]
names: [c]
debug: yes
wechat:
  tokn: x
  mode: plane
"""
    assert mistakes_in(source) == [
        "c.yaml:1:7: port: should be a valid integer (a number, without quotes)",
        "c.yaml:2:1: prot: unknown key (did you mean port?)",
        "c.yaml:3:12: names.1: should be a valid string (put it in quotes)",
        "c.yaml:4:1: names: written twice (it stands in line 3 too)",
        "c.yaml:5:8: debug: should be a valid boolean",
        "c.yaml:7:3: wechat.token: missing",
        "c.yaml:7:3: wechat.tokn: unknown key (did you mean token?)",
        "c.yaml:8:9: wechat.mode: should be 'plain', 'compatible' or 'secure' "
        "(did you mean plain?)",
    ]


def test_an_unknown_key_like_no_other_lists_what_is_known() -> None:
    assert mistakes_in(GOOD + "  colour: red\n") == [
        "c.yaml:4:3: wechat.colour: unknown key (known here: mode, token)"
    ]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("port: 1\n\twechat: 1\n", "c.yaml:2:1: a tab (indent with spaces, never with tabs)"),
        ("wechat:\n  \ttoken: 1\n", "c.yaml:2:3: a tab (indent with spaces, never with tabs)"),
        ("port: [1,\ndebug: 2\n", "c.yaml:3:1: not YAML: expected ',' or ']'"),
        ('port: "1\n', "c.yaml:2:1: not YAML: found unexpected end of stream"),
        (b"port: 1\nx: \xe7\xa7\xaf\xff\n", "c.yaml:2:5: not UTF-8 (save the file as UTF-8)"),
        ("port: 1\nx: \x07\n", "c.yaml:2:4: character 7 is not allowed in YAML (delete it)"),
        ("x" * (FILE_LIMIT_BYTES + 1), f"c.yaml:1:1: the file has {FILE_LIMIT_BYTES + 1} bytes"),
        ("a: " + "[" * 5000, f"c.yaml:1:{4 + NESTING_LIMIT}: nested deeper than 20 levels"),
    ],
)
def test_what_is_not_yaml_is_told_alone_with_its_place(source: str | bytes, told: str) -> None:
    found = mistakes_in(source)
    assert len(found) == 1
    assert found[0].startswith(told)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("port: &p 1\n", "c.yaml:1:7: anchors (&) and aliases (*) are not used (write the value"),
        ("port: *p\n", "c.yaml:1:7: anchors (&) and aliases (*) are not used (write the value"),
        ("port: !!int 1\n", "c.yaml:1:7: tags such as tag:yaml.org,2002:int are not used"),
        ("port: 1\n---\nport: 2\n", "c.yaml:2:1: a second document in one file"),
        ("? [a]\n: 1\n", "c.yaml:1:3: a key must be one word or one quoted text"),
        ('x: "\\ud800"\n', "c.yaml:1:4: half of a character"),
    ],
)
def test_what_yaml_offers_beyond_plain_data_is_refused(source: str, told: str) -> None:
    assert any(line.startswith(told) for line in mistakes_in(source))


def test_a_bomb_of_aliases_is_never_expanded() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    document = parse("\n".join(rows), file="bomb.yaml")
    assert document.mistakes[0].message == "anchors (&) and aliases (*) are not used"
    assert all(part is None for part in document.data["a39"])


@pytest.mark.parametrize("source", ["", "# nothing\n"])
def test_an_empty_file_misses_what_is_required(source: str) -> None:
    assert mistakes_in(source) == ["c.yaml:1:1: wechat: missing"]


@pytest.mark.parametrize("source", ["- 1\n", "word\n"])
def test_a_file_that_is_no_mapping_is_told_what_to_look_like(source: str) -> None:
    told = "c.yaml:1:1: should be names with values (lines like `name: value`)"
    assert mistakes_in(source) == [told]


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("否", "否"),
        ("true", True),
        ("~", None),
        ("-12", -12),
        ("1e3", 1000.0),
        ("2026-11-21", "2026-11-21"),
        ("9" * 5000, "9" * 5000),
        ("1e999", "1e999"),
    ],
)
def test_plain_words_mean_what_yaml_1_2_says(word: str, meaning: object) -> None:
    assert plain(word) == meaning


def test_the_environment_is_laid_over_the_file_and_converted() -> None:
    overrides = {"port": "9000", "debug": "true", "wechat": {"token": "12345"}}
    settings = read_text("port: 80\n", Settings, file="c.yaml", overrides=overrides)
    assert (settings.port, settings.debug) == (9000, True)
    assert settings.wechat.token.get_secret_value() == "12345"


def test_mistakes_in_the_environment_carry_its_names() -> None:
    overrides = {"port": "80x", "prot": "1", "wechat": {"mode": "plane", "tokn": "s3cret"}}
    found = mistakes_in("wechat: {}\n", overrides)
    assert found == [
        "CIRCLE_PORT: should be a valid integer, unable to parse string as an integer",
        "CIRCLE_PROT: unknown key (did you mean CIRCLE_PORT?)",
        "CIRCLE_WECHAT__MODE: should be 'plain', 'compatible' or 'secure' (did you mean plain?)",
        "CIRCLE_WECHAT__TOKN: unknown key (did you mean CIRCLE_WECHAT__TOKEN?)",
        "c.yaml:1:9: wechat.token: missing (write it here or set CIRCLE_WECHAT__TOKEN)",
    ]
    assert "s3cret" not in "\n".join(found)


class Both(Forbid):
    low: int = 1
    high: int = 2

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> "Both":
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


def test_a_rule_over_several_values_holds_with_the_environment_laid_over() -> None:
    assert read_text("low: 5\n", Both, file="c.yaml", overrides={"high": "7"}).high == 7
    with pytest.raises(Mistakes) as caught:
        read_text("low: 5\n", Both, file="c.yaml", overrides={"high": "3"})
    assert str(caught.value) == "c.yaml:1:1: low is above high"


def test_the_file_stays_strict_when_the_environment_speaks_too() -> None:
    found = mistakes_in('port: "80"\nwechat: {token: t}\n', {"debug": "1"})
    assert found == ["c.yaml:1:7: port: should be a valid integer (a number, without quotes)"]


def told(source: str | bytes) -> list[Mistake]:
    """The mistakes in a file, none if it is good."""
    try:
        read_text(source, Settings, file="c.yaml")
    except Mistakes as wrong:
        return wrong.mistakes
    return []


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode()))
def test_no_file_whatever_raises_anything_but_mistakes(source: bytes) -> None:
    assert told(source)


@given(st.text(alphabet="ab:-?[]{}&*!|>'\"#% \n\t,0~", max_size=60))
def test_no_scrap_of_yaml_raises_anything_but_mistakes(source: str) -> None:
    assert all(mistake.line >= 1 and mistake.column >= 1 for mistake in told(source))

"""Settings: one file, the environment over it, and a start that stops with every mistake named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import settings as configuration
from menus.checked_yaml import Mistakes
from settings import DEVELOPMENT, SECRETS, Settings, environment_name, load, unknown_names

SHIPPED = configuration.CONFIG_FILE.read_text(encoding="utf-8")
OWN = {
    **DEVELOPMENT,
    "CIRCLE_ENVIRONMENT": "production",
    "CIRCLE_WECHAT__APP_SECRET": "own-app-secret",
    "CIRCLE_WECHAT__TOKEN": "own-token",
    "CIRCLE_WECHAT__ENCODING_AES_KEY": "Z" * 43,
    "CIRCLE_SMS__TWILIO__AUTH_TOKEN": "own-auth-token",
    "CIRCLE_BOSS__SECRET": "own-boss-secret",
    "CIRCLE_SMS__SMPP__PASSWORD": "own-smpp",
    "CIRCLE_SMS__CMPP__SECRET": "own-cmpp-secret",
}


def _mistakes(environ: dict[str, str], file: Path | None = None) -> list[str]:
    with pytest.raises(Mistakes) as raised:
        load(environ, file or configuration.CONFIG_FILE)
    return [str(mistake) for mistake in raised.value.mistakes]


def _changed(tmp_path: Path, old: str, new: str) -> Path:
    """The shipped file with a change."""
    assert old in SHIPPED
    file = tmp_path / "config.yaml"
    file.write_text(SHIPPED.replace(old, new, 1), encoding="utf-8")
    return file


def _line(text: str) -> int:
    return SHIPPED[: SHIPPED.index(text)].count("\n") + 1


def test_the_shipped_file_with_the_development_secrets_is_a_whole_configuration() -> None:
    found = load(DEVELOPMENT)
    assert found.environment == "development"
    assert found.wechat.mode == "secure"
    assert found.database_url is None


def test_the_shipped_file_alone_lacks_only_what_the_environment_must_give() -> None:
    told = _mistakes({})
    for path in (("wechat", "token"), ("wechat", "encoding_aes_key"), ("wechat", "app_secret")):
        assert any(".".join(path) in line and "missing" in line for line in told)
    assert all("missing" in line for line in told)


def test_every_setting_of_the_file_is_what_the_program_has_built_in(tmp_path: Path) -> None:
    needed = "public_url: http://127.0.0.1:8000\nweb: {}\nwechat: {}\nsms: {}\nboss: {}\n"
    bare = tmp_path / "config.yaml"
    bare.write_text(needed.replace("boss: {}", "boss: {base_url: 'http://x'}"), encoding="utf-8")
    built_in = load(DEVELOPMENT, bare).model_dump()
    shipped = load(DEVELOPMENT).model_dump()
    built_in["boss"].pop("base_url")
    shipped["boss"].pop("base_url")
    assert shipped == built_in


@pytest.mark.parametrize(
    ("old", "new", "said", "hint"),
    [
        ("host: 127", "hots: 127", "hots: unknown key", "did you mean host?"),
        ("  mode: secure", "  mdoe: secure", "wechat.mdoe: unknown key", "did you mean mode?"),
        ("  mode: secure", "  mode: safe", "wechat.mode", "'plain', 'compatible' or 'secure'"),
        ("port: 8000", "port: 70000", "port", "less than or equal to 65535"),
        ("port: 8000", "port: eighty", "port", "a number, without quotes"),
        ("  threads: 4", '  threads: "4"', "web.threads", "a number, without quotes"),
        ("    timeout_s: 10.0", "    timeout_s: -1", "sms.twilio.timeout_s", "greater than"),
        ("public_url: http:", "public_url: ftp:", "public_url", "match pattern"),
        ("web:", "wbe:", "wbe: unknown key", "did you mean web?"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_told_with_its_line_and_a_hint(
    tmp_path: Path, old: str, new: str, said: str, hint: str
) -> None:
    told = _mistakes(DEVELOPMENT, _changed(tmp_path, old, new))
    (line,) = [line for line in told if line.startswith(f"config.yaml:{_line(old)}:")]
    assert said in line
    assert hint in line


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    file = _changed(tmp_path, "host: 127", "hots: 127")
    file.write_text(file.read_text().replace("mode: secure", "mode: safe"), encoding="utf-8")
    told = _mistakes({**DEVELOPMENT, "CIRCLE_PORT": "0"}, file)
    assert len(told) == 3


def test_a_file_that_is_no_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    told = _mistakes(DEVELOPMENT, _changed(tmp_path, "  threads: 4", "  threads: [4"))
    assert told[0].startswith("config.yaml:")


@pytest.mark.parametrize("path", SECRETS)
def test_a_secret_in_the_file_is_refused(tmp_path: Path, path: tuple[str, ...]) -> None:
    section = f"  {path[1]}:\n" if path[0] == "sms" else f"{path[0]}:\n"
    indent = "    " if path[0] == "sms" else "  "
    value = "Y" * 43 if path[-1].endswith("aes_key") else "a-secret-of-ours"
    file = _changed(tmp_path, section, f"{section}{indent}{path[-1]}: {value}\n")
    told = _mistakes(DEVELOPMENT, file)
    (line,) = [line for line in told if "a secret stands in the file" in line]
    assert line.startswith(f"config.yaml:{_line(section) + 1}:")
    assert f"set {environment_name(path)} in the environment" in line
    assert value not in "".join(told)


@pytest.mark.parametrize(
    ("name", "value", "path", "found"),
    [
        ("CIRCLE_PORT", "8080", "port", 8080),
        ("CIRCLE_WEB__THREADS", "8", "web.threads", 8),
        ("CIRCLE_WEB__ANSWER_WITHIN_S", "2.5", "web.answer_within_s", 2.5),
        ("CIRCLE_WECHAT__MODE", "plain", "wechat.mode", "plain"),
        ("CIRCLE_WECHAT__PREVIOUS_AES_KEY", "Y" * 43, "wechat.previous_aes_key", "Y" * 43),
        ("CIRCLE_WECHAT__PREVIOUS_AES_KEY", "", "wechat.previous_aes_key", None),
        ("CIRCLE_SMS__TWILIO__API_BASE_URL", "http://x", "sms.twilio.api_base_url", "http://x"),
        ("CIRCLE_SMS__GATEWAY", "twilio", "sms.gateway", "twilio"),
        ("CIRCLE_DATABASE_URL", "postgresql://u@h/d", "database_url", "postgresql://u@h/d"),
        ("CIRCLE_REDIS_URL", "redis://h:1/0", "redis_url", "redis://h:1/0"),
        ("CIRCLE_HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("CIRCLE_WECHAT__TOKEN", "12345678", "wechat.token", "12345678"),
    ],
)
def test_the_environment_stands_over_the_file(
    name: str, value: str, path: str, found: object
) -> None:
    setting: object = load({**DEVELOPMENT, name: value})
    for part in path.split("."):
        setting = getattr(setting, part)
    assert setting == found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CIRCLE_PORT", "0"),
        ("CIRCLE_PORT", "http"),
        ("CIRCLE_WECHAT__MODE", "safe"),
        ("CIRCLE_WECHAT__ENCODING_AES_KEY", "tooshort"),
        ("CIRCLE_WECHAT__TOKEN", "x"),
        ("CIRCLE_DATABASE_URL", "sqlite:///x.db"),
        ("CIRCLE_REDIS_URL", "memcached://x"),
        ("CIRCLE_ENVIRONMENT", "staging"),
    ],
)
def test_a_mistake_in_the_environment_is_told_by_its_name_and_without_its_value(
    name: str, value: str
) -> None:
    (line,) = _mistakes({**DEVELOPMENT, name: value})
    assert line.startswith(f"{name}: ")
    if name not in ("CIRCLE_PORT", "CIRCLE_WECHAT__MODE", "CIRCLE_ENVIRONMENT"):
        assert value not in line.replace(name, "")


def test_a_name_without_a_setting_is_worth_a_warning_and_no_more() -> None:
    typo = {"CIRCLE_PROT": "80", "CIRCLE_WECHAT__TOKENN": "x", "CIRCLE_WECHAT": "x"}
    assert unknown_names({**DEVELOPMENT, **typo, "PATH": "/bin"}) == sorted(
        typo, key=list(typo).index
    )
    assert load({**DEVELOPMENT, **typo}).port == 8000
    assert unknown_names(DEVELOPMENT) == []


def test_production_runs_with_secrets_of_its_own() -> None:
    assert load(OWN).environment == "production"


def test_production_is_what_runs_where_nothing_is_said() -> None:
    silent = {name: value for name, value in OWN.items() if name != "CIRCLE_ENVIRONMENT"}
    assert load(silent).environment == "production"


@pytest.mark.parametrize("path", SECRETS)
def test_production_refuses_the_secrets_that_everybody_knows(path: tuple[str, ...]) -> None:
    name = environment_name(path)
    known = DEVELOPMENT.get(name, DEVELOPMENT["CIRCLE_WECHAT__ENCODING_AES_KEY"])
    told = _mistakes({**OWN, name: known})
    assert any(name in line and "set your own" in line for line in told)
    assert known not in "".join(told)


def test_no_secret_shows_when_the_settings_are_printed() -> None:
    shown = repr(load(OWN))
    for path in SECRETS:
        if (value := OWN.get(environment_name(path))) is not None:
            assert value not in shown


def test_every_line_of_the_shipped_file_says_its_range_or_purpose() -> None:
    for line in SHIPPED.splitlines():
        if re.fullmatch(r" *[a-z_]+: .+", line) and "timeout_s: 10.0" not in line:
            assert "#" in line or "api_base_url" in line or "poll_s" in line, line


def test_settings_cannot_be_changed_once_read() -> None:
    found = load(DEVELOPMENT)
    with pytest.raises(ValueError, match="frozen"):
        found.port = 1  # type: ignore[misc]


def test_every_section_forbids_what_it_does_not_know() -> None:
    def sections(model: type) -> list[type]:
        below = [f.annotation for f in model.model_fields.values()]  # type: ignore[attr-defined]
        kinds = [kind for kind in below if hasattr(kind, "model_fields")]
        return [model, *(deep for kind in kinds for deep in sections(kind))]

    for section in sections(Settings):
        assert section.model_config["extra"] == "forbid"  # type: ignore[attr-defined]


ACCOUNTS = {
    "twilio": ("ACCOUNT_SID", "AUTH_TOKEN", "FROM_NUMBER"),
    "smpp": ("SYSTEM_ID", "PASSWORD"),
    "cmpp": ("SP_ID", "SECRET"),
}


@pytest.mark.parametrize("gateway", ACCOUNTS)
def test_only_the_chosen_gateway_needs_an_account(gateway: str) -> None:
    others = {f"CIRCLE_SMS__{name.upper()}__" for name in ACCOUNTS if name != gateway}
    given = {name: value for name, value in OWN.items() if not name.startswith(tuple(others))}
    assert load({**given, "CIRCLE_SMS__GATEWAY": gateway}).sms.gateway == gateway


@pytest.mark.parametrize(
    ("gateway", "binds", "lacks"),
    [("twilio", "", ["twilio"]), ("smpp", "", ["smpp"]), ("smpp", "cmpp", ["smpp", "cmpp"]),
     ("cmpp", "", ["cmpp"]), ("twilio", "smpp,cmpp", ["twilio", "smpp", "cmpp"])],
)  # fmt: skip
def test_what_a_chosen_gateway_lacks_is_told_by_its_names(
    gateway: str, binds: str, lacks: list[str]
) -> None:
    given = {name: value for name, value in OWN.items() if not name.startswith("CIRCLE_SMS__")}
    given |= {"CIRCLE_SMS__GATEWAY": gateway, "CIRCLE_SMS__BINDS": binds}
    (line,) = _mistakes(given)
    assert "missing" in line
    wanted = {f"CIRCLE_SMS__{one.upper()}__{name}" for one in lacks for name in ACCOUNTS[one]}
    assert set(re.findall(r"CIRCLE_SMS__\w+__\w+", line)) == wanted

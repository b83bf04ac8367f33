"""Every setting, read once: config.yaml, then the environment over it. Bad ones stop the start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from menus.checked_yaml import Document, Mistake, Mistakes, check, parse
from settings_outside import Boss, Numbers, Port, Section, Sms, Url, WeChat

PREFIX = "CIRCLE_"
CONFIG_FILE = Path(__file__).parent / "config.yaml"

# What may not stand in a file that is under version control.
SECRETS = (
    ("wechat", "app_secret"),
    ("wechat", "token"),
    ("wechat", "encoding_aes_key"),
    ("wechat", "previous_aes_key"),
    ("sms", "twilio", "auth_token"),
    ("sms", "smpp", "password"),
    ("sms", "cmpp", "secret"),
    ("boss", "secret"),
    ("console", "secret"),
)

# What `make run` and the tests use where nothing is set. Known to everybody, so production
# refuses them, and the emulators know them.
DEVELOPMENT: dict[str, str] = {
    "CIRCLE_ENVIRONMENT": "development",
    "CIRCLE_WECHAT__APP_ID": "wx0000000000000001",
    "CIRCLE_WECHAT__APP_SECRET": "development-app-secret",
    "CIRCLE_WECHAT__TOKEN": "development-token",
    "CIRCLE_WECHAT__ENCODING_AES_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "CIRCLE_SMS__TWILIO__ACCOUNT_SID": "AC" + "0" * 32,
    "CIRCLE_SMS__TWILIO__AUTH_TOKEN": "development-auth-token",
    "CIRCLE_SMS__TWILIO__FROM_NUMBER": "+15005550006",
    "CIRCLE_SMS__SMPP__SYSTEM_ID": "lifecircle",
    "CIRCLE_SMS__SMPP__PASSWORD": "dev-smpp",
    "CIRCLE_SMS__CMPP__SP_ID": "901234",
    "CIRCLE_SMS__CMPP__SECRET": "development-cmpp-secret",
    "CIRCLE_BOSS__SECRET": "development-boss-secret",
}


class Web(Section):
    processes: Annotated[int, Field(ge=1, le=64)] = 2
    threads: Annotated[int, Field(ge=1, le=64)] = 4
    trusted_proxies: Annotated[int, Field(ge=0, le=5)] = 0
    body_limit_kb: Annotated[int, Field(ge=1, le=1024)] = 64
    answer_within_s: Annotated[float, Field(ge=0.5, le=4.5)] = 4.0


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"


# Of a day in China, as in "21:00".
Hour = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Dialogs(Section):
    question_hours: Annotated[int, Field(ge=1, le=72)] = 24
    call_minutes: Annotated[int, Field(ge=1, le=4320)] = 10
    skew_s: Annotated[int, Field(ge=0, le=60)] = 5


class Binding(Section):
    code_minutes: Annotated[int, Field(ge=1, le=60)] = 10
    attempts: Annotated[int, Field(ge=1, le=10)] = 5
    per_person_an_hour: Annotated[int, Field(ge=1, le=20)] = 3
    per_number_a_day: Annotated[int, Field(ge=1, le=50)] = 5
    countries: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}(,[1-9][0-9]{0,2})*$")] = "86"


class Outbox(Section):
    batch: Annotated[int, Field(ge=1, le=1000)] = 50
    senders: Annotated[int, Field(ge=1, le=64)] = 8
    lease_s: Annotated[float, Field(ge=1, le=900)] = 30.0
    attempts: Annotated[int, Field(ge=1, le=50)] = 8
    backoff_first_s: Annotated[float, Field(ge=0.1, le=60)] = 2.0
    backoff_most_s: Annotated[float, Field(ge=1, le=86400)] = 600.0
    sweep_s: Annotated[float, Field(ge=0.2, le=60)] = 2.0
    ask_again_s: Annotated[float, Field(ge=1, le=86400)] = 60.0


class Breakers(Section):
    failures: Annotated[int, Field(ge=1, le=1000)] = 5
    pause_first_s: Annotated[float, Field(ge=1, le=600)] = 15.0
    pause_most_s: Annotated[float, Field(ge=1, le=3600)] = 120.0


class Points(Section):
    fen_per_1000: Annotated[int, Field(ge=1)] = 3000
    expiring_days: Annotated[int, Field(ge=1, le=366)] = 30
    offers_shown: Annotated[int, Field(ge=1, le=10)] = 3
    refund_grace_days: Annotated[int, Field(ge=0, le=366)] = 30
    gifts_a_day: Annotated[int, Field(ge=0, le=1000)] = 5
    gift_points_a_day: Annotated[int, Field(ge=0, le=10**9)] = 10_000
    gift_tries_a_day: Annotated[int, Field(ge=1, le=1000)] = 20
    points_per_coin: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    warn_days_ahead: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}(,[1-9][0-9]{0,2})*$")] = (
        "30,7,1"
    )
    warn_least: Annotated[int, Field(ge=1)] = 10


class Vouchers(Section):
    gifts_a_day: Annotated[int, Field(ge=0, le=1000)] = 5
    gift_tries_a_day: Annotated[int, Field(ge=1, le=1000)] = 20
    offers_a_page: Annotated[int, Field(ge=5, le=100)] = 20


class Notices(Section):
    quiet_from: Hour = "21:00"
    quiet_until: Hour = "08:00"
    a_week: Annotated[int, Field(ge=1, le=1000)] = 10
    blocklist: Numbers = ""
    test_numbers: Numbers = ""
    only_test_numbers: bool = False
    messages_a_page: Annotated[int, Field(ge=5, le=100)] = 20


class Pages(Section):
    link_hours: Annotated[int, Field(ge=1, le=168)] = 24
    session_hours: Annotated[int, Field(ge=1, le=720)] = 24
    links_an_hour: Annotated[int, Field(ge=1, le=1000)] = 30
    history_lines: Annotated[int, Field(ge=5, le=100)] = 20
    export_lines: Annotated[int, Field(ge=100, le=200_000)] = 20_000


class Console(Section):
    # Without it operators cannot sign in; in development there is one for each machine.
    secret: Annotated[str | None, Field(min_length=32, repr=False)] = None
    idle_minutes: Annotated[int, Field(ge=1, le=240)] = 30
    session_hours: Annotated[int, Field(ge=1, le=24)] = 12
    rows_a_page: Annotated[int, Field(ge=5, le=200)] = 25
    export_rows: Annotated[int, Field(ge=100, le=1_000_000)] = 100_000
    commands_publish: bool = True
    dead_letters_most: Annotated[int, Field(ge=0, le=100_000)] = 20


class Desk(Section):
    number_searches_an_hour: Annotated[int, Field(ge=1, le=1000)] = 60
    numbers_shown_an_hour: Annotated[int, Field(ge=1, le=1000)] = 20
    people_an_hour: Annotated[int, Field(ge=1, le=10_000)] = 200
    copies_an_hour: Annotated[int, Field(ge=1, le=1000)] = 10
    complaint_hours: Annotated[int, Field(ge=1, le=720)] = 72
    message_chars: Annotated[int, Field(ge=20, le=600)] = 300
    timeline_entries: Annotated[int, Field(ge=5, le=100)] = 30


class Handover(Section):
    hours: Annotated[int, Field(ge=1, le=72)] = 24
    by_wechat: bool = False


class Complaints(Section):
    rating_after_minutes: Annotated[int, Field(ge=11, le=1440)] = 20
    a_day: Annotated[int, Field(ge=1, le=100)] = 5
    merchant_hours: Annotated[int, Field(ge=1, le=720)] = 48
    remind_hours: Annotated[int, Field(ge=1, le=72)] = 12
    goodwill_most: Annotated[int, Field(ge=0, le=100_000)] = 500
    goodwill_days: Annotated[int, Field(ge=1, le=1095)] = 180
    upheld_costs: Annotated[int, Field(ge=1, le=100)] = 10


class Invitations(Section):
    rewarded_a_day: Annotated[int, Field(ge=0, le=1000)] = 5
    rewarded_a_month: Annotated[int, Field(ge=0, le=10_000)] = 30
    sms_a_day: Annotated[int, Field(ge=0, le=100)] = 5
    posters_a_day: Annotated[int, Field(ge=0, le=100)] = 5
    lasts_days: Annotated[int, Field(ge=1, le=365)] = 30
    asked_again_days: Annotated[int, Field(ge=1, le=730)] = 90


class Feedback(Section):
    answer_hours: Annotated[int, Field(ge=1, le=720)] = 72
    a_day: Annotated[int, Field(ge=1, le=100)] = 10
    picture_kb: Annotated[int, Field(ge=256, le=12_288)] = 10_240
    surveys_every_days: Annotated[int, Field(ge=1, le=365)] = 7
    surveys_a_minute: Annotated[int, Field(ge=1, le=100_000)] = 600


class Privacy(Section):
    """models/privacy/retention.py says what each is about, and why there is a least."""

    wechat_messages_days: Annotated[int, Field(ge=1, le=730)] = 90
    sms_messages_days: Annotated[int, Field(ge=7, le=730)] = 180
    sent_messages_days: Annotated[int, Field(ge=7, le=730)] = 90
    mailbox_days: Annotated[int, Field(ge=30, le=730)] = 180
    conversations_days: Annotated[int, Field(ge=4, le=730)] = 90
    handovers_days: Annotated[int, Field(ge=7, le=730)] = 180
    codes_days: Annotated[int, Field(ge=1, le=30)] = 2
    links_days: Annotated[int, Field(ge=0, le=30)] = 0
    sessions_days: Annotated[int, Field(ge=0, le=30)] = 0
    consents_days: Annotated[int, Field(ge=154, le=3650)] = 1095
    events_days: Annotated[int, Field(ge=62, le=730)] = 90
    event_counters_days: Annotated[int, Field(ge=62, le=730)] = 92
    event_misses_days: Annotated[int, Field(ge=1, le=730)] = 92
    feedback_pictures_days: Annotated[int, Field(ge=7, le=3650)] = 365
    remembered_days: Annotated[int, Field(ge=0, le=1095)] = 730
    operator_sessions_days: Annotated[int, Field(ge=1, le=730)] = 30
    operator_tries_days: Annotated[int, Field(ge=1, le=30)] = 1
    till_tries_days: Annotated[int, Field(ge=1, le=30)] = 1
    broadcast_targets_days: Annotated[int, Field(ge=7, le=730)] = 180
    last_words_hours: Annotated[int, Field(ge=1, le=720)] = 72

    def days(self) -> dict[str, int]:
        """How many days each kind of data is kept, by the name of its rule."""
        fields = type(self).model_fields
        return {
            name.removesuffix("_days"): getattr(self, name)
            for name in fields
            if name.endswith("_days")
        }


class Broadcasts(Section):
    """One text to many numbers (models/broadcasts/)."""

    pace_s: Annotated[int, Field(ge=1, le=5000)] = 100
    pace_most: Annotated[int, Field(ge=1, le=5000)] = 1000
    ahead_s: Annotated[float, Field(ge=1, le=60)] = 5.0
    batch: Annotated[int, Field(ge=1, le=5000)] = 500
    fen_per_1000: Annotated[int, Field(ge=0, le=1_000_000)] = 4000
    parts_most: Annotated[int, Field(ge=1, le=10)] = 4
    file_mb: Annotated[int, Field(ge=1, le=256)] = 32
    xlsx_lines: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000
    tests_an_hour: Annotated[int, Field(ge=0, le=1000)] = 20


class Settlement(Section):
    period: Literal["half_month", "month"] = "half_month"
    file_kb: Annotated[int, Field(ge=64, le=65_536)] = 8_192
    file_lines: Annotated[int, Field(ge=100, le=1_000_000)] = 100_000
    page_lines: Annotated[int, Field(ge=10, le=200)] = 50
    pdf_lines: Annotated[int, Field(ge=0, le=10_000)] = 1_000


class MenuFiles(Section):
    folder: str = "menus"
    poll_s: Annotated[float, Field(ge=0.1, le=2)] = 1.0


class RuleFiles(Section):
    folder: str = "rules"


class Settings(Section):
    """The whole configuration, validated; `database_url` and `redis_url` None mean embedded."""

    environment: Literal["production", "development"] = "production"
    host: str = "127.0.0.1"
    port: Port = 8000
    emulators_port: Port = 8001
    data_dir: str = "var"
    database_url: Annotated[
        str | None, Field(pattern=r"^postgres(ql)?(\+psycopg)?://", repr=False)
    ] = None
    redis_url: Annotated[str | None, Field(pattern=r"^(rediss?|unix)://", repr=False)] = None
    public_url: Url
    web: Web
    log: Log = Log()
    wechat: WeChat
    sms: Sms
    boss: Boss
    dialogs: Dialogs = Dialogs()
    binding: Binding = Binding()
    outbox: Outbox = Outbox()
    breakers: Breakers = Breakers()
    points: Points = Points()
    vouchers: Vouchers = Vouchers()
    notices: Notices = Notices()
    pages: Pages = Pages()
    console: Console = Console()
    desk: Desk = Desk()
    handover: Handover = Handover()
    complaints: Complaints = Complaints()
    invitations: Invitations = Invitations()
    feedback: Feedback = Feedback()
    privacy: Privacy = Privacy()
    broadcasts: Broadcasts = Broadcasts()
    settlement: Settlement = Settlement()
    menus: MenuFiles = MenuFiles()
    rules: RuleFiles = RuleFiles()

    @model_validator(mode="after")
    def _production_has_its_own_secrets(self) -> Settings:
        if self.environment == "production":
            known = set(DEVELOPMENT.values())
            for path in SECRETS:
                if _at(self, path) in known:
                    raise ValueError(
                        f"{environment_name(path)} still has the value everybody knows from"
                        " development; set your own"
                    )
        return self


def environment_name(path: tuple[str, ...]) -> str:
    """("wechat", "token") -> "CIRCLE_WECHAT__TOKEN"."""
    return PREFIX + "__".join(path).upper()


def load(environ: Mapping[str, str], file: str | Path = CONFIG_FILE) -> Settings:
    """The settings. Raises Mistakes, each with file and line or the environment's name."""
    with open(file, "rb") as opened:
        document = parse(opened.read(), file=Path(file).name)
    found, mistakes = check(document, Settings, overrides=_overrides(environ))
    mistakes = [*mistakes, *_secrets_in(document)]
    if found is None or mistakes:
        raise Mistakes(mistakes)
    return found


def unknown_names(environ: Mapping[str, str]) -> list[str]:
    """CIRCLE_ names that no setting has: worth a warning, since a typo would go unnoticed."""
    return [name for name in environ if name.startswith(PREFIX) and not _known(_path(name))]


def _overrides(environ: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in environ.items():
        path = _path(name)
        if name.startswith(PREFIX) and value != "" and _known(path):
            below = tree
            for part in path[:-1]:
                below = below.setdefault(part, {})
            below[path[-1]] = value
    return tree


def _path(name: str) -> tuple[str, ...]:
    return tuple(name.removeprefix(PREFIX).lower().split("__"))


def _known(path: tuple[str, ...]) -> bool:
    model: Any = Settings
    for position, part in enumerate(path):
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return False
        if part not in model.model_fields:
            return False
        model = model.model_fields[part].annotation
        last = position == len(path) - 1
        if last:
            return not (isinstance(model, type) and issubclass(model, BaseModel))
    return False


def _secrets_in(document: Document) -> list[Mistake]:
    mistakes = []
    for path in SECRETS:
        if _at(document.data, path) is not None:
            hint = f"set {environment_name(path)} in the environment"
            mistakes.append(document.mistake(path, "a secret stands in the file", hint, key=True))
    return mistakes


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        tree = tree.get(part) if isinstance(tree, Mapping) else getattr(tree, part, None)
        if tree is None:
            return None
    return tree

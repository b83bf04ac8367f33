"""What the emulators are told at start, read from the same CIRCLE_* names as the product."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

REAL_PROVIDERS = ("api.weixin.qq.com", "mp.weixin.qq.com", "open.weixin.qq.com", "api.twilio.com")
WECHAT_MODES = ("plain", "compatible", "secure")


class RefusedToStart(Exception):
    """The environment is not one in which a stand-in may run; the sentence says what to change."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything configurable. Delays are in seconds; `clock` returns seconds since 1970."""

    host: str = "127.0.0.1"
    # How others reach us, when that is not http://host:port.
    base_url: str = ""
    target: str = "http://127.0.0.1:8000"
    public_url: str = "http://127.0.0.1:8000"
    port: int = 8001
    app_id: str = "wx0000000000000001"
    app_secret: str = "development-app-secret"
    token: str = "development-token"
    encoding_aes_key: str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
    mode: str = "secure"
    account_sid: str = "AC" + "0" * 32
    auth_token: str = "development-auth-token"
    from_number: str = "+15005550006"
    # Where the SMSC listens; None: there is none. 0 takes a free port.
    smpp_port: int | None = None
    cmpp_port: int | None = None
    system_id: str = "lifecircle"
    password: str = "dev-smpp"
    sp_id: str = "901234"
    sp_secret: str = "development-cmpp-secret"
    service_number: str = "10086"
    boss_secret: str = "development-boss-secret"
    data_dir: Path | None = None
    # WeChat waits 5 s, then resends; three tries in all (docs: 接收普通消息).
    wechat_timeout_s: float = 5.0
    # How soon WeChat tries again after a refused connection is not documented; our choice.
    wechat_retry_after_s: float = 1.0
    # Twilio waits 15 s for the answer to a webhook (docs: Webhooks FAQ).
    twilio_timeout_s: float = 15.0
    twilio_step_s: float = 0.1
    # Our webhooks are taken to be configured with #rc=2&rp=5xx,ct,rt: twice again after a server
    # error, a failed connection or a timeout (docs: Webhooks Connection Overrides).
    twilio_retries: int = 2
    twilio_retry_after_s: float = 0.5
    boss_confirm_after_s: float = 2.0
    boss_retry_after_s: float = 1.0
    boss_timeout_s: float = 10.0
    clock: Callable[[], float] = field(default=time.time)

    @property
    def account_name(self) -> str:
        """The official account's original id (gh_...), the ToUserName of every callback."""
        return "gh_" + self.app_id[-12:]


def from_environment(env: Mapping[str, str]) -> Settings:
    """Settings from CIRCLE_* variables. Raises RefusedToStart."""
    _refuse_production(env)
    host = env.get("CIRCLE_HOST", "127.0.0.1")
    web_port = _port(env, "CIRCLE_PORT", 8000)
    target = f"http://{reachable(host)}:{web_port}"
    mode = env.get("CIRCLE_WECHAT__MODE", "secure")
    if mode not in WECHAT_MODES:
        raise RefusedToStart(
            f"CIRCLE_WECHAT__MODE is {mode!r}; set it to one of {', '.join(WECHAT_MODES)}."
        )
    plain = Settings()
    data_dir = env.get("CIRCLE_DATA_DIR")
    return Settings(
        host=host,
        base_url=env.get("CIRCLE_WECHAT__API_BASE_URL", "").rstrip("/"),
        target=target,
        public_url=env.get("CIRCLE_PUBLIC_URL", target).rstrip("/"),
        port=_port(env, "CIRCLE_EMULATORS_PORT", plain.port),
        app_id=env.get("CIRCLE_WECHAT__APP_ID", plain.app_id),
        app_secret=env.get("CIRCLE_WECHAT__APP_SECRET", plain.app_secret),
        token=env.get("CIRCLE_WECHAT__TOKEN", plain.token),
        encoding_aes_key=env.get("CIRCLE_WECHAT__ENCODING_AES_KEY", plain.encoding_aes_key),
        mode=mode,
        account_sid=env.get("CIRCLE_SMS__TWILIO__ACCOUNT_SID", plain.account_sid),
        auth_token=env.get("CIRCLE_SMS__TWILIO__AUTH_TOKEN", plain.auth_token),
        from_number=env.get("CIRCLE_SMS__TWILIO__FROM_NUMBER", plain.from_number),
        smpp_port=_port(env, "CIRCLE_SMS__SMPP__PORT", 0) or None,
        cmpp_port=_port(env, "CIRCLE_SMS__CMPP__PORT", 0) or None,
        system_id=env.get("CIRCLE_SMS__SMPP__SYSTEM_ID", plain.system_id),
        password=env.get("CIRCLE_SMS__SMPP__PASSWORD", plain.password),
        sp_id=env.get("CIRCLE_SMS__CMPP__SP_ID", plain.sp_id),
        sp_secret=env.get("CIRCLE_SMS__CMPP__SECRET", plain.sp_secret),
        service_number=env.get("CIRCLE_SMS__SERVICE_NUMBER", plain.service_number),
        boss_secret=env.get("CIRCLE_BOSS__SECRET", plain.boss_secret),
        data_dir=Path(data_dir) if data_dir else None,
    )


def reachable(host: str) -> str:
    """Where to reach a server that listens on `host`: every address includes the loopback one."""
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host


def _refuse_production(env: Mapping[str, str]) -> None:
    if env.get("CIRCLE_ENVIRONMENT", "development").strip().lower() == "production":
        raise RefusedToStart(
            "The emulators do not run in production: they answer to anybody on their port. "
            "Unset CIRCLE_ENVIRONMENT, or do not start them."
        )
    for name in ("CIRCLE_WECHAT__API_BASE_URL", "CIRCLE_SMS__TWILIO__API_BASE_URL"):
        host = urlsplit(env.get(name, "")).hostname or ""
        if host in REAL_PROVIDERS:
            raise RefusedToStart(
                f"{name} points at the real provider ({host}), so its secrets may be real ones. "
                f"Unset {name}, or do not start the emulators."
            )


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, str(default))
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise RefusedToStart(f"{name} is {text!r}; set it to a port number from 0 to 65535.")
    return int(text)

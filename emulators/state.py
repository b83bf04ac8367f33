"""Everything the emulators remember, as plain data, and its snapshot on disk."""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from pydantic import TypeAdapter, ValidationError

Json = dict[str, Any]

# A burst of changes is written once; what is lost on kill -9 is at most this much.
SAVE_AFTER_S = 1.0

log = structlog.get_logger()


@dataclass(slots=True)
class Window:
    """How many customer-service messages may still be sent, and until when (seconds)."""

    until: float
    left: int


@dataclass(slots=True)
class Person:
    """Somebody with a phone: WeChat when `openid` is set, SMS when `msisdn` is set."""

    name: str
    openid: str | None = None
    msisdn: str | None = None
    follows: bool = False
    followed_at: int = 0
    scene: str = ""
    tags: list[int] = field(default_factory=list)
    windows: dict[str, Window] = field(default_factory=dict)
    agreed: dict[str, int] = field(default_factory=dict)
    no_templates: bool = False


@dataclass(slots=True)
class Phone:
    """What a person's phone shows; `changed` grows with every change."""

    wechat: list[Json] = field(default_factory=list)
    sms: list[Json] = field(default_factory=list)
    changed: int = 0


@dataclass(slots=True)
class Token:
    """An access token of WeChat's; `kind` is stable or plain."""

    value: str
    kind: str
    expires_at: float
    dead: bool = False


@dataclass(slots=True)
class Ticket:
    """A QR code with a scene; `expires_at` is None for a permanent one."""

    ticket: str
    scene: str
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class Media:
    """A picture that was uploaded, for three days; not in the snapshot."""

    id: str
    kind: str  # "image/png"
    content: bytes
    expires_at: float


@dataclass(slots=True)
class OAuthCode:
    """The code of one web authorisation: works once, for five minutes."""

    openid: str
    scope: str
    expires_at: float
    used: bool = False


@dataclass(slots=True)
class Sms:
    """One message as Twilio keeps it; times in seconds since 1970."""

    sid: str
    to: str
    sender: str
    body: str
    direction: str
    status: str
    created_at: float
    sent_at: float | None = None
    updated_at: float = 0.0
    segments: int = 1
    callback: str = ""
    error_code: int | None = None


@dataclass(slots=True)
class Order:
    """A service being opened or closed: accepted -> `wanted` (opened, closed), or refused."""

    request_id: str
    msisdn: str
    service: str
    state: str
    reason: str = ""
    created_at: float = 0.0
    confirm_at: float | None = None
    asked: int = 1
    wanted: str = "opened"


@dataclass(slots=True)
class BossSettings:
    """How BOSS behaves; `confirm_after_s` None means: only when told by hand."""

    confirm_after_s: float | None = 2.0
    refuse: bool = False
    reason: str = "余额不足"
    at_once: bool = False
    close_at_once: bool = True  # closings alone


@dataclass(slots=True)
class State:
    """The whole memory."""

    people: dict[str, Person] = field(default_factory=dict)
    phones: dict[str, Phone] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)
    menu: Json | None = None
    conditional_menus: list[Json] = field(default_factory=list)
    tag_names: dict[int, str] = field(default_factory=dict)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    oauth_codes: dict[str, OAuthCode] = field(default_factory=dict)
    templates_sent: dict[str, tuple[int, float]] = field(default_factory=dict)
    quota_day: str = ""
    quota_used: dict[str, int] = field(default_factory=dict)
    quota_limits: dict[str, int] = field(default_factory=dict)
    quota_cleared: dict[str, int] = field(default_factory=dict)
    sms: dict[str, Sms] = field(default_factory=dict)
    opted_out: list[str] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    boss: BossSettings = field(default_factory=BossSettings)


_ADAPTER = TypeAdapter(State)


def read_snapshot(path: Path) -> State | None:
    """The state kept in `path`; None when there is none or it cannot be read."""
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValidationError, OSError) as bad:
        log.warning("emulator snapshot unreadable, starting afresh", path=str(path), why=str(bad))
        return None


class Snapshot:
    """Writes the state to a file some time after each change, and at the end."""

    def __init__(self, path: Path, state: State, lock: threading.RLock) -> None:
        self._path = path
        self._state = state
        self._lock = lock
        self._dirty = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="emulators-snapshot", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        """Note that there is something to write."""
        self._dirty.set()

    def stop(self) -> None:
        """Write what is left and end."""
        self._stopping.set()
        self._dirty.set()
        self._thread.join()

    def _run(self) -> None:
        while self._dirty.is_set() or not self._stopping.is_set():
            self._dirty.wait()
            self._stopping.wait(SAVE_AFTER_S)
            self._dirty.clear()
            try:
                self._write()
            except OSError as failed:
                log.warning("emulator snapshot not written", path=str(self._path), why=str(failed))

    def _write(self) -> None:
        with self._lock:
            data = _ADAPTER.dump_json(self._state, indent=1)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".json.new")
        # It holds whole numbers and texts of test people: nobody else's business.
        with os.fdopen(
            os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
        ) as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        unfinished.replace(self._path)

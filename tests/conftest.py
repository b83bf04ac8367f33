"""The whole product on real parts, and Phone: the handset that scans, taps, texts and sees.

A test has a database to itself, filled from a template, on a private PostgreSQL; a private Valkey;
the emulators, and our web app behind real sockets. Workers are run by the tests, so that nothing
happens behind their backs, and the clock only moves when they move it.
"""

from __future__ import annotations

import fcntl
import gc
import importlib.metadata
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import hypothesis
import psycopg
import pytest
import redis
import requests
from argon2 import PasswordHasher
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from playwright.sync_api import Browser, expect, sync_playwright
from werkzeug.routing import Rule
from werkzeug.serving import WSGIRequestHandler, make_server

import app as product
import logs
import settings as configuration
from commands.db import seed, upgrade
from dialogs import live
from doors import web
from embedded.postgres import Postgres
from embedded.valkey import Valkey
from emulators.server import Emulators
from emulators.settings import Settings as EmulatorSettings
from models import outbox
from models.operators import passwords
from models.store import Store
from tests.browser import launch
from tests.databases import EMPTY, TEMPLATE, Recycled, Refilled, copy_of_template, drop
from workers import parts

ROOT = Path(__file__).parents[1]
# What takes longest; most of it is waiting for whole processes.
FIRST = (
    "tests/test_processes.py", "tests/pages/", "tests/dialogs/test_races.py", "tests/embedded/",
    "tests/handlers/test_simulator", "tests/commands/test_processes.py", "tests/handlers/console/",
    "tests/workers/", "tests/dialogs/",
)  # fmt: skip
# When it is in the tests: a Wednesday morning in China, far from midnight, from the night in which
# no notices leave, and from a month's end. TESTS_BEGIN=2028-02-29T23:50+08:00 makes it another.
BEGINS = datetime.fromisoformat(os.environ.get("TESTS_BEGIN", "2026-11-18T10:00+08:00")).astimezone(
    UTC
)
_STARTED = time.monotonic()
NO_NIGHT = {"CIRCLE_NOTICES__QUIET_FROM": "00:00", "CIRCLE_NOTICES__QUIET_UNTIL": "00:00"}
# What machines knock at, which needs none of the pages.
MACHINES = ("/wechat", "/sms/twilio", "/sms/twilio/status", "/boss/callback", "/boss/events")
# The machine may be busy, or slow: whoever waits for longer than this waits in vain.
PATIENCE_S = 60
PATIENCE_MS = PATIENCE_S * 1000

# The same examples every time, and no deadline: a busy machine is no defect.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")
# For make test-fast: fewer examples, of those tests too that want a number of their own.
# What the mark `slow` says, on a machine that is half as fast as it should be.
HEAVY, HEAVY_S, HEAVY_SHOWN = "processor_s", 0.7, 10
_BEGAN_S = pytest.StashKey[float]()
EVERYDAY = "everyday"
EVERYDAY_EXAMPLES = 15
hypothesis.settings.register_profile(
    EVERYDAY, hypothesis.settings.get_profile("steady"), max_examples=EVERYDAY_EXAMPLES
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-chats", action="store_true",
        help="write what is said now into tests/chats/*.txt, instead of comparing",
    )  # fmt: skip
    parser.addoption(
        "--heavy", action="store_true",
        help="say at the end which tests took much processor time and are not marked slow",
    )  # fmt: skip


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that no worker has one left when the other is done;
    and on ordinary days try few examples."""
    items.sort(key=lambda item: _place(item.path.relative_to(ROOT).as_posix()))
    if config.getoption("--hypothesis-profile") != EVERYDAY:
        return
    for item in items:
        test = getattr(item, "function", None)
        if (wanted := getattr(test, "_hypothesis_internal_use_settings", None)) is not None:
            few = min(wanted.max_examples, EVERYDAY_EXAMPLES)
            test._hypothesis_internal_use_settings = hypothesis.settings(  # type: ignore[union-attr]
                wanted, max_examples=few
            )


def pytest_configure() -> None:
    """Nothing is thrown away while tests are collected, only looked at again and again."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What is loaded now stays: the garbage collector need not look at it, either."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_BEGAN_S] = time.process_time()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    """Seconds of processor time of this test process, on the test's last report."""
    if call.when == "teardown" and not any(map(item.get_closest_marker, ("slow", "browser"))):
        used = time.process_time() - item.stash[_BEGAN_S]
        item.user_properties.append((HEAVY, round(used, 2)))
    return (yield)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """The unmarked tests that take long, so that somebody marks them, or makes them shorter."""
    if not config.getoption("--heavy"):
        return
    passed = terminalreporter.stats.get("", [])
    heavy = [
        (used, report.nodeid)
        for report in passed
        for name, used in report.user_properties
        if name == HEAVY and used > HEAVY_S
    ]
    for used, name in sorted(heavy, reverse=True)[:HEAVY_SHOWN]:
        terminalreporter.write_line(f"{used:5.2f} s of processor time, not marked slow: {name}")


def _place(file: str) -> int:
    """The files of FIRST in their order, then all others."""
    places = (place for place, start in enumerate(FIRST) if file.startswith(start))
    return next(places, len(FIRST))


@dataclass
class MovableClock:
    """The time, which a test can move forward. It begins at the same moment whenever the tests
    run, and goes on while they do."""

    shift: timedelta = timedelta()

    def __call__(self) -> datetime:
        return BEGINS + timedelta(seconds=time.monotonic() - _STARTED) + self.shift

    def advance(self, **by: float) -> None:
        self.shift += timedelta(**by)

    def turn_to(self, moment: datetime) -> None:
        self.shift += moment - self()


@pytest.fixture(scope="session")
def test_data() -> Iterator[Path]:
    """Where this test process keeps its servers: a folder that no other run is using now."""
    for number in count():
        folder = Path(__file__).parents[1] / "var" / f"test-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "in-use").open("w") as mark:
            try:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield folder
            return


@pytest.fixture(scope="session")
def postgres(test_data: Path) -> Iterator[Postgres]:
    """A PostgreSQL with a migrated and seeded template database."""
    server = Postgres(test_data / "postgres", durable=False)
    server.start()
    with psycopg.connect(server.dsn) as connection:
        left = connection.execute("SELECT datname FROM pg_database WHERE datname ~ '^test_'")
        names = [row[0] for row in left]
    for name in (*names, TEMPLATE, EMPTY):
        _admin(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    _admin(server, f"CREATE DATABASE {TEMPLATE}")
    upgrade(server.url_of(TEMPLATE))
    _admin(server, copy_of_template(EMPTY).decode())
    store = Store(server.url_of(TEMPLATE), connections=1, patience_s=10)
    seed(store, BEGINS, rules=False)
    store.close()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey(test_data: Path) -> Iterator[Valkey]:
    server = Valkey(test_data / "valkey", durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def emptying(valkey: Valkey) -> Iterator[redis.Redis]:
    """A connection kept for this: to make one takes a hundred times as long as to empty."""
    with redis.Redis.from_url(valkey.url) as kept:
        yield kept


@pytest.fixture
def redis_url(valkey: Valkey, emptying: redis.Redis) -> str:
    """An empty Valkey."""
    emptying.flushall()
    return valkey.url


@pytest.fixture(scope="session")
def admin(postgres: Postgres) -> Iterator[psycopg.Connection[Any]]:
    """Makes and drops the tests' databases."""
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def recycled() -> Iterator[Recycled]:
    """Keeps connections from one test for the next."""
    made = Recycled()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def refilled(
    postgres: Postgres, admin: psycopg.Connection[Any], recycled: Recycled
) -> Iterator[Refilled]:
    """The database that tests use one after the other."""
    made = refilled_database(postgres, admin, recycled)
    yield made
    made.drop()


@pytest.fixture(scope="session")
def refilled_for_modules(
    postgres: Postgres, admin: psycopg.Connection[Any], recycled: Recycled
) -> Iterator[Refilled]:
    """The database that modules use one after the other."""
    made = refilled_database(postgres, admin, recycled)
    yield made
    made.drop()


def refilled_database(
    postgres: Postgres, admin: psycopg.Connection[Any], recycled: Recycled
) -> Refilled:
    name = f"test_{uuid4().hex[:12]}"
    dsn = postgres.url_of(name).replace("+psycopg", "", 1)
    return Refilled(name, dsn, admin, recycled)


@pytest.fixture(scope="module")
def module_database_url(postgres: Postgres, refilled_for_modules: Refilled) -> str:
    """A database for the tests of this module together, with the sample data."""
    refilled_for_modules.refill()
    return postgres.url_of(refilled_for_modules.name)


@pytest.fixture
def database_url(
    request: pytest.FixtureRequest, postgres: Postgres, admin: psycopg.Connection[Any],
    recycled: Recycled,
) -> Iterator[str]:  # fmt: skip
    """A database for this test alone, with all tables and the sample data and nothing else.

    A test that changes what a database is made of says so by the mark `own_database`.
    """
    if request.node.get_closest_marker("own_database") is None:
        refilled: Refilled = request.getfixturevalue("refilled")
        refilled.refill()
        yield postgres.url_of(refilled.name)
        return
    name = f"test_{uuid4().hex[:12]}"
    admin.execute(copy_of_template(name))
    yield postgres.url_of(name)
    recycled.forget(name)
    drop(admin, name)


def _admin(server: Postgres, statement: str) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(statement.encode())


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for a test process: playwright cannot be entered twice."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()


@dataclass
class World:
    """The running product and what stands for the outside."""

    circle: product.Circle
    url: str
    emulators_url: str
    emulators: Emulators
    clock: MovableClock
    http: requests.Session = field(default_factory=requests.Session)

    def control(self, method: str, path: str, /, **body: Any) -> Any:
        """The emulators' control API."""
        answer = self.http.request(
            method, f"{self.emulators_url}/control{path}", json=body, timeout=2 * PATIENCE_S
        )
        assert answer.ok, answer.text
        return answer.json()

    def work(self) -> None:
        """Let the workers do all that is due, and what follows from it."""
        quiet = 0  # what is due and still not taken, a second time, is shut off by a breaker
        while quiet < 2:
            done = sum(self.circle.drainer.drain(queue) for queue in outbox.QUEUES)
            idle = self.control("GET", f"/idle?timeout={PATIENCE_S}")
            assert idle["idle"], idle
            if not done and not self._due():
                return
            quiet = 0 if done else quiet + 1

    def tick(self) -> None:
        """Let the clock look once, and the workers do what it has found."""
        self.circle.clock.tick()
        self.work()

    def fault(self, on: str, do: str, /, **more: Any) -> None:
        self.control("POST", "/faults", on=on, do=do, **more)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database says."""
        with self.circle.store.reading() as tx:
            return [tuple(row) for row in tx.exec_driver_sql(query, values or None)]

    def _due(self) -> bool:
        now = self.clock()
        return bool(self.circle.store.read(lambda tx: outbox.queues_due(tx, now)))


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(scope="session", autouse=True)
def _log_as_in_production() -> None:
    """Without configuration structlog draws every variable of a traceback, which takes seconds."""
    logs.configure("info")


@pytest.fixture(scope="session", autouse=True)
def _read_menus_once() -> None:
    """The shipped files are checked once a run, not once a test."""
    plain, cached = live.check, lru_cache(maxsize=8)(_check_items)

    def check(files: Any, *, version: int = 0, clubs: Any = None) -> Any:
        return cached(plain, tuple(sorted(files.items())), version, clubs and tuple(clubs))

    live.check = check


@pytest.fixture(scope="session", autouse=True)
def _read_configuration_once() -> None:
    """The shipped configuration is parsed once a run; what the environment says, every time."""
    configuration.parse = lru_cache(maxsize=8)(configuration.parse)  # type: ignore[attr-defined]


@pytest.fixture(scope="session", autouse=True)
def _wait_for_redis() -> None:
    """A limit that is not kept because Redis was late for once is what production wants."""
    product.IMPATIENT_S = PATIENCE_S


@pytest.fixture(scope="session", autouse=True)
def _ticks_take_their_time() -> None:
    """What a clock has to do is done in one tick, also where that takes more than a second."""
    parts.A_TICK_S = PATIENCE_S


@pytest.fixture(scope="session", autouse=True)
def _hash_passwords_quickly() -> None:
    """As slow as it has to be, a password would cost more than most tests."""
    passwords.HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="session", autouse=True)
def _compile_links_late() -> None:
    """How a route writes its links is compiled when a test first wants a link, if it does: every
    world has some fifty routes, and most worlds write no link at all."""
    compiled = Rule._compile_builder

    def late(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        made: list[Callable[..., tuple[str, str]]] = []

        def build(itself: Rule, **values: Any) -> tuple[str, str]:
            if not made:
                made.append(compiled(rule, append_unknown))
            return made[0](itself, **values)

        return build

    Rule._compile_builder = late  # type: ignore[assignment, method-assign]


@pytest.fixture(scope="session", autouse=True)
def _look_up_versions_once() -> None:
    """The client of Redis reads its own package's metadata for every pool that it makes."""
    importlib.metadata.version = lru_cache(importlib.metadata.version)


class _Kept(BytecodeCache):
    """What jinja has compiled, for every app of this process."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if (found := self._compiled.get(bucket.key)) is not None:
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def _compile_templates_once() -> None:
    """Every world has an app of its own, which would compile all templates that it shows."""
    Flask.jinja_options = {"bytecode_cache": _Kept()}


def _check_items(
    plain: Callable[..., Any], items: tuple[tuple[str, str], ...], version: int, clubs: Any
) -> Any:
    return plain(dict(items), version=version, clubs=clubs)


@pytest.fixture
def environment() -> dict[str, str]:
    """What a test wants set differently; override it in the test's module or class."""
    return {}


@pytest.fixture
def world(
    request: pytest.FixtureRequest, database_url: str, redis_url: str, clock: MovableClock,
    environment: dict[str, str], tmp_path: Path,
) -> Iterator[World]:  # fmt: skip
    """Everything running, on free ports."""
    building = threading.Lock()

    @lru_cache(2)
    def app(people: bool) -> Callable[..., Any]:
        return web(circle, people=people)

    def serve(environ: Any, start_response: Any) -> Any:
        people = environ["PATH_INFO"] not in MACHINES
        with building:  # when somebody first asks: it takes longer than many tests do
            built = app(people)
        return built(environ, start_response)

    server = make_server("127.0.0.1", 0, serve, threaded=True, request_handler=_Quiet)
    url = f"http://127.0.0.1:{server.server_port}"
    binds = environment.get("CIRCLE_SMS__GATEWAY", "twilio") != "twilio"
    binds = binds or bool(environment.get("CIRCLE_SMS__BINDS"))
    emulators = Emulators(
        EmulatorSettings(
            target=url,
            public_url=url,
            mode=environment.get("CIRCLE_WECHAT__MODE", "secure"),
            twilio_step_s=0.0,
            boss_confirm_after_s=0.0,
            boss_retry_after_s=0.01,
            wechat_retry_after_s=0.01,
            clock=lambda: clock().timestamp(),
            smpp_port=0 if binds else None,
            cmpp_port=0 if binds else None,
        )
    )
    emulators_port = emulators.start()
    ports = emulators.smsc.centre.ports if emulators.smsc else {}
    emulators_url = f"http://127.0.0.1:{emulators_port}"
    settings = configuration.load(
        {
            **configuration.DEVELOPMENT,
            "CIRCLE_PORT": str(server.server_port),
            "CIRCLE_EMULATORS_PORT": str(emulators_port),
            "CIRCLE_PUBLIC_URL": url,
            "CIRCLE_DATA_DIR": str(tmp_path),
            "CIRCLE_DATABASE_URL": database_url,
            "CIRCLE_REDIS_URL": redis_url,
            "CIRCLE_WECHAT__API_BASE_URL": emulators_url,
            "CIRCLE_SMS__TWILIO__API_BASE_URL": emulators_url,
            "CIRCLE_BOSS__BASE_URL": f"{emulators_url}/boss",
            # A test that goes on by hours wants no night, unless it is about it.
            **({} if request.node.get_closest_marker("night") else NO_NIGHT),
            **{f"CIRCLE_SMS__{name.upper()}__PORT": str(port) for name, port in ports.items()},
            **environment,
        }
    )
    circle = product.Circle(settings, connections=16, now=clock)
    _ = circle.answering  # the parts that tests use, too, built before there are more threads
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    made = World(circle, url, emulators_url, emulators, clock)
    made.http.trust_env = False  # all is on this machine, and looking for proxies takes time
    made.control("POST", "/boss/settings", confirm_after_s=None)
    yield made
    server.shutdown()
    server.server_close()
    thread.join()
    emulators.stop()
    made.http.close()
    circle.store.close()


@dataclass
class Phone:
    """Somebody's handset. What it does goes through the real doors; then the workers run."""

    world: World
    name: str
    openid: str
    msisdn: str

    def scans(self, scene: str) -> Any:
        """Scan a QR code with WeChat."""
        return self._does("scan", scene=scene)

    def taps(self, key: str) -> Any:
        """Tap an entry of the WeChat menu, by its key."""
        return self._does("tap", key=key)

    def says(self, text: str) -> Any:
        """Write in the WeChat chat."""
        return self._does("text", text=text)

    def follows(self, scene: str = "") -> Any:
        return self._does("follow", **({"scene": scene} if scene else {}))

    def unfollows(self) -> Any:
        return self._does("unfollow")

    def sends(self, kind: str) -> Any:
        """Send an image, a voice message or a location in the WeChat chat."""
        return self._does(kind)

    def texts(self, text: str) -> Any:
        """Send an SMS to the service number."""
        answer = self.world.control("POST", f"/sms/{quote(self.msisdn)}/text", text=text)
        self.world.work()
        return answer

    def sees(self, channel: str, text: str) -> bool:
        """Whether something with these words has arrived."""
        return any(text in said for said in self.heard(channel))

    def heard(self, channel: str) -> list[str]:
        """All that has arrived, the oldest first."""
        phone = self.world.control("GET", f"/phones/{quote(self.name)}")
        return [entry["text"] for entry in phone[channel] if entry["from"] == "them"]

    def last(self, channel: str) -> str:
        """What has arrived last."""
        return (self.heard(channel) or [""])[-1]

    def _does(self, act: str, **body: Any) -> Any:
        # Nobody does two things within a second; WeChat's events, which have no id, are told
        # apart by whole seconds.
        self.world.clock.advance(seconds=1)
        answer = self.world.control("POST", f"/wechat/{self.openid}/{act}", **body)
        self.world.work()
        return answer


@pytest.fixture
def phone(world: World) -> Callable[[str], Phone]:
    """The handset of one of the seeded people."""

    def of(name: str) -> Phone:
        people = {person["name"]: person for person in world.control("GET", "/people")}
        person = people[name]
        return Phone(world, name, person.get("openid") or "", person.get("msisdn") or "")

    return of


@dataclass
class Boss:
    """The operator's system, which answers when a test says so."""

    world: World

    def orders(self) -> list[dict[str, Any]]:
        return list(self.world.control("GET", "/boss/orders"))

    def answers(self, state: str = "opened", reason: str = "", times: int = 1) -> None:
        """Confirm or refuse every order that is waiting."""
        for order in self.orders():
            if order["state"] == "accepted":
                self.confirms(order["request_id"], state, reason, times)

    def confirms(
        self, request_id: str, state: str = "opened", reason: str = "", times: int = 1
    ) -> None:
        self.world.control(
            "POST", f"/boss/orders/{request_id}/confirm", state=state, reason=reason, times=times
        )
        self.world.work()


@pytest.fixture
def boss(world: World) -> Boss:
    return Boss(world)


@pytest.fixture
def started() -> float:
    return time.perf_counter()

"""Draws through the real doors, while web, workers, Valkey and PostgreSQL are killed.

People send signed WeChat callbacks to `python app.py run`: 抽奖, and 是 where it costs. What is
not answered is sent again, three times in all, under the same MsgId, as WeChat does; after that
the person says it anew. Everybody draws until they are told that it is enough for today, so how
many draws there are in the end is known beforehand, whatever was killed.
"""

from __future__ import annotations

import hashlib
import http.client
import itertools
import os
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import requests

from bench import draws_proof, messages
from bench.draws_client import FIRST_ID
from bench.servers import ROOT, free_port
from embedded.spawning import spawn
from models import points, sql
from models.base import Tx
from models.draws import publishing
from models.draws.definition import Draw
from models.draws.seeds import Seeds
from models.operators.vault import Vault, development_secret
from models.store import Store

CODE = "doors"
PRICE, FREE = 10, 1
TRIES, PATIENCE_S, PAUSE_S = 3, 5.0, 0.5  # of a message, as WeChat's; and before the next try
SETTLED_WITHIN_S = 120.0
UP_WITHIN_S = 120.0
SPOKEN = 400  # sentences that a person says at most: a bound, not a plan
# Words of the command line -> what is killed.
VICTIMS = {
    "web": ("app.py", "web"), "worker": ("app.py", "worker"),
    "valkey": ("valkey-server",), "postgres": ("postgres", "-D"),
}  # fmt: skip
# So that what dead processes held is given back soon.
QUICK = {
    "CIRCLE_OUTBOX__LEASE_S": "4",
    "CIRCLE_OUTBOX__SWEEP_S": "0.3",
    "CIRCLE_OUTBOX__BACKOFF_FIRST_S": "0.2",
    "CIRCLE_OUTBOX__ASK_AGAIN_S": "2",
    "CIRCLE_BOSS__TIMEOUT_S": "3",
    "CIRCLE_LOG__LEVEL": "warning",
}
_numbers = itertools.count(1)
_MADE = """
    SET session_replication_role = replica;
    INSERT INTO subscribers (id, status, created_at) OVERRIDING SYSTEM VALUE
    SELECT {first} + n, 'active', now() FROM generate_series(0, {last}) n;
    INSERT INTO subscriber_addresses (channel, address, subscriber_id, since)
    SELECT 'sms', '+86170' || lpad(n::text, 8, '0'), {first} + n, now()
    FROM generate_series(0, {last}) n;
    INSERT INTO subscriber_addresses
        (channel, address, subscriber_id, since, heard_at, open_until)
    SELECT 'wechat', 'o_doors_' || lpad(n::text, 8, '0'), {first} + n, now(), now(),
        now() + interval '48 hours' FROM generate_series(0, {last}) n;
    SET session_replication_role = DEFAULT
"""


@dataclass(slots=True)
class Size:
    """How much is drawn, and how often each part is killed meanwhile."""

    people: int = 300
    each: int = 20  # draws a day of a person
    clients: int = 32
    kills: int = 5
    seed: int = 1

    @property
    def draws(self) -> int:
        return self.people * self.each


@dataclass(slots=True)
class Figures:
    """What the people have met."""

    sent: int = 0
    again: int = 0  # sent once more, as nobody had answered
    unanswered: int = 0  # after three tries
    busy: int = 0
    drawn: int = 0
    # Key of a message -> what it was answered; "" for none.
    answers: dict[str, str] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)
    took_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class Product:
    """All processes of `python app.py run`, in a folder of their own."""

    process: subprocess.Popen[bytes]
    port: int
    emulators: str
    said: dict[str, str]

    def kill(self, what: str) -> int:
        """kill -9 all processes of a kind; returns how many there were."""
        killed = 0
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                line = " ".join(child.cmdline())
                if all(word in line for word in VICTIMS[what]):
                    child.kill()
                    killed += 1
            except psutil.NoSuchProcess:
                continue
        return killed

    def is_ready(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/readyz", timeout=2).ok
        except requests.RequestException:
            return False


@contextmanager
def product(folder: Path) -> Iterator[Product]:
    """Everything up, begun afresh, stopped at the end."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    port, emulators = free_port(), free_port()
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("CIRCLE_")}
    env = inherited | QUICK | {
        "CIRCLE_PORT": str(port), "CIRCLE_EMULATORS_PORT": str(emulators),
        "CIRCLE_DATA_DIR": str(folder), "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    log = folder / "run.log"
    with log.open("wb") as output:
        process = spawn(
            [sys.executable, str(ROOT / "app.py"), "run"], env=env, cwd=ROOT, output=output
        )
    try:
        _until("ready", lambda: b"\nReady: " in log.read_bytes(), UP_WITHIN_S)
        lines = (folder / "run.env").read_text().splitlines()
        said = {name: shlex.split(v)[0] for name, _, v in (a.partition("=") for a in lines)}
        yield Product(process, port, f"http://127.0.0.1:{emulators}", said)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def run(folder: Path, size: Size) -> Figures:
    """Let them draw and kill meanwhile, then prove the outcome. Raises AssertionError."""
    with product(folder) as made:
        store = Store(made.said["CIRCLE_DATABASE_URL"], connections=2, patience_s=120)
        secret, terms = development_secret(folder), _terms(size)
        store.run(lambda tx: _fill(tx, terms, Seeds(lambda: Vault(secret)), size.people))
        for n in range(size.people):
            person = {"name": _openid(n), "openid": _openid(n), "msisdn": _msisdn(n)}
            _control(made, "/people", person | {"follows": True})
        _control(made, "/boss/settings", {"confirm_after_s": 0.5})
        figures = _drawn(made, size)
        draws_proof.settle(store, SETTLED_WITHIN_S)
        orders = requests.get(f"{made.emulators}/control/boss/orders", timeout=30).json()
        proof = draws_proof.Proof(store, terms, size.people, size.each, figures.answers, orders)
        proof.hold()
        for command in (["draws", "audit", CODE], ["ledger", "verify"]):
            _command(made, command)
        store.close()
    return figures


def _terms(size: Size) -> Draw:
    """Points and a package from BOSS, half as many as are drawn: both run out."""
    today = points.day_of(datetime.now(UTC))
    stock = max(2, size.draws // 10)
    return Draw.model_validate(
        {
            "code": CODE, "title": "门外抽奖", "expected_draws": 1, "fallback": "thanks",
            "window": {"from": today - timedelta(days=1), "until": today + timedelta(days=2)},
            "price_points": PRICE, "free_a_day": FREE, "budget": {"points": stock * 5},
            "limits": {"person_day": size.each, "person": size.each},
            "prizes": [
                {"code": "five", "title": "5积分", "kind": "points", "points": 5,
                 "odds_ppm": 200_000, "stock": stock},
                {"code": "data", "title": "1GB流量包", "kind": "data", "service": "DATA_1G",
                 "odds_ppm": 100_000, "stock": max(1, stock // 2)},
                {"code": "thanks", "title": "谢谢参与", "kind": "thanks", "odds_ppm": 700_000},
            ],
        }
    )  # fmt: skip


def _fill(tx: Tx, terms: Draw, seeds: Seeds, people: int) -> None:
    now = datetime.now(UTC)
    for statement in _MADE.format(first=FIRST_ID, last=people - 1).split(";"):
        sql.run(tx, statement)
    given = [
        points.Credit(
            f"bench:{n}", "bench", "bench", points.ISSUING, FIRST_ID + n, points.CONSUMPTION,
            points.day_of(now) + timedelta(days=999), 100_000,
        )
        for n in range(people)
    ]  # fmt: skip
    points.credit(tx, given, reason="bench", channel="bench", now=now)
    for code in publishing.live(tx):  # with one draw alone, 抽奖 means that one
        publishing.set_state(tx, code, stopped=True)
    publishing.publish(tx, terms, seeds, author="bench", note="bench", now=now)


def _drawn(made: Product, size: Size) -> Figures:
    """Everybody draws until it is enough; another thread kills, at even shares of the whole."""
    figures, ends, began = Figures(), threading.Event(), time.monotonic()
    killing = threading.Thread(target=_kill, args=[made, size, figures, ends])
    killing.start()
    with ThreadPoolExecutor(size.clients) as crowd:
        for done in [crowd.submit(_person, made.port, n, figures) for n in range(size.people)]:
            done.result()
    figures.took_s = time.monotonic() - began
    ends.set()
    killing.join()
    early = "they had drawn all before all was killed"
    assert sum(figures.killed.values()) == size.kills * len(VICTIMS), (early, figures.killed)
    return figures


def _kill(made: Product, size: Size, figures: Figures, ends: threading.Event) -> None:
    """The next is killed when so many draws were told of, and what was killed before is back."""
    order = [what for _ in range(size.kills) for what in VICTIMS]
    chance = random.Random(size.seed)
    for number, what in enumerate(order):
        due = size.draws * 7 * number // (10 * len(order)) + size.people
        while not ends.is_set() and (figures.drawn < due or not made.is_ready()):
            time.sleep(0.05)
        time.sleep(chance.uniform(0, 0.3))
        if not ends.is_set() and made.kill(what):
            figures.killed[what] += 1
            _say(f"{figures.drawn} drawn; killed {what}")


def _person(port: int, n: int, figures: Figures) -> None:
    """Draw until told that it is enough; then ask once more."""
    word, enough = "抽奖", 0
    for _ in range(SPOKEN):
        heard = _says(port, _openid(n), word, figures)
        enough += "抽满" in heard
        if enough == 2:
            return
        word = "是" if "回复“是”" in heard else "抽奖"
    raise AssertionError(f"{_openid(n)} never had enough")


def _says(port: int, openid: str, word: str, figures: Figures) -> str:
    """One message, as WeChat sends it: until it is answered, three times at most."""
    number, created = 24_000_000_000_000_000 + next(_numbers), int(time.time())
    message = (
        f"<xml><ToUserName><![CDATA[{messages.ACCOUNT}]]></ToUserName>"
        f"<FromUserName><![CDATA[{openid}]]></FromUserName><CreateTime>{created}</CreateTime>"
        f"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{word}]]></Content>"
        f"<MsgId>{number}</MsgId></xml>"
    )
    heard, tries = "", 0
    while not heard and tries < TRIES:
        if tries:
            time.sleep(PAUSE_S)
        heard, tries = _post(port, messages.request(message, openid=openid)), tries + 1
    key = hashlib.sha256(f"wx:{number}:{openid}:{created}".encode()).hexdigest()
    with figures.lock:
        figures.sent += 1
        figures.again += tries - 1
        figures.unanswered += not heard
        figures.busy += draws_proof.BUSY in heard
        figures.drawn += draws_proof.SERIAL in heard
        figures.answers[f"wx:sha256:{key}"] = heard
    if number % 20 == 0:  # WeChat sends some twice although they were answered
        second = _post(port, messages.request(message, openid=openid))
        if heard and second and draws_proof.BUSY not in heard + second:
            assert second == heard, (heard, second)
    return heard


def _post(port: int, wire: bytes) -> str:
    """What it is answered; "" where it is not."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
            connection.sendall(wire)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            body = answer.read()
    except (OSError, http.client.HTTPException):
        return ""
    return messages.read(b"HTTP/1.1 %d -\r\n\r\n" % answer.status + body).text or ""


def _openid(n: int) -> str:
    return f"o_doors_{n:08d}"


def _msisdn(n: int) -> str:
    return f"+86170{n:08d}"


def _control(made: Product, path: str, body: dict[str, Any]) -> None:
    requests.post(f"{made.emulators}/control{path}", json=body, timeout=30).raise_for_status()


def _command(made: Product, words: list[str]) -> None:
    """A command of the product, which must find nothing wrong."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "app.py"), *words], env={**os.environ, **made.said}, cwd=ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    last = (done.stdout.strip().splitlines() or [""])[-1]
    _say(f"{' '.join(words)}: {last}")
    assert done.returncode == 0, done.stdout + done.stderr


def _until(what: str, condition: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what}")
        time.sleep(0.1)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

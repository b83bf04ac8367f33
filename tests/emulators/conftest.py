"""The emulators on a free port, and a small product for them to talk to, over real HTTP."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests

from emulators.server import Emulators
from emulators.settings import Settings

QUICK = Settings(
    wechat_timeout_s=3.0,
    wechat_retry_after_s=0.01,
    twilio_step_s=0.01,
    twilio_retry_after_s=0.01,
    boss_confirm_after_s=0.02,
    boss_retry_after_s=0.01,
)


@dataclass(frozen=True)
class Got:
    """A request that the product received."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {k: v[0] for k, v in parse_qs(self.body.decode(), keep_blank_values=True).items()}


@dataclass
class Product:
    """Receives callbacks; `answer` says what it replies: (status, body)."""

    url: str
    got: list[Got] = field(default_factory=list)
    answer: Callable[[Got], tuple[int, bytes]] = lambda got: (200, b"")

    def paths(self, path: str) -> list[Got]:
        return [one for one in self.got if one.path == path]


@pytest.fixture
def product() -> Iterator[Product]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            parts = urlsplit(self.path)
            got = Got(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                dict(self.headers.items()),
                self.rfile.read(length),
            )
            made.got.append(got)
            status, body = made.answer(got)
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                # The caller hung up, as some tests want.
                self.close_connection = True

        do_GET = do_POST = _serve  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Product(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


class Client:
    """Speaks to the emulators: the control API, and the providers' APIs as the product would."""

    def __init__(self, emulators: Emulators, url: str) -> None:
        self.emulators = emulators
        self.settings = emulators.settings
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False

    def control(self, method: str, path: str, /, **body: Any) -> Any:
        answer = self.http.request(method, f"{self.url}/control{path}", json=body, timeout=60)
        assert answer.ok, answer.text
        return answer.json()

    def act(self, openid: str, name: str, /, **body: Any) -> Any:
        return self.control("POST", f"/wechat/{openid}/{name}", **body)

    def fault(self, on: str, do: str, **more: Any) -> Any:
        return self.control("POST", "/faults", on=on, do=do, **more)

    def phone(self, name: str) -> Any:
        return self.control("GET", f"/phones/{name}")

    def rest(self) -> None:
        """Wait until the emulators have nothing left to do."""
        done = self.control("GET", "/idle?timeout=60")
        assert done["idle"], done

    def until_held(self) -> None:
        """Wait until something is held back by a fault."""
        while not any("held" in what for what in self.waiting()):
            self.http.get(f"{self.url}/healthz", timeout=60)

    def waiting(self) -> list[str]:
        return list(self.control("GET", "/idle?timeout=0")["waiting"])

    def later(self, seconds: float) -> None:
        self.control("POST", "/clock", advance_s=seconds)

    def token(self, **more: Any) -> Any:
        body = {
            "grant_type": "client_credential",
            "appid": self.settings.app_id,
            "secret": self.settings.app_secret,
        } | more
        return self.http.post(f"{self.url}/cgi-bin/stable_token", json=body, timeout=60).json()

    def wechat(self, path: str, body: Any = None, *, token: str | None = None) -> Any:
        """Call the WeChat API with a good access token (or the one given)."""
        good = token if token is not None else self.token()["access_token"]
        method = "GET" if body is None else "POST"
        url = f"{self.url}/cgi-bin/{path}"
        more = {} if body is None else {"json": body}
        answer = self.http.request(method, url, params={"access_token": good}, timeout=60, **more)
        return answer.json()

    def code(self, path: str, body: Any = None) -> int:
        """The errcode of a WeChat call; 0 for success."""
        return int(self.wechat(path, body).get("errcode", 0))

    def twilio(self, to: str = "+8613800000001", text: str = "hi", **more: str) -> Any:
        form = {"To": to, "From": self.settings.from_number, "Body": text} | more
        auth = (self.settings.account_sid, self.settings.auth_token)
        return self.http.post(self.messages_url, data=form, auth=auth, timeout=60)

    @property
    def messages_url(self) -> str:
        return f"{self.url}/2010-04-01/Accounts/{self.settings.account_sid}/Messages.json"


@pytest.fixture
def start(product: Product) -> Iterator[Callable[..., Client]]:
    """Starts emulators with changed settings; they are stopped after the test."""
    running: list[Client] = []

    def make(**changes: Any) -> Client:
        emulators = Emulators(
            replace(QUICK, **({"target": product.url, "public_url": product.url} | changes))
        )
        port = emulators.start()
        client = Client(emulators, f"http://127.0.0.1:{port}")
        running.append(client)
        return client

    yield make
    for client in running:
        client.http.close()
        client.emulators.stop()


@pytest.fixture
def client(start: Callable[..., Client]) -> Client:
    return start()


@pytest.fixture
def now() -> float:
    return time.time()

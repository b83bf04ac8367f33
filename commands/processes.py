"""`run | web | worker | sms | clock`: the processes, and all of them on one machine."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import rq
from granian import Granian
from granian.constants import Interfaces
from rq.worker import SimpleWorker

from commands import blocked, demo_agents, demo_merchants, demo_operators
from commands.db import seed, set_up_if_empty, upgrade
from commands.wired import circle
from embedded.postgres import Postgres
from embedded.processes import Child, Part, Supervisor, answers
from embedded.server import StartFailed
from embedded.valkey import Valkey
from integrations.errors import CallFailed
from integrations.sender_beat import SenderBeat
from menus.menus import read_folder
from models import outbox, publications
from models.preferences import KINDS
from settings import DEVELOPMENT
from workers import jobs
from workers.sender.beating import Beating

if TYPE_CHECKING:
    from app import Circle

ROOT = Path(__file__).parent.parent
SENDER_CONNECTIONS = 12  # the sender's threads for rows and for texts


@click.command()
@click.pass_context
def web(context: click.Context) -> None:
    """The web process: all doors, under granian."""
    wired = circle(context, queue=True)
    config = wired.settings
    set_up_if_empty(wired.store, config.database_url or "")
    wired.store.close()  # granian's processes make their own connections
    counters = Path(config.data_dir) / "metrics"
    shutil.rmtree(counters, ignore_errors=True)
    counters.mkdir(parents=True)
    # Set before the first metric is made, in the processes that granian starts.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(counters.absolute())
    Granian(
        "app:wsgi",
        factory=True,
        address=config.host,
        port=config.port,
        interface=Interfaces.WSGI,
        workers=config.web.processes,
        blocking_threads=config.web.threads,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=10,
        websockets=False,
        working_dir=ROOT,
    ).serve()


@click.command()
@click.option("--queue", "queues", multiple=True, type=click.Choice(outbox.QUEUES))
@click.option("--ready-file", type=click.Path(path_type=Path), help="Made once it is ready.")
@click.pass_context
def worker(context: click.Context, queues: tuple[str, ...], ready_file: Path | None) -> None:
    """A worker: reply before call before bulk, or only the queues that are named."""
    config = circle(context, queue=True).settings
    wired = circle(context, connections=config.outbox.senders + 1)
    _follow_menus(wired)
    wired.numbers.start()
    jobs.wire(wired.drainer)
    _say_ready(ready_file)
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    # SimpleWorker: no fork for each job, which would cost more than the job, and with which
    # database connections must not be shared.
    SimpleWorker(
        [rq.Queue(name, connection=wired.redis) for name in queues or outbox.QUEUES],
        connection=wired.redis,
    ).work(logging_level="WARNING")


@click.command()
@click.option("--ready-file", type=click.Path(path_type=Path), help="Made once it is ready.")
@click.pass_context
def clock(context: click.Context, ready_file: Path | None) -> None:
    """The clock: timeouts and sweeps; of many the one with the lock leads."""
    wired = circle(context, queue=True)
    _follow_menus(wired)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: wired.clock.stop())
    _say_ready(ready_file)
    wired.clock.run(wired.settings.outbox.sweep_s)


@click.group(invoke_without_command=True)
@click.option("--ready-file", type=click.Path(path_type=Path), help="Made once it is ready.")
@click.option("--name", default="sender", help="Of its spool, where several run on one machine.")
@click.pass_context
def sms(context: click.Context, ready_file: Path | None, name: str) -> None:
    """The sender: holds binds to SMPP or CMPP gateways, sends and hears SMS over them.

    With block, unblock or blocked: numbers that are not written to unasked.
    """
    if context.invoked_subcommand:
        return
    wired = circle(context, queue=True, connections=SENDER_CONNECTIONS)
    if not wired.settings.sms.carriers:
        raise click.ClickException(
            "nothing to bind to: set CIRCLE_SMS__GATEWAY to smpp or cmpp (workers serve twilio)"
        )
    _follow_menus(wired)
    wired.numbers.start()
    asyncio.run(_send(wired, ready_file, name))


for _each in (blocked.block, blocked.unblock, blocked.blocked):
    sms.add_command(_each)


async def _send(wired: Circle, ready_file: Path | None, name: str) -> None:
    sender = wired.sender(name)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, sender.stop)
    beating = Beating(sender, SenderBeat(wired.impatient_redis, name), wired.now)
    telling = asyncio.create_task(beating.run())
    await sender.run(on_ready=lambda: _say_ready(ready_file))
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)


def _say_ready(file: Path | None) -> None:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def _follow_menus(wired: Circle) -> None:
    set_up_if_empty(wired.store, wired.settings.database_url or "")
    wired.live.refresh()
    wired.live.follow(wired.settings.menus.poll_s)


@click.command()
@click.pass_context
def run(context: click.Context) -> None:
    """Everything on this machine: stores, emulators, web, workers, clock, simulator."""
    _default_to_development()
    config = context.obj().settings
    _check_ports(config.host, config.port, config.emulators_port)
    parts: list[Part | Child] = []
    data = Path(config.data_dir)
    if config.database_url is None:
        postgres = Postgres(data / "postgres")
        _start(postgres)
        os.environ["CIRCLE_DATABASE_URL"] = postgres.url
        parts.append(postgres)
    if config.redis_url is None:
        valkey = Valkey(data / "valkey")
        _start(valkey)
        os.environ["CIRCLE_REDIS_URL"] = valkey.url
        parts.append(valkey)
    wired = context.obj()
    upgrade(wired.settings.database_url)
    click.echo(seed(wired.store, wired.now()))
    if not wired.store.read(publications.live_version):
        files = read_folder(ROOT / "menus")
        wired.store.run(
            lambda tx: publications.publish(
                tx, files, author="setup", note="the first version", now=wired.now()
            )
        )
    people = []
    if config.environment == "development":
        people = [
            ("console", demo_operators.set_up(wired)),
            ("merchant", demo_merchants.set_up(wired)),
        ]
        wired.store.run(lambda tx: demo_agents.seed(tx, wired.now()))
    base = f"http://{config.host}:{config.port}"
    ready = (data / "ready").absolute()
    senders = ["sms"] if config.sms.carriers else []
    parts += [
        _child("emulators", ready=_emulators_show_menus(wired), module="emulators"),
        _child("web", ready=answers(f"{base}/healthz")),
        _child("worker", "worker", "--ready-file", str(ready / "worker")),
        # One that is never held up by a slow system that is being called.
        _child("replies", "worker", "--queue", "reply", "--ready-file", str(ready / "replies")),
        *(_child("sms", "sms", "--ready-file", str(ready / "sms")) for _ in senders),
        # They start side by side; all is ready when all of them are.
        _child(
            "clock", "clock", "--ready-file", str(ready / "clock"),
            ready=_all_ready(ready, "worker", "replies", "clock", *senders),
        ),
    ]  # fmt: skip
    supervisor = Supervisor(parts, on_ready=lambda: _welcome(base, data, people))
    raise SystemExit(supervisor.run())


def _start(server: Postgres | Valkey) -> None:
    try:
        server.start()
    except StartFailed as failed:
        raise click.ClickException(str(failed)) from failed


def _check_ports(host: str, port: int, emulators_port: int) -> None:
    """End with a sentence, before anything is started, if a port is taken."""
    for number, name in ((port, "CIRCLE_PORT"), (emulators_port, "CIRCLE_EMULATORS_PORT")):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, number))
            except OSError as taken:
                raise click.ClickException(
                    f"port {number} cannot be used ({taken.strerror}): stop what listens there,"
                    f" or set {name} to another"
                ) from taken


def _default_to_development() -> None:
    """The emulators and their well-known secrets, where the environment says nothing else."""
    host = os.environ.get("CIRCLE_HOST") or "127.0.0.1"
    port = os.environ.get("CIRCLE_PORT") or "8000"
    emulators_port = int(os.environ.get("CIRCLE_EMULATORS_PORT") or "8001")
    emulators = f"http://{host}:{emulators_port}"
    defaults = {
        **DEVELOPMENT,
        "CIRCLE_PUBLIC_URL": f"http://{host}:{port}",
        "CIRCLE_WECHAT__API_BASE_URL": emulators,
        "CIRCLE_SMS__TWILIO__API_BASE_URL": emulators,
        "CIRCLE_SMS__BINDS": "smpp,cmpp",  # the simulator's phones choose
        "CIRCLE_SMS__SMPP__PORT": str(emulators_port + 1),
        "CIRCLE_SMS__CMPP__PORT": str(emulators_port + 2),
        "CIRCLE_BOSS__BASE_URL": f"{emulators}/boss",
        **{f"CIRCLE_WECHAT__TEMPLATES__{kind.upper()}": f"TM-{kind}" for kind in KINDS},
        "CIRCLE_DATA_DIR": str(ROOT / "var"),
    }
    for name, value in defaults.items():
        if not os.environ.get(name):
            os.environ[name] = value


def _child(
    name: str, *arguments: str, ready: Callable[[], bool] | None = None, module: str = ""
) -> Child:
    what = ["-m", module] if module else [str(ROOT / "app.py"), *(arguments or (name,))]
    return Child(name, [sys.executable, *what], ready=ready, cwd=ROOT)


def _all_ready(folder: Path, *names: str) -> Callable[[], bool]:
    """Ready once every child has made its file; those of an earlier run are removed."""
    shutil.rmtree(folder, ignore_errors=True)
    return lambda: all((folder / name).exists() for name in names)


def _emulators_show_menus(wired: Circle) -> Callable[[], bool]:
    """Ready once they answer, and have the live menus as WeChat would have."""
    alive = answers(f"http://{wired.settings.host}:{wired.settings.emulators_port}/control/people")

    def ready() -> bool:
        if not alive():
            return False
        wired.live.refresh()
        try:
            wired.publisher.push(wired.live())
        except CallFailed as failed:
            click.echo(f"the emulators did not take the menus: {failed}", err=True)
        return True

    return ready


def _welcome(base: str, data: Path, people: Sequence[tuple[str, Path]]) -> None:
    """Say where to look, and leave the environment that other commands need in a file."""
    file = data / "run.env"
    names = sorted(name for name in os.environ if name.startswith("CIRCLE_"))
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text("".join(f"{name}={shlex.quote(os.environ[name])}\n" for name in names))
    click.echo(f"\nReady: {base}/simulator\n")
    for door, passwords in people:
        click.echo(f"{base}/{door}: who signs in, and with which password: {passwords}")
    click.echo(f"Other commands, in another terminal:  set -a; . {file}; set +a\n")

"""`python -m emulators`: run the stand-ins until told to stop."""

import os
import signal
import sys
import threading

import click

from emulators.server import Emulators
from emulators.settings import RefusedToStart, from_environment


def main() -> int:
    """Run; returns the exit code (2 = refused to start)."""
    try:
        settings = from_environment(os.environ)
    except RefusedToStart as refused:
        click.echo(refused, err=True)
        return 2
    told_to_stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told_to_stop.set())
    emulators = Emulators(settings)
    try:
        port = emulators.start(settings.port)
    except OSError as taken:
        emulators.stop()
        click.echo(
            f"Port {settings.port} cannot be used ({taken.strerror}). "
            "Stop what listens there, or set CIRCLE_EMULATORS_PORT to another.",
            err=True,
        )
        return 2
    click.echo(f"Emulators listen on http://{settings.host}:{port}")
    told_to_stop.wait()
    emulators.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())

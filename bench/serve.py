"""Serves an app as the product is served: `python -m bench.serve bench.echo_flask:app PORT`.

Granian with the same interface, processes and threads as `python app.py web`.
"""

from __future__ import annotations

import os
import sys

from granian import Granian
from granian.constants import Interfaces

import settings


def main() -> None:
    """Serve until told to stop."""
    web = settings.load(os.environ).web
    Granian(
        sys.argv[1],
        address="127.0.0.1",
        port=int(sys.argv[2]),
        interface=Interfaces.WSGI,
        workers=web.processes,
        blocking_threads=web.threads,
        workers_kill_timeout=10,
        websockets=False,
    ).serve()


if __name__ == "__main__":
    main()

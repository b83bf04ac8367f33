"""An SMSC in a process of its own that counts what it takes, by text: for whom kills its client.

python -m emulators.smsc_counter --delay-ms 20      says its ports, then answers line by line:
count                  how many submits it took, of how many texts, and how many more than once
texts PREFIX           of each text that begins so: how often, and when first (Unix time)
"""

import json
import sys
import time
from collections.abc import Iterable
from typing import Any

import click

from emulators import gsm
from emulators.settings import Settings
from emulators.smsc import Centre, Login, Verdict
from emulators.smsc_wire import Submitted

UCS2 = 8


class Counter:
    """Judges submits: takes them all, after `delay_s`, and remembers them."""

    def __init__(self, *, delay_s: float = 0.0, receipts: bool = True) -> None:
        self.taken = 0
        self.texts: dict[str, list[float]] = {}  # how often, and when first
        self._verdict = Verdict(after_s=delay_s, state="DELIVRD" if receipts else "", became="")

    def judge(self, gateway: str, submitted: Submitted, message_id: str) -> Verdict:
        """On the SMSC's loop."""
        body = submitted.body
        text = body.decode("utf-16-be", "replace") if submitted.coding == UCS2 else gsm.decode(body)
        self.taken += 1
        self.texts.setdefault(f"{submitted.to} {text}", [0, time.time()])[0] += 1
        return self._verdict

    def answer(self, line: str) -> Any:
        """To what is asked on a line."""
        what, _, prefix = line.strip().partition(" ")
        if what == "texts":
            known = list(self.texts.items())
            return {key: seen for key, seen in known if key.partition(" ")[2].startswith(prefix)}
        twice = sum(seen[0] > 1 for seen in list(self.texts.values())) if what == "count" else 0
        return {"taken": self.taken, "texts": len(self.texts), "more_than_once": twice}


def serve(counter: Counter, lines: Iterable[str], ports: dict[str, int]) -> None:
    """Listen, and answer lines until there are no more."""
    given = Settings()
    login = Login(given.system_id, given.password, given.sp_id, given.sp_secret)
    centre = Centre(login, counter.judge)
    click.echo(json.dumps(centre.start(ports)))
    for line in lines:
        click.echo(json.dumps(counter.answer(line), ensure_ascii=False))
    centre.stop()


@click.command()
@click.option("--delay-ms", default=0.0, help="Until a submit is answered.")
@click.option("--receipts/--no-receipts", default=True)
@click.option("--smpp-port", default=0, help="0: a free one.")
@click.option("--cmpp-port", default=0, help="0: a free one.")
def main(delay_ms: float, receipts: bool, smpp_port: int, cmpp_port: int) -> None:
    """Count submits until standard input ends."""
    counter = Counter(delay_s=delay_ms / 1000, receipts=receipts)
    serve(counter, sys.stdin, {"smpp": smpp_port, "cmpp": cmpp_port})


if __name__ == "__main__":
    main()

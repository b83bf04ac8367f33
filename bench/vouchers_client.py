"""Tills: verifications from Python, each in a transaction of its own, for a while.

python -m bench.vouchers_client URL FIRST EACH SECONDS THREADS   -> verifications made
"""

from __future__ import annotations

import sys
import threading
import time
from datetime import UTC, datetime

from models.base import Tx
from models.store import Store
from models.vouchers import verifying
from models.vouchers.verifying import Till

TILL = Till("bench", 1, "bench")


def main() -> None:
    """Verify until the time is over, each thread the vouchers of its own."""
    url, first, each, seconds, threads = sys.argv[1:]
    store = Store(url, connections=int(threads), patience_s=10)
    ends, made = time.monotonic() + float(seconds), [0] * int(threads)

    def work(mine: int) -> None:
        while time.monotonic() < ends and made[mine] < int(each):
            number = int(first) + mine * int(each) + made[mine] + 1

            def verify(tx: Tx, number: int = number) -> object:
                return verifying.verify(
                    tx, TILL, f"{number:010d}", key=f"bench:{number}", now=datetime.now(UTC)
                )

            store.run(verify)
            made[mine] += 1

    crew = [threading.Thread(target=work, args=[n]) for n in range(int(threads))]
    for one in crew:
        one.start()
    for one in crew:
        one.join()
    print(sum(made))


if __name__ == "__main__":
    main()

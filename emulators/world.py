"""The world that all parts share: settings, memory behind one lock, timers, faults and the wire."""

import itertools
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from emulators import people, wire
from emulators.faults import Fault, Faults, Held
from emulators.settings import Settings
from emulators.state import BossSettings, Media, Person, Snapshot, State, read_snapshot
from emulators.timers import Timers

SNAPSHOT_NAME = "emulators.json"


class World:
    """Whoever reads or changes `state` holds `lock`; nobody sends anything while holding it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lock = threading.RLock()
        self.timers = Timers(settings.clock)
        self.faults = Faults()
        self.held = Held(self.timers)
        self.wire = wire.WireLog()
        # WeChat's message ids are 64-bit numbers; these never repeat, over restarts either.
        self.message_ids = itertools.count(time.time_ns() // 1_000)
        # Status reports of each SMS that are being sent, oldest first.
        self.reports: dict[str, list[tuple[str, Fault | None]]] = {}
        # Pictures, the oldest first (wechat_media.py).
        self.media: dict[str, Media] = {}
        self.own_url = ""
        self.stopped = False
        path = Path(settings.data_dir) / SNAPSHOT_NAME if settings.data_dir else None
        kept = read_snapshot(path) if path else None
        self.state = kept or State(boss=self._boss_settings())
        if kept is None:
            people.seed(self.state, self.timers.now())
        self._snapshot = Snapshot(path, self.state, self.lock) if path else None

    def stop(self) -> None:
        """Stop the timers and write the last snapshot."""
        self.stopped = True
        self.timers.stop()
        if self._snapshot:
            self._snapshot.stop()

    def changed(self) -> None:
        """Something in `state` is different now."""
        if self._snapshot:
            self._snapshot.changed()

    def person(self, who: str) -> Person:
        """The person with this name, openid or number. Raises NotPossible."""
        with self.lock:
            found = people.find(self.state, who)
        if found is None:
            raise people.NobodyCalledThat(f"nobody here is called {who}")
        return found

    def reset(self, *, everything: bool = False) -> None:
        """Back to the seeded people without messages or faults; `everything` clears menus too."""
        self.timers.forget_all()
        self.faults.remove()
        self.wire.clear()
        with self.lock:
            state = self.state
            people.seed(state, self.timers.now())
            for kept in (state.oauth_codes, state.templates_sent, state.sms, state.orders):
                kept.clear()
            for counts in (state.quota_used, state.quota_limits, state.quota_cleared):
                counts.clear()
            state.opted_out.clear()
            self.media.clear()
            state.boss = self._boss_settings()
            if everything:
                state.menu = None
                state.tokens.clear()
                state.conditional_menus.clear()
                state.tag_names.clear()
                state.tickets.clear()
        self.changed()

    def call_product(
        self,
        what: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        method: str = "POST",
        timeout_s: float,
        fault: Fault | None = None,
        plain: str = "",
    ) -> tuple[wire.Answer, int]:
        """Send one request into the product, logged; returns the answer and its wire id."""
        hang_up = fault is not None and fault.do == "drop"
        answer = wire.send(method, url, headers, body, timeout_s=timeout_s, hang_up=hang_up)
        number = self.wire.add(
            direction="in",
            what=what,
            method=method,
            url=url,
            status=answer.status,
            ms=answer.ms,
            headers=headers,
            body=body,
            plain=plain,
            answer_headers=answer.headers,
            answer=answer.body,
            note=answer.error or (f"fault: {fault.do}" if fault else ""),
        )
        return answer, number

    def _boss_settings(self) -> BossSettings:
        return BossSettings(confirm_after_s=self.settings.boss_confirm_after_s)

"""Every bind to a carrier, wired: the sender that `python app.py sms` runs."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from models.broadcasts import queueing
from settings_outside import Cmpp as CmppSettings
from settings_outside import Smpp as SmppSettings
from sms.wire.binds import Address, Carrier, Ears, Limits
from sms.wire.cmpp import V20, V30, Cmpp
from sms.wire.frames import Codec
from sms.wire.link import Timing
from sms.wire.smpp import Role, Smpp
from workers.alarm_rules import Limits as AlarmLimits
from workers.alarms_clock import AlarmsClock, Telling, Watched
from workers.broadcasts_clock import BroadcastsClock
from workers.sender.hearing import Ear, Hearing
from workers.sender.process import Sender
from workers.sender.spool import Spool
from workers.sender.writing import Pacing
from workers.sms_clock import SmsClock
from workers.words import Words

if TYPE_CHECKING:
    from app import Circle

VERSIONS = {"2.0": V20, "3.0": V30}


def sender(circle: Circle, name: str = "sender") -> Sender:
    """The sender of this process; make it on the event loop that it will run on.

    `name` tells its spool from that of another sender on the same machine.
    """
    given, limits = circle.settings.sms, circle.settings.outbox
    spooled = Path(circle.settings.data_dir) / "spool"
    hearing = Hearing(
        store=circle.store,
        ear=ear(circle),
        spool=Spool(spooled, name),
        aside=Spool(spooled, f"{name}.aside"),
        now=circle.now,
    )
    pacing = Pacing(
        usual=given.gateway,
        poll_s=given.poll_s,
        lease=timedelta(seconds=limits.lease_s),
        unknown_for=timedelta(minutes=given.unknown_minutes),
        again_first=timedelta(seconds=limits.backoff_first_s),
        again_most=timedelta(seconds=limits.backoff_most_s),
        attempts=limits.attempts,
        ask_after=timedelta(minutes=asked) if (asked := given.smpp.query_minutes) else None,
        parts_of=circle.words.parts_of,
    )
    carriers = [carrier(each, getattr(given, each)) for each in given.carriers]
    return Sender(
        circle.store,
        carriers,
        hearing,
        circle.words,
        pacing,
        now=circle.now,
        count=circle.numbers.count,
    )


def words(circle: Circle) -> Words:
    """What puts the words of SMS together."""
    return Words(
        public_url=circle.public_url,
        link_lasts=timedelta(hours=circle.settings.pages.link_hours),
        link_key=hmac.digest(
            circle.settings.wechat.app_secret.encode(), b"page links", hashlib.sha256
        ),
        policy=circle.sending,
        menus=circle.live,
    )


def ear(circle: Circle) -> Ear:
    """What texts are handed to."""
    return Ear(
        hear=circle.answering.answer,
        service_number=circle.settings.sms.service_number,
        count=circle.numbers.count,
    )


def ticks(circle: Circle) -> tuple[Callable[[datetime], None], ...]:
    """The clock's parts: what is given up or heard with holes; figures, alarms; broadcasts."""
    minutes = circle.settings.sms.unknown_minutes
    return (
        SmsClock(circle.store, ear(circle), timedelta(minutes=minutes)).tick,
        alarms_clock(circle).tick,
        broadcasts_clock(circle).tick,
    )


def broadcasts_clock(circle: Circle) -> BroadcastsClock:
    """The clock's part of broadcasts."""
    given = circle.settings.broadcasts
    ahead = queueing.Pacing(timedelta(seconds=given.ahead_s), given.batch)
    return BroadcastsClock(circle.store, circle.sending, ahead, circle.nudges)


def alarms_clock(circle: Circle) -> AlarmsClock:
    """The clock's part of figures and alarms."""
    given = circle.settings.sms
    told = given.alarms.model_dump()
    raise_after, clear_after = told.pop("raise_after_s"), told.pop("clear_after_s")
    again = told.pop("again_minutes")
    limits = AlarmLimits(**told)
    watched = Watched(
        given.carriers, circle.impatient_redis, circle.numbers, circle.breakers, limits,
        timedelta(seconds=raise_after), timedelta(seconds=clear_after),
    )  # fmt: skip
    telling = Telling(
        numbers=[each for each in given.alarm_numbers.split(",") if each],
        usual=given.gateway,
        others=[*given.carriers, *([] if given.missing("twilio") else ["twilio"])],
        signature=lambda: circle.live().text("signature", channel="sms"),
        again=timedelta(minutes=again),
    )
    return AlarmsClock(circle.store, watched, telling, circle.nudges, given.milli_fen)


def carrier(name: str, given: SmppSettings | CmppSettings) -> Carrier:
    """A gateway as the settings have it."""
    limits = Limits(
        window=given.window,
        rate_s=given.rate_s,
        wide=given.reference_bits == 16,
        timing=Timing(given.idle_s, given.answer_s),
    )
    address = Address(given.host, given.port, given.tls, given.tls_ca_file or None)
    return Carrier(name, address, _codecs(given), limits, Ears(), clock=time.monotonic)


def _codecs(given: SmppSettings | CmppSettings) -> Sequence[Codec]:
    """One for each connection."""
    if isinstance(given, CmppSettings):
        version = VERSIONS[given.version]
        return [
            Cmpp(given.sp_id, given.secret or "", version, given.service_id)
            for _ in range(given.binds)
        ]
    roles: tuple[Role, ...] = ("trx",) if given.roles == "transceiver" else ("tx", "rx")
    return [
        Smpp(given.system_id, given.password or "", role, given.system_type, given.vendor_codes)
        for _ in range(given.binds)
        for role in roles
    ]

"""LifeCircle, wired: the one place that knows every part. `python app.py --help` lists commands.

Circle    the parts, built from settings once per process
wsgi()    what the web server runs: the doors (doors.py), opened
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import sending
from commands import cli
from commands.configured import load_settings
from dialogs.dialog import Complaining, HandingOver, Hearing, Rules
from dialogs.engine import Engine
from dialogs.live import LiveMenus
from handlers.answering import Answering
from handlers.publishing import Publisher
from integrations.boss import Boss
from integrations.breaker import Breakers, Tolerance
from integrations.clock_beat import ClockBeat
from integrations.live_numbers import LiveNumbers
from integrations.wechat_api import WeChatApi
from menus.menus import read_folder
from models import remembered
from models.bind_codes import Limits
from models.draws.seeds import Seeds
from models.invitations.limits import Limits as Inviting
from models.offers.shelf import Shelf
from models.operators.vault import Vault, development_secret
from models.points.gifts import GiftLimits
from models.sending_policy import Policy
from models.store import Store
from settings import Settings
from sms.gateways import Gateway, NoAccount
from sms.twilio import Twilio
from workers.activities_clock import ActivitiesClock
from workers.agents_clock import AgentsClock
from workers.calls import Caller
from workers.clock import Clock
from workers.clubs_clock import ClubsClock
from workers.complaints_clock import ComplaintsClock
from workers.console_clock import ConsoleClock
from workers.deliver import Deliverer
from workers.draws_clock import DrawsClock
from workers.feedback_clock import FeedbackClock
from workers.figures_clock import FiguresClock
from workers.handovers_clock import HandoversClock
from workers.invitations_clock import InvitationsClock
from workers.jobs import Drainer
from workers.merchants_clock import MerchantsClock
from workers.nudges import Nudges, NudgesSoon
from workers.points_clock import PointsClock
from workers.privacy_clock import PrivacyClock
from workers.retries import Desk, Patience, breakers
from workers.sender.process import Sender
from workers.settlement_clock import SettlementClock
from workers.tiers_clock import TiersClock
from workers.vouchers_clock import VouchersClock
from workers.words import Words

ROOT = Path(__file__).parent
IMPATIENT_S = 0.3  # for Redis, where one can do without it


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Circle:
    """The parts of one process. Each is built when it is first asked for."""

    settings: Settings
    connections: int = 4
    now: Callable[[], datetime] = utc_now

    @cached_property
    def store(self) -> Store:
        url = self.settings.database_url
        if url is None:
            raise LookupError("CIRCLE_DATABASE_URL is not set; `make run` brings its own database")
        secret = self.secret
        return Store(
            url, connections=self.connections, patience_s=self.settings.web.answer_within_s,
            remembering=remembered.key_of(secret) if secret else None,
        )  # fmt: skip

    @cached_property
    def impatient_redis(self) -> redis.Redis:
        """For what is done without Redis if it is silent: nobody waits long for it."""
        return redis.Redis.from_url(
            self.settings.redis_url or "",
            socket_timeout=IMPATIENT_S, socket_connect_timeout=IMPATIENT_S,
            retry=Retry(NoBackoff(), 0),
        )  # fmt: skip

    @cached_property
    def redis(self) -> redis.Redis:
        url = self.settings.redis_url
        if url is None:
            raise LookupError("CIRCLE_REDIS_URL is not set; `make run` brings its own Valkey")
        return redis.Redis.from_url(url, socket_timeout=5.0, socket_connect_timeout=2.0)

    @cached_property
    def nudges(self) -> Nudges:
        return Nudges(self.impatient_redis)  # the sweep finds what was not nudged

    @cached_property
    def numbers(self) -> LiveNumbers:
        return LiveNumbers(self.impatient_redis, self.now)

    @cached_property
    def breakers(self) -> Breakers:
        given = self.settings.breakers
        tolerance = Tolerance(given.failures, given.pause_first_s, given.pause_most_s)
        names = ("boss", "wechat", self.gateway.name)
        return breakers(self.impatient_redis, names, tolerance, self.now)

    @cached_property
    def live(self) -> LiveMenus:
        return LiveMenus(self.store, read_folder(ROOT / self.settings.menus.folder))

    @cached_property
    def engine(self) -> Engine:
        return Engine(menus=self.live, rules=self.rules, public_url=self.public_url)

    @cached_property
    def rules(self) -> Rules:
        dialogs, bind, points = self.settings.dialogs, self.settings.binding, self.settings.points
        return Rules(
            question=timedelta(hours=dialogs.question_hours),
            call=timedelta(minutes=dialogs.call_minutes),
            skew=timedelta(seconds=dialogs.skew_s),
            binding=Limits(
                code_lasts=timedelta(minutes=bind.code_minutes),
                attempts=bind.attempts,
                per_person_an_hour=bind.per_person_an_hour,
                per_number_a_day=bind.per_number_a_day,
                countries=frozenset(f"+{code}" for code in bind.countries.split(",")),
            ),
            expiring_days=points.expiring_days,
            offers_shown=points.offers_shown,
            shelf=Shelf(),
            grace_days=points.refund_grace_days,
            complaining=Complaining(
                lasts=timedelta(hours=self.settings.desk.complaint_hours),
                a_day=self.settings.complaints.a_day,
                ask_rating_after=timedelta(minutes=self.settings.complaints.rating_after_minutes),
            ),
            seeds=self.seeds,
            gifts=GiftLimits(points.gifts_a_day, points.gift_points_a_day, points.gift_tries_a_day),
            points_per_coin=points.points_per_coin,
            handover=HandingOver(
                lasts=timedelta(hours=self.settings.handover.hours),
                by_wechat=self.settings.handover.by_wechat,
            ),
            inviting=self.inviting,
            public_url=self.public_url,
            sending=self.sending,
            hearing=Hearing(
                lasts=timedelta(hours=self.settings.feedback.answer_hours),
                a_day=self.settings.feedback.a_day,
            ),
        )

    @property
    def inviting(self) -> Inviting:
        given = self.settings.invitations
        return Inviting(
            a_day=given.rewarded_a_day,
            a_month=given.rewarded_a_month,
            sms_a_day=given.sms_a_day,
            posters_a_day=given.posters_a_day,
            lasts=timedelta(days=given.lasts_days),
            rest=timedelta(days=given.asked_again_days),
        )

    @cached_property
    def secret(self) -> str | None:
        """The console's, from which keys are derived; None in production without one."""
        secret = self.settings.console.secret
        if secret is None and self.settings.environment == "development":
            secret = development_secret(Path(self.settings.data_dir))
        return secret

    @cached_property
    def vault(self) -> Vault:
        secret = self.secret
        if secret is None:
            raise LookupError("CIRCLE_CONSOLE__SECRET is not set: nobody can prove a second factor")
        return Vault(secret)

    @cached_property
    def seeds(self) -> Seeds:
        """Of draws; they need the vault only when somebody draws."""
        return Seeds(lambda: self.vault)

    @cached_property
    def sending(self) -> Policy:
        """What is sent unasked, when and to whom."""
        given, templates = self.settings.notices, self.settings.wechat.templates
        about, what, when = self.settings.wechat.template_fields.split(",")
        return Policy(
            quiet_from=time.fromisoformat(given.quiet_from),
            quiet_until=time.fromisoformat(given.quiet_until),
            a_week=given.a_week,
            blocklist=frozenset(given.blocklist.split(",")) - {""},
            test_numbers=frozenset(given.test_numbers.split(",")) - {""},
            only_tests=given.only_test_numbers,
            templates={kind: given for kind, given in templates.model_dump().items() if given},
            template_fields=(about, what, when),
        )

    @property
    def public_url(self) -> str:
        return self.settings.public_url.rstrip("/")

    @cached_property
    def wechat(self) -> WeChatApi:
        account = self.settings.wechat
        return WeChatApi(
            app_id=account.app_id, app_secret=account.app_secret,
            api_base_url=account.api_base_url, redis=self.redis, timeout_s=account.timeout_s,
            now=lambda: self.now().timestamp(),
        )  # fmt: skip

    @cached_property
    def boss(self) -> Boss:
        system = self.settings.boss
        return Boss(
            base_url=system.base_url, secret=system.secret or "", timeout_s=system.timeout_s,
            now=lambda: self.now().timestamp(),
        )  # fmt: skip

    @cached_property
    def gateway(self) -> Gateway:
        account = self.settings.sms.twilio
        if self.settings.sms.missing("twilio"):
            return NoAccount("twilio")
        return Twilio(
            account_sid=account.account_sid, auth_token=account.auth_token or "",
            from_number=account.from_number, api_base_url=account.api_base_url,
            status_callback_url=f"{self.public_url}/sms/twilio/status",
            timeout_s=account.timeout_s,
        )  # fmt: skip

    @cached_property
    def answering(self) -> Answering:
        soon = NudgesSoon(self.nudges)
        return Answering(self.store, self.engine, soon, self.now, self.numbers)

    @cached_property
    def desk(self) -> Desk:
        limits = self.settings.outbox
        patience = Patience(
            attempts=limits.attempts,
            backoff_first=timedelta(seconds=limits.backoff_first_s),
            backoff_most=timedelta(seconds=limits.backoff_most_s),
            lease=timedelta(seconds=limits.lease_s),
            ask_again=timedelta(seconds=limits.ask_again_s),
        )
        ways = {
            "sms": self.gateway.name, "wechat": "wechat", "template": "wechat", "boss": "boss",
        }  # fmt: skip
        count = self.numbers.count
        sms = self.settings.sms
        return Desk(
            self.store, self.nudges, patience, self.now, self.breakers, ways, count,
            usual_gateway=sms.gateway if sms.carriers else None,
        )  # fmt: skip

    @cached_property
    def words(self) -> Words:
        return sending.words(self)

    @cached_property
    def drainer(self) -> Drainer:
        deliverer = Deliverer(
            desk=self.desk,
            wechat=self.wechat,
            gateway=self.gateway,
            words=self.words,
            policy=self.rules.sending,
        )
        caller = Caller(
            self.desk, self.engine, self.boss, self.wechat,
            picture_bytes=self.settings.feedback.picture_kb * 1024,
        )  # fmt: skip
        limits = self.settings.outbox
        return Drainer(self.desk, deliverer, caller, limits.batch, limits.senders)

    def sender(self, name: str = "sender") -> Sender:
        """The binds to carriers (sending.py), on the event loop that runs now."""
        return sending.sender(self, name)

    @cached_property
    def publisher(self) -> Publisher:
        return Publisher(self.store, self.wechat, self.public_url, self.redis, self.now)

    @cached_property
    def clock(self) -> Clock:
        return Clock(
            self.store, self.engine, self.nudges, self.now,
            tasks=(
                self.points_clock.tick, self.tiers_clock.tick, self.vouchers_clock.tick,
                self.draws_clock.tick, MerchantsClock(self.store).tick, self.complaints_clock.tick,
                ActivitiesClock(self.store, self.engine).tick,
                SettlementClock(self.store, self.settings.settlement.period).tick,
                ConsoleClock(self.store).tick, FiguresClock(self.store, self.numbers).tick,
                self.privacy_clock.tick, InvitationsClock(self.store, self.engine).tick,
                ClubsClock(self.store, self.engine).tick,
                AgentsClock(self.store, self.engine).tick,
                HandoversClock(self.store, self.engine).tick,
                self.feedback_clock.tick, *sending.ticks(self),
            ),
            beat=ClockBeat(self.impatient_redis),
            keeping=self.settings.privacy.days(),
        )  # fmt: skip

    @cached_property
    def points_clock(self) -> PointsClock:
        points = self.settings.points
        return PointsClock(
            self.store,
            self.engine,
            warn_days_ahead=tuple(int(days) for days in points.warn_days_ahead.split(",")),
            warn_least=points.warn_least,
            grace_days=points.refund_grace_days,
        )

    @cached_property
    def tiers_clock(self) -> TiersClock:
        return TiersClock(self.store, self.engine)

    @cached_property
    def vouchers_clock(self) -> VouchersClock:
        return VouchersClock(self.store, self.engine, self.settings.points.refund_grace_days)

    @cached_property
    def complaints_clock(self) -> ComplaintsClock:
        hours = self.settings.complaints.remind_hours
        return ComplaintsClock(self.store, self.engine, remind_ahead=timedelta(hours=hours))

    @cached_property
    def feedback_clock(self) -> FeedbackClock:
        limits = self.settings.feedback
        every = timedelta(days=limits.surveys_every_days)
        return FeedbackClock(self.store, self.engine, every, limits.surveys_a_minute)

    @cached_property
    def draws_clock(self) -> DrawsClock:
        return DrawsClock(self.store, self.engine)

    @cached_property
    def privacy_clock(self) -> PrivacyClock:
        hours = self.settings.privacy.last_words_hours
        return PrivacyClock(self.store, patience=timedelta(hours=hours))


def wsgi() -> Callable[..., Iterable[bytes]]:
    """What granian calls in each of its processes."""
    # Only web has doors: a worker, the sender and the clock start in half the time without them.
    from doors import web

    config = load_settings()
    circle = Circle(config, connections=config.web.threads)
    circle.live.refresh()
    circle.live.follow(config.menus.poll_s)
    circle.numbers.start()
    return web(circle)


def build(*, connections: int = 4) -> Circle:
    """The parts for a command, a worker or the clock, with the menus that are live."""
    return Circle(load_settings(), connections=connections)


if __name__ == "__main__":
    cli.main(obj=build)

"""Settings of other systems: WeChat, the SMS gateways, BOSS."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Port = Annotated[int, Field(ge=1, le=65535)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+[^\s]*$")]
AesKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{43}$")]

TemplateId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Templates(Section):
    """Of each kind of notice the account's template message, if it has one."""

    points: TemplateId = ""
    vouchers: TemplateId = ""
    clubs: TemplateId = ""
    activities: TemplateId = ""
    gifts: TemplateId = ""
    service: TemplateId = ""
    marketing: TemplateId = ""


class WeChat(Section):
    app_id: Annotated[str, Field(min_length=1)]
    app_secret: Annotated[str, Field(min_length=1, repr=False)]
    token: Annotated[str, Field(min_length=3, max_length=32, repr=False)]
    encoding_aes_key: Annotated[AesKey, Field(repr=False)]
    previous_aes_key: Annotated[AesKey | None, Field(repr=False)] = None
    mode: Literal["plain", "compatible", "secure"] = "secure"
    replay_window_s: Annotated[int, Field(ge=10, le=3600)] = 300
    api_base_url: Url = "https://api.weixin.qq.com"
    timeout_s: Annotated[float, Field(ge=0.1, le=30)] = 5.0
    templates: Templates = Templates()
    template_fields: Annotated[str, Field(pattern=r"^[a-z_]+[0-9]+(,[a-z_]+[0-9]+){2}$")] = (
        "thing1,thing2,time3"
    )


# What the carrier bills for a segment, in fen; 0 where nobody has said so.
Fen = Annotated[float, Field(ge=0, le=1000)]


class Twilio(Section):
    account_sid: str = ""
    auth_token: Annotated[str | None, Field(min_length=1, repr=False)] = None
    from_number: Annotated[str, Field(pattern=r"^$|^.{3,}$")] = ""
    api_base_url: Url = "https://api.twilio.com"
    timeout_s: Annotated[float, Field(ge=0.1, le=60)] = 10.0
    fen_per_segment: Fen = 0


class _Carrier(Section):
    """Binds to an SMSC."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    tls: bool = False
    tls_ca_file: str = ""  # who has signed the SMSC's certificate; "": the system's authorities
    binds: Annotated[int, Field(ge=1, le=16)] = 1
    window: Annotated[int, Field(ge=1, le=1000)] = 16
    rate_s: Annotated[float, Field(ge=0.1, le=100_000)] = 200.0
    idle_s: Annotated[float, Field(ge=1, le=600)] = 30.0
    answer_s: Annotated[float, Field(ge=0.5, le=120)] = 10.0
    fen_per_segment: Fen = 0
    reference_bits: Literal[8, 16] = 8  # of long texts


class Smpp(_Carrier):
    port: Port = 2775
    system_id: Annotated[str, Field(max_length=15)] = ""
    password: Annotated[str | None, Field(min_length=1, max_length=8, repr=False)] = None
    system_type: Annotated[str, Field(max_length=12)] = ""
    # pair: for every bind a transmitter and a receiver instead of one transceiver.
    roles: Literal["transceiver", "pair"] = "transceiver"
    query_minutes: Annotated[float, Field(ge=0, le=1440)] = 10.0
    # The SMSC's own codes, 1024 and above, and what they mean; "later" where nothing is said.
    vendor_codes: dict[int, Literal["later", "busy", "refused"]] = {}


class Cmpp(_Carrier):
    port: Port = 7890
    version: Literal["2.0", "3.0"] = "2.0"
    sp_id: Annotated[str, Field(max_length=6)] = ""
    secret: Annotated[str | None, Field(min_length=1, repr=False)] = None
    service_id: Annotated[str, Field(max_length=10)] = ""


# What a gateway cannot do without; the other ones need not be set.
_NEEDED = {
    "twilio": ("account_sid", "auth_token", "from_number"),
    "smpp": ("system_id", "password"),
    "cmpp": ("sp_id", "secret"),
}

Percent = Annotated[int, Field(ge=1, le=100)]
Seconds = Annotated[int, Field(ge=1, le=604_800)]


class Alarms(Section):
    """When operators are told of the SMS plane (workers/alarm_rules.py)."""

    backlog_answer_s: Seconds = 30
    backlog_notice_s: Seconds = 1800
    backlog_marketing_s: Seconds = 14_400
    throttled_percent: Percent = 20
    errors_percent: Percent = 20
    submits_least: Annotated[int, Field(ge=1, le=100_000)] = 50
    within_s: Annotated[int, Field(ge=10, le=3600)] = 300
    window_full_s: Seconds = 300
    delivered_percent: Percent = 80
    receipts: Annotated[int, Field(ge=1, le=100_000)] = 200
    receipts_least: Annotated[int, Field(ge=1, le=100_000)] = 50
    loops: Annotated[int, Field(ge=0, le=100_000)] = 20
    margin_percent: Annotated[int, Field(ge=0, le=50)] = 10
    raise_after_s: Annotated[int, Field(ge=0, le=3600)] = 20
    clear_after_s: Annotated[int, Field(ge=0, le=86_400)] = 120
    again_minutes: Annotated[int, Field(ge=1, le=1440)] = 30


# One number or several, as in "+8613800000001,+8613800000002".
Numbers = Annotated[str, Field(pattern=r"^(\+[0-9]{8,15}(,\+[0-9]{8,15})*)?$")]


class Sms(Section):
    gateway: Literal["twilio", "smpp", "cmpp"] = "twilio"
    # To which the sender binds, besides the gateway: they take over where it is down or failing.
    binds: Annotated[str, Field(pattern=r"^((smpp|cmpp)(,(smpp|cmpp))?)?$")] = ""
    service_number: Annotated[str, Field(pattern=r"^[0-9]{3,17}$")] = "10086"
    unknown_minutes: Annotated[float, Field(ge=0.01, le=1440)] = 10.0
    poll_s: Annotated[float, Field(ge=0.02, le=5)] = 0.1
    alarm_numbers: Numbers = ""
    alarms: Alarms = Alarms()
    twilio: Twilio = Twilio()
    smpp: Smpp = Smpp()
    cmpp: Cmpp = Cmpp()

    @model_validator(mode="after")
    def _chosen_gateways_are_whole(self) -> Sms:
        lacking = [
            f"for the gateway {name} {' and '.join(missing)} is missing"
            for name in dict.fromkeys((self.gateway, *self.carriers))
            if (missing := self.missing(name))
        ]
        if lacking:
            raise ValueError("; ".join(lacking))
        return self

    def missing(self, gateway: str) -> list[str]:
        """What that gateway needs and has not, as names of the environment."""
        section = getattr(self, gateway)
        return [
            f"CIRCLE_SMS__{gateway}__{name}".upper()
            for name in _NEEDED[gateway]
            if not getattr(section, name)
        ]

    @property
    def milli_fen(self) -> dict[str, int]:
        """What a segment costs over each gateway that has a price."""
        fen = {
            "twilio": self.twilio.fen_per_segment, "smpp": self.smpp.fen_per_segment,
            "cmpp": self.cmpp.fen_per_segment,
        }  # fmt: skip
        found = {name: round(one * 1000) for name, one in fen.items()}
        return {name: milli_fen for name, milli_fen in found.items() if milli_fen}

    @property
    def carriers(self) -> tuple[str, ...]:
        """The gateways that the sender binds to, the preferred one first."""
        wanted = dict.fromkeys((self.gateway, *self.binds.split(",")))
        return tuple(name for name in wanted if name in ("smpp", "cmpp"))


class Boss(Section):
    base_url: Url
    # Without it no service can be opened and no confirmation is taken; the rest works.
    secret: Annotated[str | None, Field(min_length=1, repr=False)] = None
    timeout_s: Annotated[float, Field(ge=0.1, le=60)] = 10.0
    callback_window_s: Annotated[int, Field(ge=10, le=3600)] = 300
    events_a_request: Annotated[int, Field(ge=1, le=5000)] = 500
    events_body_kb: Annotated[int, Field(ge=1, le=10_240)] = 512

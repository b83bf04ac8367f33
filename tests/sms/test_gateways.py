"""A gateway without an account: the rest works, and what wants to leave over it is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sms.errors import Refused
from sms.gateways import NoAccount, Outgoing


def test_what_wants_to_leave_without_an_account_is_refused_at_once() -> None:
    gateway, message = NoAccount("twilio"), Outgoing("1", "+8613800000001", "您好")
    with pytest.raises(Refused, match="no account with twilio"):
        gateway.send(message)
    assert gateway.find(message, datetime.now(UTC)) is None

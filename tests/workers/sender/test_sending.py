"""What is owed leaves once, in the order of its worth; receipts tell what became of it."""

from __future__ import annotations

from datetime import timedelta

from models import outbox, submissions
from tests.conftest import World
from tests.workers.conftest import LI, WANG, Owing
from tests.workers.sender.conftest import Phone, Running, until


def state(owing: Owing, owed_id: int) -> tuple[str, str | None]:
    row = owing.get(owed_id)
    return row.state, row.status


def test_a_text_is_sent_and_its_receipt_is_noted(
    owing: Owing, running: Running, wang: Phone
) -> None:
    owed = owing.sms("【和生活圈】您好")
    until(lambda: owing.get(owed).state == "delivered", "delivered")
    assert [entry["text"] for entry in wang.heard()] == ["【和生活圈】您好"]
    assert wang.heard()[0]["to"] == f"10086{submissions.suffix(owed)}"


def test_a_long_text_is_delivered_when_all_its_parts_are(
    owing: Owing, running: Running, wang: Phone, world: World
) -> None:
    owed = owing.sms("【和生活圈】" + "这是很长的一条短信。" * 12)
    until(lambda: owing.get(owed).state == "delivered", "delivered")
    assert len(wang.heard()) == 1
    assert world.rows("SELECT part_no, state FROM sms_parts ORDER BY 1") == [
        (1, "delivered"), (2, "delivered"),
    ]  # fmt: skip


def test_a_phone_that_cannot_be_reached_is_noted(
    owing: Owing, world: World, running: Running
) -> None:
    world.fault("smsc.receipt", "error", code=5)
    owed = owing.sms()
    until(lambda: owing.get(owed).state == "failed", "failed")
    assert "UNDELIV" in str(owing.get(owed).error)


def test_a_busy_smsc_is_asked_again_later(
    owing: Owing, world: World, running: Running, wang: Phone, gateway: str
) -> None:
    world.fault("smsc.submit", "error", code={"smpp": 0x58, "cmpp": 8}[gateway])
    owed = owing.sms("您好")
    until(lambda: owing.get(owed).error, "put back")
    assert (owing.get(owed).state, wang.heard()) == ("owed", [])
    world.clock.advance(seconds=30)
    until(lambda: owing.get(owed).state == "delivered", "delivered")
    assert len(wang.heard()) == 1


def test_a_busy_smsc_gets_the_other_parts_of_a_long_text_once(
    owing: Owing, world: World, running: Running, wang: Phone
) -> None:
    """The first part is refused for now, while the answers to the others are still to come."""
    world.fault("smsc.submit", "busy")
    owed = owing.sms("【和生活圈】" + "这是很长的一条短信。" * 12)
    until(lambda: owing.get(owed).state == "delivered", "delivered")
    assert owing.get(owed).attempts == 1
    assert [entry["text"][:6] for entry in wang.heard()] == ["【和生活圈】"]


def test_a_refusal_ends_it(owing: Owing, world: World, running: Running, gateway: str) -> None:
    world.fault("smsc.submit", "error", code={"smpp": 0x0B, "cmpp": 5}[gateway])
    owed = owing.sms()
    until(lambda: owing.get(owed).state == "failed", "failed")


def test_a_lost_answer_is_found_by_its_receipt_and_nothing_is_sent_twice(
    owing: Owing, world: World, running: Running, wang: Phone
) -> None:
    world.fault("smsc.submit", "drop")
    owed = owing.sms()
    until(lambda: owing.get(owed).state == "delivered", "settled by its receipt")
    world.clock.advance(minutes=30)
    assert len(wang.heard()) == 1


def test_a_long_text_whose_answer_is_lost_is_settled_by_the_receipts_of_all_its_parts(
    owing: Owing, world: World, running: Running, wang: Phone
) -> None:
    world.fault("smsc.submit", "drop")
    owed = owing.sms("【和生活圈】" + "这是很长的一条短信。" * 12)
    until(lambda: owing.get(owed).state == "delivered", "settled by its receipts")
    assert len(wang.heard()) == 1
    assert world.rows("SELECT count(*), min(state) FROM sms_parts") == [(2, "delivered")]


def test_nothing_is_sent_again_before_its_time_and_marketing_never(
    owing: Owing, world: World
) -> None:
    answer = owing.sms()
    advert = owing.sms(queue="bulk", category="marketing", to="+8613800000001")
    store, now = world.circle.store, world.clock()
    minute = timedelta(minutes=1)

    def take(minutes: int) -> list[int]:
        rows = store.run(
            lambda tx: submissions.take(
                tx, usual="smpp", limit=10, lease=minute, unknown_for=10 * minute,
                now=now + minutes * minute,
            )
        )  # fmt: skip
        return [row.id for row in rows]

    assert take(0) == [answer, advert]
    store.run(lambda tx: outbox.release_expired(tx, now + 2 * minute))  # its process has died
    assert (take(3), take(9)) == ([], [])
    assert take(11) == [answer]
    store.run(
        lambda tx: submissions.give_up_unknown(tx, unknown_for=10 * minute, now=now + 11 * minute)
    )
    assert state(owing, advert) == ("failed", "unknown")


def test_answers_leave_before_notices_and_notices_before_marketing(
    owing: Owing, world: World
) -> None:
    numbers = [f"+86138000000{n:02}" for n in (1, 2, 3)]
    advert = owing.sms(to=numbers[0], queue="bulk", category="marketing")
    notice = owing.sms(to=numbers[1], queue="bulk", category="notice")
    answer = owing.sms(to=WANG)
    rows = world.circle.store.run(
        lambda tx: submissions.take(
            tx, usual="smpp", limit=2, lease=timedelta(minutes=1),
            unknown_for=timedelta(minutes=10), now=world.clock(),
        )
    )  # fmt: skip
    assert [row.id for row in rows] == [answer, notice]
    assert owing.get(advert).state == "owed"


def test_workers_leave_what_the_sender_takes(owing: Owing, world: World) -> None:
    owed = owing.sms()
    world.work()
    assert owing.get(owed).state == "owed"


def test_after_a_broken_bind_it_goes_on(
    owing: Owing, world: World, running: Running, wang: Phone, gateway: str
) -> None:
    assert world.emulators.smsc is not None
    world.emulators.smsc.centre.hang_up(gateway)
    owed = owing.sms()
    until(lambda: owing.get(owed).state == "delivered", "delivered", 20)
    assert len(wang.heard()) == 1


def test_a_message_that_we_cannot_make_holds_nobody_else_up(
    owing: Owing, running: Running, wang: Phone
) -> None:
    broken = owing.row(owing.who(LI), "sms", {"to": LI})
    owed = owing.sms()
    until(lambda: owing.get(owed).state == "delivered", "delivered")
    until(lambda: owing.get(broken).state == "failed", "failed")

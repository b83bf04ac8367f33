"""What agents earn is what the rate says, is paid out once, and comes back: whatever happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest
import sqlalchemy.exc
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some

from models import approvals, points, sql
from models.agents import budget, commission, payouts, register, rules, statement
from models.agents.payouts import ChangedSince, Run
from models.agents.register import Agent, Limits
from models.base import HOUSE, Tx
from models.operators.accounts import Operator
from models.settlement import deductions
from models.store import Store
from models.vouchers import ending, redeeming, verifying
from tests.agents import BUDGET, BY, tree
from tests.models import operators
from tests.models.books import rich
from tests.models.conftest import at_once
from tests.used import TILL

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, 2, tzinfo=UTC)
CHAIN = {"xingsha": 20, "cs-xian": 5, "cs": 3, "hn": 2}  # thousandths
MARCH = NOW.date().replace(day=1)


@pytest.fixture
def shop(store: Store) -> Agent:
    return tree(store, NOW)


@pytest.fixture
def two(store: Store) -> tuple[Operator, Operator]:
    """Who proposes, and who approves."""
    with store.begin() as tx:
        return (
            operators.operator(tx, "operations", now=NOW),
            operators.operator(tx, "approver", now=NOW),
        )


def earn(tx: Tx, shop: Agent, serial: int, price: int, now: datetime = NOW) -> None:
    commission.owe(tx, shop, price=price, serial=serial, now=now)
    move_all(tx, now)


def move_all(tx: Tx, now: datetime) -> None:
    for who, serial in commission.due(tx, now, 1000):
        commission.settle(tx, who, serial, now)


def has(tx: Tx, code: str) -> int:
    return points.house_balance(tx, register.account(code))


def pay(
    tx: Tx, two: tuple[Operator, Operator], now: datetime = APRIL, *, digest: str = ""
) -> Run | None:
    """Propose and approve what can be paid of the last month."""
    month = payouts.last_month(now)
    what = payouts.ready(tx, month)
    if not what.parts and not digest:
        return None
    proposal = approvals.propose(
        tx, kind=payouts.KIND, subject=f"agents:{month}", reason="test", by=operators.by(two[0]),
        payload={}, now=now,
    )  # fmt: skip
    approvals.approve(tx, proposal.id, by=operators.by(two[1]), because="", now=now)
    return payouts.make(
        tx, month, digest=digest or what.digest(), proposal_id=proposal.id,
        proposed_by=two[0].login, by=operators.by(two[1]), reason="test", now=now,
    )  # fmt: skip


def sound(tx: Tx) -> None:
    """Nothing is lost, doubled or invented, and every account is the sum of its movements."""
    assert sql.rows(
        tx, "SELECT unit, sum(balance) FROM points_accounts GROUP BY 1 HAVING sum(balance) <> 0"
    ) == []  # fmt: skip
    assert list(commission.unlike(tx)) == []


# -- whatever happens ------------------------------------------------------------------------------

ACTS = some.lists(
    some.one_of(
        some.tuples(some.just("redeem"), some.sampled_from(["noodles", "haircut", "tea"])),
        some.tuples(some.just("refund"), some.integers(0, 9)),
        some.tuples(some.just("compensate"), some.integers(0, 9)),
        some.tuples(some.just("clock"), some.just(0)),
        some.tuples(some.just("pay"), some.just(0)),
        some.tuples(some.just("fund"), some.integers(1, 50)),
        some.tuples(some.just("month"), some.just(0)),
    ),
    min_size=4,
    max_size=16,
)


@given(acts=ACTS, left=some.integers(0, 60))
@settings(max_examples=8, deadline=None, derandomize=True, phases=[Phase.generate],
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@pytest.mark.slow
def test_whatever_happens_customers_merchants_and_agents_have_what_is_theirs(
    store: Store, shop: Agent, two: tuple[Operator, Operator],
    acts: list[tuple[str, object]], left: int,
) -> None:  # fmt: skip
    with store.begin() as tx:
        # An almost empty budget, so that commission waits for it, too.
        points.move(
            tx, payer=HOUSE, payer_kinds=["agents"], payee=HOUSE,
            payee_kind="spent", payee_expires_on=points.NEVER, points=BUDGET - left,
            unit=points.POINTS, cause=points.Cause("less", "test", "sms", "t"), now=NOW,
        )  # fmt: skip
        sql.run(tx, "INSERT INTO agent_rules (content, author, note, at)"
                " SELECT jsonb_build_object('commission', %(c)s::jsonb, 'payout', %(p)s::jsonb,"
                " 'budget', '{\"alone_most\": 10000}'::jsonb, 'asking', %(a)s::jsonb), 't', 't',"
                " now()", _content())  # fmt: skip
        played = _Played(tx, shop, two)
        for what, how in acts:
            getattr(played, what)(how)
        played.fund(5_000)
        for _ in range(3):
            move_all(tx, played.now)
        played.is_right()
        tx.rollback()


def _content() -> dict[str, str]:
    return {
        "c": '{"shop": {"sells": 20, "above": 0}, "county": {"sells": 20, "above": 5},'
        ' "city": {"sells": 20, "above": 3}, "province": {"sells": 20, "above": 2}}',
        "p": '{"least_points": 1, "fen_per_point": 3}',
        "a": '{"asks_a_day": 100, "asked_a_day": 5, "declined_a_day": 8, "bound_days": 2,'
        ' "dormant_days": 90}',
    }


class _Played:
    """A shop, a customer, and what happened to them."""

    def __init__(self, tx: Tx, shop: Agent, two: tuple[Operator, Operator]) -> None:
        self.tx, self.shop, self.two, self.now = tx, shop, two, NOW
        lots = {(points.CONSUMPTION, NOW.date() + timedelta(days=900)): 100_000}
        self.customer = rich(tx, lots)
        self.merchants = self._of_merchants()
        self.vouchers: dict[int, tuple[int, int]] = {}  # serial: (voucher, price)
        self.back: set[int] = set()
        self.funded = 0

    def _of_merchants(self) -> int:
        return int(sql.value(
            self.tx, "SELECT coalesce(sum(balance), 0) FROM points_accounts"
            " WHERE kind LIKE 'merchant:%'",
        ))  # fmt: skip

    def redeem(self, code: object) -> None:
        made = redeeming.redeem(
            self.tx, self.customer, str(code), key=f"k{len(self.vouchers)}", channel="sms",
            origin=f"k{len(self.vouchers)}", now=self.now,
        )  # fmt: skip
        commission.owe(
            self.tx, self.shop, price=made.price_points, serial=made.serial, now=self.now
        )
        self.vouchers[made.serial] = (made.id, made.price_points)

    def refund(self, which: object) -> None:
        self._back(int(str(which)), verified=False)

    def compensate(self, which: object) -> None:
        self._back(int(str(which)), verified=True)

    def _back(self, which: int, *, verified: bool) -> None:
        good = {number for (number,) in sql.rows(
            self.tx, "SELECT id FROM vouchers WHERE state = 'verified' AND %(verified)s"
            " OR state = 'issued' AND valid_until > %(now)s",
            {"now": self.now, "verified": verified},
        )}  # fmt: skip
        serials = [
            serial for serial, (voucher, _) in self.vouchers.items()
            if serial not in self.back and voucher in good
        ]  # fmt: skip
        if not serials:
            return
        serial = serials[which % len(serials)]
        voucher = self.vouchers[serial][0]
        for _ in range(2):  # twice changes nothing
            if verified:
                self._verified(voucher)
                deductions.take_back(
                    self.tx, subscriber_id=self.customer.id, voucher_id=voucher, why="t",
                    channel="console", by="t", now=self.now, grace_days=30,
                )  # fmt: skip
            else:
                ending.refund(
                    self.tx, subscriber_id=self.customer.id, voucher_id=voucher, by="t",
                    channel="sms", now=self.now, grace_days=30,
                )  # fmt: skip
        self.back.add(serial)

    def _verified(self, voucher: int) -> None:
        code, state, merchant = sql.one(
            self.tx, "SELECT short_code, v.state, o.merchant_code FROM vouchers v"
            " JOIN offers o ON o.code = v.offer_code WHERE v.id = %(id)s", {"id": voucher},
        )  # fmt: skip
        if state == "issued":
            till = verifying.Till(merchant, 1, TILL.by)
            verifying.verify(self.tx, till, code, key=f"v{voucher}", now=self.now)

    def clock(self, _: object) -> None:
        move_all(self.tx, self.now)

    def pay(self, _: object) -> None:
        pay(self.tx, self.two, self.now)

    def fund(self, amount: object) -> None:
        self.funded += int(str(amount))
        budget.fund(
            self.tx, int(str(amount)), key=f"f{self.funded}:{self.now}", by=BY, reason="t",
            now=self.now,
        )  # fmt: skip
        self.now += timedelta(days=1)

    def month(self, _: object) -> None:
        self.now = (self.now.replace(day=1) + timedelta(days=32)).replace(day=2)

    def is_right(self) -> None:
        sound(self.tx)
        kept = {s: price for s, (_, price) in self.vouchers.items() if s not in self.back}
        gave = 100_000 - points.balance(
            self.tx, self.customer, now=NOW, expiring_days=1
        ).usable  # fmt: skip
        assert gave == sum(kept.values())
        assert gave == self._of_merchants() - self.merchants
        paid: dict[str, int] = dict(sql.rows(
            self.tx, "SELECT code, sum(p.points)::int FROM agent_payouts p"
            " JOIN agents USING (subscriber_id) GROUP BY 1",
        ))  # fmt: skip
        for code, permille in CHAIN.items():
            agent = register.of_code(self.tx, code)
            assert agent is not None
            account = commission.account_of(self.tx, agent)
            assert account.balance >= 0
            assert account.owed == 0
            right = sum(price * permille // 1000 for price in kept.values())
            assert account.carried + paid.get(code, 0) == right


# -- payouts ---------------------------------------------------------------------------------------


def test_of_a_month_an_agent_is_paid_once_however_many_approve_at_once(
    store: Store, shop: Agent, two: tuple[Operator, Operator]
) -> None:
    store.run(lambda tx: earn(tx, shop, 1, 10_000))
    digest = store.read(lambda tx: payouts.ready(tx, MARCH)).digest()

    def propose(tx: Tx, n: int) -> int:
        made = approvals.propose(
            tx, kind=payouts.KIND, subject=f"{n}", reason="t", by=operators.by(two[0]),
            payload={}, now=APRIL,
        )  # fmt: skip
        return made.id

    def make(number: int) -> str:
        try:
            store.run(lambda tx: payouts.make(
                tx, MARCH, digest=digest, proposal_id=number, proposed_by=two[0].login,
                by=operators.by(two[1]), reason="t", now=APRIL,
            ))  # fmt: skip
        except ChangedSince:
            return "changed"
        return "paid"

    numbers = [store.run(partial(propose, n=n)) for n in range(4)]
    assert sorted(at_once([partial(make, number) for number in numbers])) == [
        "changed", "changed", "changed", "paid",
    ]  # fmt: skip
    with store.begin() as tx:
        assert (has(tx, "xingsha"), points.house_balance(tx, payouts.PAID)) == (0, 200)
        assert statement.last_paid(tx, shop) == statement.PaidOut(MARCH, 200, 600, 1001)
        sound(tx)


def test_less_than_the_least_and_what_came_later_are_carried_over(
    store: Store, shop: Agent, two: tuple[Operator, Operator]
) -> None:
    with store.begin() as tx:
        earn(tx, shop, 1, 6_000)  # 120 for the shop, 30 for the county
        earn(tx, shop, 2, 1_000, APRIL)
        run = pay(tx, two)
        assert run is not None
        assert (run.agents, run.points, run.fen) == (1, 120, 360)
        assert (has(tx, "xingsha"), has(tx, "cs-xian")) == (20, 35)
        (april, march) = statement.months(tx, shop)
        assert (march.carried_in, march.earned, march.paid, march.carried_out) == (0, 120, 0, 120)
        assert (april.carried_in, april.earned, april.paid, april.carried_out) == (
            120, 20, 120, 20,
        )  # fmt: skip


def test_what_is_taken_back_after_it_was_paid_out_is_a_claim_on_what_comes_next(
    store: Store, shop: Agent, two: tuple[Operator, Operator]
) -> None:
    with store.begin() as tx:
        earn(tx, shop, 1, 10_000)
        assert pay(tx, two) is not None
        commission.take_back(tx, 1, APRIL)
        move_all(tx, APRIL)
        account = commission.account_of(tx, shop)
        assert (account.balance, account.claims, account.carried) == (0, 200, -200)
        later = APRIL + timedelta(minutes=5)
        earn(tx, shop, 2, 5_000, later)  # 100: not yet enough
        assert (commission.account_of(tx, shop).balance, has(tx, "cs")) == (100, 15)
        may = later + timedelta(days=31)
        assert payouts.ready(tx, payouts.last_month(may)).parts == ()
        earn(tx, shop, 3, 10_000, may)  # looked at again at once, without waiting for its hour
        move_all(tx, may)
        account = commission.account_of(tx, shop)
        assert (account.balance, account.claims) == (100, 0)
        sound(tx)


def test_nobody_else_waits_for_a_claim(
    store: Store, shop: Agent, two: tuple[Operator, Operator]
) -> None:
    with store.begin() as tx:
        earn(tx, shop, 1, 10_000)
        pay(tx, two)
        commission.take_back(tx, 1, APRIL)
        commission.owe(tx, shop, price=1_000, serial=2, now=APRIL)
        first = commission.due(tx, APRIL, 1)
        assert first == [(shop.id, 1)]
        assert commission.settle(tx, *first[0], APRIL) == commission.CLAIM
        assert (shop.id, 1) not in commission.due(tx, APRIL, 10)
        assert (shop.id, 2) in commission.due(tx, APRIL, 10)
        assert (shop.id, 1) in commission.due(tx, APRIL + commission.CLAIM_AGAIN, 10)


def test_who_is_suspended_is_paid_when_they_work_again_and_who_is_closed_at_the_next_run(
    store: Store, shop: Agent, two: tuple[Operator, Operator]
) -> None:
    with store.begin() as tx:
        earn(tx, shop, 1, 10_000)
        register.suspend(tx, "xingsha", by=BY, reason="t", now=NOW)
        assert payouts.ready(tx, MARCH).parts == ()
        register.close(tx, "xingsha", by=BY, reason="t", now=NOW)
        assert [part.code for part in payouts.ready(tx, MARCH).parts] == ["xingsha"]


def test_what_has_changed_since_it_was_proposed_is_not_paid(
    store: Store, shop: Agent, two: tuple[Operator, Operator]
) -> None:
    with store.begin() as tx:
        earn(tx, shop, 1, 10_000)
        digest = payouts.ready(tx, MARCH).digest()
        commission.take_back(tx, 1, APRIL)
    with pytest.raises(ChangedSince), store.begin() as tx:
        pay(tx, two, digest=digest)
    with pytest.raises(ChangedSince), store.begin() as tx:  # nor a month that is not over
        pay(tx, two, APRIL - timedelta(days=32), digest=digest)


def test_much_for_the_budget_needs_a_second_person_and_little_is_audited(
    store: Store, shop: Agent
) -> None:
    most = rules.DEFAULT.fund_alone_most - BUDGET

    def fund(n: int) -> str:
        try:
            store.run(lambda tx: budget.fund(
                tx, most // 2, key=f"{n}", by=BY, reason="t", now=NOW
            ))  # fmt: skip
        except budget.TooMuchAlone:
            return "too much"
        return "funded"

    assert sorted(at_once([partial(fund, n) for n in range(4)])) == [
        "funded", "funded", "too much", "too much",
    ]  # fmt: skip
    with store.begin() as tx:
        assert budget.left_alone(tx, "test", NOW) == 0
        assert budget.left_alone(tx, "somebody else", NOW) == 10_000
        assert points.house_balance(tx, "agents") == rules.DEFAULT.fund_alone_most
        tomorrow = NOW + timedelta(days=1)
        again = [budget.fund(tx, 5, key="x", by=BY, reason="t", now=tomorrow) for _ in "ab"]
        assert again == [True, False]
        assert points.house_balance(tx, "agents") == rules.DEFAULT.fund_alone_most + 5
        assert sql.value(
            tx, "SELECT count(*) FROM audit_entries WHERE action = 'agent.fund'"
        ) == 4  # fmt: skip


def test_commission_keeps_the_rates_of_its_moment(store: Store, shop: Agent) -> None:
    with store.begin() as tx:
        commission.owe(tx, shop, price=1_000, serial=1, now=NOW)
        content = {
            "commission": {
                "shop": {"sells": 50, "above": 0}, "county": {"sells": 20, "above": 7},
                "city": {"sells": 20, "above": 0}, "province": {"sells": 20, "above": 0},
            },
            "payout": {"least_points": 1, "fen_per_point": 3}, "budget": {"alone_most": 0},
            "asking": {"asks_a_day": 1, "asked_a_day": 1, "declined_a_day": 1, "bound_days": 1,
                       "dormant_days": 7},
        }  # fmt: skip
        version = rules.publish(tx, content, author="t", note="t", now=NOW).version
        commission.owe(tx, shop, price=1_000, serial=2, now=NOW)
        county = register.of_code(tx, "cs-xian")
        assert county is not None
        commission.owe(tx, county, price=1_000, serial=3, now=NOW)  # who sells need not be a shop
        found = sql.rows(
            tx, "SELECT serial, points, version FROM agent_commissions ORDER BY serial, points DESC"
        )
    assert [tuple(row) for row in found] == [
        (1, 20, 0), (1, 5, 0), (1, 3, 0), (1, 2, 0), (2, 50, version), (2, 7, version),
        (3, 20, version),
    ]  # fmt: skip


# -- the tree --------------------------------------------------------------------------------------


def test_an_agent_moves_with_all_below_and_only_to_the_level_above(
    store: Store, shop: Agent
) -> None:
    with store.begin() as tx:
        register.add(
            tx, code="zz", name="株洲市代理", level="city", parent="hn", number="+8613800000409",
            limits=Limits(), by=BY, now=NOW,
        )  # fmt: skip
        register.move(tx, "cs-xian", "zz", by=BY, reason="t", now=NOW)
        assert [one.code for one in register.above(tx, "xingsha")] == ["cs-xian", "zz", "hn"]
        for parent in ("hn", "xingsha", "cs-xian", "nowhere", None):
            with pytest.raises(register.NotRegistered):
                register.move(tx, "cs-xian", parent, by=BY, reason="t", now=NOW)
        register.close(tx, "cs", by=BY, reason="t", now=NOW)
        with pytest.raises(register.NotRegistered):
            register.move(tx, "cs-xian", "cs", by=BY, reason="t", now=NOW)


def test_who_has_others_below_is_not_closed_even_at_the_instant_somebody_comes(
    store: Store, shop: Agent
) -> None:
    def act(work: partial[None]) -> str:
        try:
            store.run(work)
        except register.NotRegistered as why:
            return why.why
        return "done"

    close = partial(register.close, by=BY, reason="t", now=NOW)
    store.run(partial(close, code="xingsha"))
    add = partial(
        register.add, code="xindian", name="新店", level="shop", parent="cs-xian",
        number="+8613800000410", limits=Limits(), by=BY, now=NOW,
    )  # fmt: skip
    became = at_once(
        [partial(act, partial(close, code="cs-xian")), partial(act, add)]  # type: ignore[arg-type]
    )
    assert became in (["done", "parent"], ["below", "done"])


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE agent_entries SET points = 1",
        "DELETE FROM agent_payouts",
        "DELETE FROM agent_fundings",
        "UPDATE agent_payout_runs SET approved_by = proposed_by",
        "INSERT INTO agent_payouts (subscriber_id, month, run_id, points, fen, serial)"
        " SELECT subscriber_id, month + 31, run_id, points, fen, serial FROM agent_payouts",
        "INSERT INTO agent_entries (subscriber_id, serial, kind, points, of_serial, day, at)"
        " SELECT subscriber_id, 99, 'sold', 5, 1, day, at FROM agent_entries WHERE of_serial = 1",
        "UPDATE agent_commissions SET due_at = now() WHERE state = 'paid'",
        "UPDATE agent_days SET asks = asks_most + 1",
    ],
)
def test_the_database_refuses_it_too(
    store: Store, shop: Agent, two: tuple[Operator, Operator], change: str
) -> None:
    with store.begin() as tx:
        earn(tx, shop, 1, 10_000)
        assert pay(tx, two) is not None
        sql.run(
            tx, "INSERT INTO agent_days (subscriber_id, day, deals, deals_most, points,"
            " points_most) VALUES (%(id)s, '2026-03-02', 0, 1, 0, 1)", {"id": shop.id},
        )  # fmt: skip
    refusals = (psycopg.Error, sqlalchemy.exc.DBAPIError)
    with pytest.raises(refusals):
        store.run(lambda tx: sql.run(tx, change))

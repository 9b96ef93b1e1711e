from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from msb_identity.signin.limits import Attempt, By, Limits, Policy, Rule, limits, line_of

if TYPE_CHECKING:
    from datetime import datetime

    from tests.identity.conftest import World

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ONE = Policy("one", (Rule(By.PAIR, 2, MINUTE, 5 * MINUTE, window=HOUR),))
SUBJECT, OTHER_SUBJECT = b"s" * 32, b"t" * 32


def fail(world: World, policy: Policy, attempt: Attempt, now: datetime) -> timedelta:
    """Make an attempt that fails, if it may be made; give the wait after it."""
    counters = Limits(world.protector)
    with world.store.write() as connection:
        if not counters.wait(connection, policy, attempt, now):
            counters.count(connection, policy, attempt, now)
        return counters.wait(connection, policy, attempt, now)


def test_waits_grow_by_doubling_up_to_the_longest(world: World) -> None:
    now, attempt, waits = world.now, Attempt(SUBJECT, "192.0.2.1"), []
    for _ in range(7):
        wait = fail(world, ONE, attempt, now)
        waits.append(wait // MINUTE)
        now += wait
    assert waits == [0, 1, 2, 4, 5, 5, 5]


def test_asking_while_blocked_makes_no_wait_longer(world: World) -> None:
    attempt = Attempt(SUBJECT, "192.0.2.1")
    for _ in range(10):
        fail(world, ONE, attempt, world.now)
    assert fail(world, ONE, attempt, world.now) == MINUTE


def test_a_wait_ends_exactly(world: World) -> None:
    attempt, counters = Attempt(SUBJECT, "192.0.2.1"), Limits(world.protector)
    fail(world, ONE, attempt, world.now)
    fail(world, ONE, attempt, world.now)
    with world.store.write() as connection:
        almost = world.now + MINUTE - timedelta(microseconds=1)
        assert counters.wait(connection, ONE, attempt, almost) == timedelta(microseconds=1)
        assert not counters.wait(connection, ONE, attempt, world.now + MINUTE)


def test_a_window_forgets(world: World) -> None:
    attempt = Attempt(SUBJECT, "192.0.2.1")
    fail(world, ONE, attempt, world.now)
    assert not fail(world, ONE, attempt, world.now + HOUR)
    assert fail(world, ONE, attempt, world.now + HOUR) == MINUTE


def test_a_window_forgets_even_what_was_not_removed_yet(world: World) -> None:
    for number in range(120):  # more than are removed at once, and all of them older
        fail(world, ONE, Attempt(number.to_bytes(32, "big"), "192.0.2.9"), world.now - MINUTE)
    attempt = Attempt(SUBJECT, "192.0.2.1")
    fail(world, ONE, attempt, world.now)
    assert not fail(world, ONE, attempt, world.now + HOUR)
    assert fail(world, ONE, attempt, world.now + HOUR) == MINUTE


def test_an_ipv6_line_shares_its_counters(world: World) -> None:
    fail(world, ONE, Attempt(SUBJECT, "2001:db8:1:2::1"), world.now)
    assert fail(world, ONE, Attempt(SUBJECT, "2001:db8:1:2::2"), world.now) == MINUTE
    assert not fail(world, ONE, Attempt(SUBJECT, "2001:db8:1:3::1"), world.now)


def test_no_wait_lasts_beyond_its_window(world: World) -> None:
    policy = Policy("day", (Rule(By.SUBJECT, 1, HOUR, HOUR, window=HOUR),))
    attempt = Attempt(SUBJECT, "192.0.2.1")
    assert fail(world, policy, attempt, world.now) == HOUR
    two = Policy("two", (Rule(By.SUBJECT, 2, HOUR, HOUR, window=HOUR),))
    fail(world, two, attempt, world.now)
    assert fail(world, two, attempt, world.now + 50 * MINUTE) == 10 * MINUTE


def test_purposes_subjects_and_addresses_are_counted_apart(world: World) -> None:
    attempt = Attempt(SUBJECT, "192.0.2.1")
    for _ in range(2):
        fail(world, ONE, attempt, world.now)
    counters, other = Limits(world.protector), Policy("other", ONE.rules)
    with world.store.write() as connection:
        assert counters.wait(connection, ONE, attempt, world.now)
        assert not counters.wait(connection, other, attempt, world.now)
        for apart in (Attempt(SUBJECT, "192.0.2.2"), Attempt(OTHER_SUBJECT, "192.0.2.1")):
            assert not counters.wait(connection, ONE, apart, world.now)


@pytest.mark.parametrize("by", [By.SUBJECT, By.ADDRESS])
def test_subject_and_address_are_counted_across_pairs(world: World, by: By) -> None:
    policy = Policy("across", (Rule(by, 2, MINUTE, MINUTE, window=HOUR),))
    attempts = {
        By.SUBJECT: (Attempt(SUBJECT, "192.0.2.1"), Attempt(SUBJECT, "192.0.2.2")),
        By.ADDRESS: (Attempt(SUBJECT, "192.0.2.1"), Attempt(OTHER_SUBJECT, "192.0.2.1")),
    }[by]
    assert not fail(world, policy, attempts[0], world.now)
    assert fail(world, policy, attempts[1], world.now) == MINUTE


def test_a_success_forgives_the_pair_only(world: World) -> None:
    rules = tuple(Rule(by, 1, MINUTE, MINUTE, window=HOUR) for by in By)
    counters, attempt = Limits(world.protector), Attempt(SUBJECT, "192.0.2.1")
    policies = [Policy("p", rules), *(Policy("p", (rule,)) for rule in rules)]
    with world.store.write() as connection:
        counters.count(connection, policies[0], attempt, world.now)
        counters.forget_pair(connection, policies[0], attempt)
        waits = [bool(counters.wait(connection, p, attempt, world.now)) for p in policies]
    assert waits == [True, True, False, True, False]


def test_the_table_names_nobody_and_stays_bounded(world: World) -> None:
    now = world.now
    for number in range(300):
        fail(world, ONE, Attempt(number.to_bytes(32, "big"), f"192.0.2.{number % 200}"), now)
        now += MINUTE
    with world.store.read() as connection:
        rows = connection.scalar(select(func.count()).select_from(limits))
    assert rows is not None
    assert rows <= 61  # those of the last hour; without removal, 300
    assert b"192.0.2." not in world.bytes_on_disk()


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("hall-7", "hall-7"),
        ("", ""),
        ("\ud800", "\\ud800"),
    ],
)
def test_an_ipv6_line_is_one_address(address: str, line: str) -> None:
    assert line_of(address) == line

"""Limits on attempts: counters in the store, by subject, by address, and by the pair of both.

A counter is found by the HMAC of what it counts, so the table names nobody. Each purpose counts on
its own: wrong codes never use up the codes a person may ask for. Waits grow by doubling, and no
counter outlives its window; rows past it are removed a few at a time as others are written.

A lockout must not be a weapon (keycloak/keycloak#26172). So the choice is:
- the pair of subject and address bears the weight: few free attempts, waits up to an hour;
- the address alone allows more (a service hall, or a village behind one address) and waits minutes;
- the subject alone waits at most a minute after each try: it slows a crowd of addresses, and one
  address, which the pair stops after a handful, cannot shut anybody out. A crowd that never stops
  takes each turn as it comes: it can shut an owner out of addresses that are new to him;
- an address where the subject has signed in before (`remember`) is the owner's: the subject's waits
  are for strangers, and a crowd that never stops failing keeps no owner waiting behind it.
Refused attempts are not counted, so that asking again does not make the wait longer.
An IPv6 address counts as its /64, the least that one line is given.

All is done on the caller's connection in a write transaction under `Limits.locks`, so that
checking, counting and what was limited are one atomic step between processes.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from msb_identity.envelopes import cbor
from msb_identity.foundation.schema import IDENTITY
from msb_identity.foundation.store import remove_some

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from msb_identity.foundation.protect import Protector

DOMAIN = "limits"
KNOWN_LIFE = timedelta(days=90)
"""How long an address is known after a sign-in from there."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_IPV6_LINE_BITS = 64

metadata = IDENTITY.tables()
limits = Table(
    "limits",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("blocked_until_us", BigInteger, nullable=False),
    Column("expires_at_us", BigInteger, nullable=False, index=True),
)


class By(StrEnum):
    """What a counter belongs to.

    SUBJECT counts strangers only, OWNER the subject at all addresses where it has signed in before.
    """

    SUBJECT = "subject"
    OWNER = "owner"
    ADDRESS = "address"
    PAIR = "pair"


@dataclass(frozen=True, slots=True)
class Rule:
    """After `free` attempts within a window, wait `first_wait`, doubled up to `longest_wait`.

    A wait never lasts beyond the window, which opens with the first attempt counted. The window
    also tells two rules of one policy apart.
    """

    by: By
    free: int
    first_wait: timedelta
    longest_wait: timedelta
    window: timedelta

    def wait_after(self, count: int) -> timedelta:
        """Give the wait once `count` attempts have been made."""
        if count < self.free:
            return timedelta(0)
        doubled: timedelta = self.first_wait * 2 ** min(count - self.free, 32)
        return min(doubled, self.longest_wait)


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one purpose; the purpose's name keeps its counters apart from all others."""

    purpose: str
    rules: tuple[Rule, ...]


def policy_for_anybody(purpose: str) -> Policy:
    """Give the policy of what anybody's browser may ask for: only its address is known."""
    wait, longest, window = timedelta(seconds=10), timedelta(minutes=10), timedelta(hours=1)
    return Policy(purpose, (Rule(By.ADDRESS, 300, wait, longest, window=window),))


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who is being tried (a blind index), and from which address."""

    subject: bytes
    address: str


Counted = dict[bytes, int]
"""What `Limits.count` left in each counter."""


def by_address(address: str) -> Attempt:
    """Count by the address alone: what is tried in nobody's name."""
    return Attempt(line_of(address).encode(), address)


class Limits:
    """The counters of one store."""

    def __init__(self, protector: Protector) -> None:
        """Use the protector's key of the domain "limits"."""
        self._protector = protector

    def locks(self, attempt: Attempt) -> tuple[str, ...]:
        """Name the locks of the transaction in which an attempt is checked and counted."""
        counted = (attempt.subject, line_of(attempt.address))
        return tuple(
            f"limits {self._protector.index(DOMAIN, cbor.encode(value)).hex()}" for value in counted
        )

    def wait(
        self, connection: Connection, policy: Policy, attempt: Attempt, now: datetime
    ) -> timedelta:
        """Give how long this attempt must wait; zero when it may be made now."""
        moment = microseconds(now)
        keys = [
            self._key(policy, r, attempt) for r in self._rules(connection, policy, attempt, now)
        ]
        query = select(func.max(limits.c.blocked_until_us)).where(limits.c.key.in_(keys))
        blocked_until = connection.scalar(query) or 0
        return timedelta(microseconds=max(blocked_until - moment, 0))

    def count(
        self, connection: Connection, policy: Policy, attempt: Attempt, now: datetime
    ) -> Counted:
        """Count one attempt by every rule that it falls under; give what `give_back` wants."""
        moment = microseconds(now)
        counted = {}
        for rule in self._rules(connection, policy, attempt, now):
            key = self._key(policy, rule, attempt)
            counted[key] = self._count(connection, rule, key, moment)
        remove_expired(connection, limits, moment)
        return counted

    def ask(
        self, connection: Connection, policy: Policy, attempt: Attempt, now: datetime
    ) -> tuple[timedelta, Counted]:
        """Count an attempt that may be made now, or say how long it must wait; then none counts."""
        wait = self.wait(connection, policy, attempt, now)
        return wait, {} if wait else self.count(connection, policy, attempt, now)

    def give_back(self, connection: Connection, counted: Counted) -> None:
        """Take back what `count` gave, for an attempt that was counted before it was judged."""
        for key, count in sorted(counted.items()):
            this = limits.c.key == key
            found = connection.execute(select(limits).where(this).with_for_update()).one_or_none()
            if found is None or found.attempts < count:  # its window ended meanwhile
                continue
            values: dict[str, int] = {"attempts": found.attempts - 1}
            if found.attempts == count:  # nobody else's failure needs the wait
                values["blocked_until_us"] = 0
            connection.execute(update(limits).where(this).values(values))

    def remember(self, connection: Connection, attempt: Attempt, now: datetime) -> None:
        """Know the address from now on as one where the subject signs in."""
        key = self._known_key(attempt)
        connection.execute(delete(limits).where(limits.c.key == key))
        expires_at = microseconds(now + KNOWN_LIFE)
        row = {"key": key, "attempts": 0, "blocked_until_us": 0, "expires_at_us": expires_at}
        connection.execute(insert(limits).values(row))

    def forget_pair(self, connection: Connection, policy: Policy, attempt: Attempt) -> None:
        """Forgive the pair after a success; the others are shared and keep counting."""
        keys = [self._key(policy, rule, attempt) for rule in policy.rules if rule.by is By.PAIR]
        connection.execute(delete(limits).where(limits.c.key.in_(keys)))

    def _count(self, connection: Connection, rule: Rule, key: bytes, moment: int) -> int:
        found = connection.execute(
            select(limits).where(limits.c.key == key).with_for_update()
        ).one_or_none()
        if found is None or found.expires_at_us <= moment:
            count, expires_at = 1, moment + _length(rule.window)
        else:
            count, expires_at = found.attempts + 1, found.expires_at_us
        values = {
            "attempts": count,
            "blocked_until_us": min(moment + _length(rule.wait_after(count)), expires_at),
            "expires_at_us": expires_at,
        }
        if found is None:
            connection.execute(insert(limits).values(key=key, **values))
        else:
            connection.execute(update(limits).where(limits.c.key == key).values(values))
        return count

    def _rules(
        self, connection: Connection, policy: Policy, attempt: Attempt, now: datetime
    ) -> list[Rule]:
        """Give the rules for an owner's attempt, or for a stranger's."""
        known = select(limits.c.expires_at_us).where(limits.c.key == self._known_key(attempt))
        is_owner = (connection.scalar(known) or 0) > microseconds(now)
        others = By.SUBJECT if is_owner else By.OWNER
        return [rule for rule in policy.rules if rule.by is not others]

    def _known_key(self, attempt: Attempt) -> bytes:
        named: list[Any] = ["known", attempt.subject, line_of(attempt.address)]
        return self._protector.index(DOMAIN, cbor.encode(named))

    def _key(self, policy: Policy, rule: Rule, attempt: Attempt) -> bytes:
        named: list[Any] = [policy.purpose, str(rule.by), _length(rule.window)]
        if rule.by is not By.ADDRESS:
            named.append(attempt.subject)
        if rule.by in (By.ADDRESS, By.PAIR):
            named.append(line_of(attempt.address))
        return self._protector.index(DOMAIN, cbor.encode(named))


def line_of(address: str) -> str:
    """Give what stands for an address: IPv4 as it is, IPv6 as its /64, other text unchanged."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address.encode("utf-8", "backslashreplace").decode()
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), _IPV6_LINE_BITS), strict=False))


def microseconds(moment: datetime) -> int:
    """Give a time as whole microseconds since 1970, exactly."""
    return _length(moment - _EPOCH)


def remove_expired(connection: Connection, table: Table, moment: int) -> None:
    """Remove some rows whose `expires_at_us` has passed."""
    remove_some(connection, table, table.c.expires_at_us <= moment)


def _length(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)

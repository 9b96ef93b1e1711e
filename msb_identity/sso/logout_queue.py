"""The queue of logout notices: every client of a session that ended hears of it, or it is told.

OpenID Connect Back-Channel Logout 1.0 section 2.5. The queue is rows of the store: it survives
restarts, several may deliver at once, and what a killed one held comes back. A try that fails is
made again after growing delays, a day long; then the queue gives up, loudly.

Clients are told side by side, each by one thread in turns of TURN; between turns those that answer
fast come first, and those that are slow share at most half of the threads. What becomes due while
a slow one is being told is taken at once. So neither a client that hangs nor one that takes its
time for each of a thousand notices holds up another's.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode, urlsplit

from sqlalchemy import delete, select, update

from msb_identity.errors import FetchRefused
from msb_identity.foundation.clock import aware
from msb_identity.signin.limits import microseconds
from msb_identity.sso.addresses import is_loopback
from msb_identity.sso.client_sessions import client_sessions, follow_cut_offs, session_end
from msb_identity.sso.http import FORM
from msb_identity.sso.logout_tokens import sign_logout_token
from msb_identity.x509.fetch import HttpFetcher

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from concurrent.futures import Future
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.store import Store
    from msb_identity.sso.clients import Client, Clients
    from msb_identity.sso.keyring import Signers

AT_ONCE = 100
"""Notices that are taken from the store at once, and clients that wait for a thread at most."""
THREADS = 16
SLOW_THREADS = THREADS // 2
SLOW = timedelta(seconds=1)
"""A client that takes longer to answer, on an average, is slow."""
TURN = timedelta(seconds=2)
"""How long a client is told before others have their turn."""
LOOK_AGAIN = timedelta(milliseconds=200)
TIMEOUT = timedelta(seconds=5)
HELD_FOR = timedelta(minutes=2)
"""How long notices belong to who took them."""
SPENT_AT_MOST = timedelta(seconds=60)
"""After this no turn is begun: what a call holds it has done, or given back, in time."""
FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(hours=4)
MAX_TRIES = 18
"""With these delays a client has about a day to come back."""
MAX_ANSWER_BYTES = 65_536
_ACCEPTED = frozenset({HTTPStatus.OK, HTTPStatus.NO_CONTENT})  # section 2.8; some send 204
_log = logging.getLogger(__name__)


class Poster(Protocol):
    """What sends a notice; FetchRefused where that cannot be done."""

    def send(
        self, url: str, body: bytes, *, headers: Mapping[str, str], limit: int
    ) -> tuple[int, bytes]:
        """Post `body`, and give the status and the answer, at most `limit` bytes."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one call of `deliver` did, in numbers of notices."""

    delivered: int = 0
    postponed: int = 0
    given_up: int = 0

    def __add__(self, other: Delivered) -> Delivered:
        """Give the sums."""
        return Delivered(
            self.delivered + other.delivered,
            self.postponed + other.postponed,
            self.given_up + other.given_up,
        )


@dataclass(frozen=True, slots=True)
class _Notice:
    name: str
    sid: str
    client_id: str
    tries: int
    held_until_us: int


@dataclass(frozen=True, slots=True)
class _Turn:
    """What came of telling one client for a while; `rest`: what was not tried."""

    done: Delivered
    rest: Sequence[_Notice] = ()
    failed: bool = False


@dataclass(slots=True)
class _Call:
    """One call of `deliver`: who waits, who is being told, and who is left alone from now on."""

    began_at: datetime
    began: float = field(default_factory=time.monotonic)
    waiting: dict[str, Sequence[_Notice]] = field(default_factory=dict)
    running: dict[Future[_Turn], str] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    done: Delivered = field(default_factory=Delivered)

    @property
    def now(self) -> datetime:
        return self.began_at + timedelta(seconds=time.monotonic() - self.began)

    @property
    def is_over(self) -> bool:
        return time.monotonic() - self.began >= SPENT_AT_MOST.total_seconds()

    @property
    def busy(self) -> set[str]:
        return {*self.waiting, *self.running.values(), *self.failed}


class LogoutQueue:
    """Delivers the logout notices of one provider."""

    def __init__(
        self,
        issuer: str,
        *,
        store: Store,
        ring: Signers,
        clients: Clients,
        poster: Poster | None = None,
        audit: Audit | None = None,
    ) -> None:
        """Take the provider's own parts.

        poster: default real HTTP: https to public addresses, http to a registered loopback address;
        no redirects, 5 s, 64 KiB. Who has portals in a private network gives
        `HttpFetcher(allow_private=True, …)`. audit: where notices that are given up are recorded.
        """
        self._issuer, self._store, self._ring, self._clients = issuer, store, ring, clients
        self._poster, self._audit = poster, audit
        self._slow: set[str] = set()

    def deliver(self, now: datetime | None = None) -> Delivered:
        """Tell clients of sessions that have ended, all that are due; call it every few seconds.

        Returns when all it took were tried, after a little more than SPENT_AT_MOST at most. A
        StoreError where the store fails: nothing is lost then, at worst a notice is delivered
        twice, which clients are built for.
        """
        call = _Call(aware(now))
        with ThreadPoolExecutor(THREADS) as pool:
            while not call.is_over:
                self._collect(call)
                self._begin_turns(call, pool)
                if not call.running:
                    break
                self._end_turns(call, LOOK_AGAIN)
            while call.running:
                self._end_turns(call, None)
        self._give_back([notice for some in call.waiting.values() for notice in some], call.now)
        return call.done

    def _collect(self, call: _Call) -> None:
        """Take what is due to clients that are not being told already."""
        while follow_cut_offs(self._store, now=call.now):
            pass
        while len(call.waiting) < AT_ONCE and (taken := self._take(call.now, call.busy)):
            for notice in taken:
                call.waiting[notice.client_id] = (*call.waiting.get(notice.client_id, ()), notice)

    def _begin_turns(self, call: _Call, pool: ThreadPoolExecutor) -> None:
        """Give free threads to clients that wait, to the fast ones first."""
        for client_id in sorted(call.waiting, key=self._slow.__contains__):
            slow_ones = sum(other in self._slow for other in call.running.values())
            is_slow = client_id in self._slow
            if len(call.running) >= THREADS or (is_slow and slow_ones >= SLOW_THREADS):
                return
            notices = call.waiting.pop(client_id)
            call.running[pool.submit(self._tell_some, notices, call)] = client_id

    def _end_turns(self, call: _Call, patience: timedelta | None) -> None:
        seconds = None if patience is None else patience.total_seconds()
        for future in wait(call.running, seconds, return_when=FIRST_COMPLETED).done:
            client_id = call.running.pop(future)
            turn = future.result()
            call.done += turn.done
            if turn.failed:
                call.failed.add(client_id)
            if turn.rest:
                call.waiting[client_id] = turn.rest

    def _take(self, now: datetime, busy: Collection[str]) -> list[_Notice]:
        """Hold the notices that are due, so that nobody else delivers them meanwhile."""
        due = client_sessions.c.next_at_us <= microseconds(now)
        due &= client_sessions.c.client_id.not_in(busy)
        query = select(client_sessions).where(due).order_by(client_sessions.c.next_at_us)
        held_until = microseconds(now + HELD_FOR)
        taken = []
        with self._store.read() as connection:
            if connection.execute(query.limit(1)).first() is None:
                return []
        with self._store.write(locks=()) as connection:
            found = query.limit(AT_ONCE).with_for_update(skip_locked=True)
            for row in connection.execute(found).all():
                end = None if row.ended else session_end(connection, row.sid, now=now)
                if end is not None:  # it was used meanwhile and lives on
                    _write(connection, row.name, {"next_at_us": end[1]})
                    continue
                tries = row.tries + 1
                held = {"ended": True, "tries": tries, "next_at_us": held_until}
                _write(connection, row.name, held)
                taken.append(_Notice(row.name, row.sid, row.client_id, tries, held_until))
        return taken

    def _tell_some(self, notices: Sequence[_Notice], call: _Call) -> _Turn:
        """Tell one client for a turn; after the first failure the rest waits, without a try."""
        client = self._clients.live(notices[0].client_id)
        address = None if client is None else client.registration.logout_address
        if client is None or address is None:  # ended, or changed, since
            self._settle(notices)
            return _Turn(Delivered())
        began = time.monotonic()
        for done, notice in enumerate(notices):
            if done and (time.monotonic() - began >= TURN.total_seconds() or call.is_over):
                return _Turn(Delivered(delivered=done), notices[done:])
            reason = self._tell(client, address, notice, call.now)
            self._remember_speed(client.id, (time.monotonic() - began) / (done + 1))
            if reason is not None:
                put_off = self._put_off(notices[done:], reason, call.now, delivered=done)
                return _Turn(put_off, failed=True)
            self._settle([notice])
        return _Turn(Delivered(delivered=len(notices)))

    def _remember_speed(self, client_id: str, seconds: float) -> None:
        if seconds > SLOW.total_seconds():
            self._slow.add(client_id)
        else:
            self._slow.discard(client_id)

    def _tell(self, client: Client, address: str, notice: _Notice, now: datetime) -> str | None:
        """Send one notice; None where it was accepted, else why not."""
        kind = client.registration.token_key
        token = sign_logout_token(
            self._ring.signer(kind, now=now),
            issuer=self._issuer,
            client_id=client.id,
            sid=notice.sid,
            now=now,
        )
        body = urlencode({"logout_token": token}).encode()
        poster = self._poster or _poster(address)
        try:
            status, _ = poster.send(
                address, body, headers={"Content-Type": FORM}, limit=MAX_ANSWER_BYTES
            )
        except FetchRefused as refused:
            return str(refused)
        return None if status in _ACCEPTED else f"HTTP status {status}"

    def _put_off(
        self, notices: Sequence[_Notice], reason: str, now: datetime, *, delivered: int
    ) -> Delivered:
        lasting = [notice for notice in notices if notice.tries < MAX_TRIES]
        hopeless = [notice for notice in notices if notice.tries >= MAX_TRIES]
        with self._store.write(locks=()) as connection:
            for notice in lasting:
                later = microseconds(now + _delay(notice.tries))
                _write(connection, notice.name, {"next_at_us": later}, if_=_held(notice))
        client_id = notices[0].client_id
        _log.warning("client %s did not take a logout notice: %s", client_id, reason)
        if hopeless:
            self._give_up(client_id, hopeless, now)
        return Delivered(delivered, len(lasting), len(hopeless))

    def _give_back(self, notices: Sequence[_Notice], now: datetime) -> None:
        """Leave to the next call what there was no time for."""
        if not notices:
            return
        with self._store.write(locks=()) as connection:
            for notice in notices:
                untried = {"next_at_us": microseconds(now), "tries": notice.tries - 1}
                _write(connection, notice.name, untried, if_=_held(notice))

    def _give_up(self, client_id: str, notices: Sequence[_Notice], now: datetime) -> None:
        _log.error("client %s was never told that %d sessions have ended", client_id, len(notices))
        self._settle(notices)
        if self._audit is not None:
            for notice in notices:
                self._audit.record(
                    "logout.given-up",
                    object_=client_id,
                    outcome="failed",
                    details={"sid": notice.sid, "tries": notice.tries},
                    now=now,
                )

    def _settle(self, notices: Sequence[_Notice]) -> None:
        with self._store.write(locks=()) as connection:
            for notice in notices:
                this = (client_sessions.c.name == notice.name) & _held(notice)
                connection.execute(delete(client_sessions).where(this))


def _delay(tries: int) -> timedelta:
    doubled: timedelta = FIRST_DELAY * 2 ** min(tries - 1, 16)
    return min(doubled, LONGEST_DELAY)


def _held(notice: _Notice) -> ColumnElement[bool]:
    """Whether the row is still as this deliverer took it, and not another's since."""
    return client_sessions.c.next_at_us == notice.held_until_us


def _write(
    connection: Connection,
    name: str,
    values: Mapping[str, object],
    *,
    if_: ColumnElement[bool] | None = None,
) -> None:
    this = client_sessions.c.name == name
    found = this if if_ is None else this & if_
    connection.execute(update(client_sessions).where(found).values(values))


def _poster(address: str) -> Poster:
    """Give what posts to this address: real HTTP, within limits, no redirects."""
    return HttpFetcher(
        timeout=TIMEOUT,
        allow_private=is_loopback(address),
        schemes=frozenset({urlsplit(address).scheme}),
        redirects=0,
    )

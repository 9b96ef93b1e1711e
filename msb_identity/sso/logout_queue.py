"""The queue of logout notices: every client of a session that ended hears of it, or it is told.

OpenID Connect Back-Channel Logout 1.0 section 2.5. The queue is rows of the store: it survives
restarts, several may deliver at once, and what a killed one held comes back. A try that fails is
made again after growing delays, a day long; then the queue gives up, loudly. An address that does
not answer holds up only its own client's notices.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.store import Store
    from msb_identity.sso.clients import Client, Clients
    from msb_identity.sso.keyring import Signers

AT_ONCE = 100
"""Notices that one call takes at most."""
THREADS = 8
TIMEOUT = timedelta(seconds=5)
HELD_FOR = timedelta(minutes=2)
"""How long notices belong to who took them."""
SPENT_AT_MOST = timedelta(seconds=60)
"""After this no further notice is begun: what a call holds it has done, or given back, in time."""
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


@dataclass(frozen=True, slots=True)
class _Notice:
    name: str
    sid: str
    client_id: str
    tries: int
    held_until_us: int


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

    def deliver(self, now: datetime | None = None) -> Delivered:
        """Tell clients of sessions that have ended, as many as are due; call it every few seconds.

        Returns when all it took were tried. StoreError where the store fails: nothing is lost then,
        at worst a notice is delivered twice, which clients are built for.
        """
        moment = aware(now)
        while follow_cut_offs(self._store, now=moment):
            pass
        by_client: dict[str, list[_Notice]] = {}
        for notice in self._take(moment):
            by_client.setdefault(notice.client_id, []).append(notice)
        if not by_client:
            return Delivered()
        until = time.monotonic() + SPENT_AT_MOST.total_seconds()
        with ThreadPoolExecutor(min(THREADS, len(by_client))) as pool:
            told = pool.map(lambda some: self._tell_all(some, moment, until), by_client.values())
            results = list(told)
        return Delivered(
            sum(one.delivered for one in results),
            sum(one.postponed for one in results),
            sum(one.given_up for one in results),
        )

    def _take(self, now: datetime) -> list[_Notice]:
        """Hold the notices that are due, so that nobody else delivers them meanwhile."""
        due = client_sessions.c.next_at_us <= microseconds(now)
        query = select(client_sessions).where(due).order_by(client_sessions.c.next_at_us)
        held_until = microseconds(now + HELD_FOR)
        taken = []
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

    def _tell_all(self, notices: Sequence[_Notice], now: datetime, until: float) -> Delivered:
        """Tell one client; after the first failure the others wait without being tried."""
        client = self._clients.live(notices[0].client_id)
        address = None if client is None else client.registration.logout_address
        if client is None or address is None:  # ended, or changed, since
            self._settle(notices)
            return Delivered()
        for done, notice in enumerate(notices):
            if time.monotonic() >= until:
                self._give_back(notices[done:], now)
                return Delivered(delivered=done)
            reason = self._tell(client, address, notice, now)
            if reason is not None:
                return self._put_off(notices[done:], reason, now, delivered=done)
            self._settle([notice])
        return Delivered(delivered=len(notices))

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

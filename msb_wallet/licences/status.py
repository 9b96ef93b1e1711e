"""The state of each licence: its place in a status list, its changes, and publication.

Places are a keyed permutation of a counter, so that neighbours in a list say nothing about when or
to whom licences were issued. A revocation is final; a suspension can be lifted. Publication signs
only the lists that changed or that grow old, and writes each file whole.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.foundation.files import folder_lock, write_whole
from msb_wallet.errors import LicenceNotFound, StatusRefused
from msb_wallet.licences.status_list import ENTRIES, build_content, sign_status_list
from msb_wallet.licences.store import Status, licence_status, status_lists

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy import Connection

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.store import Store
    from msb_identity.pki.keys import SigningKey

LIFETIME = timedelta(days=1)
TIME_TO_LIVE = timedelta(hours=1)
_HALF_BITS = 10
_ROUNDS = 8


class Reason(StrEnum):
    """Why a status changed; a fixed list, so that no personal data stands there."""

    CANCELLED = "cancelled"  # 注销
    WITHDRAWN = "withdrawn"  # 撤销
    PENALTY = "penalty"  # 吊销
    ISSUED_IN_ERROR = "issued-in-error"  # 错发
    UNDER_REVIEW = "under-review"  # 暂扣
    REVIEW_CLOSED = "review-closed"  # 解除暂扣


ISSUED = "issued"
_REASONS = {
    Status.VALID: {Reason.REVIEW_CLOSED},
    Status.SUSPENDED: {Reason.UNDER_REVIEW},
    Status.REVOKED: {Reason.CANCELLED, Reason.WITHDRAWN, Reason.PENALTY, Reason.ISSUED_IN_ERROR},
}
_ALLOWED = {
    (Status.VALID, Status.REVOKED),
    (Status.VALID, Status.SUSPENDED),
    (Status.SUSPENDED, Status.VALID),
    (Status.SUSPENDED, Status.REVOKED),
}


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """The present state of one licence."""

    status: Status
    reason: str
    changed_at: datetime
    issuer_code: str
    list_number: int
    list_index: int


class StatusRegister:
    """Statuses of all licences in a store."""

    def __init__(self, store: Store, *, permutation_key: bytes, audit: Audit | None = None) -> None:
        """Take the store and the secret that scatters the places in a list.

        audit: where changes and publications are recorded.
        """
        self._store, self._key, self._audit = store, permutation_key, audit

    def take(self, issuer_code: str, count: int) -> list[tuple[int, int]]:
        """Take an issuer's next free places (list number, index), which are then nobody else's."""
        places: list[tuple[int, int]] = []
        with self._store.write(locks=(f"places {issuer_code}",)) as connection:
            number, used = _last_list(connection, issuer_code)
            while len(places) < count:
                if number < 0 or used == ENTRIES:
                    number, used = number + 1, 0
                    row = {"issuer_code": issuer_code, "list_number": number, "used": 0}
                    fresh = {"changes": 1, "published_changes": 0, "published_at": 0}
                    connection.execute(insert(status_lists).values(**row, **fresh))
                free = range(used, min(used + count - len(places), ENTRIES))
                name = f"{issuer_code}/{number}"
                places += [(number, scatter(counter, self._key, name)) for counter in free]
                used = free.stop
                this = status_lists.c.issuer_code == issuer_code
                this &= status_lists.c.list_number == number
                connection.execute(update(status_lists).where(this).values(used=used))
        return places

    def record(
        self,
        connection: Connection,
        places: Mapping[str, tuple[int, int]],
        *,
        issuer_code: str,
        at: int,
    ) -> None:
        """Write the first, valid states of new licences, by their identifiers."""
        first = {"issuer_code": issuer_code, "status": Status.VALID.value}
        first |= {"reason": ISSUED, "changed_at": at}
        rows = [
            {"identifier": identifier, "list_number": number, "list_index": index, **first}
            for identifier, (number, index) in places.items()
        ]
        connection.execute(insert(licence_status), rows)

    def get(self, identifier: str) -> StatusEntry:
        """Give the present state; LicenceNotFound where there is no such licence."""
        return read_status(self._store, identifier)

    def change(
        self, identifier: str, status: Status, reason: Reason, *, now: datetime | None = None
    ) -> StatusEntry:
        """Change a state and give the new one; it holds for every online check from the commit on.

        Asking for the state that a licence is in already, for the same reason, changes nothing.
        Raises StatusRefused for a change that is not allowed, LicenceNotFound for no such licence.
        """
        at = seconds(aware(now))
        with self._store.write(locks=()) as connection:
            old = _entry(connection, identifier, lock=True)
            if (old.status, old.reason) == (status, reason):
                return old
            if reason not in _REASONS[status]:
                message = f"{reason} is no reason to become {status.name.lower()}"
                raise StatusRefused(message)
            if (old.status, status) not in _ALLOWED:
                names = old.status.name.lower(), status.name.lower()
                message = "a licence that is {} cannot become {}".format(*names)
                raise StatusRefused(message)
            connection.execute(
                update(licence_status)
                .where(licence_status.c.identifier == identifier)
                .values(status=status.value, reason=str(reason), changed_at=at)
            )
            connection.execute(
                update(status_lists)
                .where(
                    status_lists.c.issuer_code == old.issuer_code,
                    status_lists.c.list_number == old.list_number,
                )
                .values(changes=status_lists.c.changes + 1)
            )
            if self._audit is not None:
                self._audit.record(
                    "licence.status-changed",
                    actor=old.issuer_code,
                    object_=identifier,
                    details={"status": status.name.lower(), "reason": str(reason)},
                    now=now,
                    connection=connection,
                )
            return _entry(connection, identifier)

    def publish(
        self,
        issuer_code: str,
        *,
        key: SigningKey,
        prefix: str,
        folder: Path,
        now: datetime | None = None,
        every: bool = False,
        lifetime: timedelta = LIFETIME,
    ) -> list[Path]:
        """Sign an issuer's changed lists into `folder`/ISSUER/NUMBER and give the files written.

        Lists past half of `lifetime` are signed again too; `every` signs all. A crash leaves the
        old file or the new one, and the next call does what is left.
        """
        # One at a time: an older list must never come to lie over a newer one.
        with folder_lock(folder / issuer_code):
            moment, written = aware(now), []
            for number, changes in self._due(issuer_code, folder, moment, lifetime, every=every):
                content = self._content(issuer_code, number)
                uri = list_uri(prefix, number)
                token = sign_status_list(
                    content, uri=uri, key=key, now=moment, lifetime=lifetime, ttl=TIME_TO_LIVE
                )
                path = folder / issuer_code / str(number)
                write_whole(path, token)
                self._published(issuer_code, number, changes, seconds(moment))
                written.append(path)
        return written

    def _due(
        self, issuer_code: str, folder: Path, now: datetime, lifetime: timedelta, *, every: bool
    ) -> list[tuple[int, int]]:
        """Give number and count of changes of each list that must be signed."""
        old = seconds(now - lifetime / 2)
        query = select(status_lists).where(status_lists.c.issuer_code == issuer_code)
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(status_lists.c.list_number)).all()
        return [
            (row.list_number, row.changes)
            for row in rows
            if every
            or row.changes != row.published_changes
            or row.published_at <= old
            or not (folder / issuer_code / str(row.list_number)).exists()
        ]

    def _content(self, issuer_code: str, number: int) -> bytes:
        query = select(licence_status.c.list_index, licence_status.c.status).where(
            licence_status.c.issuer_code == issuer_code,
            licence_status.c.list_number == number,
            licence_status.c.status != Status.VALID.value,
        )
        with self._store.read() as connection:
            return build_content((row.list_index, row.status) for row in connection.execute(query))

    def _published(self, issuer_code: str, number: int, changes: int, at: int) -> None:
        # The count was read before the content: a change in between is published again, never lost.
        with self._store.write(locks=()) as connection:
            connection.execute(
                update(status_lists)
                .where(
                    status_lists.c.issuer_code == issuer_code, status_lists.c.list_number == number
                )
                .values(published_changes=changes, published_at=at)
            )
            if self._audit is not None:
                self._audit.record(
                    "status-list.published",
                    actor=issuer_code,
                    object_=f"{issuer_code}/{number}",
                    details={"changes": changes},
                    now=from_seconds(at),
                    connection=connection,
                )


def read_status(store: Store, identifier: str) -> StatusEntry:
    """Give a licence's present state; LicenceNotFound where there is no such licence."""
    with store.read() as connection:
        return _entry(connection, identifier)


def list_uri(prefix: str, number: int) -> str:
    """Give the URI of a list under an issuer's prefix (which ends in a slash)."""
    return f"{prefix}{number}"


def scatter(counter: int, key: bytes, name: str) -> int:
    """Permute 0 … ENTRIES-1 under a key: a Feistel network, 10-bit halves, HMAC-SHA256."""
    left, right = counter >> _HALF_BITS, counter & ((1 << _HALF_BITS) - 1)
    for number in range(_ROUNDS):
        message = f"MSB-status-index-1/{name}/{number}/{right}".encode()
        digest = hmac.digest(key, message, "sha256")
        left, right = right, left ^ (int.from_bytes(digest[:2], "big") >> (16 - _HALF_BITS))
    return left << _HALF_BITS | right


def _last_list(connection: Connection, issuer_code: str) -> tuple[int, int]:
    """Give number and use of an issuer's last list; -1 where there is none."""
    query = (
        select(status_lists.c.list_number, status_lists.c.used)
        .where(status_lists.c.issuer_code == issuer_code)
        .order_by(status_lists.c.list_number.desc())
        .limit(1)
    )
    last = connection.execute(query).first()
    return (last.list_number, last.used) if last else (-1, 0)


def _entry(connection: Connection, identifier: str, *, lock: bool = False) -> StatusEntry:
    query = select(licence_status).where(licence_status.c.identifier == identifier)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        message = "no such licence"
        raise LicenceNotFound(message)
    return StatusEntry(
        Status(row.status),
        row.reason,
        from_seconds(row.changed_at),
        row.issuer_code,
        row.list_number,
        row.list_index,
    )

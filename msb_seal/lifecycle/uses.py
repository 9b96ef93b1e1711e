"""Uses of seals: allowed, counted and recorded in one transaction, before anything is signed.

The order is: commit, then sign, then let the signature out. A use that is in the log may therefore
have come to nothing (the attempt is recorded, and counted); a signature that is not in the log
cannot be. Uses that threads ask for at the same moment share a commit.

A freeze holds within a second everywhere: whoever signs relies on what was read from the store at
most CHECK_EVERY_SECONDS before, and asks again otherwise, also when the signing itself took long.
What a freeze cannot do is to call back a signature that has left.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, update

from msb_identity.errors import StoreError
from msb_identity.foundation.audit import Draft
from msb_identity.foundation.audit.group import GroupCommit
from msb_identity.foundation.clock import aware, seconds
from msb_seal.errors import SealingRefused
from msb_seal.lifecycle.recorded import USED_EVENT, RecordedUses
from msb_seal.lifecycle.sentences import use_refused
from msb_seal.lifecycle.states import LifeState
from msb_seal.lifecycle.tables import grants, reservations, seals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store

CHECK_EVERY_SECONDS = 0.5
"""How old what is known of a seal's state may be when it signs."""
FREEZE_WITHIN_SECONDS = 1.0
"""No signature leaves on what was read longer ago than this."""
MAX_USES_AT_ONCE = 1_000
MAX_DOCUMENT_CHARS = 500
RESUMED_EVENT = "seal.use-resumed"
DOCUMENT_DOMAIN = "seal-document"
_DOCUMENT_MARK_BYTES = 16
_ASKED_STATES = {
    LifeState.FROZEN: "frozen",
    LifeState.CANCELLED: "cancelled",
    LifeState.VOID: "void",
}

_SEAL_COLUMNS = (
    seals.c.state,
    seals.c.epoch,
    seals.c.valid_from.label("seal_from"),
    seals.c.usable_until.label("seal_until"),
    seals.c.fingerprint,
)
_OF_USER = select(grants, *_SEAL_COLUMNS).join(seals, seals.c.record == grants.c.record)
# Built once: building a statement costs as much as a small one takes to run.
_CANDIDATES = (
    _OF_USER.where(
        grants.c.record == bindparam("of_record"),
        grants.c.user_mark == bindparam("of_user"),
        grants.c.purpose == bindparam("of_purpose"),
    )
    .order_by(grants.c.grant_id)
    .with_for_update(of=grants)
)
_RESERVED = (
    _OF_USER.add_columns(
        reservations.c.epoch.label("reserved_epoch"),
        reservations.c.size,
        reservations.c.used.label("reserved_used"),
        reservations.c.lifetime_seconds,
        reservations.c.expires_at,
        reservations.c.closed_at,
    )
    .join(reservations, reservations.c.grant_id == grants.c.grant_id)
    .where(
        reservations.c.reservation == bindparam("of_reservation"),
        grants.c.record == bindparam("of_record"),
        grants.c.user_mark == bindparam("of_user"),
        grants.c.purpose == bindparam("of_purpose"),
    )
    .with_for_update(of=[grants, reservations])
)
_COUNT = (
    update(grants)
    .where(grants.c.grant_id == bindparam("of_grant"))
    .values(used=grants.c.used + bindparam("more"))
)
_COUNT_RESERVED = (
    update(reservations)
    .where(reservations.c.reservation == bindparam("of_reservation"))
    .values(used=reservations.c.used + bindparam("more"), expires_at=bindparam("until"))
)
_WATCHED = (
    select(seals.c.state, seals.c.epoch, grants.c.withdrawn_at)
    .join(grants, grants.c.record == seals.c.record)
    .where(grants.c.grant_id == bindparam("of_grant"))
)


@dataclass(frozen=True, slots=True)
class Use:
    """One use: the document's digest that the signature will hold, and the document's name.

    The log keeps the digest, and of the name only an HMAC: names of files name people.
    """

    digest: bytes
    document: str


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for uses of which seal, for what, and under which reservation, if any."""

    record: str
    user: str
    user_mark: bytes
    purpose: str
    reservation: str | None = None


@dataclass(slots=True)
class Watch:
    """What is known of a seal's state, and since when; `read_at` is of the monotonic clock."""

    grant_id: str
    fingerprint: str
    epoch: int
    read_at: float


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked for at once; `resumed` are uses that the log has already."""

    asking: Asking
    uses: Sequence[Use]
    now: datetime
    fault: str = ""
    since: datetime | None = None
    resumed: Sequence[Use] = ()


class UseBook:
    """Where uses of seals are asked for; one object serves all threads of a process."""

    def __init__(self, store: Store, protector: Protector, audit: Audit) -> None:
        """Ask this store, and record in this log."""
        self._store, self._protector, self._audit = store, protector, audit
        self._recorded = RecordedUses(protector)
        self._group = GroupCommit(self._write)

    def record(
        self,
        asking: Asking,
        uses: Sequence[Use],
        *,
        since: datetime | None = None,
        now: datetime | None = None,
    ) -> Watch:
        """Have uses allowed, counted and recorded, all of them or none; on disk on return.

        At most MAX_USES_AT_ONCE. since: a use of the same digest that is in the log from then on is
        meant again, and neither counted nor recorded as another.
        Raises SealingRefused, which the log then shows, and StoreError where it is not certain that
        they are recorded: then nothing may be signed.
        """
        if not 0 < len(uses) <= MAX_USES_AT_ONCE:
            raise use_refused("too-many")
        if not all(0 < len(use.document) <= MAX_DOCUMENT_CHARS for use in uses):
            raise use_refused("document")
        return self._asked(_Request(asking, uses, aware(now), since=since))

    def refuse(self, asking: Asking, use: Use, fault: str, *, now: datetime | None = None) -> None:
        """Record an attempt that was refused before the store was asked, and raise it."""
        self._asked(_Request(asking, (use,), aware(now), fault))

    def confirm(self, asking: Asking, watch: Watch, *, now: datetime) -> None:
        """Return while what is known is young enough; else ask again. Raises SealingRefused."""
        if time.monotonic() - watch.read_at <= CHECK_EVERY_SECONDS:
            return
        read_at = time.monotonic()
        with self._store.read() as connection:
            row = connection.execute(_WATCHED, {"of_grant": watch.grant_id}).first()
        fault = _changed(row, watch)
        if not fault and time.monotonic() - read_at > FREEZE_WITHIN_SECONDS:
            fault = "state-unknown"
        if fault:
            self._asked(_Request(asking, (), now, fault))
        watch.read_at = read_at

    def _asked(self, request: _Request) -> Watch:
        answer = self._group.append(request)
        if isinstance(answer, SealingRefused):
            raise answer
        return answer

    def _write(self, requests: Sequence[_Request]) -> list[Watch | SealingRefused]:
        """Decide on all that was asked, in one order of locks for everybody; record it last."""
        order = sorted(range(len(requests)), key=lambda index: _lock_order(requests[index].asking))
        answers: dict[int, Watch | SealingRefused] = {}
        drafts: list[Draft] = []
        with self._store.write(locks=()) as connection:
            for index in order:
                request = requests[index]
                if request.since is not None:
                    new, there = self._recorded.split(
                        connection, request.asking, request.uses, since=request.since
                    )
                    request = replace(request, uses=new, resumed=there)
                answers[index] = self._decide(connection, request)
                drafts += self._drafts(request, answers[index])
            self._audit.record_many(drafts, connection=connection)
        return [answers[index] for index in range(len(requests))]

    def _decide(self, connection: Connection, request: _Request) -> Watch | SealingRefused:
        if request.fault:
            return use_refused(request.fault)
        asking, count, at = request.asking, len(request.uses), seconds(request.now)
        read_at = time.monotonic()
        if asking.reservation is None:
            row, fault = choose_grant(grants_of_user(connection, asking), count, at)
            if row is None:
                return use_refused(fault)
            connection.execute(_COUNT, {"of_grant": row.grant_id, "more": count})
        else:
            named = {**_names(asking), "of_reservation": asking.reservation}
            row = connection.execute(_RESERVED, named).first()
            fault = "no-grant" if row is None else _fault_of_reservation(row, count, at)
            if row is None or fault:
                return use_refused(fault)
            until = max(row.expires_at, at + row.lifetime_seconds)
            more = {"of_reservation": asking.reservation, "more": count, "until": until}
            connection.execute(_COUNT_RESERVED, more)
        return Watch(row.grant_id, row.fingerprint, row.epoch, read_at)

    def _drafts(self, request: _Request, answer: Watch | SealingRefused) -> list[Draft]:
        """Give the entries of a request: one for each use, or one for a refusal."""
        asking = request.asking
        common: dict[str, object] = {"purpose": asking.purpose}
        if asking.reservation is not None:
            common["reservation"] = asking.reservation
        if isinstance(answer, SealingRefused):
            outcome, uses = answer.code, request.uses[:1]
            common["count"] = len(request.uses)
        else:
            outcome, uses = "ok", request.uses
            common |= {"grant": answer.grant_id, "epoch": answer.epoch}
            common["fingerprint"] = answer.fingerprint
            if request.resumed:
                return self._named(RESUMED_EVENT, request, outcome, request.resumed, common) + (
                    self._named(USED_EVENT, request, outcome, uses, common) if uses else []
                )
        return self._named(USED_EVENT, request, outcome, uses, common)

    def _named(
        self,
        event: str,
        request: _Request,
        outcome: str,
        uses: Sequence[Use],
        common: dict[str, object],
    ) -> list[Draft]:
        described = [self._described(use) for use in uses] or [{}]
        return [
            Draft(
                event=event,
                actor=request.asking.user,
                object_=request.asking.record,
                outcome=outcome,
                details=common | of_use,
                now=request.now,
            )
            for of_use in described
        ]

    def _described(self, use: Use) -> dict[str, object]:
        return {
            "digest": use.digest.hex(),
            "document": document_mark(self._protector, use.document),
        }


def document_mark(protector: Protector, document: str) -> str:
    """Give the HMAC, in hexadecimal, under which the log names a document."""
    return protector.index(DOCUMENT_DOMAIN, document)[:_DOCUMENT_MARK_BYTES].hex()


def grants_of_user(connection: Connection, asking: Asking) -> Sequence[Any]:
    """Give, and lock, the grants under which these uses may fall, each with its seal's state."""
    return connection.execute(_CANDIDATES, _names(asking)).all()


def choose_grant(rows: Sequence[Any], count: int, at: int) -> tuple[Any, str]:
    """Give the first grant that covers so many uses, or why none does."""
    fault = "no-grant"
    for row in rows:
        fault = fault_of_grant(row, at)
        if not fault and row.max_uses is not None and row.used + count > row.max_uses:
            fault = "used-up"
        if not fault:
            return row, ""
    return None, fault


def fault_of_grant(row: Any, at: int) -> str:  # noqa: ANN401 - a row
    """Say why a seal may not be used under a grant at that time; "" where it may."""
    numbers = (row.seal_from, row.valid_from, row.valid_until, row.used, row.epoch)
    may_lack = (row.seal_until, row.max_uses)
    if not are_whole(*numbers, *(one for one in may_lack if one is not None)):
        return "damaged"
    if not isinstance(row.fingerprint, str | None):
        return "damaged"
    checks = (
        (row.state != LifeState.ACTIVE, _ASKED_STATES.get(row.state, "not-issued")),
        (at < row.seal_from, "not-yet-valid"),
        (row.seal_until is None or at > row.seal_until, "lapsed"),
        (row.withdrawn_at is not None, "grant-withdrawn"),
        (not row.valid_from <= at <= row.valid_until, "grant-period"),
    )
    return next((code for is_wrong, code in checks if is_wrong), "")


def _fault_of_reservation(row: Any, count: int, at: int) -> str:  # noqa: ANN401 - a row
    fault = fault_of_grant(row, at)
    if fault:
        return fault
    numbers = (row.reserved_epoch, row.size, row.reserved_used, row.lifetime_seconds)
    if not are_whole(*numbers, row.expires_at):
        return "damaged"
    if row.closed_at is not None or at > row.expires_at:
        return "reservation-ended"
    if row.epoch != row.reserved_epoch:
        return "changed"
    return "reservation-used-up" if row.reserved_used + count > row.size else ""


def are_whole(*numbers: object) -> bool:
    """Whether each is a whole number: SQLite keeps anything in any column."""
    return all(type(number) is int for number in numbers)


def _changed(row: Any, watch: Watch) -> str:  # noqa: ANN401 - a row
    if row is None:
        message = "a grant is gone from the store"
        raise StoreError(message)
    if row.state != LifeState.ACTIVE:
        return _ASKED_STATES.get(row.state, "not-issued")
    if row.withdrawn_at is not None:
        return "grant-withdrawn"
    return "changed" if row.epoch != watch.epoch else ""


def _names(asking: Asking) -> dict[str, Any]:
    return {
        "of_record": asking.record,
        "of_user": asking.user_mark,
        "of_purpose": asking.purpose,
    }


def _lock_order(asking: Asking) -> tuple[str, bytes, str]:
    return asking.record, asking.user_mark, asking.purpose

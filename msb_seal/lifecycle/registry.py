"""SealRegistry: keeps seals through their lives; every change is one transaction with its entry.

What may be changed, from what, and by whom says the table in states.py. Each change counts the
seal's epoch up, writes what is to be filed, and is in the audit log, or none of it happened. Doing
the same again changes nothing, so that what was done is asked for again after a crash. Who has
which office is the caller's to know: the registry holds to it that two persons do it.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, update

from msb_identity.errors import StoreError
from msb_identity.foundation.clock import aware, seconds
from msb_seal.errors import LifecycleRefused, SealRefused
from msb_seal.lifecycle.applications import (
    Application,
    Body,
    check_application,
    content_digest,
    read_body,
    same_content,
    write_body,
)
from msb_seal.lifecycle.changes import (
    check_renewal,
    check_rule,
    digest_of,
    find_reference,
    first_row,
    freeze_damaged,
    is_done,
    lock,
    take_code,
)
from msb_seal.lifecycle.codes import ACTS_WITH_REASON, RENEWED, default_codes
from msb_seal.lifecycle.filings import Filings, write_filing
from msb_seal.lifecycle.grants import Grants
from msb_seal.lifecycle.persons import is_named, person_mark
from msb_seal.lifecycle.published import NOT_ISSUED, StateLists
from msb_seal.lifecycle.records import (
    SealRecord,
    find_by_fingerprint,
    find_record,
    moment,
)
from msb_seal.lifecycle.reservations import Reservations
from msb_seal.lifecycle.sealer import Hand, RegisteredSealer
from msb_seal.lifecycle.sentences import refused, use_refused
from msb_seal.lifecycle.states import PUBLISHED, RULES, Act, LifeState
from msb_seal.lifecycle.tables import bodies, seals
from msb_seal.lifecycle.units import Units, find_unit
from msb_seal.lifecycle.uses import Asking, UseBook
from msb_seal.seals.status import SealStatus
from msb_seal.seals.structure import parse_seal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store
    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509.certificate import Certificate
    from msb_seal.lifecycle.codes import Codes
    from msb_seal.lifecycle.maker import SealMaker
    from msb_seal.seals.model import ElectronicSeal

RECORD_BYTES = 16
_NUMBERS_LOCK = "seal codes"
_NOTHING_ASKED: Mapping[str, Any] = {"asked_end": None, "asked_reason": None, "asked_by": None}


class SealRegistry:
    """The seals of one store. It is a SealStatuses: verifiers ask it for `seal-status`."""

    def __init__(
        self, store: Store, protector: Protector, audit: Audit, *, codes: Codes | None = None
    ) -> None:
        """Keep seals in this store, opened with this room's tables and those of the audit log."""
        self._store, self._protector, self._audit = store, protector, audit
        self.codes = codes or default_codes()
        self.units = Units(store, audit)
        self.filings = Filings(store, protector, audit)
        self.grants = Grants(store, protector, audit, self.codes)
        self.reservations = Reservations(store, audit)
        self.lists = StateLists(store, audit)
        self._uses = UseBook(store, protector, audit)

    def apply(
        self, application: Application, *, by: str, now: datetime | None = None
    ) -> SealRecord:
        """Take an application in; the same under the same reference is the same record.

        by: the id of the person who applies. Raises LifecycleRefused.
        """
        check_application(application, self.codes)
        applicant, at = person_mark(self._protector, by), moment(now)
        with self._store.write(locks=(f"seal unit {application.unit_code}",)) as connection:
            known = find_reference(connection, application)
            if known is not None:
                digest = self._digest(application, applicant, known.seal_code)
                if not same_content(known.content_digest, digest):
                    raise refused("reference-taken")
                return find_record(connection, known.record)
            unit = find_unit(connection, application.unit_code)
            if unit is None or not unit.is_open:
                raise refused("no-unit")
            if application.renews is not None:
                check_renewal(connection, application)
            record = secrets.token_hex(RECORD_BYTES)
            digest = self._digest(application, applicant)
            first = {"applied_by": applicant, "changed_by": applicant, "content_digest": digest}
            connection.execute(
                insert(seals).values(first_row(self._protector, application, record, at=at) | first)
            )
            write_body(connection, self._protector, record, application)
            return self._told(connection, record, Act.APPLY, by=by, now=now)

    def change(
        self, record: str, act: Act, *, by: str, reason: str = "", now: datetime | None = None
    ) -> SealRecord:
        """Do any act but applying and making, and give the record as it then is.

        by: the id of the person who does it; it is no approver's that is the applicant's name.
        reason: one of the table of codes for this act; empty for acts without. Raises
        LifecycleRefused, which the log then shows: the act is not in the table for the seal's state
        ("state"), or another person must do it ("same-person").
        """
        if act in (Act.APPLY, Act.MAKE):
            message = "applying and making have calls of their own"
            raise ValueError(message)
        person = person_mark(self._protector, by)
        named = self.codes.reasons_of(act) if act in ACTS_WITH_REASON else ("",)
        if reason not in named:
            raise refused("reason")
        locks = (_NUMBERS_LOCK,) if act is Act.APPROVE else ()
        try:
            with self._store.write(locks=locks) as connection:
                old = lock(connection, record)
                if is_done(old, act, reason):
                    return old
                check_rule(old, act, person)
                values = self._values(connection, old, act, reason, by=by)
                if RULES[act].to is not None:
                    values["changed_by"] = person
                if RULES[act].asks is not None:
                    values["asked_by"] = person
                return self._write(connection, old, act, values, by=by, now=now)
        except LifecycleRefused as refusal:
            if refusal.code == "damaged" and act in (Act.FREEZE, Act.LOSE):
                self._freeze_damaged(record, act, by=by, reason=reason, now=now)
            if refusal.code != "no-record":
                event = f"seal.{act}"
                self._audit.record(event, actor=by, object_=record, outcome=refusal.code, now=now)
            raise

    def make(
        self, record: str, maker: SealMaker, *, by: str, now: datetime | None = None
    ) -> ElectronicSeal:
        """Make the seal that was approved, and give it; one that is made already is given again.

        Nothing is locked meanwhile, since the maker's key may be anywhere: of two makers at once
        one wins, and the other's seal never leaves. Raises LifecycleRefused, SealRefused where no
        seal can be made of it, SigningFailed, TimestampRefused.
        """
        with self._store.read() as connection:
            old, body = find_record(connection, record), read_body(connection, record)
            stored = digest_of(connection, record)
        if old.is_made:
            return self.seal(record)
        person = person_mark(self._protector, by)
        check_rule(old, Act.MAKE, person)
        self._check_content(old, body, stored)
        made = maker.make(self._named(old), body, now=aware(now))
        last = max(signer.not_after for signer in body.signers)
        values = {
            "fingerprint": made.fingerprint,
            "usable_until": seconds(min(old.valid_until, last)),
            "changed_by": person,
        }
        with self._store.write(locks=()) as connection:
            locked = lock(connection, record)
            if not locked.is_made:
                check_rule(locked, Act.MAKE, person)
                here = bodies.c.record == record
                connection.execute(update(bodies).where(here).values(encoded=made.encoded))
                self._write(connection, locked, Act.MAKE, values, by=by, now=now)
        return self.seal(record)

    def get(self, record: str) -> SealRecord:
        """Give a record; LifecycleRefused where there is none."""
        with self._store.read() as connection:
            return find_record(connection, record)

    def seal(self, record: str) -> ElectronicSeal:
        """Give the made seal of a record; LifecycleRefused where there is none yet."""
        with self._store.read() as connection:
            known, body = find_record(connection, record), read_body(connection, record)
        if body.encoded is None or known.fingerprint is None:
            raise refused("not-made")
        try:
            made = parse_seal(body.encoded)
        except SealRefused as error:
            raise refused("damaged", record) from error
        if (made.fingerprint, made.seal_id) != (known.fingerprint, known.seal_code):
            raise refused("changed")
        return made

    def body(self, record: str) -> Body:
        """Give picture and signers of a record, and its seal where it is made."""
        with self._store.read() as connection:
            return read_body(connection, record)

    def sealer(
        self, record: str, *, certificate: Certificate, key: SigningKey, user: str, purpose: str
    ) -> RegisteredSealer:
        """Give a seal into a user's hands, for a purpose: what may be done is asked at each use.

        key: the signer's, which may sign elsewhere (CallbackKey). Raises SealingRefused where key,
        certificate and seal do not belong together, LifecycleRefused where there is no seal yet.
        """
        made, body = self.seal(record), self.body(record)
        if certificate not in body.signers:
            raise use_refused("signer-not-listed")
        if key.public != certificate.key:
            raise use_refused("key-differs")
        mark = person_mark(self._protector, user)
        asking = Asking(record=record, user=user, user_mark=mark, purpose=purpose)
        hand = Hand(self._uses, self.reservations, asking, made, certificate, key)
        return RegisteredSealer(hand)

    def status_of(self, seal: ElectronicSeal, *, now: datetime) -> SealStatus | None:
        """Give the state of exactly this seal; None for one that is not kept here."""
        try:
            with self._store.read() as connection:
                found = find_by_fingerprint(connection, seal.fingerprint)
        except StoreError as error:
            raise refused("unavailable") from error
        return None if found is None else published_status(found, known_at=aware(now))

    def _values(
        self, connection: Connection, old: SealRecord, act: Act, reason: str, *, by: str
    ) -> dict[str, Any]:
        """Give what an act changes beside the state itself, and do what it brings with it."""
        rule, values = RULES[act], dict[str, Any]()
        if rule.to is not None:
            values["reason"] = reason or (old.asked_reason if rule.needs else "") or ""
        if rule.asks is not None:
            values |= {"asked_end": str(rule.asks), "asked_reason": reason}
        if act is Act.KEEP or rule.needs is not None:
            values |= _NOTHING_ASKED
        if act is Act.APPROVE:
            with_body = read_body(connection, old.record)
            if is_named(by, with_body.applicant_name(self._protector, old.record)):
                raise refused("same-person")
            self._check_content(old, with_body, digest_of(connection, old.record))
            values["seal_code"] = code = take_code(connection, old.unit_code)
            applied = _application_of(self._named(old), with_body)
            values["content_digest"] = self._digest(applied, old.applied_by, code)
        if act is Act.ISSUE:
            with_body = read_body(connection, old.record)
            self._check_content(old, with_body, digest_of(connection, old.record))
        return values

    def _freeze_damaged(
        self, record: str, act: Act, *, by: str, reason: str, now: datetime | None
    ) -> None:
        """Freeze what cannot be read, and raise that it is frozen; return where it could not be."""
        person, at = person_mark(self._protector, by), moment(now)
        with self._store.write(locks=()) as connection:
            if not freeze_damaged(connection, record, act=act, person=person, reason=reason, at=at):
                return
            details: dict[str, object] = {"state": str(LifeState.FROZEN), "reason": reason}
            self._audit.record(
                f"seal.{act}",
                actor=by,
                object_=record,
                details=details | {"damaged": True},
                now=now,
                connection=connection,
            )
        raise refused("frozen-damaged", record)

    def _write(
        self,
        connection: Connection,
        old: SealRecord,
        act: Act,
        values: dict[str, Any],
        *,
        by: str,
        now: datetime | None,
    ) -> SealRecord:
        """Write one change; where a seal is issued in the place of another, end that one too."""
        to = RULES[act].to
        if to is not None:
            at = moment(now)
            values |= {"state": str(to), "since": at, "epoch": old.epoch + 1}
            is_active, was = to is LifeState.ACTIVE, old.inactive_since
            values["inactive_since"] = None if is_active else at if was is None else seconds(was)
        connection.execute(update(seals).where(seals.c.record == old.record).values(values))
        if act is Act.ISSUE and old.renews is not None:
            self._end_renewed(connection, old.renews, by=by, now=now)
        return self._told(connection, old.record, act, by=by, now=now)

    def _end_renewed(
        self, connection: Connection, record: str, *, by: str, now: datetime | None
    ) -> None:
        """Cancel the seal whose successor is issued; its row is locked already."""
        old = find_record(connection, record)
        if old.state not in (LifeState.ACTIVE, LifeState.FROZEN):
            return
        person = person_mark(self._protector, by)
        values = {**_NOTHING_ASKED, "reason": RENEWED, "changed_by": person}
        self._write(connection, old, Act.CANCEL, values, by=by, now=now)

    def _told(
        self, connection: Connection, record: str, act: Act, *, by: str, now: datetime | None
    ) -> SealRecord:
        """Write the filing and, last, the entry in the audit log; give the record as it is now."""
        new = find_record(connection, record)
        if new.is_made and RULES[act].to is not None:
            unit = find_unit(connection, new.unit_code)
            if unit is None:
                raise refused("no-unit")
            write_filing(connection, new, unit, self.codes)
        details: dict[str, object] = {"state": str(new.state), "epoch": new.epoch}
        for name in ("fingerprint", "seal_code", "renews"):
            if getattr(new, name) is not None:
                details[name] = getattr(new, name)
        reason = new.asked_reason if RULES[act].asks else new.reason
        if reason:
            details["reason"] = reason
        self._audit.record(
            f"seal.{act}", actor=by, object_=record, details=details, now=now, connection=connection
        )
        return new

    def _check_content(self, record: SealRecord, body: Body, digest: bytes) -> None:
        """Refuse a record whose content in the store is not what was applied for."""
        now = self._digest(
            _application_of(self._named(record), body), record.applied_by, record.seal_code
        )
        if not same_content(now, digest):
            raise refused("changed")

    def _named(self, record: SealRecord) -> SealRecord:
        """Give a record with its name in clear, to make the seal of, never to keep or show."""
        return replace(record, name=record.open_name(self._protector))

    def _digest(
        self, application: Application, applicant: bytes, seal_code: str | None = None
    ) -> bytes:
        return content_digest(self._protector, application, applicant, seal_code=seal_code)


def _application_of(record: SealRecord, body: Body) -> Application:
    """Give what was applied for, as the store holds it now."""
    return Application(
        unit_code=record.unit_code,
        type=record.type,
        name=record.name,
        picture=body.picture,
        signers=body.signers,
        valid_from=record.valid_from,
        valid_until=record.valid_until,
        applicant_name="",
        renews=record.renews,
    )


def published_status(record: SealRecord, *, known_at: datetime) -> SealStatus | None:
    """Give what verifiers are told of a record; None where there is no seal yet."""
    if not record.is_made:
        return None
    reason = NOT_ISSUED if record.state is LifeState.MADE else record.reason
    since = record.inactive_since or record.since
    return SealStatus(PUBLISHED[record.state], since, known_at, reason)

"""Accounts of natural persons: one for each, found by any of their identifiers.

Names and identifiers are sealed; the database shows none of them. An identifier is found by its
HMAC, and the database holds to it that each stands in one account, between processes too. An
identifier that was only declared gives way to whoever proves it, so that nobody can block the
number of another; so does a mobile number, which telephone companies give out again (二次放号).
An identity number that was proven stays: a second account of one person is merged, not made.

Decisions: docs/decisions/people.md.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from msb_identity.errors import AccountRefused
from msb_identity.foundation.clock import aware
from msb_identity.people.identifiers import (
    MOBILE_DOMAIN,
    Identifier,
    IdentifierKind,
    check_mobile,
)
from msb_identity.people.levels import SELF, default_scale
from msb_identity.people.merging import merge_rows
from msb_identity.people.records import (
    Person,
    check_name,
    check_page,
    distinct,
    find_holder,
    insert_evidence,
    insert_identifier,
    mark_verified,
    name_place,
    new_id,
    open_people,
    remove_identifier,
    root_of,
)
from msb_identity.people.sentences import account_refused
from msb_identity.people.tables import MAX_METHOD_CHARS, identifiers, people
from msb_identity.sso.cutoffs import CutOffs
from msb_identity.sso.session_rows import end_sessions, sessions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store
    from msb_identity.people.levels import Scale

MAX_IDENTIFIERS = 20
_METHOD = re.compile(rf"(?=.{{1,{MAX_METHOD_CHARS}}}$)[a-z0-9]+(-[a-z0-9]+)*")


class Accounts:
    """The accounts of one store."""

    def __init__(
        self,
        store: Store,
        protector: Protector,
        *,
        audit: Audit | None = None,
        scale: Scale | None = None,
    ) -> None:
        """Use a store opened with `people.tables.metadata`; audit: where to record.

        scale: the platform's real-name levels; default the one that comes with the package.
        """
        self._store = store
        self._protector = protector
        self._audit = audit
        self.scale = default_scale() if scale is None else scale

    def register(
        self,
        *,
        name: str | None = None,
        identity_number: str | None = None,
        mobile: str | None = None,
        identifiers: Sequence[Identifier] = (),
        level: int | None = None,
        method: str = SELF,
        source: str = "",
        now: datetime | None = None,
    ) -> Person:
        """Make the account of a person whose identity was proofed by a method of the scale.

        identifiers: further ones; at least one of any kind is needed. name: none where nobody told
        it. level: a lower one than the method earns; none above it. What proves the person proves
        all identifiers but mobile numbers, which `link` takes with their own proof.
        source: the register or office that the method asked; never personal data.

        Raises IdentifierRefused for numbers that cannot be right, AccountRefused (`known`) where
        one of them has an account, and ValueError for a level that the method does not earn.
        """
        moment = aware(now)
        proof = self.scale.evidence(method, level=level, source=source, now=moment)
        given = distinct(identifiers, identity_number, mobile, now=moment)
        name = "" if name is None else check_name(name)
        person_id, verified = new_id(), method if proof.level > self.scale.lowest else None
        row = {"id": person_id, "name": self._protector.seal(name, name_place(person_id))}
        with self._writing(given) as connection:
            connection.execute(insert(people).values(row))
            held = [
                self.take(connection, one, person_id, _proves(verified, one), moment)
                for one in given
            ]
            insert_evidence(connection, proof, person_id=person_id, identifier=held[0])
            details = {"level": proof.level, "method": method, "source": source}
            self._record(connection, "registered", person_id, details=details, now=moment)
            return self.read(connection, person_id, moment)

    def find(self, identifier: Identifier, *, now: datetime | None = None) -> Person | None:
        """Find the person who holds an identifier."""
        moment = aware(now)
        with self._store.read() as connection:
            row = find_holder(connection, self._protector.indexes(connection), identifier)
            if row is None:
                return None
            return self.read(connection, row["person_id"], moment)

    def by_identity_number(self, number: str, *, now: datetime | None = None) -> Person | None:
        """Find a person by the number of 18 digits, or the old one of 15."""
        return self.find(Identifier.of(IdentifierKind.IDENTITY_NUMBER, number), now=now)

    def by_mobile(self, mobile: str, *, now: datetime | None = None) -> Person | None:
        """Find the person whom this mobile number signs in."""
        return self.find(Identifier.of(IdentifierKind.MOBILE, mobile), now=now)

    def get(self, person_id: str, *, now: datetime | None = None) -> Person | None:
        """Find a person by the account's id, or the id of one that was merged into it."""
        moment = aware(now)
        with self._store.read() as connection:
            root = root_of(connection, person_id)
            if root is None:
                return None
            return self.read(connection, root, moment)

    def page(
        self, *, after: str = "", limit: int = 100, now: datetime | None = None
    ) -> list[Person]:
        """Give accounts in the order of their ids, from the one after `after`; none is merged."""
        check_page(limit)
        query = select(people).where(people.c.id > after, people.c.merged_into.is_(None))
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(people.c.id).limit(limit)).mappings().all()
            return open_people(connection, self._protector, rows, scale=self.scale, now=aware(now))

    def ids_of(self, person_id: str) -> list[str]:
        """Give every id that stands for this account, its own first: logs and sessions name it."""
        with self._store.read() as connection:
            root = root_of(connection, person_id)
            merged = select(people.c.id).where(people.c.merged_into == root).order_by(people.c.id)
            return [] if root is None else [root, *connection.scalars(merged)]

    def link(
        self,
        person_id: str,
        identifier: Identifier,
        *,
        method: str | None = None,
        by: str | None = None,
        now: datetime | None = None,
    ) -> Person:
        """Give an account another identifier, or note that one it has was proven.

        method: how it was proven to be this person's, as "sms"; None: only declared. The level
        stays: what raises it is `Proofing`. by: who did it, as the log names people.
        Raises AccountRefused: `held-by-another` with the id of the account to merge with,
        `another-number`, `too-many-identifiers`, `not-of-people`, `no-account`.
        """
        moment = aware(now)
        if method is not None and not _METHOD.fullmatch(method):
            message = f"a method is a code of at most {MAX_METHOD_CHARS} of a-z, 0-9 and hyphen"
            raise ValueError(message)
        with self.changing(person_id, identifier) as (connection, root):
            self.take(connection, identifier, root, method, moment)
            details = {"kind": identifier.kind, "method": method or ""}
            self._record(connection, "linked", root, actor=by, details=details, now=moment)
            return self.read(connection, root, moment)

    def unlink(
        self,
        person_id: str,
        identifier: Identifier,
        *,
        by: str | None = None,
        now: datetime | None = None,
    ) -> Person:
        """Take an identifier from an account, with the evidence that was about it.

        Raises AccountRefused: `not-held`, `last-identifier`, `no-account`.
        """
        moment = aware(now)
        with self.changing(person_id, identifier) as (connection, root):
            row = find_holder(connection, self._protector.indexes(connection), identifier)
            if row is None or row["person_id"] != root:
                raise account_refused("not-held")
            if _count(connection, root) == 1:
                raise account_refused("last-identifier")
            remove_identifier(connection, row["id"])
            details = {"kind": identifier.kind}
            self._record(connection, "unlinked", root, actor=by, details=details, now=moment)
            return self.read(connection, root, moment)

    def merge(
        self,
        kept: str,
        dropped: str,
        *,
        by: str,
        method: str,
        now: datetime | None = None,
    ) -> Person:
        """Make two accounts of one person one; the dropped one's id stands for the kept one.

        All or nothing: identifiers, evidence, mandates and staff posts go over. Sessions of the
        dropped one end. method: how it was found out that they are one person, a code as in `link`.
        Done twice, the second time gives the same.
        Raises AccountRefused: `two-people` where both have a proven identity number, and they
        differ; `other-name` where the names differ and more than its owner's word speaks for the
        dropped one's; `merged-elsewhere`, `same-account`, `no-account`.
        """
        if not _METHOD.fullmatch(method):
            message = "method is a code, as counter"
            raise ValueError(message)
        moment = aware(now)
        with self._store.write() as connection:  # alone: whoever resolved an id goes on with it
            if kept != dropped and root_of(connection, dropped) == kept:
                return self.read(connection, kept, moment)
            pair = [
                self.read(connection, self._live(connection, one), moment)
                for one in (kept, dropped)
            ]
            merge_rows(connection, self._protector, *pair)
            details = {"method": method}
            self._record(
                connection, "merged", kept, actor=by, object_=dropped, details=details, now=moment
            )
            done = self.read(connection, kept, moment)
            theirs, cut_offs = sessions.c.subject == dropped, CutOffs(self._store)
            end_sessions(
                connection, theirs, cut_offs=cut_offs, audit=self._audit, by=by, now=moment
            )
            return done

    def holder_indexes(self, connection: Connection, identity_number: str) -> list[bytes]:
        """Give the blind indexes of an identity number: a person's licences are found by them."""
        identifier = Identifier.of(IdentifierKind.IDENTITY_NUMBER, identity_number)
        indexes = self._protector.indexes(connection)
        return indexes.all(identifier.domain, identifier.value)

    def mobile_index(self, mobile: str) -> bytes:
        """Give what stands for a mobile number where attempts are counted and codes are kept."""
        return self._protector.index(MOBILE_DOMAIN, check_mobile(mobile))

    @contextmanager
    def changing(self, person_id: str, *given: Identifier) -> Iterator[tuple[Connection, str]]:
        """Give a write transaction in which this account, and these identifiers, are ours alone.

        It comes with the id of the account that `person_id` stands for. For what changes an account
        together with something else; AccountRefused (`no-account`, `changed-meanwhile`).
        """
        with self._store.read() as connection:
            root = root_of(connection, person_id)
        if root is None:
            raise account_refused("no-account")
        with self._writing(given, f"account {root}") as connection:
            if root_of(connection, root) != root:
                raise account_refused("changed-meanwhile")
            yield connection, root

    @contextmanager
    def _writing(self, given: Sequence[Identifier], *locks: str) -> Iterator[Connection]:
        """Lock the identifiers by what never changes: constraints differ with index versions."""
        marks = [self._protector.index(one.domain, one.value).hex() for one in given]
        try:
            with self._store.write(locks=[*locks, *(f"person {mark}" for mark in marks)]) as one:
                yield one
        except AccountRefused as error:
            if locks or error.other is None:
                raise
            raise account_refused("known") from None
        except IntegrityError:
            raise account_refused("known") from None

    def take(
        self,
        connection: Connection,
        identifier: Identifier,
        person_id: str,
        method: str | None,
        now: datetime,
    ) -> str:
        """Give an account an identifier, in the transaction of `changing`; give its row's id.

        method, refusals: as `link`. It may have been another account's until now.
        """
        if identifier.kind is IdentifierKind.CREDIT_CODE:
            raise account_refused("not-of-people")
        if identifier.of_15_digits:  # without check character, and no card has shown one since 2013
            raise account_refused("old-number")
        row = find_holder(connection, self._protector.indexes(connection), identifier)
        if row is not None and row["person_id"] == person_id:
            if method is not None:
                mark_verified(connection, row["id"], method, now)
            return str(row["id"])
        if row is not None:
            again = identifier.kind is IdentifierKind.MOBILE
            if method is None or not (again or row["verified_method"] is None):
                raise account_refused("held-by-another", other=row["person_id"])
            self._displace(connection, row["id"], row["person_id"], identifier, now)
        self._make_room(connection, identifier, person_id, method, now)
        return insert_identifier(
            connection, self._protector, identifier, person_id=person_id, method=method, now=now
        )

    def _make_room(
        self,
        connection: Connection,
        identifier: Identifier,
        person_id: str,
        method: str | None,
        now: datetime,
    ) -> None:
        """Let no account have two identity numbers, or more identifiers than are looked through."""
        if _count(connection, person_id) >= MAX_IDENTIFIERS:
            raise account_refused("too-many-identifiers")
        if identifier.kept_as != IdentifierKind.IDENTITY_NUMBER:
            return
        others = select(identifiers).where(
            identifiers.c.person_id == person_id, identifiers.c.kind == identifier.kept_as
        )
        for row in connection.execute(others).all():
            if method is None or row.verified_method is not None:
                raise account_refused("another-number")
            self._displace(connection, row.id, person_id, identifier, now)

    def _displace(
        self,
        connection: Connection,
        row_id: str,
        person_id: str,
        identifier: Identifier,
        now: datetime,
    ) -> None:
        remove_identifier(connection, row_id)
        details = {"kind": identifier.kind}
        self._record(connection, "displaced", person_id, details=details, now=now)

    def _live(self, connection: Connection, person_id: str) -> str:
        root = root_of(connection, person_id)
        if root is None:
            raise account_refused("no-account")
        if root != person_id:
            raise account_refused("merged-elsewhere")
        return root

    def read(self, connection: Connection, person_id: str, now: datetime) -> Person:
        """Give an account, not a merged one's id, as the caller's transaction sees it."""
        rows = connection.execute(select(people).where(people.c.id == person_id)).mappings().all()
        (person,) = open_people(connection, self._protector, rows, scale=self.scale, now=now)
        return person

    def _record(self, connection: Connection, event: str, person_id: str, **more: Any) -> None:  # noqa: ANN401 - of Draft
        if self._audit is not None:
            name = f"person.{event}"
            self._audit.record(name, subject=person_id, connection=connection, **more)


def _proves(method: str | None, identifier: Identifier) -> str | None:
    return None if identifier.kind is IdentifierKind.MOBILE else method


def _count(connection: Connection, person_id: str) -> int:
    query = select(func.count()).where(identifiers.c.person_id == person_id)
    return connection.scalar(query) or 0

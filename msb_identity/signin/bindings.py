"""Which certificates sign in to which accounts (证书绑定).

A certificate is bound through a channel that the application answers for, and stands here as HMACs:
it is public, and names somebody. Every change is in the log of the accounts that it concerns.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, delete, insert, select

from msb_identity.envelopes import cbor
from msb_identity.errors import SignInRefused
from msb_identity.foundation.clock import aware, seconds
from msb_identity.foundation.schema import IDENTITY
from msb_identity.sso.sessions import SubjectKind

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store
    from msb_identity.signin.subjects import Subject
    from msb_identity.x509.certificate import Certificate

BINDING_DOMAIN = "certificate-binding"
MAX_BINDINGS = 50

metadata = IDENTITY.tables()
certificate_bindings = Table(
    "certificate_bindings",
    metadata,
    Column("id", LargeBinary(32), primary_key=True),
    Column("subject", String(26), nullable=False, index=True),
    Column("subject_kind", String(16), nullable=False),
    Column("bound_by", String(16), nullable=False),
    Column("bound_at", BigInteger, nullable=False),
)


class BoundBy(StrEnum):
    """What of a certificate stands for an account.

    CERTIFICATE: that very one, all its bytes: a renewed one is bound anew. Not its issuer's name
    and its number, which another CA below a trusted anchor could use as well. KEY: its public key:
    another certificate over the same key is as good, by whatever issuer is trusted.
    """

    CERTIFICATE = "certificate"
    KEY = "key"


class CertificateBindings:
    """Which certificates sign in to which accounts."""

    def __init__(self, store: Store, protector: Protector, *, audit: Audit | None = None) -> None:
        """Use a store opened with this module's `metadata`; audit: where to record.

        Certificates are public and name people: what is kept are HMACs of them.
        """
        self._store, self._protector, self._audit = store, protector, audit

    def bind(
        self,
        certificate: Certificate,
        subject: Subject,
        *,
        by: BoundBy = BoundBy.CERTIFICATE,
        actor: str | None = None,
        now: datetime | None = None,
    ) -> None:
        """Let a certificate sign in to an account, in place of another that it was bound to.

        actor: who binds it, for the log, where the other account then finds an entry too.
        SignInRefused (`too-many-certificates`) beyond MAX_BINDINGS for one account.
        """
        id_, moment = self._ids(certificate)[by], aware(now)
        row = {
            "id": id_,
            "subject": subject.id,
            "subject_kind": str(subject.kind),
            "bound_by": str(by),
            "bound_at": seconds(moment),
        }
        theirs = certificate_bindings.c.subject == subject.id
        with self._store.write(locks=_locks(subject, id_)) as connection:
            self._take_away(connection, [id_], actor, moment)
            bound = connection.execute(
                select(certificate_bindings.c.id).where(theirs).limit(MAX_BINDINGS)
            ).all()
            if len(bound) == MAX_BINDINGS:
                raise SignInRefused(*_TOO_MANY_BOUND)
            connection.execute(insert(certificate_bindings).values(row))
            self._record(connection, "bound", subject.id, by, actor=actor, now=moment)

    def unbind(
        self, certificate: Certificate, *, actor: str | None = None, now: datetime | None = None
    ) -> bool:
        """Forget a certificate and its key; whether either was bound. actor: as for `bind`."""
        ids = [*self._ids(certificate).values()]
        with self._store.write(locks=()) as connection:
            return self._take_away(connection, ids, actor, aware(now))

    def find(self, certificate: Certificate) -> tuple[SubjectKind, str] | None:
        """Give kind and id of the account that a certificate is bound to, itself before its key."""
        ids = self._ids(certificate)
        query = select(certificate_bindings).where(certificate_bindings.c.id.in_([*ids.values()]))
        with self._store.read() as connection:
            found = {row.id: row for row in connection.execute(query)}
        for by in BoundBy:
            if (row := found.get(ids[by])) is not None:
                return SubjectKind(row.subject_kind), row.subject
        return None

    def _take_away(
        self, connection: Connection, ids: list[bytes], actor: str | None, now: datetime
    ) -> bool:
        these = certificate_bindings.c.id.in_(ids)
        query = select(certificate_bindings).where(these).order_by(certificate_bindings.c.id)
        found = connection.execute(query.with_for_update()).all()
        connection.execute(delete(certificate_bindings).where(these))
        for row in found:
            by = BoundBy(row.bound_by)
            self._record(connection, "unbound", row.subject, by, actor=actor, now=now)
        return bool(found)

    def _record(
        self,
        connection: Connection,
        event: str,
        subject_id: str,
        by: BoundBy,
        *,
        actor: str | None,
        now: datetime,
    ) -> None:
        if self._audit is not None:
            self._audit.record(
                f"certificate.{event}",
                actor=actor,
                subject=subject_id,
                details={"by": str(by)},
                now=now,
                connection=connection,
            )

    def _ids(self, certificate: Certificate) -> dict[BoundBy, bytes]:
        named: dict[BoundBy, list[cbor.Value]] = {
            BoundBy.CERTIFICATE: ["certificate", sha256(certificate.encoded).digest()],
            BoundBy.KEY: ["key", certificate.key.spki],
        }
        return {
            by: self._protector.index(BINDING_DOMAIN, cbor.encode(value))
            for by, value in named.items()
        }


def _locks(subject: Subject, id_: bytes) -> tuple[str, str]:
    return f"certificates {subject.id}", f"certificate {id_.hex()}"


_TOO_MANY_BOUND = (
    "too-many-certificates",
    "该账号绑定的证书过多",
    "this account has too many certificates bound to it",
)

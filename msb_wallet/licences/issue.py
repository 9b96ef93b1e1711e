"""Issuing (签发): a row becomes a licence, once.

One call does the whole: check the row, make the identifier, take a place in the status list, sign
the compact credential, seal the body, write it all in one transaction. The same licence number of
the same type and issuer with the same content is the same licence again; with other content it is
refused. A killed batch therefore resumes by being run again.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import insert

from msb_identity.envelopes import cbor
from msb_identity.errors import (
    AlgorithmRefused,
    EncodingRefused,
    SignatureRefused,
    StoreError,
)
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import aware, seconds
from msb_identity.foundation.protect import Place, mask_name
from msb_identity.people.accounts import IDENTITY_NUMBER_DOMAIN
from msb_wallet.credentials.compact import (
    Credential,
    StatusReference,
    parse_credential,
    sign_credential,
)
from msb_wallet.errors import Fault, LicenceNotFound, LicenceRefused
from msb_wallet.licences.identifier import LicenceIdentifier
from msb_wallet.licences.model import Authority, Licence, licence_from_row
from msb_wallet.licences.rows import MAX_ROWS_A_TRANSACTION, NumberedRow
from msb_wallet.licences.status import StatusRegister, list_uri
from msb_wallet.licences.store import (
    StoredLicence,
    device_credentials,
    find_by_number,
    find_licence,
    licences,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store
    from msb_identity.pki.keys import SigningKey, VerifyingKey
    from msb_wallet.licences.types import LicenceType

FIRST_VERSION = 1
MAX_CODE_FIELDS_BYTES = 1_200  # with proof and audience still a QR code of level M
_NUMBER_DOMAIN = "licence-number"
_CONTENT_DOMAIN = "licence-content"
_STATUS_DOMAIN = "status-index"


@dataclass(frozen=True, slots=True)
class Issued:
    """A licence that now stands in the store; `new` is False where it did before."""

    identifier: LicenceIdentifier
    new: bool


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row of a file: issued, or every reason why not."""

    line: int
    issued: Issued | None
    faults: tuple[Fault, ...] = field(default=())


class Issuer:
    """Issues licences of one type for one authority into one store."""

    def __init__(
        self,
        store: Store,
        protector: Protector,
        *,
        type_: LicenceType,
        authority: Authority,
        key: SigningKey,
        status_prefix: str,
        audit: Audit | None = None,
    ) -> None:
        """Issue into this store.

        status_prefix: the URI, ending in a slash, under which the lists are published.
        audit: where each licence, and each change of its status, is recorded.
        """
        self._store, self._protector = store, protector
        self.type, self.authority = type_, authority
        self._key, self._status_prefix = key, status_prefix
        self.status = status_register(store, protector, audit=audit)
        self._audit = audit

    def issue(self, row: Mapping[str, str], *, now: datetime | None = None) -> Issued:
        """Issue one licence; LicenceRefused names every fault of the row."""
        moment = aware(now)
        licence = self._check(row, moment)
        with self._store.write() as connection:
            issued = self._issue(connection, licence, seconds(moment))
            self._record(connection, [(licence, issued)], moment)
            return issued

    def issue_rows(
        self, rows: Iterable[NumberedRow], *, now: datetime | None = None
    ) -> Iterator[RowResult]:
        """Issue row after row, giving one result each; faulty rows do not stop the others.

        Rows are committed in groups: what has been given back is on disk.
        """
        moment = aware(now)
        group: list[NumberedRow] = []
        for row in rows:
            group.append(row)
            if len(group) == MAX_ROWS_A_TRANSACTION:
                yield from self._issue_group(group, moment)
                group = []
        yield from self._issue_group(group, moment)

    def bind_device(
        self,
        identifier: LicenceIdentifier,
        device_key: VerifyingKey,
        *,
        now: datetime | None = None,
    ) -> bytes:
        """Sign the licence's credential for one device of its holder; the bytes go to that device.

        The caller has made sure that the device is the holder's (CardPack does).
        """
        moment, table = seconds(aware(now)), device_credentials
        with self._store.read() as connection:
            stored = find_licence(connection, identifier.short)
        if stored is None or stored.issuer_code != self.authority.code:
            message = "no such licence of this issuer"
            raise LicenceNotFound(message)
        credential = self._sign_for_device(self._own_credential(stored), device_key)
        with self._store.write(locks=(f"devices of {stored.identifier}",)) as connection:
            connection.execute(
                table.delete().where(
                    table.c.identifier == stored.identifier,
                    table.c.device_key == device_key.thumbprint,
                )
            )
            connection.execute(
                insert(table).values(
                    identifier=stored.identifier,
                    device_key=device_key.thumbprint,
                    credential=credential,
                    bound_at=moment,
                )
            )
        return credential

    def _own_credential(self, stored: StoredLicence) -> Credential:
        """Give the stored credential, if it is this licence's and this issuer's own signature.

        Whoever can write the database must not be able to have other content signed again.
        """
        try:
            credential = parse_credential(stored.credential)
            credential.envelope.verify(self._key.public)
        except (EncodingRefused, SignatureRefused, AlgorithmRefused, TypeError) as error:
            message = "the stored credential is not this issuer's: it was changed, or the key was"
            raise StoreError(message) from error
        if credential.identifier.short != stored.identifier:
            message = "the stored credential is of another licence"
            raise StoreError(message)
        return credential

    def _sign_for_device(self, printed: Credential, device_key: VerifyingKey) -> bytes:
        return sign_credential(
            identifier=printed.identifier,
            issued_at=seconds(printed.issued_at),
            not_before=seconds(printed.not_before),
            expires=seconds(printed.expires_at),
            status=printed.status,
            fields=printed.fields,
            key=self._key,
            holder_key=device_key,
        )

    def _check(self, row: Mapping[str, str], now: datetime) -> Licence:
        licence = licence_from_row(row, type_=self.type, authority=self.authority, now=now)
        fields: cbor.Value = dict(code_fields(licence).items())
        if len(cbor.encode(fields)) > MAX_CODE_FIELDS_BYTES:
            zh, en = "随码展示的内容过多", "more text than a code can carry"
            raise LicenceRefused([Fault("*", "too-much-for-code", zh, en)])
        return licence

    def _issue_group(self, group: list[NumberedRow], now: datetime) -> list[RowResult]:
        """Check a group outside the transaction, then write it in one."""
        checked: list[tuple[int, Licence | tuple[Fault, ...]]] = []
        for row in group:
            if row.faults:
                checked.append((row.line, row.faults))
                continue
            try:
                checked.append((row.line, self._check(row.cells, now)))
            except LicenceRefused as refusal:
                checked.append((row.line, refusal.faults))
        results = []
        made: list[tuple[Licence, Issued]] = []
        with self._store.write() as connection:
            for line, item in checked:
                if not isinstance(item, Licence):
                    results.append(RowResult(line, None, item))
                    continue
                try:
                    issued = self._issue(connection, item, seconds(now))
                    results.append(RowResult(line, issued))
                    made.append((item, issued))
                except LicenceRefused as refusal:
                    results.append(RowResult(line, None, refusal.faults))
            self._record(connection, made, now)
        return results

    def _record(
        self, connection: Connection, made: list[tuple[Licence, Issued]], now: datetime
    ) -> None:
        """Record the new ones last in their transaction, one entry each."""
        if self._audit is None:
            return
        from msb_identity.foundation.audit import Draft

        drafts = [
            Draft(
                event="licence.issued",
                actor=self.authority.code,
                subject=licence.holder_code,
                object_=issued.identifier.short,
                now=now,
            )
            for licence, issued in made
            if issued.new
        ]
        self._audit.record_many(drafts, connection=connection)

    def _issue(self, connection: Connection, licence: Licence, now: int) -> Issued:
        body = strict_json.dump(licence.elements())
        # Over the row's own content: a renamed authority does not make an old row another one.
        content = strict_json.dump(licence.own_elements())
        digest = self._protector.index(_CONTENT_DOMAIN, content)
        number_index = self._protector.index(_NUMBER_DOMAIN, licence.number)
        existing = find_by_number(
            connection,
            issuer_code=self.authority.code,
            type_code=self.type.code,
            number_index=number_index,
            version=FIRST_VERSION,
        )
        if existing is not None:
            return _same(existing, digest)
        identifier = LicenceIdentifier.new(self.type.code, self.authority.code)
        place = self.status.allocate(connection, self.authority.code)
        holder_index = self._protector.index(IDENTITY_NUMBER_DOMAIN, licence.holder_code)
        connection.execute(
            insert(licences).values(
                identifier=identifier.short,
                type_code=self.type.code,
                issuer_code=self.authority.code,
                version=identifier.version,
                number_index=number_index,
                holder_index=holder_index,
                body=self._protector.seal(body, body_place(identifier)),
                content_digest=digest,
                credential=self._sign(licence, identifier, place, now),
                issued_at=now,
            )
        )
        self.status.record(
            connection, identifier.short, issuer_code=self.authority.code, place=place, at=now
        )
        return Issued(identifier, new=True)

    def _sign(
        self, licence: Licence, identifier: LicenceIdentifier, place: tuple[int, int], now: int
    ) -> bytes:
        return sign_credential(
            identifier=identifier,
            issued_at=now,
            not_before=licence.not_before,
            expires=licence.expires,
            status=StatusReference(list_uri(self._status_prefix, place[0]), place[1]),
            fields=code_fields(licence),
            key=self._key,
        )


def code_fields(licence: Licence) -> dict[str, str]:
    """Give the few fields that a code carries: type name, masked holder, those the type marks."""
    marked = [item.key for item in licence.type.fields if item.in_code]
    chosen = {key: licence.extensions[key] for key in marked if key in licence.extensions}
    return {"ZZMC": licence.type.name, "CZZT": mask_name(licence.holder_name), **chosen}


def status_register(
    store: Store, protector: Protector, *, audit: Audit | None = None
) -> StatusRegister:
    """Give the register of a store, with the key that scatters its places."""
    key = protector.derived_key(_STATUS_DOMAIN)
    return StatusRegister(store, permutation_key=key, audit=audit)


def body_place(identifier: LicenceIdentifier) -> Place:
    """Where a licence's sealed body stands."""
    return Place("licences", "body", identifier.short)


def _same(existing: StoredLicence, digest: bytes) -> Issued:
    if not hmac.compare_digest(existing.content_digest, digest):
        fault = Fault(
            "ZZBH",
            "number-taken",
            "该证照编号已签发，且内容不同",
            "this licence number was issued before with other content",
        )
        raise LicenceRefused([fault])
    return Issued(LicenceIdentifier.parse(existing.identifier), new=False)

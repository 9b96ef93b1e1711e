"""Issuing (签发): a row becomes a licence, once.

One call does the whole: check the row, make the identifier, take a place in the status list, sign
the compact credential, seal the body, write it all in one transaction. The same licence number of
the same type and issuer with the same content is the same licence again; with other content it is
refused. A killed batch therefore resumes by being run again.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from msb_identity.envelopes import cbor
from msb_identity.errors import (
    AlgorithmRefused,
    EncodingRefused,
    SignatureRefused,
    StoreError,
)
from msb_identity.foundation import audit, strict_json
from msb_identity.foundation.clock import aware, seconds
from msb_identity.foundation.protect import Place, mask_name
from msb_identity.foundation.rotation import SealedTable
from msb_identity.people.identifiers import IDENTITY_NUMBER_DOMAIN
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
    find_by_numbers,
    find_licence,
    licences,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import Indexes, Protector
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


@dataclass(frozen=True, slots=True)
class _Draft:
    """A licence signed and sealed, to be written."""

    licence: Licence
    identifier: LicenceIdentifier
    place: tuple[int, int]
    row: dict[str, Any]


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
        [result] = self._issue_all([self._check(row, moment)], moment)
        if isinstance(result, LicenceRefused):
            raise result
        return result

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
        """Give each row its result: its faults, or what became of the licence it is."""
        results: list[RowResult] = []
        checked: list[tuple[int, Licence]] = []  # place among the results
        for row in group:
            faults = row.faults
            if not faults:
                try:
                    checked.append((len(results), self._check(row.cells, now)))
                except LicenceRefused as refusal:
                    faults = refusal.faults
            results.append(RowResult(row.line, None, faults))
        issued = self._issue_all([licence for _, licence in checked], now)
        for (position, _), result in zip(checked, issued, strict=True):
            line = results[position].line
            if isinstance(result, LicenceRefused):
                results[position] = RowResult(line, None, result.faults)
            else:
                results[position] = RowResult(line, result)
        return results

    def _issue_all(self, group: list[Licence], now: datetime) -> list[Issued | LicenceRefused]:
        """Issue licences together: places by one step, signatures with nothing locked, one write.

        A place that was taken and then not needed stays empty; a status list has room for that.
        """
        with self._store.read() as connection:
            known = self._known(connection, self._protector.indexes(connection), group)
        new: dict[str, Licence] = {}
        for licence in group:
            if licence.number not in known:
                new.setdefault(licence.number, licence)
        if not new:
            return self._results(group, known, {})
        places = self.status.take(self.authority.code, len(new))
        drafts = {
            number: self._draft(licence, place, seconds(now))
            for (number, licence), place in zip(new.items(), places, strict=True)
        }
        with self._store.write(locks=(f"issue {self.authority.code}",)) as connection:
            indexes = self._protector.indexes(connection)
            known |= self._known(connection, indexes, list(new.values()))  # meanwhile
            written = [draft for number, draft in drafts.items() if number not in known]
            self._insert(connection, written, indexes, now)
        return self._results(group, known, {draft.licence.number: draft for draft in written})

    def _known(
        self, connection: Connection, indexes: Indexes, group: list[Licence]
    ) -> dict[str, StoredLicence]:
        """Give those licences, by number, that stand in the store."""
        number_of = {
            index: licence.number
            for licence in group
            for index in indexes.all(_NUMBER_DOMAIN, licence.number)
        }
        found = find_by_numbers(
            connection,
            list(number_of),
            issuer_code=self.authority.code,
            type_code=self.type.code,
            version=FIRST_VERSION,
        )
        return {number_of[index]: stored for index, stored in found.items()}

    def _draft(self, licence: Licence, place: tuple[int, int], now: int) -> _Draft:
        """Sign and seal a licence."""
        identifier = LicenceIdentifier.new(self.type.code, self.authority.code)
        body = strict_json.dump(licence.elements())
        row = {
            "identifier": identifier.short,
            "type_code": self.type.code,
            "issuer_code": self.authority.code,
            "version": identifier.version,
            "body": self._protector.seal(body, body_place(identifier)),
            "content_digest": self._digest(licence),
            "credential": self._sign(licence, identifier, place, now),
            "issued_at": now,
        }
        return _Draft(licence, identifier, place, row)

    def _digest(self, licence: Licence) -> bytes:
        # Over the row's own content: a renamed authority does not make an old row another one.
        return self._protector.index(_CONTENT_DOMAIN, strict_json.dump(licence.own_elements()))

    def _insert(
        self, connection: Connection, drafts: list[_Draft], indexes: Indexes, now: datetime
    ) -> None:
        """Write new licences, their first states, and last their entries in the audit log."""
        if not drafts:
            return
        rows = [
            {
                **draft.row,
                "number_index": indexes.new(_NUMBER_DOMAIN, draft.licence.number),
                "holder_index": indexes.new(IDENTITY_NUMBER_DOMAIN, draft.licence.holder_code),
                "index_version": indexes.version,
            }
            for draft in drafts
        ]
        connection.execute(insert(licences), rows)
        self.status.record(
            connection,
            {draft.identifier.short: draft.place for draft in drafts},
            issuer_code=self.authority.code,
            at=seconds(now),
        )
        if self._audit is not None:
            entries = [
                audit.Draft(
                    event="licence.issued",
                    actor=self.authority.code,
                    subject=draft.licence.holder_code,
                    object_=draft.identifier.short,
                    now=now,
                )
                for draft in drafts
            ]
            self._audit.record_many(entries, connection=connection)

    def _results(
        self, group: list[Licence], known: Mapping[str, StoredLicence], new: Mapping[str, _Draft]
    ) -> list[Issued | LicenceRefused]:
        """Say of each licence whether it is new, there already, or its number another's."""
        results: list[Issued | LicenceRefused] = []
        for licence in group:
            draft = new.get(licence.number)
            if draft is not None and draft.licence is licence:
                results.append(Issued(draft.identifier, new=True))
                continue
            if draft is not None:
                identifier, digest = draft.identifier, draft.row["content_digest"]
            else:
                stored = known[licence.number]
                identifier = LicenceIdentifier.parse(stored.identifier)
                digest = stored.content_digest
            same = hmac.compare_digest(digest, self._digest(licence))
            results.append(Issued(identifier, new=False) if same else _number_taken())
        return results

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


def _number_taken() -> LicenceRefused:
    zh = "该证照编号已签发，且内容不同"
    en = "this licence number was issued before with other content"
    return LicenceRefused([Fault("ZZBH", "number-taken", zh, en)])


def _indexes_of(values: Mapping[str, bytes], indexes: Indexes) -> dict[str, bytes]:
    elements = strict_json.load_object(values["body"])
    return {
        "number_index": indexes.new(_NUMBER_DOMAIN, elements["ZZBH"]),
        "holder_index": indexes.new(IDENTITY_NUMBER_DOMAIN, elements["CZZTDM"]),
    }


SEALED = SealedTable(licences, ("body",), index=_indexes_of)
"""What `foundation.rotation` needs to know of the licences."""

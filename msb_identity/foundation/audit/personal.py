"""The personal part of an entry: sealed under its subject's key, and gone once that is erased.

Sealed part: version 1 (1 byte) ‖ key id (16) ‖ nonce (12) ‖ AES-256-GCM ciphertext and tag; the
associated data names writer and sequence, so that it opens in its own entry only. A subject's key
is random and lies wrapped in the store; erasing it leaves the bytes, which the chain covers, and
takes away what they say (crypto-shredding).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import insert, select, update

from msb_identity.envelopes import cbor
from msb_identity.errors import ProtectionError
from msb_identity.foundation import strict_json
from msb_identity.foundation.audit.tables import subject_keys
from msb_identity.foundation.protect import Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from msb_identity.foundation.audit.entry import Entry
    from msb_identity.foundation.protect import Protector

SUBJECT_DOMAIN = "audit-subject"
_VERSION = b"\x01"
_ID_BYTES, _KEY_BYTES, _NONCE_BYTES = 16, 32, 12
_NONCE_AT = 1 + _ID_BYTES
_SEALED_AT = _NONCE_AT + _NONCE_BYTES


class PersonalState(StrEnum):
    """What became of an entry's personal part."""

    NONE = "none"
    OPEN = "open"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class PersonalPart:
    """The personal part of an entry, opened, if it has one that has not been erased."""

    state: PersonalState
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)


def subject_indexes(protector: Protector, names: Sequence[str]) -> list[bytes]:
    """Give every HMAC under which entries may name this person."""
    return [protector.index(SUBJECT_DOMAIN, name) for name in names]


def seal_personal(
    connection: Connection,
    protector: Protector,
    plain: bytes,
    *,
    subject: bytes,
    writer: str,
    sequence: int,
) -> bytes:
    """Seal a personal part for its entry, under the subject's key, made if there is none."""
    key_id, key = _subject_key(connection, protector, subject)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    place = _associated_data(key_id, writer, sequence)
    return _VERSION + key_id + nonce + AESGCM(key).encrypt(nonce, plain, place)


def open_personal(connection: Connection, protector: Protector, entry: Entry) -> PersonalPart:
    """Open an entry's personal part; ProtectionError where its bytes are not as they were."""
    sealed = entry.sealed
    if sealed is None:
        return PersonalPart(PersonalState.NONE)
    key_id, nonce = sealed[1:_NONCE_AT], sealed[_NONCE_AT:_SEALED_AT]
    query = select(subject_keys.c.wrapped).where(subject_keys.c.id == key_id)
    row = connection.execute(query).first()
    if sealed[:1] != _VERSION or row is None:
        message = "not the sealed personal part of an audit entry"
        raise ProtectionError(message)
    if row.wrapped is None:
        return PersonalPart(PersonalState.ERASED)
    key = protector.open(row.wrapped, _key_place(key_id))
    try:
        place = _associated_data(key_id, entry.writer, entry.sequence)
        plain = AESGCM(key).decrypt(nonce, sealed[_SEALED_AT:], place)
    except (InvalidTag, ValueError) as error:
        message = "the personal part of an audit entry does not open in its place"
        raise ProtectionError(message) from error
    return PersonalPart(PersonalState.OPEN, strict_json.load_object(plain))


def erase_keys(connection: Connection, subjects: Sequence[bytes], *, at: int) -> int:
    """Erase these subjects' keys and give how many there were."""
    if connection.dialect.name == "sqlite":
        # Else the key would stay readable in the free space of its page.
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    result = connection.execute(
        update(subject_keys)
        .where(subject_keys.c.subject.in_(subjects), subject_keys.c.wrapped.is_not(None))
        .values(wrapped=None, erased_at=at)
    )
    return result.rowcount


def _subject_key(
    connection: Connection, protector: Protector, subject: bytes
) -> tuple[bytes, bytes]:
    """Give a key of this subject with its id.

    Two processes may each make one at the same moment: both work, and both are erased together.
    """
    live = select(subject_keys.c.id, subject_keys.c.wrapped).where(
        subject_keys.c.subject == subject, subject_keys.c.wrapped.is_not(None)
    )
    row = connection.execute(live.limit(1)).first()
    if row is not None:
        return row.id, protector.open(row.wrapped, _key_place(row.id))
    key_id, key = secrets.token_bytes(_ID_BYTES), secrets.token_bytes(_KEY_BYTES)
    wrapped = protector.seal(key, _key_place(key_id))
    connection.execute(
        insert(subject_keys).values(id=key_id, subject=subject, wrapped=wrapped, erased_at=None)
    )
    return key_id, key


def _key_place(key_id: bytes) -> Place:
    return Place("audit_subject_keys", "wrapped", key_id.hex())


def _associated_data(key_id: bytes, writer: str, sequence: int) -> bytes:
    return cbor.encode(["MSB-audit-personal-1", key_id, writer, sequence])

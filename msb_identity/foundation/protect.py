"""Personal data at rest: sealed fields, blind indexes, and masks for display.

A field is sealed under a data key; the data key lies in the store, wrapped under a key-encryption
key that lies outside it. The associated data names table, column and row, so that a value moved
elsewhere does not open. A blind index is an HMAC under a key outside the store, one key per domain:
identity numbers are few enough to guess, so that key is as secret as the data.

Every key can be replaced while in use; how, says `foundation.rotation`. What is made new follows
the profile; what there is opens under either.

Envelope of a field: version (1 byte: 1 AES-256-GCM, 2 SM4-GCM) ‖ data key number (4) ‖ nonce (12) ‖
ciphertext and tag. A data key seals at most 2^32 values (NIST SP 800-38D section 8.3).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    String,
    Table,
    func,
    insert,
    select,
    text,
    update,
)

from msb_identity.envelopes import cbor
from msb_identity.errors import ProtectionError
from msb_identity.foundation.ciphers import (
    AES_256_GCM,
    FIELD_CIPHER_OF,
    FIELD_CIPHERS,
    HMAC_SHA256,
    HMAC_SM3,
    INDEX_HASH_OF,
    INDEX_HASHES,
    Aead,
    FieldCipher,
    open_with,
    seal_with,
)
from msb_identity.foundation.files import secret_file, write_private_once
from msb_identity.foundation.profile import Profile
from msb_identity.foundation.schema import IDENTITY
from msb_identity.foundation.secret_ring import FIRST, SecretRing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy import Connection

    from msb_identity.foundation.store import Store

ENCRYPTION_FILE, INDEX_FILE, MARKS_FILE = "encryption.key", "index.key", "marks.key"
_HEAD_BYTES = 1 + 4
_LAST_KEY = 2**31 - 1  # an SQL integer

metadata = IDENTITY.tables()
data_keys = Table(
    "data_keys",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("algorithm", String(16), nullable=False, server_default=text("'AES-256-GCM'")),
    Column("wrapped_with", String(16), nullable=False, server_default=text("'AES-256-GCM'")),
    Column("wrapping_key", Integer, nullable=False, server_default=text("1")),
)
index_versions = Table(
    "index_versions",  # those under which rows may stand; the newest is written
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("algorithm", String(16), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value stands; it opens there and nowhere else."""

    table: str
    column: str
    row: str

    def associated_data(self) -> bytes:
        """Give the bytes that bind a value to its place."""
        return cbor.encode(["MSB-field-1", self.table, self.column, self.row])


@dataclass(frozen=True, slots=True)
class Indexes:
    """Blind indexes as they are at one moment: under every version that rows may stand under.

    There is one version, except while indexes are being rebuilt under a new key.
    """

    version: int
    _keys: _DomainKeys
    _live: Mapping[int, str]

    def new(self, domain: str, value: str) -> bytes:
        """Give the index that a row is written with, together with `version`."""
        return self._keys.hmac(self.version, self._live[self.version], domain, value)

    def all(self, domain: str, value: str) -> list[bytes]:
        """Give every index that this value may stand under, the newest first."""
        return [
            self._keys.hmac(version, algorithm, domain, value)
            for version, algorithm in sorted(self._live.items(), reverse=True)
        ]

    @property
    def several(self) -> bool:
        """Whether equal values may stand under different indexes, so that no constraint helps."""
        return len(self._live) > 1


class Protector:
    """Seals, opens and indexes the personal fields of one store."""

    def __init__(
        self,
        store: Store,
        *,
        encryption_key: bytes | SecretRing,
        index_key: bytes | SecretRing,
        mark_key: bytes | None = None,
        profile: Profile = Profile.INTERNATIONAL,
    ) -> None:
        """Take the secrets, of 32 bytes each, and the store that keeps the wrapped data keys.

        mark_key: the secret of `index` and `derived_key`; default the first index key.
        profile: what new data keys and new versions of indexes are made with.
        """
        self.encryption_ring, self.index_ring = _ring(encryption_key), _ring(index_key)
        self.profile = profile
        first = self.index_ring.versions[0]
        mark = _ring(mark_key) if mark_key is not None else _ring(self.index_ring.get(first))
        self._marks, self._index_keys = _DomainKeys(mark), _DomainKeys(self.index_ring)
        self._store = store
        self._data_keys: dict[int, tuple[FieldCipher, Aead]] = {}
        self._current = self._newest_key() or self._make_keys()
        self._data_key(self._current)

    @classmethod
    def from_folder(
        cls, store: Store, folder: Path, *, profile: Profile = Profile.INTERNATIONAL
    ) -> Protector:
        """Use the key files of a data folder (mode 0600), making them for a new store only.

        A store that was made with keys is never given others: with another index key everything
        that is looked up would be missing, and rows would be issued again.
        """
        with store.read() as connection:
            in_use = connection.execute(select(data_keys.c.number).limit(1)).first() is not None
            marked = connection.execute(select(index_versions).limit(1)).first() is not None
        files = (ENCRYPTION_FILE, INDEX_FILE, *([MARKS_FILE] if marked else []))
        for name in files:
            if in_use and not (folder / name).exists():
                message = f"{name} is missing, and this store was made with it: restore it"
                raise ProtectionError(message)
        index_ring = SecretRing.open(folder / INDEX_FILE)
        if in_use and not (folder / MARKS_FILE).exists():
            # A store of the time when one key did both: marks must stay what they are.
            write_private_once(folder / MARKS_FILE, index_ring.get(FIRST))
        return cls(
            store,
            encryption_key=SecretRing.open(folder / ENCRYPTION_FILE),
            index_key=index_ring,
            mark_key=secret_file(folder / MARKS_FILE),
            profile=profile,
        )

    def seal(self, value: str | bytes, place: Place) -> bytes:
        """Encrypt a value for its place."""
        plain = value.encode() if isinstance(value, str) else value
        number = self._current
        cipher, aead = self._data_keys[number]
        head = bytes((cipher.version,)) + number.to_bytes(4, "big")
        return head + seal_with(aead, plain, head + place.associated_data())

    def open(self, sealed: bytes, place: Place) -> bytes:
        """Decrypt a value where it stands; ProtectionError if anything is not as it was sealed."""
        head = sealed[:_HEAD_BYTES]
        if len(head) == _HEAD_BYTES:
            cipher, aead = self._data_key(int.from_bytes(head[1:], "big"))
            if head[0] == cipher.version:
                try:
                    data = head + place.associated_data()
                    return open_with(aead, sealed[_HEAD_BYTES:], data)
                except InvalidTag as error:
                    message = f"a field of {place.table}.{place.column} does not open in its place"
                    raise ProtectionError(message) from error
        message = f"not a sealed field in {place.table}.{place.column}"
        raise ProtectionError(message)

    def open_text(self, sealed: bytes, place: Place) -> str:
        """Decrypt a text."""
        return self.open(sealed, place).decode()

    def is_current(self, sealed: bytes) -> bool:
        """Whether a sealed value is under the newest data key."""
        return sealed[1:_HEAD_BYTES] == self._current.to_bytes(4, "big")

    def index(self, domain: str, value: str | bytes) -> bytes:
        """Give an HMAC that stays the same for the store's life: 32 bytes for each value.

        For what is short-lived or can never be changed: counters, codes, entries of a log. What
        people are looked up by stands under `indexes`, whose key can be replaced.
        """
        return self._marks.hmac(FIRST, HMAC_SHA256.name, domain, value)

    def derived_key(self, domain: str) -> bytes:
        """Give the 32-byte key of one domain of `index`, for keyed uses other than an index too."""
        return self._marks.key(FIRST, HMAC_SHA256.name, domain)

    def indexes(self, connection: Connection) -> Indexes:
        """Give the blind indexes as this transaction sees them; ask again in the next one."""
        rows = connection.execute(select(index_versions.c.version, index_versions.c.algorithm))
        live = {row.version: row.algorithm for row in rows}
        if not live:
            message = "the store does not say which version its indexes are"
            raise ProtectionError(message)
        return Indexes(max(live), self._index_keys, live)

    def rotate(self) -> int:
        """Make a new data key, which seals from now on, and give its number.

        Values under older keys stay readable; `rotation.reseal` brings them under the new one.
        Other processes use it when they next start, or meet a value that is under it.
        """
        with self._store.write() as connection:
            self._current = self._add_data_key(connection)
        self._data_key(self._current)
        return self._current

    def rewrap(self) -> int:
        """Wrap every data key under the newest key-encryption key, and give how many were not.

        The older one may be dropped (`encryption_ring.drop`) when this returned.
        """
        changed = 0
        cipher, version = FIELD_CIPHER_OF[self.profile], self.encryption_ring.newest
        with self._store.write() as connection:
            for row in connection.execute(select(data_keys)).all():
                if (row.wrapped_with, row.wrapping_key) == (cipher.name, version):
                    continue
                key = self._unwrap(row.number, row.wrapped, row.wrapped_with, row.wrapping_key)
                values = self._wrap(row.number, key)
                this = data_keys.c.number == row.number
                connection.execute(update(data_keys).where(this).values(values))
                changed += 1
        return changed

    def _newest_key(self) -> int | None:
        algorithm = FIELD_CIPHER_OF[self.profile].name
        with self._store.read() as connection:
            if connection.execute(select(index_versions).limit(1)).first() is None:
                return None
            query = select(func.max(data_keys.c.number)).where(data_keys.c.algorithm == algorithm)
            newest: int | None = connection.scalar(query)
        return newest

    def _make_keys(self) -> int:
        """Make what the store lacks; another process may be doing the same."""
        with self._store.write() as connection:
            algorithm = FIELD_CIPHER_OF[self.profile].name
            mine = data_keys.c.algorithm == algorithm
            newest: int | None = connection.scalar(select(func.max(data_keys.c.number)).where(mine))
            if connection.execute(select(index_versions).limit(1)).first() is None:
                # Rows of a store that had no versions stand under the first, by HMAC-SHA256.
                early = connection.execute(select(data_keys.c.number).limit(1)).first() is not None
                version = FIRST if early else self.index_ring.newest
                hash_ = HMAC_SHA256 if early else INDEX_HASH_OF[self.profile]
                row = {"version": version, "algorithm": hash_.name}
                connection.execute(insert(index_versions).values(row))
            return newest or self._add_data_key(connection)

    def _add_data_key(self, connection: Connection) -> int:
        cipher = FIELD_CIPHER_OF[self.profile]
        number: int = (connection.scalar(select(func.max(data_keys.c.number))) or 0) + 1
        values = self._wrap(number, secrets.token_bytes(cipher.key_bytes))
        row = {"number": number, "algorithm": cipher.name, **values}
        connection.execute(insert(data_keys).values(row))
        return number

    def _data_key(self, number: int) -> tuple[FieldCipher, Aead]:
        if number in self._data_keys:
            return self._data_keys[number]
        row = None
        if number <= _LAST_KEY:
            with self._store.read() as connection:
                query = select(data_keys).where(data_keys.c.number == number)
                row = connection.execute(query).first()
        cipher = FIELD_CIPHERS.get(row.algorithm) if row is not None else None
        if row is None or cipher is None:
            message = f"the store has no data key {number}"
            raise ProtectionError(message)
        key = self._unwrap(number, row.wrapped, row.wrapped_with, row.wrapping_key)
        if len(key) != cipher.key_bytes:
            message = f"data key {number} is not one of {cipher.name}"
            raise ProtectionError(message)
        self._data_keys[number] = (cipher, cipher.aead(key))
        if cipher is FIELD_CIPHER_OF[self.profile]:
            self._current = max(self._current, number)
        return self._data_keys[number]

    def _wrap(self, number: int, key: bytes) -> dict[str, bytes | str | int]:
        cipher, version = FIELD_CIPHER_OF[self.profile], self.encryption_ring.newest
        wrapped = seal_with(self._wrapper(cipher, version), key, _wrap_data(number))
        return {"wrapped": wrapped, "wrapped_with": cipher.name, "wrapping_key": version}

    def _unwrap(self, number: int, wrapped: bytes, wrapped_with: str, version: int) -> bytes:
        try:
            wrapper = self._wrapper(FIELD_CIPHERS[wrapped_with], version)
            return open_with(wrapper, wrapped, _wrap_data(number))
        except (InvalidTag, KeyError) as error:
            message = f"data key {number} does not open with this encryption key"
            raise ProtectionError(message) from error

    def _wrapper(self, cipher: FieldCipher, version: int) -> Aead:
        secret = self.encryption_ring.get(version)
        if cipher is not AES_256_GCM:
            secret = HMAC_SM3.derive(secret, b"MSB-wrap-1 " + cipher.name.encode(), size=16)
        return cipher.aead(secret)


class _DomainKeys:
    """Keys of HMACs, one for each version, algorithm and domain."""

    def __init__(self, ring: SecretRing) -> None:
        self._ring = ring
        self._keys: dict[tuple[int, str, str], bytes] = {}

    def key(self, version: int, algorithm: str, domain: str) -> bytes:
        name = (version, algorithm, domain)
        if name not in self._keys:
            if algorithm not in INDEX_HASHES:
                message = f"no blind index by {algorithm} here"
                raise ProtectionError(message)
            info = b"MSB-index-1 " + domain.encode()
            self._keys[name] = INDEX_HASHES[algorithm].derive(self._ring.get(version), info)
        return self._keys[name]

    def hmac(self, version: int, algorithm: str, domain: str, value: str | bytes) -> bytes:
        raw = value.encode() if isinstance(value, str) else value
        key = self.key(version, algorithm, domain)
        return INDEX_HASHES[algorithm].hmac(key, raw)


def _ring(secret: bytes | SecretRing) -> SecretRing:
    return secret if isinstance(secret, SecretRing) else SecretRing({FIRST: secret})


def _wrap_data(number: int) -> bytes:
    return b"MSB-data-key-1" + number.to_bytes(4, "big")


def mask_name(name: str) -> str:
    """Mask a person's name for display: 张三 as 张*, 张小三 as 张*三."""
    if len(name) <= 1:
        return "*" * len(name)
    last = name[-1] if len(name) > 2 else ""  # noqa: PLR2004 - of two characters one is shown
    return name[0] + "*" * (len(name) - 1 - len(last)) + last


def mask_number(number: str) -> str:
    """Mask an identity number or another long code: first six and last four stay."""
    if len(number) <= 10:  # noqa: PLR2004 - nothing would be hidden
        return "*" * len(number)
    return number[:6] + "*" * (len(number) - 10) + number[-4:]


def mask_phone(phone: str) -> str:
    """Mask a mobile number: 138****8000."""
    hidden = len(phone) - 7
    return phone[:3] + "*" * hidden + phone[-4:] if hidden > 0 else "*" * len(phone)

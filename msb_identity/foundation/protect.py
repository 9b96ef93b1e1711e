"""Personal data at rest: sealed fields, blind indexes, and masks for display.

A field is AES-256-GCM under a data key; the data key lies in the store, wrapped under a
key-encryption key that lies outside it. The associated data names table, column and row, so that a
value moved elsewhere does not open. A blind index is an HMAC under a key outside the store, one key
per domain: identity numbers are few enough to guess, so that key is as secret as the data.

Envelope of a field: version 1 (1 byte) ‖ data key number (4) ‖ nonce (12) ‖ ciphertext and tag.
Sources: NIST SP 800-38D; RFC 5869 (HKDF); RFC 2104 (HMAC).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Column, Integer, LargeBinary, String, Table, func, insert, select, text

from msb_identity.envelopes import cbor
from msb_identity.errors import ProtectionError
from msb_identity.foundation.files import secret_file
from msb_identity.foundation.schema import IDENTITY

if TYPE_CHECKING:
    from pathlib import Path

    from msb_identity.foundation.store import Store

KEY_BYTES = 32
_VERSION = 1
_NONCE_BYTES = 12
_HEAD_BYTES = 1 + 4
_FIRST_KEY = 1
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
    "index_versions",
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


class Protector:
    """Seals, opens and indexes the personal fields of one store."""

    def __init__(self, store: Store, *, encryption_key: bytes, index_key: bytes) -> None:
        """Take two secrets of 32 bytes and the store that keeps the wrapped data keys."""
        if len(encryption_key) != KEY_BYTES or len(index_key) != KEY_BYTES:
            message = f"protection keys have {KEY_BYTES} bytes"
            raise ProtectionError(message)
        self._wrapper = AESGCM(encryption_key)
        self._index_key = index_key
        self._domains: dict[str, bytes] = {}
        self._store = store
        self._ciphers: dict[int, AESGCM] = {}
        self._current = self._newest_key()

    @classmethod
    def from_folder(cls, store: Store, folder: Path) -> Protector:
        """Use the key files of a data folder (mode 0600), making them for a new store only.

        A store that was made with keys is never given others: with another index key everything
        that is looked up would be missing, and rows would be issued again.
        """
        with store.read() as connection:
            in_use = connection.execute(select(data_keys.c.number).limit(1)).first() is not None
        for name in ("encryption.key", "index.key"):
            if in_use and not (folder / name).exists():
                message = f"{name} is missing, and this store was made with it: restore it"
                raise ProtectionError(message)
        return cls(
            store,
            encryption_key=secret_file(folder / "encryption.key"),
            index_key=secret_file(folder / "index.key"),
        )

    def seal(self, value: str | bytes, place: Place) -> bytes:
        """Encrypt a value for its place."""
        plain = value.encode() if isinstance(value, str) else value
        nonce = secrets.token_bytes(_NONCE_BYTES)
        head = bytes((_VERSION,)) + self._current.to_bytes(4, "big")
        cipher = self._ciphers[self._current]
        return head + nonce + cipher.encrypt(nonce, plain, head + place.associated_data())

    def open(self, sealed: bytes, place: Place) -> bytes:
        """Decrypt a value where it stands; ProtectionError if anything is not as it was sealed."""
        head, nonce = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES : _HEAD_BYTES + _NONCE_BYTES]
        if len(nonce) != _NONCE_BYTES or head[0] != _VERSION:
            message = f"not a sealed field in {place.table}.{place.column}"
            raise ProtectionError(message)
        cipher = self._cipher(int.from_bytes(head[1:], "big"))
        try:
            return cipher.decrypt(
                nonce, sealed[_HEAD_BYTES + _NONCE_BYTES :], head + place.associated_data()
            )
        except InvalidTag as error:
            message = f"a field of {place.table}.{place.column} does not open in its place"
            raise ProtectionError(message) from error

    def open_text(self, sealed: bytes, place: Place) -> str:
        """Decrypt a text."""
        return self.open(sealed, place).decode()

    def index(self, domain: str, value: str | bytes) -> bytes:
        """Give the blind index of a value within a domain: 32 bytes, the same for equal values."""
        raw = value.encode() if isinstance(value, str) else value
        return hmac.new(self.derived_key(domain), raw, hashlib.sha256).digest()

    def derived_key(self, domain: str) -> bytes:
        """Give the 32-byte key of one domain, for keyed uses other than an index too."""
        if domain not in self._domains:
            derivation = HKDF(
                SHA256(), KEY_BYTES, salt=None, info=b"MSB-index-1 " + domain.encode()
            )
            self._domains[domain] = derivation.derive(self._index_key)
        return self._domains[domain]

    def _newest_key(self) -> int:
        newest = self._newest_number() or self._make_first_key()
        self._cipher(newest)
        return newest

    def _newest_number(self) -> int | None:
        with self._store.read() as connection:
            newest: int | None = connection.scalar(select(func.max(data_keys.c.number)))
        return newest

    def _make_first_key(self) -> int:
        wrapped = self._wrap(_FIRST_KEY, secrets.token_bytes(KEY_BYTES))
        with self._store.write() as connection:
            if connection.scalar(select(data_keys.c.number).limit(1)) is None:
                connection.execute(insert(data_keys).values(number=_FIRST_KEY, wrapped=wrapped))
        # Another process may have been first, and gone on from there.
        return self._newest_number() or _FIRST_KEY

    def _cipher(self, number: int) -> AESGCM:
        if number not in self._ciphers:
            wrapped = None
            if number <= _LAST_KEY:
                with self._store.read() as connection:
                    query = select(data_keys.c.wrapped).where(data_keys.c.number == number)
                    wrapped = connection.scalar(query)
            if wrapped is None:
                message = f"the store has no data key {number}"
                raise ProtectionError(message)
            self._ciphers[number] = AESGCM(self._unwrap(number, wrapped))
        return self._ciphers[number]

    def _wrap(self, number: int, key: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._wrapper.encrypt(
            nonce, key, b"MSB-data-key-1" + number.to_bytes(4, "big")
        )

    def _unwrap(self, number: int, wrapped: bytes) -> bytes:
        nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        try:
            return self._wrapper.decrypt(
                nonce, sealed, b"MSB-data-key-1" + number.to_bytes(4, "big")
            )
        except InvalidTag as error:
            message = f"data key {number} does not open with this encryption key"
            raise ProtectionError(message) from error


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

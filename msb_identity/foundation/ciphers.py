"""Authenticated encryption and keyed hashes of both profiles, by the names that rows keep.

AES-256-GCM (NIST SP 800-38D), SM4-GCM (GB/T 32907, RFC 8998), HMAC-SHA256 (RFC 2104), HMAC-SM3
(GB/T 15852.2), and HKDF (RFC 5869) over the same hash. The code is `cryptography`'s.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SM3
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from msb_identity.foundation.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable

NONCE_BYTES = 12
TAG_BYTES = 16


class Aead(Protocol):
    """A cipher with its key in it; a nonce is used once."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes, /) -> bytes:
        """Give ciphertext and tag."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes, /) -> bytes:
        """Give the plain bytes; InvalidTag where anything was changed."""


class Sm4Gcm:
    """SM4-GCM with the interface of `cryptography`'s AESGCM."""

    def __init__(self, key: bytes) -> None:
        """Take a key of 16 bytes."""
        self._algorithm = algorithms.SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Give ciphertext and tag."""
        encryptor = Cipher(self._algorithm, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated_data)
        return encryptor.update(data) + encryptor.finalize() + encryptor.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Give the plain bytes; InvalidTag where anything was changed."""
        if len(data) < TAG_BYTES:
            raise InvalidTag
        mode = modes.GCM(nonce, data[-TAG_BYTES:], min_tag_length=TAG_BYTES)
        decryptor = Cipher(self._algorithm, mode).decryptor()
        decryptor.authenticate_additional_data(associated_data)
        return decryptor.update(data[:-TAG_BYTES]) + decryptor.finalize()


@dataclass(frozen=True, slots=True)
class FieldCipher:
    """How fields are sealed; `version` is the first byte of the envelope."""

    name: str
    version: int
    key_bytes: int
    aead: Callable[[bytes], Aead]


@dataclass(frozen=True, slots=True)
class IndexHash:
    """How blind indexes are made."""

    name: str
    hash: Callable[[], SHA256 | SM3]

    def hmac(self, key: bytes, message: bytes) -> bytes:
        """Give the HMAC, 32 bytes."""
        if self.hash is SHA256:
            return hmac.digest(key, message, "sha256")  # an eighth of the other's time
        mac = HMAC(key, self.hash())
        mac.update(message)
        return mac.finalize()

    def derive(self, secret: bytes, info: bytes, *, size: int = 32) -> bytes:
        """Give a key for one use from a secret for several."""
        return HKDF(self.hash(), size, salt=None, info=info).derive(secret)


AES_256_GCM = FieldCipher("AES-256-GCM", 1, 32, AESGCM)
SM4_GCM = FieldCipher("SM4-GCM", 2, 16, Sm4Gcm)
HMAC_SHA256 = IndexHash("HMAC-SHA256", SHA256)
HMAC_SM3 = IndexHash("HMAC-SM3", SM3)

FIELD_CIPHERS = {cipher.name: cipher for cipher in (AES_256_GCM, SM4_GCM)}
FIELD_VERSIONS = {cipher.version: cipher for cipher in FIELD_CIPHERS.values()}
INDEX_HASHES = {index.name: index for index in (HMAC_SHA256, HMAC_SM3)}
FIELD_CIPHER_OF = {Profile.INTERNATIONAL: AES_256_GCM, Profile.GM: SM4_GCM}
INDEX_HASH_OF = {Profile.INTERNATIONAL: HMAC_SHA256, Profile.GM: HMAC_SM3}


def seal_with(cipher: Aead, plain: bytes, associated_data: bytes) -> bytes:
    """Give nonce ‖ ciphertext ‖ tag under a nonce from the system's randomness."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, associated_data)


def open_with(cipher: Aead, sealed: bytes, associated_data: bytes) -> bytes:
    """Open nonce ‖ ciphertext ‖ tag; InvalidTag where anything was changed or cut."""
    if len(sealed) < NONCE_BYTES + TAG_BYTES:
        raise InvalidTag
    return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated_data)

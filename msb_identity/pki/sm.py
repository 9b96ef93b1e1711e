"""SM3, HMAC-SM3 and SM4-GCM, by `cryptography`: what the `gm` profile uses for SHA-256 and AES.

Sources: GB/T 32905 (SM3), RFC 2104 (HMAC), GB/T 32907 (SM4), NIST SP 800-38D (GCM).
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SM3, Hash
from cryptography.hazmat.primitives.hmac import HMAC

SM4_KEY_BYTES = 16
SM3_BYTES = 32
GCM_NONCE_BYTES = 12
GCM_TAG_BYTES = 16


def sm3(*parts: bytes) -> bytes:
    """Digest the parts one after another; 32 bytes."""
    digest = Hash(SM3())
    for part in parts:
        digest.update(part)
    return digest.finalize()


def hmac_sm3(key: bytes, *parts: bytes) -> bytes:
    """Authenticate the parts one after another; 32 bytes."""
    code = HMAC(key, SM3())
    for part in parts:
        code.update(part)
    return code.finalize()


def hmac_sm3_is(key: bytes, message: bytes, code: bytes) -> bool:
    """Whether `code` is the whole HMAC-SM3 of the message, compared in constant time."""
    return bytes_eq(hmac_sm3(key, message), code)


class SM4GCM:
    """SM4-GCM with the interface of `cryptography`'s AESGCM: nonces of 12 bytes, tags of 16.

    A nonce must never serve twice under one key.
    """

    def __init__(self, key: bytes) -> None:
        """Take a key of 16 bytes; ValueError for another length."""
        if len(key) != SM4_KEY_BYTES:
            message = f"an SM4 key has {SM4_KEY_BYTES} bytes"
            raise ValueError(message)
        self._cipher = SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Give ciphertext ‖ tag."""
        worker = Cipher(self._cipher, GCM(_checked(nonce))).encryptor()
        worker.authenticate_additional_data(associated_data or b"")
        return worker.update(data) + worker.finalize() + worker.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Give the plaintext of ciphertext ‖ tag; InvalidTag where it is not so."""
        if len(data) < GCM_TAG_BYTES:
            raise InvalidTag
        body, tag = data[:-GCM_TAG_BYTES], data[-GCM_TAG_BYTES:]
        worker = Cipher(self._cipher, GCM(_checked(nonce), tag)).decryptor()
        worker.authenticate_additional_data(associated_data or b"")
        return worker.update(body) + worker.finalize()


def _checked(nonce: bytes) -> bytes:
    if len(nonce) != GCM_NONCE_BYTES:
        message = f"a nonce has {GCM_NONCE_BYTES} bytes"
        raise ValueError(message)
    return nonce

"""Encryption under a password, as PKCS#8 and PKCS#12 use it.

Read: PBES2 (PBKDF2 or scrypt; AES-CBC, SM4-CBC, 3DES-CBC) and the 3DES schemes of PKCS#12. Written:
PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC. The work that a file may ask for is bounded; other
schemes are refused by name. Sources: RFC 8018, RFC 7914, RFC 7292 appendix B.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES, SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import (
    SHA1,
    SHA224,
    SHA256,
    SHA384,
    SHA512,
    SM3,
    HashAlgorithm,
)
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7

from msb_identity.errors import EncodingRefused, KeyRefused, WrongPassword
from msb_identity.pki import der
from msb_identity.pki.sm import sm3

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography.hazmat.primitives._cipheralgorithm import BlockCipherAlgorithm

MAX_ITERATIONS = 4_000_000  # of one file, all its parts together: some seconds
MAX_SCRYPT_BYTES = 128 << 20
MAX_SCRYPT_WORK = 1 << 24
WRITTEN_ITERATIONS = 600_000
_MAX_SALT_BYTES = 1_024
_SALT_BYTES = 16
_OID_PBES2, _OID_PBKDF2, _OID_SCRYPT = (
    "1.2.840.113549.1.5.13",
    "1.2.840.113549.1.5.12",
    "1.3.6.1.4.1.11591.4.11",
)
_OID_AES256, _OID_HMAC_SHA256 = "2.16.840.1.101.3.4.1.42", "1.2.840.113549.2.9"
_HMACS: Mapping[str, Callable[[], HashAlgorithm]] = {
    "1.2.840.113549.2.7": SHA1,
    "1.2.840.113549.2.8": SHA224,
    _OID_HMAC_SHA256: SHA256,
    "1.2.840.113549.2.10": SHA384,
    "1.2.840.113549.2.11": SHA512,
    "1.2.156.10197.1.401.3.1": SM3,  # GM/T 0091, OpenSSL
    "1.2.156.10197.1.401.2": SM3,  # GmSSL
}
# Cipher, and bytes of its key.
_CIPHERS: Mapping[str, tuple[Callable[[bytes], BlockCipherAlgorithm], int]] = {
    "2.16.840.1.101.3.4.1.2": (AES, 16),
    "2.16.840.1.101.3.4.1.22": (AES, 24),
    _OID_AES256: (AES, 32),
    "1.2.156.10197.1.104.2": (SM4, 16),
    "1.2.840.113549.3.7": (TripleDES, 24),
}
# The 3DES schemes of PKCS#12, with the bytes of their keys.
_PKCS12_3DES = {"1.2.840.113549.1.12.1.3": 24, "1.2.840.113549.1.12.1.4": 16}
_NAMES = {
    "1.2.840.113549.1.12.1.1": "RC4-128",
    "1.2.840.113549.1.12.1.2": "RC4-40",
    "1.2.840.113549.1.12.1.5": "RC2-128",
    "1.2.840.113549.1.12.1.6": "RC2-40",
    "1.2.840.113549.1.5.1": "MD2 and DES",
    "1.2.840.113549.1.5.3": "MD5 and DES",
    "1.2.840.113549.1.5.4": "MD2 and RC2",
    "1.2.840.113549.1.5.6": "MD5 and RC2",
    "1.2.840.113549.1.5.10": "SHA-1 and DES",
    "1.2.840.113549.1.5.11": "SHA-1 and RC2",
    "1.2.840.113549.1.5.14": "PBMAC1",
    "1.3.14.3.2.7": "DES",
    "1.2.840.113549.3.2": "RC2",
    "2.16.840.1.101.3.4.1.6": "AES-128-GCM",
    "2.16.840.1.101.3.4.1.46": "AES-256-GCM",
}
# Digests of the PKCS#12 key derivation, with the bytes of their blocks.
PKCS12_DIGESTS: Mapping[str, tuple[Callable[[bytes], bytes], int]] = {
    "1.3.14.3.2.26": (lambda data: hashlib.sha1(data, usedforsecurity=False).digest(), 64),
    "2.16.840.1.101.3.4.2.4": (lambda data: hashlib.sha224(data).digest(), 64),
    "2.16.840.1.101.3.4.2.1": (lambda data: hashlib.sha256(data).digest(), 64),
    "2.16.840.1.101.3.4.2.2": (lambda data: hashlib.sha384(data).digest(), 128),
    "2.16.840.1.101.3.4.2.3": (lambda data: hashlib.sha512(data).digest(), 128),
    "1.2.156.10197.1.401": (sm3, 64),
}
_SHA1 = "1.3.14.3.2.26"
FOR_KEY, FOR_IV, FOR_MAC = 1, 2, 3


class Unsupported(KeyRefused):
    """An encryption that we do not have; its text names it."""


class Password:
    """A password in the forms that the schemes want, with the work left for its file."""

    def __init__(self, password: str | bytes | None) -> None:
        """Take text, or its UTF-8; None where no password was given."""
        self.given = password is not None
        self._left = MAX_ITERATIONS
        try:
            self.text = password.decode() if isinstance(password, bytes) else (password or "")
            self.utf8 = self.text.encode()
        except UnicodeError:
            message = "a password is text that UTF-8 can write"
            raise WrongPassword(message) from None
        if "\0" in self.text:  # HMAC cannot tell a password from one with zeros behind
            message = "a password has no zero character"
            raise WrongPassword(message)

    @property
    def bmp(self) -> bytes:
        """The form of PKCS#12: UTF-16 with a zero at the end (RFC 7292 appendix B.1)."""
        return self.text.encode("utf-16-be") + b"\0\0"

    def spend(self, iterations: int) -> None:
        """Account for work; KeyRefused where the file asks for too much."""
        self._left -= iterations
        if iterations < 1 or self._left < 0:
            message = f"a key file that asks for more than {MAX_ITERATIONS} iterations, or for none"
            raise KeyRefused(message)


def decrypt(algorithm: der.Element, ciphertext: bytes, password: Password) -> bytes:
    """Decrypt; WrongPassword where the padding is wrong, Unsupported for other schemes."""
    parts = algorithm.sequence()
    if len(parts) != 2:  # noqa: PLR2004 - an algorithm and its parameters
        message = "an encryption without parameters"
        raise EncodingRefused(message)
    named = parts[0].oid()
    if named == _OID_PBES2:
        cipher, key, iv = _pbes2(parts[1], password)
    elif named in _PKCS12_3DES:
        salt, iterations = _salt_and_count(parts[1])
        size = _PKCS12_3DES[named]
        key = pkcs12_derive(_SHA1, password, salt, iterations, purpose=FOR_KEY, size=size)
        iv = pkcs12_derive(_SHA1, password, salt, iterations, purpose=FOR_IV, size=8)
        cipher = TripleDES
        key += key[: 24 - size]  # two-key 3DES is three-key with the first key again
    else:
        raise _unsupported(named)
    return _unpad(cipher, key, iv, ciphertext)


def encrypt(content: bytes, password: Password) -> tuple[bytes, bytes]:
    """Give the AlgorithmIdentifier and the ciphertext: PBKDF2-HMAC-SHA256, AES-256-CBC."""
    salt, iv = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(AES.block_size // 8)
    key = PBKDF2HMAC(SHA256(), 32, salt, WRITTEN_ITERATIONS).derive(password.utf8)
    padder, worker = PKCS7(AES.block_size).padder(), Cipher(AES(key), CBC(iv)).encryptor()
    ciphertext = worker.update(padder.update(content) + padder.finalize()) + worker.finalize()
    prf = der.sequence(der.oid(_OID_HMAC_SHA256), der.null())
    derivation = der.sequence(der.octet_string(salt), der.integer(WRITTEN_ITERATIONS), prf)
    scheme = der.sequence(
        der.sequence(der.oid(_OID_PBKDF2), derivation),
        der.sequence(der.oid(_OID_AES256), der.octet_string(iv)),
    )
    return der.sequence(der.oid(_OID_PBES2), scheme), ciphertext


def pkcs12_derive(
    digest_oid: str, password: Password, salt: bytes, iterations: int, *, purpose: int, size: int
) -> bytes:
    """Derive a key, an IV or a MAC key (RFC 7292 appendix B.2)."""
    digest, block = PKCS12_DIGESTS[digest_oid]
    given = _stretched(salt, block) + _stretched(password.bmp, block)
    result = b""
    while len(result) < size:
        password.spend(iterations)
        value = digest(bytes((purpose,)) * block + given)
        for _ in range(iterations - 1):
            value = digest(value)
        result += value
        more = int.from_bytes(_stretched(value, block)[:block], "big") + 1
        given = b"".join(
            ((int.from_bytes(given[at : at + block], "big") + more) % (1 << 8 * block)).to_bytes(
                block, "big"
            )
            for at in range(0, len(given), block)
        )
    return result[:size]


def _stretched(data: bytes, block: int) -> bytes:
    """Repeat the data until it fills whole blocks."""
    size = block * -(-len(data) // block)
    return (data * (size // len(data) + 1))[:size] if data else b""


def _salt_and_count(element: der.Element) -> tuple[bytes, int]:
    parts = element.sequence()
    if len(parts) != 2:  # noqa: PLR2004 - salt and count
        message = "an encryption with other parameters than salt and count"
        raise EncodingRefused(message)
    return _salt(parts[0]), parts[1].integer()


def _salt(element: der.Element) -> bytes:
    salt = element.octets()
    if len(salt) > _MAX_SALT_BYTES:
        message = f"a salt of more than {_MAX_SALT_BYTES} bytes"
        raise EncodingRefused(message)
    return salt


def _pbes2(
    parameters: der.Element, password: Password
) -> tuple[Callable[[bytes], BlockCipherAlgorithm], bytes, bytes]:
    parts = [part.sequence() for part in parameters.sequence()]
    if [len(part) for part in parts] != [2, 2]:
        message = "PBES2 is a key derivation and a cipher"
        raise EncodingRefused(message)
    (derivation, options), (scheme, iv) = parts
    named = scheme.oid()
    if named not in _CIPHERS:
        raise _unsupported(named)
    cipher, size = _CIPHERS[named]
    derive = {_OID_PBKDF2: _pbkdf2, _OID_SCRYPT: _scrypt}.get(derivation.oid())
    if derive is None:
        raise _unsupported(derivation.oid())
    return cipher, derive(options.sequence(), size, password), iv.octets()


def _pbkdf2(options: tuple[der.Element, ...], size: int, password: Password) -> bytes:
    if len(options) < 2:  # noqa: PLR2004 - salt and count
        message = "PBKDF2 without salt or count"
        raise EncodingRefused(message)
    salt, iterations, rest = _salt(options[0]), options[1].integer(), list(options[2:])
    _check_length(rest, size)
    digest: Callable[[], HashAlgorithm] = SHA1
    if rest and rest[0].tag == der.SEQUENCE:
        named, *parameters = rest.pop(0).sequence() or (None,)
        oid = named.oid() if named is not None else ""
        if oid not in _HMACS or not all(part.is_null() for part in parameters):
            raise _unsupported(oid)
        digest = _HMACS[oid]
    if rest:
        message = "PBKDF2 with parameters that it does not have"
        raise EncodingRefused(message)
    password.spend(iterations)
    return PBKDF2HMAC(digest(), size, salt, iterations).derive(password.utf8)


def _scrypt(options: tuple[der.Element, ...], size: int, password: Password) -> bytes:
    if len(options) < 4:  # noqa: PLR2004 - salt, N, r, p
        message = "scrypt without salt, N, r or p"
        raise EncodingRefused(message)
    salt, rest = _salt(options[0]), list(options[4:])
    n, r, p = (option.integer() for option in options[1:4])
    _check_length(rest, size)
    if rest or n < 2 or n & n - 1 or not r or not p:  # noqa: PLR2004 - N is a power of two above 1
        message = "scrypt with parameters that it cannot have"
        raise EncodingRefused(message)
    if 128 * n * r > MAX_SCRYPT_BYTES or n * r * p > MAX_SCRYPT_WORK:
        message = "a key file whose scrypt asks for too much memory or work"
        raise KeyRefused(message)
    password.spend(MAX_ITERATIONS // 4)
    return Scrypt(salt, size, n, r, p).derive(password.utf8)


def _check_length(rest: list[der.Element], size: int) -> None:
    """Take the optional key length away; it must be the cipher's."""
    if rest and rest[0].tag == der.INTEGER and rest.pop(0).integer() != size:
        message = "a key derivation whose length is not the cipher's"
        raise EncodingRefused(message)


def _unpad(
    cipher: Callable[[bytes], BlockCipherAlgorithm], key: bytes, iv: bytes, ciphertext: bytes
) -> bytes:
    made = cipher(key)
    block = made.block_size // 8
    if len(iv) != block or not ciphertext or len(ciphertext) % block:
        message = "an encrypted part that is not whole blocks"
        raise EncodingRefused(message)
    worker, padding = Cipher(made, CBC(iv)).decryptor(), PKCS7(made.block_size).unpadder()
    try:
        plain = padding.update(worker.update(ciphertext) + worker.finalize())
        return plain + padding.finalize()
    except ValueError:
        message = "the password is wrong, or the file was changed"
        raise WrongPassword(message) from None


def _unsupported(oid: str) -> Unsupported:
    return Unsupported(f"encrypted in a way that we do not have: {oid} ({_NAMES.get(oid, '?')})")

"""Key files: every form that a key comes in, recognised by its content.

`load_key` reads PKCS#8 (plain or encrypted), SEC1, PKCS#1 and PKCS#12, in PEM or DER, and JWK;
`load_public_key` reads SubjectPublicKeyInfo, PKCS#1 and JWK. Everything is bounded before it is
interpreted, the two halves of a key must belong together, and whatever the bytes are, the error is
KeyRefused (WrongPassword where a password is missing or wrong).
"""

from __future__ import annotations

import logging
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from msb_identity.errors import EncodingRefused, KeyRefused, StoreError
from msb_identity.foundation.files import refuse_shared
from msb_identity.pki import der, pbes
from msb_identity.pki.keys import KeyKind
from msb_identity.pki.pem import BEGIN, read_pem, write_pem
from msb_identity.pki.pkcs12 import KeyFile, looks_like_pkcs12, read_pkcs12
from msb_identity.pki.privatekeys import (
    ec_private_key,
    encrypted_private_key_info,
    private_key_info,
    read_ec_private_key,
    read_encrypted_private_key_info,
    read_private_key_info,
    read_rsa_private_key,
)
from msb_identity.pki.spki import read_curve, read_rsa_public, verifying_key_from_spki

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from msb_identity.pki.keys import SigningKey, VerifyingKey

MAX_KEY_BYTES = 262_144
_PKCS8, _ENCRYPTED, _SEC1 = "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY"
_PKCS1, _SPKI, _PKCS1_PUBLIC = "RSA PRIVATE KEY", "PUBLIC KEY", "RSA PUBLIC KEY"
_EC_PARAMETERS, _SM2_PARAMETERS = "EC PARAMETERS", "SM2 PARAMETERS"
_SEC1_SM2 = "SM2 PRIVATE KEY"  # what OpenSSL 3 calls SEC1 around an SM2 key

_log = logging.getLogger(__name__)


class KeyFormat(StrEnum):
    """The forms that a key is written in; public keys are SubjectPublicKeyInfo in PEM and DER."""

    PEM = "pem"
    DER = "der"
    SEC1 = "sec1"
    JWK = "jwk"


def load_key(source: bytes | Path, password: str | bytes | None = None) -> SigningKey:
    """Load a private key from bytes or a file, in whatever form it is.

    password: text or its UTF-8, for encrypted forms alone; KeyRefused where one was given for a key
    that is not encrypted. StoreError where a file cannot be read, and where others than its owner
    may read a key that is not encrypted. Parts of a PKCS#12 file that
    cannot be opened are logged as a warning; `open_key_file` gives them.
    """
    found = open_key_file(source, password)
    for warning in found.warnings:
        _log.warning("PKCS#12: %s; its certificates must be given apart", warning)
    return found.key


def open_key_file(source: bytes | Path, password: str | bytes | None = None) -> KeyFile:
    """Load a private key as `load_key` does, with what else a PKCS#12 file holds."""
    data, secret = _bytes_of(source), pbes.Password(password)
    try:
        found = _private(data, secret)
    except EncodingRefused as error:
        message = f"no private key: {error}"
        raise KeyRefused(message) from error
    if secret.given and not found.encrypted:
        message = "a password was given, but the key is not encrypted"
        raise KeyRefused(message)
    if isinstance(source, Path) and not found.encrypted:
        refuse_shared(source)
    return found


def load_public_key(source: bytes | Path) -> VerifyingKey:
    """Load a public key from bytes or a file: SubjectPublicKeyInfo, PKCS#1, or JWK."""
    data = _bytes_of(source)
    try:
        if _is_json(data):
            return _public_jwk(data)
        if data.lstrip()[: len(BEGIN)] == BEGIN:
            label, content = _one_block(data)
        else:
            label, content = _SPKI, data
        if label == _PKCS1_PUBLIC:
            return read_rsa_public(content)
        if label != _SPKI:
            message = f"{label} where a public key belongs"
            raise KeyRefused(message)
        return verifying_key_from_spki(content)
    except EncodingRefused as error:
        message = f"no public key: {error}"
        raise KeyRefused(message) from error


def looks_public(data: bytes) -> bool:
    """Whether this is meant to be a public key, though it may be one that is refused."""
    if _is_json(data):
        return b'"d"' not in data
    if data.lstrip()[: len(BEGIN)] == BEGIN:
        return any(f"{BEGIN.decode()}{label}-".encode() in data for label in (_SPKI, _PKCS1_PUBLIC))
    try:
        tags = [part.tag for part in der.read_der(data).sequence()]
    except EncodingRefused:
        return False
    return tags == [der.SEQUENCE, der.BIT_STRING]


def encode_key(
    key: SigningKey, form: KeyFormat = KeyFormat.PEM, password: str | bytes | None = None
) -> bytes:
    """Write a private key: PKCS#8 in PEM or DER, SEC1 in PEM, or JWK.

    password: encrypts PKCS#8 (PBES2, AES-256); SEC1 and JWK are refused with one.
    """
    secret = pbes.Password(password)
    if secret.given and (form in (KeyFormat.SEC1, KeyFormat.JWK) or not secret.text):
        message = "only PKCS#8 is written under a password, and not under an empty one"
        raise KeyRefused(message)
    if form is KeyFormat.JWK:
        from msb_identity.envelopes.jwk import private_jwk
        from msb_identity.foundation import strict_json

        return strict_json.dump(private_jwk(key)) + b"\n"
    if form is KeyFormat.SEC1:
        return write_pem(_SEC1, ec_private_key(key))
    if secret.given:
        label, content = _ENCRYPTED, encrypted_private_key_info(key, secret)
    else:
        label, content = _PKCS8, private_key_info(key)
    return content if form is KeyFormat.DER else write_pem(label, content)


def encode_public_key(key: VerifyingKey, form: KeyFormat = KeyFormat.PEM) -> bytes:
    """Write a public key: SubjectPublicKeyInfo in PEM or DER, or JWK."""
    if form is KeyFormat.JWK:
        from msb_identity.envelopes.jwk import public_jwk
        from msb_identity.foundation import strict_json

        return strict_json.dump(public_jwk(key)) + b"\n"
    if form is KeyFormat.SEC1:
        message = "SEC1 is a form of private keys"
        raise KeyRefused(message)
    return key.spki if form is KeyFormat.DER else write_pem(_SPKI, key.spki)


def _bytes_of(source: bytes | Path) -> bytes:
    data = _read(source) if isinstance(source, Path) else source
    if len(data) > MAX_KEY_BYTES:
        message = f"a key file of more than {MAX_KEY_BYTES} bytes"
        raise KeyRefused(message)
    return data


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        message = f"cannot read {path.name}: {error.strerror}"
        raise StoreError(message) from error


def _private(data: bytes, password: pbes.Password) -> KeyFile:
    if _is_json(data):
        return KeyFile(_private_jwk(data))
    if data.lstrip()[: len(BEGIN)] == BEGIN:
        label, content = _one_block(data)
        reader = _READERS.get(label)
        if reader is None:
            message = f"{label} where a private key belongs"
            raise KeyRefused(message)
        key = reader(der.read_der(content), password)
        return KeyFile(key, encrypted=label == _ENCRYPTED)
    if looks_like_pkcs12(element := der.read_ber(data)):
        return read_pkcs12(element, password)
    label = _label_of(der.read_der(data))
    return KeyFile(_READERS[label](element, password), encrypted=label == _ENCRYPTED)


_READERS: Mapping[str, Callable[[der.Element, pbes.Password], SigningKey]] = {
    _PKCS8: lambda element, _: read_private_key_info(element),
    _ENCRYPTED: read_encrypted_private_key_info,
    _SEC1: lambda element, _: read_ec_private_key(element),
    _SEC1_SM2: lambda element, _: read_ec_private_key(element, KeyKind.SM2),
    _PKCS1: lambda element, _: read_rsa_private_key(element),
}
_INTEGER, _OCTETS, _SEQUENCE = der.INTEGER, der.OCTET_STRING, der.SEQUENCE


def _label_of(element: der.Element) -> str:
    """Tell the DER forms apart by the tags they begin with."""
    tags = [part.tag for part in element.sequence()]
    if tags[:3] == [_INTEGER, _SEQUENCE, _OCTETS]:
        return _PKCS8
    if tags == [_SEQUENCE, _OCTETS]:
        return _ENCRYPTED
    if tags[:2] == [_INTEGER, _OCTETS]:
        return _SEC1
    if tags == [_INTEGER] * 9:
        return _PKCS1
    what = {
        (_SEQUENCE, der.BIT_STRING): "a public key",
        (_SEQUENCE, _SEQUENCE, der.BIT_STRING): "a certificate",
    }.get(tuple(tags), "DER of another kind")
    message = f"{what} where a private key belongs"
    raise KeyRefused(message)


def _one_block(data: bytes) -> tuple[str, bytes]:
    """Give the one block of a PEM file; OpenSSL may write the curve's name before an EC key."""
    blocks = read_pem(data)
    labels = [label for label, _ in blocks]
    if labels in ([_EC_PARAMETERS, _SEC1], [_SM2_PARAMETERS, _SEC1_SM2]):
        curve = read_curve(der.read_der(blocks.pop(0)[1]))
        read_ec_private_key(der.read_der(blocks[0][1]), curve)
    if len(blocks) != 1:
        message = f"a PEM file of {len(blocks)} blocks, not one"
        raise KeyRefused(message)
    return blocks[0]


def _private_jwk(data: bytes) -> SigningKey:
    from msb_identity.envelopes.jwk import signing_key_from_jwk
    from msb_identity.foundation import strict_json

    return signing_key_from_jwk(strict_json.load_object(data))


def _public_jwk(data: bytes) -> VerifyingKey:
    from msb_identity.envelopes.jwk import verifying_key_from_jwk
    from msb_identity.foundation import strict_json

    return verifying_key_from_jwk(strict_json.load_object(data))


def _is_json(data: bytes) -> bool:
    return data.lstrip()[:1] == b"{"

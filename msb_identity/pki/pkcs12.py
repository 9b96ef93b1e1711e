"""PKCS#12 files: one key and its certificates, read as BER within caps.

The MAC is checked first. A part that is encrypted in a way we do not have (old files put the
certificates under RC2-40) does not stop the key from loading: it is named in `warnings`, and the
certificates must then be had apart. Source: RFC 7292.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import (
    SHA1,
    SHA224,
    SHA256,
    SHA384,
    SHA512,
    SM3,
    HashAlgorithm,
)
from cryptography.hazmat.primitives.hmac import HMAC

from msb_identity.errors import EncodingRefused, KeyRefused, WrongPassword
from msb_identity.pki import der, pbes
from msb_identity.pki.privatekeys import read_encrypted_private_key_info, read_private_key_info

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from msb_identity.pki.keys import SigningKey

MAX_CERTIFICATES = 100
VERSION = 3
OID_DATA, OID_ENCRYPTED = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.6"
_BAGS = "1.2.840.113549.1.12.10.1."
_KEY_BAG, _SHROUDED_BAG, _CERTIFICATE_BAG = _BAGS + "1", _BAGS + "2", _BAGS + "3"
_X509 = "1.2.840.113549.1.9.22.1"
_EXPLICIT, _CONTENT = 0xA0, 0x80
_HMACS: Mapping[str, Callable[[], HashAlgorithm]] = {
    "1.3.14.3.2.26": SHA1,
    "2.16.840.1.101.3.4.2.4": SHA224,
    "2.16.840.1.101.3.4.2.1": SHA256,
    "2.16.840.1.101.3.4.2.2": SHA384,
    "2.16.840.1.101.3.4.2.3": SHA512,
    "1.2.156.10197.1.401": SM3,
}


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What a file held: its key, the DER of its certificates, and what could not be opened.

    encrypted: whether only a password opens it, so that it may lie where others read it.
    """

    key: SigningKey
    certificates: tuple[bytes, ...] = ()
    warnings: tuple[str, ...] = ()
    encrypted: bool = False


def looks_like_pkcs12(element: der.Element) -> bool:
    """Whether this is a PFX: version 3 and a ContentInfo."""
    parts = element.children
    version = bytes((VERSION,))
    return (
        len(parts) >= 2  # noqa: PLR2004 - version and content
        and (parts[0].tag, parts[0].content) == (der.INTEGER, version)
        and parts[1].tag == der.SEQUENCE
        and [part.tag for part in parts[1].children[:1]] == [der.OID]
    )


def load_pkcs12(data: bytes, password: str | bytes | None = None) -> KeyFile:
    """Open a PKCS#12 file; KeyRefused, or WrongPassword, where that cannot be done.

    password: text, or its UTF-8; "" for files that were made with an empty one.
    """
    try:
        return read_pkcs12(der.read_ber(data), pbes.Password(password))
    except EncodingRefused as error:
        message = f"no PKCS#12 file: {error}"
        raise KeyRefused(message) from error


def read_pkcs12(pfx: der.Element, password: pbes.Password) -> KeyFile:
    """Check the MAC and read all bags."""
    if not password.given:
        message = "a PKCS#12 file needs its password"
        raise WrongPassword(message)
    parts = pfx.sequence()
    if len(parts) != 3:  # noqa: PLR2004 - version, content, MAC
        message = "a PKCS#12 file without a MAC: nothing shows that it is whole"
        raise KeyRefused(message)
    content = _data(parts[1])
    _check_mac(parts[2], content, password)
    return read_safe(content, password)


def read_safe(content: bytes, password: pbes.Password) -> KeyFile:
    """Read an AuthenticatedSafe whose MAC was checked."""
    found = _Found(password)
    for info in der.read_ber(content).sequence():
        try:
            found.take(_opened(info, password))
        except pbes.Unsupported as error:
            found.warnings.append(f"a bag could not be opened: {error}")
    if len(found.keys) != 1:
        reasons = "".join(f"; {warning}" for warning in found.warnings)
        message = f"a PKCS#12 file with {len(found.keys)} keys, not one{reasons}"
        raise KeyRefused(message)
    certificates, warnings = tuple(found.certificates), tuple(found.warnings)
    return KeyFile(found.keys[0], certificates, warnings, encrypted=True)


@dataclass
class _Found:
    password: pbes.Password
    keys: list[SigningKey] = field(default_factory=list)
    certificates: list[bytes] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def take(self, content: bytes) -> None:
        """Read a SafeContents."""
        for bag in der.read_ber(content).sequence():
            parts = bag.sequence()
            if len(parts) not in (2, 3):
                message = "a bag is a name, a value and attributes"
                raise EncodingRefused(message)
            named, value = parts[0].oid(), _explicit(parts[1])
            if named == _KEY_BAG:
                self._take_key(read_private_key_info(value))
            elif named == _SHROUDED_BAG:
                self._take_key(read_encrypted_private_key_info(value, self.password))
            elif named == _CERTIFICATE_BAG:
                self._take_certificate(value.sequence())
            else:
                self.warnings.append(f"a bag of a kind that we do not read: {named}")

    def _take_key(self, key: SigningKey) -> None:
        if self.keys:
            message = "a PKCS#12 file with more than one key"
            raise KeyRefused(message)
        self.keys.append(key)

    def _take_certificate(self, parts: tuple[der.Element, ...]) -> None:
        if len(parts) != 2 or len(self.certificates) == MAX_CERTIFICATES:  # noqa: PLR2004
            message = f"a bag that is no certificate, or more than {MAX_CERTIFICATES}"
            raise EncodingRefused(message)
        if (named := parts[0].oid()) == _X509:
            self.certificates.append(_explicit(parts[1]).octets())
        else:
            self.warnings.append(f"a certificate of a kind that we do not read: {named}")


def _opened(info: der.Element, password: pbes.Password) -> bytes:
    """Give the SafeContents of a ContentInfo, decrypted where it is encrypted."""
    parts = info.sequence()
    if not parts or parts[0].oid() != OID_ENCRYPTED:
        return _data(info)
    inner = _explicit(parts[-1]).sequence()
    if len(inner) < 2 or len(content := inner[1].sequence()) != 3:  # noqa: PLR2004 - RFC 2315
        message = "an encrypted part that lacks parts"
        raise EncodingRefused(message)
    return pbes.decrypt(content[1], content[2].octets(_CONTENT), password)


def _data(info: der.Element) -> bytes:
    parts = info.sequence()
    if len(parts) != 2 or (named := parts[0].oid()) != OID_DATA:  # noqa: PLR2004 - name, content
        named = parts[0].oid() if parts else "nothing"
        message = f"a part of a PKCS#12 file that is not under a password: {named}"
        raise KeyRefused(message)
    return _explicit(parts[1]).octets()


def _check_mac(mac: der.Element, content: bytes, password: pbes.Password) -> None:
    info, salt, *count = mac.sequence() if len(mac.children) in (2, 3) else _bad_mac()
    algorithm, code = info.sequence() if len(info.children) == 2 else _bad_mac()  # noqa: PLR2004
    named = algorithm.sequence()[0].oid() if algorithm.children else ""
    if named not in _HMACS:
        message = f"a PKCS#12 MAC of a kind that we do not have: {named}"
        raise KeyRefused(message)
    digest = _HMACS[named]()
    iterations = count[0].integer() if count else 1
    key = pbes.pkcs12_derive(
        named,
        password,
        salt.octets(),
        iterations,
        purpose=pbes.FOR_MAC,
        size=digest.digest_size,
    )
    made = HMAC(key, digest)
    made.update(content)
    if not bytes_eq(made.finalize(), code.octets()):
        message = "the password is wrong, or the file was changed"
        raise WrongPassword(message)


def _bad_mac() -> tuple[der.Element, ...]:
    message = "a PKCS#12 MAC that lacks parts"
    raise EncodingRefused(message)


def _explicit(element: der.Element) -> der.Element:
    inner = element.sequence(_EXPLICIT)
    if len(inner) != 1:
        message = "an ASN.1 wrapping of more or less than one element"
        raise EncodingRefused(message)
    return inner[0]

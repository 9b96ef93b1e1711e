"""Making X.509 structures: built by asn1crypto, dumped, signed by a SigningKey, read back by us.

What is made here is read again with the reader that everyone else's goes through, so nothing leaves
that we would refuse.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from msb_identity.pki import der
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import oids
from msb_identity.x509.asn1_names import algos, core, keys, x509
from msb_identity.x509.certificate import Certificate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from msb_identity.pki.keys import SigningKey, VerifyingKey
    from msb_identity.x509.subjects import Subject

KEY_ID_BYTES = 20
_FIRST_GENERALIZED_YEAR = 2050  # RFC 5280 section 4.1.2.5


def make_certificate(
    key: SigningKey,
    *,
    serial: int,
    issuer: bytes,
    subject: bytes,
    public: VerifyingKey,
    not_before: datetime,
    not_after: datetime,
    extensions: Sequence[Any],
) -> Certificate:
    """Make and sign a certificate; issuer and subject are encoded names."""
    algorithm = signature_algorithm(key.kind)
    tbs = x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": serial,
            "signature": algorithm,
            "issuer": x509.Name.load(issuer),
            "validity": {"not_before": asn1_time(not_before), "not_after": asn1_time(not_after)},
            "subject": x509.Name.load(subject),
            "subject_public_key_info": keys.PublicKeyInfo.load(public.spki),
            "extensions": list(extensions),
        }
    )
    return Certificate.load(signed(tbs.dump(), key))


def signed(content: bytes, key: SigningKey) -> bytes:
    """Give SEQUENCE { content, algorithm, signature }, as certificates, CRLs and requests are."""
    algorithm: bytes = signature_algorithm(key.kind).dump()
    return der.sequence(content, algorithm, der.bit_string(key.sign(content)))


def signature_algorithm(kind: KeyKind) -> Any:  # noqa: ANN401 - asn1crypto has no types
    """Give the AlgorithmIdentifier of what a key signs with; only RSA's has parameters."""
    identifier = {"algorithm": oids.OWN_ALGORITHMS[kind]}
    if kind is KeyKind.RSA:
        identifier["parameters"] = core.Null()
    return algos.SignedDigestAlgorithm(identifier)


def make_name(subject: Subject) -> bytes:
    """Encode a subject: the country as PrintableString, all else as UTF8String."""
    parts = [
        x509.RelativeDistinguishedName(
            [
                x509.NameTypeAndValue(
                    {
                        "type": oid,
                        "value": core.PrintableString(text)
                        if oid in (oids.COUNTRY, oids.SERIAL_NUMBER)
                        else x509.DirectoryString("utf8_string", core.UTF8String(text)),
                    }
                )
            ]
        )
        for oid, text in subject.attributes
    ]
    encoded: bytes = x509.RDNSequence(parts).dump()
    return encoded


def extension(oid: str, value: Any, *, critical: bool = False) -> Any:  # noqa: ANN401 - as above
    """Wrap the value of an extension: an asn1crypto value, or DER for one that it does not know."""
    if isinstance(value, bytes):
        flag = der.element(der.BOOLEAN, b"\xff") if critical else b""
        return x509.Extension.load(der.sequence(der.oid(oid), flag, der.octet_string(value)))
    return x509.Extension({"extn_id": oid, "critical": critical, "extn_value": value})


def key_identifier(public: VerifyingKey) -> bytes:
    """Give 160 bits of SHA-256 over the key's bits (RFC 7093 section 2, method 1)."""
    bits = der.read_der(public.spki).sequence()[1].bits()
    return hashlib.sha256(bits).digest()[:KEY_ID_BYTES]


def asn1_time(moment: datetime) -> Any:  # noqa: ANN401 - as above
    """Write UTCTime before 2050 and GeneralizedTime from then on, in whole seconds of UTC."""
    whole = moment.astimezone(UTC).replace(microsecond=0)
    if whole.year < _FIRST_GENERALIZED_YEAR:
        return x509.Time("utc_time", core.UTCTime(whole))
    return x509.Time("general_time", core.GeneralizedTime(whole))


def uris(addresses: Iterable[str]) -> list[Any]:
    """Give GeneralNames of these URIs."""
    return [x509.GeneralName("uniform_resource_identifier", x509.URI(one)) for one in addresses]

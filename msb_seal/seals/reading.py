"""What is in a seal or a seal signature, as plain values for people and for JSON.

Nothing here is verified. Certificates that cannot be read are said to be so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msb_identity.errors import AlgorithmRefused, CertificateRefused
from msb_identity.x509.algorithms import AlgorithmIdentifier
from msb_identity.x509.certificate import Certificate
from msb_seal.seals.algorithms import algorithm_of

if TYPE_CHECKING:
    from msb_seal.seals.model import ElectronicSeal, SealSignature, SignerList

MAX_SHOWN = 100


def describe_seal(seal: ElectronicSeal) -> dict[str, Any]:
    """Give what a seal says of itself, by name."""
    picture = seal.picture
    return {
        "kind": "seal",
        "version": seal.version.value,
        "vendor": seal.vendor,
        "id": seal.seal_id,
        "type": seal.type,
        "name": seal.name,
        "created": seal.created.isoformat(),
        "valid_from": seal.valid_from.isoformat(),
        "valid_until": seal.valid_until.isoformat(),
        "picture": f"{picture.type} {picture.width_mm} × {picture.height_mm} mm,"
        f" {len(picture.data)} bytes",
        "signers": _signers(seal.signers),
        "maker": _named(seal.maker_certificate),
        "algorithm": _algorithm(seal.signature_algorithm),
        "timestamp": seal.timestamp is not None,
        "extensions": [f"{one.oid} {one.value.hex()}" for one in seal.extensions[:MAX_SHOWN]],
        "oddities": list(seal.oddities),
        "sha256": seal.fingerprint,
    }


def describe_signature(signature: SealSignature) -> dict[str, Any]:
    """Give what a seal signature says, its seal's values behind its own."""
    seal = {f"seal_{name}": value for name, value in describe_seal(signature.seal).items()}
    del seal["seal_kind"]
    return {
        "kind": signature.version.kind,
        "time": None if signature.time is None else signature.time.isoformat(),
        "digest": signature.document_digest.hex(),
        "property_info": signature.property_info,
        "signer": _named(signature.certificate),
        "algorithm": _algorithm(signature.signature_algorithm),
        "timestamp": (signature.timestamp or signature.time_token) is not None,
        "oddities": list(signature.oddities),
        **seal,
    }


def _signers(signers: SignerList) -> list[str]:
    found = [_named(one) for one in signers.certificates[:MAX_SHOWN]]
    found += [f"{kind} {value.hex()}" for kind, value in signers.digests[:MAX_SHOWN]]
    return found + list(signers.names[:MAX_SHOWN])


def _named(data: bytes) -> str:
    try:
        certificate = Certificate.load(data)
    except CertificateRefused:
        return "不可读的证书 / a certificate that cannot be read"
    until = f"{certificate.not_before:%Y-%m-%d} … {certificate.not_after:%Y-%m-%d}"
    return f"{certificate.subject} ({until}, SHA-256 {certificate.fingerprint[:16]}…)"


def _algorithm(oid: str) -> str:
    try:
        return str(algorithm_of(oid))
    except AlgorithmRefused:
        return AlgorithmIdentifier(oid).name

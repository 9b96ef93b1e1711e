"""Judging what one signer signed: algorithm, signed attributes, signature value.

Whether the signer's certificate may be believed is asked elsewhere: here is only shown that the
holder of its key signed this content. Source: RFC 5652 sections 5.4 to 5.6; RFC 6211; RFC 5816.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from msb_identity.errors import AlgorithmRefused, EncodingRefused, KeyRefused, SignatureRefused
from msb_identity.foundation.report import Outcome
from msb_identity.pki import der
from msb_identity.x509.algorithms import read_algorithm
from msb_identity.x509.values import context
from msb_seal.cms import oids
from msb_seal.cms.values import digest_by, names_certificate
from msb_seal.seals.algorithms import usual_signature

if TYPE_CHECKING:
    from collections.abc import Iterable

    from msb_identity.foundation.report import ReportBuilder
    from msb_identity.pki.keys import SignatureAlgorithm
    from msb_identity.x509.certificate import Certificate
    from msb_seal.cms.structure import CmsSignature, CmsSigner

_PAIR = 2
_SET_TAG = b"\x31"


def judge_signer(
    builder: ReportBuilder,
    signature: CmsSignature,
    signer: CmsSigner,
    *,
    content: bytes | None,
    known: Iterable[Certificate] = (),
) -> Certificate | None:
    """Take the steps `algorithm` and `signature-value` and give the signer's certificate.

    content: what was signed, or what the signed attributes digest; None where the caller compares
    the attribute messageDigest itself.
    known: certificates that the caller has, for a signature that does not carry its own.
    """
    algorithm = _tell_algorithm(builder, signer)
    candidates = [
        certificate
        for certificate in dict.fromkeys((*signature.certificates, *known))
        if signer.is_of(certificate)
    ]
    if not candidates:
        builder.unknown("signer-certificate", "no-certificate")
        return None
    # Anybody can put a second certificate of one issuer and number beside the signer's.
    others = candidates if len(candidates) > 1 else []
    holds = (one for one in others if _value_of(signer, one, algorithm, content) == "ok")
    certificate = next(holds, candidates[0])
    code = _attributes_of(signature, signer, content)
    if code == "ok":
        code = _value_of(signer, certificate, algorithm, content)
    if code == "ok":
        usual = usual_signature(signer.signature, certificate.key.kind) == signer.signature
        builder.add(
            "signature-value",
            Outcome.OK if usual else Outcome.WARNING,
            "ok" if usual else "odd-encoding",
        )
    elif code in ("unsupported", "no-content"):
        builder.unknown("signature-value", code)
    else:
        builder.failed("signature-value", code)
    _tell_named(builder, signer, certificate)
    return certificate


def message_digest_is(signer: CmsSigner, content: bytes) -> bool | None:
    """Whether the attribute messageDigest is the content's; None where we cannot tell."""
    expected = digest_by(signer.digest_algorithm.oid, content)
    attribute = signer.signed_attribute(oids.MESSAGE_DIGEST)
    if expected is None or attribute is None:
        return None
    try:
        return hmac.compare_digest(expected, attribute.octets())
    except EncodingRefused:
        return False


def signature_algorithm_of(signer: CmsSigner) -> SignatureAlgorithm:
    """Give the signature algorithm, by the digest's name where only a key's kind is named.

    AlgorithmRefused for one that we do not have, and where two digests are named.
    """
    named = signer.signature_algorithm
    digest_oid = signer.digest_algorithm.oid
    digest_name = oids.DIGEST_NAMES.get(digest_oid)
    if digest_name is None:
        message = f"a digest that we do not have: {digest_oid}"
        raise AlgorithmRefused(message)
    algorithm = oids.BARE_ALGORITHMS.get((named.oid, digest_name)) or named.algorithm
    own = algorithm.rpartition("-")[2]
    if own not in (digest_name, "Ed25519"):
        message = f"two digests: {digest_name} and that of {algorithm}"
        raise AlgorithmRefused(message)
    return algorithm


def _tell_algorithm(builder: ReportBuilder, signer: CmsSigner) -> SignatureAlgorithm | None:
    try:
        algorithm = signature_algorithm_of(signer)
    except AlgorithmRefused as error:
        builder.unknown("algorithm", "unsupported", str(error))
        return None
    digest_name = oids.DIGEST_NAMES[signer.digest_algorithm.oid]
    if algorithm.weak or digest_name in oids.WEAK_DIGESTS:
        builder.unknown("algorithm", "weak", f"{algorithm}, {digest_name}")
    else:
        builder.ok("algorithm", detail=str(algorithm))
    return algorithm


def _attributes_of(signature: CmsSignature, signer: CmsSigner, content: bytes | None) -> str:
    """Judge the signed attributes (section 5.3), or that there are none."""
    if signer.signed_attributes is None:
        if content is not None and _is_like_attributes(content):
            return "attributes-as-content"
        plain = signature.content_type in (oids.DATA, oids.GM_DATA)
        return "ok" if plain else "no-attributes"
    try:
        code = _named_attributes_of(signature, signer)
    except EncodingRefused:
        return "malformed-attribute"
    if code != "ok" or content is None:
        return code
    held = message_digest_is(signer, content)
    if held is None:
        return "unsupported"
    return "ok" if held else "message-digest"


def _named_attributes_of(signature: CmsSignature, signer: CmsSigner) -> str:
    named = signer.signed_attribute(oids.CONTENT_TYPE)
    if named is None or signer.signed_attribute(oids.MESSAGE_DIGEST) is None:
        return "missing-attribute"
    if named.oid() != signature.content_type:
        return "content-type"
    protection = signer.signed_attribute(oids.ALGORITHM_PROTECTION)
    if protection is not None and not _is_protected(signer, protection):
        return "algorithm-protection"
    return "ok"


def _is_like_attributes(content: bytes) -> bool:
    """Whether content without signed attributes is itself a set of them.

    Then it may have been signed as such, and what they digest would be lost from sight.
    """
    if content[:1] != _SET_TAG:
        return False
    try:
        attributes = der.read_ber(content).sequence(der.SET)
    except EncodingRefused:
        return False
    return any(
        len(parts := attribute.children) == _PAIR and parts[0].tag == der.OID
        for attribute in attributes
    )


def _is_protected(signer: CmsSigner, protection: der.Element) -> bool:
    """Whether CMSAlgorithmProtection names the algorithms that are used (RFC 6211 section 2)."""
    parts = protection.sequence()
    if len(parts) != _PAIR or parts[1].tag != context(1):  # [2] is a MAC's
        message = "algorithms that are not a digest's and a signature's"
        raise EncodingRefused(message)
    named = read_algorithm(der.read_ber(der.sequence(parts[1].content)))
    used = signer.digest_algorithm, signer.signature_algorithm
    return (read_algorithm(parts[0]), named) == used


def _value_of(
    signer: CmsSigner,
    certificate: Certificate,
    algorithm: SignatureAlgorithm | None,
    content: bytes | None,
) -> str:
    """Judge the signature value under this certificate's key."""
    message = content if signer.attributes_signed is None else signer.attributes_signed
    if message is None:
        return "no-content"
    if algorithm is None:
        return "unsupported"
    try:
        key = certificate.key
        key.verify(message, usual_signature(signer.signature, key.kind), algorithm=algorithm)
    except SignatureRefused:
        return "bad"
    except AlgorithmRefused:
        return "wrong-algorithm"
    except KeyRefused:
        return "unsupported"
    return "ok"


def _tell_named(builder: ReportBuilder, signer: CmsSigner, certificate: Certificate) -> None:
    code = names_certificate(signer, certificate)
    if code in ("other-certificate", "unreadable"):
        builder.failed("signer-certificate", f"signing-{code}")
    elif code == "unsupported":
        builder.unknown("signer-certificate", "signing-unsupported")

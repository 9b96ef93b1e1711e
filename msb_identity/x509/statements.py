"""Making CRLs and OCSP answers: what a CA says about certificates that it issued."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_identity.pki import der
from msb_identity.x509 import oids
from msb_identity.x509.asn1_names import core, crl, ocsp, x509
from msb_identity.x509.crl import REASONS, RevocationList
from msb_identity.x509.making import asn1_time, key_identifier, signature_algorithm, signed
from msb_identity.x509.ocsp import CertificateId, key_bits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509.certificate import Certificate
    from msb_identity.x509.crl import Revoked

_ENUMERATED = 0x0A


@dataclass(frozen=True, slots=True)
class Answer:
    """What to say of one certificate; known is False where its issuer never issued it."""

    names: CertificateId
    known: bool
    revoked: Revoked | None


def make_crl(
    key: SigningKey,
    issuer: Certificate,
    revoked: Iterable[tuple[int, Revoked]],
    *,
    number: int,
    this_update: datetime,
    next_update: datetime,
) -> RevocationList:
    """Make a CRL, version 2 (RFC 5280 section 5)."""
    values: dict[str, object] = {
        "version": "v2",
        "signature": signature_algorithm(key.kind),
        "issuer": x509.Name.load(issuer.subject.encoded),
        "this_update": asn1_time(this_update),
        "next_update": asn1_time(next_update),
        "crl_extensions": [
            {"extn_id": "crl_number", "extn_value": core.Integer(number)},
            {
                "extn_id": "authority_key_identifier",
                "extn_value": x509.AuthorityKeyIdentifier({"key_identifier": _key_id(issuer)}),
            },
        ],
    }
    # Entries are written by hand: asn1crypto takes a minute for 100,000 of them.
    entries = [_entry(serial, one) for serial, one in revoked]
    if entries:
        values["revoked_certificates"] = crl.RevokedCertificates.load(der.sequence(*entries))
    return RevocationList.load(signed(crl.TbsCertList(values).dump(), key))


def make_ocsp_answer(
    key: SigningKey,
    responder: Certificate,
    answers: Sequence[Answer],
    *,
    this_update: datetime,
    next_update: datetime,
    nonce: bytes | None = None,
    delegated: bool = False,
) -> bytes:
    """Make an OCSP answer (RFC 6960 section 4.2.1).

    delegated: the responder is not the issuer itself, so that its certificate goes along.
    """
    singles = [_single(answer, this_update, next_update) for answer in answers]
    # SHA-1 by the standard: it only points at the key.
    named = hashlib.sha1(key_bits(responder), usedforsecurity=False).digest()
    values: dict[str, object] = {
        "responder_id": ocsp.ResponderId("by_key", core.OctetString(named)),
        "produced_at": _generalized(this_update),
        "responses": ocsp.Responses(singles),
    }
    if nonce is not None:
        values["response_extensions"] = [
            {"extn_id": "nonce", "extn_value": core.OctetString(nonce)}
        ]
    content: bytes = ocsp.ResponseData(values).dump()
    algorithm: bytes = signature_algorithm(key.kind).dump()
    parts = [content, algorithm, der.bit_string(key.sign(content))]
    if delegated:
        parts.append(der.element(0xA0, der.sequence(responder.encoded)))
    basic = der.octet_string(der.sequence(*parts))
    inner = der.sequence(der.oid(oids.OCSP_BASIC), basic)
    return refused_answer(0, der.element(0xA0, inner))


def refused_answer(status: int, inner: bytes = b"") -> bytes:
    """Give an OCSPResponse of that status, which without content is a refusal to answer."""
    return der.sequence(der.element(_ENUMERATED, bytes((status,))), inner)


def _single(answer: Answer, this_update: datetime, next_update: datetime) -> object:
    return ocsp.SingleResponse(
        {
            "cert_id": ocsp.CertId.load(answer.names.encode()),
            "cert_status": _status(answer),
            "this_update": _generalized(this_update),
            "next_update": _generalized(next_update),
        }
    )


def _generalized(moment: datetime) -> object:
    return core.GeneralizedTime(moment.replace(microsecond=0))


def _status(answer: Answer) -> object:
    if not answer.known:
        return ocsp.CertStatus("unknown", core.Null())
    if answer.revoked is None:
        return ocsp.CertStatus("good", core.Null())
    since, reason = answer.revoked.since, answer.revoked.reason
    return ocsp.CertStatus(
        "revoked",
        {
            "revocation_time": _generalized(since),
            "revocation_reason": crl.CRLReason(REASONS[reason]),
        },
    )


def _entry(serial: int, revoked: Revoked) -> bytes:
    parts = [der.integer(serial), asn1_time(revoked.since).dump()]
    if number := REASONS[revoked.reason]:  # "unspecified" is left out (RFC 5280 section 5.3.1)
        reason = der.octet_string(der.element(_ENUMERATED, bytes((number,))))
        parts.append(der.sequence(der.sequence(der.oid(oids.REASON_CODE), reason)))
    return der.sequence(*parts)


def _key_id(issuer: Certificate) -> bytes:
    return issuer.facts.subject_key_id or key_identifier(issuer.key)

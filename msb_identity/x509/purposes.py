"""What a certificate may be used for: the purposes we ask about, one row each.

A row says which bits of keyUsage do (any one of them; an absent extension does) and which extended
purposes do. Signing certificates in the field carry clientAuth or emailProtection, some serverAuth
beside them: the extended purpose of a signer is not asked, but one made for TLS servers,
time-stamps or OCSP alone signs nothing else. Sources: RFC 5280 sections 4.2.1.3 and 4.2.1.12, RFC
3161 section 2.3, RFC 6960 section 4.2.2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from msb_identity.x509 import oids
from msb_identity.x509.certificate import KeyUsage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_identity.x509.certificate import Certificate

_SIGNS = frozenset({KeyUsage.DIGITAL_SIGNATURE, KeyUsage.NON_REPUDIATION})
_SERVICES = frozenset({oids.SERVER_AUTH, oids.TIME_STAMPING, oids.OCSP_SIGNING})


class Purpose(StrEnum):
    """What the caller wants the certificate for."""

    ANY = "any"
    SIGN = "sign"
    SEAL = "seal"
    LOGIN = "login"
    TIMESTAMP = "timestamp"
    OCSP = "ocsp"
    SERVER = "server"
    AUTHORITY = "authority"


@dataclass(frozen=True, slots=True)
class _Row:
    usage: frozenset[KeyUsage] = frozenset()
    extended: str | None = None
    required: bool = False  # the extended purpose must be named, not only allowed
    alone: bool = False  # and no other beside it


_ROWS: Mapping[Purpose, _Row] = {
    Purpose.ANY: _Row(),
    Purpose.SIGN: _Row(_SIGNS),
    Purpose.SEAL: _Row(_SIGNS),
    Purpose.LOGIN: _Row(frozenset({KeyUsage.DIGITAL_SIGNATURE}), oids.CLIENT_AUTH),
    Purpose.TIMESTAMP: _Row(_SIGNS, oids.TIME_STAMPING, required=True, alone=True),
    Purpose.OCSP: _Row(_SIGNS, oids.OCSP_SIGNING, required=True),
    Purpose.SERVER: _Row(
        frozenset({KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_ENCIPHERMENT, KeyUsage.KEY_AGREEMENT}),
        oids.SERVER_AUTH,
    ),
    Purpose.AUTHORITY: _Row(frozenset({KeyUsage.CERTIFICATE_SIGN})),
}


def suits(certificate: Certificate, purpose: Purpose) -> bool:
    """Whether the certificate itself may be used for it."""
    row, facts = _ROWS[purpose], certificate.facts
    if purpose is Purpose.AUTHORITY and not facts.is_authority:
        return False
    if row.usage and facts.key_usage is not None and not row.usage & facts.key_usage:
        return False
    named = facts.purposes
    if row.alone and named != (row.extended,):
        return False
    if purpose in (Purpose.SIGN, Purpose.SEAL) and named and _SERVICES.issuperset(named):
        return False
    return allows_extended(certificate, purpose) and not (row.required and named is None)


def allows_extended(certificate: Certificate, purpose: Purpose) -> bool:
    """Whether its extended purposes, an issuer's too, leave room for this one."""
    wanted, purposes = _ROWS[purpose].extended, certificate.facts.purposes
    if wanted is None or purposes is None:
        return True
    return wanted in purposes or (oids.ANY_PURPOSE in purposes and not _ROWS[purpose].required)

"""The roles that a CA here gives certificates for, and what each role's certificate says.

One row a role: bits of keyUsage, extended purposes, whether they are critical. Sources: RFC 5280
sections 4.2.1.3, 4.2.1.9 and 4.2.1.12; RFC 3161 section 2.3 (timeStamping, critical and alone); RFC
6960 section 4.2.2.2.1 (OCSPSigning, nocheck); GB/T 20518 (identity extensions).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from msb_identity.errors import AuthorityRefused
from msb_identity.pki import der
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import oids
from msb_identity.x509.asn1_names import core, x509
from msb_identity.x509.making import extension, key_identifier, uris

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_identity.pki.keys import VerifyingKey

MAX_PATH_LENGTH = 16
_CREDIT_CODE = re.compile(r"[0-9A-Z]{18}")
_DNS_NAME = re.compile(r"(?:\*\.)?(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}")
_SIGNS = ("digital_signature", "non_repudiation")


class Role(StrEnum):
    """What a certificate is for."""

    AUTHORITY = "authority"
    PERSON = "person"
    ORGANISATION = "organisation"
    SEAL_MAKER = "seal-maker"
    TIMESTAMP = "timestamp"
    OCSP = "ocsp"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class _Row:
    usage: tuple[str, ...]
    purposes: tuple[str, ...] = ()
    purposes_critical: bool = False


_PEOPLE = _Row(_SIGNS, (oids.CLIENT_AUTH, oids.EMAIL_PROTECTION))
_ROWS: Mapping[Role, _Row] = {
    Role.AUTHORITY: _Row(("key_cert_sign", "crl_sign")),
    Role.PERSON: _PEOPLE,
    Role.ORGANISATION: _PEOPLE,
    Role.SEAL_MAKER: _Row(_SIGNS),
    Role.TIMESTAMP: _Row(_SIGNS, (oids.TIME_STAMPING,), purposes_critical=True),
    Role.OCSP: _Row(("digital_signature",), (oids.OCSP_SIGNING,)),
    Role.SERVER: _Row(("digital_signature",), (oids.SERVER_AUTH,)),
}


@dataclass(frozen=True, slots=True)
class Particulars:
    """What a certificate says beyond its role.

    credit_code: 统一社会信用代码 of an organisation, checked by whoever asks; it goes into the
    extension 1.2.156.10260.4.1.4. A person's identity number never goes into a certificate here.
    path_length: how many more authorities may stand below an authority; None for any number.
    """

    path_length: int | None = None
    dns_names: tuple[str, ...] = ()
    credit_code: str | None = None
    crl_url: str | None = None
    ocsp_url: str | None = None


def role_extensions(
    role: Role,
    public: VerifyingKey,
    *,
    issuer_key_id: bytes | None,
    particulars: Particulars,
) -> list[Any]:
    """Give the extensions of a role's certificate; AuthorityRefused for what does not go together.

    issuer_key_id: None for a root, which needs no pointer to itself.
    """
    row = _ROWS[role]
    usage = set(row.usage)
    if role is Role.SERVER and public.kind is KeyKind.RSA:
        usage.add("key_encipherment")
    found = [
        extension(oids.BASIC_CONSTRAINTS, _basic_constraints(role, particulars), critical=True),
        extension(oids.KEY_USAGE, x509.KeyUsage(usage), critical=True),
        extension(oids.SUBJECT_KEY_IDENTIFIER, core.OctetString(key_identifier(public))),
    ]
    if issuer_key_id is not None:
        pointer = x509.AuthorityKeyIdentifier({"key_identifier": issuer_key_id})
        found.append(extension(oids.AUTHORITY_KEY_IDENTIFIER, pointer))
    if row.purposes:
        purposes = x509.ExtKeyUsageSyntax(list(row.purposes))
        found.append(extension(oids.EXTENDED_KEY_USAGE, purposes, critical=row.purposes_critical))
    if role is Role.OCSP:
        found.append(extension(oids.OCSP_NO_CHECK, core.Null()))
    return [*found, *_names(role, particulars), *_sources(role, particulars)]


def _basic_constraints(role: Role, particulars: Particulars) -> Any:  # noqa: ANN401 - asn1crypto
    if role is not Role.AUTHORITY:
        if particulars.path_length is not None:
            message = "only an authority has a path length"
            raise AuthorityRefused(message)
        return x509.BasicConstraints({"ca": False})
    values: dict[str, object] = {"ca": True}
    if particulars.path_length is not None:
        if not 0 <= particulars.path_length <= MAX_PATH_LENGTH:
            message = f"a path length is 0 to {MAX_PATH_LENGTH}"
            raise AuthorityRefused(message)
        values["path_len_constraint"] = particulars.path_length
    return x509.BasicConstraints(values)


def _names(role: Role, particulars: Particulars) -> list[Any]:
    found = []
    if particulars.dns_names:
        if not all(_DNS_NAME.fullmatch(name) for name in particulars.dns_names):
            message = "a DNS name that is not one"
            raise AuthorityRefused(message)
        names = [x509.GeneralName("dns_name", x509.DNSName(n)) for n in particulars.dns_names]
        found.append(extension(oids.SUBJECT_ALT_NAME, x509.GeneralNames(names)))
    elif role is Role.SERVER:
        message = "a server's certificate needs a DNS name"
        raise AuthorityRefused(message)
    if particulars.credit_code is not None:
        if role is Role.PERSON or not _CREDIT_CODE.fullmatch(particulars.credit_code):
            message = "a credit code is 18 digits and capitals, and an organisation's"
            raise AuthorityRefused(message)
        code = der.element(der.UTF8_STRING, particulars.credit_code.encode())
        found.append(extension(oids.ORGANISATION_CODE, code))
    return found


def _sources(role: Role, particulars: Particulars) -> list[Any]:
    """Say where revocation is published; an OCSP signer's certificate is not looked up."""
    found = []
    if particulars.crl_url and role is not Role.OCSP:
        point = x509.DistributionPointName("full_name", uris([particulars.crl_url]))
        points = x509.CRLDistributionPoints([{"distribution_point": point}])
        found.append(extension(oids.CRL_DISTRIBUTION_POINTS, points))
    if particulars.ocsp_url and role is not Role.OCSP:
        access = x509.AuthorityInfoAccessSyntax(
            [{"access_method": "ocsp", "access_location": uris([particulars.ocsp_url])[0]}]
        )
        found.append(extension(oids.AUTHORITY_INFORMATION, access))
    return found

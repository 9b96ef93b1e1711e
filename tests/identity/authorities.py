# ruff: noqa: ANN401 - asn1crypto has no types, and changes may be any argument
"""Certificates as the tests want them: everything about one may be wrong on purpose."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.x509 import TrustStore, oids
from msb_identity.x509.asn1_names import core, x509
from msb_identity.x509.making import extension, key_identifier, make_certificate, make_name
from msb_identity.x509.statements import make_crl
from msb_identity.x509.subjects import Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509 import Certificate, RevocationList
    from msb_identity.x509.crl import Revoked

NOW = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
_serials = itertools.count(1000)


@cache
def key(name: str, kind: KeyKind = KeyKind.P256) -> SigningKey:  # noqa: ARG001 - the cache's key
    """One key a name, made once for all tests."""
    return generate_key(kind)


@dataclass(frozen=True)
class Entity:
    """A certificate and its key."""

    certificate: Certificate
    key: SigningKey

    def issue(self, name: str, *, extensions: Sequence[Any] = (), **changes: Any) -> Entity:
        return entity(name, issuer=self, extensions=extensions, **changes)

    def crl(
        self, *revoked: tuple[int, Revoked], at: datetime = NOW, life: timedelta = DAY
    ) -> RevocationList:
        return make_crl(
            self.key, self.certificate, revoked, number=7, this_update=at, next_update=at + life
        )


def entity(
    name: str,
    *,
    issuer: Entity | None = None,
    ca: bool | None = None,
    path_length: int | None = None,
    usage: set[str] | None = None,
    extensions: Sequence[Any] = (),
    kind: KeyKind = KeyKind.P256,
    signer: SigningKey | None = None,
    key_name: str | None = None,
    key_ids: bool = True,
    from_: datetime = NOW - 30 * DAY,
    until: datetime = NOW + 300 * DAY,
    serial: int | None = None,
) -> Entity:
    """Make a certificate; without an issuer it is a root. Everything may be wrong on purpose."""
    own = key(key_name or name, kind)
    subject = make_name(Subject.of(name))
    is_ca = ca if ca is not None else issuer is None
    values: dict[str, object] = {"ca": is_ca}
    if path_length is not None:
        values["path_len_constraint"] = path_length
    found = [extension(oids.BASIC_CONSTRAINTS, x509.BasicConstraints(values), critical=True)]
    if usage is not None or is_ca:
        bits = x509.KeyUsage(usage if usage is not None else {"key_cert_sign", "crl_sign"})
        found.append(extension(oids.KEY_USAGE, bits, critical=True))
    if key_ids:
        above = issuer.key.public if issuer else own.public
        pointer = x509.AuthorityKeyIdentifier({"key_identifier": key_identifier(above)})
        found.append(
            extension(oids.SUBJECT_KEY_IDENTIFIER, core.OctetString(key_identifier(own.public)))
        )
        found.append(extension(oids.AUTHORITY_KEY_IDENTIFIER, pointer))
    certificate = make_certificate(
        signer or (issuer.key if issuer else own),
        serial=serial or next(_serials),
        issuer=issuer.certificate.subject.encoded if issuer else subject,
        subject=subject,
        public=own.public,
        not_before=from_,
        not_after=until,
        extensions=[*found, *extensions],
    )
    return Entity(certificate, own)


def authority(name: str, **changes: Any) -> Entity:
    """A CA that may issue."""
    return entity(name, ca=True, **changes)


def trusting(*anchors: Entity, **more: Any) -> TrustStore:
    return TrustStore(tuple(anchor.certificate for anchor in anchors), **more)


def purposes(*named: str, critical: bool = False) -> Any:
    return extension(
        oids.EXTENDED_KEY_USAGE, x509.ExtKeyUsageSyntax(list(named)), critical=critical
    )


def crl_point(url: str) -> Any:
    name = x509.GeneralName("uniform_resource_identifier", x509.URI(url))
    point = x509.DistributionPointName("full_name", [name])
    return extension(
        oids.CRL_DISTRIBUTION_POINTS, x509.CRLDistributionPoints([{"distribution_point": point}])
    )


def ocsp_access(url: str) -> Any:
    name = x509.GeneralName("uniform_resource_identifier", x509.URI(url))
    return extension(
        oids.AUTHORITY_INFORMATION,
        x509.AuthorityInfoAccessSyntax([{"access_method": "ocsp", "access_location": name}]),
    )


def changed(data: bytes, old: bytes, new: bytes) -> bytes:
    """Replace exactly one place of the same length."""
    assert data.count(old) == 1
    assert len(old) == len(new)
    return data.replace(old, new)

"""The one place that teaches asn1crypto the names of SM2 and SM3 (GM/T 0006).

asn1crypto writes our certificates, CRLs, answers and requests; it knows neither algorithm. It has a
public way to add a curve and none to add algorithms: the maps that are changed here are private, so
a test reads certificates by these names. Import asn1crypto from here, never before it.
"""

from __future__ import annotations

from asn1crypto import algos, core, crl, csr, keys, ocsp, x509

SM2_CURVE = "1.2.156.10197.1.301"
SM2_WITH_SM3 = "1.2.156.10197.1.501"
SM3 = "1.2.156.10197.1.401"
_FIELD_BYTES = 32

__all__ = ["algos", "core", "crl", "csr", "keys", "ocsp", "register", "x509"]


def register() -> None:
    """Add the names; doing it again changes nothing."""
    keys.NamedCurve.register("sm2p256v1", SM2_CURVE, _FIELD_BYTES)
    for identifiers, oid, name in (
        (algos.SignedDigestAlgorithmId, SM2_WITH_SM3, "sm3_sm2"),
        (algos.DigestAlgorithmId, SM3, "sm3"),
    ):
        identifiers._map[oid] = name  # noqa: SLF001 - there is no public way
        if identifiers._reverse_map is not None:  # noqa: SLF001 - else made when it is first used
            identifiers._reverse_map[name] = oid  # noqa: SLF001


register()

"""The object identifiers of X.509 that we know, one table per standard, and what they are called.

Sources: RFC 5280 (extensions, purposes), RFC 3279, 4055, 5758, 8410 (signatures), RFC 6960 (OCSP),
GM/T 0006 (SM2, SM3). The identity extensions of GB/T 20518 are named as the field uses them; see
docs/decisions/certificates.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.pki.keys import KeyKind, SignatureAlgorithm

if TYPE_CHECKING:
    from collections.abc import Mapping

# RFC 5280 section 4.2
SUBJECT_KEY_IDENTIFIER, KEY_USAGE, SUBJECT_ALT_NAME = "2.5.29.14", "2.5.29.15", "2.5.29.17"
ISSUER_ALT_NAME, BASIC_CONSTRAINTS, NAME_CONSTRAINTS = "2.5.29.18", "2.5.29.19", "2.5.29.30"
CRL_DISTRIBUTION_POINTS, CERTIFICATE_POLICIES = "2.5.29.31", "2.5.29.32"
AUTHORITY_KEY_IDENTIFIER, EXTENDED_KEY_USAGE = "2.5.29.35", "2.5.29.37"
AUTHORITY_INFORMATION = "1.3.6.1.5.5.7.1.1"
ACCESS_OCSP = "1.3.6.1.5.5.7.48.1"

# RFC 5280 section 5
CRL_NUMBER, DELTA_CRL, ISSUING_DISTRIBUTION_POINT = "2.5.29.20", "2.5.29.27", "2.5.29.28"
REASON_CODE, INVALIDITY_DATE, CERTIFICATE_ISSUER = "2.5.29.21", "2.5.29.24", "2.5.29.29"
EXPIRED_CERTIFICATES_ON_CRL = "2.5.29.60"  # X.509 section 9.5.2.8

# RFC 5280 section 4.2.1.12
ANY_PURPOSE = "2.5.29.37.0"
SERVER_AUTH, CLIENT_AUTH = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"
EMAIL_PROTECTION, TIME_STAMPING = "1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.8"
OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"

# RFC 6960
OCSP_BASIC, OCSP_NONCE, OCSP_NO_CHECK = (
    "1.3.6.1.5.5.7.48.1.1",
    "1.3.6.1.5.5.7.48.1.2",
    "1.3.6.1.5.5.7.48.1.5",
)

# GB/T 20518, identity extensions
RESIDENT_NUMBER, SOCIAL_INSURANCE_NUMBER = "1.2.156.10260.4.1.1", "1.2.156.10260.4.1.2"
BUSINESS_REGISTRATION, ORGANISATION_CODE = "1.2.156.10260.4.1.3", "1.2.156.10260.4.1.4"
TAX_NUMBER = "1.2.156.10260.4.1.5"

# X.520 and PKCS #9: attributes of names and what they are called in text (RFC 4514 section 3)
COMMON_NAME, SURNAME, SERIAL_NUMBER, COUNTRY = "2.5.4.3", "2.5.4.4", "2.5.4.5", "2.5.4.6"
LOCALITY, PROVINCE, STREET, ORGANISATION = "2.5.4.7", "2.5.4.8", "2.5.4.9", "2.5.4.10"
UNIT, TITLE, UNIQUE_IDENTIFIER = "2.5.4.11", "2.5.4.12", "2.5.4.45"
EMAIL_ADDRESS = "1.2.840.113549.1.9.1"
ATTRIBUTE_NAMES: Mapping[str, str] = {
    COMMON_NAME: "CN",
    SURNAME: "SN",
    SERIAL_NUMBER: "serialNumber",
    COUNTRY: "C",
    LOCALITY: "L",
    PROVINCE: "ST",
    STREET: "street",
    ORGANISATION: "O",
    UNIT: "OU",
    TITLE: "title",
    "2.5.4.13": "description",
    "2.5.4.15": "businessCategory",
    "2.5.4.42": "GN",
    UNIQUE_IDENTIFIER: "uniqueIdentifier",
    "2.5.4.97": "organizationIdentifier",
    EMAIL_ADDRESS: "emailAddress",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
}

RSA_PSS, MGF1 = "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8"
SM2_WITH_SM3 = "1.2.156.10197.1.501"
ECDSA_SHA256, RSA_SHA256, ED25519 = "1.2.840.10045.4.3.2", "1.2.840.113549.1.1.11", "1.3.101.112"
SIGNATURE_ALGORITHMS: Mapping[str, SignatureAlgorithm] = {
    SM2_WITH_SM3: SignatureAlgorithm.SM2_SM3,
    ECDSA_SHA256: SignatureAlgorithm.ECDSA_SHA256,
    "1.2.840.10045.4.3.3": SignatureAlgorithm.ECDSA_SHA384,
    "1.2.840.10045.4.3.4": SignatureAlgorithm.ECDSA_SHA512,
    "1.2.840.10045.4.1": SignatureAlgorithm.ECDSA_SHA1,
    RSA_SHA256: SignatureAlgorithm.RSA_SHA256,
    "1.2.840.113549.1.1.12": SignatureAlgorithm.RSA_SHA384,
    "1.2.840.113549.1.1.13": SignatureAlgorithm.RSA_SHA512,
    "1.2.840.113549.1.1.5": SignatureAlgorithm.RSA_SHA1,
    "1.3.14.3.2.29": SignatureAlgorithm.RSA_SHA1,
    "1.2.840.113549.1.1.4": SignatureAlgorithm.RSA_MD5,
    ED25519: SignatureAlgorithm.ED25519,
}
# What each kind of key signs certificates with here.
OWN_ALGORITHMS: Mapping[KeyKind, str] = {
    KeyKind.SM2: SM2_WITH_SM3,
    KeyKind.P256: ECDSA_SHA256,
    KeyKind.RSA: RSA_SHA256,
    KeyKind.ED25519: ED25519,
}
# Known, and not ours: named in refusals.
OTHER_ALGORITHMS: Mapping[str, str] = {
    "1.2.840.113549.1.1.2": "RSA with MD2",
    "1.2.840.113549.1.1.3": "RSA with MD4",
    "1.2.840.113549.1.1.14": "RSA with SHA-224",
    "1.2.840.10040.4.3": "DSA with SHA-1",
    "2.16.840.1.101.3.4.3.2": "DSA with SHA-256",
    "1.2.840.10045.4.3.1": "ECDSA with SHA-224",
    "2.16.840.1.101.3.4.3.10": "ECDSA with SHA3-256",
    "2.16.840.1.101.3.4.3.14": "RSA with SHA3-256",
    "1.2.156.10197.1.502": "SM2 with SHA-1",
    "1.2.156.10197.1.503": "SM2 with SHA-256",
    "1.2.156.10197.1.504": "RSA with SM3",
    "1.3.101.113": "Ed448",
    "2.16.840.1.101.3.4.3.17": "ML-DSA-44",
    "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
    "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
}

# Digests that name an issuer in OCSP (an identifier, not a protection) or parametrise PSS.
DIGESTS: Mapping[str, str] = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "1.2.156.10197.1.401": "sm3",
}

"""The object identifiers of CMS, one table per standard, and which digest goes with what.

Sources: RFC 5652, RFC 5035 and 5816 (ESS), RFC 6211, RFC 3161, RFC 5754 and 8419 (algorithms);
GB/T 35275 and GM/T 0010 (content types), GM/T 0006 (SM2, SM3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.pki.keys import KeyKind, SignatureAlgorithm
from msb_identity.x509 import oids as x509_oids

if TYPE_CHECKING:
    from collections.abc import Mapping

# RFC 5652 section 4 and GM/T 0010 section 6
DATA, SIGNED_DATA = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.2"
GM_DATA, GM_SIGNED_DATA = "1.2.156.10197.6.1.4.2.1", "1.2.156.10197.6.1.4.2.2"
# RFC 3161 section 2.4.2
TST_INFO = "1.2.840.113549.1.9.16.1.4"

# RFC 5652 section 11
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
# RFC 5035 sections 3 and 4; RFC 6211; RFC 3161 appendix A
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
ALGORITHM_PROTECTION = "1.2.840.113549.1.9.52"
SIGNATURE_TIMESTAMP = "1.2.840.113549.1.9.16.2.14"

SHA1, SHA256 = "1.3.14.3.2.26", "2.16.840.1.101.3.4.2.1"
SHA384, SHA512 = "2.16.840.1.101.3.4.2.2", "2.16.840.1.101.3.4.2.3"
SM3 = "1.2.156.10197.1.401"
DIGEST_NAMES: Mapping[str, str] = {
    SHA1: "SHA1",
    "1.2.840.113549.2.5": "MD5",
    SHA256: "SHA256",
    SHA384: "SHA384",
    SHA512: "SHA512",
    SM3: "SM3",
    "1.2.156.10197.1.401.1": "SM3",  # "without a key"; real signers write it
}
WEAK_DIGESTS = frozenset({"SHA1", "MD5"})

RSA_ENCRYPTION, EC_PUBLIC_KEY = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"
# What signers name who name only a key or a curve: the digest then says the algorithm.
BARE_ALGORITHMS: Mapping[tuple[str, str], SignatureAlgorithm] = {
    (RSA_ENCRYPTION, "SHA1"): SignatureAlgorithm.RSA_SHA1,
    (RSA_ENCRYPTION, "MD5"): SignatureAlgorithm.RSA_MD5,
    (RSA_ENCRYPTION, "SHA256"): SignatureAlgorithm.RSA_SHA256,
    (RSA_ENCRYPTION, "SHA384"): SignatureAlgorithm.RSA_SHA384,
    (RSA_ENCRYPTION, "SHA512"): SignatureAlgorithm.RSA_SHA512,
    (EC_PUBLIC_KEY, "SHA1"): SignatureAlgorithm.ECDSA_SHA1,
    (EC_PUBLIC_KEY, "SHA256"): SignatureAlgorithm.ECDSA_SHA256,
    (EC_PUBLIC_KEY, "SHA384"): SignatureAlgorithm.ECDSA_SHA384,
    (EC_PUBLIC_KEY, "SHA512"): SignatureAlgorithm.ECDSA_SHA512,
    (EC_PUBLIC_KEY, "SM3"): SignatureAlgorithm.SM2_SM3,
    ("1.2.156.10197.1.301", "SM3"): SignatureAlgorithm.SM2_SM3,
    ("1.2.156.10197.1.301.1", "SM3"): SignatureAlgorithm.SM2_SM3,  # GM/T 0010's own name
}

# What each kind of key digests and signs with here; RFC 8419 section 3.1 for Ed25519.
OWN_DIGESTS: Mapping[KeyKind, str] = {
    KeyKind.SM2: SM3,
    KeyKind.P256: SHA256,
    KeyKind.RSA: SHA256,
    KeyKind.ED25519: SHA512,
}
OWN_SIGNATURES = x509_oids.OWN_ALGORITHMS

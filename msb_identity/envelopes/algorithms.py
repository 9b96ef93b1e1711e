"""What algorithms and keys are called in JOSE and COSE: the one table.

Registered names: RFC 7518 section 3.1, RFC 8037, RFC 9053 section 2, RFC 8812 (RS256 in COSE). SM2
with SM3 in JOSE: GM/T 0125-2022. SM2 in COSE has no registration: private-use numbers
-(65536 + last arc of the national OID), so 1.2.156.10197.1.301 (the curve) is -65837 and
1.2.156.10197.1.501 (SM2 with SM3) is -66037.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.errors import AlgorithmRefused, KeyRefused
from msb_identity.pki.keys import POINT_KINDS, KeyKind
from msb_identity.pki.signatures import der_from_raw, raw_from_der

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from msb_identity.pki.keys import VerifyingKey

JOSE_ALGORITHM: Mapping[KeyKind, str] = {
    KeyKind.SM2: "SGD_SM3_SM2",
    KeyKind.P256: "ES256",
    KeyKind.RSA: "RS256",
    KeyKind.ED25519: "EdDSA",
}
# RSA keys have no curve; that of Ed25519 belongs to key type OKP, the others' to EC and EC2.
JOSE_CURVE: Mapping[KeyKind, str] = {
    KeyKind.SM2: "sm2p256v1",
    KeyKind.P256: "P-256",
    KeyKind.ED25519: "Ed25519",
}
COSE_ALGORITHM: Mapping[KeyKind, int] = {
    KeyKind.SM2: -66037,
    KeyKind.P256: -7,
    KeyKind.RSA: -257,
    KeyKind.ED25519: -8,
}
COSE_CURVE: Mapping[KeyKind, int] = {KeyKind.SM2: -65837, KeyKind.P256: 1, KeyKind.ED25519: 6}

# Names of what we do not accept, so that a refusal can say what it met (IANA COSE Algorithms).
_COSE_NAMES = {
    -16: "SHA-256",
    -35: "ES384",
    -36: "ES512",
    -37: "PS256",
    -38: "PS384",
    -39: "PS512",
    -47: "ES256K",
    -258: "RS384",
    -259: "RS512",
    -65535: "RS1",
    5: "HMAC 256/256",
}
_COSE_CURVE_NAMES = {2: "P-384", 3: "P-521", 4: "X25519", 5: "X448", 7: "Ed448", 8: "secp256k1"}


def check_jose_algorithm(named: object, kind: KeyKind) -> None:
    """Raise AlgorithmRefused unless the header names the key's own algorithm."""
    expected = JOSE_ALGORITHM[kind]
    if named != expected:
        shown = repr(named)[:40] if isinstance(named, str) else "no text"
        message = f"algorithm {shown}, but the key is for {expected}"
        raise AlgorithmRefused(message)


def check_cose_algorithm(named: object, kind: KeyKind) -> None:
    """Raise AlgorithmRefused unless the header names the key's own algorithm."""
    if named != COSE_ALGORITHM[kind] or isinstance(named, bool):
        message = f"algorithm {_cose_name(named)}, but the key is for {JOSE_ALGORITHM[kind]}"
        raise AlgorithmRefused(message)


def cose_curve_kind(named: object, kinds: Collection[KeyKind]) -> KeyKind:
    """Give the kind of key on that COSE curve; KeyRefused, by name, for a curve not in `kinds`."""
    for kind, number in COSE_CURVE.items():
        # true equals 1, which is P-256
        if kind in kinds and named == number and not isinstance(named, bool):
            return kind
    ours: dict[int, str] = {number: JOSE_CURVE[kind] for kind, number in COSE_CURVE.items()}
    known = (_COSE_CURVE_NAMES | ours).get(named) if type(named) is int else None
    message = f"a COSE_Key on a curve that we do not have: {known or repr(named)[:40]}"
    raise KeyRefused(message)


def raw_signature(key: VerifyingKey, signature: bytes) -> bytes:
    """Give a signature as JOSE and COSE carry it: r‖s for SM2 and ECDSA, as it is for others."""
    return raw_from_der(signature, key.curve) if key.kind in POINT_KINDS else signature


def key_signature(key: VerifyingKey, raw: bytes) -> bytes:
    """Give a signature of JOSE or COSE as the key takes it; SignatureRefused for a bad form."""
    return der_from_raw(raw, key.curve) if key.kind in POINT_KINDS else raw


def _cose_name(named: object) -> str:
    if isinstance(named, int):
        ours = {number: JOSE_ALGORITHM[kind] for kind, number in COSE_ALGORITHM.items()}
        return ours.get(named) or _COSE_NAMES.get(named) or f"{named} (unknown)"
    return f"{named[:40]!r} (unknown)" if isinstance(named, str) else "(none)"

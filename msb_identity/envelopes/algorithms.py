"""What algorithms and keys are called in JOSE and COSE: the one table.

Registered names: RFC 7518 section 3.1, RFC 9053 section 2.1. SM2 with SM3 in JOSE: GM/T 0125-2022.
SM2 in COSE has no registration: private-use numbers -(65536 + last arc of the national OID), so
1.2.156.10197.1.301 (the curve) is -65837 and 1.2.156.10197.1.501 (SM2 with SM3) is -66037.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.errors import AlgorithmRefused, KeyRefused
from msb_identity.pki.keys import KeyKind

if TYPE_CHECKING:
    from collections.abc import Mapping

JOSE_ALGORITHM: Mapping[KeyKind, str] = {KeyKind.SM2: "SGD_SM3_SM2", KeyKind.P256: "ES256"}
JOSE_CURVE: Mapping[KeyKind, str] = {KeyKind.SM2: "sm2p256v1", KeyKind.P256: "P-256"}
COSE_ALGORITHM: Mapping[KeyKind, int] = {KeyKind.SM2: -66037, KeyKind.P256: -7}
COSE_CURVE: Mapping[KeyKind, int] = {KeyKind.SM2: -65837, KeyKind.P256: 1}

# Names of what we do not accept, so that a refusal can say what it met (IANA COSE Algorithms).
_COSE_NAMES = {
    -8: "EdDSA",
    -16: "SHA-256",
    -35: "ES384",
    -36: "ES512",
    -37: "PS256",
    -38: "PS384",
    -39: "PS512",
    -47: "ES256K",
    -257: "RS256",
    -258: "RS384",
    -259: "RS512",
    -65535: "RS1",
    5: "HMAC 256/256",
}
_COSE_CURVE_NAMES = {2: "P-384", 3: "P-521", 4: "X25519", 6: "Ed25519", 8: "secp256k1"}


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


def cose_curve_kind(named: object) -> KeyKind:
    """Give the kind of key on that COSE curve; KeyRefused, by name, for a curve we do not have."""
    for kind, number in COSE_CURVE.items():
        if named == number and not isinstance(named, bool):  # true equals 1, which is P-256
            return kind
    known = _COSE_CURVE_NAMES.get(named) if isinstance(named, int) else None
    message = f"a COSE_Key on a curve that we do not have: {known or repr(named)[:40]}"
    raise KeyRefused(message)


def _cose_name(named: object) -> str:
    if isinstance(named, int):
        ours = {number: JOSE_ALGORITHM[kind] for kind, number in COSE_ALGORITHM.items()}
        return ours.get(named) or _COSE_NAMES.get(named) or f"{named} (unknown)"
    return f"{named[:40]!r} (unknown)" if isinstance(named, str) else "(none)"

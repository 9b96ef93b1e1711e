"""COSE_Sign1 and COSE_Key, parsed strictly (RFC 9052 section 4.2 and 7, RFC 9053).

The received bytes of header and payload are kept and verified as they came. The key decides the
algorithm; the header must name the same. Signatures are raw r‖s for SM2 and ECDSA. By default the
form is the one we define for codes: tagged, algorithm protected, unprotected header empty; and keys
found in messages (`cnf`) are SM2 or P-256.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_identity.envelopes import cbor
from msb_identity.envelopes.algorithms import (
    COSE_ALGORITHM,
    COSE_CURVE,
    check_cose_algorithm,
    cose_curve_kind,
    key_signature,
    raw_signature,
)
from msb_identity.errors import AlgorithmRefused, EncodingRefused, KeyRefused
from msb_identity.pki.ed25519 import Ed25519VerifyingKey
from msb_identity.pki.keys import POINT_KINDS, KeyKind, VerifyingKey, public_key
from msb_identity.pki.rsa import MAX_BITS, MIN_BITS, RSAVerifyingKey, shortest_bytes
from msb_identity.pki.signatures import RAW_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from msb_identity.pki.keys import SigningKey

TAG_SIGN1 = 18
ALGORITHM, CRITICAL, KEY_ID, TYPE = 1, 2, 4, 16  # header labels; 16 is RFC 9596
_PARTS = 4
_CONTEXT = "Signature1"
_OKP, _EC2, _RSA = 1, 2, 3
_KTY, _ALG, _KEY_OPS, _CRV, _X, _Y, _D = 1, 3, 4, -1, -2, -3, -4
_N, _E = -1, -2  # of RSA (RFC 8230 section 4), whose private numbers are -3 to -12
_PRIVATE = {_OKP: (_D,), _EC2: (_D,), _RSA: tuple(range(-3, -13, -1))}
_TYPE_OF: Mapping[KeyKind, int] = {
    KeyKind.SM2: _EC2,
    KeyKind.P256: _EC2,
    KeyKind.RSA: _RSA,
    KeyKind.ED25519: _OKP,
}
_TYPE_NAMES = {_OKP: "OKP", _EC2: "EC2", _RSA: "RSA"}
_VERIFY = 2  # key_ops: "the key is used for verification of signatures"
# Header parameters a verifier here understands; a `crit` naming any other is refused.
_UNDERSTOOD = frozenset({ALGORITHM, KEY_ID, TYPE})


@dataclass(frozen=True, slots=True)
class Sign1:
    """A parsed, not yet verified COSE_Sign1; the bytes are those received."""

    protected_bytes: bytes
    protected: Mapping[int | str, cbor.Value]
    unprotected: Mapping[int | str, cbor.Value]
    payload: bytes
    signature: bytes = field(repr=False)

    @property
    def algorithm(self) -> cbor.Value:
        """The algorithm that the header names."""
        return self.protected.get(ALGORITHM, self.unprotected.get(ALGORITHM))

    @property
    def key_id(self) -> bytes | None:
        """The key id that the header names, if it is a byte string."""
        value = self.protected.get(KEY_ID, self.unprotected.get(KEY_ID))
        return value if isinstance(value, bytes) else None

    def verify(self, key: VerifyingKey, *, external: bytes = b"") -> None:
        """Return when the signature is the key's.

        Raises AlgorithmRefused where the header names another algorithm than the key's own, and
        SignatureRefused where the signature does not verify.
        """
        check_cose_algorithm(self.algorithm, key.kind)
        signature = key_signature(key, self.signature)
        key.verify(_to_be_signed(self.protected_bytes, external, self.payload), signature)


def sign1(
    payload: bytes, key: SigningKey, *, header: Mapping[int | str, cbor.Value] | None = None
) -> bytes:
    """Sign `payload` and give the tagged COSE_Sign1; `header` is protected, the algorithm added."""
    protected = cbor.encode({**(header or {}), ALGORITHM: COSE_ALGORITHM[key.kind]})
    signature = raw_signature(key.public, key.sign(_to_be_signed(protected, b"", payload)))
    return cbor.encode(cbor.Tagged(TAG_SIGN1, [protected, {}, payload, signature]))


def parse_sign1(data: bytes, *, lenient: bool = False) -> Sign1:
    """Parse without verifying; EncodingRefused for anything but the strict form.

    lenient: also take what RFC 9052 allows and our formats do not: no tag, and unprotected headers.
    """
    value = cbor.decode(data)
    if isinstance(value, cbor.Tagged) and value.tag == TAG_SIGN1:
        value = value.value
    elif isinstance(value, cbor.Tagged) or not lenient:
        message = "not tagged as COSE_Sign1 (18)"
        raise EncodingRefused(message)
    if not isinstance(value, list) or len(value) != _PARTS:
        message = "COSE_Sign1 is an array of four"
        raise EncodingRefused(message)
    protected_bytes, unprotected, payload, signature = value
    if (
        not isinstance(protected_bytes, bytes)
        or not isinstance(unprotected, dict)
        or not isinstance(payload, bytes)
        or not isinstance(signature, bytes)
    ):
        message = "COSE_Sign1 parts are bytes, map, bytes, bytes"
        raise EncodingRefused(message)
    protected = _protected_header(protected_bytes)
    _check_headers(protected, unprotected, lenient=lenient)
    if not lenient:
        _check_length(signature, protected.get(ALGORITHM))
    return Sign1(protected_bytes, protected, unprotected, payload, signature)


def key_to_cose(key: VerifyingKey) -> dict[int | str, cbor.Value]:
    """Give the public COSE_Key (RFC 9052 section 7; RFC 9053 section 7, RFC 8230 section 4)."""
    named: dict[int | str, cbor.Value] = {_KTY: _TYPE_OF[key.kind]}
    if isinstance(key, RSAVerifyingKey):
        return {**named, _N: shortest_bytes(key.n), _E: shortest_bytes(key.e)}
    named[_CRV] = COSE_CURVE[key.kind]
    if isinstance(key, Ed25519VerifyingKey):
        return {**named, _X: key.encoded}
    return {**named, _X: key.x, _Y: key.y}


def key_from_cose(value: cbor.Value, *, kinds: Collection[KeyKind] = POINT_KINDS) -> VerifyingKey:
    """Take a public COSE_Key; KeyRefused for one of a kind not in `kinds`, or a private one."""
    types = {_TYPE_OF[kind] for kind in kinds}
    type_ = value.get(_KTY) if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(type_, int) or type_ not in types:
        message = f"not a COSE_Key of type {' or '.join(_TYPE_NAMES[t] for t in sorted(types))}"
        raise KeyRefused(message)
    if any(label in value for label in _PRIVATE[type_]):
        message = "a COSE_Key with its private number"
        raise KeyRefused(message)
    if type_ == _RSA:
        _check_key_use(value, KeyKind.RSA)
        return RSAVerifyingKey(_unsigned(value.get(_N)), _unsigned(value.get(_E)))
    of_type = [kind for kind in kinds if _TYPE_OF[kind] == type_]
    kind, x, y = cose_curve_kind(value.get(_CRV), of_type), value.get(_X), value.get(_Y)
    if not isinstance(x, bytes) or not (isinstance(y, bytes) or type_ == _OKP):
        message = "a COSE_Key needs both coordinates as byte strings"
        raise KeyRefused(message)
    _check_key_use(value, kind)
    return Ed25519VerifyingKey(x) if not isinstance(y, bytes) else public_key(kind, x, y)


def _unsigned(value: cbor.Value) -> int:
    if not isinstance(value, bytes) or not value or value[0] == 0:
        message = "a COSE_Key of type RSA needs its numbers as byte strings without leading zeros"
        raise KeyRefused(message)
    return int.from_bytes(value, "big")


def _check_length(signature: bytes, algorithm: cbor.Value) -> None:
    """Refuse a signature that is not as long as those of the algorithm are."""
    of_rsa = algorithm == COSE_ALGORITHM[KeyKind.RSA]
    if len(signature) != RAW_BYTES and not (of_rsa and MIN_BITS <= 8 * len(signature) <= MAX_BITS):
        message = f"signature of {len(signature)} bytes, not {RAW_BYTES}"
        raise EncodingRefused(message)


def _check_key_use(value: Mapping[int | str, cbor.Value], kind: KeyKind) -> None:
    operations = value.get(_KEY_OPS, [_VERIFY])
    if not isinstance(operations, list) or _VERIFY not in operations:
        message = "a COSE_Key that is not for verifying"
        raise KeyRefused(message)
    if _ALG in value:
        try:
            check_cose_algorithm(value[_ALG], kind)
        except AlgorithmRefused as error:
            raise KeyRefused(str(error)) from error


def _protected_header(data: bytes) -> dict[int | str, cbor.Value]:
    """Read the protected header; zero length stands for the empty map (RFC 9052 section 3)."""
    header = cbor.decode(data) if data else {}
    if not isinstance(header, dict):
        message = "COSE protected header is not a map"
        raise EncodingRefused(message)
    return header


def _check_headers(
    protected: Mapping[int | str, cbor.Value],
    unprotected: Mapping[int | str, cbor.Value],
    *,
    lenient: bool,
) -> None:
    if protected.keys() & unprotected.keys():
        message = "a COSE header stands in both maps"
        raise EncodingRefused(message)
    if CRITICAL in unprotected:
        message = "COSE crit outside the protected header"
        raise EncodingRefused(message)
    if CRITICAL in protected:
        named = protected[CRITICAL]
        # A label is an integer proper: true equals 1, but names nothing.
        known = isinstance(named, list) and all(
            type(label) is int and label in _UNDERSTOOD and label in protected for label in named
        )
        if not named or not known:
            message = "COSE crit names a header that is not understood"
            raise EncodingRefused(message)
    if not lenient and (unprotected or ALGORITHM not in protected):
        message = "the algorithm must be protected and nothing unprotected"
        raise EncodingRefused(message)


def _to_be_signed(protected: bytes, external: bytes, payload: bytes) -> bytes:
    """Give the Sig_structure (RFC 9052 section 4.4); an empty header map counts as zero bytes."""
    if protected == b"\xa0":
        protected = b""
    return cbor.encode([_CONTEXT, protected, external, payload])

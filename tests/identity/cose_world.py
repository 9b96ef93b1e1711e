"""Keys and messages that the tests of COSE share, made by hand and not by the code under test."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest

from msb_identity.pki import KeyKind, SigningKey, generate_key
from tests.support import signature_value

PAYLOAD = "特种作业操作证 payload".encode()
ALG, CRIT, KID = 1, 2, 4
ALGORITHM = {KeyKind.SM2: -66037, KeyKind.P256: -7}
CURVE = {KeyKind.SM2: -65837, KeyKind.P256: 1}
KEYS = {kind: generate_key(kind) for kind in (KeyKind.SM2, KeyKind.P256)}

with_both_kinds = pytest.mark.parametrize("key", KEYS.values(), ids=list(KEYS))


def envelope(
    key: SigningKey,
    protected: object,
    unprotected: object = None,
    *,
    payload: object = PAYLOAD,
    external: bytes = b"",
) -> list[Any]:
    """The parts of a message with a good signature, whatever its headers say.

    protected: a map, or the bytes that stand for it.
    """
    header = protected if isinstance(protected, bytes) else cbor2.dumps(protected)
    signed = b"" if header == b"\xa0" else header
    raw = raw_signature(key, cbor2.dumps(["Signature1", signed, external, payload]))
    return [header, {} if unprotected is None else unprotected, payload, raw]


def raw_signature(key: SigningKey, message: bytes) -> bytes:
    der = key.sign(message)
    r_end = 4 + der[3]
    numbers = int.from_bytes(der[4:r_end], "big"), int.from_bytes(der[r_end + 2 :], "big")
    assert signature_value(*numbers) == der
    return b"".join(number.to_bytes(32, "big") for number in numbers)


def tagged(parts: object, tag: int = 18) -> bytes:
    return cbor2.dumps(cbor2.CBORTag(tag, parts))

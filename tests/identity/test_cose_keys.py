"""COSE_Key (RFC 9052 section 7): ours, agreement with JWK, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cbor2
import cwt
import pytest

from msb_identity.envelopes import cbor
from msb_identity.envelopes.cose import (
    key_from_cose,
    key_to_cose,
    sign1,
)
from msb_identity.envelopes.jose import encode_base64url, verifying_key_from_jwk
from msb_identity.errors import KeyRefused
from msb_identity.pki import KeyKind, SigningKey
from msb_identity.pki.curves import P256_CURVE, SM2_CURVE
from tests.identity.cose_world import (
    ALGORITHM,
    CURVE,
    KEYS,
    PAYLOAD,
    with_both_kinds,
)

if TYPE_CHECKING:
    from msb_identity.pki.curves import Curve


@with_both_kinds
def test_a_key_comes_back(key: SigningKey) -> None:
    value = key_to_cose(key.public)
    assert value == {1: 2, -1: CURVE[key.kind], -2: key.public.x, -3: key.public.y}
    assert key_from_cose(cbor.decode(cbor.encode(value))) == key.public


@with_both_kinds
def test_a_key_that_names_its_use_is_taken(key: SigningKey) -> None:
    named = {**key_to_cose(key.public), 2: b"k", 3: ALGORITHM[key.kind]}
    for operations in ([2], [1, 2]):
        value = cbor.decode(cbor2.dumps({**named, 4: operations}))
        assert key_from_cose(value) == key.public


def test_cwt_takes_our_key() -> None:
    key = KEYS[KeyKind.P256]
    value = cbor2.loads(cbor.encode(key_to_cose(key.public)))
    taken = cwt.COSEKey.new({**value, 3: -7})
    assert cwt.COSE.new().decode(sign1(PAYLOAD, key), taken) == PAYLOAD


CHANGES: dict[str, tuple[dict[int | str, cbor.Value], str]] = {
    "another type": ({1: 1}, "EC2"),
    "type as text": ({1: "EC2"}, "EC2"),
    "with its private number": ({-4: bytes(32)}, "private"),
    "with an empty private number": ({-4: None}, "private"),
    "P-384": ({-1: 2}, "P-384"),
    "P-521": ({-1: 3}, "P-521"),
    "secp256k1": ({-1: 8}, "secp256k1"),
    "an unknown curve": ({-1: 77}, "77"),
    "curve as text": ({-1: "P-256"}, "P-256"),
    "curve true, which equals 1": ({-1: True}, "True"),
    "no curve": ({-1: None}, "None"),
    "x as text": ({-2: "x"}, "byte strings"),
    "y as a sign bit": ({-3: True}, "byte strings"),
    "no y": ({-3: None}, "byte strings"),
    "a short x": ({-2: b"\x01"}, "32 bytes"),
    "a long y": ({-3: bytes(33)}, "32 bytes"),
    "off the curve": ({-3: bytes(32)}, "curve"),
    "another algorithm": ({3: -8}, "EdDSA"),
    "algorithm null": ({3: None}, "none"),
    "for signing only": ({4: [1]}, "verifying"),
    "for nothing": ({4: []}, "verifying"),
    "for what is no list": ({4: 2}, "verifying"),
}


@with_both_kinds
@pytest.mark.parametrize("name", CHANGES)
def test_keys_that_are_not_ours_are_refused(key: SigningKey, name: str) -> None:
    change, says = CHANGES[name]
    with pytest.raises(KeyRefused, match=says):
        key_from_cose({**key_to_cose(key.public), **change})


@pytest.mark.parametrize("value", [None, [], b"", "key", 2, {}, cbor.Tagged(1, {1: 2})])
def test_what_is_no_key_is_refused(value: cbor.Value) -> None:
    with pytest.raises(KeyRefused):
        key_from_cose(value)


@with_both_kinds
@pytest.mark.parametrize("label", [1, -1, -2, -3])
def test_a_key_without_one_of_its_parts_is_refused(key: SigningKey, label: int) -> None:
    value = key_to_cose(key.public)
    del value[label]
    with pytest.raises(KeyRefused):
        key_from_cose(value)


def test_a_point_under_the_other_curve_is_refused() -> None:
    for kind, other in ((KeyKind.SM2, KeyKind.P256), (KeyKind.P256, KeyKind.SM2)):
        value = {**key_to_cose(KEYS[kind].public), -1: CURVE[other]}
        with pytest.raises(KeyRefused, match="curve"):
            key_from_cose(value)


@pytest.mark.parametrize("curve", [SM2_CURVE, P256_CURVE], ids=lambda curve: curve.name)
def test_a_key_in_jwk_and_in_cose_is_the_same_key(curve: Curve) -> None:
    x, y = curve.gx.to_bytes(32, "big"), curve.gy.to_bytes(32, "big")
    number = {"sm2p256v1": -65837, "P-256": 1}[curve.name]
    jwk = {"kty": "EC", "crv": curve.name, "x": encode_base64url(x), "y": encode_base64url(y)}
    assert key_from_cose({1: 2, -1: number, -2: x, -3: y}) == verifying_key_from_jwk(jwk)

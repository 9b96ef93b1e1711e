"""COSE_Sign1 and COSE_Key: the working group's examples, others' libraries, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import cbor2
import cwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cwt.exceptions import VerifyError

from msb_identity.envelopes import cbor
from msb_identity.envelopes.cose import (
    Sign1,
    key_from_cose,
    key_to_cose,
    parse_sign1,
    sign1,
)
from msb_identity.envelopes.jose import encode_base64url, verifying_key_from_jwk
from msb_identity.errors import AlgorithmRefused, EncodingRefused, KeyRefused, SignatureRefused
from msb_identity.pki import KeyKind, SigningKey, VerifyingKey, generate_key
from msb_identity.pki.curves import P256_CURVE, SM2_CURVE
from tests.support import signature_value

if TYPE_CHECKING:
    from pathlib import Path

    from cwt.cose_key_interface import COSEKeyInterface

    from msb_identity.pki.curves import Curve

PAYLOAD = "特种作业操作证 payload".encode()
ALG, CRIT, KID = 1, 2, 4
ALGORITHM = {KeyKind.SM2: -66037, KeyKind.P256: -7}
CURVE = {KeyKind.SM2: -65837, KeyKind.P256: 1}
KEYS = {kind: generate_key(kind) for kind in (KeyKind.SM2, KeyKind.P256)}

with_both_kinds = pytest.mark.parametrize("key", KEYS.values(), ids=list(KEYS))


# The working group's examples


def load(vectors: Path, name: str) -> tuple[bytes, dict[str, str], dict[str, Any]]:
    """Give the message, the key's public half as a JWK, and the input of an example."""
    path = vectors / "licence" / "cose" / f"{name}.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    given = cast("dict[str, Any]", content["input"]["sign0"])
    jwk = {member: given["key"][member] for member in ("kty", "crv", "x", "y")}
    return bytes.fromhex(content["output"]["cbor"]), jwk, given


@pytest.mark.parametrize(
    "name",
    [
        "sign1-tests/sign-pass-01",
        "sign1-tests/sign-pass-02",
        "sign1-tests/sign-pass-03",
        "ecdsa-examples/ecdsa-sig-01",
    ],
)
def test_good_examples_verify(vectors: Path, name: str) -> None:
    data, jwk, given = load(vectors, name)
    external = bytes.fromhex(given.get("external", ""))
    message = parse_sign1(data, lenient=True)
    assert message.payload == b"This is the content."
    assert message.key_id == b"11"
    key = verifying_key_from_jwk(jwk)
    message.verify(key, external=external)
    with pytest.raises(SignatureRefused):
        message.verify(key, external=external + b"\0")


@pytest.mark.parametrize(
    ("number", "error", "says"),
    [
        ("01", EncodingRefused, "tagged"),
        ("02", SignatureRefused, "not this key's"),
        ("03", AlgorithmRefused, "-999 .* ES256"),
        ("04", AlgorithmRefused, "'unknown' .* ES256"),
        ("06", SignatureRefused, "not this key's"),
        ("07", SignatureRefused, "not this key's"),
    ],
)
def test_bad_examples_are_refused(
    vectors: Path, number: str, error: type[Exception], says: str
) -> None:
    data, jwk, _ = load(vectors, f"sign1-tests/sign-fail-{number}")
    key = verifying_key_from_jwk(jwk)
    with pytest.raises(error, match=says):
        parse_sign1(data, lenient=True).verify(key)


@pytest.mark.parametrize(
    ("number", "curve", "algorithm"), [("02", "P-384", "ES384"), ("03", "P-521", "ES512")]
)
def test_examples_on_other_curves_are_refused_by_name(
    vectors: Path, number: str, curve: str, algorithm: str
) -> None:
    data, jwk, _ = load(vectors, f"ecdsa-examples/ecdsa-sig-{number}")
    with pytest.raises(KeyRefused, match=curve):
        verifying_key_from_jwk(jwk)
    with pytest.raises(AlgorithmRefused, match=f"{algorithm}, but .* ES256"):
        parse_sign1(data, lenient=True).verify(KEYS[KeyKind.P256].public)


def test_the_example_with_another_digest_is_refused_by_name(vectors: Path) -> None:
    data, jwk, _ = load(vectors, "ecdsa-examples/ecdsa-sig-04")
    with pytest.raises(AlgorithmRefused, match=r"ES512, but .* ES256"):
        parse_sign1(data, lenient=True).verify(verifying_key_from_jwk(jwk))


@pytest.mark.parametrize("name", [f"ecdsa-0{number}" for number in range(1, 5)])
def test_messages_with_several_signers_are_no_sign1(vectors: Path, name: str) -> None:
    path = vectors / "licence" / "cose" / "ecdsa-examples" / f"{name}.json"
    data = bytes.fromhex(json.loads(path.read_text(encoding="utf-8"))["output"]["cbor"])
    with pytest.raises(EncodingRefused, match="tagged"):
        parse_sign1(data, lenient=True)


@pytest.mark.parametrize(
    "name",
    [
        *(f"sign1-tests/sign-pass-0{number}" for number in (1, 2, 3)),
        *(f"sign1-tests/sign-fail-0{number}" for number in (1, 2, 3, 4, 6, 7)),
        *(f"ecdsa-examples/ecdsa-sig-0{number}" for number in (1, 2, 3, 4)),
    ],
)
def test_unprotected_headers_are_refused_by_default(vectors: Path, name: str) -> None:
    data, _, _ = load(vectors, name)
    with pytest.raises(EncodingRefused):
        parse_sign1(data)


# Agreement with other libraries


def test_cbor2_and_cryptography_alone_verify_ours() -> None:
    key = KEYS[KeyKind.P256]
    message = cbor2.loads(sign1(PAYLOAD, key, header={KID: key.public.key_id}))
    assert message.tag == 18
    protected, unprotected, payload, raw = message.value
    assert cbor2.loads(protected) == {ALG: -7, KID: key.public.key_id}
    assert (unprotected, payload, len(raw)) == ({}, PAYLOAD, 64)
    numbers = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), b"\x04" + key.public.x + key.public.y
    ).verify(
        utils.encode_dss_signature(*numbers),
        cbor2.dumps(["Signature1", protected, b"", payload]),
        ec.ECDSA(SHA256()),
    )


def cwt_key(key: VerifyingKey, d: bytes | None = None) -> COSEKeyInterface:
    private = {} if d is None else {-4: d}
    return cwt.COSEKey.new({1: 2, 2: key.key_id, 3: -7, -1: 1, -2: key.x, -3: key.y, **private})


def test_cwt_verifies_ours() -> None:
    key = KEYS[KeyKind.P256]
    ours = sign1(PAYLOAD, key, header={KID: key.public.key_id})
    assert cwt.COSE.new().decode(ours, cwt_key(key.public)) == PAYLOAD
    changed = ours.replace(PAYLOAD, PAYLOAD[:-1] + b"!")
    with pytest.raises(VerifyError):
        cwt.COSE.new().decode(changed, cwt_key(key.public))


def test_we_verify_those_of_cwt() -> None:
    key = KEYS[KeyKind.P256]
    theirs = cwt.COSE.new().encode_and_sign(
        PAYLOAD,
        cwt_key(key.public, key.private_bytes()),
        protected={ALG: -7, KID: key.public.key_id},
        unprotected={},
    )
    message = parse_sign1(theirs)
    message.verify(key.public)
    assert (message.payload, message.key_id) == (PAYLOAD, key.public.key_id)


# Ours


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


@with_both_kinds
def test_a_message_comes_back(key: SigningKey) -> None:
    data = sign1(PAYLOAD, key, header={KID: key.public.key_id, 16: "a/b"})
    message = parse_sign1(data)
    message.verify(key.public)
    assert message.payload == PAYLOAD
    assert message.algorithm == ALGORITHM[key.kind]
    assert message.key_id == key.public.key_id
    assert message.protected == {ALG: message.algorithm, KID: message.key_id, 16: "a/b"}
    assert message.unprotected == {}
    assert repr(message.signature) not in repr(message)


@with_both_kinds
@pytest.mark.parametrize("payload", [b"", b"\0", bytes(100_000)], ids=len)
def test_any_payload_comes_back(key: SigningKey, payload: bytes) -> None:
    message = parse_sign1(sign1(payload, key))
    message.verify(key.public)
    assert message.payload == payload


def test_an_sm2_message_is_what_the_standards_say() -> None:
    """Private-use numbers in the header, raw r‖s over Z and the Sig_structure."""
    key = KEYS[KeyKind.SM2]
    protected, unprotected, payload, raw = cbor2.loads(sign1(PAYLOAD, key)).value
    assert (cbor2.loads(protected), unprotected, payload) == ({1: -66037}, {}, PAYLOAD)
    value = signature_value(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.public.verify(cbor2.dumps(["Signature1", protected, b"", payload]), value)


@with_both_kinds
def test_the_key_decides_the_algorithm(key: SigningKey) -> None:
    message = parse_sign1(sign1(PAYLOAD, key, header={ALG: -8}))
    assert message.algorithm == ALGORITHM[key.kind]
    message.verify(key.public)


@with_both_kinds
def test_headers_are_verified_as_received_in_any_order(key: SigningKey) -> None:
    header = cbor2.dumps({16: "x", KID: b"k", ALG: ALGORITHM[key.kind]})
    message = parse_sign1(tagged(envelope(key, header)))
    assert message.protected_bytes == header
    message.verify(key.public)


@with_both_kinds
def test_external_data_is_signed_too(key: SigningKey) -> None:
    message = parse_sign1(tagged(envelope(key, {ALG: ALGORITHM[key.kind]}, external=b"outside")))
    message.verify(key.public, external=b"outside")
    for external in (b"", b"outsidE", b"outside\0"):
        with pytest.raises(SignatureRefused):
            message.verify(key.public, external=external)


@with_both_kinds
def test_an_unprotected_algorithm_and_no_tag_are_taken_only_when_lenient(key: SigningKey) -> None:
    for header in (b"", b"\xa0"):
        parts = envelope(key, header, {ALG: ALGORITHM[key.kind], KID: b"k"})
        for data in (tagged(parts), cbor2.dumps(parts)):
            parse_sign1(data, lenient=True).verify(key.public)
            with pytest.raises(EncodingRefused):
                parse_sign1(data)


# What must be refused


@with_both_kinds
def test_one_bit_changed_anywhere_never_verifies(key: SigningKey) -> None:
    data = sign1(PAYLOAD, key, header={KID: key.public.key_id, 16: "a/b"})
    parse_sign1(data).verify(key.public)
    refused = (EncodingRefused, AlgorithmRefused, SignatureRefused)
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(refused):
            parse_sign1(bytes(changed)).verify(key.public)


@with_both_kinds
def test_a_message_cut_or_prolonged_is_refused(key: SigningKey) -> None:
    data = sign1(PAYLOAD, key)
    for length in range(len(data)):
        with pytest.raises(EncodingRefused):
            parse_sign1(data[:length])
    for more in (b"\0", b"\xf6", data):
        with pytest.raises(EncodingRefused):
            parse_sign1(data + more)


@with_both_kinds
def test_another_key_is_refused(key: SigningKey) -> None:
    with pytest.raises(SignatureRefused):
        parse_sign1(sign1(PAYLOAD, key)).verify(generate_key(key.kind).public)


@pytest.mark.parametrize("lenient", [False, True])
def test_a_key_of_the_other_kind_is_refused_whatever_the_header_says(*, lenient: bool) -> None:
    for signer, other in ((KeyKind.SM2, KeyKind.P256), (KeyKind.P256, KeyKind.SM2)):
        key = KEYS[signer]
        honest = parse_sign1(sign1(PAYLOAD, key), lenient=lenient)
        with pytest.raises(AlgorithmRefused):
            honest.verify(KEYS[other].public)
        lying = parse_sign1(tagged(envelope(key, {ALG: ALGORITHM[other]})), lenient=lenient)
        with pytest.raises(AlgorithmRefused):
            lying.verify(key.public)
        with pytest.raises(SignatureRefused):
            lying.verify(KEYS[other].public)


@pytest.mark.parametrize(
    ("named", "says"),
    [
        (-8, "EdDSA"),
        (-35, "ES384"),
        (-36, "ES512"),
        (-37, "PS256"),
        (-47, "ES256K"),
        (-257, "RS256"),
        (5, "HMAC"),
        (7, "7 .unknown"),
        (-9, "-9 .unknown"),
        ("ES256", "'ES256' .unknown"),
        (b"\x26", "none"),
        (None, "none"),
        (True, "."),
        ([-7], "none"),
    ],
)
@with_both_kinds
def test_another_algorithm_is_refused_by_name(key: SigningKey, named: object, says: str) -> None:
    message = parse_sign1(tagged(envelope(key, {ALG: named})))
    with pytest.raises(AlgorithmRefused, match=says):
        message.verify(key.public)


SIGNED = {ALG: -7}
# Each has a good signature over what it shows; `lenient` says whether that mode takes it.
HEADERS: dict[str, tuple[object, object, bool]] = {
    "unprotected key id": (SIGNED, {KID: b"k"}, True),
    "unprotected algorithm": ({}, {ALG: -7}, True),
    "no algorithm at all": ({}, {}, True),
    "the same algorithm in both": (SIGNED, {ALG: -7}, False),
    "another algorithm unprotected": (SIGNED, {ALG: -8}, False),
    "a key id in both": ({ALG: -7, KID: b"k"}, {KID: b"k"}, False),
    "unprotected crit": (SIGNED, {CRIT: [ALG]}, False),
    "crit of a header unknown": ({ALG: -7, CRIT: [99], 99: 1}, {}, False),
    "crit of a text unknown": ({ALG: -7, CRIT: ["x"], "x": 1}, {}, False),
    "crit of a header that is absent": ({ALG: -7, CRIT: [KID]}, {}, False),
    "crit of an unprotected header": ({ALG: -7, CRIT: [KID]}, {KID: b"k"}, False),
    "crit of one known and one not": ({ALG: -7, CRIT: [ALG, 99], 99: 1}, {}, False),
    "crit of itself": ({ALG: -7, CRIT: [CRIT]}, {}, False),
    "crit of true, which equals 1": ({ALG: -7, CRIT: [True]}, {}, False),
    "empty crit": ({ALG: -7, CRIT: []}, {}, False),
    "crit that is a number": ({ALG: -7, CRIT: 1}, {}, False),
    "crit that is a map": ({ALG: -7, CRIT: {1: 1}}, {}, False),
    "crit that is null": ({ALG: -7, CRIT: None}, {}, False),
    "crit with an array": ({ALG: -7, CRIT: [[ALG]]}, {}, False),
    "protected array": ([1, -7], {}, False),
    "protected bytes within bytes": (b"\x43\xa1\x01\x26", {}, False),
    "protected map in a tag": (b"\xc0\xa1\x01\x26", {}, False),
    "protected map and more": (b"\xa1\x01\x26\x00", {}, False),
    "protected map not in shortest form": (b"\xa1\x01\x38\x06", {}, False),
    "protected map of indefinite length": (b"\xbf\x01\x26\xff", {}, False),
    "protected algorithm twice": (b"\xa2\x01\x26\x01\x26", {}, False),
    "protected byte that is no CBOR": (b"\xff", {}, False),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_break_a_rule_are_refused(name: str) -> None:
    protected, unprotected, lenient = HEADERS[name]
    data = tagged(envelope(KEYS[KeyKind.P256], protected, unprotected))
    with pytest.raises(EncodingRefused):
        parse_sign1(data)
    if lenient:
        assert isinstance(parse_sign1(data, lenient=True), Sign1)
    else:
        with pytest.raises(EncodingRefused):
            parse_sign1(data, lenient=True)


def test_crit_of_headers_that_are_understood_is_taken() -> None:
    key = KEYS[KeyKind.P256]
    header = {ALG: -7, CRIT: [KID, 16], KID: b"k", 16: "a/b"}
    parse_sign1(tagged(envelope(key, header))).verify(key.public)


def test_a_message_without_any_algorithm_never_verifies() -> None:
    key = KEYS[KeyKind.P256]
    message = parse_sign1(tagged(envelope(key, {}, {})), lenient=True)
    with pytest.raises(AlgorithmRefused, match="none"):
        message.verify(key.public)


GOOD = envelope(KEYS[KeyKind.P256], SIGNED)
HEADER, _, _, RAW = GOOD
SHAPES: dict[str, object] = {
    "tag of COSE_Sign": cbor2.CBORTag(98, GOOD),
    "tag of COSE_Mac0": cbor2.CBORTag(17, GOOD),
    "tag of CWT": cbor2.CBORTag(61, cbor2.CBORTag(18, GOOD)),
    "tag of self-described CBOR": cbor2.CBORTag(55799, cbor2.CBORTag(18, GOOD)),
    "tag twice": cbor2.CBORTag(18, cbor2.CBORTag(18, GOOD)),
    "tag in the array": cbor2.CBORTag(18, [cbor2.CBORTag(24, HEADER), *GOOD[1:]]),
    "tag around nothing": cbor2.CBORTag(18, None),
    "map": cbor2.CBORTag(18, dict(enumerate(GOOD))),
    "bytes": cbor2.CBORTag(18, cbor2.dumps(GOOD)),
    "three parts": cbor2.CBORTag(18, GOOD[:3]),
    "five parts": cbor2.CBORTag(18, [*GOOD, b""]),
    "no parts": cbor2.CBORTag(18, []),
    "header as a map": cbor2.CBORTag(18, [{ALG: -7}, {}, PAYLOAD, RAW]),
    "unprotected header as null": cbor2.CBORTag(18, [HEADER, None, PAYLOAD, RAW]),
    "unprotected header as bytes": cbor2.CBORTag(18, [HEADER, b"", PAYLOAD, RAW]),
    "detached payload": cbor2.CBORTag(18, [HEADER, {}, None, RAW]),
    "text payload": cbor2.CBORTag(18, [HEADER, {}, "text", RAW]),
    "signature as text": cbor2.CBORTag(18, [HEADER, {}, PAYLOAD, RAW.hex()]),
    "signature as an array": cbor2.CBORTag(18, [HEADER, {}, PAYLOAD, [RAW]]),
    "not an envelope": 18,
    "text": "COSE",
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("lenient", [False, True])
def test_what_has_another_shape_is_refused(name: str, *, lenient: bool) -> None:
    with pytest.raises(EncodingRefused):
        parse_sign1(cbor2.dumps(SHAPES[name]), lenient=lenient)


@pytest.mark.parametrize("length", [0, 1, 32, 63, 65, 70, 72, 96, 128])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    data = tagged([HEADER, {}, PAYLOAD, (RAW * 2)[:length]])
    with pytest.raises(EncodingRefused, match=f"{length} bytes"):
        parse_sign1(data)
    with pytest.raises(SignatureRefused, match=f"{length} bytes"):
        parse_sign1(data, lenient=True).verify(KEYS[KeyKind.P256].public)


@with_both_kinds
def test_a_der_signature_is_refused(key: SigningKey) -> None:
    header = cbor2.dumps({ALG: ALGORITHM[key.kind]})
    der = key.sign(cbor2.dumps(["Signature1", header, b"", PAYLOAD]))
    with pytest.raises(SignatureRefused):
        parse_sign1(tagged([header, {}, PAYLOAD, der]), lenient=True).verify(key.public)


# COSE_Key


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

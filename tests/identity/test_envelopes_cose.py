"""COSE_Sign1 (RFC 9052 section 4.2): ours, and what is refused."""

from __future__ import annotations

import cbor2
import pytest

from msb_identity.envelopes.cose import (
    Sign1,
    parse_sign1,
    sign1,
)
from msb_identity.errors import AlgorithmRefused, EncodingRefused, SignatureRefused
from msb_identity.pki import KeyKind, SigningKey, generate_key
from tests.identity.cose_world import (
    ALG,
    ALGORITHM,
    CRIT,
    KEYS,
    KID,
    PAYLOAD,
    envelope,
    tagged,
    with_both_kinds,
)
from tests.support import signature_value


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

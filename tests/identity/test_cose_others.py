"""COSE_Sign1: the working group's examples, and agreement with others' libraries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import cbor2
import cwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cwt.exceptions import VerifyError

from msb_identity.envelopes.cose import (
    parse_sign1,
    sign1,
)
from msb_identity.envelopes.jose import verifying_key_from_jwk
from msb_identity.errors import AlgorithmRefused, EncodingRefused, KeyRefused, SignatureRefused
from msb_identity.pki import KeyKind, VerifyingKey
from tests.identity.cose_world import (
    ALG,
    KEYS,
    KID,
    PAYLOAD,
)

if TYPE_CHECKING:
    from pathlib import Path

    from cwt.cose_key_interface import COSEKeyInterface


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

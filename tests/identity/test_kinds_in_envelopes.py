"""RSA and Ed25519 in JOSE and COSE."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import cbor2
import cwt
import jwt
import pytest

from msb_identity.envelopes import cbor
from msb_identity.envelopes.cose import key_from_cose, key_to_cose, parse_sign1, sign1
from msb_identity.envelopes.jose import (
    KeySet,
    parse_jws,
    private_jwk,
    public_jwk,
    sign_jws,
    signing_key_from_jwk,
    verifying_key_from_jwk,
)
from msb_identity.errors import (
    AlgorithmRefused,
    EncodingRefused,
    KeyRefused,
)
from msb_identity.pki import (
    KeyKind,
    SigningKey,
)
from tests.identity.kinds import (
    ED,
    KEYS,
    MESSAGE,
    RSA,
    library_key,
    with_all_kinds,
    with_new_kinds,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa


@with_new_kinds
def test_a_jws_comes_back_and_pyjwt_agrees(key: SigningKey) -> None:
    algorithm = {KeyKind.RSA: "RS256", KeyKind.ED25519: "EdDSA"}[key.kind]
    token = sign_jws(b'{"a":1}', key, type_="JWT")
    parse_jws(token).verify(key.public)
    assert jwt.decode(token, jwt.PyJWK(dict(public_jwk(key.public))), [algorithm]) == {"a": 1}
    theirs = jwt.encode({"a": 1}, cast("rsa.RSAPrivateKey", library_key(key)), algorithm)
    parse_jws(theirs).verify(key.public)
    for other in KEYS.values():
        if other is not key:
            with pytest.raises(AlgorithmRefused):
                parse_jws(theirs).verify(other.public)


@with_new_kinds
def test_a_jwk_comes_back(key: SigningKey) -> None:
    again = signing_key_from_jwk(private_jwk(key))
    assert again.public == verifying_key_from_jwk(public_jwk(key.public)) == key.public
    key.public.verify(MESSAGE, again.sign(MESSAGE))
    keys = KeySet.from_json(KeySet([key.public]).as_json())
    assert keys.get(key.public.key_id_text) == key.public


@pytest.mark.parametrize(
    "change",
    [
        {"n": "AA" + public_jwk(RSA.public)["n"]},
        {"e": "AAEAAQ"},
        {"e": ""},
        {"n": 1},
        {"alg": "RS384"},
        {"alg": "PS256"},
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"d": "AQ"},
        {"p": "AQ"},
        {"oth": []},
    ],
    ids=lambda change: next(iter(change)),
)
def test_rsa_jwks_that_break_a_rule_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(KeyRefused):
        verifying_key_from_jwk({**public_jwk(RSA.public), **change})


@pytest.mark.parametrize("change", ["d", "p", "q", "dp", "dq", "qi"])
def test_rsa_jwks_without_all_private_numbers_are_refused(change: str) -> None:
    jwk = private_jwk(RSA)
    with pytest.raises(KeyRefused, match=f"without {change}"):
        signing_key_from_jwk({name: value for name, value in jwk.items() if name != change})
    with pytest.raises(KeyRefused, match="primes"):
        signing_key_from_jwk({**jwk, "oth": [{"r": "AQ"}]})


@pytest.mark.parametrize(
    "change", [{"use": "enc"}, {"alg": "RSA-OAEP"}, {"alg": "PS256"}, {"alg": "RS512"}]
)
def test_rsa_keys_for_other_ends_do_not_spoil_a_key_set(change: dict[str, str]) -> None:
    listed = [{**public_jwk(RSA.public), "kid": "other", **change}, public_jwk(ED.public)]
    keys = KeySet.from_json(json.dumps({"keys": listed}))
    assert [skipped.name for skipped in keys.skipped] == ["other"]
    assert keys.get(ED.public.key_id_text) == ED.public


@with_new_kinds
def test_a_sign1_comes_back_and_cwt_agrees(key: SigningKey) -> None:
    algorithm = {KeyKind.RSA: -257, KeyKind.ED25519: -8}[key.kind]
    data = sign1(MESSAGE, key)
    message = parse_sign1(data)
    message.verify(key.public)
    assert message.algorithm == algorithm
    value = cbor2.loads(cbor.encode(key_to_cose(key.public)))
    theirs = cwt.COSEKey.new({**value, 3: algorithm, 4: [2]})
    assert cwt.COSE.new().decode(data, theirs) == MESSAGE


@with_all_kinds
def test_a_cose_key_comes_back_where_its_kind_is_expected(key: SigningKey) -> None:
    value = cbor.decode(cbor.encode(key_to_cose(key.public)))
    assert key_from_cose(value, kinds=set(KeyKind)) == key.public
    others = set(KeyKind) - {key.kind}
    with pytest.raises(KeyRefused):
        key_from_cose(value, kinds=others)


@with_new_kinds
def test_keys_inside_our_codes_stay_sm2_or_p256(key: SigningKey) -> None:
    with pytest.raises(KeyRefused, match="EC2"):
        key_from_cose(key_to_cose(key.public))


@pytest.mark.parametrize("label", range(-12, -2))
def test_a_private_rsa_cose_key_is_refused(label: int) -> None:
    with pytest.raises(KeyRefused, match="private"):
        key_from_cose({**key_to_cose(RSA.public), label: b"\1"}, kinds=set(KeyKind))


@pytest.mark.parametrize("change", [{-1: b"\0\1"}, {-1: b""}, {-1: 1}, {-2: None}, {3: -7}])
def test_rsa_cose_keys_that_break_a_rule_are_refused(change: dict[int | str, cbor.Value]) -> None:
    with pytest.raises(KeyRefused):
        key_from_cose({**key_to_cose(RSA.public), **change}, kinds=set(KeyKind))


@pytest.mark.parametrize("length", [0, 63, 65, 128, 255, 1025])
def test_an_rsa_signature_in_cose_has_the_length_of_some_key(length: int) -> None:
    header = cbor.encode({1: -257})
    data = cbor.encode(cbor.Tagged(18, [header, {}, MESSAGE, bytes(length)]))
    with pytest.raises(EncodingRefused, match=f"{length} bytes"):
        parse_sign1(data)

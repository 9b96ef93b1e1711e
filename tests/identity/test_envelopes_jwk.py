"""JWK and key sets: what comes back, what is refused, and what is skipped."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from msb_identity.envelopes.jose import (
    MAX_KEYS,
    KeySet,
    decode_base64url,
    encode_base64url,
    private_jwk,
    public_jwk,
    signing_key_from_jwk,
    verifying_key_from_jwk,
)
from msb_identity.errors import EncodingRefused, KeyRefused
from msb_identity.pki import KeyKind, SigningKey, VerifyingKey, generate_key
from msb_identity.pki.classic import P256VerifyingKey

if TYPE_CHECKING:
    from collections.abc import Mapping

PAYLOAD = b"payload"
KEYS = {kind: generate_key(kind) for kind in (KeyKind.SM2, KeyKind.P256)}
with_both_kinds = pytest.mark.parametrize("key", KEYS.values(), ids=list(KEYS))


# JWK


@with_both_kinds
def test_a_public_key_comes_back(key: SigningKey) -> None:
    jwk = public_jwk(key.public)
    assert "d" not in jwk
    assert verifying_key_from_jwk(json.loads(json.dumps(jwk))) == key.public
    for less in ("kid", "alg", "use"):
        assert verifying_key_from_jwk({n: v for n, v in jwk.items() if n != less}) == key.public
    assert verifying_key_from_jwk({**jwk, "key_ops": ["verify"], "x5t": "unknown"}) == key.public


@with_both_kinds
def test_a_private_key_comes_back(key: SigningKey) -> None:
    jwk = private_jwk(key)
    for ops in ({}, {"key_ops": ["sign"]}, {"key_ops": ["sign", "verify"]}):
        again = signing_key_from_jwk({**json.loads(json.dumps(jwk)), **ops})
        assert again.public == key.public
        assert again.private_bytes() == key.private_bytes()
        key.public.verify(PAYLOAD, again.sign(PAYLOAD))


@with_both_kinds
def test_the_thumbprint_is_that_of_rfc_7638(key: SigningKey) -> None:
    jwk = public_jwk(key.public)
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    written = json.dumps(members, sort_keys=True, separators=(",", ":"))
    assert key.public.thumbprint == hashlib.sha256(written.encode()).digest()
    assert jwk["kid"] == encode_base64url(key.public.thumbprint[:8])


SHORT, LONG = encode_base64url(b"\1" * 31), encode_base64url(b"\1" * 33)
# None takes the member away.
PUBLIC_CHANGES: dict[str, Mapping[str, Any]] = {
    "kty RSA": {"kty": "RSA"},
    "kty oct": {"kty": "oct"},
    "kty OKP": {"kty": "OKP"},
    "kty in lower case": {"kty": "ec"},
    "kty as a list": {"kty": ["EC"]},
    "no kty": {"kty": None},
    "crv P-384": {"crv": "P-384"},
    "crv P-521": {"crv": "P-521"},
    "crv secp256k1": {"crv": "secp256k1"},
    "crv in lower case": {"crv": "p-256"},
    "crv as a list": {"crv": ["P-256"]},
    "no crv": {"crv": None},
    "no x": {"x": None},
    "no y": {"y": None},
    "x as a number": {"x": 1},
    "y as a list": {"y": []},
    "short x": {"x": SHORT},
    "long y": {"y": LONG},
    "empty x": {"x": ""},
    "off the curve": {"y": encode_base64url(bytes(32))},
    "use enc": {"use": "enc"},
    "use null": {"use": []},
    "key_ops encrypt": {"key_ops": ["encrypt"]},
    "key_ops empty": {"key_ops": []},
    "key_ops text": {"key_ops": "verify sign"},
    "key_ops object": {"key_ops": {"verify": 1, "sign": 1}},
    "alg ES384": {"alg": "ES384"},
    "alg ECDH-ES": {"alg": "ECDH-ES"},
    "alg a number": {"alg": 1},
}


def changed_jwk(jwk: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**jwk, **change}.items() if value is not None}


@with_both_kinds
@pytest.mark.parametrize("name", PUBLIC_CHANGES)
def test_keys_that_are_not_ours_are_refused(key: SigningKey, name: str) -> None:
    with pytest.raises(KeyRefused):
        verifying_key_from_jwk(changed_jwk(public_jwk(key.public), PUBLIC_CHANGES[name]))
    with pytest.raises(KeyRefused):
        signing_key_from_jwk(changed_jwk(private_jwk(key), PUBLIC_CHANGES[name]))


@with_both_kinds
@pytest.mark.parametrize("member", ["x", "y"])
def test_coordinates_have_one_spelling(key: SigningKey, member: str) -> None:
    jwk = public_jwk(key.public)
    text = jwk[member]
    # 32 bytes end in a character with two spare bits, which must be zero.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = text[:-1] + alphabet[alphabet.index(text[-1]) + 1]
    zero = encode_base64url(b"\0" + decode_base64url(text))
    for other in (text + "=", spare, zero, f" {text}", f"{text}\n", f"{text}AA"):
        with pytest.raises(KeyRefused):
            verifying_key_from_jwk({**jwk, member: other})


@with_both_kinds
def test_a_private_key_is_refused_where_a_public_one_belongs(key: SigningKey) -> None:
    with pytest.raises(KeyRefused, match="private"):
        verifying_key_from_jwk(private_jwk(key))
    with pytest.raises(KeyRefused, match="private"):
        verifying_key_from_jwk({**public_jwk(key.public), "d": ""})


@with_both_kinds
def test_a_private_key_for_verifying_only_does_not_sign(key: SigningKey) -> None:
    with pytest.raises(KeyRefused):
        signing_key_from_jwk({**private_jwk(key), "key_ops": ["verify"]})
    with pytest.raises(KeyRefused):
        verifying_key_from_jwk({**public_jwk(key.public), "key_ops": ["sign"]})


@with_both_kinds
def test_private_numbers_that_do_not_belong_are_refused(key: SigningKey) -> None:
    jwk, other = private_jwk(key), generate_key(key.kind)
    wrong: list[object] = [None, 1, "", SHORT, LONG, jwk["d"] + "=", "d d", [jwk["d"]]]
    wrong += [encode_base64url(bytes(32)), encode_base64url(b"\xff" * 32), private_jwk(other)["d"]]
    for d in wrong:
        with pytest.raises(KeyRefused) as caught:
            signing_key_from_jwk(changed_jwk(jwk, {"d": d}))
        assert not isinstance(d, str) or len(d) < 9 or d not in str(caught.value)
    with pytest.raises(KeyRefused, match="belong"):
        signing_key_from_jwk({**private_jwk(other), "x": jwk["x"], "y": jwk["y"]})


def test_a_point_under_the_other_curve_is_refused() -> None:
    for kind, other in ((KeyKind.SM2, "P-256"), (KeyKind.P256, "sm2p256v1")):
        jwk = {**public_jwk(KEYS[kind].public), "crv": other}
        with pytest.raises(KeyRefused, match="but the key is for"):
            verifying_key_from_jwk(jwk)
        del jwk["alg"]
        with pytest.raises(KeyRefused, match="not on the curve"):
            verifying_key_from_jwk(jwk)


# Key sets


def key_set(*keys: Mapping[str, Any]) -> str:
    return json.dumps({"keys": keys})


def test_a_key_set_comes_back() -> None:
    publics = [key.public for key in KEYS.values()]
    for keys in (KeySet(publics), KeySet.from_json(KeySet(publics).as_json())):
        assert [keys.get(public.key_id_text) for public in publics] == publics
        assert keys.skipped == ()
        assert keys.get("unknown") is None
        assert keys.get(None) is None
        assert keys.get("") is None


def test_a_key_set_keeps_the_names_of_others() -> None:
    public = KEYS[KeyKind.SM2].public
    keys = KeySet.from_json(key_set({**public_jwk(public), "kid": "2024 签发"}))
    assert keys.get("2024 签发") == public
    assert keys.get(public.key_id_text) is None
    assert KeySet.from_json(keys.as_json()).get("2024 签发") == public


def test_an_empty_key_set_has_no_key() -> None:
    assert KeySet.from_json('{"keys":[]}').get("k") is None
    assert KeySet(()).as_json() == b'{"keys":[]}'


OURS = {**public_jwk(KEYS[KeyKind.P256].public), "kid": "a"}
SM2 = {**public_jwk(KEYS[KeyKind.SM2].public), "kid": "a"}
OTHER = {"kty": "oct", "kid": "a", "k": "AQ"}


@pytest.mark.parametrize(
    "keys",
    [(OURS, OURS), (OURS, SM2), (SM2, OTHER, OURS)],
    ids=["same", "two kinds", "with another between"],
)
def test_two_keys_of_one_name_are_refused(keys: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(KeyRefused, match="kid"):
        KeySet.from_json(key_set(*keys))


def test_two_keys_whose_short_names_meet_are_refused() -> None:
    class OneName(P256VerifyingKey):
        """A double: the names of real keys meet once in 2^32 keys."""

        key_id = b"samename"

    def renamed(key: VerifyingKey) -> VerifyingKey:
        return OneName(key.x, key.y)

    first, second = (renamed(generate_key(KeyKind.P256).public) for _ in range(2))
    assert KeySet([first, first]).get(first.key_id_text) == first
    with pytest.raises(KeyRefused, match="named"):
        KeySet([first, second])


def test_keys_that_we_do_not_have_are_named() -> None:
    okp = {"kty": "OKP", "crv": "Ed448", "kid": "ed", "x": "AA"}
    p384 = {"kty": "EC", "crv": "P-384", "kid": "p384", "x": "AA", "y": "AA"}
    odd = {"kty": ["EC"], "crv": {"P-256": 1}, "kid": "odd"}
    keys = KeySet.from_json(key_set(okp, {**OURS, "kid": "ours"}, p384, OTHER, odd))
    assert [skipped.name for skipped in keys.skipped] == ["ed", "p384", "a", "odd"]
    assert keys.get("ours") == KEYS[KeyKind.P256].public
    assert keys.get("ed") is None


@pytest.mark.parametrize("keys", [(OURS, OTHER), (OTHER, OURS)], ids=["before", "behind"])
def test_a_name_shared_with_a_key_for_something_else_is_no_fault(keys: tuple[Any, ...]) -> None:
    found = KeySet.from_json(key_set(*keys))
    assert found.get("a") == KEYS[KeyKind.P256].public
    assert [skipped.name for skipped in found.skipped] == ["a"]


@pytest.mark.parametrize(
    ("jwk", "reason"),
    [
        ({name: value for name, value in OURS.items() if name != "kid"}, "without a name"),
        ({**OURS, "kid": 1}, "without a name"),
        ({**OURS, "kid": None}, "without a name"),
        ({**private_jwk(KEYS[KeyKind.P256]), "kid": "a"}, "private"),
        ({**OURS, "alg": "ES384"}, "ES384"),
        ({**OURS, "use": "enc"}, "signatures"),
        ({**OURS, "key_ops": ["deriveKey"]}, "signatures"),
        ({**OURS, "y": OURS["x"]}, "curve"),
        ({**OURS, "x": OURS["x"] + "="}, "base64url"),
        ({**OURS, "x": 7}, "without x"),
    ],
    ids=["no kid", "kid 1", "kid null", "private", "alg", "enc", "ops", "no point", "pad", "x 7"],
)
def test_a_key_that_cannot_be_used_is_skipped_and_spoils_nothing(
    jwk: dict[str, Any], reason: str
) -> None:
    good = {**SM2, "kid": "good"}
    for keys in ((jwk,), (good, jwk), (jwk, good)):
        found = KeySet.from_json(key_set(*keys))
        assert found.get("a") is None
        assert (found.get("good") is not None) == (good in keys)
        (skipped,) = found.skipped
        assert reason in skipped.reason
        assert skipped.name in ("a", f"#{keys.index(jwk) + 1}")


def test_a_private_key_that_is_published_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    private = private_jwk(KEYS[KeyKind.P256])
    KeySet.from_json(key_set({**private, "kid": "leaked"}, OTHER, {**OURS, "use": "enc"}))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "leaked" in record.getMessage()
    assert "private" in record.getMessage()
    assert private["d"] not in record.getMessage()


@pytest.mark.parametrize(
    "data",
    [
        *("", "null", "[]", "{}", '{"keys":{}}', '{"keys":null}', '{"keys":"a"}', '{"keys":[1]}'),
        *('{"keys":[[]]}', '{"keys":[null]}', '{"keys":[],"keys":[]}', '{"KEYS":[]}', '{"keys":[]'),
        json.dumps({"keys": [OTHER] * (MAX_KEYS + 1)}),
    ],
    ids=lambda data: cast("str", data)[:20] or "empty",
)
def test_what_is_no_key_set_is_refused(data: str) -> None:
    for form in (data, data.encode()):
        with pytest.raises(EncodingRefused):
            KeySet.from_json(form)


def test_a_key_set_has_at_most_a_thousand_keys() -> None:
    keys = [{**OTHER, "kid": str(number)} for number in range(MAX_KEYS)]
    assert len(KeySet.from_json(key_set(*keys)).skipped) == MAX_KEYS

"""JWS: what comes back, agreement with PyJWT, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from msb_identity.envelopes.jose import (
    MAX_JWS_CHARS,
    decode_base64url,
    encode_base64url,
    parse_jws,
    public_jwk,
    sign_jws,
    verifying_key_from_jwk,
)
from msb_identity.errors import AlgorithmRefused, EncodingRefused, KeyRefused, SignatureRefused
from msb_identity.pki import KeyKind, SigningKey, generate_key

PAYLOAD = json.dumps({"iss": "https://id.example", "sub": "张三"}).encode()
ALGORITHM = {KeyKind.SM2: "SGD_SM3_SM2", KeyKind.P256: "ES256"}
KEYS = {kind: generate_key(kind) for kind in (KeyKind.SM2, KeyKind.P256)}
REFUSED = (EncodingRefused, AlgorithmRefused, SignatureRefused, KeyRefused)

with_both_kinds = pytest.mark.parametrize("key", KEYS.values(), ids=list(KEYS))


def compact(header: object, key: SigningKey, *, payload: bytes = PAYLOAD) -> str:
    """A JWS with a good signature, whatever its header says; `header` may be the very bytes."""
    written = header if isinstance(header, bytes) else json.dumps(header).encode()
    text = f"{encode_base64url(written)}.{encode_base64url(payload)}"
    # DER to raw by hand: an INTEGER begins at 4, the next two bytes after its end.
    der = key.sign(text.encode())
    end = 4 + der[3]
    raw = b"".join(number[-32:].rjust(32, b"\0") for number in (der[4:end], der[end + 2 :]))
    return f"{text}.{encode_base64url(raw)}"


# Agreement with PyJWT


def test_stock_pyjwt_verifies_ours() -> None:
    key = KEYS[KeyKind.P256]
    token = sign_jws(PAYLOAD, key, type_="at+jwt")
    taken = jwt.PyJWK(dict(public_jwk(key.public)))
    assert jwt.decode(token, taken, algorithms=["ES256"]) == json.loads(PAYLOAD)
    assert jwt.get_unverified_header(token) == {
        "alg": "ES256",
        "kid": key.public.key_id_text,
        "typ": "at+jwt",
    }
    other = jwt.PyJWK(dict(public_jwk(generate_key(KeyKind.P256).public)))
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, other, algorithms=["ES256"])


def test_we_verify_those_of_stock_pyjwt() -> None:
    made = ec.generate_private_key(ec.SECP256R1())
    point = made.public_key().public_numbers()
    x, y = (encode_base64url(n.to_bytes(32, "big")) for n in (point.x, point.y))
    key = verifying_key_from_jwk({"kty": "EC", "crv": "P-256", "x": x, "y": y})
    message = parse_jws(jwt.encode({"sub": "1"}, made, "ES256", headers={"kid": "k"}))
    message.verify(key)
    assert (message.key_id, json.loads(message.payload)) == ("k", {"sub": "1"})


def test_nothing_is_registered_with_pyjwt_for_the_rest_of_the_process() -> None:
    sign_jws(PAYLOAD, KEYS[KeyKind.SM2], type_="JWT")
    with pytest.raises(NotImplementedError):
        jwt.get_algorithm_by_name("SGD_SM3_SM2")
    with pytest.raises(jwt.InvalidTokenError):
        jwt.decode(sign_jws(PAYLOAD, KEYS[KeyKind.SM2], type_="JWT"), "k" * 32, ["SGD_SM3_SM2"])


# Ours


@with_both_kinds
def test_a_message_comes_back(key: SigningKey) -> None:
    text = sign_jws(PAYLOAD, key, type_="at+jwt")
    message = parse_jws(text)
    message.verify(key.public)
    assert message.payload == PAYLOAD
    assert message.header == {
        "alg": ALGORITHM[key.kind],
        "kid": key.public.key_id_text,
        "typ": "at+jwt",
    }
    assert len(message.signature) == 64
    assert repr(message.signature) not in repr(message)


@pytest.mark.parametrize(
    ("header", "type_", "key_id"),
    [
        ({"typ": "application/at+jwt", "kid": "k"}, "at+jwt", "k"),
        ({"typ": "AT+JWT", "kid": ""}, "at+jwt", ""),
        ({"typ": "JWT"}, "jwt", None),
        ({}, None, None),
        ({"typ": 1, "kid": 1}, None, None),
        ({"typ": None, "kid": ["k"]}, None, None),
    ],
)
def test_type_and_key_id_are_text_or_nothing(
    header: dict[str, Any], type_: str | None, key_id: str | None
) -> None:
    message = parse_jws(compact({"alg": "ES256", **header}, KEYS[KeyKind.P256]))
    message.verify(KEYS[KeyKind.P256].public)
    assert (message.type, message.key_id) == (type_, key_id)


@given(st.binary())
def test_bytes_come_back_through_base64url(data: bytes) -> None:
    assert decode_base64url(encode_base64url(data)) == data


@given(st.text(alphabet="AQgwBCxyz019-_=+/ \nÄ") | st.text())
def test_text_is_refused_or_the_one_base64url_of_its_bytes(text: str) -> None:
    try:
        data = decode_base64url(text)
    except EncodingRefused:
        return
    assert encode_base64url(data) == text


# What must be refused


@with_both_kinds
def test_one_bit_changed_anywhere_never_verifies(key: SigningKey) -> None:
    text = sign_jws(PAYLOAD, key, type_="at+jwt").encode()
    parse_jws(text.decode()).verify(key.public)
    for bit in range(8 * len(text)):
        changed = bytearray(text)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(REFUSED):
            parse_jws(changed.decode("latin-1")).verify(key.public)


@with_both_kinds
def test_a_message_cut_or_prolonged_is_refused(key: SigningKey) -> None:
    text = sign_jws(PAYLOAD, key, type_="at+jwt")
    for length in range(len(text)):
        with pytest.raises(REFUSED):
            parse_jws(text[:length]).verify(key.public)
    for more in ("A", "AA", "=", ".", "\n", " ", "\0", ".e30"):
        with pytest.raises(REFUSED):
            parse_jws(text + more).verify(key.public)


@with_both_kinds
def test_another_key_is_refused(key: SigningKey) -> None:
    message = parse_jws(sign_jws(PAYLOAD, key, type_="at+jwt"))
    with pytest.raises(SignatureRefused):
        message.verify(generate_key(key.kind).public)


def test_a_key_of_the_other_kind_is_refused_whatever_the_header_says() -> None:
    for signer, other in ((KeyKind.SM2, KeyKind.P256), (KeyKind.P256, KeyKind.SM2)):
        key = KEYS[signer]
        with pytest.raises(AlgorithmRefused):
            parse_jws(sign_jws(PAYLOAD, key, type_="JWT")).verify(KEYS[other].public)
        lying = parse_jws(compact({"alg": ALGORITHM[other]}, key))
        with pytest.raises(AlgorithmRefused):
            lying.verify(key.public)
        with pytest.raises(SignatureRefused):
            lying.verify(KEYS[other].public)


@with_both_kinds
@pytest.mark.parametrize(
    "named",
    [
        *("none", "None", "NONE", "", "es256", "ES256 ", "ES256K", "ES384", "HS256", "EdDSA"),
        *("RS256", "SM2", "SM3withSM2", "sgd_sm3_sm2", "1.2.156.10197.1.501", "ES256\0"),
        *(None, 1, -7, True, ["ES256"], {"ES256": 1}),
    ],
    ids=repr,
)
def test_another_algorithm_is_refused(key: SigningKey, named: object) -> None:
    message = parse_jws(compact({"alg": named}, key))
    with pytest.raises(AlgorithmRefused, match=ALGORITHM[key.kind]):
        message.verify(key.public)


@with_both_kinds
def test_no_algorithm_is_refused(key: SigningKey) -> None:
    with pytest.raises(AlgorithmRefused):
        parse_jws(compact({"kid": key.public.key_id_text}, key)).verify(key.public)


def test_a_key_in_the_message_is_not_used() -> None:
    attacker, key = generate_key(KeyKind.P256), KEYS[KeyKind.P256]
    header = {"alg": "ES256", "kid": key.public.key_id_text, "jwk": public_jwk(attacker.public)}
    with pytest.raises(SignatureRefused):
        parse_jws(compact(header, attacker)).verify(key.public)


HEADERS = {
    "crit": b'{"alg":"ES256","crit":["exp"],"exp":1}',
    "empty crit": b'{"alg":"ES256","crit":[]}',
    "crit null": b'{"alg":"ES256","crit":null}',
    "b64 false": b'{"alg":"ES256","b64":false,"crit":["b64"]}',
    "b64 true": b'{"alg":"ES256","b64":true}',
    "jku": b'{"alg":"ES256","jku":"https://attacker.example/keys"}',
    "x5u": b'{"alg":"ES256","x5u":"https://attacker.example/certificate"}',
    "a name twice": b'{"alg":"ES256","alg":"ES256"}',
    "a name twice, once escaped": b'{"alg":"none","\\u0061lg":"ES256"}',
    "a name twice within": b'{"alg":"ES256","x":{"y":1,"y":2}}',
    "array": b'["ES256"]',
    "text": b'"ES256"',
    "number": b"1",
    "null": b"null",
    "empty": b" ",
    "two objects": b'{"alg":"ES256"}{}',
    "bytes behind": b'{"alg":"ES256"}\0',
    "no end": b'{"alg":"ES256"',
    "single quotes": b"{'alg':'ES256'}",
    "comment": b'{"alg":"ES256"/**/}',
    "comma too many": b'{"alg":"ES256",}',
    "NaN": b'{"alg":"ES256","x":NaN}',
    "a number that is infinite": b'{"alg":"ES256","x":1e999}',
    "not UTF-8": b'{"alg":"ES256","x":"\xff"}',
    "lone surrogate": b'{"alg":"ES256","x":"\\ud800"}',
    "byte order mark": b'\xef\xbb\xbf{"alg":"ES256"}',
    "UTF-16": '{"alg":"ES256"}'.encode("utf-16"),
    "too deep": b'{"alg":"ES256","x":' + b"[" * 40 + b"]" * 40 + b"}",
    "far too deep": b'{"alg":"ES256","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_break_a_rule_are_refused(name: str) -> None:
    with pytest.raises(EncodingRefused):
        parse_jws(compact(HEADERS[name], KEYS[KeyKind.P256]))


GOOD = compact({"alg": "ES256"}, KEYS[KeyKind.P256])
HEAD, BODY, TAIL = GOOD.split(".")
TEXTS = {
    "empty": "",
    "points only": "..",
    "one part": HEAD,
    "two parts": f"{HEAD}.{BODY}",
    "four parts": f"{GOOD}.{TAIL}",
    "five parts, as JWE": f"{GOOD}.{TAIL}.{TAIL}",
    "a part too many that is empty": f"{GOOD}.",
    "an empty part before": f".{GOOD}",
    "no header": f".{BODY}.{TAIL}",
    "no payload": f"{HEAD}..{TAIL}",
    "no signature": f"{HEAD}.{BODY}.",
    "padded header": f"{HEAD}=.{BODY}.{TAIL}",
    "padded payload": f"{HEAD}.{BODY}=.{TAIL}",
    "padded signature": f"{HEAD}.{BODY}.{TAIL}==",
    "spare bits": f"{HEAD}.QR.{TAIL}",
    "spare bits of a part of three": f"{HEAD}.QUJ.{TAIL}",
    "a part of one character": f"{HEAD}.Q.{TAIL}",
    "the other alphabet, plus": f"{HEAD}.QUI+.{TAIL}",
    "the other alphabet, slash": f"{HEAD}.QUI/.{TAIL}",
    "space": f"{HEAD}. {BODY}.{TAIL}",
    "space before": f" {GOOD}",
    "end of line": f"{GOOD}\n",
    "end of line in a part": f"{HEAD}\n.{BODY}.{TAIL}",
    "null character": f"{GOOD}\0",
    "full-width letter": f"{HEAD}.ＱＵＪＤ.{TAIL}",
    "lone surrogate": f"{HEAD}.\ud800UJD.{TAIL}",
    "full-width point": GOOD.replace(".", "．"),
    "JSON form": json.dumps({"protected": HEAD, "payload": BODY, "signature": TAIL}),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_that_break_a_rule_are_refused(name: str) -> None:
    parse_jws(GOOD).verify(KEYS[KeyKind.P256].public)
    with pytest.raises(EncodingRefused):
        parse_jws(TEXTS[name])


def test_a_long_text_is_refused_before_it_is_read() -> None:
    fill = "QUJD" * ((MAX_JWS_CHARS - len(HEAD) - len(TAIL) - 2) // 4)
    assert parse_jws(f"{HEAD}.{fill}.{TAIL}").payload[:3] == b"ABC"
    with pytest.raises(EncodingRefused, match="more than"):
        parse_jws(f"{HEAD}.{fill}QUJDQUJD.{TAIL}")


@pytest.mark.parametrize("length", [1, 32, 63, 65, 70, 72, 96, 128, 50_000])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    raw = (decode_base64url(TAIL) * 1_000)[:length]
    with pytest.raises(SignatureRefused, match=f"{length} bytes"):
        parse_jws(f"{HEAD}.{BODY}.{encode_base64url(raw)}").verify(KEYS[KeyKind.P256].public)

"""JWS, JWK and key sets: vectors, agreement with other libraries, and what is refused."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, cast

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from msb_identity.envelopes.jose import (
    MAX_JWS_CHARS,
    MAX_KEYS,
    KeySet,
    decode_base64url,
    encode_base64url,
    parse_jws,
    private_jwk,
    public_jwk,
    sign_jws,
    signing_key_from_jwk,
    verifying_key_from_jwk,
)
from msb_identity.errors import AlgorithmRefused, EncodingRefused, KeyRefused, SignatureRefused
from msb_identity.pki import KeyKind, SigningKey, VerifyingKey, generate_key
from msb_identity.pki.classic import P256VerifyingKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

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


# SM2 by other libraries


@pytest.mark.parametrize("number", range(3), ids=["gmssl", "tongsuo", "openssl"])
def test_sm2_signatures_by_other_libraries_verify_as_raw_only(vectors: Path, number: int) -> None:
    path = vectors / "identity" / "sm2_jws_kat.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    key = verifying_key_from_jwk(content["jwk"])
    raw, der = (content["tests"][number][name] for name in ("jws_raw_rs", "jws_der"))
    message = parse_jws(raw)
    message.verify(key)
    assert (message.key_id, message.type) == ("gbt32918", "jwt")
    with pytest.raises(SignatureRefused, match="raw"):
        parse_jws(der).verify(key)


# Wycheproof


FAULTY = {346, 347, 350, 351}  # the JWK names another algorithm than the header
EMPTY = {259}  # our formats sign nothing empty, and a part left out looks the same


@pytest.fixture(scope="session")
def wycheproof(vectors: Path) -> Callable[[str], dict[int, tuple[dict[str, Any], dict[str, Any]]]]:
    """Give the cases of a file by number, each with its group's key or key set."""

    def read(name: str) -> dict[int, tuple[dict[str, Any], dict[str, Any]]]:
        content = json.loads((vectors / "identity" / name).read_text(encoding="utf-8"))
        return {
            case["tcId"]: (group.get("public", group["private"]), case)
            for group in content["testGroups"]
            for case in group["tests"]
        }

    return read


@pytest.fixture(scope="session")
def signature_cases(
    wycheproof: Callable[[str], dict[int, tuple[dict[str, Any], dict[str, Any]]]],
) -> dict[int, tuple[dict[str, Any], dict[str, Any]]]:
    return wycheproof("json_web_signature_test.json")


@pytest.fixture(scope="session")
def key_cases(
    wycheproof: Callable[[str], dict[int, tuple[dict[str, Any], dict[str, Any]]]],
) -> dict[int, tuple[dict[str, Any], dict[str, Any]]]:
    return wycheproof("json_web_key_test.json")


@pytest.mark.parametrize("number", range(1, 402))
def test_wycheproof_signatures(
    signature_cases: dict[int, tuple[dict[str, Any], dict[str, Any]]], number: int
) -> None:
    jwk, case = signature_cases[number]
    if jwk.get("crv") != "P-256" and jwk["kty"] != "RSA":
        with pytest.raises(KeyRefused, match=f"{jwk['kty']}.*{jwk.get('crv')}"):
            verifying_key_from_jwk(jwk)
    elif jwk.get("alg", "RS256") not in ("RS256", "ES256"):
        with pytest.raises(KeyRefused, match=jwk["alg"]):
            verifying_key_from_jwk(jwk)
    elif case["result"] == "valid" and number not in FAULTY | EMPTY:
        parse_jws(case["jws"]).verify(verifying_key_from_jwk(jwk))
    else:
        with pytest.raises(REFUSED):
            parse_jws(case["jws"]).verify(verifying_key_from_jwk(jwk))


def test_wycheproof_has_the_cases_we_count_on(
    signature_cases: dict[int, tuple[dict[str, Any], dict[str, Any]]],
) -> None:
    algorithms = {None, "ES256", "RS256"}
    ours = {
        number
        for number, (jwk, _) in signature_cases.items()
        if (jwk.get("crv") == "P-256" or jwk["kty"] == "RSA") and jwk.get("alg") in algorithms
    }
    assert len(signature_cases) == 401
    p256 = {*range(18, 33), 354, 356, *range(378, 402)}
    rsa = {*range(33, 264), 345, 349, 353, 355}
    assert ours == p256 | rsa
    good = {18, 378, 33, *range(259, 264), 345, 349}
    assert {n for n in ours if signature_cases[n][1]["result"] == "valid"} == good


@pytest.mark.parametrize("number", [*range(360, 367), *range(368, 370), *range(371, 376)])
def test_wycheproof_broken_base64_is_refused_before_any_key(
    signature_cases: dict[int, tuple[dict[str, Any], dict[str, Any]]], number: int
) -> None:
    """Also 372 and 373, which it calls valid: a reader that skips foreign characters takes them."""
    with pytest.raises(EncodingRefused):
        parse_jws(signature_cases[number][1]["jws"])


@pytest.mark.parametrize("number", range(1, 27))
def test_wycheproof_key_sets(
    key_cases: dict[int, tuple[dict[str, Any], dict[str, Any]]], number: int
) -> None:
    """Its messages of our kinds verify, or the set is refused; else the key is unsupported."""
    key_set, case = key_cases[number]
    refused = {4: "kid", 19: "ES521", 20: "ES224", 21: "signatures", 22: "curve"}
    refused |= {7: "ROCA", 8: "1024 bits", 9: "exponent"}
    data = json.dumps(key_set)
    if number == 5:
        message = parse_jws(case["jws"])
        key = KeySet.from_json(data).get(message.key_id)
        assert key is not None
        message.verify(key)
    elif number in refused:
        with pytest.raises(KeyRefused, match=refused[number]):
            KeySet.from_json(data)
    else:
        keys = KeySet.from_json(data)
        named = json.loads(decode_base64url(case["jws"].split(".")[0]))["kid"]
        assert named in keys.unsupported
        assert keys.get(named) is None


# RFC 7520


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("3_1.ec_public_key", "P-521"),
        ("3_2.ec_private_key", "P-521"),
        ("3_5.symmetric_key_mac_computation", "oct"),
        ("3_6.symmetric_key_encryption", "oct"),
    ],
)
def test_rfc_7520_keys_are_refused_by_name(vectors: Path, name: str, says: str) -> None:
    path = vectors / "identity" / "rfc7520" / "jwk" / f"{name}.json"
    jwk = json.loads(path.read_text(encoding="utf-8"))
    with pytest.raises(KeyRefused, match=says):
        signing_key_from_jwk(jwk)
    del jwk["kid"]
    jwk.pop("d", None)
    with pytest.raises(KeyRefused, match=says):
        verifying_key_from_jwk(jwk)


def test_rfc_7520_rsa_keys_load_and_verify_its_message(vectors: Path) -> None:
    folder = vectors / "identity" / "rfc7520"

    def read(name: str) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads((folder / name).read_text(encoding="utf-8")))

    public = verifying_key_from_jwk(read("jwk/3_3.rsa_public_key.json"))
    private = signing_key_from_jwk(read("jwk/3_4.rsa_private_key.json"))
    assert private.public == public
    example = read("jws/4_1.rsa_v15_signature.json")
    message = parse_jws(example["output"]["compact"])
    message.verify(public)
    # PKCS #1 v1.5 has one signature for each message.
    assert private.sign(message.signing_input) == message.signature
    with pytest.raises(AlgorithmRefused, match="PS384"):
        parse_jws(read("jws/4_2.rsa-pss_signature.json")["output"]["compact"]).verify(public)


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("4_1.rsa_v15_signature", "RS256"),
        ("4_2.rsa-pss_signature", "PS384"),
        ("4_3.ecdsa_signature", "ES512"),
        ("4_4.hmac-sha2_integrity_protection", "HS256"),
    ],
)
def test_rfc_7520_messages_are_read_and_refused_by_name(
    vectors: Path, name: str, algorithm: str
) -> None:
    path = vectors / "identity" / "rfc7520" / "jws" / f"{name}.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    message = parse_jws(content["output"]["compact"])
    assert message.payload.decode() == content["input"]["payload"]
    assert message.signing_input.decode() == content["signing"]["sig-input"]
    with pytest.raises(AlgorithmRefused, match=algorithm):
        message.verify(KEYS[KeyKind.P256].public)


@pytest.mark.parametrize("form", ["json", "json_flat"])
def test_the_json_forms_of_jws_are_refused(vectors: Path, form: str) -> None:
    path = vectors / "identity" / "rfc7520" / "jws" / "4_3.ecdsa_signature.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    with pytest.raises(EncodingRefused):
        parse_jws(json.dumps(content["output"][form]))


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
        assert keys.unsupported == ()
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
    [(OURS, OURS), (OURS, SM2), (OURS, OTHER), (OTHER, OURS), (OTHER, OTHER)],
    ids=["same", "two kinds", "ours and another", "another and ours", "others"],
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
    assert keys.unsupported == ("ed", "p384", "a", "odd")
    assert keys.get("ours") == KEYS[KeyKind.P256].public
    assert keys.get("ed") is None


@pytest.mark.parametrize(
    "jwk",
    [
        {name: value for name, value in OURS.items() if name != "kid"},
        {**OURS, "kid": 1},
        {**OURS, "kid": None},
        {**private_jwk(KEYS[KeyKind.P256]), "kid": "a"},
        {**OURS, "alg": "ES384"},
        {**OURS, "use": "enc"},
        {**OURS, "y": OURS["x"]},
        {**OURS, "x": OURS["x"] + "="},
    ],
    ids=["no kid", "kid 1", "kid null", "private", "alg", "use", "no point", "padded"],
)
def test_a_set_with_one_bad_key_of_ours_is_refused(jwk: dict[str, Any]) -> None:
    good = {**SM2, "kid": "good"}
    for keys in ((jwk,), (good, jwk), (jwk, good)):
        with pytest.raises(KeyRefused):
            KeySet.from_json(key_set(*keys))


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
    assert len(KeySet.from_json(key_set(*keys)).unsupported) == MAX_KEYS

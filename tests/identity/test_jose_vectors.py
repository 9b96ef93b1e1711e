"""JWS and JWK by vectors: Wycheproof, RFC 7520, and SM2 signed by other libraries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from msb_identity.envelopes.jose import (
    KeySet,
    decode_base64url,
    parse_jws,
    signing_key_from_jwk,
    verifying_key_from_jwk,
)
from msb_identity.errors import AlgorithmRefused, EncodingRefused, KeyRefused, SignatureRefused
from msb_identity.pki import KeyKind, generate_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEYS = {kind: generate_key(kind) for kind in (KeyKind.SM2, KeyKind.P256)}
REFUSED = (EncodingRefused, AlgorithmRefused, SignatureRefused, KeyRefused)


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
    """Its message of our kinds verifies; for all others no key is found, by name and reason."""
    key_set, case = key_cases[number]
    data = json.dumps(key_set)
    keys = KeySet.from_json(data)
    named = json.loads(decode_base64url(case["jws"].split(".")[0]))["kid"]
    key = keys.get(named)
    if number == 5:
        assert key is not None
        parse_jws(case["jws"]).verify(key)
        return
    assert key is None
    found = {skipped.reason for skipped in keys.skipped if skipped.name == named}
    reasons = {19: "ES521", 20: "ES224", 21: "signatures", 22: "curve", 24: "ES256"}
    reasons |= {6: "signatures", 7: "ROCA", 8: "1024 bits", 9: "exponent"}
    assert len(found) == 1
    assert reasons.get(number, "kind that we do not have") in found.pop()


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

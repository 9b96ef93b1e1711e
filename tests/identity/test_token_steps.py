"""Access tokens: each step of the verification, failing."""

from __future__ import annotations

import hmac
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msb_identity.envelopes.jose import KeySet, public_jwk
from msb_identity.errors import Refused
from msb_identity.foundation import strict_json
from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind, generate_key
from tests.identity.token_world import (
    AUDIENCE,
    BOTH,
    CLAIMS,
    ISSUER,
    KEYS,
    NOW,
    P256,
    SECOND,
    by_hand,
    check,
    encode,
    found,
    issue,
    must_fail,
    signed,
    verifier,
)

# Each step, failing


@pytest.mark.parametrize("type_", ["JWT", "logout+jwt", "at+jwt ", "at-jwt", ""])
def test_another_type_of_token_is_refused(type_: str) -> None:
    must_fail(signed(CLAIMS, type_=type_), "type", "not-an-access-token")


def test_a_token_without_a_type_is_refused() -> None:
    head = {"alg": "ES256", "kid": P256.public.key_id_text}
    must_fail(by_hand(head), "type", "not-an-access-token")


@pytest.mark.parametrize(
    "algorithm",
    ["none", "None", "HS256", "RS256", "SGD_SM3_SM2", "es256", "SM2", "", None, 7, ["ES256"]],
)
def test_an_algorithm_that_is_not_the_keys_is_refused(algorithm: object) -> None:
    header = {"alg": algorithm, "kid": P256.public.key_id_text, "typ": "at+jwt"}
    report = must_fail(by_hand(header), "algorithm", "not-the-keys-algorithm")
    assert report.step("signature-value").outcome is Outcome.SKIPPED


def test_a_token_without_an_algorithm_is_refused() -> None:
    header = {"kid": P256.public.key_id_text, "typ": "at+jwt"}
    must_fail(by_hand(header), "algorithm", "not-the-keys-algorithm")


@pytest.mark.parametrize("form", ["jwk", "point"])
def test_the_public_key_is_no_hmac_secret(form: str) -> None:
    public = P256.public
    secrets = {"jwk": json.dumps(public_jwk(public)).encode(), "point": b"\4" + public.x + public.y}
    header = {"alg": "HS256", "kid": public.key_id_text, "typ": "at+jwt"}
    signing_input = f"{encode(header)}.{encode(CLAIMS)}"
    code = hmac.digest(secrets[form], signing_input.encode(), "sha256")
    must_fail(f"{signing_input}.{encode(code)}", "algorithm", "not-the-keys-algorithm")


def test_no_signature_at_all_is_no_token() -> None:
    header = {"alg": "none", "kid": P256.public.key_id_text, "typ": "at+jwt"}
    must_fail(f"{encode(header)}.{encode(CLAIMS)}.", "format", "malformed")


def test_the_name_of_one_key_over_the_signature_of_another_is_refused() -> None:
    other = generate_key(KeyKind.P256)
    token = signed(CLAIMS, other)
    header = {"alg": "ES256", "kid": P256.public.key_id_text, "typ": "at+jwt"}
    _, payload, signature = token.split(".")
    must_fail(f"{encode(header)}.{payload}.{signature}", "signature-value", "bad-signature")


def test_a_key_of_the_other_kind_signs_nothing_here() -> None:
    sm2 = KEYS[KeyKind.SM2]
    keys = KeySet([P256.public, sm2.public])
    for key in (P256, sm2):
        assert check(signed(CLAIMS, key), keys=keys).verdict is Verdict.VALID
    _, payload, signature = signed(CLAIMS, sm2).split(".")
    header = {"alg": "ES256", "kid": P256.public.key_id_text, "typ": "at+jwt"}
    must_fail(
        f"{encode(header)}.{payload}.{signature}", "signature-value", "bad-signature", keys=keys
    )


def test_a_der_signature_is_refused() -> None:
    signing_input = signed(CLAIMS).rpartition(".")[0]
    der = encode(P256.sign(signing_input.encode()))
    must_fail(f"{signing_input}.{der}", "signature-value", "bad-signature")


@pytest.mark.parametrize("algorithm", ["ES256", "SGD_SM3_SM2"])
def test_an_unknown_key_leaves_the_token_indeterminate(algorithm: str) -> None:
    header = {"alg": algorithm, "kid": "unknown", "typ": "at+jwt"}
    report = check(by_hand(header))
    assert report.verdict is Verdict.INDETERMINATE
    assert found(report, "key") == ("unknown", "unknown-key")
    assert found(report, "signature-value") == ("skipped", "not-reached")
    assert found(report, "session") == ("skipped", "not-reached")
    assert not report.disclosed
    with pytest.raises(Refused):
        verifier().verify(by_hand(header), now=NOW)


@pytest.mark.parametrize("header", [{}, {"kid": 7}, {"kid": None}, {"kid": ["x"]}])
def test_a_token_that_names_no_key_is_indeterminate(header: dict[str, Any]) -> None:
    report = check(by_hand({"alg": "ES256", "typ": "at+jwt"} | header))
    assert report.verdict is Verdict.INDETERMINATE
    assert found(report, "key") == ("unknown", "no-key-id")


@pytest.mark.parametrize("algorithm", ["none", "HS256", "", None, 7])
def test_an_unknown_key_with_an_algorithm_nobody_accepts_is_invalid(algorithm: object) -> None:
    must_fail(
        by_hand({"alg": algorithm, "kid": "?", "typ": "at+jwt"}), "algorithm", "unknown-algorithm"
    )


def test_an_empty_key_set_finds_nothing_valid() -> None:
    assert check(issue(), keys=KeySet([])).verdict is Verdict.INDETERMINATE


@pytest.mark.parametrize(
    "issuer", [ISSUER + "/", ISSUER.upper(), "https://other.example", ISSUER + "\u200b"]
)
def test_another_issuer_is_refused(issuer: str) -> None:
    must_fail(signed(CLAIMS | {"iss": issuer}), "issuer", "other-issuer")


@pytest.mark.parametrize(
    "audience", ["https://other.example", AUDIENCE + "/", [AUDIENCE + "x", "portal"], AUDIENCE[:-1]]
)
def test_another_audience_is_refused(audience: object) -> None:
    must_fail(signed(CLAIMS | {"aud": audience}), "audience", "other-audience")


@pytest.mark.parametrize(
    ("after", "code"),
    [
        (timedelta(0), None),
        (timedelta(seconds=600) - timedelta(microseconds=1), None),
        (timedelta(seconds=600), "expired"),
        (timedelta(days=400), "expired"),
        (-60 * SECOND, None),
        (-60 * SECOND - timedelta(microseconds=1), "issued-in-future"),
        (-61 * SECOND, "issued-in-future"),
    ],
)
def test_a_token_is_good_from_a_minute_before_its_issue_until_exactly_its_expiry(
    after: timedelta, code: str | None
) -> None:
    if code is None:
        assert check(issue(), NOW + after).verdict is Verdict.VALID
    else:
        must_fail(issue(), "validity", code, NOW + after)


def test_not_before_is_heeded() -> None:
    begin = int(NOW.timestamp())
    assert check(signed(CLAIMS | {"nbf": begin + 60})).verdict is Verdict.VALID
    must_fail(signed(CLAIMS | {"nbf": begin + 61}), "validity", "not-yet-valid")


def test_a_token_that_ends_before_it_begins_is_refused() -> None:
    must_fail(signed(CLAIMS | {"exp": CLAIMS["iat"]}), "validity", "never-valid")


@pytest.mark.parametrize("name", [name for name in CLAIMS if name != "scope"])
def test_a_missing_claim_is_refused_by_name(name: str) -> None:
    token = signed({key: value for key, value in CLAIMS.items() if key != name})
    report = must_fail(token, "format", "claims")
    assert report.step("format").detail == name
    assert found(report, "signature-value") == ("ok", "ok")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("exp", 1e12),
        ("exp", "1"),
        ("exp", True),
        ("exp", None),
        ("exp", -1),
        ("exp", 253_402_300_800),
        ("exp", 10**400),
        ("exp", [1]),
        ("iat", 1.0),
        ("nbf", "0"),
        ("auth_time", True),
        ("aud", []),
        ("aud", ""),
        ("aud", [AUDIENCE, 7]),
        ("aud", [[AUDIENCE]]),
        ("aud", {AUDIENCE: 1}),
        ("aud", [AUDIENCE] * 17),
        ("amr", "sms"),
        ("amr", []),
        ("amr", ["sms"] * 17),
        ("amr", [None]),
        ("iss", [ISSUER]),
        ("sub", 7),
        ("sub", ""),
        ("sub", "x" * 1_001),
        ("sub", "\x1b[31mx"),
        ("sub", "a\nvalid"),
        ("sid", None),
        ("jti", {}),
        ("client_id", "\x9b"),
        ("scope", ["a"]),
        ("acr", 1),
    ],
)
def test_a_claim_of_another_type_is_refused_by_name_and_not_repeated(
    name: str, value: object
) -> None:
    report = must_fail(signed(CLAIMS | {name: value}), "format", "claims")
    assert report.step("format").detail == name
    assert not report.disclosed


def test_sixteen_audiences_are_enough() -> None:
    assert check(signed(CLAIMS | {"aud": ["x"] * 15 + [AUDIENCE]})).verdict is Verdict.VALID


@pytest.mark.parametrize(
    "payload",
    [
        strict_json.dump(CLAIMS)[:-1] + b',"sub":"another"}',
        strict_json.dump(CLAIMS)[:-1] + b',"x":{"a":1,"a":1}}',
        strict_json.dump(CLAIMS)[:-1] + b',"x":NaN}',
        strict_json.dump(CLAIMS)[:-1] + b',"x":-1e999}',
        strict_json.dump(CLAIMS)[:-1] + b',"x":"\\ud800"}',
        strict_json.dump(CLAIMS)[:-1] + b',"x":' + b"[" * 40 + b"]" * 40 + b"}",
        strict_json.dump(CLAIMS)[:-1] + b',"x":"\xff"}',
        strict_json.dump(CLAIMS) + b"{}",
        b"\xef\xbb\xbf" + strict_json.dump(CLAIMS),
        b"[" + strict_json.dump(CLAIMS) + b"]",
        b"null",
        b"[" * 100_000,
    ],
)
def test_claims_that_are_not_strict_json_are_refused(payload: bytes) -> None:
    must_fail(signed(payload), "format", "malformed")


def test_a_name_twice_in_the_header_is_refused() -> None:
    raw = b'{"alg":"ES256","alg":"ES256","kid":"' + P256.public.key_id_text.encode() + b'"}'
    must_fail(f"{encode(raw)}.{encode(CLAIMS)}.{'A' * 86}", "format", "malformed")


@pytest.mark.parametrize("name", ["crit", "b64", "jku", "x5u"])
def test_a_header_that_would_send_us_elsewhere_is_refused(name: str) -> None:
    header = {"alg": "ES256", "kid": P256.public.key_id_text, "typ": "at+jwt", name: "https://x"}
    must_fail(by_hand(header), "format", "malformed")


@pytest.mark.parametrize("name", ["jwk", "x5c"])
def test_a_token_that_brings_a_key_is_refused_even_where_it_is_the_issuers(name: str) -> None:
    header = {"alg": "ES256", "kid": P256.public.key_id_text, "typ": "at+jwt"}
    must_fail(by_hand({**header, name: public_jwk(P256.public)}), "format", "embedded-key")


def test_several_faults_are_all_named() -> None:
    token = signed(CLAIMS | {"iss": "x", "aud": "y", "exp": 1, "iat": 0}, type_="JWT")
    report = check(token)
    failed = {step.id for step in report.steps if step.outcome is Outcome.FAILED}
    assert failed == {"type", "issuer", "audience", "validity"}


# Broken texts


def test_no_part_of_a_token_is_a_token() -> None:
    token = issue()
    for length in range(len(token)):
        report = verifier().check(token[:length], now=NOW)
        assert report.verdict is Verdict.INVALID
        assert not report.disclosed


@BOTH
def test_one_changed_bit_in_any_character_is_never_valid(kind: KeyKind) -> None:
    token, checker = issue(KEYS[kind]), verifier(KEYS[kind])
    for position, character in enumerate(token):
        for bit in range(7):
            changed = token[:position] + chr(ord(character) ^ 1 << bit) + token[position + 1 :]
            report = checker.check(changed, now=NOW)
            assert report.verdict is not Verdict.VALID, (position, bit)
            assert not report.disclosed


@pytest.mark.parametrize("extra", ["=", "==", " ", "\n", ".", "A", "AAAA", "\u200b"])
def test_nothing_may_stand_around_a_token(extra: str) -> None:
    token = issue()
    for changed in (token + extra, extra + token, token.replace(".", extra + ".", 1)):
        assert check(changed).verdict is not Verdict.VALID


@settings(max_examples=1_000)
@given(st.text())
def test_no_text_is_a_token(text_: str) -> None:
    report = verifier().check(text_, now=NOW)
    assert report.verdict is Verdict.INVALID
    assert found(report, "format") == ("failed", "malformed")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=300)
@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "x"]), _JSON),
    st.dictionaries(st.sampled_from(sorted(CLAIMS)), _JSON),
)
def test_no_signed_json_raises_and_none_with_changed_claims_names_another(
    header: dict[str, Any], claims: dict[str, Any]
) -> None:
    good = {"alg": "ES256", "kid": P256.public.key_id_text, "typ": "at+jwt"}
    report = verifier().check(by_hand(good | header), now=NOW)
    if any(good[name] != header.get(name, good[name]) for name in good) or "crit" in header:
        assert report.verdict is not Verdict.VALID
    must_hold = ("iss", "aud", "exp", "iat", "sub", "sid", "jti", "client_id", "amr", "acr")
    report = verifier().check(by_hand(good, CLAIMS | claims), now=NOW)
    if any(not isinstance(claims.get(name, CLAIMS[name]), type(CLAIMS[name])) for name in must_hold
           if name != "aud"):  # fmt: skip
        assert report.verdict is Verdict.INVALID


def test_a_huge_text_is_refused_quickly() -> None:
    began = time.process_time()
    must_fail("A" * 20_000_000, "format", "malformed")
    must_fail("." * 1_000_000, "format", "malformed")
    assert time.process_time() - began < 2

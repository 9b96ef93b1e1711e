from __future__ import annotations

import dataclasses
import hmac
import json
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from msb_identity.envelopes.jose import KeySet, public_jwk, sign_jws
from msb_identity.envelopes.keyfiles import write_verifying_key
from msb_identity.errors import KeyRefused, Refused, SignInRefused, StoreError
from msb_identity.foundation import strict_json
from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.sso import tokens
from msb_identity.sso.sessions import Session
from msb_identity.sso.tokens import STEPS, TokenIssuer, TokenVerifier

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from msb_identity.foundation.report import Report
    from msb_identity.pki.keys import SigningKey
    from tests.identity.conftest import World

ISSUER, AUDIENCE = "https://id.example.gov.cn", "https://portal.example.gov.cn"
NOW = datetime(2026, 1, 31, 4, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SESSION = Session(
    sid="s" * 22,
    subject="p" * 26,
    level=3,
    acr="urn:msb:aal:1",
    amr=("sms",),
    auth_time=NOW,
    expires_at=NOW + timedelta(hours=12),
)
KEYS = {kind: generate_key(kind) for kind in KeyKind}
JOSE_NAMES = {
    KeyKind.SM2: "SGD_SM3_SM2",
    KeyKind.P256: "ES256",
    KeyKind.RSA: "RS256",
    KeyKind.ED25519: "EdDSA",
}
BOTH = pytest.mark.parametrize("kind", list(KeyKind), ids=str)
P256 = KEYS[KeyKind.P256]
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": SESSION.subject,
    "aud": AUDIENCE,
    "exp": int(NOW.timestamp()) + 600,
    "iat": int(NOW.timestamp()),
    "jti": "j" * 22,
    "sid": SESSION.sid,
    "acr": SESSION.acr,
    "amr": ["sms"],
    "auth_time": int(NOW.timestamp()),
    "client_id": "portal",
    "scope": "licence.read licence.show",
}


def issue(key: SigningKey = P256, **options: Any) -> str:  # noqa: ANN401
    asked: dict[str, Any] = {"audience": AUDIENCE, "client_id": "portal", "now": NOW} | options
    return TokenIssuer(ISSUER, key).issue(SESSION, **asked)


def verifier(key: SigningKey = P256, **options: Any) -> TokenVerifier:  # noqa: ANN401
    known = {"issuer": ISSUER, "audience": AUDIENCE, "keys": KeySet([key.public])}
    return TokenVerifier(**{**known, **options})


def signed(claims: Mapping[str, Any] | bytes, key: SigningKey = P256, type_: str = "at+jwt") -> str:
    payload = claims if isinstance(claims, bytes) else strict_json.dump(claims)
    return sign_jws(payload, key, type_=type_)


def encode(part: bytes | dict[str, Any]) -> str:
    raw = json.dumps(part).encode() if isinstance(part, dict) else part
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def found(report: Report, step: str) -> tuple[str, str]:
    return str(report.step(step).outcome), report.step(step).code


def check(token: str, now: datetime = NOW, **options: Any) -> Report:  # noqa: ANN401
    """Check with the P-256 key; whatever comes out is a full report with both languages."""
    report = verifier(**options).check(token, now=now)
    assert [step.id for step in report.steps] == list(STEPS)
    assert all(step.zh and step.en and step.zh != step.en for step in report.steps)
    assert report.kind == "token"
    return report


def must_fail(token: str, step: str, code: str, now: datetime = NOW, **options: Any) -> Report:  # noqa: ANN401
    """Assert that exactly this step fails, and that verify refuses with the same report."""
    report = check(token, now, **options)
    assert report.verdict is Verdict.INVALID
    failed = [(s.id, s.code) for s in report.steps if s.outcome is Outcome.FAILED]
    assert failed == [(step, code)]
    with pytest.raises(Refused) as refused:
        verifier(**options).verify(token, now=now)
    assert refused.value.report == report
    return report


# What is good


@BOTH
def test_a_token_verifies_and_says_what_was_put_in(kind: KeyKind) -> None:
    token = issue(KEYS[kind], scope="licence.read licence.show")
    verified = verifier(KEYS[kind]).verify(token, now=NOW)
    assert (verified.issuer, verified.subject) == (ISSUER, SESSION.subject)
    assert (verified.audience, verified.client_id) == ((AUDIENCE,), "portal")
    assert (verified.session_id, verified.acr, verified.amr) == (SESSION.sid, SESSION.acr, ("sms",))
    assert (verified.auth_time, verified.issued_at) == (NOW, NOW)
    assert verified.expires_at == NOW + timedelta(minutes=10)
    assert verified.scope == ("licence.read", "licence.show")
    assert len(verified.token_id) == 22
    with pytest.raises(dataclasses.FrozenInstanceError):
        verified.subject = "another"  # type: ignore[misc]


@BOTH
def test_the_report_of_a_good_token_names_every_step_and_nothing_personal(kind: KeyKind) -> None:
    report = verifier(KEYS[kind]).check(issue(KEYS[kind]), now=NOW)
    assert report.verdict is Verdict.VALID
    assert [step.id for step in report.steps] == list(STEPS)
    assert {step.outcome for step in report.steps[:-1]} == {Outcome.OK}
    assert found(report, "session") == ("skipped", "no-session-source")
    assert report.disclosed == {
        "subject": SESSION.subject,
        "sid": SESSION.sid,
        "acr": SESSION.acr,
        "client_id": "portal",
        "expires": "2026-01-31T04:10:00+00:00",
    }


@BOTH
def test_the_header_names_type_key_and_algorithm(kind: KeyKind) -> None:
    header = jwt.get_unverified_header(issue(KEYS[kind]))
    algorithm = JOSE_NAMES[kind]
    kid = KEYS[kind].public.key_id_text
    assert header == {"typ": "at+jwt", "alg": algorithm, "kid": kid}


def test_stock_pyjwt_verifies_our_es256_token() -> None:
    """PyJWT with its own algorithm objects and `cryptography`'s key, without our code."""
    now = datetime.now(UTC)
    session = dataclasses.replace(SESSION, auth_time=now, expires_at=now + timedelta(hours=12))
    token = TokenIssuer(ISSUER, P256).issue(
        session, audience=AUDIENCE, client_id="portal", scope="a"
    )
    public = P256.public
    numbers = ec.EllipticCurvePublicNumbers(
        int.from_bytes(public.x, "big"), int.from_bytes(public.y, "big"), ec.SECP256R1()
    )
    time.sleep(1 - datetime.now(UTC).microsecond / 1e6)  # PyJWT allows iat no second in advance
    claims = jwt.decode(
        token,
        numbers.public_key(),
        algorithms=["ES256"],
        audience=AUDIENCE,
        issuer=ISSUER,
        options={"require": ["iss", "sub", "aud", "exp", "iat", "jti"]},
    )
    assert set(claims) == {
        "iss", "sub", "aud", "exp", "iat", "jti", "sid", "acr", "amr", "auth_time", "client_id",
        "scope",
    }  # fmt: skip
    assert claims["exp"] - claims["iat"] == 600
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, generate_other(), algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER)


def generate_other() -> ec.EllipticCurvePublicKey:
    return ec.generate_private_key(ec.SECP256R1()).public_key()


def test_we_verify_a_token_that_stock_pyjwt_signed() -> None:
    private = ec.derive_private_key(int.from_bytes(P256.private_bytes(), "big"), ec.SECP256R1())
    headers = {"typ": "application/at+JWT", "kid": P256.public.key_id_text}
    token = jwt.encode(CLAIMS, private, algorithm="ES256", headers=headers)
    assert check(token).verdict is Verdict.VALID


def test_an_audience_may_stand_among_others() -> None:
    token = signed(CLAIMS | {"aud": ["https://other.example", AUDIENCE]})
    assert verifier().verify(token, now=NOW).audience == ("https://other.example", AUDIENCE)


def test_claims_that_we_do_not_know_are_let_be() -> None:
    assert check(signed(CLAIMS | {"may": {"sub": "x"}, "x": [1.5, None]})).verdict is Verdict.VALID


def test_a_token_without_scope_has_none() -> None:
    assert "scope" not in jwt.decode(issue(), options={"verify_signature": False})
    assert verifier().verify(issue(), now=NOW).scope == ()


# Issuing


def test_a_token_never_outlives_its_session() -> None:
    late = SESSION.expires_at - timedelta(minutes=3)
    verified = verifier().verify(issue(now=late), now=late)
    assert verified.expires_at == SESSION.expires_at


@pytest.mark.parametrize(
    ("session", "now"),
    [
        (SESSION, SESSION.expires_at),
        (SESSION, SESSION.expires_at + timedelta(days=1)),
        (dataclasses.replace(SESSION, ended_at=NOW), NOW),
        (dataclasses.replace(SESSION, ended_at=NOW + SECOND), NOW),
    ],
)
def test_a_session_that_is_over_gets_no_token(session: Session, now: datetime) -> None:
    with pytest.raises(SignInRefused) as refused:
        TokenIssuer(ISSUER, P256).issue(session, audience=AUDIENCE, client_id="portal", now=now)
    assert refused.value.code == "session-ended"


@pytest.mark.parametrize(
    "wrong", [{"audience": ""}, {"client_id": ""}, {"ttl": timedelta(0)}, {"ttl": -SECOND}]
)
def test_a_token_for_nobody_or_for_no_time_is_a_mistake(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        issue(**wrong)


def test_an_issuer_or_audience_without_a_name_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="issuer"):
        TokenIssuer("", P256)
    with pytest.raises(ValueError, match="issuer"):
        verifier(issuer="")
    with pytest.raises(ValueError, match="audience"):
        verifier(audience="")


def test_every_token_has_an_id_of_its_own() -> None:
    ids = {verifier().verify(issue(), now=NOW).token_id for _ in range(20)}
    assert len(ids) == 20


def test_a_time_without_a_zone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="zone"):
        verifier().check(issue(), now=datetime(2026, 1, 31, 4, 0))  # noqa: DTZ001


# Each step, failing


@pytest.mark.parametrize("type_", ["JWT", "logout+jwt", "at+jwt ", "at-jwt", ""])
def test_another_type_of_token_is_refused(type_: str) -> None:
    must_fail(signed(CLAIMS, type_=type_), "type", "not-an-access-token")


def test_a_token_without_a_type_is_refused() -> None:
    head = {"alg": "ES256", "kid": P256.public.key_id_text}
    must_fail(by_hand(head), "type", "not-an-access-token")


def by_hand(header: dict[str, Any], claims: dict[str, Any] = CLAIMS) -> str:
    """Sign with PyJWT's own ES256, whatever the header says."""
    signing_input = f"{encode(header)}.{encode(claims)}"
    private = ec.derive_private_key(int.from_bytes(P256.private_bytes(), "big"), ec.SECP256R1())
    algorithm = jwt.get_algorithm_by_name("ES256")
    return f"{signing_input}.{encode(algorithm.sign(signing_input.encode(), private))}"


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


def test_a_key_inside_the_message_is_not_used() -> None:
    other = generate_key(KeyKind.P256)
    header = {"alg": "ES256", "kid": P256.public.key_id_text, "typ": "at+jwt"}
    signing_input = f"{encode(header | {'jwk': public_jwk(other.public)})}.{encode(CLAIMS)}"
    raw = jwt.get_algorithm_by_name("ES256").sign(
        signing_input.encode(),
        ec.derive_private_key(int.from_bytes(other.private_bytes(), "big"), ec.SECP256R1()),
    )
    must_fail(f"{signing_input}.{encode(raw)}", "signature-value", "bad-signature")


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


# Sessions


def test_an_ended_session_takes_its_tokens_along(world: World) -> None:
    session = world.sessions.start(
        "someone", level=1, acr="urn:msb:aal:1", amr=("sms",), now=world.now
    )
    token = TokenIssuer(ISSUER, P256).issue(
        session, audience=AUDIENCE, client_id="portal", now=world.now
    )
    report = check(token, sessions=world.sessions)
    assert report.verdict is Verdict.VALID
    assert found(report, "session") == ("ok", "ok")
    world.sessions.end(session.sid, world.now)
    must_fail(token, "session", "session-ended", sessions=world.sessions)
    ended = world.sessions.get(session.sid)
    assert ended is not None
    with pytest.raises(SignInRefused):
        TokenIssuer(ISSUER, P256).issue(ended, audience=AUDIENCE, client_id="x", now=world.now)


def test_a_session_nobody_knows_or_of_another_subject_is_refused(world: World) -> None:
    must_fail(signed(CLAIMS), "session", "unknown-session", sessions=world.sessions)
    session = world.sessions.start("another", level=1, acr="a", amr=("sms",), now=world.now)
    token = signed(CLAIMS | {"sid": session.sid})
    must_fail(token, "session", "unknown-session", sessions=world.sessions)


def test_sessions_that_cannot_be_asked_leave_the_token_indeterminate(world: World) -> None:
    with world.store.write() as connection:
        connection.execute(text("DROP TABLE sessions"))
    report = check(signed(CLAIMS), sessions=world.sessions)
    assert report.verdict is Verdict.INDETERMINATE
    assert found(report, "session") == ("unknown", "session-source-failed")


def test_the_session_of_an_unsigned_claim_is_not_looked_up(world: World) -> None:
    report = check(by_hand({"alg": "ES256", "kid": "?", "typ": "at+jwt"}), sessions=world.sessions)
    assert found(report, "session") == ("skipped", "not-reached")


# Keys from files


@BOTH
def test_keys_come_from_a_key_set_or_a_single_key(kind: KeyKind, tmp_path: Path) -> None:
    token = issue(KEYS[kind])
    (tmp_path / "set.json").write_bytes(TokenIssuer(ISSUER, KEYS[kind]).key_set.as_json())
    write_verifying_key(tmp_path / "key.json", KEYS[kind].public)
    for name in ("set.json", "key.json"):
        opened = TokenVerifier.from_key_set_file(tmp_path / name, issuer=ISSUER, audience=AUDIENCE)
        assert opened.verify(token, now=NOW).subject == SESSION.subject


def test_a_private_key_is_not_taken_for_a_public_one(tmp_path: Path) -> None:
    from msb_identity.envelopes.keyfiles import write_signing_key

    write_signing_key(tmp_path / "key.json", P256)
    with pytest.raises(KeyRefused):
        TokenVerifier.from_key_set_file(tmp_path / "key.json", issuer=ISSUER, audience=AUDIENCE)
    with pytest.raises(StoreError):
        TokenVerifier.from_key_set_file(tmp_path / "none.json", issuer=ISSUER, audience=AUDIENCE)


def test_a_portal_that_verifies_loads_no_database() -> None:
    script = (
        "import sys, msb_identity; msb_identity.TokenVerifier;"
        "sys.exit(', '.join({'sqlalchemy', 'PIL', 'qrcode'} & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert tokens.TOKEN_TYPE == "at+jwt"


@pytest.mark.parametrize("claim", [{"act": {"sub": "agent"}}, {"cnf": {"jkt": "x"}}, {"act": {}}])
def test_a_token_for_another_or_bound_to_a_key_is_not_taken_for_a_plain_one(
    claim: dict[str, object],
) -> None:
    report = check(signed(CLAIMS | claim))
    assert report.verdict is Verdict.INVALID
    assert (report.step("format").code, report.step("format").detail) == ("claims", *claim)

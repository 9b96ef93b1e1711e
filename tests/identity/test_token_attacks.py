"""Attacks on tokens, one by one, and where PyJWT and we differ: only in what we refuse more."""

from __future__ import annotations

import hmac
import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from msb_identity.envelopes.jose import KeySet, public_jwk
from msb_identity.foundation import strict_json
from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind, generate_key
from tests.identity.token_world import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    KEYS,
    NOW,
    P256,
    by_hand,
    check,
    encode,
    signed,
    verifier,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_identity.pki.keys import SigningKey

KID = P256.public.key_id_text
GOOD = {"alg": "ES256", "kid": KID, "typ": "at+jwt"}
OTHER = generate_key(KeyKind.P256)
SECONDS = int(NOW.timestamp())
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def hmac_signed(secret: bytes) -> str:
    signing_input = f"{encode({**GOOD, 'alg': 'HS256'})}.{encode(CLAIMS)}"
    return f"{signing_input}.{encode(hmac.digest(secret, signing_input.encode(), 'sha256'))}"


def numbers(r: int, s: int) -> str:
    signing_input = f"{encode(GOOD)}.{encode(CLAIMS)}"
    return f"{signing_input}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def header(**changes: object) -> str:
    """A header changed, and signed over as it is; None takes a name away."""
    said = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return by_hand(said)


def claims(**changes: object) -> str:
    said = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return signed(said)


def resigned(key: SigningKey, **changes: object) -> str:
    """Signed by another key under the issuer's key id."""
    signing_input = f"{encode({**GOOD, **changes})}.{encode(CLAIMS)}"
    own = signed(CLAIMS, key).rpartition(".")[2]
    return f"{signing_input}.{own}"


def raw_claims(text: bytes) -> str:
    return signed(text)


MORE = strict_json.dump(CLAIMS)[:-1]
TWICE = json.dumps(GOOD).encode()[:-1] + b',"alg":"none"}'
EXP = b'"exp":'
# What each attack is, and the step and the code that refuse it.
ATTACKS: Mapping[str, tuple[str, str, str]] = {
    # No signature, or another algorithm (RFC 8725 section 2.1)
    "alg none, no signature": (
        f"{encode({**GOOD, 'alg': 'none'})}.{encode(CLAIMS)}.",
        "format",
        "malformed",
    ),
    "alg none": (header(alg="none"), "algorithm", "not-the-keys-algorithm"),
    "alg nOnE": (header(alg="nOnE"), "algorithm", "not-the-keys-algorithm"),
    "no alg": (header(alg=None), "algorithm", "not-the-keys-algorithm"),
    "public key as HMAC secret": (
        hmac_signed(P256.public.spki),
        "algorithm",
        "not-the-keys-algorithm",
    ),
    "JWK as HMAC secret": (
        hmac_signed(json.dumps(public_jwk(P256.public)).encode()),
        "algorithm",
        "not-the-keys-algorithm",
    ),
    "another kind's algorithm": (header(alg="RS256"), "algorithm", "not-the-keys-algorithm"),
    "SM2 over a P-256 key": (header(alg="SGD_SM3_SM2"), "algorithm", "not-the-keys-algorithm"),
    "PS256": (header(alg="PS256"), "algorithm", "not-the-keys-algorithm"),
    "ES384": (header(alg="ES384"), "algorithm", "not-the-keys-algorithm"),
    # Key ids (section 2.10)
    "kid a path": (header(kid="../../../../dev/null"), "key", "unknown-key"),
    "kid SQL": (header(kid="x' UNION SELECT 'AA'--"), "key", "unknown-key"),
    "kid an address": (header(kid="https://attacker.example/k"), "key", "unknown-key"),
    "kid a template": (header(kid="${jndi:ldap://attacker.example}"), "key", "unknown-key"),
    "kid NUL": (header(kid=KID + "\0"), "key", "unknown-key"),
    "kid huge": (header(kid="A" * 8_000), "key", "unknown-key"),
    "kid a list": (header(kid=[KID]), "key", "no-key-id"),
    "kid in capitals": (header(kid=KID.swapcase()), "key", "unknown-key"),
    "kid of another issuer": (signed(CLAIMS, OTHER), "key", "unknown-key"),
    "no kid": (header(kid=None), "key", "no-key-id"),
    # Keys that the token brings, or says where to find (section 2.9)
    "jwk": (header(jwk=public_jwk(OTHER.public)), "format", "embedded-key"),
    "x5c": (header(x5c=["AAAA"]), "format", "embedded-key"),
    "jku": (header(jku="https://attacker.example/jwks"), "format", "malformed"),
    "x5u": (header(x5u="https://attacker.example/cert"), "format", "malformed"),
    # Extensions
    "crit": (header(crit=["exp"], exp=1), "format", "malformed"),
    "crit of what is unknown": (header(crit=["x"], x=1), "format", "malformed"),
    "b64 false": (header(b64=False, crit=["b64"]), "format", "malformed"),
    "b64 false without crit": (header(b64=False), "format", "malformed"),
    # Signatures
    "r = s = 0": (numbers(0, 0), "signature-value", "bad-signature"),
    "r = 0": (numbers(0, 1), "signature-value", "bad-signature"),
    "r = s = n": (numbers(N, N), "signature-value", "bad-signature"),
    "r = s = 1": (numbers(1, 1), "signature-value", "bad-signature"),
    "another key's signature": (resigned(OTHER), "signature-value", "bad-signature"),
    "SM2's signature": (resigned(KEYS[KeyKind.SM2]), "signature-value", "bad-signature"),
    "another message's signature": (
        f"{encode(GOOD)}.{encode({**CLAIMS, 'sub': 'q' * 26})}.{signed(CLAIMS).rpartition('.')[2]}",
        "signature-value",
        "bad-signature",
    ),
    # Other JWT of the same issuer (section 2.8)
    "an ID token": (signed(CLAIMS, type_="JWT"), "type", "not-an-access-token"),
    "a logout token": (signed(CLAIMS, type_="logout+jwt"), "type", "not-an-access-token"),
    "a list of cut-offs": (signed(CLAIMS, type_="msb-cutoffs+jwt"), "type", "not-an-access-token"),
    "no type": (header(typ=None), "type", "not-an-access-token"),
    "a type that is no text": (header(typ=["at+jwt"]), "type", "not-an-access-token"),
    # Whose, and whom for
    "another issuer": (claims(iss=ISSUER + ".attacker.example"), "issuer", "other-issuer"),
    "another audience": (claims(aud=AUDIENCE + ".attacker.example"), "audience", "other-audience"),
    # Time: a clock that is off by a minute is nothing, by five it is
    "issued 61 s ahead": (claims(iat=SECONDS + 61), "validity", "issued-in-future"),
    "issued 5 minutes ahead": (
        claims(iat=SECONDS + 300, exp=SECONDS + 900),
        "validity",
        "issued-in-future",
    ),
    "expired 5 minutes ago": (
        claims(iat=SECONDS - 900, exp=SECONDS - 300),
        "validity",
        "expired",
    ),
    "expired this second": (claims(iat=SECONDS - 9, exp=SECONDS), "validity", "expired"),
    "not before 61 s": (claims(nbf=SECONDS + 61), "validity", "not-yet-valid"),
    "for ever": (claims(exp=253_402_300_799), "validity", "lives-too-long"),
    "an hour and a second": (claims(exp=SECONDS + 3_601), "validity", "lives-too-long"),
    "ends before it begins": (claims(exp=SECONDS), "validity", "never-valid"),
    # Numbers that are none
    "exp a fraction": (claims(exp=SECONDS + 0.5), "format", "claims"),
    "exp 1e12": (raw_claims(MORE.replace(EXP, EXP + b'1e12,"x":') + b"}"), "format", "claims"),
    "exp text": (claims(exp=str(SECONDS + 600)), "format", "claims"),
    "exp true": (claims(exp=True), "format", "claims"),
    "exp negative": (claims(exp=-1), "format", "claims"),
    "exp of 400 digits": (claims(exp=10**400), "format", "claims"),
    "exp of 5000 digits": (
        raw_claims(MORE.replace(EXP, EXP + b"9" * 5_000 + b',"x":') + b"}"),
        "format",
        "malformed",
    ),
    "no exp": (claims(exp=None), "format", "claims"),
    # JSON that two readers read in two ways
    "a claim twice": (raw_claims(MORE + b',"sub":"another"}'), "format", "malformed"),
    "a header name twice": (
        ".".join((encode(TWICE), encode(CLAIMS), "A" * 86)),
        "format",
        "malformed",
    ),
    "deep": (raw_claims(MORE + b',"x":' + b"[" * 33 + b"]" * 33 + b"}"), "format", "malformed"),
    "very deep": (
        raw_claims(MORE + b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}"),
        "format",
        "malformed",
    ),
    "huge": (raw_claims(MORE + b',"x":"' + b"A" * 20_000 + b'"}'), "format", "malformed"),
    "five parts": (signed(CLAIMS) + ".AA.AA", "format", "malformed"),
    "JSON form": (json.dumps({"payload": encode(CLAIMS), "signatures": []}), "format", "malformed"),
    # Who acts, and who may hold it
    "a chain of actors": (
        claims(act={"sub": "a", "mandate": "m", "act": {"sub": "b", "mandate": "m"}}),
        "format",
        "claims",
    ),
    "an actor without a mandate": (claims(act={"sub": "a"}), "format", "claims"),
    "an actor without a sign-in": (
        claims(
            act={"sub": "a", "mandate": "m"},
            sub="portal", sid=None, acr=None, amr=None, auth_time=None,
        ),
        "format",
        "claims",
    ),
    "no sign-in, and not the client's own": (
        claims(sid=None, acr=None, amr=None, auth_time=None),
        "format",
        "claims",
    ),
    "bound to a key": (claims(cnf={"jkt": "x"}), "format", "claims"),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_is_refused_with_its_code(attack: str) -> None:
    token, step, code = ATTACKS[attack]
    began = time.process_time()
    report = check(token)
    assert time.process_time() - began < 0.5
    assert report.verdict is not Verdict.VALID
    found = report.step(step)
    assert found.code == code
    assert found.outcome is (Outcome.UNKNOWN if step == "key" else Outcome.FAILED)
    for text in ("attacker", "UNION", "jndi", "dev/null"):
        assert text not in report.as_text()


def test_the_sample_that_attacks_are_made_from_is_good() -> None:
    assert check(by_hand(GOOD)).verdict is Verdict.VALID
    assert check(raw_claims(MORE + b"}")).verdict is Verdict.VALID
    assert check(claims(iat=SECONDS + 60)).verdict is Verdict.VALID
    assert check(claims(exp=SECONDS + 3_600)).verdict is Verdict.VALID


# Against PyJWT: what it accepts and we refuse is exactly this list.
STRICTER_THAN_PYJWT = frozenset(
    {
        # the key: PyJWT is handed one by its caller, whatever kid says
        "kid a path",
        "kid SQL",
        "kid an address",
        "kid a template",
        "kid NUL",
        "kid huge",
        "kid in capitals",
        "no kid",
        "jwk",
        "x5c",
        "jku",
        "x5u",
        # the type
        "an ID token",
        "a logout token",
        "a list of cut-offs",
        "no type",
        "a type that is no text",
        # the claims; "this second" with the leeway that clocks need, which PyJWT gives exp as well
        "expired this second",
        "for ever",
        "an hour and a second",
        "ends before it begins",
        "exp a fraction",
        "exp 1e12",
        "exp text",
        "exp of 400 digits",
        "a claim twice",
        "deep",
        "huge",
        "a chain of actors",
        "an actor without a mandate",
        "an actor without a sign-in",
        "no sign-in, and not the client's own",
        "bound to a key",
    }
)


def pyjwt_accepts(token: str) -> bool:
    public: Any = load_der_public_key(P256.public.spki)
    try:
        jwt.decode(
            token,
            public,
            ["ES256"],
            options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"]},
            audience=AUDIENCE,
            issuer=ISSUER,
            leeway=timedelta(seconds=60),
        )
    except (jwt.PyJWTError, RecursionError):
        return False
    return True


@pytest.fixture
def at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyJWT reads the clock itself."""

    class Clock(jwt.api_jwt.datetime):  # type: ignore[name-defined,misc]
        @classmethod
        def now(cls, tz: Any = None) -> Any:  # noqa: ANN401, ARG003
            return NOW

    monkeypatch.setattr(jwt.api_jwt, "datetime", Clock)


@pytest.mark.usefixtures("at_now")
def test_what_pyjwt_accepts_and_we_refuse_is_this_list_and_never_the_other_way_round() -> None:
    assert pyjwt_accepts(by_hand(GOOD))
    accepted = {name for name, (token, _, _) in ATTACKS.items() if pyjwt_accepts(token)}
    assert accepted == STRICTER_THAN_PYJWT


@pytest.mark.usefixtures("at_now")
def test_what_we_accept_pyjwt_accepts() -> None:
    for changes in (
        {},
        {"aud": ["x", AUDIENCE]},
        {"iat": SECONDS + 60},
        {"nbf": SECONDS + 60},
        {"exp": SECONDS + 1},
        {"scope": None},
        {"roles": ["clerk"]},
        {"act": {"sub": "a", "mandate": "m"}},
        {"more": {"x": [1.5, None, "张三"]}},
    ):
        token = claims(**changes)
        assert check(token).verdict is Verdict.VALID
        assert pyjwt_accepts(token)


def test_a_key_of_one_issuer_verifies_nothing_of_another() -> None:
    """The same key id under two issuers: keys are looked up by the verifier's own issuer alone."""
    theirs = verifier(OTHER, issuer="https://other.example")
    assert theirs.check(signed(CLAIMS), now=NOW).verdict is not Verdict.VALID
    both = KeySet([P256.public, OTHER.public])  # even where the other's key is known
    token = signed(CLAIMS | {"iss": "https://other.example"}, OTHER)
    assert check(token, keys=both).step("issuer").code == "other-issuer"

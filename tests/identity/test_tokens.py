"""Access tokens: what is issued, what verifies, and what sessions do to them."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import text

from msb_identity.envelopes.keyfiles import write_verifying_key
from msb_identity.errors import KeyRefused, SignInRefused, StoreError
from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.sso import tokens
from msb_identity.sso.tokens import STEPS, TokenIssuer, TokenVerifier
from tests.identity.token_world import (
    AUDIENCE,
    BOTH,
    CLAIMS,
    ISSUER,
    JOSE_NAMES,
    KEYS,
    NOW,
    P256,
    SECOND,
    SESSION,
    by_hand,
    check,
    found,
    issue,
    must_fail,
    signed,
    verifier,
)

if TYPE_CHECKING:
    from pathlib import Path

    from msb_identity.pki.keys import KeyKind
    from msb_identity.sso.sessions import Session
    from tests.identity.conftest import World

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

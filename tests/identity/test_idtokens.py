"""ID tokens and logout tokens: what a provider makes, and what a portal must not take."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from msb_identity.envelopes.jose import KeySet, encode_base64url, parse_jws
from msb_identity.errors import Refused
from msb_identity.foundation import strict_json
from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.pki.sm import sm3
from msb_identity.sso import logout_tokens
from msb_identity.sso.claims import Acting
from msb_identity.sso.idtokens import (
    ID_TOKEN_STEPS,
    check_id_token,
    half_hash,
    sign_id_token,
    verify_id_token,
)
from msb_identity.sso.logout_tokens import (
    LOGOUT_EVENT,
    LOGOUT_TOKEN_STEPS,
    ReplayMemory,
    check_logout_token,
    sign_logout_token,
    verify_logout_token,
)
from tests.identity.token_world import (
    BOTH,
    ISSUER,
    KEYS,
    NOW,
    P256,
    SECOND,
    SESSION,
    found,
    issue,
    signed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_identity.foundation.report import Report
    from msb_identity.pki.keys import SigningKey

CLIENT, NONCE, CODE, ACCESS = "portal", "n-0S6_WzA2Mj", "SplxlOBeZQQYbYS6WxSbIA", "jHkWEdUXMU1Bwi"
SECONDS = int(NOW.timestamp())


def made(key: SigningKey = P256, **options: Any) -> str:  # noqa: ANN401
    asked: dict[str, Any] = {"nonce": NONCE, "access_token": ACCESS, "code": CODE, "now": NOW}
    return sign_id_token(SESSION, key, issuer=ISSUER, client_id=CLIENT, **{**asked, **options})


def expected(key: SigningKey = P256, **options: Any) -> dict[str, Any]:  # noqa: ANN401
    known: dict[str, Any] = {
        "issuer": ISSUER,
        "client_id": CLIENT,
        "keys": KeySet([key.public]),
        "nonce": NONCE,
        "access_token": ACCESS,
        "code": CODE,
        "now": NOW,
    }
    return {**known, **options}


def must_fail(report: Report, step: str, code: str) -> None:
    assert report.verdict is Verdict.INVALID
    failed = [(taken.id, taken.code) for taken in report.steps if taken.outcome is Outcome.FAILED]
    assert failed == [(step, code)]


@BOTH
def test_an_id_token_says_who_signed_in_and_when(kind: KeyKind) -> None:
    token = made(KEYS[kind], claims={"name": "张*三", "iss": "https://attacker.example"})
    verified = verify_id_token(token, **expected(KEYS[kind], max_age=timedelta(minutes=5)))
    assert (verified.issuer, verified.subject) == (ISSUER, SESSION.subject)
    assert (verified.session_id, verified.acr, verified.amr) == (SESSION.sid, SESSION.acr, ("sms",))
    assert (verified.auth_time, verified.issued_at) == (NOW, NOW)
    assert verified.expires_at == NOW + timedelta(minutes=10)
    assert verified.claims == {"name": "张*三"}
    report = check_id_token(token, **expected(KEYS[kind], max_age=timedelta(minutes=5)))
    assert [step.id for step in report.steps] == list(ID_TOKEN_STEPS)
    assert {step.outcome for step in report.steps} == {Outcome.OK}


@pytest.mark.parametrize(
    ("kind", "digest"),
    [
        (KeyKind.P256, hashlib.sha256(ACCESS.encode()).digest()),
        (KeyKind.RSA, hashlib.sha256(ACCESS.encode()).digest()),
        (KeyKind.ED25519, hashlib.sha512(ACCESS.encode()).digest()),
        (KeyKind.SM2, sm3(ACCESS.encode())),
    ],
    ids=str,
)
def test_hashes_are_the_left_half_by_the_keys_own_digest(kind: KeyKind, digest: bytes) -> None:
    said = strict_json.load_object(parse_jws(made(KEYS[kind])).payload)
    assert said["at_hash"] == encode_base64url(digest[: len(digest) // 2])
    assert said["c_hash"] == half_hash(CODE, kind)
    # The example of OpenID Connect Core, appendix A.3 and A.4, RS256:
    assert half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", KeyKind.RSA) == (
        "77QmUPtjPfzWtF2AnpK9RQ"
    )
    assert half_hash("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk", KeyKind.RSA) == (
        "LDktKdoQak3Pk0cnXxCltA"
    )


def test_stock_pyjwt_verifies_an_id_token() -> None:
    public: Any = load_der_public_key(P256.public.spki)
    claims = jwt.decode(
        made(),
        public,
        ["ES256"],
        issuer=ISSUER,
        audience=CLIENT,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert (claims["nonce"], claims["azp"]) == (NONCE, CLIENT)


def test_who_acts_for_a_firm_stands_in_it() -> None:
    verified = verify_id_token(made(acting=Acting("firm", "mandate")), **expected())
    assert verified.subject == "firm"
    assert (verified.actor, verified.mandate) == (SESSION.subject, "mandate")


def test_what_was_not_sent_is_not_compared() -> None:
    token = made(nonce=None, access_token=None, code=None)
    report = check_id_token(token, **expected(nonce=None))
    assert report.verdict is Verdict.VALID
    assert found(report, "nonce") == ("skipped", "none-was-sent")
    assert found(report, "hashes") == ("skipped", "nothing-to-compare")
    assert found(report, "authentication") == ("skipped", "no-age-was-asked")


def said(**changes: object) -> str:
    """A token of these claims; None takes one away."""
    claims = strict_json.load_object(parse_jws(made()).payload) | changes
    return signed({name: v for name, v in claims.items() if v is not None}, type_="JWT")


ID_FAULTS: Mapping[str, tuple[str, dict[str, Any], str, str]] = {
    "another nonce": (made(), {"nonce": "other"}, "nonce", "other-nonce"),
    "no nonce": (made(nonce=None), {}, "nonce", "other-nonce"),
    "another access token": (made(), {"access_token": "other"}, "hashes", "other-hash"),
    "another code": (made(), {"code": "other"}, "hashes", "other-hash"),
    "another issuer": (made(), {"issuer": "https://other.example"}, "issuer", "other-issuer"),
    "another client": (said(aud="other", azp=None), {}, "audience", "other-audience"),
    "given to another": (said(azp="other"), {}, "audience", "other-party"),
    "for several, given to nobody": (
        said(aud=[CLIENT, "other"], azp=None),
        {},
        "audience",
        "other-party",
    ),
    "expired": (made(), {"now": NOW + timedelta(minutes=10)}, "validity", "expired"),
    "issued 61 s ahead": (made(), {"now": NOW - 61 * SECOND}, "validity", "issued-in-future"),
    "for two days": (said(exp=SECONDS + 172_800), {}, "validity", "lives-too-long"),
    "signed in too long ago": (
        said(auth_time=SECONDS - 361),
        {"max_age": timedelta(minutes=5)},
        "authentication",
        "too-long-ago",
    ),
    "no time of the sign-in": (
        said(auth_time=None),
        {"max_age": timedelta(minutes=5)},
        "authentication",
        "no-time",
    ),
    "an access token": (
        signed(strict_json.load_object(parse_jws(made()).payload)),
        {},
        "type",
        "not-an-id-token",
    ),
    "no subject": (said(sub=None), {}, "format", "claims"),
    "a nonce that is no text": (said(nonce=7), {}, "format", "claims"),
    "bytes changed": (made()[:-8] + "AAAAAAAA", {}, "signature-value", "bad-signature"),
    "nothing": ("", {}, "format", "malformed"),
}


@pytest.mark.parametrize("fault", ID_FAULTS)
def test_an_id_token_with_a_fault_is_refused_at_its_step(fault: str) -> None:
    token, options, step, code = ID_FAULTS[fault]
    must_fail(check_id_token(token, **expected(**options)), step, code)
    with pytest.raises(Refused):
        verify_id_token(token, **expected(**options))


def test_an_id_token_of_an_unknown_key_is_indeterminate() -> None:
    report = check_id_token(made(generate_key(KeyKind.P256)), **expected())
    assert report.verdict is Verdict.INDETERMINATE
    assert found(report, "key") == ("unknown", "unknown-key")


# Logout tokens


def notice(key: SigningKey = P256, **options: Any) -> str:  # noqa: ANN401
    asked: dict[str, Any] = {"sid": SESSION.sid, "subject": SESSION.subject, "now": NOW}
    return sign_logout_token(key, issuer=ISSUER, client_id=CLIENT, **{**asked, **options})


def awaited(key: SigningKey = P256, **options: Any) -> dict[str, Any]:  # noqa: ANN401
    keys = KeySet([key.public])
    known = {"issuer": ISSUER, "client_id": CLIENT, "keys": keys, "now": NOW}
    return {**known, "seen": ReplayMemory(), **options}


@BOTH
def test_a_logout_token_says_whose_sessions_end(kind: KeyKind) -> None:
    ended = verify_logout_token(notice(KEYS[kind]), **awaited(KEYS[kind]))
    assert (ended.issuer, ended.subject, ended.session_id) == (ISSUER, SESSION.subject, SESSION.sid)
    assert jwt.get_unverified_header(notice(KEYS[kind]))["typ"] == "logout+jwt"
    by_sid = verify_logout_token(notice(KEYS[kind], subject=None), **awaited(KEYS[kind]))
    assert by_sid.subject is None


def test_a_logout_token_is_acted_upon_once() -> None:
    token, seen = notice(), ReplayMemory()
    report = check_logout_token(token, **awaited(seen=seen))
    assert report.verdict is Verdict.VALID
    assert [step.id for step in report.steps] == list(LOGOUT_TOKEN_STEPS)
    must_fail(check_logout_token(token, **awaited(seen=seen)), "replay", "seen-before")
    assert check_logout_token(notice(), **awaited(seen=seen)).verdict is Verdict.VALID


def test_a_logout_token_that_was_refused_uses_nothing_up() -> None:
    token, seen = notice(), ReplayMemory()
    check_logout_token(token, **awaited(seen=seen, client_id="other"))
    check_logout_token(token, **awaited(OTHER, seen=seen))
    assert check_logout_token(token, **awaited(seen=seen)).verdict is Verdict.VALID


OTHER = generate_key(KeyKind.P256)


def notice_saying(type_: str = "logout+jwt", **changes: object) -> str:
    claims = strict_json.load_object(parse_jws(notice()).payload) | changes
    return signed({name: v for name, v in claims.items() if v is not None}, type_=type_)


LOGOUT_FAULTS: Mapping[str, tuple[str, dict[str, Any], str, str]] = {
    "a nonce": (notice_saying(nonce=NONCE), {}, "format", "claims"),
    "neither subject nor session": (notice_saying(sid=None, sub=None), {}, "format", "claims"),
    "no jti": (notice_saying(jti=None), {}, "format", "claims"),
    "no events": (notice_saying(events=None), {}, "format", "claims"),
    "events as a list": (notice_saying(events=[LOGOUT_EVENT]), {}, "format", "claims"),
    "another event": (notice_saying(events={"x": {}}), {}, "event", "no-logout-event"),
    "an event that is text": (
        notice_saying(events={LOGOUT_EVENT: "yes"}),
        {},
        "event",
        "no-logout-event",
    ),
    "another client's": (notice(), {"client_id": "other"}, "audience", "other-audience"),
    "another issuer's": (notice(), {"issuer": "https://other.example"}, "issuer", "other-issuer"),
    "expired": (notice(), {"now": NOW + timedelta(minutes=2)}, "validity", "expired"),
    "of an hour": (notice_saying(exp=SECONDS + 3_600), {}, "validity", "lives-too-long"),
    "an ID token's type": (notice_saying("JWT"), {}, "type", "not-a-logout-token"),
    "bytes changed": (notice()[:-8] + "AAAAAAAA", {}, "signature-value", "bad-signature"),
}


@pytest.mark.parametrize("fault", LOGOUT_FAULTS)
def test_a_logout_token_with_a_fault_is_refused_at_its_step(fault: str) -> None:
    token, options, step, code = LOGOUT_FAULTS[fault]
    must_fail(check_logout_token(token, **awaited(**options)), step, code)
    with pytest.raises(Refused):
        verify_logout_token(token, **awaited(**options))


def test_no_kind_of_token_is_taken_for_another() -> None:
    for token in (made(), issue()):
        assert check_logout_token(token, **awaited()).verdict is Verdict.INVALID
    for token in (notice(), issue()):
        assert check_id_token(token, **expected()).verdict is Verdict.INVALID


def test_a_logout_of_nobody_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="names"):
        sign_logout_token(P256, issuer=ISSUER, client_id=CLIENT)


def test_the_memory_of_replays_is_bounded_and_forgets_what_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logout_tokens, "MAX_REMEMBERED", 3)
    memory = ReplayMemory()
    for number in range(10):
        assert memory.first_sight(str(number), NOW + SECOND, now=NOW)
        assert not memory.first_sight(str(number), NOW + SECOND, now=NOW)
    assert len(memory._seen) == 3  # noqa: SLF001
    assert memory.first_sight("9", NOW + 2 * SECOND, now=NOW + SECOND)

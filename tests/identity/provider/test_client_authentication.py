"""How clients prove themselves, and that nothing else passes for it."""

from __future__ import annotations

import secrets
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest

from msb_identity.envelopes.jose import public_jwk, sign_jws
from msb_identity.foundation import strict_json
from msb_identity.pki.keys import KeyKind, SigningKey, generate_key
from msb_identity.sso.client_authentication import ASSERTION_TYPE
from msb_identity.sso.http import WebRequest, WebResponse
from msb_identity.sso.provider import Endpoint
from tests.identity.provider.world import (
    ISSUER,
    NOW,
    PORTAL,
    Portal,
    ProviderWorld,
    error,
    good,
    path,
    post,
)

KEYS = {kind: generate_key(kind) for kind in KeyKind}
P256 = KEYS[KeyKind.P256]
MINUTE = 60
AT = int(NOW.timestamp())
FORM = {"grant_type": "client_credentials"}
SYSTEM: dict[str, Any] = {
    "id": "system",
    "grants": ["client_credentials"],
    "redirect_addresses": [],
    "scopes": ["licence.read"],
}


def _basic(name: str, secret: str) -> dict[str, str]:
    return {"authorization": "Basic " + b64encode(f"{name}:{secret}".encode()).decode()}


def _system(sso: ProviderWorld, **more: Any) -> Portal:  # noqa: ANN401
    return sso.register(**SYSTEM, **more)


def test_a_secret_in_the_header(sso: ProviderWorld) -> None:
    system = _system(sso)
    good(sso.post(Endpoint.TOKEN, FORM, system.headers))
    good(sso.post(Endpoint.TOKEN, {**FORM, "client_id": "system"}, system.headers))


def test_a_secret_in_the_form(sso: ProviderWorld) -> None:
    system = _system(sso, authentication="client_secret_post")
    form = {**FORM, "client_id": "system", "client_secret": system.secret}
    good(sso.post(Endpoint.TOKEN, form, {}))


WRONG_HEADERS = {
    "another secret": _basic("system", "x" * 43),
    "no secret": _basic("system", ""),
    "another client": _basic("nobody", "x"),
    "no colon": {"authorization": "Basic " + b64encode(b"system").decode()},
    "no base64": {"authorization": "Basic !!!"},
    "no text": {"authorization": "Basic " + b64encode(b"\xff\xfe:\xff").decode()},
    "a lone surrogate": {"authorization": "Basic \udcff"},
    "not ASCII": {"authorization": "Basic é"},
    "another scheme": {"authorization": "Bearer x"},
    "empty": {"authorization": ""},
    "only the scheme": {"authorization": "Basic"},
    "huge": {"authorization": "Basic " + "A" * 100_000},
    "a NUL": _basic("system%00", "x"),
    "percent signs": _basic("system%zz", "%"),
    "nothing": {},
}


@pytest.mark.parametrize("headers", WRONG_HEADERS.values(), ids=WRONG_HEADERS)
def test_wrong_proofs_get_one_answer(both: ProviderWorld, headers: dict[str, str]) -> None:
    _system(both)
    answer = both.post(Endpoint.TOKEN, FORM, headers)
    assert error(answer, 401) == "invalid_client"
    assert "authorization" not in headers or answer.header("www-authenticate") is not None


def test_a_secret_is_taken_only_in_the_registered_way(sso: ProviderWorld) -> None:
    system = _system(sso)
    form = {**FORM, "client_id": "system", "client_secret": system.secret}
    assert error(sso.post(Endpoint.TOKEN, form, {}), 401) == "invalid_client"
    assert error(sso.post(Endpoint.TOKEN, form, system.headers)) == "invalid_request"
    other = {**FORM, "client_id": "other"}
    assert error(sso.post(Endpoint.TOKEN, other, system.headers), 401) == "invalid_client"


def test_an_ended_client_is_nobody(sso: ProviderWorld) -> None:
    system = _system(sso)
    sso.clients.end("system", sso.cutoffs, now=NOW)
    assert error(sso.post(Endpoint.TOKEN, FORM, system.headers), 401) == "invalid_client"


def test_a_secret_in_the_query_is_nothing(sso: ProviderWorld) -> None:
    system = _system(sso, authentication="client_secret_post")
    request = post(Endpoint.TOKEN, FORM, {})
    query = (("client_id", "system"), ("client_secret", system.secret or ""))
    answer = sso.provider.token(
        WebRequest("POST", request.path, query=query, headers=request.headers, body=request.body),
        NOW,
    )
    assert answer.status == 401


def test_a_public_client_needs_nothing_but_pkce(sso: ProviderWorld) -> None:
    portal = sso.register(authentication="none")
    assert portal.secret is None
    session = sso.sign_in()
    tokens = good(sso.exchange(portal, sso.code(session), client_id="portal"))
    good(sso.refresh(portal, tokens["refresh_token"], client_id="portal"))
    stolen = sso.exchange(portal, sso.code(session), client_id="portal", code_verifier="w" * 43)
    assert error(stolen) == "invalid_grant"
    answer = sso.post(Endpoint.INTROSPECT, {"token": "x", "client_id": "portal"}, {})
    assert error(answer, 401) == "invalid_client"


def _claims(**changed: object) -> dict[str, object]:
    claims: dict[str, object] = {
        "iss": "system",
        "sub": "system",
        "aud": ISSUER,
        "iat": AT,
        "exp": AT + MINUTE,
        "jti": secrets.token_urlsafe(8),
    }
    return {name: value for name, value in (claims | changed).items() if value is not None}


def _assert(
    sso: ProviderWorld,
    claims: dict[str, object] | str,
    *,
    key: SigningKey = P256,
    type_: str = "JWT",
    later: timedelta = timedelta(0),
) -> WebResponse:
    signed = claims
    if not isinstance(claims, str):
        signed = sign_jws(strict_json.dump(claims), key, type_=type_)
    form = {**FORM, "client_assertion": str(signed), "client_assertion_type": ASSERTION_TYPE}
    return sso.post(Endpoint.TOKEN, form, {}, NOW + later)


def _with_keys(sso: ProviderWorld, *keys: SigningKey) -> None:
    jwks = {"keys": [public_jwk(key.public) for key in keys]}
    _system(sso, authentication="private_key_jwt", keys=jwks)


@pytest.mark.parametrize("kind", list(KeyKind), ids=str)
def test_a_signed_assertion_with_any_kind_of_key(sso: ProviderWorld, kind: KeyKind) -> None:
    _with_keys(sso, KEYS[kind])
    good(_assert(sso, _claims(), key=KEYS[kind]))


GOOD_ASSERTIONS: dict[str, dict[str, object]] = {
    "the endpoint as audience": {"aud": f"{ISSUER}/token"},
    "an audience in a list": {"aud": [ISSUER]},
    "an hour's end, as libraries write it": {"exp": AT + 60 * MINUTE},
    "no iat": {"iat": None},
    "a clock ahead": {"iat": AT + 50, "exp": AT + 110},
    "a claim that nobody knows": {"x": 1},
}


@pytest.mark.parametrize("changed", GOOD_ASSERTIONS.values(), ids=GOOD_ASSERTIONS)
def test_assertions_as_libraries_make_them(sso: ProviderWorld, changed: dict[str, object]) -> None:
    _with_keys(sso, P256)
    good(_assert(sso, _claims(**changed)))


BAD_ASSERTIONS: dict[str, dict[str, object]] = {
    "another issuer": {"iss": "other"},
    "another subject": {"sub": "other"},
    "both another": {"iss": "other", "sub": "other"},
    "no issuer": {"iss": None},
    "no subject": {"sub": None},
    "another audience": {"aud": "https://other.example"},
    "the portal as audience": {"aud": PORTAL},
    "two audiences": {"aud": [ISSUER, "https://other.example"]},
    "an audience with a slash": {"aud": f"{ISSUER}/"},
    "another endpoint": {"aud": f"{ISSUER}/introspect"},
    "no audience": {"aud": None},
    "expired": {"exp": AT},
    "no end": {"exp": None},
    "an end that is no number": {"exp": "soon"},
    "made too long ago": {"iat": AT - 5 * MINUTE, "exp": AT + 60 * MINUTE},
    "made in the future": {"iat": AT + 2 * MINUTE, "exp": AT + 3 * MINUTE},
    "not yet": {"nbf": AT + 2 * MINUTE},
    "no iat and an hour": {"iat": None, "exp": AT + 60 * MINUTE},
    "no jti": {"jti": None},
    "an empty jti": {"jti": ""},
}


@pytest.mark.parametrize("changed", BAD_ASSERTIONS.values(), ids=BAD_ASSERTIONS)
def test_other_assertions_are_refused(sso: ProviderWorld, changed: dict[str, object]) -> None:
    _with_keys(sso, P256)
    assert error(_assert(sso, _claims(**changed)), 401) == "invalid_client"


def test_an_assertion_is_taken_once(both: ProviderWorld) -> None:
    _with_keys(both, P256)
    same = _claims()
    good(_assert(both, same))
    assert error(_assert(both, same), 401) == "invalid_client"
    long = _claims(exp=AT + 60 * MINUTE)
    good(_assert(both, long))
    for minutes in (1, 4, 5, 6, 59):
        late = _assert(both, long, later=timedelta(minutes=minutes))
        assert error(late, 401) == "invalid_client"


def test_an_assertion_needs_a_registered_key_and_its_signature(sso: ProviderWorld) -> None:
    _with_keys(sso, P256, KEYS[KeyKind.SM2])
    good(_assert(sso, _claims()))
    stranger = generate_key(KeyKind.P256)
    assert _assert(sso, _claims(), key=stranger).status == 401
    signed = sign_jws(strict_json.dump(_claims()), P256, type_="JWT")
    head, payload, _ = signed.split(".")
    forged = sign_jws(strict_json.dump(_claims()), P256, type_="JWT").split(".")[2]
    for wrong in (f"{head}.{payload}.{forged}", f"{head}.{payload}.", f"{head}.{payload}", "x"):
        assert _assert(sso, wrong).status == 401


@pytest.mark.parametrize("type_", ["at+jwt", "logout+jwt", "dpop+jwt"])
def test_a_token_of_another_type_is_no_assertion(sso: ProviderWorld, type_: str) -> None:
    _with_keys(sso, P256)
    assert _assert(sso, _claims(), type_=type_).status == 401


def test_the_clients_that_sign_need_no_secret_and_take_none(sso: ProviderWorld) -> None:
    _with_keys(sso, P256)
    form = {**FORM, "client_id": "system", "client_secret": ""}
    assert sso.post(Endpoint.TOKEN, form, {}).status == 401
    assert sso.post(Endpoint.TOKEN, FORM, _basic("system", "")).status == 401
    assert sso.post(Endpoint.TOKEN, {**FORM, "client_id": "system"}, {}).status == 401


def test_a_body_that_is_no_form_is_refused(sso: ProviderWorld) -> None:
    system = _system(sso)
    request = WebRequest.of(
        "POST",
        path(Endpoint.TOKEN),
        headers=[*system.headers.items(), ("Content-Type", "application/json")],
        body=b'{"grant_type":"client_credentials"}',
    )
    assert error(sso.provider.token(request, NOW)) == "invalid_request"

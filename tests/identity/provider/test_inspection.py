"""Introspection, revocation, userinfo, and what the provider says of itself."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from msb_identity.envelopes.jose import KeySet
from msb_identity.pki.keys import KeyKind
from msb_identity.sso.http import WebRequest, WebResponse
from msb_identity.sso.provider import Endpoint
from tests.identity.provider.world import (
    FIRM,
    ISSUER,
    MANDATE,
    NOW,
    PERSON,
    PORTAL,
    SECOND,
    ProviderWorld,
    error,
    good,
    path,
)

OTHER = "https://other.example"


def test_a_system_learns_of_tokens_meant_for_it(sso: ProviderWorld) -> None:
    portal, session = sso.register(), sso.sign_in()
    tokens = sso.tokens(portal, session, acting_for=FIRM)
    said = good(sso.post(Endpoint.INTROSPECT, {"token": tokens["access_token"]}, portal.headers))
    assert said["active"] is True
    assert said["sub"] == FIRM
    assert said["act"] == {"sub": PERSON, "mandate": MANDATE}
    assert (said["client_id"], said["sid"]) == ("portal", session.sid)
    assert said["scope"] == "openid profile"
    assert said["exp"] - said["iat"] == 600


def test_of_tokens_for_others_it_learns_nothing(sso: ProviderWorld) -> None:
    portal, other = sso.register(), sso.register(id="other", audience=OTHER)
    session = sso.sign_in()
    mine = sso.tokens(portal, session)
    for token in (mine["access_token"], mine["refresh_token"], mine["id_token"], "x", ""):
        answer = sso.post(Endpoint.INTROSPECT, {"token": token}, other.headers)
        assert good(answer) == {"active": False}


def test_a_client_may_ask_about_its_own_refresh_token(sso: ProviderWorld) -> None:
    portal, session = sso.register(), sso.sign_in()
    token = sso.tokens(portal, session)["refresh_token"]
    assert sso.is_active(portal, token)
    good(sso.refresh(portal, token, NOW + SECOND))
    assert not sso.is_active(portal, token, NOW + timedelta(minutes=1))
    # Asking is not using: the family goes on.
    good(sso.refresh(portal, token, NOW + 2 * SECOND))


def test_what_has_ended_is_not_active(both: ProviderWorld) -> None:
    portal = both.register()
    session = both.sign_in()
    tokens = both.tokens(portal, session)
    assert both.is_active(portal, tokens["access_token"])
    assert not both.is_active(portal, tokens["access_token"], NOW + timedelta(minutes=10))
    both.sessions.end(session.sid, NOW)
    assert not both.is_active(portal, tokens["access_token"])
    assert not both.is_active(portal, tokens["refresh_token"])


def test_tokens_of_an_ended_client_are_not_active(sso: ProviderWorld) -> None:
    portal, other = sso.register(), sso.register(id="other", audience=PORTAL)
    access = sso.tokens(portal, sso.sign_in())["access_token"]
    assert sso.is_active(other, access)
    sso.clients.end("portal", sso.cutoffs, now=NOW)
    assert not sso.is_active(other, access)
    assert sso.userinfo(access).status == 401


def test_revoking_a_refresh_token_ends_its_family_and_no_session(both: ProviderWorld) -> None:
    portal, session = both.register(), both.sign_in()
    other = both.register(id="other", audience=OTHER)
    mine, theirs = both.tokens(portal, session), both.tokens(other, session)
    form = {"token": mine["refresh_token"], "token_type_hint": "access_token"}
    assert both.post(Endpoint.REVOKE, form, portal.headers).status == 200
    assert error(both.refresh(portal, mine["refresh_token"], NOW + SECOND)) == "invalid_grant"
    assert not both.is_active(portal, mine["access_token"], NOW + SECOND)
    assert both.sessions.is_live(session.sid, NOW + SECOND)
    assert both.is_active(other, theirs["access_token"], NOW + SECOND)
    good(both.refresh(other, theirs["refresh_token"], NOW + SECOND))


def test_revoking_an_access_token_ends_it_alone(both: ProviderWorld) -> None:
    portal, session = both.register(), both.sign_in()
    first, second = both.tokens(portal, session), both.tokens(portal, session)
    form = {"token": first["access_token"]}
    assert both.post(Endpoint.REVOKE, form, portal.headers).status == 200
    assert not both.is_active(portal, first["access_token"])
    assert both.is_active(portal, second["access_token"])
    good(both.refresh(portal, first["refresh_token"], NOW + SECOND))


def test_another_clients_token_is_not_revoked(sso: ProviderWorld) -> None:
    portal, other = sso.register(), sso.register(id="other", audience=PORTAL)
    tokens = sso.tokens(portal, sso.sign_in())
    for token in (tokens["access_token"], tokens["refresh_token"], "made up"):
        assert sso.post(Endpoint.REVOKE, {"token": token}, other.headers).status == 200
    assert sso.is_active(portal, tokens["access_token"])
    good(sso.refresh(portal, tokens["refresh_token"]))


@pytest.mark.parametrize("endpoint", [Endpoint.INTROSPECT, Endpoint.REVOKE])
def test_who_proves_nothing_learns_nothing(sso: ProviderWorld, endpoint: Endpoint) -> None:
    portal = sso.register()
    token = sso.tokens(portal, sso.sign_in())["access_token"]
    assert error(sso.post(endpoint, {"token": token}, {}), 401) == "invalid_client"


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ("openid", {"sub"}),
        ("openid profile", {"sub", "name", "real_name_level"}),
        ("openid realname", {"sub", "real_name", "identity_number"}),
        ("openid phone", {"sub", "phone_number", "phone_number_verified"}),
        ("openid organization", {"sub", "organization_name", "credit_code"}),
        ("openid licence.read", {"sub"}),
    ],
)
def test_userinfo_shows_what_the_scope_opens(
    sso: ProviderWorld, scope: str, names: set[str]
) -> None:
    everything = ("openid", "profile", "realname", "phone", "organization", "licence.read")
    portal = sso.register(scopes=everything)
    access = sso.tokens(portal, sso.sign_in(), scope=scope)["access_token"]
    answer = sso.userinfo(access)
    assert set(good(answer)) == names
    assert answer.header("cache-control") == "no-store"


BAD_BEARERS = {
    "none": {},
    "another scheme": {"authorization": "Basic eDp5"},
    "nothing behind": {"authorization": "Bearer "},
    "no token": {"authorization": "Bearer x"},
    "huge": {"authorization": f"Bearer {'x' * 50_000}"},
    "not ASCII": {"authorization": "Bearer é"},
}


@pytest.mark.parametrize("headers", BAD_BEARERS.values(), ids=BAD_BEARERS)
def test_userinfo_needs_a_token_in_the_header(sso: ProviderWorld, headers: dict[str, str]) -> None:
    answer = sso.provider.userinfo(WebRequest("GET", path(Endpoint.USERINFO), headers=headers), NOW)
    assert answer.status == 401
    assert (answer.header("www-authenticate") or "").startswith("Bearer")


def test_a_token_in_the_query_is_nothing(sso: ProviderWorld) -> None:
    access = sso.tokens(sso.register(), sso.sign_in())["access_token"]
    query = (("access_token", access),)
    answer = sso.provider.userinfo(WebRequest("GET", path(Endpoint.USERINFO), query=query), NOW)
    assert answer.status == 401


def test_userinfo_takes_no_token_after_the_session_ended(both: ProviderWorld) -> None:
    session = both.sign_in()
    access = both.tokens(both.register(), session)["access_token"]
    assert both.userinfo(access).status == 200
    both.sessions.end(session.sid, NOW)
    assert both.userinfo(access).status == 401


def test_the_metadata_names_every_endpoint_where_it_is(sso: ProviderWorld) -> None:
    answer = sso.provider.handle(WebRequest("GET", path(Endpoint.DISCOVERY)), None, NOW)
    assert isinstance(answer, WebResponse)
    said = good(answer)
    assert said["issuer"] == ISSUER
    for name, value in said.items():
        if name.endswith(("_endpoint", "_uri")):
            assert value.startswith(f"{ISSUER}/")
            request = WebRequest("TRACE", value.removeprefix("https://id.example.gov.cn"))
            found = sso.provider.handle(request, None, NOW)
            assert isinstance(found, WebResponse)
            assert found.status == 405, name
    assert said["response_types_supported"] == ["code"]
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert "password" not in json.dumps(said)


def test_the_oauth_metadata_stands_where_rfc_8414_puts_it(sso: ProviderWorld) -> None:
    for where in (
        "/.well-known/oauth-authorization-server/sso",
        "/sso/.well-known/openid-configuration",
    ):
        answer = sso.provider.handle(WebRequest("GET", where), None, NOW)
        assert isinstance(answer, WebResponse)
        assert good(answer)["issuer"] == ISSUER


def test_the_keys_are_those_that_sign(sso: ProviderWorld) -> None:
    answer = sso.provider.handle(WebRequest("GET", path(Endpoint.JWKS)), None, NOW)
    assert isinstance(answer, WebResponse)
    keys = KeySet.from_json(answer.body)
    signer = sso.ring.signer(now=NOW).public
    assert keys.get(signer.key_id_text) == signer
    assert b'"d"' not in answer.body


def test_a_client_may_have_its_tokens_signed_with_another_kind_of_key(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("kinds")
    kinds = (KeyKind.P256, KeyKind.SM2)
    sso = ProviderWorld.open(f"sqlite:///{folder / 'store.sqlite'}", folder, kinds=kinds)
    portal = sso.register(token_key=str(KeyKind.SM2))
    tokens = sso.tokens(portal, sso.sign_in())
    assert sso.is_active(portal, tokens["access_token"])
    metadata = good(sso.provider.discovery(WebRequest("GET", path(Endpoint.DISCOVERY)), NOW))
    assert metadata["id_token_signing_alg_values_supported"] == ["ES256", "SGD_SM3_SM2"]
    sso.store.close()


@pytest.mark.parametrize("where", ["/", "", "/sso", "/sso/", "/sso/token/", "/token", "/sso/x"])
def test_there_is_nothing_elsewhere(sso: ProviderWorld, where: str) -> None:
    answer = sso.provider.handle(WebRequest("GET", where), None, NOW)
    assert isinstance(answer, WebResponse)
    assert answer.status == 404

"""From a portal to the provider and back with tokens."""

from __future__ import annotations

from msb_identity.sso.http import WebResponse
from msb_identity.sso.tokens import TokenVerifier
from tests.identity.provider.world import (
    ISSUER,
    NONCE,
    NOW,
    PERSON,
    PORTAL,
    STATE,
    ProviderWorld,
    back,
    good,
)


def test_a_person_who_is_signed_in_gets_tokens_for_the_portal(both: ProviderWorld) -> None:
    portal, session = both.register(), both.sign_in()
    answer = both.authorize(session)
    assert isinstance(answer, WebResponse)
    came = back(answer)
    assert came["state"] == STATE
    assert came["iss"] == ISSUER
    tokens = good(both.exchange(portal, came["code"]))
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 600
    assert tokens["scope"] == "openid profile"
    verifier = TokenVerifier(issuer=ISSUER, audience=PORTAL, keys=both.ring, cutoffs=both.cutoffs)
    verified = verifier.verify(tokens["access_token"], now=NOW)
    assert verified.subject == PERSON
    assert verified.session_id == session.sid
    assert good(both.userinfo(tokens["access_token"]))["sub"] == PERSON
    again = good(both.refresh(portal, tokens["refresh_token"]))
    assert again["refresh_token"] != tokens["refresh_token"]
    assert NONCE

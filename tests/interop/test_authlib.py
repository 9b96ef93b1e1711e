"""Authlib, with joserfc for its tokens, uses the example's provider as Python portals do."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import httpx
import pytest
from authlib.deprecate import AuthlibDeprecationWarning
from joserfc import jwt
from joserfc.jwk import KeySet

from msb_identity.pki.keys import KeyKind
from tests.interop.running import Browser

with warnings.catch_warnings():  # it is leaving httpx for another library, and says so at import
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.base_client.errors import OAuthError
    from authlib.integrations.httpx_client import OAuth2Client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.running import World

BACK = "http://127.0.0.1:9/back"
VERIFIER = "v" * 64


@pytest.fixture(autouse=True)
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Authlib takes http only where this says so."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


def keys_of(world: World, alg: str) -> KeySet:
    """Give the provider's keys of one algorithm, as a client that knows no SM2 would."""
    published = httpx.get(f"{world.issuer}/jwks", trust_env=False).json()["keys"]
    return KeySet.import_key_set({"keys": [key for key in published if key["alg"] == alg]})


@pytest.fixture
def client(world: World, request: pytest.FixtureRequest) -> Iterator[OAuth2Client]:
    kind, how = request.param
    name = f"authlib-{kind}-{how}".lower()
    secret = world.register(
        name, redirect_addresses=(BACK,), token_key=kind, authentication=f"client_secret_{how}"
    )
    with OAuth2Client(
        client_id=name,
        client_secret=secret,
        token_endpoint_auth_method=f"client_secret_{how}",
        revocation_endpoint_auth_method=f"client_secret_{how}",
        scope="openid profile",
        redirect_uri=BACK,
        code_challenge_method="S256",
        trust_env=False,
    ) as made:
        yield made


@pytest.mark.parametrize(
    ("client", "alg"),
    [((KeyKind.P256, "basic"), "ES256"), ((KeyKind.RSA, "post"), "RS256")],
    ids=str,
    indirect=["client"],
)
def test_the_whole_way_from_sign_in_to_revocation(
    world: World,
    client: OAuth2Client,
    alg: str,
) -> None:
    url, state = client.create_authorization_url(
        f"{world.issuer}/authorize", code_verifier=VERIFIER, nonce="n-1"
    )
    back = world.sign_in(Browser(), url, BACK)
    token = client.fetch_token(
        f"{world.issuer}/token",
        authorization_response=back.url,
        state=state,
        code_verifier=VERIFIER,
    )
    read = jwt.decode(token["id_token"], keys_of(world, alg), algorithms=[alg])
    assert read.header["alg"] == alg
    assert read.claims["nonce"] == "n-1"
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": world.issuer},
        aud={"essential": True, "value": client.client_id},
        sub={"essential": True},
    ).validate(read.claims)
    access = jwt.decode(token["access_token"], keys_of(world, alg), algorithms=[alg])
    assert access.header["typ"] == "at+jwt"

    told = client.get(f"{world.issuer}/userinfo").json()
    assert told["sub"] == read.claims["sub"]
    assert told["name"] == "张*"
    assert client.introspect_token(f"{world.issuer}/introspect", token["access_token"]).json()[
        "active"
    ]
    renewed = client.refresh_token(f"{world.issuer}/token", refresh_token=token["refresh_token"])
    assert renewed["refresh_token"] != token["refresh_token"]
    revoked = client.revoke_token(f"{world.issuer}/revoke", renewed["refresh_token"])
    assert revoked.status_code == 200
    with pytest.raises(OAuthError, match="invalid_grant"):
        client.refresh_token(f"{world.issuer}/token", refresh_token=renewed["refresh_token"])


def test_a_client_that_knows_no_sm2_reads_the_key_set_all_the_same(world: World) -> None:
    published = httpx.get(f"{world.issuer}/jwks", trust_env=False).json()
    assert {key["alg"] for key in published["keys"]} == {"ES256", "RS256", "SGD_SM3_SM2"}

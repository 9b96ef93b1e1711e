"""Our own client, with SM2 from the ID token to the logout token; both portals of the examples."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from msb_identity.envelopes.jose import parse_jws, public_jwk
from msb_identity.errors import OAuthRefused, Refused
from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.sso.signin_client import Pending, SignInClient
from msb_identity.sso.tokens import TokenVerifier
from tests.interop.running import Browser

if TYPE_CHECKING:
    from msb_identity.pki.keys import SigningKey
    from msb_identity.sso.signin_client import SignedIn
    from tests.interop.running import Started, World

BACK = "http://127.0.0.1:9/back"


def make_client(world: World, name: str, credential: str | SigningKey) -> SignInClient:
    return SignInClient.from_issuer(
        world.issuer,
        client_id=name,
        credential=credential,
        redirect_address=BACK,
        scope=("openid", "profile"),
        allow_http=True,
    )


def registered(world: World, name: str, kind: KeyKind) -> SignInClient:
    """A client that proves itself by a key of the kind that its tokens are signed with."""
    key = generate_key(kind)
    world.register(
        name,
        redirect_addresses=(BACK,),
        token_key=kind,
        authentication="private_key_jwt",
        keys={"keys": [public_jwk(key.public)]},
    )
    return make_client(world, name, key)


def signed_in(world: World, client: SignInClient, browser: Browser) -> SignedIn:
    pending = Pending.new()
    back = world.sign_in(browser, client.begin(pending), BACK)
    return client.complete(dict(parse_qsl(urlsplit(back.url).query)), pending)


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.P256, KeyKind.RSA], ids=str)
def test_the_whole_way_with_every_kind_of_key(world: World, kind: KeyKind) -> None:
    client = registered(world, f"own-{kind}".lower(), kind)
    browser = Browser()
    come = signed_in(world, client, browser)
    assert come.person.amr == ("pwd",)
    algorithm = {"SM2": "SGD_SM3_SM2", "P-256": "ES256", "RSA": "RS256"}[kind]
    assert parse_jws(come.tokens.id_token or "").header["alg"] == algorithm
    verifier = TokenVerifier.from_issuer(world.issuer, audience=client.client_id, allow_http=True)
    verified = verifier.verify(come.tokens.access_token)
    assert verified.subject == come.person.subject

    renewed = client.refresh(come.tokens.refresh_token or "")
    assert renewed.refresh_token not in {None, come.tokens.refresh_token}
    assert verifier.verify(renewed.access_token).session_id == come.person.session_id
    client.revoke(renewed.refresh_token or "")
    with pytest.raises(OAuthRefused, match="invalid_grant"):
        client.refresh(renewed.refresh_token or "")


def test_what_is_not_the_answer_to_this_browser_is_refused(world: World) -> None:
    secret = world.register("own-answers", redirect_addresses=(BACK,))
    client = make_client(world, "own-answers", secret)
    browser, pending = Browser(), Pending.new()
    answer = dict(
        parse_qsl(urlsplit(world.sign_in(browser, client.begin(pending), BACK).url).query)
    )
    for wrong, code in (
        ({**answer, "state": "another"}, "state"),
        ({**answer, "iss": "http://127.0.0.1:1"}, "issuer"),
        ({name: value for name, value in answer.items() if name != "iss"}, "issuer"),
        ({**answer, "error": "access_denied"}, "access_denied"),
        ({**answer, "code": ""}, "invalid_"),
    ):
        with pytest.raises(OAuthRefused, match=code):
            client.complete(wrong, pending)
    with pytest.raises(OAuthRefused, match="state"):
        client.complete(answer, Pending.new())
    assert client.complete(answer, pending).person.subject
    with pytest.raises(OAuthRefused, match="invalid_grant"):
        client.complete(answer, pending)


def test_a_wrong_secret_gets_nothing(world: World) -> None:
    world.register("own-secret", redirect_addresses=(BACK,))
    client = make_client(world, "own-secret", "x" * 43)
    with pytest.raises(OAuthRefused, match="invalid_client"):
        client.refresh("anything")


def arrive(world: World, browser: Browser, portal: Started) -> str:
    """Go to a page of a portal that is for people who are signed in, signing in where asked."""
    page = browser.get(f"{portal.url}/permits")
    if not page.url.startswith(portal.url):
        page = world.sign_in(browser, page.url, f"{portal.url}/sso/callback")
        page = browser.get(page.url)
    assert page.url == f"{portal.url}/permits", page.text
    return page.text


def test_signed_in_at_one_portal_is_signed_in_at_the_other(
    world: World, portals: tuple[Started, Started]
) -> None:
    land, taxes = portals
    browser = Browser()
    assert "已登录" in arrive(world, browser, land)
    page = browser.get(f"{taxes.url}/permits")  # no sign-in between
    assert page.url == f"{taxes.url}/permits"
    assert "已登录" in page.text


def test_signing_out_of_one_portal_is_signing_out_of_both(
    world: World, portals: tuple[Started, Started]
) -> None:
    land, taxes = portals
    browser = Browser()
    arrive(world, browser, land)
    taxes_page = arrive(world, browser, taxes)
    assert "已登录" in taxes_page
    left = browser.submit(browser.get(f"{land.url}/permits"), {})
    assert left.url == f"{land.url}/"
    deadline = time.monotonic() + 10
    page = browser.get(f"{taxes.url}/permits")
    while not page.url.startswith(world.issuer) and time.monotonic() < deadline:
        time.sleep(0.1)
        page = browser.get(f"{taxes.url}/permits")
    assert page.url.startswith(world.issuer), "the other portal asks to sign in"


def test_the_apis_of_both_portals_take_tokens_and_say_why_not(
    world: World, portals: tuple[Started, Started]
) -> None:
    for portal, name in zip(portals, ("land", "taxes"), strict=True):
        answer = httpx.get(f"{portal.url}/api/permits", trust_env=False)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        secret = world.secrets[name]
        client = SignInClient.from_issuer(
            world.issuer,
            client_id=name,
            credential=secret,
            redirect_address=f"{portal.url}/sso/callback",
            allow_http=True,
        )
        pending = Pending.new()
        back = world.sign_in(Browser(), client.begin(pending), f"{portal.url}/sso/callback")
        come = client.complete(dict(parse_qsl(urlsplit(back.url).query)), pending)
        bearer = {"Authorization": f"Bearer {come.tokens.access_token}"}
        answer = httpx.get(f"{portal.url}/api/permits", headers=bearer, trust_env=False)
        assert answer.json() == {"subject": come.person.subject}
        answer = httpx.get(f"{portal.url}/api/firm", headers=bearer, trust_env=False)
        assert answer.status_code == 403
        said = json.loads(answer.text)
        assert "代表法人" in (said.get("detail") or said)["zh"]


def test_a_notice_that_the_provider_did_not_sign_ends_nothing(
    world: World, portals: tuple[Started, Started]
) -> None:
    land, _ = portals
    browser = Browser()
    arrive(world, browser, land)
    for body in ({"logout_token": "eyJhbGciOiJub25lIn0.e30."}, {"logout_token": ""}, {}):
        answer = httpx.post(f"{land.url}/sso/ended", data=body, trust_env=False)
        assert answer.status_code == 400
    assert browser.get(f"{land.url}/permits").url == f"{land.url}/permits"


def test_an_id_token_is_no_logout_token(world: World) -> None:
    client = registered(world, "own-notice", KeyKind.P256)
    come = signed_in(world, client, Browser())
    with pytest.raises(Refused, match="type"):
        client.read_logout_token(come.tokens.id_token or "")

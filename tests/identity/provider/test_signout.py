"""Signing out at one portal signs out everywhere, and only those who may can ask for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from msb_identity.sso.http import WebRequest, WebResponse
from msb_identity.sso.provider import Endpoint, SignOutNeeded
from tests.identity.provider.world import NOW, PORTAL, SECOND, ProviderWorld, back, path, post

BYE = f"{PORTAL}/bye"


def test_a_portal_with_its_id_token_signs_out_without_asking(both: ProviderWorld) -> None:
    portal, session = both.register(), both.sign_in()
    tokens = both.tokens(portal, session)
    answer = both.sign_out(
        session,
        id_token_hint=tokens["id_token"],
        post_logout_redirect_uri=BYE,
        state="s",
    )
    assert isinstance(answer, WebResponse)
    assert back(answer, BYE) == {"state": "s"}
    assert not both.sessions.is_live(session.sid, NOW)
    assert not both.is_active(portal, tokens["access_token"])


def test_an_expired_id_token_will_do(sso: ProviderWorld) -> None:
    portal, session = sso.register(), sso.sign_in()
    hint = sso.tokens(portal, session)["id_token"]
    later = NOW + timedelta(hours=3)
    assert isinstance(sso.sign_out(session, later, id_token_hint=hint), WebResponse)
    assert not sso.sessions.is_live(session.sid, later)


def test_without_one_the_person_is_asked(sso: ProviderWorld) -> None:
    sso.register()
    session = sso.sign_in()
    asked = sso.sign_out(session, client_id="portal", post_logout_redirect_uri=BYE)
    assert asked == SignOutNeeded("政务服务网", BYE)
    assert sso.sign_out(session) == SignOutNeeded("")
    assert sso.sessions.is_live(session.sid, NOW)
    request = WebRequest("GET", path(Endpoint.END_SESSION), query=(("client_id", "portal"),))
    answer = sso.provider.end_session(request, session, NOW, confirmed=True)
    assert isinstance(answer, WebResponse)
    assert answer.status == 200
    assert not sso.sessions.is_live(session.sid, NOW)


def test_an_id_token_of_another_session_does_not_end_this_one_unasked(sso: ProviderWorld) -> None:
    portal, mine, theirs = sso.register(), sso.sign_in(), sso.sign_in()
    hint = sso.tokens(portal, theirs)["id_token"]
    assert isinstance(sso.sign_out(mine, id_token_hint=hint), SignOutNeeded)
    assert sso.sessions.is_live(mine.sid, NOW)


def test_a_browser_that_lost_its_cookie_still_signs_out(sso: ProviderWorld) -> None:
    portal, session = sso.register(), sso.sign_in()
    hint = sso.tokens(portal, session)["id_token"]
    assert isinstance(sso.sign_out(None, id_token_hint=hint), WebResponse)
    assert not sso.sessions.is_live(session.sid, NOW)


@pytest.mark.parametrize("hint", ["x", "x.y.z", "e30.e30.e30", "x" * 8_000, "é"], ids=len)
def test_what_is_no_id_token_proves_nothing(sso: ProviderWorld, hint: str) -> None:
    sso.register()
    session = sso.sign_in()
    assert isinstance(sso.sign_out(session, id_token_hint=hint), SignOutNeeded)
    assert sso.sessions.is_live(session.sid, NOW)


def test_an_access_token_is_no_hint(sso: ProviderWorld) -> None:
    portal, session = sso.register(), sso.sign_in()
    access = sso.tokens(portal, session)["access_token"]
    assert isinstance(sso.sign_out(session, id_token_hint=access), SignOutNeeded)


@pytest.mark.parametrize(
    "address",
    [f"{BYE}/", f"{BYE}?x=1", "https://evil.example", PORTAL, f"{PORTAL}/back", "//x", "x"],
)
def test_nobody_is_sent_to_an_address_that_is_not_registered_for_it(
    sso: ProviderWorld, address: str
) -> None:
    portal, session = sso.register(), sso.sign_in()
    hint = sso.tokens(portal, session)["id_token"]
    answer = sso.sign_out(session, id_token_hint=hint, post_logout_redirect_uri=address)
    assert isinstance(answer, WebResponse)
    assert (answer.status, answer.header("location")) == (400, None)
    assert sso.sessions.is_live(session.sid, NOW)


def test_without_a_client_there_is_no_address(sso: ProviderWorld) -> None:
    sso.register()
    answer = sso.sign_out(None, post_logout_redirect_uri=BYE)
    assert isinstance(answer, WebResponse)
    assert answer.status == 400


def test_the_client_named_must_be_the_id_tokens(sso: ProviderWorld) -> None:
    portal, session = sso.register(), sso.sign_in()
    sso.register(id="other")
    hint = sso.tokens(portal, session)["id_token"]
    answer = sso.sign_out(session, id_token_hint=hint, client_id="other")
    assert isinstance(answer, WebResponse)
    assert answer.status == 400
    assert sso.sessions.is_live(session.sid, NOW)


def test_the_request_may_be_posted(sso: ProviderWorld) -> None:
    portal, session = sso.register(), sso.sign_in()
    form = {"id_token_hint": sso.tokens(portal, session)["id_token"]}
    answer = sso.provider.handle(post(Endpoint.END_SESSION, form, {}), session, NOW + SECOND)
    assert isinstance(answer, WebResponse)
    assert answer.status == 200
    assert not sso.sessions.is_live(session.sid, NOW + SECOND)

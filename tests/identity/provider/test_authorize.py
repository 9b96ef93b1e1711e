"""The authorisation endpoint: who is sent back, with what, and who is never sent anywhere."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

import pytest

from msb_identity.sso.codes import challenge_of
from msb_identity.sso.http import MAX_BODY_BYTES, WebRequest, WebResponse
from msb_identity.sso.provider import Endpoint, Reason, SignInNeeded
from tests.identity.provider.world import (
    BACK,
    FIRM,
    ISSUER,
    NOW,
    PERSON,
    PORTAL,
    SECOND,
    STATE,
    VERIFIER,
    ProviderWorld,
    back,
    claims_of,
    get,
    good,
    path,
    post,
)

ALMOST = {
    "a slash behind": f"{BACK}/",
    "no path": PORTAL,
    "host in capitals": "https://Portal.example.gov.cn/back",
    "scheme in capitals": "HTTPS://portal.example.gov.cn/back",
    "the default port": "https://portal.example.gov.cn:443/back",
    "another port": "https://portal.example.gov.cn:8443/back",
    "http": "http://portal.example.gov.cn/back",
    "a user before the host": "https://portal.example.gov.cn@evil.example/back",
    "a user": "https://me@portal.example.gov.cn/back",
    "a fragment": f"{BACK}#",
    "a fragment with a host": f"{BACK}#@evil.example",
    "a query": f"{BACK}?a=1",
    "an empty query": f"{BACK}?",
    "up and down": f"{PORTAL}/x/../back",
    "a point": f"{PORTAL}/./back",
    "up, encoded": f"{PORTAL}/x/%2e%2e/back",
    "another path": f"{BACK}2",
    "below it": f"{BACK}/evil",
    "a letter encoded": f"{PORTAL}/%62ack",
    "a slash encoded": f"{PORTAL}%2fback",
    "a backslash": f"{PORTAL}\\back",
    "two slashes": f"{PORTAL}//back",
    "another host behind": "https://portal.example.gov.cn.evil.example/back",
    "another host before": "https://evil-portal.example.gov.cn/back",
    "a point behind the host": "https://portal.example.gov.cn./back",
    "a full-width letter": "https://ｐortal.example.gov.cn/back",
    "a space before": f" {BACK}",
    "a space behind": f"{BACK} ",
    "no address": None,
    "an empty one": "",
    "script": "javascript:alert(1)",
    "data": "data:text/html,x",
    "without a scheme": "//portal.example.gov.cn/back",
    "twice": f"{BACK},{BACK}",
}


@pytest.mark.parametrize("address", ALMOST.values(), ids=ALMOST)
def test_nobody_is_sent_to_an_address_that_almost_matches(
    sso: ProviderWorld, address: str | None
) -> None:
    sso.register()
    answer = sso.authorize(sso.sign_in(), redirect_uri=address)
    assert isinstance(answer, WebResponse)
    assert answer.status == 400
    assert answer.header("location") is None
    assert b"evil" not in answer.body
    assert STATE.encode() not in answer.body


@pytest.mark.parametrize("client_id", ["", None, "other", "portal ", "Portal", "p" * 1_000])
def test_nobody_is_sent_away_for_an_unknown_client(
    sso: ProviderWorld, client_id: str | None
) -> None:
    sso.register()
    answer = sso.authorize(sso.sign_in(), client_id=client_id)
    assert isinstance(answer, WebResponse)
    assert (answer.status, answer.header("location")) == (400, None)


def test_nobody_is_sent_away_for_a_client_that_was_ended(sso: ProviderWorld) -> None:
    sso.register()
    assert sso.clients.end("portal", sso.cutoffs, now=NOW)
    answer = sso.authorize(sso.sign_in())
    assert isinstance(answer, WebResponse)
    assert answer.status == 400


@pytest.mark.parametrize("name", ["state", "redirect_uri", "client_id", "scope", "unheard_of"])
def test_a_repeated_parameter_is_refused(sso: ProviderWorld, name: str) -> None:
    sso.register()
    request = sso.request()
    pairs = (*request.query, (name, "x"), (name, "x"))
    twice = WebRequest("GET", request.path, query=pairs)
    answer = sso.provider.authorize(twice, sso.sign_in(), NOW)
    assert isinstance(answer, WebResponse)
    assert (answer.status, answer.header("location")) == (400, None)


def test_an_unknown_parameter_is_ignored(sso: ProviderWorld) -> None:
    sso.register()
    assert sso.code(sso.sign_in(), unheard_of="x", display="page", ui_locales="zh")


def test_the_request_may_be_posted(sso: ProviderWorld) -> None:
    sso.register()
    form = dict(sso.request().query)
    answer = sso.provider.authorize(post(Endpoint.AUTHORIZE, form, {}), sso.sign_in(), NOW)
    assert isinstance(answer, WebResponse)
    assert back(answer)["code"]


REFUSED: dict[str, tuple[dict[str, str | None], str]] = {
    "no response type": ({"response_type": None}, "unsupported_response_type"),
    "implicit": ({"response_type": "token"}, "unsupported_response_type"),
    "implicit with an ID token": ({"response_type": "id_token"}, "unsupported_response_type"),
    "hybrid": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "fragment": ({"response_mode": "fragment"}, "invalid_request"),
    "no PKCE": (
        {"code_challenge": None, "code_challenge_method": None},
        "invalid_request",
    ),
    "plain PKCE": ({"code_challenge_method": "plain"}, "invalid_request"),
    "PKCE of no method": ({"code_challenge_method": None}, "invalid_request"),
    "a short challenge": ({"code_challenge": "x" * 42}, "invalid_request"),
    "a long challenge": ({"code_challenge": "x" * 44}, "invalid_request"),
    "a challenge with padding": ({"code_challenge": "x" * 42 + "="}, "invalid_request"),
    "a request object": ({"request": "e30.e30."}, "request_not_supported"),
    "a request elsewhere": ({"request_uri": "https://x"}, "request_uri_not_supported"),
    "a registration": ({"registration": "{}"}, "registration_not_supported"),
    "no scope": ({"scope": None}, "invalid_scope"),
    "scopes of others": ({"scope": "realname offline_access"}, "invalid_scope"),
    "another's resource": ({"resource": "https://other.example"}, "invalid_target"),
    "prompt none and login": ({"prompt": "none login"}, "invalid_request"),
    "an unknown prompt": ({"prompt": "create"}, "invalid_request"),
    "a max_age in words": ({"max_age": "soon"}, "invalid_request"),
    "a negative max_age": ({"max_age": "-1"}, "invalid_request"),
    "a full-width max_age": ({"max_age": "１０"}, "invalid_request"),
    "a huge max_age": ({"max_age": "9" * 100}, "invalid_request"),
    "a long nonce": ({"nonce": "n" * 501}, "invalid_request"),
    "a hint that is none": ({"id_token_hint": "x.y.z"}, "invalid_request"),
    "no firm's id": ({"acting_for": "../../x"}, "invalid_request"),
    "a firm that is not the person's": ({"acting_for": "x" * 26}, "access_denied"),
}


@pytest.mark.parametrize(("changed", "code"), REFUSED.values(), ids=REFUSED)
def test_the_portal_is_told_what_is_wrong(
    sso: ProviderWorld, changed: dict[str, str | None], code: str
) -> None:
    sso.register()
    answer = sso.authorize(sso.sign_in(), NOW, **changed)
    assert isinstance(answer, WebResponse)
    came = back(answer)
    assert came["error"] == code
    assert (came["state"], came["iss"]) == (STATE, ISSUER)
    assert "code" not in came


def test_scopes_that_are_not_registered_are_left_out(sso: ProviderWorld) -> None:
    portal, session = sso.register(), sso.sign_in()
    tokens = sso.tokens(portal, session, scope="openid offline_access realname profile")
    assert tokens["scope"] == "openid profile"


def test_without_a_state_none_comes_back(sso: ProviderWorld) -> None:
    sso.register()
    answer = sso.authorize(sso.sign_in(), state=None)
    assert isinstance(answer, WebResponse)
    assert set(back(answer)) == {"code", "iss"}


def test_a_registered_address_keeps_its_own_query(sso: ProviderWorld) -> None:
    address = f"{BACK}?area=1"
    sso.register(redirect_addresses=[address])
    answer = sso.authorize(sso.sign_in(), redirect_uri=address)
    assert isinstance(answer, WebResponse)
    location = answer.header("location") or ""
    assert location.startswith(f"{address}&code=")


def test_the_answer_is_kept_nowhere_and_tells_no_referrer(sso: ProviderWorld) -> None:
    sso.register()
    answer = sso.authorize(sso.sign_in())
    assert isinstance(answer, WebResponse)
    assert answer.header("cache-control") == "no-store"
    assert answer.header("referrer-policy") == "no-referrer"


def _needed(answer: WebResponse | SignInNeeded) -> SignInNeeded:
    assert isinstance(answer, SignInNeeded), answer
    return answer


def _go_on(needed: SignInNeeded) -> WebRequest:
    where, _, query = needed.return_to.partition("?")
    assert where == path(Endpoint.AUTHORIZE)
    return WebRequest.of("GET", where, query_string=query)


def test_who_is_not_signed_in_is_asked_to_and_then_goes_on(sso: ProviderWorld) -> None:
    sso.register()
    needed = _needed(sso.authorize(None, login_hint="13800138000"))
    assert needed.reason is Reason.NO_SESSION
    assert needed.client_name == "政务服务网"
    assert needed.login_hint == "13800138000"
    assert "13800138000" not in needed.return_to
    answer = sso.provider.authorize(_go_on(needed), sso.sign_in(), NOW)
    assert isinstance(answer, WebResponse)
    assert back(answer)["code"]


def test_an_ended_session_is_none(sso: ProviderWorld) -> None:
    sso.register()
    session = sso.sign_in()
    assert sso.sessions.end(session.sid, NOW)
    assert _needed(sso.authorize(sso.sessions.get(session.sid))).reason is Reason.NO_SESSION
    late = NOW + timedelta(hours=13)
    assert _needed(sso.authorize(sso.sign_in(), late)).reason is Reason.NO_SESSION


NONE = {
    "not signed in": ({}, "login_required"),
    "too old": ({"max_age": "0"}, "login_required"),
    "too weak": ({"acr_values": "urn:msb:aal:3"}, "login_required"),
}


@pytest.mark.parametrize(("changed", "code"), NONE.values(), ids=NONE)
def test_prompt_none_asks_nobody(sso: ProviderWorld, changed: dict[str, str], code: str) -> None:
    sso.register()
    session = sso.sign_in() if changed else None
    answer = sso.authorize(session, NOW + SECOND, prompt="none", **changed)
    assert isinstance(answer, WebResponse)
    assert back(answer)["error"] == code


def test_prompt_none_with_a_level_that_is_too_low_needs_the_person(sso: ProviderWorld) -> None:
    sso.register(level=4)
    answer = sso.authorize(sso.sign_in(), prompt="none")
    assert isinstance(answer, WebResponse)
    assert back(answer)["error"] == "interaction_required"


def test_prompt_none_gives_a_code_to_who_is_signed_in(sso: ProviderWorld) -> None:
    sso.register()
    assert sso.code(sso.sign_in(), prompt="none")


@pytest.mark.parametrize("changed", [{"prompt": "login"}, {"max_age": "60"}, {"max_age": "0"}])
def test_a_fresh_sign_in_is_asked_for_once_and_only_a_fresh_one_will_do(
    sso: ProviderWorld, changed: dict[str, str]
) -> None:
    sso.register()
    old = sso.sign_in()
    later = NOW + timedelta(minutes=10)
    needed = _needed(sso.authorize(old, later, **changed))
    assert needed.reason is Reason.FRESH_SIGN_IN
    again = _go_on(needed)
    assert _needed(sso.provider.authorize(again, old, later)).reason is Reason.FRESH_SIGN_IN
    fresh = sso.sign_in(now=later + timedelta(minutes=2))
    done = sso.provider.authorize(again, fresh, later + timedelta(minutes=3))
    assert isinstance(done, WebResponse)
    assert back(done)["code"]
    too_late = later + timedelta(hours=2)
    assert _needed(sso.provider.authorize(again, fresh, too_late)).reason is Reason.FRESH_SIGN_IN


@pytest.mark.parametrize("minutes", [5, 6])
def test_to_wait_with_coming_back_makes_no_old_sign_in_fresh(
    sso: ProviderWorld, minutes: int
) -> None:
    sso.register()
    needed = _needed(sso.authorize(None, max_age="60"))
    signed_in = NOW + timedelta(minutes=1)
    session = sso.sign_in(now=signed_in)
    back_at = signed_in + timedelta(minutes=minutes)
    answer = sso.provider.authorize(_go_on(needed), session, back_at)
    assert isinstance(answer, WebResponse) is (minutes == 5)
    if minutes == 6:
        again = _go_on(_needed(answer))
        anew = sso.sign_in(now=back_at)
        assert isinstance(sso.provider.authorize(again, anew, back_at), WebResponse)


@pytest.mark.parametrize("changed", [{"prompt": "login"}, {"max_age": "60"}])
def test_each_method_of_a_fresh_and_strong_sign_in_is_fresh(
    sso: ProviderWorld, changed: dict[str, str]
) -> None:
    """Of two methods one shown again does not do for both, and tokens tell of fresh ones alone."""
    portal = sso.register()
    strong, both = "urn:msb:aal:2", ("pwd", "sms")
    old = sso.sessions.start(PERSON, level=3, acr=strong, amr=both, now=NOW)
    later = NOW + timedelta(hours=1)
    needed = _needed(sso.authorize(old, later, acr_values=strong, **changed))
    assert needed.reason is Reason.FRESH_SIGN_IN
    first, second = later + timedelta(minutes=2), later + timedelta(minutes=4)
    half = sso.sessions.strengthen(old.sid, level=3, acr=strong, amr=("pwd",), now=first)
    again = _needed(sso.provider.authorize(_go_on(needed), half, first))
    assert again.reason is Reason.STRONGER_SIGN_IN
    # A password alone is fresh enough where no strength is asked for, and tokens say no more.
    weak = sso.tokens(portal, half, first, max_age="60")
    claims = claims_of(weak["access_token"])
    assert (claims["amr"], claims["acr"]) == (["pwd"], "urn:msb:aal:1")
    assert claims["auth_time"] == first.timestamp()
    whole = sso.sessions.strengthen(old.sid, level=3, acr=strong, amr=("sms",), now=second)
    done = sso.provider.authorize(_go_on(again), whole, second)
    assert isinstance(done, WebResponse)
    given = good(sso.exchange(portal, back(done)["code"], second))
    claims = claims_of(given["id_token"])
    assert (claims["amr"], claims["acr"]) == (["pwd", "sms"], strong)
    assert claims["auth_time"] == first.timestamp()


def test_since_when_a_request_waits_cannot_be_forged_or_moved_to_another(
    sso: ProviderWorld,
) -> None:
    sso.register()
    session = sso.sign_in()
    later = NOW + timedelta(minutes=10)
    needed = _needed(sso.authorize(session, later, prompt="login"))
    query = dict(parse_qsl(needed.return_to.partition("?")[2]))
    since, _, mac = query["continued"].partition(".")
    earlier = str(int(since) - 3_600)
    forged = (
        {**query, "continued": f"{earlier}.{mac}"},
        {**query, "continued": f"{since}.{'0' * 64}"},
        {**query, "continued": since},
        {**query, "continued": "x.é"},
        {**query, "state": "another"},
    )
    for one in forged:
        fresh = sso.sign_in(now=later - SECOND) if one is forged[0] else sso.sign_in(now=later)
        request = WebRequest.of("GET", path(Endpoint.AUTHORIZE), query_string=urlencode(one))
        assert _needed(sso.provider.authorize(request, fresh, later)).reason is Reason.FRESH_SIGN_IN


def test_a_weaker_sign_in_than_asked_for_must_be_stepped_up(sso: ProviderWorld) -> None:
    sso.register()
    weak, strong = sso.sign_in(), sso.sign_in(acr="urn:msb:aal:3")
    needed = _needed(sso.authorize(weak, acr_values="urn:msb:aal:2"))
    assert (needed.reason, needed.acr) == (Reason.STRONGER_SIGN_IN, "urn:msb:aal:2")
    assert sso.code(strong, acr_values="urn:msb:aal:2")
    # Of several the weakest will do; those of other scales are passed over.
    assert sso.code(weak, acr_values="urn:msb:aal:3 urn:msb:aal:1 urn:other:9")


def test_a_portal_may_be_registered_for_strong_sign_ins_alone(sso: ProviderWorld) -> None:
    sso.register(acr="urn:msb:aal:2")
    needed = _needed(sso.authorize(sso.sign_in(), acr_values="urn:msb:aal:1"))
    assert needed.acr == "urn:msb:aal:2"


def test_the_real_name_level_is_that_of_the_portal_or_of_the_scope(sso: ProviderWorld) -> None:
    sso.register(scopes=["openid", "realname"])
    sso.subjects.levels = 1
    needed = _needed(sso.authorize(sso.sign_in(), scope="openid realname"))
    assert (needed.reason, needed.level) == (Reason.HIGHER_LEVEL, 2)
    assert sso.code(sso.sign_in(), scope="openid")
    sso.register(id="strict", level=3)
    assert _needed(sso.authorize(sso.sign_in(), client_id="strict")).level == 3
    sso.subjects.levels = 3
    assert sso.code(sso.sign_in(), client_id="strict")


def test_a_hint_of_somebody_else_asks_for_that_person(sso: ProviderWorld) -> None:
    portal, mine = sso.register(), sso.sign_in()
    hint = sso.tokens(portal, mine)["id_token"]
    assert sso.code(mine, id_token_hint=hint, prompt="none")
    other = sso.sessions.start("q" * 26, level=3, acr="urn:msb:aal:1", amr=("sms",), now=NOW)
    answer = sso.authorize(other, id_token_hint=hint, prompt="none")
    assert isinstance(answer, WebResponse)
    assert back(answer)["error"] == "login_required"
    assert _needed(sso.authorize(other, id_token_hint=hint)).reason is Reason.OTHER_ACCOUNT
    choice = _needed(sso.authorize(mine, prompt="select_account"))
    assert choice.reason is Reason.OTHER_ACCOUNT
    assert isinstance(sso.provider.authorize(_go_on(choice), other, NOW), WebResponse)
    access = sso.tokens(portal, mine)["access_token"]
    refused = sso.authorize(mine, id_token_hint=access)
    assert isinstance(refused, WebResponse)
    assert back(refused)["error"] == "invalid_request"


def test_who_turns_back_is_reported_to_the_portal(sso: ProviderWorld) -> None:
    sso.register()
    needed = _needed(sso.authorize(None))
    assert back(sso.provider.cancel(_go_on(needed), NOW))["error"] == "access_denied"
    stray = get(Endpoint.AUTHORIZE, {"client_id": "portal", "redirect_uri": "https://evil.example"})
    assert sso.provider.cancel(stray, NOW).status == 400


def test_acting_for_a_firm_is_asked_of_the_portals_own_matter(sso: ProviderWorld) -> None:
    portal = sso.register()
    tokens = sso.tokens(portal, sso.sign_in(), acting_for=FIRM)
    assert sso.subjects.asked[-1] == "tax.declare"
    assert good(sso.userinfo(tokens["access_token"]))["sub"] == FIRM


def test_at_a_portal_of_no_matter_nobody_acts_for_a_firm(sso: ProviderWorld) -> None:
    sso.register(mandate_scope=None)
    answer = sso.authorize(sso.sign_in(), acting_for=FIRM)
    assert isinstance(answer, WebResponse)
    assert back(answer)["error"] == "access_denied"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS", "", "get "])
def test_other_methods_are_refused(sso: ProviderWorld, method: str) -> None:
    answer = sso.provider.handle(WebRequest(method, path(Endpoint.AUTHORIZE)), None, NOW)
    assert isinstance(answer, WebResponse)
    assert (answer.status, answer.header("allow")) == (405, "GET, POST")


def test_what_is_too_long_is_refused_without_being_read(sso: ProviderWorld) -> None:
    sso.register()
    long_query = WebRequest.of(
        "GET", path(Endpoint.AUTHORIZE), query_string=f"state={'x' * 20_000}"
    )
    many = WebRequest.of(
        "GET", path(Endpoint.AUTHORIZE), query_string="&".join(f"a{i}=1" for i in range(100))
    )
    body = WebRequest.of("POST", path(Endpoint.TOKEN), body=b"x" * (MAX_BODY_BYTES + 1))
    for request in (long_query, many, body, WebRequest.of("POST", path(Endpoint.TOKEN), body=None)):
        answer = sso.provider.handle(request, None, NOW)
        assert isinstance(answer, WebResponse)
        assert answer.status == 400


def test_only_the_challenge_is_sent_ahead(sso: ProviderWorld) -> None:
    assert VERIFIER not in str(sso.request().query)
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == (
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636 appendix B
    )

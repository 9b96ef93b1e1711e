"""Whatever comes, an answer goes out: nothing raises, nothing hangs, no secret is repeated."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msb_identity.errors import StoreError
from msb_identity.foundation.store import file_url
from msb_identity.sso.http import FORM, WebRequest, WebResponse
from msb_identity.sso.provider import Endpoint, SignInNeeded, SignOutNeeded
from tests.identity.provider.world import NOW, ProviderWorld, get, path, post

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = st.text(max_size=40) | st.sampled_from(
    ["", "portal", "openid", "code", "S256", "none", "\x00", "\udcff", "x" * 9_000, "é", "0", "-1"]
)
NAMES = st.sampled_from(
    [
        "client_id", "client_secret", "redirect_uri", "response_type", "scope", "state", "nonce",
        "code", "code_challenge", "code_challenge_method", "code_verifier", "grant_type", "prompt",
        "refresh_token", "token", "max_age", "acr_values", "id_token_hint", "acting_for",
        "client_assertion", "client_assertion_type", "post_logout_redirect_uri", "continued",
    ]
)  # fmt: skip
PAIRS = st.lists(st.tuples(NAMES | TEXT, TEXT), max_size=30).map(tuple)
REQUESTS = st.builds(
    WebRequest,
    method=st.sampled_from(["GET", "POST", "HEAD", "x"]),
    path=st.sampled_from([path(endpoint) for endpoint in Endpoint]) | TEXT,
    query=PAIRS,
    headers=st.dictionaries(
        st.sampled_from(["authorization", "content-type", "cookie"]),
        TEXT | st.just(FORM) | st.just("Basic cG9ydGFsOng=") | st.just("Bearer x.y.z"),
    ),
    body=st.binary(max_size=200) | PAIRS.map(lambda pairs: b"&".join(_form(p) for p in pairs)),
)


def _form(pair: tuple[str, str]) -> bytes:
    return "=".join(pair).encode("utf-8", "surrogateescape")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderWorld]:
    folder = tmp_path_factory.mktemp("hostile")
    sso = ProviderWorld.open(file_url(folder / "store.sqlite"), folder)
    sso.register()
    yield sso
    sso.store.close()


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(request=REQUESTS, signed_in=st.booleans())
def test_no_request_raises(world: ProviderWorld, request: WebRequest, *, signed_in: bool) -> None:
    session = world.sign_in() if signed_in else None
    answer = world.provider.handle(request, session, NOW)
    assert isinstance(answer, WebResponse | SignInNeeded | SignOutNeeded)
    if isinstance(answer, WebResponse):
        assert answer.status in {200, 303, 400, 401, 403, 404, 405}
        assert all(c.isprintable() for _, value in answer.headers for c in value)


@settings(max_examples=60)
@given(
    query=st.text() | st.binary(),
    headers=st.lists(st.tuples(st.text(), st.text()), max_size=5),
    body=st.none() | st.binary(max_size=100),
)
def test_no_bytes_from_a_server_raise(world: ProviderWorld, **came: Any) -> None:  # noqa: ANN401
    request = WebRequest.of("GET", path(Endpoint.AUTHORIZE), query_string=came.pop("query"), **came)
    answer = world.provider.handle(request, None, NOW)
    assert isinstance(answer, WebResponse | SignInNeeded)


def test_a_store_that_fails_is_a_503_without_its_reason(
    sso: ProviderWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = sso.register()

    def fail(*_: object, **__: object) -> None:
        message = "the secret reason"
        raise StoreError(message)

    monkeypatch.setattr(sso.clients, "live", fail)
    requests = (
        sso.request(),
        post(Endpoint.TOKEN, {"grant_type": "refresh_token"}, portal.headers),
        get(Endpoint.END_SESSION, {"client_id": "portal"}),
    )
    for request in requests:
        answer = sso.provider.handle(request, sso.sign_in(), NOW)
        assert isinstance(answer, WebResponse)
        assert answer.status == 503
        assert b"reason" not in answer.body


def test_no_secret_reaches_the_log(sso: ProviderWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    portal, session = sso.register(), sso.sign_in()
    code = sso.code(session, login_hint="13800138000")
    tokens = sso.tokens(portal, session)
    sso.exchange(portal, code, code_verifier="w" * 43)
    sso.exchange(portal, code)
    sso.exchange(portal, code)
    for token in (tokens["refresh_token"], tokens["refresh_token"][:-1] + "x"):
        sso.refresh(portal, token)
    sso.authorize(session, prompt="create")
    sso.post(Endpoint.TOKEN, {"client_id": "portal", "client_secret": "my-secret"}, {})
    for secret in (code, *map(str, tokens.values()), portal.secret, "my-secret", "13800138000"):
        assert (
            secret is None
            or secret in {"600", "Bearer", "openid profile"}
            or (secret not in caplog.text)
        )

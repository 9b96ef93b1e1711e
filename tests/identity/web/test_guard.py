"""The same answers whatever the framework: ASGI, FastAPI and Flask serve one portal here."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import flask
import httpx
import pytest
from fastapi import Depends, FastAPI

from msb_identity.envelopes.jose import KeySet
from msb_identity.errors import FetchRefused
from msb_identity.sso.tokens import Acting, TokenVerifier, VerifiedToken
from msb_identity.web import asgi, fastapi
from msb_identity.web import flask as web_flask
from msb_identity.web.guard import Demand, Guard
from tests.identity.web.portals import (
    AUDIENCE,
    FIRM,
    GUARD,
    ISSUER,
    SUBJECT,
    challenge_of,
    expired_token,
    session,
    token,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from msb_identity.pki.keys import VerifyingKey


def over_asgi(guard: Guard, demand: Demand, headers: dict[str, str]) -> httpx.Response:
    async def app(scope: asgi.Scope, _receive: asgi.Receive, send: asgi.Send) -> None:
        body = json.dumps({"subject": scope[asgi.TOKEN_KEY].subject}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return fetch(asgi.protected(app, guard, demand), headers)


def over_fastapi(guard: Guard, demand: Demand, headers: dict[str, str]) -> httpx.Response:
    app = FastAPI()
    admitted: Any = Depends(fastapi.demands(guard, demand))

    @app.get("/permits")
    def permits(token: VerifiedToken = admitted) -> dict[str, str]:
        return {"subject": token.subject}

    response = fetch(app, headers)
    if "detail" in (body := response.json()):  # where FastAPI puts every error
        response = httpx.Response(
            response.status_code, headers=response.headers, json=body["detail"]
        )
    return response


def over_flask(guard: Guard, demand: Demand, headers: dict[str, str]) -> httpx.Response:
    app = flask.Flask(__name__)

    @app.get("/permits")
    @web_flask.demands(guard, demand)
    def permits() -> dict[str, str]:
        return {"subject": web_flask.current_token().subject}

    with httpx.Client(transport=httpx.WSGITransport(app=app), base_url="https://portal") as client:
        return client.get("/permits", headers=headers)


def fetch(app: Any, headers: dict[str, str], *, path: str = "/permits") -> httpx.Response:  # noqa: ANN401
    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="https://portal") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(get())


EVERYWHERE = pytest.mark.parametrize("get", [over_asgi, over_fastapi, over_flask])


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@EVERYWHERE
def test_a_good_token_is_served(get: Callable[..., httpx.Response]) -> None:
    response = get(GUARD, Demand(), bearer(token()))
    assert response.status_code == 200
    assert response.json() == {"subject": SUBJECT}


@EVERYWHERE
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": ""}], ids=str
)
def test_without_a_token_the_answer_names_the_scheme_and_no_error(
    get: Callable[..., httpx.Response], headers: dict[str, str]
) -> None:
    response = get(GUARD, Demand(), headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json() == {
        "error": "unauthorized",
        "code": "no-token",
        "zh": "请先登录",
        "en": "sign in first",
    }


def test_a_token_in_the_address_is_no_token() -> None:
    async def never(*_: object) -> None:
        raise AssertionError

    path = f"/permits?access_token={token()}"
    assert fetch(asgi.protected(never, GUARD), {}, path=path).status_code == 401


@EVERYWHERE
@pytest.mark.parametrize(
    "value",
    ["Bearer", "Bearer ", "Bearer a b", "Bearer a, Bearer b", 'Bearer "a"'],
)
def test_what_is_not_one_token_is_a_wrong_request(
    get: Callable[..., httpx.Response], value: str
) -> None:
    response = get(GUARD, Demand(), {"Authorization": value})
    assert response.status_code == 400
    assert challenge_of(response.headers)["error"] == "invalid_request"


@EVERYWHERE
def test_a_bad_token_is_refused_with_its_reason_and_never_repeated(
    get: Callable[..., httpx.Response],
) -> None:
    for bad, reason in (
        (expired_token(), "令牌已过期"),
        (token(audience="another"), "不是发给本系统的"),
        ("eyJhbGciOiJub25lIn0.e30.", "不是格式正确的令牌"),
    ):
        response = get(GUARD, Demand(), bearer(bad))
        assert response.status_code == 401
        assert challenge_of(response.headers)["error"] == "invalid_token"
        assert response.json()["zh"] == reason
        assert bad not in response.text + str(response.headers)
        assert "no-store" in response.headers["cache-control"]


@EVERYWHERE
def test_a_stronger_or_fresher_sign_in_is_asked_for_as_rfc_9470_says(
    get: Callable[..., httpx.Response],
) -> None:
    demand = Demand(acr="urn:msb:aal:2", max_age=timedelta(minutes=5))
    response = get(GUARD, demand, bearer(token()))
    assert response.status_code == 401
    assert challenge_of(response.headers) == {
        "error": "insufficient_user_authentication",
        "error_description": "a stronger sign-in is needed here",
        "acr_values": "urn:msb:aal:2",
        "max_age": "300",
    }
    strong_but_old = session(acr="urn:msb:aal:3", age=timedelta(minutes=6))
    response = get(GUARD, demand, bearer(token(strong_but_old)))
    assert response.json()["code"] == "old-sign-in"
    fresh = session(acr="urn:msb:aal:3", age=timedelta(minutes=4))
    assert get(GUARD, demand, bearer(token(fresh))).status_code == 200


@pytest.mark.parametrize("acr", ["urn:msb:aal:0", "urn:msb:aal:22", "strong", "URN:MSB:AAL:3"])
def test_an_unknown_level_is_weaker_than_all(acr: str) -> None:
    response = over_asgi(GUARD, Demand(acr="urn:msb:aal:1"), bearer(token(session(acr=acr))))
    assert response.status_code == 401


@EVERYWHERE
@pytest.mark.parametrize(
    ("demand", "options", "code"),
    [
        (Demand(scope=("permits", "read")), {"scope": "read"}, "scope-missing"),
        (Demand(scope=("read",)), {"scope": "reads"}, "scope-missing"),
        (Demand(roles=("clerk", "head")), {"roles": ["guest"]}, "role-missing"),
        (Demand(roles=("clerk",)), {}, "role-missing"),
        (Demand(acting=True), {}, "not-acting"),
        (Demand(acting=False), {"acting": Acting(FIRM, "m1")}, "acting"),
    ],
)
def test_a_right_that_is_missing_is_403(
    get: Callable[..., httpx.Response], demand: Demand, options: dict[str, Any], code: str
) -> None:
    response = get(GUARD, demand, bearer(token(**options)))
    assert response.status_code == 403
    challenge = challenge_of(response.headers)
    assert challenge["error"] == "insufficient_scope"
    assert challenge.get("scope") == (" ".join(demand.scope) or None)
    assert response.json()["code"] == code


@pytest.mark.parametrize(
    ("demand", "options"),
    [
        (Demand(scope=("read",)), {"scope": "write read"}),
        (Demand(roles=("clerk", "head")), {"roles": ["head"]}),
        (Demand(acting=True), {"acting": Acting(FIRM, "m1")}),
        (Demand(acting=False), {}),
    ],
)
def test_a_right_that_is_there_is_enough(demand: Demand, options: dict[str, Any]) -> None:
    assert over_asgi(GUARD, demand, bearer(token(**options))).status_code == 200


class _Unreachable:
    """An issuer whose keys cannot be had."""

    def get(self, key_id: str | None) -> VerifyingKey | None:
        raise FetchRefused(key_id)


@EVERYWHERE
def test_what_cannot_be_checked_now_is_neither_served_nor_called_wrong(
    get: Callable[..., httpx.Response],
) -> None:
    guard = Guard(TokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys=_Unreachable()))
    response = get(guard, Demand(), bearer(token()))
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert "www-authenticate" not in response.headers


def test_a_key_nobody_knows_is_the_tokens_fault() -> None:
    guard = Guard(TokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys=KeySet([])))
    response = over_asgi(guard, Demand(), bearer(token()))
    assert response.status_code == 401
    assert challenge_of(response.headers)["error"] == "invalid_token"


@pytest.mark.parametrize(
    "wrong", [{"acr": 'a"b'}, {"acr": ""}, {"scope": ('a"b',)}, {"scope": ("a b",)}]
)
def test_a_demand_that_no_token_meets_is_a_mistake_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"acr is a name|scope is a tuple"):
        Demand(**wrong)


def test_a_level_that_is_not_on_the_scale_lets_nobody_pass() -> None:
    with pytest.raises(ValueError, match="scale"):
        GUARD.judge(token(session(acr="urn:msb:aal:3")), Demand(acr="urn:msb:aal:9"))


def test_tokens_are_verified_off_the_event_loop() -> None:
    threads: set[int] = set()

    class Watched(Guard):
        def admit(self, *args: Any, **options: Any) -> VerifiedToken:  # noqa: ANN401
            threads.add(threading.get_ident())
            return super().admit(*args, **options)

    guard = Watched(TokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys=KeySet([])))
    for get in (over_asgi, over_fastapi):
        get(guard, Demand(), bearer(token()))
    assert threading.get_ident() not in threads
    assert threads

"""What reaches our functions through ASGI and Flask, and what never does."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import flask
import httpx
import pytest

from msb_identity.sso.http import MAX_BODY_BYTES, WebRequest, WebResponse
from msb_identity.web import asgi
from msb_identity.web import flask as web_flask
from tests.identity.web.portals import GUARD, token
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def echo(request: WebRequest) -> WebResponse:
    """Say what came."""
    said = {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "body": len(request.body),
        "malformed": request.malformed,
        "cookie": request.headers.get("cookie"),
    }
    return WebResponse(200, (("X-A", "1"), ("X-A", "2")), json.dumps(said).encode())


def over_asgi(method: str, url: str, **options: Any) -> httpx.Response:  # noqa: ANN401
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=asgi.application(echo))
        async with httpx.AsyncClient(transport=transport, base_url="https://portal") as client:
            return await client.request(method, url, **options)

    return asyncio.run(send())


def over_flask(method: str, url: str, **options: Any) -> httpx.Response:  # noqa: ANN401
    app = flask.Flask("portal")
    web_flask.mount(app, "", echo)
    with httpx.Client(transport=httpx.WSGITransport(app=app), base_url="https://portal") as client:
        return client.request(method, url, **options)


BOTH = pytest.mark.parametrize("send", [over_asgi, over_flask])


@BOTH
def test_a_request_comes_through_as_it_is(send: Callable[..., httpx.Response]) -> None:
    response = send(
        "POST", "/a%20b/c?x=1&x=2&y=", content=b"f=g", headers={**FORM, "Cookie": "k=v"}
    )
    assert response.json() == {
        "method": "POST",
        "path": "/a b/c",
        "query": [["x", "1"], ["x", "2"], ["y", ""]],
        "body": 3,
        "malformed": False,
        "cookie": "k=v",
    }
    assert response.headers.get_list("x-a") == ["1", "2"]


@BOTH
def test_of_a_body_that_is_too_long_nothing_is_kept(send: Callable[..., httpx.Response]) -> None:
    full = send("POST", "/", content=b"x" * MAX_BODY_BYTES).json()
    assert (full["body"], full["malformed"]) == (MAX_BODY_BYTES, False)
    over = send("POST", "/", content=b"x" * (MAX_BODY_BYTES + 1)).json()
    assert (over["body"], over["malformed"]) == (0, True)


@BOTH
def test_a_query_that_is_too_long_is_malformed(send: Callable[..., httpx.Response]) -> None:
    assert send("GET", f"/?{'x' * 20_000}").json()["malformed"]


def drive(app: asgi.Application, scope: dict[str, Any], *messages: dict[str, Any]) -> list[Any]:
    """Run an application on these messages; afterwards the client only waits."""
    sent: list[Any] = []
    waiting = list(messages)

    async def receive() -> asgi.Message:
        if waiting:
            return waiting.pop(0)
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: asgi.Message) -> None:
        sent.append(message)

    async def run() -> None:
        await app(scope, receive, send)

    asyncio.run(run())
    return sent


HTTP = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}


def test_a_body_that_never_ends_is_waited_for_no_longer_than_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.05)
    begun = {"type": "http.request", "body": b"x", "more_body": True}
    [_, body] = drive(asgi.application(echo), HTTP, begun)
    assert json.loads(body["body"])["malformed"]


def test_a_client_that_leaves_is_malformed_too() -> None:
    begun = {"type": "http.request", "body": b"x", "more_body": True}
    [_, body] = drive(asgi.application(echo), HTTP, begun, {"type": "http.disconnect"})
    assert json.loads(body["body"])["malformed"]


def test_below_its_place_an_application_sees_its_own_path() -> None:
    scope = {**HTTP, "path": "/sso/callback", "root_path": "/sso"}
    [_, body] = drive(asgi.application(echo), scope, {"type": "http.request"})
    assert json.loads(body["body"])["path"] == "/callback"


def test_servers_may_start_and_stop_it() -> None:
    events = ({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    sent = drive(asgi.application(echo), {"type": "lifespan"}, *events)
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


def test_a_websocket_is_judged_by_its_opening_request() -> None:
    reached: list[asgi.Scope] = []

    async def app(scope: asgi.Scope, _receive: asgi.Receive, _send: asgi.Send) -> None:
        reached.append(scope)

    scope = {"type": "websocket", "path": "/", "query_string": b"", "headers": []}
    opening = {"type": "websocket.connect"}
    assert drive(asgi.protected(app, GUARD), scope, opening) == [
        {"type": "websocket.close", "code": 1008}
    ]
    assert reached == []
    bearer = [(b"authorization", f"Bearer {token()}".encode())]
    drive(asgi.protected(app, GUARD), {**scope, "headers": bearer}, opening)
    assert reached[0][asgi.TOKEN_KEY].client_id == "app"


def test_no_framework_is_loaded_by_who_uses_none() -> None:
    script = (
        "import sys, msb_identity.web.portal, msb_identity.web.asgi, msb_identity.web.guard\n"
        "found = {'fastapi', 'flask', 'starlette', 'uvicorn', 'httpx'} & {*sys.modules}\n"
        "sys.exit(str(found) if found else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

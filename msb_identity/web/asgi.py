"""ASGI 3: our functions as applications, and a gate before anybody's application.

`application` serves any function from a WebRequest to a WebResponse: the provider's endpoints, a
portal's sign-in. `protected` stands before an application and lets through what the gate admits.
Signatures and the database block, so they run on threads and never on the event loop. Nothing is
kept of a body beyond MAX_BODY_BYTES, nor is one waited for longer than BODY_SECONDS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from msb_identity.errors import AccessDenied
from msb_identity.sso.http import MAX_BODY_BYTES, WebRequest, WebResponse
from msb_identity.web.guard import ANY_TOKEN

if TYPE_CHECKING:
    from msb_identity.web.guard import Demand, Gate

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI application (https://asgi.readthedocs.io, version 3)."""

TOKEN_KEY = "msb_identity.token"  # noqa: S105 - a name in the scope, not a secret
"""Where `protected` leaves the VerifiedToken in the scope."""
BODY_SECONDS = 10.0


def application(handle: Callable[[WebRequest], WebResponse]) -> Application:
    """Serve a function, each call of it on a thread of its own."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        _expect_http(scope)
        try:
            body = await asyncio.wait_for(_read_body(receive), BODY_SECONDS)
        except TimeoutError:
            body = None
        await send_response(await asyncio.to_thread(handle, web_request(scope, body)), send)

    return serve


def protected(app: Application, gate: Gate, demand: Demand = ANY_TOKEN) -> Application:
    """Let only requests through to `app` whose token the gate admits.

    The token is then `scope[TOKEN_KEY]`. A websocket is judged by its opening request.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        asked = web_request(scope)
        try:
            token = await asyncio.to_thread(gate.admit, asked, demand)
        except AccessDenied as denied:
            await _refuse(gate.answer(denied, asked, demand), scope, receive, send)
            return
        await app({**scope, TOKEN_KEY: token}, receive, send)

    return serve


def web_request(scope: Scope, body: bytes | None = b"") -> WebRequest:
    """Make a request of an ASGI scope; body: None where it was longer than we read.

    The path is what is left below the place where the application is mounted (`root_path`).
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    client = scope.get("client")
    return WebRequest.of(
        scope.get("method", "GET"),
        path.removeprefix(root) if path.startswith(f"{root}/") else path,
        query_string=scope.get("query_string", b""),
        headers=[
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ],
        body=body,
        address=client[0] if client else "",
    )


async def send_response(response: WebResponse, send: Send) -> None:
    """Write an answer; where a web server gives no length, we do."""
    headers = [*response.headers, ("Content-Length", str(len(response.body)))]
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers],
        }
    )
    await send({"type": "http.response.body", "body": response.body})


async def _read_body(receive: Receive) -> bytes | None:
    """Read to the end, keeping at most MAX_BODY_BYTES; None for a longer one."""
    parts: list[bytes] = []
    left = MAX_BODY_BYTES
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part: bytes = message.get("body", b"")
        left -= len(part)
        if left < 0:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _refuse(response: WebResponse, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})  # before accepting: HTTP 403
        return
    await send_response(response, send)


async def _live(receive: Receive, send: Send) -> None:
    """Say that there is nothing to start or to stop."""
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return


def _expect_http(scope: Scope) -> None:
    if scope["type"] != "http":
        message = f"no {scope['type']} is served here"
        raise ValueError(message)

"""Flask: a decorator for what an address demands, and our functions as views.

guard = Guard(TokenVerifier.from_issuer("https://id.example", audience="portal"))

@app.get("/permits")
@demands(guard, Demand(acr="urn:msb:aal:2"))
def permits(): return {"subject": current_token().subject}
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from flask import Response, g, request

from msb_identity.errors import AccessDenied
from msb_identity.sso.http import MAX_BODY_BYTES, WebRequest
from msb_identity.web.guard import ANY_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from msb_identity.sso.http import WebResponse
    from msb_identity.sso.tokens import VerifiedToken
    from msb_identity.web.guard import Demand, Gate

_P = ParamSpec("_P")
_R = TypeVar("_R")
METHODS = ("GET", "HEAD", "POST")


def demands(
    gate: Gate, demand: Demand = ANY_TOKEN
) -> Callable[[Callable[_P, _R]], Callable[_P, _R | Response]]:
    """Let only requests through to a view whose token the gate admits; see `current_token`."""

    def decorate(view: Callable[_P, _R]) -> Callable[_P, _R | Response]:
        @wraps(view)
        def admitted(*args: _P.args, **kwargs: _P.kwargs) -> _R | Response:
            asked = web_request(read_body=False)
            try:
                g.msb_token = gate.admit(asked, demand)
            except AccessDenied as denied:
                return flask_response(gate.answer(denied, asked, demand))
            return view(*args, **kwargs)

        return admitted

    return decorate


def current_token() -> VerifiedToken:
    """Give the token of the request that is being served, behind `demands`."""
    return cast("VerifiedToken", g.msb_token)


def mount(app: Flask, prefix: str, handle: Callable[[WebRequest], WebResponse]) -> None:
    """Serve all addresses below a prefix with a function; "" serves what is left over.

    prefix: begins with a slash and has none at its end. The function sees the path below it.
    """

    def view(below: str) -> Response:
        return flask_response(handle(web_request(path=f"/{below}")))

    view.__name__ = f"msb {prefix}"
    options = {"methods": list(METHODS), "provide_automatic_options": False}
    app.add_url_rule(f"{prefix}/<path:below>", view_func=view, **options)  # type: ignore[arg-type]
    app.add_url_rule(f"{prefix}/", view_func=view, defaults={"below": ""}, **options)  # type: ignore[arg-type]


def web_request(*, path: str | None = None, read_body: bool = True) -> WebRequest:
    """Make a request of the one that Flask serves now."""
    return WebRequest.of(
        request.method,
        request.path if path is None else path,
        query_string=request.query_string,
        headers=list(request.headers.items()),
        body=_body() if read_body else b"",
        address=request.remote_addr or "",
    )


def flask_response(response: WebResponse) -> Response:
    """Make Flask's response of ours."""
    return Response(response.body, status=response.status, headers=list(response.headers))


def _body() -> bytes | None:
    """Read a body of at most MAX_BODY_BYTES, whatever length it claims; None for a longer one."""
    body: bytes = request.stream.read(MAX_BODY_BYTES + 1)
    return None if len(body) > MAX_BODY_BYTES else body

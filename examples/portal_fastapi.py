"""一个门户（FastAPI） / A portal on FastAPI: pages for people, an API for other systems.

    python examples/portal_fastapi.py --issuer http://127.0.0.1:8000 --client permits \
        --secret-file permits.secret --audience permits --store permits.sqlite --port 8001

Addresses to register for it: http://127.0.0.1:8001/sso/callback (redirect),
http://127.0.0.1:8001/ (after signing out), http://127.0.0.1:8001/sso/ended (back-channel).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import _pages as pages
import _portal
import uvicorn
from fastapi import Depends, FastAPI, Response

from msb_identity.sso.tokens import VerifiedToken  # noqa: TC001 - FastAPI reads it when it runs
from msb_identity.web import asgi
from msb_identity.web.fastapi import demands
from msb_identity.web.guard import Demand

if TYPE_CHECKING:
    from msb_identity.sso.http import WebResponse

NAME = ("不动产登记", "Land registration")
STRONG = Demand(acr="urn:msb:aal:2")
FOR_A_FIRM = Demand(acting=True)


def make_app(parts: _portal.Parts) -> FastAPI:
    """Join the portal's addresses; each says by its dependency who may come."""
    app = FastAPI(title=NAME[1], docs_url=None, redoc_url=None, openapi_url=None)
    app.mount(_portal.PREFIX, asgi.application(parts.sso.handle))
    signed_in: Any = Depends(demands(parts.sso))
    strongly: Any = Depends(demands(parts.sso, STRONG))
    with_token: Any = Depends(demands(parts.guard))
    for_a_firm: Any = Depends(demands(parts.guard, FOR_A_FIRM))

    @app.get("/")
    def front() -> Response:
        return _out(_portal.front(parts))

    @app.get(pages.STYLE_PATH)
    def style() -> Response:
        return _out(pages.style())

    @app.get("/permits")
    def permits(token: VerifiedToken = signed_in) -> Response:
        return _out(_portal.permits(parts, token))

    @app.get("/transfer", dependencies=[strongly])
    def transfer() -> Response:
        return _out(_portal.transfer(parts))

    @app.get("/api/permits")
    def api(token: VerifiedToken = with_token) -> dict[str, str]:
        return {"subject": token.subject}

    @app.get("/api/firm")
    def firm(token: VerifiedToken = for_a_firm) -> dict[str, str | None]:
        return {"firm": token.subject, "actor": token.actor}

    return app


def _out(response: WebResponse) -> Response:
    return Response(response.body, response.status, dict(response.headers))


if __name__ == "__main__":
    started = _portal.read_arguments(NAME)
    uvicorn.run(make_app(started), host="127.0.0.1", port=started.port, log_level="warning")

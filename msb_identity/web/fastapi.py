"""FastAPI: what an address demands, as a dependency.

    guard = Guard(TokenVerifier.from_issuer("https://id.example", audience="portal"))
    Strong = Annotated[VerifiedToken, Depends(demands(guard, Demand(acr="urn:msb:aal:2")))]

    @app.get("/permits")
    def permits(token: Strong): ...

The dependency is a plain function, so FastAPI runs it on a thread. Our own applications are mounted
as any other: `app.mount("/sso", asgi.application(...))`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import HTTPException, Request

from msb_identity.errors import AccessDenied
from msb_identity.foundation import strict_json
from msb_identity.sso.tokens import VerifiedToken  # noqa: TC001 - FastAPI reads it when it runs
from msb_identity.web.asgi import web_request
from msb_identity.web.guard import ANY_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from msb_identity.web.guard import Demand, Gate


def demands(gate: Gate, demand: Demand = ANY_TOKEN) -> Callable[[Request], VerifiedToken]:
    """Make a dependency that gives the VerifiedToken, or answers as the gate does.

    gate: the Guard of an API, or the PortalSignIn of pages, which sends browsers to the sign-in.
    FastAPI puts our body below `detail`, as it does with every HTTPException.
    """

    def admit(request: Request) -> VerifiedToken:
        asked = web_request(request.scope)
        try:
            return gate.admit(asked, demand)
        except AccessDenied as denied:
            response = gate.answer(denied, asked, demand)
            said = strict_json.load_object(response.body) if response.body else None
            raise HTTPException(response.status, said, dict(response.headers)) from None

    return admit

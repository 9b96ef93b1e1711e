"""一个门户（Flask） / A portal on Flask: the same as portal_fastapi.py, with decorators.

    python examples/portal_flask.py --issuer http://127.0.0.1:8000 --client taxes \
        --secret-file taxes.secret --audience taxes --store taxes.sqlite --port 8002
"""

from __future__ import annotations

from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import _pages as pages
import _portal
from flask import Flask

from msb_identity.web.flask import current_token, demands, flask_response, mount
from msb_identity.web.guard import Demand

if TYPE_CHECKING:
    from flask import Response

NAME = ("税费缴纳", "Taxes")
STRONG = Demand(acr="urn:msb:aal:2")
FOR_A_FIRM = Demand(acting=True)


def make_app(parts: _portal.Parts) -> Flask:
    """Join the portal's addresses; each says by its decorator who may come."""
    app = Flask("taxes", static_folder=None)
    mount(app, _portal.PREFIX, parts.sso.handle)

    @app.get("/")
    def front() -> Response:
        return flask_response(_portal.front(parts))

    @app.get(pages.STYLE_PATH)
    def style() -> Response:
        return flask_response(pages.style())

    @app.get("/permits")
    @demands(parts.sso)
    def permits() -> Response:
        return flask_response(_portal.permits(parts, current_token()))

    @app.get("/transfer")
    @demands(parts.sso, STRONG)
    def transfer() -> Response:
        return flask_response(_portal.transfer(parts))

    @app.get("/api/permits")
    @demands(parts.guard)
    def api() -> dict[str, str]:
        return {"subject": current_token().subject}

    @app.get("/api/firm")
    @demands(parts.guard, FOR_A_FIRM)
    def firm() -> dict[str, str | None]:
        return {"firm": current_token().subject, "actor": current_token().actor}

    return app


class _Server(ThreadingMixIn, WSGIServer):
    """Serves each connection on a thread of its own, so that an idle one holds up nobody."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    """Logs no request: addresses carry codes."""

    timeout = 10  # seconds for which a connection may say nothing

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


if __name__ == "__main__":
    started = _portal.read_arguments(NAME)
    with make_server(
        "127.0.0.1", started.port, make_app(started), server_class=_Server, handler_class=_Quiet
    ) as server:
        server.serve_forever()

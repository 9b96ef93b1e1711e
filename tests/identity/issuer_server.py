"""An issuer on loopback: real HTTP, whatever it answers, and a clock that the test moves."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from msb_identity.envelopes.jose import KeySet
from msb_identity.sso.keysets import DISCOVERY_PATH, PublishedKeys
from msb_identity.sso.refreshed import Pace
from msb_identity.x509.fetch import HttpFetcher

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from msb_identity.pki.keys import SigningKey

    Answer = Callable[[BaseHTTPRequestHandler], None]

JWKS_PATH, LIST_PATH = "/jwks", "/cut-offs"
QUICK = HttpFetcher(timeout=timedelta(seconds=1), allow_private=True, redirects=0)
PACE = Pace(
    refresh_after=timedelta(minutes=5),
    stale_after=timedelta(hours=1),
    cool_down=timedelta(seconds=30),
    patience=timedelta(seconds=5),
)


@dataclass
class Clock:
    """A monotonic clock that stands still until it is moved."""

    at: float = 1_000.0

    def __call__(self) -> float:
        return self.at


def body(content: bytes | str, *, status: int = 200) -> Answer:
    """Answer with these bytes."""
    raw = content.encode() if isinstance(content, str) else content

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    return answer


def json_of(value: object) -> Answer:
    return body(json.dumps(value))


@dataclass
class IssuerServer:
    """What is served at each path, and how often it was asked for."""

    address: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    stopping: threading.Event = field(default_factory=threading.Event)

    def publish(self, *keys: SigningKey, **metadata: Any) -> None:  # noqa: ANN401
        said = {"issuer": self.address, "jwks_uri": self.address + JWKS_PATH} | metadata
        self.answers[DISCOVERY_PATH] = json_of(said)
        self.answers[JWKS_PATH] = body(KeySet(key.public for key in keys).as_json())

    def hang(self, handler: BaseHTTPRequestHandler) -> None:  # noqa: ARG002 - it says nothing
        """Say nothing until the test is over."""
        self.stopping.wait(20)

    def drip(self, handler: BaseHTTPRequestHandler) -> None:
        """Send a byte now and then."""
        handler.send_response(200)
        handler.end_headers()
        while not self.stopping.wait(0.05):
            handler.wfile.write(b" ")


def published(issuer: IssuerServer, clock: Callable[[], float], pace: Pace = PACE) -> PublishedKeys:
    """The issuer's keys as a portal fetches them."""
    return PublishedKeys(issuer.address, fetcher=QUICK, pace=pace, clock=clock)


def eventually(is_so: Callable[[], bool], *, seconds: float = 5) -> None:
    """Wait until something done in the background is so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.01)


@contextmanager
def issuer_server(tls: ssl.SSLContext | None = None) -> Iterator[IssuerServer]:
    """Start an issuer that publishes nothing yet."""
    issuer = IssuerServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked[self.path] += 1
            try:
                issuer.answers.get(self.path, body("nothing here", status=404))(self)
            except OSError:
                return  # the other side has left

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    issuer.address = f"{scheme}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield issuer
    finally:
        issuer.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()

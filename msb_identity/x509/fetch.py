"""Fetching over HTTP within limits: CRLs and OCSP answers, an issuer's keys.

CRLs and OCSP answers are signed, so plain HTTP is enough for them (RFC 5280 section 8 advises
against https there), and certificates name their addresses, so only public ones are called. What is
believed because of where it came from takes `schemes={"https"}`. A name is resolved once and the
connection goes to the very address that was checked, so that no second look-up can lead inside.
Every redirect is checked again.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin, urlsplit

from msb_identity.errors import FetchRefused

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MAX_URL_CHARS = 2_048
MAX_REDIRECTS = 3
MAX_ADDRESSES = 4
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}
# Networks that carry an IPv4 address inside and so lead wherever that one does.
_CARRIERS = tuple(ipaddress.ip_network(n) for n in ("64:ff9b::/96", "2002::/16", "2001::/32"))


class Fetcher(Protocol):
    """Whatever can get a document and ask a responder; FetchRefused where it cannot."""

    def get(self, url: str, *, limit: int) -> bytes:
        """Give the body at `url`, at most `limit` bytes."""

    def post(self, url: str, body: bytes, *, content_type: str, limit: int) -> bytes:
        """Send `body` and give what is answered, at most `limit` bytes."""


@dataclass(frozen=True, slots=True)
class HttpFetcher:
    """The fetcher over real HTTP.

    timeout: for one whole exchange, redirects included each anew.
    allow_private: also connect to loopback, private and link-local addresses.
    schemes: what a URL may begin with, and what a redirect may lead to.
    redirects: how many are followed.
    tls: whose certificates are believed with https; default the system's.
    """

    timeout: timedelta = timedelta(seconds=10)
    allow_private: bool = False
    schemes: Collection[str] = frozenset({"http"})
    redirects: int = MAX_REDIRECTS
    tls: ssl.SSLContext | None = None

    def get(self, url: str, *, limit: int) -> bytes:
        """Give the body at `url`, at most `limit` bytes; FetchRefused otherwise."""
        for _ in range(1 + self.redirects):
            status, location, body = self._exchange("GET", url, b"", {}, limit)
            if status not in _REDIRECTS or not location:
                return _checked(status, body)
            url = urljoin(url, location)
        message = f"more than {self.redirects} redirects"
        raise FetchRefused(message)

    def post(self, url: str, body: bytes, *, content_type: str, limit: int) -> bytes:
        """Send `body` and give the answer, at most `limit` bytes; a redirect is refused."""
        headers = {"Content-Type": content_type}
        return _checked(*self.send(url, body, headers=headers, limit=limit))

    def send(
        self, url: str, body: bytes, *, headers: Mapping[str, str], limit: int
    ) -> tuple[int, bytes]:
        """Post `body` and give the status and the answer, whatever they are; no redirect."""
        status, _, answer = self._exchange("POST", url, body, headers, limit)
        return status, answer

    def _exchange(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], limit: int
    ) -> tuple[int, str, bytes]:
        scheme, host, port, target = _parts(url, self.schemes)
        seconds = self.timeout.total_seconds()
        try:
            connection = self._connection(scheme, host, port, seconds)
        except (OSError, ValueError) as error:
            message = f"nothing could be reached: {type(error).__name__}"
            raise FetchRefused(message) from error
        try:
            # Closing from outside ends a sender of one byte a second, which no socket timeout does.
            timer = threading.Timer(seconds, _shut, [connection.sock])
            timer.daemon = True
            timer.start()
            try:
                if isinstance(connection.sock, ssl.SSLSocket):
                    connection.sock.do_handshake()
                connection.request(method, target, body or None, dict(headers))
                response = connection.getresponse()
                content = response.read(limit + 1)
            finally:
                timer.cancel()
            if len(content) > limit:
                message = f"an answer of more than {limit} bytes"
                raise FetchRefused(message)
            if response.length:
                message = "an answer that was cut short"
                raise FetchRefused(message)
            return response.status, response.headers.get("Location", ""), content
        except (OSError, http.client.HTTPException, ValueError) as error:
            message = f"nothing could be fetched: {type(error).__name__}"
            raise FetchRefused(message) from error
        finally:
            connection.close()

    def _connection(
        self, scheme: str, host: str, port: int, seconds: float
    ) -> http.client.HTTPConnection:
        """Connect; the handshake of TLS comes later, since it can be drawn out."""
        plain = self._connect(host, port, seconds)
        if scheme == "http":
            connection = http.client.HTTPConnection(host, port, timeout=seconds)
            connection.sock = plain
            return connection
        try:
            context = self.tls or ssl.create_default_context()
            secured = http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
            secured.sock = context.wrap_socket(
                plain, server_hostname=host, do_handshake_on_connect=False
            )
        except (OSError, ValueError):
            plain.close()
            raise
        return secured

    def _connect(self, host: str, port: int, seconds: float) -> socket.socket:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        error: OSError | None = None
        for family, kind, protocol, _, address in found[:MAX_ADDRESSES]:
            if not self.allow_private and not is_public(str(address[0])):
                message = "the address is not a public one"
                raise FetchRefused(message)
            connection = socket.socket(family, kind, protocol)
            connection.settimeout(seconds)
            try:
                connection.connect(address)
            except OSError as failed:
                connection.close()
                error = failed
            else:
                return connection
        raise error or OSError


def is_public(address: str) -> bool:
    """Whether an address is reachable on the public internet and hides no private one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return is_public(str(parsed.ipv4_mapped))
        if any(parsed in network for network in _CARRIERS):
            return False
    return parsed.is_global and not parsed.is_multicast


def _parts(url: str, schemes: Collection[str]) -> tuple[str, str, int, str]:
    """Give scheme, host, port and target of a URL that is one."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError as error:
        message = "not a URL"
        raise FetchRefused(message) from error
    printable = url.isascii() and url.isprintable() and " " not in url
    ours = printable and len(url) <= MAX_URL_CHARS and parts.scheme in schemes
    if not ours or not parts.hostname:
        message = f"only {' and '.join(sorted(schemes))} URLs are fetched"
        raise FetchRefused(message)
    if parts.username is not None or parts.password is not None:
        message = "a URL with a name or a password in it"
        raise FetchRefused(message)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, parts.hostname, port, target


def _checked(status: int, body: bytes) -> bytes:
    if status != http.client.OK:
        message = f"HTTP status {status}"
        raise FetchRefused(message)
    return body


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)

"""What an issuer publishes: its metadata and its keys, fetched, checked and kept fresh.

OpenID Connect Discovery 1.0 section 4, RFC 7517. Only the issuer that the portal names is asked,
over https and at that very origin: neither a token nor the metadata sends us anywhere else.
"""

from __future__ import annotations

import ipaddress
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msb_identity.envelopes.jose import KeySet
from msb_identity.errors import FetchRefused
from msb_identity.foundation import strict_json
from msb_identity.sso.refreshed import Pace, Refreshed
from msb_identity.x509.fetch import HttpFetcher

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from msb_identity.pki.keys import VerifyingKey
    from msb_identity.x509.fetch import Fetcher

DISCOVERY_PATH = "/.well-known/openid-configuration"
MAX_DOCUMENT_BYTES = 1_000_000
_PORTS = {"http": 80, "https": 443}
FETCH_TIMEOUT = timedelta(seconds=5)
KEYS_PACE = Pace(
    refresh_after=timedelta(minutes=5),
    stale_after=timedelta(hours=1),
    cool_down=timedelta(seconds=30),
)
"""Keys are asked for every five minutes, and an hour old they verify nothing any more."""


@dataclass(frozen=True, slots=True)
class Published:
    """What an issuer published at one time."""

    metadata: Mapping[str, Any]
    keys: KeySet


class PublishedKeys:
    """The keys of one issuer, as it publishes them; a source of keys for verifiers."""

    def __init__(
        self,
        issuer: str,
        *,
        fetcher: Fetcher,
        pace: Pace = KEYS_PACE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Name the issuer, which is its address; nothing is fetched before it is needed."""
        self.issuer, self.fetcher = issuer, fetcher
        self._published: Refreshed[Published] = Refreshed(self._fetch, pace=pace, clock=clock)

    def get(self, key_id: str | None) -> VerifyingKey | None:
        """Give the key of that id; FetchRefused where no keys can be had that are not stale.

        A key that is not there is looked for again, by one caller at a time and no sooner than the
        cool-down allows.
        """
        if key_id is None:
            return None
        published = self._published.get(lambda now: now.keys.get(key_id) is not None)
        return published.keys.get(key_id)

    def current(self) -> Published:
        """Give what the issuer publishes; FetchRefused where that cannot be had."""
        return self._published.get()

    def address(self, name: str) -> str | None:
        """Give an address of the metadata; FetchRefused where it leads to another origin."""
        return _address(self.issuer, self.current().metadata, name)

    def _fetch(self, last: Published | None) -> Published:
        document = self._get(self.issuer.rstrip("/") + DISCOVERY_PATH)
        metadata = strict_json.load_object(document)
        if metadata.get("issuer") != self.issuer:
            message = "the metadata is another issuer's"
            raise FetchRefused(message)
        address = _address(self.issuer, metadata, "jwks_uri")
        if address is None:
            message = "the metadata names no keys"
            raise FetchRefused(message)
        keys = KeySet.from_json(self._get(address))
        if last is not None and keys.as_json() == last.keys.as_json():
            keys = last.keys  # parsed and warmed up
        return Published(metadata, keys)

    def _get(self, url: str) -> bytes:
        return self.fetcher.get(url, limit=MAX_DOCUMENT_BYTES)


def issuer_fetcher(
    issuer: str, *, allow_http: bool = False, tls: ssl.SSLContext | None = None
) -> HttpFetcher:
    """Give what fetches from an issuer; ValueError for an address that is none.

    allow_http: also http, but only to this very machine (127.0.0.1, [::1], localhost): for trying
    out. tls: whose certificates are believed; default the system's. The issuer may be in a private
    network, since the portal names it, not a message. No redirect is followed.
    """
    parts = urlsplit(issuer)
    local = allow_http and parts.scheme == "http" and _is_loopback(parts.hostname or "")
    if parts.scheme != "https" and not local:
        message = "an issuer is an https address"
        raise ValueError(message)
    if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        message = "an issuer is an address without query, fragment and name"
        raise ValueError(message)
    return HttpFetcher(
        timeout=FETCH_TIMEOUT,
        allow_private=True,
        schemes=frozenset({parts.scheme}),
        redirects=0,
        tls=tls,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(issuer: str, metadata: Mapping[str, Any], name: str) -> str | None:
    """Give an address that the metadata names at the issuer's own origin."""
    address = metadata.get(name)
    if address is None:
        return None
    if not isinstance(address, str) or _origin(address) != _origin(issuer):
        message = f"the metadata's {name} is not at the issuer's own origin"
        raise FetchRefused(message)
    return address


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError as error:
        message = "not a URL"
        raise FetchRefused(message) from error
    return parts.scheme, parts.hostname or "", port

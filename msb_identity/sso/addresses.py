"""Addresses that a client registers: where browsers are sent back to, where notices are posted.

An address is registered in its one spelling and afterwards compared character by character
(RFC 9700 section 2.1, OpenID Connect Core 3.1.2.1): whatever two readers could take in two ways is
refused here already, so that nothing which almost matches ever matches.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from msb_identity.sso.client_sentences import client_refused

MAX_ADDRESS_CHARS = 1_000
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
_DEFAULT_PORT = {"https": 443, "http": 80}
_HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
)
# RFC 3986 characters that stand for themselves everywhere; no "*", which some read as a wildcard.
_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'(),;=%+-]+")
_ENCODED = re.compile(r"%(?![0-9A-F]{2})|%(?:2E|2F|5C|00|2e|2f|5c)")
"""A percent sign that encodes nothing, in small letters, or a point, a slash, a backslash, NUL."""


def check_address(address: str) -> str:
    """Give the address if it can be registered; ClientRefused says why it cannot.

    https, or http on a loopback address (never the name localhost, which a resolver may lead
    elsewhere: RFC 8252 section 8.3); host in small letters; no user, no fragment, no default port,
    no "." or ".." in the path, a path at least "/".
    """
    if len(address) > MAX_ADDRESS_CHARS or not _CHARACTERS.fullmatch(address):
        raise client_refused("address-characters")
    if _ENCODED.search(address):
        raise client_refused("address-encoding")
    try:
        parts = urlsplit(address)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise client_refused("address-form") from None
    if "@" in parts.netloc:
        raise client_refused("address-user")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise client_refused("address-scheme")
    name = f"[{host}]" if ":" in host else host
    expected = name if port is None else f"{name}:{port}"
    if parts.netloc != expected or port in {0, _DEFAULT_PORT[parts.scheme]} or not _is_host(host):
        raise client_refused("address-host")
    segments = parts.path.split("/")
    if not parts.path.startswith("/") or {".", ".."} & {*segments} or "" in segments[1:-1]:
        raise client_refused("address-path")
    if not address.startswith(f"{parts.scheme}://{parts.netloc}{parts.path}"):
        raise client_refused("address-form")
    return address


def is_loopback(address: str) -> bool:
    """Whether the address is of this very machine."""
    return (urlsplit(address).hostname or "") in _LOOPBACK


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host)) == host
        except ValueError:
            return False
    if host[-1:].isdigit():  # what ends in a digit is an IPv4 address to a browser, or nothing
        try:
            return str(ipaddress.IPv4Address(host)) == host
        except ValueError:
            return False
    return _HOST.fullmatch(host) is not None

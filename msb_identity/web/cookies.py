"""Cookies that belong to one host, go over TLS only, and are closed to scripts (RFC 6265bis 4.1.3).

The prefix `__Host-` makes the browser hold to that: no other host, a sibling included, can put one
in its place. Browsers take `Secure` cookies from http on loopback, so development needs no switch.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

    from msb_identity.sso.http import WebRequest

PREFIX = "__Host-"
MAX_COOKIE_CHARS = 16_384
_VALUE = re.compile(r"[A-Za-z0-9_-]{1,512}", re.ASCII)
_NAME = re.compile(r"[a-z0-9-]{1,64}", re.ASCII)


def set_cookie(
    name: str, value: str, *, life: timedelta | None = None, same_site: str = "Lax"
) -> tuple[str, str]:
    """Give the header that sets a cookie; without `life` it goes when the browser closes.

    name: without the prefix. value: base64url or the like, at most 512 characters.
    """
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        message = "a cookie's name and value are letters, digits, - and _ (in the value)"
        raise ValueError(message)
    age = "" if life is None else f"; Max-Age={int(life.total_seconds())}"
    return (
        "Set-Cookie",
        f"{PREFIX}{name}={value}; Path=/; Secure; HttpOnly; SameSite={same_site}{age}",
    )


def drop_cookie(name: str) -> tuple[str, str]:
    """Give the header that removes a cookie."""
    return ("Set-Cookie", f"{PREFIX}{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")


def read_cookie(request: WebRequest, name: str) -> str | None:
    """Give a cookie's value; None where it is missing, comes twice, or is none that we ever set."""
    header = request.headers.get("cookie", "")
    if len(header) > MAX_COOKIE_CHARS:
        return None
    pairs = (part.strip().partition("=") for part in re.split("[;,]", header))
    found = [value for key, _, value in pairs if key == PREFIX + name]
    return found[0] if len(found) == 1 and _VALUE.fullmatch(found[0]) else None

"""Showing a licence (亮证): the signed wrapper of an offline code, the secret of an online one.

Offline, the device that the credential names signs an array: ["MSB-show-1", the issuer's exact COSE
bytes, iat, exp, nonce] and, where the code is meant for one window, its name. So a proof fits one
licence, one minute and one use. The array's first member keeps the device key's signatures on codes
apart from any other use of that key. Format: docs/formats.md, "shown offline".
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from msb_identity.envelopes import cbor
from msb_identity.envelopes.cose import ALGORITHM, Sign1, parse_sign1, sign1
from msb_identity.errors import EncodingRefused
from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.foundation.text import is_showable
from msb_wallet.codes.payload import SECRET_BYTES, CodeKind, write_code

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.pki.keys import SigningKey

LIFETIME = timedelta(seconds=60)
FUTURE_TOLERANCE = timedelta(seconds=30)
NONCE_BYTES = 16
MAX_AUDIENCE = 100
_DOMAIN = "MSB-show-1"
_WITHOUT_AUDIENCE, _WITH_AUDIENCE = 5, 6


@dataclass(frozen=True, slots=True)
class Presentation:
    """What a code shown offline says; verify `envelope` with the credential's holder key."""

    envelope: Sign1
    credential: bytes = field(repr=False)
    shown_at: datetime
    expires_at: datetime
    nonce: bytes
    audience: str | None


def show_offline(
    credential: bytes,
    device_key: SigningKey,
    *,
    audience: str | None = None,
    now: datetime | None = None,
) -> str:
    """Give the text of a code that holds for a minute; made on the device, without network.

    credential: the bytes that were bound to this very device key.
    """
    if audience is not None:
        check_audience(audience)
    shown = seconds(aware(now))
    payload: list[cbor.Value] = [
        _DOMAIN,
        credential,
        shown,
        shown + int(LIFETIME.total_seconds()),
        secrets.token_bytes(NONCE_BYTES),
    ]
    if audience is not None:
        payload.append(audience)
    return write_code(CodeKind.OFFLINE, sign1(cbor.encode(payload), device_key))


def new_secret() -> bytes:
    """Make the secret of a code shown online: 128 random bits."""
    return secrets.token_bytes(SECRET_BYTES)


def secret_hash(secret: bytes) -> bytes:
    """Give what the store keeps of a secret; 128 random bits need no salt."""
    return hashlib.sha256(b"MSB-code-1" + secret).digest()


def secret_binding(secret: bytes, identifier: str, audience: str | None, shown_at: int) -> bytes:
    """Bind what a code shows to its secret, which the store does not keep.

    Whoever can write the store can then not turn a shown code into a code of another licence.
    """
    content = cbor.encode(["MSB-code-binding-1", identifier, audience, shown_at])
    return hmac.new(secret, content, hashlib.sha256).digest()


def check_audience(audience: str) -> str:
    """Give the name of a window as it may stand in a code; ValueError where it may not."""
    if not 1 <= len(audience) <= MAX_AUDIENCE or not is_showable(audience):
        message = f"an audience has 1 to {MAX_AUDIENCE} printable characters"
        raise ValueError(message)
    return audience


def parse_presentation(data: bytes) -> Presentation:
    """Read the content of an MSB2 code, not verifying it; EncodingRefused for other bytes."""
    envelope = parse_sign1(data)
    if set(envelope.protected) != {ALGORITHM}:
        message = "a proof's header names the algorithm and nothing else"
        raise EncodingRefused(message)
    parts = cbor.decode(envelope.payload)
    if not isinstance(parts, list) or len(parts) not in (_WITHOUT_AUDIENCE, _WITH_AUDIENCE):
        message = "not the array of a shown licence"
        raise EncodingRefused(message)
    domain, credential, shown, expires, nonce = parts[:_WITHOUT_AUDIENCE]
    if domain != _DOMAIN or not isinstance(credential, bytes):
        message = "not the array of a shown licence"
        raise EncodingRefused(message)
    if not isinstance(nonce, bytes) or len(nonce) != NONCE_BYTES:
        message = f"a nonce has {NONCE_BYTES} bytes"
        raise EncodingRefused(message)
    shown_at, expires_at = _time(shown), _time(expires)
    if not timedelta() < expires_at - shown_at <= LIFETIME:
        message = "a shown code lives for at most a minute"
        raise EncodingRefused(message)
    audience = _audience(parts[_WITHOUT_AUDIENCE]) if len(parts) == _WITH_AUDIENCE else None
    return Presentation(envelope, credential, shown_at, expires_at, nonce, audience)


def _time(value: cbor.Value) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int):
        message = "a time that is no integer"
        raise EncodingRefused(message)
    try:
        return from_seconds(value)
    except ValueError as error:
        raise EncodingRefused(str(error)) from error


def _audience(value: cbor.Value) -> str:
    try:
        return check_audience(value if isinstance(value, str) else "")
    except ValueError as error:
        raise EncodingRefused(str(error)) from error

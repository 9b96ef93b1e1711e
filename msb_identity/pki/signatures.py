"""Signature values of two 256-bit numbers: DER and raw r‖s, both strict, both ways.

DER: SEQUENCE { INTEGER r, INTEGER s }, minimal, nothing after it (X.690 section 8.3 and 10.1).
Raw: 64 bytes, r then s, big-endian (RFC 7518 section 3.4; GM/T 0009 for SM2).
Ranges are 1 ≤ r, s < n; for SM2 also r + s ≠ n (GB/T 32918.2 section 7.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.errors import SignatureRefused
from msb_identity.pki.curves import FIELD_BYTES, SM2_CURVE

if TYPE_CHECKING:
    from msb_identity.pki.curves import Curve

RAW_BYTES = 2 * FIELD_BYTES
MAX_DER_BYTES = 8 + 2 * FIELD_BYTES  # both numbers with a leading zero byte
_SEQUENCE, _INTEGER = 0x30, 0x02
_LONG_FORM = 0x80


def check_range(r: int, s: int, curve: Curve) -> None:
    """Raise SignatureRefused for values no signer can make."""
    if not (1 <= r < curve.n and 1 <= s < curve.n):
        message = "signature value outside 1 … n-1"
        raise SignatureRefused(message)
    if curve is SM2_CURVE and r + s == curve.n:
        message = "SM2 signature with r + s = n"
        raise SignatureRefused(message)


def raw_from_der(der: bytes, curve: Curve) -> bytes:
    """Give r‖s; SignatureRefused unless `der` is the one strict encoding of values in range."""
    r, s = numbers_from_der(der, curve)
    return r.to_bytes(FIELD_BYTES, "big") + s.to_bytes(FIELD_BYTES, "big")


def der_from_raw(raw: bytes, curve: Curve) -> bytes:
    """Give the DER of exactly 64 bytes r‖s whose values are in range."""
    if len(raw) != RAW_BYTES:
        message = f"raw signature of {len(raw)} bytes, not {RAW_BYTES}"
        raise SignatureRefused(message)
    r, s = int.from_bytes(raw[:FIELD_BYTES], "big"), int.from_bytes(raw[FIELD_BYTES:], "big")
    check_range(r, s, curve)
    return der_from_numbers(r, s)


def numbers_from_der(der: bytes, curve: Curve) -> tuple[int, int]:
    """Give r and s from strict DER, in range for the curve."""
    if len(der) > MAX_DER_BYTES:
        message = "signature longer than two 256-bit numbers"
        raise SignatureRefused(message)
    body, rest = _element(der, _SEQUENCE)
    r, tail = _element(body, _INTEGER)
    s, end = _element(tail, _INTEGER)
    if rest or end:
        message = "bytes after the signature value"
        raise SignatureRefused(message)
    values = _unsigned(r), _unsigned(s)
    check_range(*values, curve)
    return values


def der_from_numbers(r: int, s: int) -> bytes:
    """Give the DER of two positive numbers below 2^256."""
    body = b"".join(_integer(value) for value in (r, s))
    return bytes((_SEQUENCE, len(body))) + body


def _element(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """Split off one element with a short-form length; what follows is the second half."""
    if len(data) < 2 or data[0] != tag:  # noqa: PLR2004 - tag and length
        message = "signature is not SEQUENCE { INTEGER, INTEGER }"
        raise SignatureRefused(message)
    length = data[1]
    # Two 33-byte integers never need the long form: there it is a second encoding.
    if length >= _LONG_FORM or len(data) < 2 + length:
        message = "signature with a length that is not minimal DER"
        raise SignatureRefused(message)
    return data[2 : 2 + length], data[2 + length :]


def _unsigned(content: bytes) -> int:
    if not content or content[0] & 0x80:
        message = "signature number is empty or negative"
        raise SignatureRefused(message)
    if content[0] == 0 and (len(content) == 1 or not content[1] & 0x80):
        message = "signature number is zero or not minimal DER"
        raise SignatureRefused(message)
    return int.from_bytes(content, "big")


def _integer(value: int) -> bytes:
    content = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return bytes((_INTEGER, len(content))) + content

"""The text of a code: a prefix, and Base45 (RFC 9285) of zlib or of random bits.

MSB0: one-use secret of a code shown online; MSB1: credential as printed; MSB2: credential shown
offline with the holder's proof. Upper case and digits only, so that a QR code stays small.
"""

from __future__ import annotations

import struct
import zlib
from enum import StrEnum

from msb_identity.errors import EncodingRefused
from msb_wallet.licences.status_list import unpack

MAX_CODE_CHARS = 4_296  # the largest QR code in alphanumeric mode
MAX_UNPACKED_BYTES = 65_536
SECRET_BYTES = 16
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_OUTSIDE = 0xFF
_VALUES = bytes(
    _ALPHABET.index(chr(byte)) if chr(byte) in _ALPHABET else _OUTSIDE for byte in range(256)
)
_TRIPLE = 3


class CodeKind(StrEnum):
    """The prefixes of our codes."""

    ONLINE = "MSB0:"
    PRINTED = "MSB1:"
    OFFLINE = "MSB2:"


def encode_base45(data: bytes) -> str:
    """Write Base45 (RFC 9285 section 4): two bytes as three characters, a last one as two."""
    out: list[str] = []
    for at in range(0, len(data) - 1, 2):
        rest, first = divmod(data[at] << 8 | data[at + 1], 45)
        third, second = divmod(rest, 45)
        out += (_ALPHABET[first], _ALPHABET[second], _ALPHABET[third])
    if len(data) % 2:
        second, first = divmod(data[-1], 45)
        out += (_ALPHABET[first], _ALPHABET[second])
    return "".join(out)


def decode_base45(text: str) -> bytes:
    """Read Base45; EncodingRefused for other characters, lengths or values over 16 bits."""
    values = text.encode("ascii", "replace").translate(_VALUES)
    if _OUTSIDE in values or not text.isascii():
        message = "a character outside Base45"
        raise EncodingRefused(message)
    whole = len(values) - len(values) % _TRIPLE
    numbers = [
        first + 45 * second + 2025 * third
        for first, second, third in zip(
            values[0:whole:3], values[1:whole:3], values[2:whole:3], strict=True
        )
    ]
    last = values[whole:]
    if len(last) == 1:
        message = "Base45 of an impossible length"
        raise EncodingRefused(message)
    rest = last[0] + 45 * last[1] if last else 0
    if max(numbers, default=0) > 0xFFFF or rest > 0xFF:  # noqa: PLR2004 - two bytes, one byte
        message = "Base45 of a value that is too large"
        raise EncodingRefused(message)
    return struct.pack(f">{len(numbers)}H", *numbers) + (bytes((rest,)) if last else b"")


def write_code(kind: CodeKind, data: bytes) -> str:
    """Give the text of a code; a secret is written as it is, anything signed is compressed."""
    packed = data if kind is CodeKind.ONLINE else zlib.compress(data, 9)
    return kind + encode_base45(packed)


def read_code(text: str) -> tuple[CodeKind, bytes]:
    """Give the kind and the bytes of a code; EncodingRefused where it is malformed."""
    kind = kind_of(text)
    if kind is None:
        message = "not one of our codes"
        raise EncodingRefused(message)
    if len(text) > MAX_CODE_CHARS:
        message = f"a code of more than {MAX_CODE_CHARS} characters"
        raise EncodingRefused(message)
    data = decode_base45(text.removeprefix(kind))
    if kind is not CodeKind.ONLINE:
        return kind, unpack(data, MAX_UNPACKED_BYTES)
    if len(data) != SECRET_BYTES:
        message = f"a one-use secret has {SECRET_BYTES} bytes"
        raise EncodingRefused(message)
    return kind, data


def kind_of(text: str) -> CodeKind | None:
    """Give the kind that a text's prefix claims, if it is one of ours."""
    for kind in CodeKind:
        if text.startswith(kind):
            return kind
    return None

"""JSON from outside: one reading only, within caps (RFC 8259; I-JSON, RFC 7493).

Refused: duplicate names, lone surrogates, NaN and infinities, depth over 32, more than 1 MB.
"""

from __future__ import annotations

import json
import math
from typing import Any

from msb_identity.errors import EncodingRefused

MAX_JSON_BYTES = 1_000_000
MAX_JSON_DEPTH = 32


def load_object(data: bytes | str) -> dict[str, Any]:
    """Read one JSON object; EncodingRefused for anything else or anything ambiguous."""
    value = load(data)
    if not isinstance(value, dict):
        message = "JSON, but not an object"
        raise EncodingRefused(message)
    return value


def load(data: bytes | str) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Read one JSON value strictly."""
    try:
        raw = data.encode() if isinstance(data, str) else data
        if len(raw) > MAX_JSON_BYTES:
            message = f"JSON of more than {MAX_JSON_BYTES} bytes"
            raise EncodingRefused(message)
        value = _DECODER.decode(raw.decode())
        # Only an escape can make a lone surrogate, and only brackets can make depth.
        if b"\\u" in raw or raw.count(b"[") + raw.count(b"{") >= MAX_JSON_DEPTH:
            _check(value, MAX_JSON_DEPTH)
    except (ValueError, RecursionError) as error:
        message = "not strict JSON"
        raise EncodingRefused(message) from error
    return value


def dump(value: object) -> bytes:
    """Write the one compact form we emit: UTF-8, sorted names, no spaces."""
    return _ENCODER.encode(value).encode()


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        message = "a name stands twice in one JSON object"
        raise EncodingRefused(message)
    return result


def _no_constant(name: str) -> float:
    message = f"{name} is not JSON"
    raise EncodingRefused(message)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        message = "a JSON number that is too large"  # 1e999 would be read as infinity
        raise EncodingRefused(message)
    return value


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
)
_DECODER = json.JSONDecoder(
    object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=_finite
)


def _check(value: object, depth: int) -> None:
    if depth == 0:
        message = f"JSON deeper than {MAX_JSON_DEPTH}"
        raise EncodingRefused(message)
    if isinstance(value, str):
        value.encode()  # UnicodeEncodeError, a ValueError, for lone surrogates
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            name.encode()
            _check(item, depth - 1)

"""PEM (RFC 7468), read strictly: whole blocks, nothing between or around them but white space."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode

from msb_identity.errors import KeyRefused

BEGIN = b"-----BEGIN "
_LINE_CHARS = 64
_MAX_BLOCKS = 16
_BLOCK = re.compile(
    rb"\s*-----BEGIN ([A-Z0-9 ]{1,40})-----[ \t]*\r?\n"
    rb"((?:[A-Za-z0-9+/=]+[ \t]*\r?\n)+)"
    rb"-----END \1-----\s*"
)


def read_pem(data: bytes) -> list[tuple[str, bytes]]:
    """Give the label and the content of each block; KeyRefused for anything else."""
    blocks: list[tuple[str, bytes]] = []
    at = 0
    while at < len(data):
        found = _BLOCK.match(data, at)
        if found is None or len(blocks) == _MAX_BLOCKS:
            message = "not PEM, or text around its blocks"
            if b"Proc-Type:" in data or b"DEK-Info:" in data:
                message = "PEM encrypted the old way (DEK-Info); convert it to PKCS#8"
            raise KeyRefused(message)
        blocks.append((found[1].decode("ascii"), _decode(found[2])))
        at = found.end()
    return blocks


def write_pem(label: str, content: bytes) -> bytes:
    """Write one block."""
    text = b64encode(content).decode("ascii")
    lines = [text[at : at + _LINE_CHARS] for at in range(0, len(text), _LINE_CHARS)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def _decode(body: bytes) -> bytes:
    text = b"".join(body.split())
    try:
        content = b64decode(text, validate=True)
    except binascii.Error as error:
        message = "PEM whose content is not base64"
        raise KeyRefused(message) from error
    if b64encode(content) != text:  # spare bits that are not zero
        message = "PEM whose base64 is not in its one form"
        raise KeyRefused(message)
    return content

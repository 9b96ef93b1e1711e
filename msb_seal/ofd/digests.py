"""The digests by which an OFD signature names the files it protects (CheckMethod).

GB/T 33190-2016 18.2.2: an OID, or a short name in many real files; without one, MD5. What can be
made to collide (MD5, SHA-1) is computed only so that a report can say so.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from msb_identity.pki.sm import sm3

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SM3_OID = "1.2.156.10197.1.401"
SHA256_OID = "2.16.840.1.101.3.4.2.1"
DEFAULT_METHOD = "MD5"
MAX_REMEMBERED, MAX_REMEMBERED_BYTES = 256, 256 * 1024


@dataclass(frozen=True, slots=True)
class FileDigest:
    """A digest: its usual name, the OID we write, the function, and whether it can collide."""

    name: str
    oid: str
    compute: Callable[[bytes], bytes]
    weak: bool = False


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


SM3 = FileDigest("SM3", SM3_OID, sm3)
SHA256 = FileDigest("SHA-256", SHA256_OID, _sha256)
SHA1 = FileDigest("SHA-1", "1.3.14.3.2.26", _sha1, weak=True)
MD5 = FileDigest("MD5", "1.2.840.113549.2.5", _md5, weak=True)

_BY_NAME: Mapping[str, FileDigest] = {
    "SM3": SM3,
    SM3_OID: SM3,
    f"{SM3_OID}.1": SM3,  # "SM3 without a key"
    f"{SM3_OID}.2": SM3,  # "SM3 with a key", which real files write although there is no key
    "SHA256": SHA256,
    SHA256.oid: SHA256,
    "SHA1": SHA1,
    SHA1.oid: SHA1,
    "MD5": MD5,
    MD5.oid: MD5,
}


class RememberedDigest:
    """A digest that remembers contents: a batch's documents share fonts and templates.

    It remembers at most MAX_REMEMBERED contents, none longer than MAX_REMEMBERED_BYTES.
    """

    def __init__(self, digest: FileDigest) -> None:
        """Remember nothing yet."""
        self._compute = digest.compute
        self._remembered = lru_cache(MAX_REMEMBERED)(digest.compute)

    def __call__(self, content: bytes) -> bytes:
        """Give the content's digest."""
        if len(content) > MAX_REMEMBERED_BYTES:
            return self._compute(content)
        return self._remembered(content)


def find_digest(method: str | None) -> FileDigest | None:
    """Give the digest that a CheckMethod names; None for one that we do not have."""
    name = (method or DEFAULT_METHOD).strip().upper().replace("-", "")
    return _BY_NAME.get(name)

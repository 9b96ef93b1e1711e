"""Tokens seen before: what was fully checked once is found again by its digest.

Only tokens that were found good in everything are kept, and only what does not change is taken from
here: expiry, cut-offs and the withdrawal of the key are judged anew each time. The digest is keyed
with random bytes of this process, so that nobody can prepare two texts that meet.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from msb_identity.foundation.report import ReportBuilder
    from msb_identity.pki.keys import VerifyingKey
    from msb_identity.sso.basis import Basis
    from msb_identity.sso.claims import VerifiedToken

MAX_SEEN = 10_000
MAX_SEEN_CHARS = 4_096
"""Longer tokens are checked anew each time, so that memory is bounded."""
_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class SeenToken:
    """A token that was good; begins, ends: between these seconds it can be good again.

    found: the steps it passed. cut: what the source of cut-offs answered: False, or None where
    there is none.
    """

    verified: VerifiedToken
    found: ReportBuilder
    basis: Basis | None
    key_id: str
    key: VerifyingKey
    begins: float
    ends: float
    cut: bool | None


class SeenTokens:
    """The tokens that one verifier saw last; the least recently used goes."""

    def __init__(self, size: int) -> None:
        """Begin empty, with a key of this process; size: how many are kept at most."""
        self._size = size
        self._salt = secrets.token_bytes(_DIGEST_BYTES)
        self._lock = threading.Lock()
        self._found: dict[bytes, SeenToken] = {}

    def digest(self, token: str) -> bytes | None:
        """Give the name under which a token is kept; None for one that is not."""
        if len(token) > MAX_SEEN_CHARS or not token.isascii():
            return None
        return hashlib.blake2b(token.encode(), key=self._salt, digest_size=_DIGEST_BYTES).digest()

    def find(self, digest: bytes) -> SeenToken | None:
        """Give the token of that digest, and remember that it was used."""
        with self._lock:
            found = self._found.pop(digest, None)
            if found is not None:
                self._found[digest] = found
        return found

    def keep(self, digest: bytes, token: SeenToken) -> None:
        """Keep a token that was good in everything."""
        with self._lock:
            self._found[digest] = token
            if len(self._found) > self._size:
                del self._found[next(iter(self._found))]

    def forget(self, digest: bytes) -> None:
        """Drop a token."""
        with self._lock:
            self._found.pop(digest, None)

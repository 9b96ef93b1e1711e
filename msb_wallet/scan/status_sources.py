"""Where a scan learns a licence's state: published lists in a folder, or the store itself.

Both answer with an outcome and a code for the step `status`. A list is believed only when its
signature is by a status key of the very issuer that signed the licence, and its `sub` is the URI
that the licence names, under a prefix that the trust list gives that issuer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from msb_identity.errors import (
    AlgorithmRefused,
    EncodingRefused,
    SignatureRefused,
)
from msb_identity.foundation.files import open_regular
from msb_identity.foundation.report import Outcome
from msb_wallet.errors import LicenceNotFound
from msb_wallet.licences.status import list_uri
from msb_wallet.licences.status_list import (
    BITS,
    ENTRIES,
    MAX_TOKEN_BYTES,
    StatusList,
    parse_status_list,
)
from msb_wallet.licences.store import Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from msb_identity.pki.keys import VerifyingKey
    from msb_wallet.credentials.compact import Credential
    from msb_wallet.licences.status import StatusEntry
    from msb_wallet.scan.regions import TrustedIssuer, TrustList

FUTURE_TOLERANCE = timedelta(seconds=60)
_CODES = {Status.VALID: "ok", Status.REVOKED: "revoked", Status.SUSPENDED: "suspended"}


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """What a source says; `code` is of the step `status`."""

    outcome: Outcome
    code: str
    detail: str = ""


class StatusSource(Protocol):
    """Anything that knows the state of licences."""

    def look_up(
        self, credential: Credential, issuer: TrustedIssuer, trust: TrustList, now: datetime
    ) -> StatusAnswer:
        """Give the state of a licence whose signature has been verified."""
        ...


class StoreStatus:
    """Asks the store: a revocation holds from its commit on."""

    def __init__(self, get: Callable[[str], StatusEntry]) -> None:
        """get: StatusRegister.get of the store."""
        self._get = get

    def look_up(
        self, credential: Credential, issuer: TrustedIssuer, _trust: TrustList, _now: datetime
    ) -> StatusAnswer:
        """Give the state in the store; the place the credential names must be the licence's."""
        try:
            entry = self._get(credential.identifier.short)
        except LicenceNotFound:
            return StatusAnswer(Outcome.UNKNOWN, "missing", "no such licence in the store")
        place = issuer.code, list_uri_tail(credential.status.uri, issuer), credential.status.index
        if place != (entry.issuer_code, str(entry.list_number), entry.list_index):
            return StatusAnswer(Outcome.UNKNOWN, "missing", "the store has another place for it")
        return answer(entry.status, f"store; {entry.reason}")


@dataclass(slots=True)
class _Kept:
    """A parsed list file, and the key under which its signature was found good."""

    stamp: tuple[int, int, int]
    token: StatusList
    good_under: VerifyingKey | None = None

    def verify(self, key: VerifyingKey) -> None:
        """Verify the list's signature once for each file and key."""
        if self.good_under != key:
            self.token.envelope.verify(key)
            self.good_under = key


class PublishedStatus:
    """Reads status lists from a folder, ISSUER/NUMBER, as a CDN or an update brought them."""

    def __init__(self, folder: Path, *, max_age: timedelta | None = None) -> None:
        """max_age: refuse lists signed longer ago than that, though they have not expired yet."""
        self._folder, self._max_age = folder, max_age
        self._kept: dict[Path, _Kept] = {}

    def look_up(
        self, credential: Credential, issuer: TrustedIssuer, trust: TrustList, now: datetime
    ) -> StatusAnswer:
        """Give the state that the published list shows."""
        path = self._folder / issuer.code / list_uri_tail(credential.status.uri, issuer)
        try:
            kept = self._read(path)
        except OSError:
            return StatusAnswer(Outcome.UNKNOWN, "missing", "no list file")
        except EncodingRefused as error:
            return StatusAnswer(Outcome.UNKNOWN, "unreadable", str(error))
        token = kept.token
        refused = self._refuse(kept, credential, issuer, trust) or self._too_old(token, now)
        if refused is not None:
            return refused
        try:
            status = Status(token.entry(credential.status.index))
        except (IndexError, ValueError):
            return StatusAnswer(Outcome.UNKNOWN, "unreadable", "no such entry, or no such state")
        return answer(status, f"list of {token.issued_at:%Y-%m-%dT%H:%M:%SZ}")

    def _read(self, path: Path) -> _Kept:
        """Parse the file, or give the parsed list where the file has not changed."""
        with open_regular(path) as file:
            found = os.fstat(file.fileno())
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            kept = self._kept.get(path)
            if kept is not None and kept.stamp == stamp:
                return kept
            kept = _Kept(stamp, parse_status_list(file.read(MAX_TOKEN_BYTES + 1)))
        self._kept[path] = kept
        return kept

    def _refuse(
        self, kept: _Kept, credential: Credential, issuer: TrustedIssuer, trust: TrustList
    ) -> StatusAnswer | None:
        token = kept.token
        key_id = token.envelope.key_id or b""
        signer = issuer if key_id in issuer.status_keys else trust.status_signer(key_id)
        if signer is None:
            return StatusAnswer(Outcome.UNKNOWN, "unknown-signer", "no listed key signed the list")
        try:
            kept.verify(signer.status_keys[key_id])
        except (SignatureRefused, AlgorithmRefused) as error:
            return StatusAnswer(Outcome.UNKNOWN, "bad-signature", str(error))
        if signer is not issuer:
            return StatusAnswer(Outcome.FAILED, "other-issuer", f"signed by {signer.code}")
        if token.bits != BITS or len(token.content) != ENTRIES * BITS // 8:
            return StatusAnswer(Outcome.UNKNOWN, "unreadable", "not a list of our size")
        if token.uri != credential.status.uri:
            return StatusAnswer(Outcome.UNKNOWN, "other-list", "the file holds another list")
        return None

    def _too_old(self, token: StatusList, now: datetime) -> StatusAnswer | None:
        detail = f"list of {token.issued_at:%Y-%m-%dT%H:%M:%SZ}"
        too_old = self._max_age is not None and now - token.issued_at > self._max_age
        if now >= token.expires_at or too_old:
            return StatusAnswer(Outcome.UNKNOWN, "stale", detail)
        if token.issued_at - now > FUTURE_TOLERANCE:
            return StatusAnswer(Outcome.UNKNOWN, "from-future", detail)
        return None


def list_uri_tail(uri: str, issuer: TrustedIssuer) -> str:
    """Give what stands behind the issuer's prefix, or "-" where that is no list number."""
    for prefix in issuer.status_prefixes:
        tail = uri.removeprefix(prefix)
        if tail != uri and tail.isascii() and tail.isdigit() and list_uri(prefix, int(tail)) == uri:
            return tail
    return "-"


def answer(status: Status, detail: str) -> StatusAnswer:
    """Give the answer for a state that is known."""
    return StatusAnswer(
        Outcome.OK if status is Status.VALID else Outcome.FAILED, _CODES[status], detail
    )

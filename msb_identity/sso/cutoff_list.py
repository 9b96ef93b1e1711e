"""The list of cut-offs that an issuer publishes, for verifiers without its store.

A JWT of a type of its own, signed with the issuer's current key: version, date, and every cut-off
that may still concern a token. Each is one number of 64 bits: the first 48 bits of SHA-256 of its
name (`basis.cut_off_name`), then its age at the date in whole seconds, 16 bits. A list has at most
MAX_ENTRIES: were there more, the newest stand there and `floor` is the second up to which every
token is refused, so that holders must have new ones made. Format: docs/formats.md, "cut-off list".
"""

from __future__ import annotations

import hashlib
import struct
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError

from msb_identity.envelopes.jose import decode_base64url, encode_base64url, parse_jws, sign_jws
from msb_identity.errors import AlgorithmRefused, EncodingRefused, FetchRefused, SignatureRefused
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.sso.claims import CLOCK_TOLERANCE, StrictModel, Text, Time
from msb_identity.sso.refreshed import Pace, Refreshed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from msb_identity.envelopes.jose import Jws
    from msb_identity.sso.basis import Basis
    from msb_identity.sso.cutoffs import CutOffs
    from msb_identity.sso.keyring import Signers
    from msb_identity.sso.keysets import PublishedKeys

CUT_OFF_LIST_TYPE = "msb-cutoffs+jwt"
CUT_OFF_LIST_MEMBER = "msb_cut_off_list_uri"
"""The name of the list's address in the issuer's metadata."""
MAX_ENTRIES = 65_536
MAX_LIST_BYTES = 1_000_000
SIGNED_EVERY = timedelta(seconds=2)
OLDEST_LIST = timedelta(seconds=60)
LIST_PACE = Pace(
    refresh_after=timedelta(seconds=10),
    stale_after=timedelta(seconds=60),
    cool_down=timedelta(seconds=5),
    retry_after=timedelta(seconds=5),
)
"""Polled every ten seconds while tokens are checked; a minute old it says nothing any more."""
_ENTRY = struct.Struct(">Q")
_AGE_BITS = 16
_OLDEST_AGE = 2**_AGE_BITS - 1
_DIGEST_BYTES = 6
_REMEMBERED_NAMES = 100_000


class CutOffPublisher:
    """Signs the list, at most every SIGNED_EVERY; safe to share between threads."""

    def __init__(
        self,
        cutoffs: CutOffs,
        keys: Signers,
        *,
        issuer: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what was ended, the issuer's key ring, and its name."""
        self._cutoffs, self._keys, self._issuer, self._clock = cutoffs, keys, issuer, clock
        self._lock = threading.Lock()
        self._signed: tuple[float, str] | None = None

    def document(self, now: datetime | None = None) -> str:
        """Give the list as it is served, of media type application/msb-cutoffs+jwt."""
        with self._lock:
            at = self._clock()
            if self._signed is None or at - self._signed[0] > SIGNED_EVERY.total_seconds():
                self._signed = (at, self._sign(aware(now)))
            return self._signed[1]

    def _sign(self, now: datetime) -> str:
        version, cut = self._cutoffs.live(now)
        date = seconds(now)
        newest = sorted(cut.items(), key=lambda entry: entry[1], reverse=True)
        said: dict[str, Any] = {"iss": self._issuer, "iat": date, "version": version}
        if len(newest) > MAX_ENTRIES:
            said["floor"] = newest[MAX_ENTRIES][1]
        packed = b"".join(_pack(name, cut_at, date) for name, cut_at in newest[:MAX_ENTRIES])
        said["cut"] = encode_base64url(packed)
        signer = self._keys.signer(now=now)
        return sign_jws(strict_json.dump(said), signer, type_=CUT_OFF_LIST_TYPE)


@dataclass(frozen=True, slots=True)
class CutOffList:
    """A list that was verified; cut: digest of a name → second of the cut-off."""

    version: int
    date: int
    floor: int
    cut: Mapping[int, int]

    def ends(self, basis: Basis) -> bool:
        """Whether the list ends what rests on this."""
        if basis.issued_at <= self.floor:
            return True
        if not self.cut:
            return False
        if any(name_digest(name) in self.cut for name in basis.for_good):
            return True
        return any(basis.issued_at <= self.cut.get(name_digest(n), -1) for n in basis.until)


class PublishedCutOffs:
    """What an issuer says was ended: its list, polled while tokens are checked."""

    def __init__(
        self,
        keys: PublishedKeys,
        *,
        pace: Pace = LIST_PACE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the issuer's published keys; nothing is fetched before it is needed."""
        self._keys = keys
        self._list: Refreshed[CutOffList] = Refreshed(self._fetch, pace=pace, clock=clock)

    def is_cut(self, basis: Basis) -> bool | None:
        """Whether the list ends it; None where the issuer publishes no list.

        FetchRefused where the list cannot be had that is young enough.
        """
        if self._keys.current().metadata.get(CUT_OFF_LIST_MEMBER) is None:
            return None
        return self._list.get().ends(basis)

    def _fetch(self, last: CutOffList | None) -> CutOffList:
        address = self._keys.address(CUT_OFF_LIST_MEMBER)
        if address is None:
            message = "the issuer publishes no list of cut-offs"
            raise FetchRefused(message)
        content = self._keys.fetcher.get(address, limit=MAX_LIST_BYTES)
        jws = parse_jws(content.decode("ascii", "replace").strip())
        key = self._keys.get(jws.key_id)
        if key is None:
            message = "the list of cut-offs is signed with a key that is not the issuer's"
            raise FetchRefused(message)
        try:
            jws.verify(key)
        except (SignatureRefused, AlgorithmRefused) as error:
            message = "the signature of the list of cut-offs is wrong"
            raise FetchRefused(message) from error
        found = read_cut_off_list(jws, issuer=self._keys.issuer)
        if last is not None and found.version < last.version:
            message = "the list of cut-offs is older than one that was seen"
            raise FetchRefused(message)
        return found


class _List(StrictModel):
    iss: Text
    iat: Time
    version: Annotated[int, Field(ge=0, lt=2**63)]
    floor: Time = 0
    cut: Annotated[str, Field(max_length=MAX_LIST_BYTES)]


def read_cut_off_list(jws: Jws, *, issuer: str, now: datetime | None = None) -> CutOffList:
    """Read a list whose signature was verified; FetchRefused unless it is this issuer's, and new.

    It may be OLDEST_LIST old, whoever served it: a cache in between must not hold ends back.
    """
    try:
        said = _List.model_validate(strict_json.load_object(jws.payload))
        packed = decode_base64url(said.cut)
    except (EncodingRefused, ValidationError) as error:
        message = "this is no list of cut-offs"
        raise FetchRefused(message) from error
    if jws.type != CUT_OFF_LIST_TYPE or said.iss != issuer or len(packed) % _ENTRY.size:
        message = "this is no list of cut-offs of the issuer"
        raise FetchRefused(message)
    age = aware(now) - from_seconds(said.iat)
    if not -CLOCK_TOLERANCE <= age <= OLDEST_LIST:
        message = "the list of cut-offs is of another time"
        raise FetchRefused(message)
    cut: dict[int, int] = {}
    for (entry,) in _ENTRY.iter_unpack(packed):
        digest, cut_at = entry >> _AGE_BITS, said.iat - (entry & _OLDEST_AGE)
        cut[digest] = max(cut_at, cut.get(digest, 0))
    return CutOffList(said.version, said.iat, said.floor, cut)


@lru_cache(maxsize=_REMEMBERED_NAMES)
def name_digest(name: str) -> int:
    """Give the 48 bits by which a list names what was ended."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:_DIGEST_BYTES], "big")


def _pack(name: str, cut_at: int, date: int) -> bytes:
    age = min(max(date - cut_at, 0), _OLDEST_AGE)
    return _ENTRY.pack(name_digest(name) << _AGE_BITS | age)

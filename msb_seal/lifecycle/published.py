"""The signed list of seal states, for verifiers that cannot ask the registry.

A JWS by a key that the verifier holds already; versioned and dated, it expires. Seals are named by
their fingerprints only. A long list comes in parts, each for the fingerprints that begin with its
prefix and a file of its own. Format: docs/formats.md, "list of seal states".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from sqlalchemy import func, insert, select, update

from msb_identity.envelopes.jose import MAX_JWS_CHARS, parse_jws, sign_jws
from msb_identity.envelopes.keyfiles import read_public_file
from msb_identity.errors import AlgorithmRefused, EncodingRefused, SignatureRefused
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.foundation.files import folder_lock, write_whole
from msb_seal.lifecycle.persons import check_person
from msb_seal.lifecycle.records import is_text, raw
from msb_seal.lifecycle.sentences import refused
from msb_seal.lifecycle.states import PUBLISHED, LifeState
from msb_seal.lifecycle.tables import lists, seals
from msb_seal.seals.status import SealState, SealStatus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.store import Store
    from msb_identity.pki.keys import SigningKey, VerifyingKey
    from msb_seal.seals.model import ElectronicSeal

LIST_TYPE = "msb-seal-states+jwt"
LIST_FILES = "seal-states-{}.jwt"
WHOLE = "all"
DEFAULT_LIFETIME = timedelta(days=1)
MAX_LIFETIME = timedelta(days=400)
FUTURE_TOLERANCE = timedelta(seconds=60)
MAX_LISTED = 4_000
"""Seals in one part: its JWS then stays below MAX_JWS_CHARS."""
MAX_PARTS = 16**2
MAX_LIST_NAME_CHARS = 100
NOT_ISSUED = "not-issued"
DAMAGED = "damaged"
"""The reason of a seal whose record cannot be read: it is told as frozen since ever."""
_USUAL_FILL = 3_000
_DIGITS = "0123456789abcdef"
_Time = Annotated[int, Field(ge=0, le=253_402_300_799)]


def _named(text: str) -> str:
    if not is_text(text, MAX_LIST_NAME_CHARS):
        message = "empty, too long, or with characters that cannot be shown"
        raise ValueError(message)
    return text


_FINGERPRINT = re.compile("[0-9a-f]{64}")
_Name = Annotated[str, AfterValidator(_named)]
_Fingerprint = Annotated[str, Field(pattern=f"^{_FINGERPRINT.pattern}$")]


class _Model(BaseModel):
    # A member that this version does not know might say more about a seal: refused, not ignored.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Entry(_Model):
    state: Literal["active", "frozen", "cancelled", "void"]
    since: _Time
    reason: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,40}$")]


class _List(_Model):
    format: Annotated[int, Field(ge=1, le=1)]
    name: _Name
    version: Annotated[int, Field(ge=1, le=2**53)]
    prefix: Annotated[str, Field(pattern=r"^[0-9a-f]{0,2}$")]
    iat: _Time
    exp: _Time
    seals: Annotated[dict[_Fingerprint, _Entry], Field(max_length=MAX_LISTED)]

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.exp <= self.iat:
            message = "a list that ends before it begins"
            raise ValueError(message)
        if not all(fingerprint.startswith(self.prefix) for fingerprint in self.seals):
            message = "a seal of another part of the list"
            raise ValueError(message)
        return self


class StateLists:
    """Publishes the states of one registry's seals."""

    def __init__(self, store: Store, audit: Audit) -> None:
        """Read from this store."""
        self._store, self._audit = store, audit

    def publish(
        self,
        folder: Path,
        *,
        name: str,
        key: SigningKey,
        lifetime: timedelta = DEFAULT_LIFETIME,
        by: str | None = None,
        now: datetime | None = None,
    ) -> list[Path]:
        """Sign all states into files of `folder` and give them; parts of older versions go.

        name: what the list is called; its versions are counted under it. A reader sees each file
        whole, the old or the new one. LifecycleRefused where there are too many seals for a list.
        """
        if not timedelta(0) < lifetime <= MAX_LIFETIME:
            raise refused("list", "lifetime")
        if not is_text(name, MAX_LIST_NAME_CHARS):
            raise refused("list", "name")
        if by is not None:
            check_person(by)
        moment = aware(now)
        with folder_lock(folder):  # so that no older list comes to lie over a newer one
            # The version is counted before the states are read: a higher one is never older.
            payload: dict[str, object] = {
                "format": 1,
                "name": name,
                "version": self._next_version(name, by, moment),
                "iat": seconds(moment),
                "exp": seconds(moment) + int(lifetime.total_seconds()),
            }
            with self._store.read() as connection:
                written = [
                    _write_part(folder, key, payload, prefix, _entries(connection, prefix))
                    for prefix in _prefixes(connection)
                ]
            for path in {*folder.glob(LIST_FILES.format("*"))}.difference(written):
                path.unlink()
        return written

    def _next_version(self, name: str, by: str | None, now: datetime) -> int:
        with self._store.write(locks=(f"seal states {name}",)) as connection:
            last = connection.scalar(select(lists.c.version).where(lists.c.name == name))
            version = (last or 0) + 1
            if last is None:
                connection.execute(insert(lists).values(name=name, version=version))
            else:
                here = lists.c.name == name
                connection.execute(update(lists).where(here).values(version=version))
            self._audit.record(
                "seal.states-published",
                actor=by,
                details={"version": version},
                now=now,
                connection=connection,
            )
        return version


@dataclass(frozen=True, slots=True)
class StatePart:
    """One verified part of a list."""

    name: str
    version: int
    prefix: str
    issued_at: datetime
    expires_at: datetime
    seals: dict[str, tuple[SealState, datetime, str]]


class PublishedStates:
    """Seal states from a published list: a SealStatuses for verifiers without the registry."""

    def __init__(self, parts: Iterable[StatePart]) -> None:
        """Take the parts of one list; LifecycleRefused for none, or for those of two lists."""
        self._parts = tuple(parts)
        if len({part.name for part in self._parts}) != 1:
            raise refused("list", "parts of one list are needed")

    @classmethod
    def open(
        cls, texts: Iterable[str], *, signer: VerifyingKey, oldest_version: int = 0
    ) -> PublishedStates:
        """Verify the parts of a list against the pinned key.

        oldest_version: the newest version seen before; older parts are refused. Raises
        LifecycleRefused for anything that is not right.
        """
        parts = [open_list(text, signer=signer) for text in texts]
        if any(part.version < oldest_version for part in parts):
            raise refused("list", "older than one seen before")
        return cls(parts)

    @classmethod
    def from_folder(
        cls, folder: Path, *, signer: VerifyingKey, oldest_version: int = 0
    ) -> PublishedStates:
        """Verify all parts in a folder, as `StateLists.publish` writes them.

        Raises StoreError where one cannot be read.
        """
        paths = sorted(folder.glob(LIST_FILES.format("*")))[: 2 * MAX_PARTS]
        texts = [
            read_public_file(path, limit=MAX_JWS_CHARS).decode("ascii", "replace").strip()
            for path in paths
        ]
        return cls.open(texts, signer=signer, oldest_version=oldest_version)

    @property
    def version(self) -> int:
        """The newest version among the parts: what to refuse older lists by later."""
        return max(part.version for part in self._parts)

    def status_of(self, seal: ElectronicSeal, *, now: datetime) -> SealStatus | None:
        """Give the state of exactly this seal; None for one that the list does not have.

        Raises LifecycleRefused where no part is for this seal, or the part is past its time.
        """
        fingerprint, moment = seal.fingerprint, aware(now)
        parts = [part for part in self._parts if fingerprint.startswith(part.prefix)]
        if not parts:
            raise refused("list", "no part for this seal")
        part = max(parts, key=lambda one: (one.version, len(one.prefix)))
        if moment > part.expires_at:
            raise refused("list", "expired")
        if part.issued_at - moment > FUTURE_TOLERANCE:
            raise refused("list", "from the future")
        found = part.seals.get(fingerprint)
        if found is None:
            return None
        state, since, reason = found
        return SealStatus(state, since, part.issued_at, reason)


def open_list(text: str, *, signer: VerifyingKey) -> StatePart:
    """Verify one part of a list; LifecycleRefused for anything that is not right."""
    try:
        jws = parse_jws(text)
        jws.verify(signer)
        if jws.type != LIST_TYPE:
            message = "signed, but not as a list of seal states"
            raise EncodingRefused(message)
        content = _List.model_validate(strict_json.load_object(jws.payload))
    except (EncodingRefused, AlgorithmRefused, SignatureRefused) as error:
        raise refused("list", str(error)) from error
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"][:1])
        raise refused("list", f"{where}: {problem['msg']}") from error
    return StatePart(
        name=content.name,
        version=content.version,
        prefix=content.prefix,
        issued_at=from_seconds(content.iat),
        expires_at=from_seconds(content.exp),
        seals={
            fingerprint: (SealState(entry.state), from_seconds(entry.since), entry.reason)
            for fingerprint, entry in content.seals.items()
        },
    )


def _write_part(
    folder: Path,
    key: SigningKey,
    payload: dict[str, object],
    prefix: str,
    entries: dict[str, dict[str, object]],
) -> Path:
    content = strict_json.dump({**payload, "prefix": prefix, "seals": entries})
    text = sign_jws(content, key, type_=LIST_TYPE)
    open_list(text, signer=key.public)  # nothing leaves that we would refuse
    path = folder / LIST_FILES.format(prefix or WHOLE)
    write_whole(path, text.encode() + b"\n")
    return path


def _prefixes(connection: Connection) -> list[str]:
    """Give the prefixes of as many parts as the seals need."""
    made = select(func.count()).select_from(seals).where(seals.c.fingerprint.is_not(None))
    count = connection.scalar(made) or 0
    if count <= MAX_LISTED:
        return [""]
    if count <= _USUAL_FILL * len(_DIGITS):
        return list(_DIGITS)
    if count <= _USUAL_FILL * MAX_PARTS:
        return [first + second for first in _DIGITS for second in _DIGITS]
    raise refused("list", "too many seals")


def _entries(connection: Connection, prefix: str) -> dict[str, dict[str, object]]:
    since = func.coalesce(raw(seals.c.inactive_since), raw(seals.c.since)).label("since")
    query = select(raw(seals.c.fingerprint), raw(seals.c.state), since, raw(seals.c.reason)).where(
        seals.c.fingerprint >= prefix, seals.c.fingerprint < prefix + "g"
    )
    found = {}
    for row in connection.execute(query.order_by(seals.c.fingerprint)):
        if not _FINGERPRINT.fullmatch(row.fingerprint):
            continue  # nobody knows which seal that is: the seal itself is then in no list
        try:
            state = LifeState(row.state)
            reason = NOT_ISSUED if state is LifeState.MADE else row.reason
            entry = {"state": str(PUBLISHED[state]), "since": row.since, "reason": reason}
            _Entry.model_validate(entry)
        except (ValueError, KeyError):  # nobody knows since when: nothing signed with it counts
            entry = {"state": str(SealState.FROZEN), "since": 0, "reason": DAMAGED}
        found[row.fingerprint] = entry
    return found

"""What an entry says, and the hash that binds it to the entry before.

    hash = SHA-256(CBOR(["MSB-audit-entry-1", writer, sequence, time, event, actor, subject, object,
                         outcome, details, personal_digest, previous]))

The first entry of a chain names, as the one before, SHA-256(CBOR(["MSB-audit-chain-1", log id,
writer])), so that a chain belongs to one log and one writer. The personal part is hashed by its
digest, so that a chain holds without it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from msb_identity.envelopes import cbor
from msb_identity.foundation import strict_json
from msb_identity.foundation.audit.tables import MAX_CODE_CHARS, MAX_OBJECT_CHARS, MAX_WRITER_CHARS
from msb_identity.foundation.clock import aware

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import RowMapping

OK = "ok"
MAX_DETAILS_BYTES = 4_000
MAX_PERSONAL_BYTES = 4_000
HASHED_COLUMNS = (
    "writer",
    "sequence",
    "time",
    "event",
    "actor",
    "subject",
    "object",
    "outcome",
    "details",
    "personal_digest",
    "previous",
)
_CODE = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*", re.ASCII)
_WRITER = re.compile(r"[A-Za-z0-9]+(?:[._@-][A-Za-z0-9]+)*", re.ASCII)
_NO_DETAILS = "{}"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Draft:
    """What is to be recorded; its repr shows nothing, since it names people.

    event, outcome: stable codes, as "licence.issued" and "ok".
    actor, subject: who did it and whom it is about, as the store names people; kept as HMACs.
    object_: the thing it is about, as a licence's identifier; never personal data.
    details: a small JSON object; by rule without personal data, since it can never be erased.
    personal: a small JSON object about the subject, sealed under the subject's erasable key.
    """

    event: str
    actor: str | None = None
    subject: str | None = None
    object_: str | None = None
    outcome: str = OK
    details: Mapping[str, object] | None = None
    personal: Mapping[str, object] | None = None
    now: datetime | None = None
    time: int = field(init=False)
    details_text: str = field(init=False)
    personal_bytes: bytes | None = field(init=False)

    def __post_init__(self) -> None:
        """Refuse with ValueError what no entry may hold; a fault here is the programmer's."""
        check_code(self.event)
        check_code(self.outcome)
        if self.object_ is not None:
            _check_object(self.object_)
        text = _NO_DETAILS
        if self.details:
            text = _small_json(self.details, MAX_DETAILS_BYTES, "details").decode()
        sealed = None
        if self.personal is not None:
            if self.subject is None:
                message = "a personal part needs the subject whom it is about"
                raise ValueError(message)
            sealed = _small_json(self.personal, MAX_PERSONAL_BYTES, "personal part")
        object.__setattr__(self, "time", microseconds(aware(self.now)))
        object.__setattr__(self, "details_text", text)
        object.__setattr__(self, "personal_bytes", sealed)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where an entry stands; with a later checkpoint it proves that the entry was there."""

    writer: str
    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as read from the store. Reading does not verify it: `check_audit` does."""

    writer: str
    sequence: int
    time: datetime
    event: str
    actor: bytes | None
    subject: bytes | None
    object_: str | None
    outcome: str
    details: Mapping[str, Any]
    hash: bytes
    sealed: bytes | None = field(repr=False)

    @classmethod
    def from_row(cls, row: RowMapping) -> Entry:
        """Take a row of the table of entries."""
        return cls(
            writer=row["writer"],
            sequence=row["sequence"],
            time=from_microseconds(row["time"]),
            event=row["event"],
            actor=row["actor"],
            subject=row["subject"],
            object_=row["object"],
            outcome=row["outcome"],
            details=strict_json.load_object(row["details"]),
            hash=row["hash"],
            sealed=row["personal"],
        )


def entry_hash(hashed: Sequence[cbor.Value]) -> bytes:
    """Hash the values of HASHED_COLUMNS, in that order; TypeError or ValueError for others."""
    return sha256(cbor.encode(["MSB-audit-entry-1", *hashed])).digest()


def chain_start(log_id: bytes, writer: str) -> bytes:
    """Give what the first entry of a writer's chain names as the one before."""
    return sha256(cbor.encode(["MSB-audit-chain-1", log_id, writer])).digest()


def check_code(code: str) -> None:
    """Raise ValueError unless this can be the code of an event or an outcome."""
    if len(code) > MAX_CODE_CHARS or not _CODE.fullmatch(code):
        message = f"a code is at most {MAX_CODE_CHARS} of a-z, 0-9, point and hyphen"
        raise ValueError(message)


def check_writer(writer: str) -> None:
    """Raise ValueError unless this can be a writer's name."""
    if len(writer) > MAX_WRITER_CHARS or not _WRITER.fullmatch(writer):
        message = f"a writer's name is at most {MAX_WRITER_CHARS} letters, digits and . _ @ -"
        raise ValueError(message)


def microseconds(moment: datetime) -> int:
    """Give whole microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """Give the UTC time of microseconds since 1970."""
    return _EPOCH + value * _MICROSECOND


def _check_object(object_: str) -> None:
    if not 0 < len(object_) <= MAX_OBJECT_CHARS or not object_.isprintable():
        message = f"an object is 1 … {MAX_OBJECT_CHARS} printable characters"
        raise ValueError(message)


def _small_json(value: Mapping[str, object], limit: int, what: str) -> bytes:
    text = strict_json.dump(dict(value))
    if len(text) > limit or b"\\u0000" in text:  # PostgreSQL's text holds no NUL
        message = f"the {what} of an entry: at most {limit} bytes of JSON, without NUL"
        raise ValueError(message)
    return text

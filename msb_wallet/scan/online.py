"""Codes shown online: found by their hash, used up once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from msb_identity.foundation.clock import from_seconds, seconds
from msb_identity.foundation.store import remove_some
from msb_wallet.licences.store import licences, shown_codes

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.store import Store

KEEP_SECONDS = 3_600  # a used or old code still gets its proper answer for this long


@dataclass(frozen=True, slots=True)
class ShownCode:
    """A code that the platform showed, and the credential behind it."""

    code_hash: bytes
    credential: bytes
    audience: str | None
    shown_at: datetime


def record_shown(
    store: Store, code_hash: bytes, *, identifier: str, audience: str | None, now: datetime
) -> None:
    """Remember a code that is about to be shown; forgets those long past."""
    at = seconds(now)
    with store.write(locks=()) as connection:
        row = {"code_hash": code_hash, "identifier": identifier, "audience": audience}
        connection.execute(insert(shown_codes).values(**row, shown_at=at, used_at=None))
        remove_some(connection, shown_codes, shown_codes.c.shown_at < at - KEEP_SECONDS)


def find_shown(store: Store, code_hash: bytes) -> ShownCode | None:
    """Give the code with that hash, used or not."""
    query = (
        select(licences.c.credential, shown_codes.c.audience, shown_codes.c.shown_at)
        .join(licences, licences.c.identifier == shown_codes.c.identifier)
        .where(shown_codes.c.code_hash == code_hash)
    )
    with store.read() as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    return ShownCode(code_hash, row.credential, row.audience, from_seconds(row.shown_at))


def consume_shown(
    store: Store,
    code_hash: bytes,
    *,
    now: datetime,
    identifier: str = "",
    audit: Audit | None = None,
) -> bool:
    """Use a code up; of many callers at once exactly one gets True.

    audit: where the scan of that licence (`identifier`) is recorded, in the same commit.
    """
    with store.write(locks=()) as connection:
        result = connection.execute(
            update(shown_codes)
            .where(shown_codes.c.code_hash == code_hash, shown_codes.c.used_at.is_(None))
            .values(used_at=seconds(now))
        )
        first = result.rowcount == 1
        if audit is not None:
            audit.record(
                "licence.scanned",
                object_=identifier,
                outcome="ok" if first else "used",
                now=now,
                connection=connection,
            )
        return first

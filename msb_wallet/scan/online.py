"""Codes shown online: found by their hash, used up once."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from msb_identity.foundation.clock import from_seconds, seconds
from msb_identity.foundation.store import remove_some
from msb_wallet.codes.present import secret_binding, secret_hash
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
    identifier: str
    credential: bytes
    audience: str | None
    shown_at: datetime


class RecordChanged(Exception):
    """The store's record of a shown code is not what was recorded when it was shown."""


def record_shown(
    store: Store, secret: bytes, *, identifier: str, audience: str | None, now: datetime
) -> None:
    """Remember a code that is about to be shown; forgets those long past."""
    at = seconds(now)
    row = {
        "code_hash": secret_hash(secret),
        "binding": secret_binding(secret, identifier, audience, at),
        "identifier": identifier,
        "audience": audience,
        "shown_at": at,
    }
    with store.write(locks=()) as connection:
        connection.execute(insert(shown_codes).values(**row, used_at=None))
        remove_some(connection, shown_codes, shown_codes.c.shown_at < at - KEEP_SECONDS)


def find_shown(store: Store, secret: bytes) -> ShownCode | None:
    """Give the code with that secret, used or not; RecordChanged where its record was altered."""
    query = (
        select(
            shown_codes.c.identifier,
            shown_codes.c.audience,
            shown_codes.c.shown_at,
            shown_codes.c.binding,
            licences.c.credential,
        )
        .join(licences, licences.c.identifier == shown_codes.c.identifier)
        .where(shown_codes.c.code_hash == secret_hash(secret))
    )
    with store.read() as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    try:
        binding = secret_binding(secret, row.identifier, row.audience, row.shown_at)
        if not hmac.compare_digest(binding, row.binding):
            raise RecordChanged
        code_hash, shown_at = secret_hash(secret), from_seconds(row.shown_at)
        return ShownCode(code_hash, row.identifier, bytes(row.credential), row.audience, shown_at)
    except (TypeError, ValueError) as error:  # a column of another type than was written
        raise RecordChanged from error


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

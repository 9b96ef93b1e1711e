"""Sign-ins shown to their owner (登录记录): time, method, outcome, and from where.

Failed ones too, since they are what an owner must see. What says from where is sealed. The rows of
one account are bounded, successes and failures apart, so that whoever fails often cannot push out
what succeeded. A failure in a name that nobody has is written under NOBODY, so that it takes the
same work.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Column, Index, LargeBinary, String, Table, delete, insert, select

from msb_identity.foundation import strict_json
from msb_identity.foundation.protect import Place
from msb_identity.foundation.rotation import SealedTable
from msb_identity.foundation.schema import IDENTITY
from msb_identity.foundation.text import showable
from msb_identity.signin.limits import microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, RowMapping

    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store
    from msb_identity.signin.subjects import Origin

NOBODY = ""
"""Stands for the owner of sign-ins in names that nobody has."""
OK = "ok"
KEPT = {True: 100, False: 50}
"""How many of an account's successes and of its failures are kept."""
MAX_PAGE = 100
MAX_CHARS = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REMOVED_AT_ONCE = 10

metadata = IDENTITY.tables()
sign_ins = Table(
    "sign_ins",
    metadata,
    # Microseconds in hexadecimal, then randomness: ordered by time, and the row's name in its seal.
    Column("id", String(32), primary_key=True),
    Column("subject", String(26), nullable=False),
    Column("succeeded", Boolean, nullable=False),
    Column("method", String(40), nullable=False),
    Column("outcome", String(40), nullable=False),
    Column("origin", LargeBinary, nullable=False),
    Index("ix_sign_ins_subject", "subject", "succeeded", "id"),
)
SEALED = SealedTable(sign_ins, ("origin",))
"""What `foundation.rotation` needs to know of this table."""


@dataclass(frozen=True, slots=True, repr=False)
class SignIn:
    """One sign-in, or one attempt at it; `id` is where the next page begins.

    method: as RFC 8176 names it. outcome: "ok", or the code of the refusal.
    """

    id: str
    time: datetime
    method: str
    outcome: str
    address: str
    device: str
    place: str

    @property
    def succeeded(self) -> bool:
        """Whether it made a session."""
        return self.outcome == OK


class SignInHistory:
    """The sign-ins of one store."""

    def __init__(self, store: Store, protector: Protector) -> None:
        """Use the store that was opened with this module's `metadata`."""
        self._store, self._protector = store, protector

    def add(
        self,
        connection: Connection,
        subject: str,
        *,
        method: str,
        outcome: str,
        origin: Origin,
        now: datetime,
    ) -> None:
        """Write one sign-in of that account, or of NOBODY; old ones beyond the bound go."""
        name = f"{microseconds(now):016x}{secrets.token_hex(8)}"
        seen = {
            key: showable(getattr(origin, key)[:MAX_CHARS])
            for key in ("address", "device", "place")
        }
        sealed = self._protector.seal(strict_json.dump(seen), Place("sign_ins", "origin", name))
        row = {
            "id": name,
            "subject": subject,
            "succeeded": outcome == OK,
            "method": method,
            "outcome": outcome,
            "origin": sealed,
        }
        connection.execute(insert(sign_ins).values(row))
        _remove_old(connection, row)

    def page(
        self, subject: str, *, before: str | None = None, limit: int = MAX_PAGE
    ) -> list[SignIn]:
        """Give an account's sign-ins, newest first, from the one before `before`."""
        if not 1 <= limit <= MAX_PAGE:
            message = f"a page has 1 to {MAX_PAGE} sign-ins"
            raise ValueError(message)
        query = select(sign_ins).where(sign_ins.c.subject == subject)
        if before is not None:
            query = query.where(sign_ins.c.id < before)
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(sign_ins.c.id.desc()).limit(limit))
            return [self._open(row) for row in rows.mappings()]

    def _open(self, row: RowMapping) -> SignIn:
        origin = self._protector.open(row["origin"], Place("sign_ins", "origin", row["id"]))
        return SignIn(
            id=row["id"],
            time=_EPOCH + timedelta(microseconds=int(row["id"][:16], 16)),
            method=row["method"],
            outcome=row["outcome"],
            **strict_json.load_object(origin),
        )


def _remove_old(connection: Connection, row: Mapping[str, Any]) -> None:
    """Remove what lies beyond the bound: a few, and none that another transaction holds."""
    same = (sign_ins.c.subject == row["subject"]) & (sign_ins.c.succeeded == row["succeeded"])
    newest = select(sign_ins.c.id).where(same).order_by(sign_ins.c.id.desc())
    bound = newest.offset(KEPT[row["succeeded"]] - 1).limit(1).scalar_subquery()
    old = select(sign_ins.c.id).where(same & (sign_ins.c.id < bound)).limit(_REMOVED_AT_ONCE)
    locked = old.with_for_update(skip_locked=True)
    connection.execute(delete(sign_ins).where(sign_ins.c.id.in_(locked)))

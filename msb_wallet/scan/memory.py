"""What a checker remembers between scans: nonces seen, and the newest trust list.

One small SQLite file beside the trust list. Processes that share it refuse each other's replays;
devices that share nothing cannot, which reports say as `replay: local`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    String,
    Table,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from msb_identity.foundation.clock import seconds
from msb_identity.foundation.schema import Schema
from msb_identity.foundation.store import remove_some

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.foundation.store import Store
    from msb_wallet.scan.regions import TrustList

STATE_FILE = "verifier-state.sqlite"
KEEP_SECONDS = 600  # far longer than any shown code can live, clocks included
CHECKER = Schema("checker", "msb_wallet.migrations.checker", newest="checker_1")
metadata = CHECKER.tables()
seen_nonces = Table(
    "seen_nonces",
    metadata,
    Column("nonce", LargeBinary(64), primary_key=True),
    Column("seen_at", BigInteger, nullable=False),
    Index("seen_nonces_by_age", "seen_at"),
)
newest_lists = Table(
    "newest_lists",
    metadata,
    Column("signer", String(64), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
)


class Memory:
    """The state of one checker, or of several that share a store."""

    def __init__(self, store: Store) -> None:
        """Keep state in `store`, opened with this module's metadata."""
        self._store = store

    def first_sight(self, nonce: bytes, *, now: datetime) -> bool:
        """Whether this nonce was never seen before; remembers it, atomically."""
        at = seconds(now)
        with self._store.write(locks=()) as connection:
            try:
                with connection.begin_nested():
                    connection.execute(insert(seen_nonces).values(nonce=nonce, seen_at=at))
            except IntegrityError:
                return False
            remove_some(connection, seen_nonces, seen_nonces.c.seen_at < at - KEEP_SECONDS)
            return True

    def accept_list(self, trust: TrustList, *, signer: str) -> str | None:
        """Remember the newest list of a signer; give a code where this one must be refused."""
        with self._store.write(locks=(f"newest list of {signer}",)) as connection:
            query = select(newest_lists).where(newest_lists.c.signer == signer)
            known = connection.execute(query).first()
            if known is None:
                row = {"signer": signer, "version": trust.version, "digest": trust.digest}
                connection.execute(insert(newest_lists).values(**row))
                return None
            if trust.version < known.version:
                return "rolled-back"
            if trust.version == known.version:
                return None if trust.digest == known.digest else "two-of-one-version"
            connection.execute(
                update(newest_lists)
                .where(newest_lists.c.signer == signer)
                .values(version=trust.version, digest=trust.digest)
            )
            return None

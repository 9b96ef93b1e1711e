"""The world of the audit tests: a log with two chains, a key for checkpoints, someone who edits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

from msb_identity.foundation import audit, protect
from msb_identity.foundation.audit import Audit, AuditReader, check_audit, make_checkpoint
from msb_identity.foundation.audit.entry import HASHED_COLUMNS, entry_hash
from msb_identity.foundation.audit.tables import entries
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store
from msb_identity.pki.keys import KeyKind, SigningKey, generate_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import MetaData

    from msb_identity.foundation.report import Report
    from tests.databases import PreparedFiles

NOW = datetime(2026, 1, 31, 4, 0, tzinfo=UTC)
NUMBER, NAME, ADDRESS = "11010519491231002X", "张三丰", "203.0.113.77"
TABLES = (protect.metadata, audit.metadata)


@dataclass
class Log:
    folder: Path
    url: str
    store: Store
    protector: Protector
    key: SigningKey = field(default_factory=lambda: generate_key(KeyKind.P256))
    audits: dict[str, Audit] = field(default_factory=dict)

    def writer(self, name: str = "web-1") -> Audit:
        if name not in self.audits:
            self.audits[name] = Audit(self.store, self.protector, writer=name)
        return self.audits[name]

    @property
    def reader(self) -> AuditReader:
        return AuditReader(self.store, self.protector)

    def fill(self, count: int, writer: str = "web-1") -> None:
        """Append entries in which every column holds something."""
        for i in range(count):
            self.writer(writer).record(
                "licence.shown",
                actor="clerk-1",
                subject=NUMBER,
                object_=f"TYPE.ISSUER.{i}",
                details={"window": "3", "count": i},
                personal={"name": NAME, "address": ADDRESS},
                now=NOW + timedelta(seconds=i),
            )

    def checkpoint(self, previous: bytes | None = None, *, seconds: int = 0) -> bytes:
        moment = NOW + timedelta(hours=1, seconds=seconds)
        return make_checkpoint(self.store, self.key, previous=previous, now=moment)

    def check(self, *checkpoints: bytes) -> Report:
        return check_audit(self.store, checkpoints=checkpoints, key=self.key.public)

    def run(self, statement: str, **values: Any) -> int:  # noqa: ANN401 - of any column
        """Edit the tables by hand."""
        with self.store.write() as connection:
            return connection.execute(text(statement), values).rowcount

    def rows(self, writer: str = "web-1") -> list[dict[str, Any]]:
        query = select(entries).where(entries.c.writer == writer).order_by(entries.c.sequence)
        with self.store.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def put(self, rows: list[dict[str, Any]], writer: str = "web-1") -> None:
        """Replace a chain's rows, and leave its head alone."""
        with self.store.write() as connection:
            connection.execute(entries.delete().where(entries.c.writer == writer))
            for row in rows:
                connection.execute(entries.insert().values(**row))

    def set_head(self, row: dict[str, Any]) -> None:
        self.run(
            "UPDATE audit_heads SET sequence = :sequence, hash = :hash WHERE writer = :writer",
            **{name: row[name] for name in ("writer", "sequence", "hash")},
        )

    def bytes_on_disk(self) -> bytes:
        """All that the database's files, or a dump of the tables, would show."""
        if self.url.startswith("sqlite"):
            return b"".join(path.read_bytes() for path in self.folder.glob("store.sqlite*"))
        with self.store.read() as connection:
            values = [
                value
                for made in TABLES
                for table in made.tables.values()
                for row in connection.execute(table.select())
                for value in row
            ]
        return b"\n".join(v if isinstance(v, bytes) else str(v).encode() for v in values)


def rehash(rows: list[dict[str, Any]], start: int = 0) -> None:
    """Chain rows anew from an index on, as whoever knows the format can."""
    for i in range(start, len(rows)):
        if i:
            rows[i]["previous"] = rows[i - 1]["hash"]
        rows[i]["sequence"] = i + 1
        rehash_alone(rows[i])


def rehash_alone(row: dict[str, Any]) -> None:
    row["hash"] = entry_hash([row[name] for name in HASHED_COLUMNS])


def failures(report: Report) -> list[tuple[str, str, str]]:
    return [(s.id, s.code, s.detail) for s in report.steps if s.outcome == "failed"]


@pytest.fixture(scope="session")
def store_tables() -> Sequence[MetaData]:
    return TABLES


@pytest.fixture
def log(tmp_path: Path, prepared_url: str) -> Iterator[Log]:
    store = Store.open(prepared_url, *TABLES)
    yield Log(tmp_path, prepared_url, store, Protector.from_folder(store, tmp_path / "keys"))
    store.close()


@pytest.fixture
def sqlite_log(tmp_path: Path, prepared_files: PreparedFiles) -> Iterator[Log]:
    """A log on SQLite, for what does not depend on the database, or only on this one."""
    url = prepared_files.new(tmp_path / "store.sqlite", *TABLES)
    store = Store.open(url, *TABLES)
    yield Log(tmp_path, url, store, Protector.from_folder(store, tmp_path / "keys"))
    store.close()

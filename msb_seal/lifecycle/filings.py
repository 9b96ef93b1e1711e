"""Filing (备案): what must be told to the filing platform after a seal was made or changed.

Every change writes its filing in its own transaction (article 17), so that none is lost and none is
filed that did not happen. Whoever talks to the platform takes what is due, sends it, and notes the
receipt; sending the same twice must be harmless there, since a crash may lie in between.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, literal, select, tuple_, update

from msb_identity.errors import EncodingRefused, ProtectionError
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import from_seconds, seconds
from msb_seal.lifecycle.persons import check_person
from msb_seal.lifecycle.records import SEALED, check_page, is_text, moment
from msb_seal.lifecycle.sentences import refused
from msb_seal.lifecycle.tables import MAX_REFERENCE_CHARS, filings, seals

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Select

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store
    from msb_seal.lifecycle.codes import Codes
    from msb_seal.lifecycle.records import SealRecord
    from msb_seal.lifecycle.units import Unit

FORMAT = "MSB-seal-filing-1"
_MAX_EPOCH = 2**63 - 1
_FILINGS = select(filings, seals.c.sealed_name).join(seals, seals.c.record == filings.c.record)


@dataclass(frozen=True, slots=True)
class Filing:
    """One thing to file, named by the seal's record and the epoch of the change."""

    record: str
    epoch: int
    content: str = field(repr=False)
    made_at: datetime
    receipt: str | None


class Filings:
    """What is to be filed, and what was."""

    def __init__(self, store: Store, protector: Protector, audit: Audit) -> None:
        """Read and note in this store."""
        self._store, self._protector, self._audit = store, protector, audit

    def due(self, *, after: tuple[str, int] = ("", -1), limit: int = 100) -> list[Filing]:
        """Give a page of what is not filed yet, by record and epoch, from the one after `after`."""
        check_page(limit)
        here, place = tuple_(filings.c.record, filings.c.epoch), tuple_(*map(literal, after))
        query = _FILINGS.where(filings.c.filed_at.is_(None), here > place)
        return self._read(query.order_by(filings.c.record, filings.c.epoch).limit(limit))

    def of(self, record: str) -> list[Filing]:
        """Give all filings of one seal, oldest first."""
        query = _FILINGS.where(filings.c.record == record).order_by(filings.c.epoch)
        return self._read(query)

    def note(
        self, record: str, epoch: int, receipt: str, *, by: str, now: datetime | None = None
    ) -> None:
        """Note that it was filed; the same receipt again changes nothing."""
        check_person(by)
        if not is_text(receipt, MAX_REFERENCE_CHARS):
            raise refused("content", "receipt")
        if not 0 <= epoch <= _MAX_EPOCH:
            raise refused("no-filing")
        here = (filings.c.record == record) & (filings.c.epoch == epoch)
        with self._store.write(locks=()) as connection:
            row = connection.execute(select(filings).where(here).with_for_update()).first()
            if row is None:
                raise refused("no-filing")
            if row.filed_at is not None:
                if row.receipt != receipt:
                    raise refused("filed-otherwise")
                return
            values = {"filed_at": moment(now), "receipt": receipt}
            connection.execute(update(filings).where(here).values(**values))
            self._audit.record(
                "seal.filed",
                actor=by,
                object_=record,
                details={"epoch": epoch, "receipt": receipt},
                now=now,
                connection=connection,
            )

    def _read(self, query: Select[Any]) -> list[Filing]:
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        return [self._filing(row) for row in rows]

    def _filing(self, row: Any) -> Filing:  # noqa: ANN401 - a row
        """Take a row; a personal seal's name, which stands sealed beside it, goes in here."""
        try:
            return self._opened(row)
        except (TypeError, ValueError, EncodingRefused, ProtectionError) as error:
            raise refused("damaged", row.record) from error

    def _opened(self, row: Any) -> Filing:  # noqa: ANN401 - a row
        content = row.content
        whole = strict_json.load_object(content.encode())
        if row.sealed_name is not None:
            name = self._protector.open_text(
                row.sealed_name, SEALED.place("sealed_name", row.record)
            )
            whole = {**whole, "name": name}
            content = strict_json.dump(whole).decode()
        return Filing(row.record, row.epoch, content, from_seconds(row.made_at), row.receipt)


def write_filing(connection: Connection, record: SealRecord, unit: Unit, codes: Codes) -> None:
    """Write what is to be filed of a seal's new state, in the transaction of the change."""
    content = {
        "format": FORMAT,
        "seal_code": record.seal_code,
        "fingerprint": record.fingerprint,
        "name": record.name,
        "type": record.type,
        "unit": {"code": unit.code, "name": unit.name, "region": unit.region},
        "state": {"code": codes.state(record.state).code, "name": codes.state(record.state).zh},
        "reason": codes.reasons[record.reason].code if record.reason else "",
        "at": record.since.isoformat(),
        "valid_from": record.valid_from.isoformat(),
        "valid_until": record.valid_until.isoformat(),
    }
    row = {"record": record.record, "epoch": record.epoch}
    row |= {"content": strict_json.dump(content).decode(), "made_at": seconds(record.since)}
    connection.execute(insert(filings).values(**row))

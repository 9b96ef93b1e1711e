"""Accounts of natural persons: sealed fields, found by blind index.

Name, identity number and mobile number are sealed, each in its own place; the database shows none
of them. A person is found by the HMAC of the number. One identity number has one account, and one
mobile number signs in one account: the database holds to that, between processes too.

The real-name level (实名等级) is kept with how and when it was reached. It is a place on the scale
of a province, from 1 (self-declared) to 4; which checks earn which level is the province's rule.
How strongly a person signed in this time is another axis, and stands on the session.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    String,
    Table,
    insert,
    or_,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError

from msb_identity.errors import AccountRefused
from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.foundation.protect import Place, mask_name, mask_number, mask_phone
from msb_identity.foundation.rotation import SealedTable
from msb_identity.foundation.schema import IDENTITY
from msb_identity.foundation.text import is_showable
from msb_identity.people.identifiers import check_identity_number, check_mobile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, RowMapping

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import Indexes, Protector
    from msb_identity.foundation.store import Store

IDENTITY_NUMBER_DOMAIN = "identity-number"
"""The blind-index domain of identity numbers, of accounts and of licence holders alike."""
MOBILE_DOMAIN = "mobile-number"
LEVELS = range(1, 5)
MAX_NAME_CHARS = 100
MAX_METHOD_CHARS = 40
_ID_BYTES = 16

metadata = IDENTITY.tables()
people = Table(
    "people",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("identity_number_index", LargeBinary(32), nullable=False, unique=True),
    Column("mobile_index", LargeBinary(32), nullable=False, unique=True),
    Column("name", LargeBinary, nullable=False),
    Column("identity_number", LargeBinary, nullable=False),
    Column("mobile", LargeBinary, nullable=False),
    Column("level", Integer, nullable=False),
    Column("level_method", String(MAX_METHOD_CHARS), nullable=False),
    Column("level_time", BigInteger, nullable=False),
    Column("index_version", Integer, nullable=False, server_default=text("1")),
)
_SEALED = ("name", "identity_number", "mobile")
_INDEXED = {
    "identity_number": ("identity_number_index", IDENTITY_NUMBER_DOMAIN),
    "mobile": ("mobile_index", MOBILE_DOMAIN),
}
# One message for both numbers, so that it does not tell which of them is known.
_KNOWN = "an account with this identity number or this mobile number exists already"


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """A natural person's account, opened; its repr is masked."""

    id: str
    name: str
    identity_number: str
    mobile: str
    level: int
    level_method: str
    level_time: datetime

    def __repr__(self) -> str:
        """Show the id, the level, and the rest masked."""
        return (
            f"<Person {self.id} {mask_name(self.name)} {mask_number(self.identity_number)}"
            f" {mask_phone(self.mobile)} level {self.level}>"
        )


class Accounts:
    """The accounts of one store."""

    def __init__(self, store: Store, protector: Protector, *, audit: Audit | None = None) -> None:
        """Use the store that was opened with this module's `metadata`; audit: where to record."""
        self._store = store
        self._protector = protector
        self._audit = audit

    def register(
        self,
        *,
        name: str,
        identity_number: str,
        mobile: str,
        level: int,
        method: str,
        now: datetime | None = None,
    ) -> Person:
        """Make the account of a person whose identity was proofed to `level` by `method`.

        method: a short word for how, as "counter" or "face"; never personal data.
        Raises IdentifierRefused for numbers that cannot be right, and AccountRefused for a name
        that cannot be one and where the identity number or the mobile number has an account.
        """
        if level not in LEVELS or not 0 < len(method) <= MAX_METHOD_CHARS:
            message = f"level is 1 … 4, method a text of at most {MAX_METHOD_CHARS} characters"
            raise ValueError(message)
        moment = aware(now)
        values = {
            "name": _check_name(name),
            "identity_number": check_identity_number(identity_number, now=moment),
            "mobile": check_mobile(mobile),
        }
        person_id = b32encode(secrets.token_bytes(_ID_BYTES)).decode().rstrip("=").lower()
        proofing = {"level": level, "level_method": method, "level_time": seconds(moment)}
        self._insert(person_id, values, proofing)
        return Person(
            id=person_id,
            **values,
            level=level,
            level_method=method,
            level_time=from_seconds(seconds(moment)),
        )

    def by_identity_number(self, identity_number: str) -> Person | None:
        """Find a person by the identity number."""
        number = check_identity_number(identity_number)
        return self._find(people.c.identity_number_index, IDENTITY_NUMBER_DOMAIN, number)

    def by_mobile(self, mobile: str) -> Person | None:
        """Find the person whom this mobile number signs in."""
        return self._find(people.c.mobile_index, MOBILE_DOMAIN, check_mobile(mobile))

    def get(self, person_id: str) -> Person | None:
        """Find a person by the account's id."""
        with self._store.read() as connection:
            return self._one(connection, people.c.id == person_id)

    def holder_indexes(self, connection: Connection, identity_number: str) -> list[bytes]:
        """Give the blind indexes of an identity number: a person's licences are found by them."""
        number = check_identity_number(identity_number)
        return self._protector.indexes(connection).all(IDENTITY_NUMBER_DOMAIN, number)

    def mobile_index(self, mobile: str) -> bytes:
        """Give what stands for a mobile number where attempts are counted and codes are kept."""
        return self._protector.index(MOBILE_DOMAIN, check_mobile(mobile))

    def _insert(self, person_id: str, values: dict[str, str], proofing: dict[str, Any]) -> None:
        sealed = {
            column: self._protector.seal(value, Place("people", column, person_id))
            for column, value in values.items()
        }
        row: dict[str, Any] = {"id": person_id, **sealed, **proofing}
        try:
            with self._store.write(locks=self._locks(values)) as connection:
                indexes = self._protector.indexes(connection)
                if indexes.several and _is_known(connection, indexes, values):
                    raise AccountRefused(_KNOWN)
                row |= _make_indexes({k: v.encode() for k, v in values.items()}, indexes)
                connection.execute(insert(people).values(index_version=indexes.version, **row))
                if self._audit is not None:
                    self._audit.record(
                        "person.registered",
                        subject=person_id,
                        details={"level": row["level"], "method": row["level_method"]},
                        connection=connection,
                    )
        except IntegrityError:
            raise AccountRefused(_KNOWN) from None

    def _locks(self, values: Mapping[str, str]) -> list[str]:
        """Name both numbers; constraints differ with the version of the indexes, locks do not."""
        numbers = [(domain, values[column]) for column, (_, domain) in _INDEXED.items()]
        return [f"person {self._protector.index(*number).hex()}" for number in numbers]

    def _find(self, column: Column[bytes], domain: str, value: str) -> Person | None:
        with self._store.read() as connection:
            indexes = self._protector.indexes(connection).all(domain, value)
            return self._one(connection, column.in_(indexes))

    def _one(self, connection: Connection, condition: ColumnElement[bool]) -> Person | None:
        row = connection.execute(select(people).where(condition)).mappings().one_or_none()
        return None if row is None else self._open(row)

    def _open(self, row: RowMapping) -> Person:
        opened = {
            column: self._protector.open_text(row[column], Place("people", column, row["id"]))
            for column in _SEALED
        }
        return Person(
            id=row["id"],
            **opened,
            level=row["level"],
            level_method=row["level_method"],
            level_time=from_seconds(row["level_time"]),
        )


def _is_known(connection: Connection, indexes: Indexes, values: Mapping[str, str]) -> bool:
    conditions = [
        people.c[index_column].in_(indexes.all(domain, values[column]))
        for column, (index_column, domain) in _INDEXED.items()
    ]
    query = select(people.c.id).where(or_(*conditions)).limit(1)
    return connection.execute(query).first() is not None


def _make_indexes(values: Mapping[str, bytes], indexes: Indexes) -> dict[str, bytes]:
    return {
        index_column: indexes.new(domain, values[column].decode())
        for column, (index_column, domain) in _INDEXED.items()
    }


SEALED = SealedTable(people, _SEALED, index=_make_indexes)
"""What `foundation.rotation` needs to know of this table."""


def _check_name(name: str) -> str:
    """Give the name without spaces around it; any script and the middle dot (·) pass."""
    stripped = name.strip()
    if not 0 < len(stripped) <= MAX_NAME_CHARS or not is_showable(stripped):
        message = f"a name is 1 … {MAX_NAME_CHARS} printable characters"
        raise AccountRefused(message)
    return stripped

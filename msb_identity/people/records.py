"""People as the store keeps them: rows read, opened, and put together.

A sealed identifier stands in the place that its person and its kind name, as it did when both were
columns of `people`: so a store of that time migrates without keys, and a value that is moved to
another person does not open.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from msb_identity.foundation.clock import from_seconds, seconds
from msb_identity.foundation.protect import Place, mask_name
from msb_identity.foundation.rotation import SealedTable
from msb_identity.foundation.text import is_showable
from msb_identity.people.identifiers import Identifier, IdentifierKind
from msb_identity.people.levels import Evidence
from msb_identity.people.sentences import account_refused
from msb_identity.people.tables import evidence as evidence_table
from msb_identity.people.tables import identifiers, people

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, RowMapping

    from msb_identity.foundation.protect import Indexes, Protector
    from msb_identity.people.levels import Scale

MAX_NAME_CHARS = 100
MAX_PAGE = 1_000
_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class HeldIdentifier:
    """An identifier of an account: only declared, or proven by a method at a time."""

    identifier: Identifier
    verified_method: str | None
    verified_at: datetime | None

    @property
    def is_verified(self) -> bool:
        """Whether something proved that it is this person's."""
        return self.verified_method is not None


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """A natural person's account, opened as it was at one moment; its repr is masked.

    name: empty where nobody has told it (an account by 网络身份应用标识 needs none).
    level: the highest real-name level whose evidence held then; method, time and end are that
    evidence's, empty or none where there is none.
    """

    id: str
    name: str
    identifiers: tuple[HeldIdentifier, ...]
    level: int
    level_method: str
    level_time: datetime | None
    level_expires: datetime | None

    @property
    def identity_number(self) -> str | None:
        """The number of 18 digits, of an identity card or a 居住证, proven or not."""
        return self._value(IdentifierKind.IDENTITY_NUMBER, verified=False)

    @property
    def verified_identity_number(self) -> str | None:
        """The same where it was proven: what else belongs to that number is this person's."""
        return self._value(IdentifierKind.IDENTITY_NUMBER, verified=True)

    @property
    def mobile(self) -> str | None:
        """The mobile number linked first."""
        return self._value(IdentifierKind.MOBILE, verified=False)

    def held(self, identifier: Identifier) -> HeldIdentifier | None:
        """Give what the account holds of this identifier."""
        return next((held for held in self.identifiers if held.identifier == identifier), None)

    def _value(self, kind: IdentifierKind, *, verified: bool) -> str | None:
        for held in self.identifiers:
            if held.identifier.kept_as == kind and (held.is_verified or not verified):
                return held.identifier.value
        return None

    def __repr__(self) -> str:
        """Show the id, the level, and the rest masked."""
        held = " ".join(one.identifier.masked for one in self.identifiers)
        return f"<Person {self.id} {mask_name(self.name)} {held} level {self.level}>"


def new_id() -> str:
    """Give a random id of 128 bits: 26 letters and digits that say nothing."""
    return b32encode(secrets.token_bytes(_ID_BYTES)).decode().rstrip("=").lower()


def check_name(name: str) -> str:
    """Give the name without spaces around it; any script and the middle dot (·) pass."""
    stripped = name.strip()
    if not 0 < len(stripped) <= MAX_NAME_CHARS or not is_showable(stripped):
        raise account_refused("name")
    return stripped


def distinct(
    given: Sequence[Identifier], number: str | None, mobile: str | None, *, now: datetime
) -> list[Identifier]:
    """Put all identifiers together, what proves a person most before what does less."""
    found = []
    if number is not None:
        found.append(Identifier.of(IdentifierKind.IDENTITY_NUMBER, number, now=now))
    found += given
    if mobile is not None:
        found.append(Identifier.of(IdentifierKind.MOBILE, mobile))
    if not found:
        raise account_refused("no-identifier")
    return [*dict.fromkeys(found)]


def check_page(limit: int) -> None:
    """Raise ValueError for a page that is no page."""
    if not 1 <= limit <= MAX_PAGE:
        message = f"a page has 1 … {MAX_PAGE} rows"
        raise ValueError(message)


def name_place(person_id: str) -> Place:
    """Where a person's name is sealed."""
    return Place("people", "name", person_id)


def identifier_place(row: RowMapping | Mapping[str, Any]) -> Place:
    """Where an identifier is sealed."""
    return Place("people", row["kind"], row["person_id"])


def root_of(connection: Connection, person_id: str) -> str | None:
    """Give the id of the account that this one is, or was merged into; None for no account.

    Merges wait for all other writers, so in a write transaction the answer holds to its end.
    """
    query = select(people.c.id, people.c.merged_into).where(people.c.id == person_id)
    row = connection.execute(query).first()
    return None if row is None else row.merged_into or row.id


def kept_id(connection: Connection, person_id: str | None) -> str | None:
    """Give the id to write where a person is named: a merge may have come meanwhile."""
    return None if person_id is None else root_of(connection, person_id)


def find_holder(
    connection: Connection, indexes: Indexes, identifier: Identifier
) -> RowMapping | None:
    """Find the row of an identifier, whichever version of the index key it stands under."""
    found = indexes.all(identifier.domain, identifier.value)
    query = select(identifiers).where(identifiers.c.value_index.in_(found))
    return connection.execute(query).mappings().first()


def insert_identifier(
    connection: Connection,
    protector: Protector,
    identifier: Identifier,
    *,
    person_id: str,
    method: str | None,
    now: datetime,
) -> str:
    """Write an identifier's row and give its id; IntegrityError where the index stands already."""
    indexes = protector.indexes(connection)
    row: dict[str, Any] = {"id": new_id(), "person_id": person_id, "kind": identifier.kept_as}
    connection.execute(
        insert(identifiers).values(
            **row,
            **_proven(method, now),
            linked_at=seconds(now),
            value=protector.seal(identifier.value, identifier_place(row)),
            value_index=indexes.new(identifier.domain, identifier.value),
            index_version=indexes.version,
        )
    )
    return str(row["id"])


def mark_verified(connection: Connection, row_id: str, method: str, now: datetime) -> None:
    """Note how an identifier was proven."""
    this = identifiers.c.id == row_id
    connection.execute(update(identifiers).where(this).values(_proven(method, now)))


def remove_identifier(connection: Connection, row_id: str) -> None:
    """Remove an identifier, and the evidence that was about it."""
    connection.execute(delete(evidence_table).where(evidence_table.c.identifier == row_id))
    connection.execute(delete(identifiers).where(identifiers.c.id == row_id))


def insert_evidence(
    connection: Connection, given: Evidence, *, person_id: str, identifier: str | None
) -> None:
    """Keep evidence in place of older evidence by the same method about the same identifier."""
    old = evidence_table.c
    connection.execute(
        delete(evidence_table).where(
            old.person_id == person_id,
            old.method == given.method,
            old.identifier.is_(None) if identifier is None else old.identifier == identifier,
        )
    )
    connection.execute(
        insert(evidence_table).values(
            id=new_id(),
            person_id=person_id,
            level=given.level,
            method=given.method,
            source=given.source,
            time=seconds(given.time),
            expires_at=None if given.expires is None else seconds(given.expires),
            identifier=identifier,
        )
    )


def open_people(
    connection: Connection,
    protector: Protector,
    rows: Sequence[RowMapping],
    *,
    scale: Scale,
    now: datetime,
) -> list[Person]:
    """Put people together from rows of `people`, with two queries however many there are."""
    if not rows:
        return []
    ids = [row["id"] for row in rows]
    held: dict[str, list[HeldIdentifier]] = defaultdict(list)
    query = select(identifiers).where(identifiers.c.person_id.in_(ids))
    in_order = query.order_by(identifiers.c.linked_at, identifiers.c.id)
    for row in connection.execute(in_order).mappings():
        held[row["person_id"]].append(_open_identifier(protector, row))
    best = {person_id: list[Evidence]() for person_id in ids}
    for person_id, given in read_evidence(connection, ids):
        if given.holds(now):
            best[person_id].append(given)
    return [_person(protector, row, held[row["id"]], best[row["id"]], scale) for row in rows]


def read_evidence(connection: Connection, person_ids: Sequence[str]) -> list[tuple[str, Evidence]]:
    """Give the evidence of these people, oldest to newest, each with its person's id."""
    query = select(evidence_table).where(evidence_table.c.person_id.in_(person_ids))
    columns = evidence_table.c
    return [
        (
            row.person_id,
            Evidence(
                level=row.level,
                method=row.method,
                source=row.source,
                time=from_seconds(row.time),
                expires=None if row.expires_at is None else from_seconds(row.expires_at),
            ),
        )
        for row in connection.execute(query.order_by(columns.time, columns.level, columns.id))
    ]


def _proven(method: str | None, now: datetime) -> dict[str, Any]:
    return {
        "verified_method": method,
        "verified_at": None if method is None else seconds(now),
    }


def _open_identifier(protector: Protector, row: RowMapping) -> HeldIdentifier:
    text = protector.open_text(row["value"], identifier_place(row))
    at = row["verified_at"]
    return HeldIdentifier(
        Identifier.kept(row["kind"], text),
        row["verified_method"],
        None if at is None else from_seconds(at),
    )


def _person(
    protector: Protector,
    row: RowMapping,
    held: list[HeldIdentifier],
    given: list[Evidence],
    scale: Scale,
) -> Person:
    best = max(given, key=lambda one: (one.level, one.time), default=None)
    return Person(
        id=row["id"],
        name=protector.open_text(row["name"], name_place(row["id"])),
        identifiers=tuple(held),
        level=scale.lowest if best is None else scale.level(best.level).number,
        level_method="" if best is None else best.method,
        level_time=None if best is None else best.time,
        level_expires=None if best is None else best.expires,
    )


def _index_identifier(values: Mapping[str, Any], indexes: Indexes) -> dict[str, bytes]:
    identifier = Identifier.kept(values["kind"], values["value"].decode())
    return {"value_index": indexes.new(identifier.domain, identifier.value)}


SEALED_NAMES = SealedTable(people, ("name",))
SEALED_IDENTIFIERS = SealedTable(
    identifiers, ("value",), index=_index_identifier, place_of=identifier_place
)

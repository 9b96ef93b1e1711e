"""Two accounts of one person become one, in the caller's transaction.

Whatever names the dropped account names the kept one afterwards; the dropped one's row stays and
points at it, for what other rooms and other stores keep. Rows that pointed at the dropped one are
turned too, so that a pointer is never followed twice and no ring can come to be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, or_, select, update

from msb_identity.people.identifiers import IdentifierKind
from msb_identity.people.levels import SELF
from msb_identity.people.records import (
    identifier_place,
    name_place,
    read_evidence,
    remove_identifier,
)
from msb_identity.people.sentences import account_refused
from msb_identity.people.tables import NAMES_A_PERSON, evidence, identifiers, people

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from msb_identity.foundation.protect import Protector
    from msb_identity.people.records import Person


def merge_rows(connection: Connection, protector: Protector, kept: Person, dropped: Person) -> None:
    """Turn everything of the dropped account over to the kept one; AccountRefused if it may not."""
    if kept.id == dropped.id:
        raise account_refused("same-account")
    _settle_numbers(connection, kept, dropped)
    _check_names(connection, kept, dropped)
    if not kept.name and dropped.name:
        name = protector.seal(dropped.name, name_place(kept.id))
        connection.execute(update(people).where(people.c.id == kept.id).values(name=name))
    _reseal_identifiers(connection, protector, kept.id, dropped.id)
    for column in NAMES_A_PERSON:
        statement = update(column.table).where(column == dropped.id)
        connection.execute(statement.values({column.name: kept.id}))
    turned = or_(people.c.id == dropped.id, people.c.merged_into == dropped.id)
    connection.execute(update(people).where(turned).values(merged_into=kept.id))


def _check_names(connection: Connection, kept: Person, dropped: Person) -> None:
    """Let no account come by what was proven under another name; own words alone give way."""
    if not kept.name or dropped.name in ("", kept.name):
        return
    proven = [
        held
        for held in dropped.identifiers
        if held.is_verified and held.identifier.kind is not IdentifierKind.MOBILE
    ]
    if proven or any(given.method != SELF for _, given in read_evidence(connection, [dropped.id])):
        raise account_refused("other-name")
    connection.execute(delete(evidence).where(evidence.c.person_id == dropped.id))


def _settle_numbers(connection: Connection, kept: Person, dropped: Person) -> None:
    """Of two identity numbers the proven one stays; two proven ones are two people's."""
    if not kept.identity_number or not dropped.identity_number:
        return
    if kept.verified_identity_number and dropped.verified_identity_number:
        raise account_refused("two-people")
    loser = dropped if kept.verified_identity_number else kept
    if not kept.verified_identity_number and not dropped.verified_identity_number:
        loser = dropped
    query = select(identifiers.c.id).where(
        identifiers.c.person_id == loser.id, identifiers.c.kind == "identity_number"
    )
    for row_id in connection.scalars(query).all():
        remove_identifier(connection, row_id)


def _reseal_identifiers(
    connection: Connection, protector: Protector, kept: str, dropped: str
) -> None:
    """Seal values for their new person; `update` of the column alone would leave them shut."""
    query = select(identifiers).where(identifiers.c.person_id == dropped)
    for row in connection.execute(query).mappings().all():
        value = protector.open(row["value"], identifier_place(row))
        sealed = protector.seal(value, identifier_place({**row, "person_id": kept}))
        this = identifiers.c.id == row["id"]
        connection.execute(update(identifiers).where(this).values(value=sealed))

"""Whom an authenticator signs in: accounts of persons, staff and firms behind one interface.

What is typed at sign-in (登录名) is a name; a directory says which account it is of, and what
stands for it where attempts are counted, whether or not there is an account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from msb_identity.envelopes import cbor
from msb_identity.errors import IdentifierRefused
from msb_identity.people import Accounts, Identifier, IdentifierKind
from msb_identity.people.records import find_holder
from msb_identity.sso.sessions import SubjectKind

if TYPE_CHECKING:
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store

NAME_DOMAIN = "sign-in-name"
"""The domain of the HMACs that stand for names where attempts are counted."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Who signs in: the account's id, what kind of account it is, and its real-name level now."""

    id: str
    kind: SubjectKind
    level: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an attempt comes from, as the server sees it; device and place are for display.

    place: a city or less, from the application's own look-up; never an address.
    """

    address: str
    device: str = ""
    place: str = ""


class Directory(Protocol):
    """The accounts of one kind."""

    kind: SubjectKind

    def mark(self, name: str) -> bytes:
        """Give what stands for a name where attempts are counted, known or not.

        IdentifierRefused for what can be nobody's name.
        """

    def find(self, name: str) -> str | None:
        """Give the id of the account of that name, by the same work whether there is one or not.

        IdentifierRefused as for `mark`.
        """

    def get(self, subject_id: str) -> Subject | None:
        """Give an account that may sign in, by its id."""

    def personal_texts(self, subject_id: str) -> tuple[str, ...]:
        """Give the numbers and names of an account that its password must not be made of."""


class PeopleDirectory:
    """Natural persons, by mobile number or identity number, the old one of 15 digits too."""

    kind = SubjectKind.PERSON

    def __init__(self, store: Store, protector: Protector, accounts: Accounts) -> None:
        """Use the accounts of a store and the protector's key of NAME_DOMAIN."""
        self._store, self._protector, self._accounts = store, protector, accounts

    def mark(self, name: str) -> bytes:
        """Give the HMAC of the number in its one form.

        A person's two numbers count apart: attempts on one never tell that the other is the same
        person's.
        """
        found = _identifier(name)
        return self._protector.index(NAME_DOMAIN, cbor.encode([found.kept_as, found.value]))

    def find(self, name: str) -> str | None:
        """Find a person by either number; what it opens of a known one, it opens later."""
        identifier = _identifier(name)
        with self._store.read() as connection:
            row = find_holder(connection, self._protector.indexes(connection), identifier)
        return None if row is None else str(row["person_id"])

    def get(self, subject_id: str) -> Subject | None:
        """Find a person by the account's id, or the id of one that was merged into it."""
        found = self._accounts.get(subject_id)
        return None if found is None else Subject(found.id, self.kind, found.level)

    def personal_texts(self, subject_id: str) -> tuple[str, ...]:
        """Give the name and all numbers."""
        found = self._accounts.get(subject_id)
        if found is None:
            return ()
        return (found.name, *(held.identifier.value for held in found.identifiers))


def directory_of(store: Store, protector: Protector, accounts: Accounts | Directory) -> Directory:
    """Give the directory of persons' accounts, or what is one already."""
    if isinstance(accounts, Accounts):
        return PeopleDirectory(store, protector, accounts)
    return accounts


def _identifier(name: str) -> Identifier:
    """Tell a mobile number from an identity number; IdentifierRefused for neither."""
    try:
        return Identifier.of(IdentifierKind.MOBILE, name)
    except IdentifierRefused:
        return Identifier.of(IdentifierKind.IDENTITY_NUMBER, name)

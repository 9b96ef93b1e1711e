"""Whom an authenticator signs in: accounts of persons, staff and firms behind one interface.

What is typed at sign-in (登录名) is a name; a directory says which account it is of, and what
stands for it where attempts are counted, whether or not there is an account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from msb_identity.envelopes import cbor
from msb_identity.errors import IdentifierRefused
from msb_identity.people.identifiers import check_identity_number, check_mobile
from msb_identity.sso.sessions import SubjectKind

if TYPE_CHECKING:
    from msb_identity.foundation.protect import Protector
    from msb_identity.people.accounts import Accounts, Person

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

    def mark(self, name: str) -> bytes:
        """Give what stands for a name where attempts are counted, known or not.

        IdentifierRefused for what can be nobody's name.
        """

    def find(self, name: str) -> Subject | None:
        """Find the account of that name; IdentifierRefused as for `mark`."""

    def get(self, subject_id: str) -> Subject | None:
        """Find an account by its id."""

    def personal_texts(self, subject_id: str) -> tuple[str, ...]:
        """Give the numbers and names of an account that its password must not be made of."""


class PeopleDirectory:
    """Natural persons, by mobile number or identity number."""

    def __init__(self, accounts: Accounts, protector: Protector) -> None:
        """Use the accounts of a store and the protector's key of NAME_DOMAIN."""
        self._accounts, self._protector = accounts, protector

    def mark(self, name: str) -> bytes:
        """Give the HMAC of the number in its one form.

        A person's two numbers count apart: attempts on one never tell that the other is the same
        person's.
        """
        kind, number = _number(name)
        return self._protector.index(NAME_DOMAIN, cbor.encode([kind, number]))

    def find(self, name: str) -> Subject | None:
        """Find a person by either number."""
        kind, number = _number(name)
        found = {
            "mobile": self._accounts.by_mobile,
            "identity-number": self._accounts.by_identity_number,
        }[kind](number)
        return None if found is None else _subject(found)

    def get(self, subject_id: str) -> Subject | None:
        """Find a person by the account's id."""
        found = self._accounts.get(subject_id)
        return None if found is None else _subject(found)

    def personal_texts(self, subject_id: str) -> tuple[str, ...]:
        """Give name, identity number and mobile number."""
        found = self._accounts.get(subject_id)
        texts = () if found is None else (found.name, found.identity_number, found.mobile)
        return tuple(text for text in texts if text)


def _number(name: str) -> tuple[str, str]:
    """Tell a mobile number from an identity number; IdentifierRefused for neither."""
    try:
        return "mobile", check_mobile(name)
    except IdentifierRefused:
        return "identity-number", check_identity_number(name)


def _subject(person: Person) -> Subject:
    return Subject(person.id, SubjectKind.PERSON, person.level)

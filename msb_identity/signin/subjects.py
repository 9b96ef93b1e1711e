"""Whom an authenticator signs in: accounts of persons, staff and firms behind one interface.

What is typed at sign-in (登录名) is a name; a directory says which account it is of, and what
stands for it where attempts are counted, whether or not there is an account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import select

from msb_identity.envelopes import cbor
from msb_identity.errors import IdentifierRefused, StaffRefused
from msb_identity.people import Accounts, Identifier, IdentifierKind
from msb_identity.people.identifiers import check_credit_code
from msb_identity.people.records import find_holder
from msb_identity.people.staff import check_number
from msb_identity.people.tables import staff
from msb_identity.sso.session import NO_LEVEL, SubjectKind

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store
    from msb_identity.people.firms import Firms
    from msb_identity.people.staff import Staff

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
    """The accounts of one kind; by_mobile: whether a name may be a mobile number of the account."""

    kind: SubjectKind
    by_mobile: bool

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

    def by_code(self, subject_id: str, name: str, *, known: bool, now: datetime) -> Subject | None:
        """Give an account as a code that was sent to that name admits to it.

        known: whether the account's owner is signed in otherwise, at a level of its own.
        """

    def personal_texts(self, subject_id: str) -> tuple[str, ...]:
        """Give the numbers and names of an account that its password must not be made of."""


class PeopleDirectory:
    """Natural persons, by mobile number or identity number, the old one of 15 digits too."""

    kind = SubjectKind.PERSON
    by_mobile = True

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

    def by_code(self, subject_id: str, name: str, *, known: bool, now: datetime) -> Subject | None:
        """Give a person; of one above the lowest level by a declared number, without that level.

        Where the code tells no less than the account rests on, or its owner is known otherwise, it
        proves the number.
        """
        found, number = self._accounts.get(subject_id), Identifier.of(IdentifierKind.MOBILE, name)
        held = None if found is None else found.held(number)
        if found is None or held is None:
            return None
        if not held.is_verified:
            if found.level > self._accounts.scale.lowest and not known:
                return Subject(found.id, self.kind, NO_LEVEL)
            self._accounts.link(found.id, number, method="sms", now=now)
        return Subject(found.id, self.kind, found.level)

    def personal_texts(self, subject_id: str) -> tuple[str, ...]:
        """Give the name and all numbers."""
        found = self._accounts.get(subject_id)
        if found is None:
            return ()
        return (found.name, *(held.identifier.value for held in found.identifiers))


class StaffDirectory:
    """Members of staff, by staff number (工号); who has left is nobody."""

    kind = SubjectKind.STAFF
    by_mobile = False

    def __init__(self, store: Store, protector: Protector, members: Staff) -> None:
        """Use the staff of a store and the protector's key of NAME_DOMAIN."""
        self._store, self._protector, self._members = store, protector, members

    def mark(self, name: str) -> bytes:
        """Give the HMAC of the number."""
        return self._protector.index(NAME_DOMAIN, cbor.encode(["staff", _staff_number(name)]))

    def find(self, name: str) -> str | None:
        """Find a member of staff by the number, without opening what is known of one."""
        query = select(staff.c.id).where(staff.c.number == _staff_number(name))
        with self._store.read() as connection:
            found: str | None = connection.scalar(query)
        return found

    def get(self, subject_id: str) -> Subject | None:
        """Find a member of staff who has not left."""
        found = self._members.get(subject_id)
        if found is None or found.has_left:
            return None
        return Subject(found.id, self.kind, NO_LEVEL)

    def by_code(self, subject_id: str, name: str, *, known: bool, now: datetime) -> Subject | None:  # noqa: ARG002 - the protocol's
        """Give a member of staff: `find` takes proven numbers alone."""
        return self.get(subject_id)

    def personal_texts(self, subject_id: str) -> tuple[str, ...]:
        """Give name and number."""
        found = self._members.get(subject_id)
        return () if found is None else (found.name, found.number)


class StaffByMobile(StaffDirectory):
    """Members of staff by the mobile number of the person that they are, where that is known."""

    by_mobile = True

    def mark(self, name: str) -> bytes:
        """Give the HMAC of the number."""
        value = Identifier.of(IdentifierKind.MOBILE, name).value
        return self._protector.index(NAME_DOMAIN, cbor.encode(["staff mobile", value]))

    def find(self, name: str) -> str | None:
        """Find a member of staff by a proven number; none where a person is several of them."""
        identifier = Identifier.of(IdentifierKind.MOBILE, name)
        with self._store.read() as connection:
            row = find_holder(connection, self._protector.indexes(connection), identifier)
            is_proven = row is not None and row["verified_method"] is not None
            person = row["person_id"] if row is not None and is_proven else ""
            theirs = (staff.c.person_id == person) & staff.c.left_at.is_(None)
            found = connection.scalars(select(staff.c.id).where(theirs).limit(2)).all()
        return str(found[0]) if len(found) == 1 else None


class FirmDirectory:
    """Firms (法人), by credit code: they sign in themselves only by a certificate of their own."""

    kind = SubjectKind.FIRM
    by_mobile = False

    def __init__(self, protector: Protector, firms: Firms) -> None:
        """Use the firms of a store and the protector's key of NAME_DOMAIN."""
        self._protector, self._firms = protector, firms

    def mark(self, name: str) -> bytes:
        """Give the HMAC of the credit code in its one form."""
        code = check_credit_code(name)
        return self._protector.index(NAME_DOMAIN, cbor.encode(["firm", code]))

    def find(self, name: str) -> str | None:
        """Find a firm by its credit code, which is public: one query, open or closed or none."""
        found = self._firms.by_credit_code(name)
        return None if found is None else found.id

    def get(self, subject_id: str) -> Subject | None:
        """Find a firm that is not closed."""
        found = self._firms.get(subject_id)
        if found is None or found.closed_at is not None:
            return None
        return Subject(found.id, self.kind, NO_LEVEL)

    def by_code(self, subject_id: str, name: str, *, known: bool, now: datetime) -> Subject | None:  # noqa: ARG002 - the protocol's
        """Give none: firms are sent no codes."""
        return None

    def personal_texts(self, subject_id: str) -> tuple[str, ...]:
        """Give name and credit code."""
        found = self._firms.get(subject_id)
        return () if found is None else (found.name, found.credit_code)


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


def _staff_number(name: str) -> str:
    try:
        return check_number(name)
    except StaffRefused as error:
        zh, en = "工号格式不正确", "this is no staff number"
        raise IdentifierRefused("form", zh, en) from error

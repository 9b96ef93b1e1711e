"""Who people are, as the provider asks: persons, staff and firms of one store.

Names of claims: docs/formats.md, "claims". Nothing here decides who may see what: scopes do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.errors import MandateRefused
from msb_identity.foundation.protect import mask_name
from msb_identity.people.identifiers import Identifier, IdentifierKind
from msb_identity.sso.claims import Acting
from msb_identity.sso.parts import Standing
from msb_identity.sso.sessions import SubjectKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from msb_identity.people.accounts import Accounts
    from msb_identity.people.firms import Firms
    from msb_identity.people.mandates import Mandates
    from msb_identity.people.records import Person
    from msb_identity.people.staff import Staff
    from msb_identity.sso.claims import VerifiedToken
    from msb_identity.sso.sessions import Session


class StoredSubjects:
    """The people of one store, for `Provider`."""

    def __init__(
        self,
        accounts: Accounts,
        *,
        firms: Firms | None = None,
        mandates: Mandates | None = None,
        staff: Staff | None = None,
    ) -> None:
        """Take the accounts, and what else there is; without mandates nobody acts for a firm."""
        self._accounts, self._firms = accounts, firms
        self._mandates, self._staff = mandates, staff

    def level(self, session: Session, *, now: datetime) -> int:
        """Give a person's level now, as evidence ends; of staff that of its session.

        A tentative session has none of the person's.
        """
        if session.subject_kind is not SubjectKind.PERSON or session.is_tentative:
            return session.level
        person = self._accounts.get(session.subject, now=now)
        return self._accounts.scale.lowest if person is None else person.level

    def roles(self, session: Session, *, now: datetime) -> tuple[str, ...]:  # noqa: ARG002 - roles have no period
        """Give the roles of a member of staff; () of a person."""
        if session.subject_kind is not SubjectKind.STAFF or self._staff is None:
            return ()
        return self._staff.roles_of(session.subject)

    def acting(
        self,
        session: Session,
        firm_id: str,
        *,
        scope: str,
        now: datetime,
        mandate_id: str | None = None,
    ) -> Standing | None:
        """Give by what mandate a person acts for a firm in a matter; None: by none, or as staff."""
        is_person = session.subject_kind is SubjectKind.PERSON and not session.is_tentative
        if not is_person or self._mandates is None:
            return None
        try:
            mandate = self._mandates.require(
                session.subject, firm_id, scope=scope, mandate_id=mandate_id, now=now
            )
        except MandateRefused:
            return None
        return Standing(Acting(firm_id, mandate.id), mandate.valid_until)

    def claims(self, token: VerifiedToken, *, now: datetime) -> Mapping[str, object]:
        """Give all that userinfo may say of who a token is for."""
        person = self._accounts.get(token.person_id, now=now)
        said = _of_staff(self._staff, token) if person is None else _of_person(person)
        if token.actor is not None and self._firms is not None:
            firm = self._firms.get(token.subject)
            if firm is not None:
                said |= {"organization_name": firm.name, "credit_code": firm.credit_code}
        return said


def _of_person(person: Person) -> dict[str, object]:
    said: dict[str, object] = {"real_name_level": person.level}
    if person.name:
        said |= {"name": mask_name(person.name), "real_name": person.name}
    # A number that nobody proved is not this person's to anybody else.
    if person.verified_identity_number is not None:
        said["identity_number"] = person.verified_identity_number
    if person.mobile is not None:
        held = person.held(Identifier.of(IdentifierKind.MOBILE, person.mobile))
        said["phone_number"] = f"+86{person.mobile}"  # E.164: OpenID Connect Core 5.1
        said["phone_number_verified"] = held is not None and held.is_verified
    return said


def _of_staff(staff: Staff | None, token: VerifiedToken) -> dict[str, object]:
    member = None if staff is None else staff.get(token.person_id)
    if member is None:
        return {}
    return {"name": mask_name(member.name), "real_name": member.name}

"""Who people are, for the provider: accounts, firms, mandates and staff of one store.

Asked anew for every token, so that a level that expired, a mandate that was withdrawn or a post
that was given up counts from the next token on at the latest; what cuts tokens off at once is said
where it happens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.errors import MandateRefused
from msb_identity.foundation.protect import mask_name
from msb_identity.sso.claims import Acting
from msb_identity.sso.sessions import SubjectKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from msb_identity.people.accounts import Accounts
    from msb_identity.people.firms import Firms
    from msb_identity.people.mandates import Mandates
    from msb_identity.people.staff import Staff
    from msb_identity.sso.claims import VerifiedToken
    from msb_identity.sso.sessions import Session

COUNTRY_CODE = "+86"


class StoredSubjects:
    """The `Subjects` of a provider over the rooms of `people`."""

    def __init__(
        self, accounts: Accounts, *, firms: Firms, mandates: Mandates, staff: Staff
    ) -> None:
        """Use the rooms of one store."""
        self._accounts, self._firms = accounts, firms
        self._mandates, self._staff = mandates, staff

    def level(self, session: Session, *, now: datetime) -> int:
        """Give a person's real-name level (实名等级) now; of staff and firms, the sign-in's."""
        if session.subject_kind is not SubjectKind.PERSON:
            return session.level
        person = self._accounts.get(session.subject, now=now)
        return 0 if person is None else person.level

    def roles(self, session: Session, *, now: datetime) -> tuple[str, ...]:  # noqa: ARG002 - posts end at once
        """Give the roles of a member of staff; () of anybody else."""
        if session.subject_kind is not SubjectKind.STAFF:
            return ()
        return self._staff.roles_of(session.subject)

    def acting(self, session: Session, firm_id: str, *, scope: str, now: datetime) -> Acting | None:
        """Give by what mandate a person acts for a firm in a matter; None: by none."""
        if session.subject_kind is not SubjectKind.PERSON:
            return None
        try:
            mandate = self._mandates.require(session.subject, firm_id, scope=scope, now=now)
        except MandateRefused:
            return None
        return Acting(firm_id, mandate.id)

    def claims(self, token: VerifiedToken, *, now: datetime) -> Mapping[str, object]:
        """Give all that userinfo may say: of the person who is there, and of the firm acted for."""
        said = self._of_person(token.person_id, now)
        if token.actor is not None and (firm := self._firms.get(token.subject)) is not None:
            said |= {"organization_name": firm.name, "credit_code": firm.credit_code}
        return said

    def _of_person(self, person_id: str, now: datetime) -> dict[str, object]:
        person = self._accounts.get(person_id, now=now)
        if person is None:
            return {}
        said: dict[str, object] = {
            "name": mask_name(person.name),
            "real_name": person.name,
            "real_name_level": person.level,
        }
        if person.verified_identity_number is not None:
            said["identity_number"] = person.verified_identity_number
        if person.mobile is not None:
            said["phone_number"] = f"{COUNTRY_CODE}{person.mobile}"
            held = [one for one in person.identifiers if one.identifier.value == person.mobile]
            said["phone_number_verified"] = any(one.is_verified for one in held)
        return said

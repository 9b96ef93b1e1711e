"""The card pack (卡包): what a signed-in person holds, and how they show it (亮证).

Every call takes the verified access token of the holder. A licence that is another's and one that
does not exist give the same answer. Those who only declared who they are (real-name level 1) have
no cards, since anyone can declare any number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_identity.foundation.clock import aware
from msb_wallet.codes.payload import CodeKind, write_code
from msb_wallet.codes.present import check_audience, new_secret
from msb_wallet.errors import LicenceNotFound, PresentRefused
from msb_wallet.licences.identifier import LicenceIdentifier
from msb_wallet.licences.status import read_status
from msb_wallet.licences.store import Status, StoredLicence, find_licence, list_by_holder
from msb_wallet.scan.online import record_shown

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.store import Store
    from msb_identity.people.accounts import Accounts
    from msb_identity.pki.keys import VerifyingKey
    from msb_identity.sso.tokens import VerifiedToken
    from msb_wallet.licences.issue import Issuer

LEAST_LEVEL = 2
PAGE = 50


@dataclass(frozen=True, slots=True)
class Card:
    """One licence in the pack."""

    identifier: LicenceIdentifier
    type_code: str
    status: Status


class CardPack:
    """The licences of the people of one store."""

    def __init__(self, store: Store, accounts: Accounts, *, audit: Audit | None = None) -> None:
        """Use a store opened with the tables of accounts and of licences.

        audit: where it is recorded what was shown, before the code is given out.
        """
        self._store, self._accounts, self._audit = store, accounts, audit

    def cards(
        self, holder: VerifiedToken, *, after: str = "", now: datetime | None = None
    ) -> list[Card]:
        """Give a page of the holder's cards; the next begins after the last one's identifier."""
        number = self._number(holder, now)
        with self._store.read() as connection:
            indexes = self._accounts.holder_indexes(connection, number)
            found = list_by_holder(connection, indexes, after=after, limit=PAGE)
        return [self._card(licence) for licence in found]

    def show_printed(
        self,
        holder: VerifiedToken,
        identifier: LicenceIdentifier,
        *,
        now: datetime | None = None,
    ) -> str:
        """Give the text of the static code that stands on a printed licence."""
        licence = self._own(holder, identifier, now)
        self._record(holder, identifier, "printed", now=now)
        return printed_code(licence)

    def show_online(
        self,
        holder: VerifiedToken,
        identifier: LicenceIdentifier,
        *,
        audience: str | None = None,
        now: datetime | None = None,
    ) -> str:
        """Give the text of a one-use code for the next 60 seconds."""
        licence = self._own(holder, identifier, now)
        self._record(holder, identifier, "online", audience=audience, now=now)
        return online_code(self._store, licence, audience=audience, now=now)

    def bind_device(
        self,
        holder: VerifiedToken,
        identifier: LicenceIdentifier,
        device_key: VerifyingKey,
        *,
        issuer: Issuer,
        now: datetime | None = None,
    ) -> bytes:
        """Give the credential with which the holder's device shows the licence offline."""
        self._own(holder, identifier, now)
        self._record(holder, identifier, "device", now=now)
        return issuer.bind_device(identifier, device_key, now=now)

    def _record(
        self,
        holder: VerifiedToken,
        identifier: LicenceIdentifier,
        how: str,
        *,
        audience: str | None = None,
        now: datetime | None = None,
    ) -> None:
        if self._audit is not None:
            self._audit.record(
                "licence.shown",
                actor=holder.subject,
                subject=holder.subject,
                object_=identifier.short,
                details={"how": how} if audience is None else {"how": how, "audience": audience},
                now=now,
            )

    def _card(self, licence: StoredLicence) -> Card:
        status = read_status(self._store, licence.identifier).status
        return Card(LicenceIdentifier.parse(licence.identifier), licence.type_code, status)

    def _own(
        self, holder: VerifiedToken, identifier: LicenceIdentifier, now: datetime | None
    ) -> StoredLicence:
        number = self._number(holder, now)
        with self._store.read() as connection:
            indexes = self._accounts.holder_indexes(connection, number)
            licence = find_licence(connection, identifier.short)
        if licence is None or licence.holder_index not in indexes:
            message = "no such licence in this card pack"
            raise LicenceNotFound(message)
        return licence

    def _number(self, holder: VerifiedToken, now: datetime | None) -> str:
        if aware(now) >= holder.expires_at:
            message = "the access token has expired: sign in again"
            raise PresentRefused(message)
        person = self._accounts.get(holder.subject, now=now)
        number = None if person is None else person.verified_identity_number
        if person is None or number is None or person.level < LEAST_LEVEL:
            message = (
                f"cards need an account of real-name level {LEAST_LEVEL} or more,"
                " with a proven identity number"
            )
            raise PresentRefused(message)
        return number


def printed_code(licence: StoredLicence) -> str:
    """Give the static code of a licence."""
    return write_code(CodeKind.PRINTED, licence.credential)


def online_code(
    store: Store,
    licence: StoredLicence,
    *,
    audience: str | None = None,
    now: datetime | None = None,
) -> str:
    """Show a licence online: keep the hash of a new secret and give the code with the secret."""
    if audience is not None:
        check_audience(audience)
    secret = new_secret()
    record_shown(
        store,
        secret,
        identifier=licence.identifier,
        audience=audience,
        now=aware(now),
    )
    return write_code(CodeKind.ONLINE, secret)

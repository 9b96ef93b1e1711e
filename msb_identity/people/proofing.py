"""Proofing (实名核验): a verifier is asked whether a name and a number are one person's.

Verifiers are small plug-ins: a register of the population, an officer at a counter, a service for
faces. What one finds becomes evidence with method, source, time and end; the highest level whose
evidence holds is the account's. A level therefore falls by itself when its evidence ends. Only a
plain yes raises anything: a no, and no answer, are recorded and change nothing.

A register is also an oracle for whoever would guess numbers or names. Failed checks of one account
soon have to wait, for hours at last. Those of one number in whichever other accounts are slowed
too, and the account that holds it does not wait for them. Where nothing was found out, nothing
counts and nothing is forgiven; an officer's own word asks no register and never waits.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import update

from msb_identity.foundation.clock import aware
from msb_identity.people.identifiers import Identifier, IdentifierKind
from msb_identity.people.records import (
    Person,
    check_name,
    insert_evidence,
    name_place,
    read_evidence,
    root_of,
)
from msb_identity.people.sentences import account_refused
from msb_identity.people.tables import people
from msb_identity.signin.limits import Attempt, By, Limits, Policy, Rule

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store
    from msb_identity.people.accounts import Accounts
    from msb_identity.people.levels import Evidence
    from msb_identity.signin.limits import Counted

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
OF_ACCOUNT = Policy(
    "proofing", (Rule(By.SUBJECT, 5, 10 * _MINUTE, timedelta(hours=12), window=_DAY),)
)
OF_NUMBER = Policy(
    "proofing-number", (Rule(By.SUBJECT, 20, timedelta(seconds=5), _MINUTE, window=_DAY),)
)
_Attempts = Sequence[tuple[Policy, Attempt]]
_log = logging.getLogger(__name__)


class Finding(StrEnum):
    """What a verifier found; the values are outcomes of the audit log too."""

    PASSED = "ok"
    FAILED = "failed"
    NOT_CHECKED = "not-checked"


@dataclass(frozen=True, slots=True, repr=False)
class Claim:
    """Who somebody says to be; name: empty where nobody told it."""

    name: str
    identifier: Identifier


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verifier answers; expires: an earlier end than the scale sets for its method."""

    finding: Finding
    expires: datetime | None = None


class IdentityVerifier(Protocol):
    """A plug-in that proofs people."""

    @property
    def method(self) -> str:
        """The method of the scale by which it proofs, as "two-factor"."""

    @property
    def source(self) -> str:
        """The register or office that answers; never personal data."""

    def check(self, claim: Claim, *, now: datetime) -> Answer:
        """Say whether the claim is true; NOT_CHECKED where that could not be found out."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """The verifier that is an officer of ours, who saw person and papers (窗口现场核验).

    It answers yes to what it is made for: whoever makes one says that somebody looked. `Proofing`
    then wants to know who (`by`).
    """

    source: str
    method: str = "counter"

    def check(self, claim: Claim, *, now: datetime) -> Answer:  # noqa: ARG002 - as the protocol has it
        """Say yes."""
        return Answer(Finding.PASSED)


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a check, and the account as it is after it."""

    finding: Finding
    person: Person


class Proofing:
    """Raises the levels of the accounts of one store."""

    def __init__(
        self,
        store: Store,
        protector: Protector,
        accounts: Accounts,
        *,
        audit: Audit | None = None,
    ) -> None:
        """Use a store opened with the tables of people and of limits; audit: where to record."""
        self._store, self._protector, self._accounts = store, protector, accounts
        self._audit = audit
        self._limits = Limits(protector)

    def check(
        self,
        person_id: str,
        verifier: IdentityVerifier,
        *,
        name: str | None = None,
        identifier: Identifier | None = None,
        by: str | None = None,
        now: datetime | None = None,
    ) -> Checked:
        """Ask a verifier about an account, and keep its yes as evidence.

        name, identifier: what is checked, by default what the account holds; what was not in it
        comes in with the yes. by: who had it checked; an `Attestation` needs it.
        Raises AccountRefused: `no-account`, `another-name`, `nothing-to-check`, `too-many-checks`;
        after a yes also what `Accounts.link` raises, as `held-by-another`.
        """
        moment = aware(now)
        person = self._accounts.get(person_id, now=moment)
        if person is None:
            raise account_refused("no-account")
        if isinstance(verifier, Attestation) and by is None:
            message = "an attestation names who made it: by="
            raise ValueError(message)
        claim = _claim(person, name, identifier)
        self._accounts.scale.evidence(verifier.method, source=verifier.source, now=moment)
        asks = not isinstance(verifier, Attestation)
        attempts = self._attempts(person, claim) if asks else ()
        counted = self._count(attempts, moment)
        answer = _ask(verifier, claim, moment)
        if answer.finding is not Finding.FAILED:
            self._give_back(attempts, counted)
        if answer.finding is Finding.PASSED:
            kept = self._keep(person, claim, verifier=verifier, answer=answer, by=by, now=moment)
            return Checked(answer.finding, kept)
        draft = _draft(person, person.level, verifier=verifier, finding=answer.finding)
        self._record(draft, by=by, now=moment)
        return Checked(answer.finding, person)

    def level_of(self, person_id: str, *, now: datetime | None = None) -> int:
        """Give an account's level at this time; AccountRefused (`no-account`)."""
        person = self._accounts.get(person_id, now=now)
        if person is None:
            raise account_refused("no-account")
        return person.level

    def evidence_of(self, person_id: str) -> list[Evidence]:
        """Give all evidence that an account rests on, ended ones too, the newest last."""
        with self._store.read() as connection:
            root = root_of(connection, person_id)
            found = [] if root is None else read_evidence(connection, [root])
        return sorted((given for _, given in found), key=lambda given: (given.time, given.level))

    def _keep(
        self,
        person: Person,
        claim: Claim,
        *,
        verifier: IdentityVerifier,
        answer: Answer,
        by: str | None,
        now: datetime,
    ) -> Person:
        given = self._accounts.scale.evidence(
            verifier.method, source=verifier.source, expires=answer.expires, now=now
        )
        with self._accounts.changing(person.id, claim.identifier) as (connection, root):
            before = self._accounts.read(connection, root, now)
            if before.name != person.name:
                raise account_refused("changed-meanwhile")
            if claim.name and not before.name:
                sealed = self._protector.seal(claim.name, name_place(root))
                connection.execute(update(people).where(people.c.id == root).values(name=sealed))
            row = self._accounts.take(connection, claim.identifier, root, given.method, now)
            insert_evidence(connection, given, person_id=root, identifier=row)
            after = self._accounts.read(connection, root, now)
            draft = _draft(after, before.level, verifier=verifier, finding=answer.finding)
            self._record(draft, by=by, now=now, connection=connection)
            return after

    def _attempts(self, person: Person, claim: Claim) -> tuple[tuple[Policy, Attempt], ...]:
        """Count by account and by number, so that neither many of the one nor of the other help.

        Of whoever holds the number, the account alone: others' guesses hold him up not at all.
        """
        account = self._protector.index("proofing-account", person.id)
        if person.held(claim.identifier) is not None:
            return ((OF_ACCOUNT, Attempt(account, "")),)
        domain = f"proofing-{claim.identifier.domain}"
        number = self._protector.index(domain, claim.identifier.value)
        return ((OF_ACCOUNT, Attempt(account, "")), (OF_NUMBER, Attempt(number, "")))

    def _count(self, attempts: _Attempts, now: datetime) -> Counted:
        """Count before asking, so that checks at one moment do not all pass before one counts."""
        counted: Counted = {}
        with self._store.write(locks=self._locks(attempts)) as connection:
            waits = [self._limits.wait(connection, *one, now) for one in attempts]
            if not any(waits):
                for one in attempts:
                    counted |= self._limits.count(connection, *one, now)
        if any(waits):
            raise account_refused("too-many-checks")
        return counted

    def _give_back(self, attempts: _Attempts, counted: Counted) -> None:
        """Take back what this attempt counted, and nothing of those before it."""
        with self._store.write(locks=self._locks(attempts)) as connection:
            self._limits.give_back(connection, counted)

    def _locks(self, attempts: _Attempts) -> list[str]:
        return [lock for _, attempt in attempts for lock in self._limits.locks(attempt)]

    def _record(
        self,
        draft: dict[str, Any],
        *,
        by: str | None,
        now: datetime,
        connection: Connection | None = None,
    ) -> None:
        if self._audit is not None:
            self._audit.record("person.proofed", actor=by, now=now, connection=connection, **draft)


def _draft(
    person: Person, before: int, *, verifier: IdentityVerifier, finding: Finding
) -> dict[str, Any]:
    """Say for the log what was found, and what the level was and is."""
    details = {"method": verifier.method, "source": verifier.source}
    return {
        "subject": person.id,
        "outcome": str(finding),
        "details": {**details, "before": before, "level": person.level},
    }


def _claim(person: Person, name: str | None, identifier: Identifier | None) -> Claim:
    told = "" if name is None else check_name(name)
    if told and person.name and told != person.name:
        raise account_refused("another-name")
    if identifier is None and person.identity_number is not None:
        identifier = Identifier.kept(IdentifierKind.IDENTITY_NUMBER, person.identity_number)
    if identifier is None or identifier.kind is IdentifierKind.MOBILE:
        raise account_refused("nothing-to-check")
    return Claim(told or person.name, identifier)


def _ask(verifier: IdentityVerifier, claim: Claim, now: datetime) -> Answer:
    """Ask; a plug-in that fails has not checked anything, whatever it raised."""
    try:
        answer = verifier.check(claim, now=now)
        ends = None if answer.expires is None else aware(answer.expires)
        return Answer(Finding(answer.finding), ends)
    except Exception as error:  # noqa: BLE001 - a plug-in's own code: anything may come
        _log.error("a verifier failed with %s", type(error).__name__)  # its text may name somebody
        return Answer(Finding.NOT_CHECKED)

"""Mandates (授权): who may act for a firm, for what, and until when.

The legal representative (法定代表人) acts for everything, by his appointment. He gives others, the
agents (经办人), mandates of a scope and a period; nobody is an agent who has not accepted himself,
and no agent gives on what he has. A withdrawal holds when it returns: the mandate's tokens are cut
off in the same transaction. Who acted for whom, and by which mandate, is in the audit log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.people.firms import firm_lock, open_firm
from msb_identity.people.records import check_page, kept_id, new_id
from msb_identity.people.sentences import mandate_refused
from msb_identity.people.tables import MAX_SCOPE_CHARS, mandates
from msb_identity.sso.cutoffs import CutOffs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row

    from msb_identity.errors import MandateRefused
    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.store import Store
    from msb_identity.people.accounts import Accounts
    from msb_identity.people.firms import Firm
    from msb_identity.people.records import Person

MAX_SCOPES = 30
EVERYTHING = "*"
"""The scope of a legal representative; no agent has it."""
WITHDRAWN, GIVEN_UP, DECLINED = "withdrawn", "given-up", "declined"
_SCOPE = re.compile(r"[a-z0-9]+(?:[.:_-][a-z0-9]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Mandate:
    """One person's right to act for one firm.

    id: what a token carries, and what a cut-off ends; a representative's is his appointment's.
    scope: names of what may be done; `EVERYTHING` for a representative, whose mandate has no end.
    """

    id: str
    firm_id: str
    agent: str
    scope: tuple[str, ...]
    valid_from: datetime
    valid_until: datetime | None
    offered_by: str
    accepted_at: datetime | None
    ended_at: datetime | None = None
    end_reason: str | None = None

    @property
    def is_representative(self) -> bool:
        """Whether it is the legal representative's own."""
        return self.scope == (EVERYTHING,)

    def covers(self, scope: str) -> bool:
        """Whether that may be done under it."""
        return self.is_representative or scope in self.scope

    def fault(self, now: datetime) -> str | None:
        """Give the code of why nobody may act under it now; None where somebody may."""
        if self.ended_at is not None:
            return "ended"
        if self.accepted_at is None:
            return "not-accepted"
        if now < self.valid_from:
            return "not-begun"
        return "expired" if self.is_over(now) else None

    def is_over(self, now: datetime) -> bool:
        """Whether its period has passed."""
        return self.valid_until is not None and now >= self.valid_until


class Mandates:
    """The mandates of one store."""

    def __init__(self, store: Store, accounts: Accounts, *, audit: Audit | None = None) -> None:
        """Use the store of the accounts; audit: where to record."""
        self._store, self._accounts, self._audit = store, accounts, audit
        self._cut_offs = CutOffs(store)

    def offer(
        self,
        firm_id: str,
        *,
        agent: str,
        scope: Sequence[str],
        valid_from: datetime | None = None,
        valid_until: datetime,
        by: str,
        now: datetime | None = None,
    ) -> Mandate:
        """Offer somebody a mandate; by: the firm's legal representative, who alone gives any.

        scope: names as "licence.apply"; valid_from: default now. It holds once it is accepted.
        Raises MandateRefused: `no-firm`, `firm-closed`, `not-representative`, `level` of one whose
        evidence has ended, `agent`, `scope`, `period`.
        """
        moment = aware(now)
        begins, ends = aware(moment if valid_from is None else valid_from), aware(valid_until)
        if not (begins < ends and moment < ends):
            raise mandate_refused("period")
        giver = self._person(by, "not-representative", moment)
        row = {
            "id": new_id(),
            "firm_id": firm_id,
            "agent": self._person(agent, "agent", moment).id,
            "scope": " ".join(_check_scope(scope)),
            "valid_from": seconds(begins),
            "valid_until": seconds(ends),
            "offered_by": giver.id,
            "offered_at": seconds(moment),
        }
        with self._store.write(locks=[firm_lock(firm_id)]) as connection:
            row |= {name: kept_id(connection, str(row[name])) for name in ("agent", "offered_by")}
            if open_firm(connection, firm_id).representative != row["offered_by"]:
                raise mandate_refused("not-representative")
            if giver.level == self._accounts.scale.lowest:
                raise mandate_refused("level")
            connection.execute(insert(mandates).values(row))
            return self._done(connection, "offered", str(row["id"]), by=by, now=moment)

    def accept(self, mandate_id: str, *, by: str, now: datetime | None = None) -> Mandate:
        """Accept an offer; by: the agent himself, whose level is above the lowest of the scale.

        Raises MandateRefused: `no-mandate`, `not-agent`, `level`, `ended`, `expired`, and
        `firm-closed`. Done twice, the second time gives the same.
        """
        moment = aware(now)
        agent = self._person(by, "not-agent", moment)
        if agent.level == self._accounts.scale.lowest:
            raise mandate_refused("level")
        firm_id = self._known(mandate_id).firm_id
        with self._store.write(locks=[firm_lock(firm_id)]) as connection:
            found = _read(connection, mandate_id)
            if found.agent != agent.id:
                raise mandate_refused("not-agent")
            open_firm(connection, firm_id)
            if found.ended_at is not None:
                raise mandate_refused("ended")
            if found.is_over(moment):
                raise mandate_refused("expired")
            if found.accepted_at is not None:
                return found
            this = mandates.c.id == mandate_id
            accepted = update(mandates).where(this).values(accepted_at=seconds(moment))
            connection.execute(accepted)
            return self._done(connection, "accepted", mandate_id, by=by, now=moment)

    def withdraw(self, mandate_id: str, *, by: str, now: datetime | None = None) -> Mandate:
        """End a mandate at once; by: the firm's representative, or the agent, who gives it up.

        Its tokens end in the same transaction. Done twice, the second time gives the same.
        Raises MandateRefused: `no-mandate`, `not-yours`.
        """
        moment = aware(now)
        person = self._person(by, "not-yours", moment)
        firm_id = self._known(mandate_id).firm_id
        with self._store.write(locks=[firm_lock(firm_id)]) as connection:
            found = _read(connection, mandate_id)
            reason = WITHDRAWN
            if found.agent == person.id:
                reason = DECLINED if found.accepted_at is None else GIVEN_UP
            elif open_firm(connection, firm_id).representative != person.id:
                raise mandate_refused("not-yours")
            if found.ended_at is not None:
                return found
            this = mandates.c.id == mandate_id
            ended = {"ended_at": seconds(moment), "end_reason": reason}
            connection.execute(update(mandates).where(this).values(ended))
            self._cut_offs.end_mandate(connection, mandate_id, moment)
            return self._done(connection, reason, mandate_id, by=by, now=moment)

    def find(self, mandate_id: str) -> Mandate | None:
        """Find an agent's mandate, whatever became of it."""
        with self._store.read() as connection:
            row = connection.execute(select(mandates).where(mandates.c.id == mandate_id)).first()
        return None if row is None else _mandate(row)

    def of_agent(
        self,
        person_id: str,
        *,
        after: str = "",
        limit: int = 100,
        now: datetime | None = None,
    ) -> list[Mandate]:
        """Give a page of the mandates that this person may act under now, in order of their ids."""
        moment = aware(now)
        person = self._accounts.get(person_id, now=moment)
        live = (
            (mandates.c.agent == (None if person is None else person.id))
            & mandates.c.ended_at.is_(None)
            & mandates.c.accepted_at.is_not(None)
            & (mandates.c.valid_from <= seconds(moment))
            & (mandates.c.valid_until > seconds(moment))
        )
        return self._page(live, after, limit)

    def offers_to(self, person_id: str, *, after: str = "", limit: int = 100) -> list[Mandate]:
        """Give a page of what this person was offered and has not answered."""
        person = self._accounts.get(person_id)
        offered = (
            (mandates.c.agent == (None if person is None else person.id))
            & mandates.c.ended_at.is_(None)
            & mandates.c.accepted_at.is_(None)
        )
        return self._page(offered, after, limit)

    def of_firm(self, firm_id: str, *, after: str = "", limit: int = 100) -> list[Mandate]:
        """Give a page of all mandates that a firm gave, ended ones too."""
        return self._page(mandates.c.firm_id == firm_id, after, limit)

    def require(
        self,
        person_id: str,
        firm_id: str,
        *,
        scope: str,
        mandate_id: str | None = None,
        now: datetime | None = None,
    ) -> Mandate:
        """Give the mandate under which this person may do this for the firm now, and record it.

        Asked when a token is made or an act is done, not at each request: a token under a mandate
        ends with it. mandate_id: the one that it must be, for a token made under it to go on; None
        for whichever serves, the longest first. MandateRefused says why not: `no-firm`,
        `firm-closed`, `level`, `no-mandate`, `not-accepted`, `not-begun`, `expired`, `ended`,
        `scope-not-given`.
        """
        moment = aware(now)
        if not _SCOPE.fullmatch(scope) or len(scope) > MAX_SCOPE_CHARS:
            raise mandate_refused("scope")
        person = self._person(person_id, "no-mandate", moment)
        refusal: MandateRefused | None = None
        found: Mandate | None = None
        with self._store.read() as connection:
            firm = open_firm(connection, firm_id)
            if person.level == self._accounts.scale.lowest:
                refusal = mandate_refused("level")
            elif firm.representative == person.id and mandate_id in {None, firm.appointment}:
                found = _representative(firm)
            else:
                these = (mandates.c.agent == person.id) & (mandates.c.firm_id == firm_id)
                if mandate_id is not None:
                    these &= mandates.c.id == mandate_id
                found, refusal = _best(connection, these, scope, moment)
        self._record_act(person.id, firm_id, scope, found, refusal, now=moment)
        if refusal is not None:
            raise refusal
        if found is None:
            raise mandate_refused("no-mandate")
        return found

    def _person(self, person_id: str, code: str, now: datetime) -> Person:
        person = self._accounts.get(person_id, now=now)
        if person is None:
            raise mandate_refused(code)
        return person

    def _known(self, mandate_id: str) -> Mandate:
        found = self.find(mandate_id)
        if found is None:
            raise mandate_refused("no-mandate")
        return found

    def _page(self, condition: ColumnElement[bool], after: str, limit: int) -> list[Mandate]:
        check_page(limit)
        query = select(mandates).where(condition, mandates.c.id > after)
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(mandates.c.id).limit(limit))
            return [_mandate(row) for row in rows]

    def _done(
        self, connection: Connection, event: str, mandate_id: str, *, by: str, now: datetime
    ) -> Mandate:
        done = _read(connection, mandate_id)
        if self._audit is not None:
            self._audit.record(
                f"mandate.{event}",
                actor=by,
                subject=done.agent,
                object_=mandate_id,
                details={"firm": done.firm_id, "scope": " ".join(done.scope)},
                now=now,
                connection=connection,
            )
        return done

    def _record_act(
        self,
        person_id: str,
        firm_id: str,
        scope: str,
        found: Mandate | None,
        refusal: MandateRefused | None,
        *,
        now: datetime,
    ) -> None:
        if self._audit is not None:
            self._audit.record(
                "mandate.used",
                actor=person_id,
                subject=person_id,
                object_=None if found is None else found.id,
                outcome="ok" if refusal is None else refusal.code,
                details={"firm": firm_id, "scope": scope},
                now=now,
            )


def _representative(firm: Firm) -> Mandate:
    return Mandate(
        id=firm.appointment or "",
        firm_id=firm.id,
        agent=firm.representative or "",
        scope=(EVERYTHING,),
        valid_from=firm.registered_at,
        valid_until=None,
        offered_by=firm.representative or "",
        accepted_at=firm.registered_at,
    )


# Of several mandates that do not serve, the one that comes nearest says why.
_NEARNESS = ("ended", "expired", "not-accepted", "not-begun", "scope-not-given")
_LOOKED_THROUGH = 200


def _best(
    connection: Connection, these: ColumnElement[bool], scope: str, now: datetime
) -> tuple[Mandate | None, MandateRefused | None]:
    """Give one of these mandates that serves, or the reason why none does."""
    query = select(mandates).where(these)
    living_first = query.order_by(mandates.c.ended_at.is_not(None), mandates.c.valid_until.desc())
    faults: list[str] = []
    for row in connection.execute(living_first.limit(_LOOKED_THROUGH)):
        found = _mandate(row)
        fault = found.fault(now) or (None if found.covers(scope) else "scope-not-given")
        if fault is None:
            return found, None
        faults.append(fault)
    code = max(faults, key=_NEARNESS.index, default="no-mandate")
    return None, mandate_refused(code)


def _read(connection: Connection, mandate_id: str) -> Mandate:
    row = connection.execute(select(mandates).where(mandates.c.id == mandate_id)).first()
    if row is None:
        raise mandate_refused("no-mandate")
    return _mandate(row)


def _mandate(row: Row[Any]) -> Mandate:
    def moment(value: int | None) -> datetime | None:
        return None if value is None else from_seconds(value)

    return Mandate(
        id=row.id,
        firm_id=row.firm_id,
        agent=row.agent,
        scope=tuple(row.scope.split(" ")),
        valid_from=from_seconds(row.valid_from),
        valid_until=moment(row.valid_until),
        offered_by=row.offered_by,
        accepted_at=moment(row.accepted_at),
        ended_at=moment(row.ended_at),
        end_reason=row.end_reason,
    )


def _check_scope(scope: Sequence[str]) -> list[str]:
    """Give the names of a scope, each once; a text alone would be taken apart into letters."""
    names = [] if isinstance(scope, str) else sorted({*scope})
    good = all(_SCOPE.fullmatch(name) for name in names)
    if not good or not 0 < len(names) <= MAX_SCOPES or len(" ".join(names)) > MAX_SCOPE_CHARS:
        raise mandate_refused("scope")
    return names

"""Sessions (会话): who signed in, how strongly, when, and until when.

A session is made by an authenticator and ended by signing out; tokens name it as `sid`, which many
systems therefore know. So the browser proves itself with another value, the session's `secret`: it
is given once, when the session begins or becomes stronger, and only its SHA-256 is stored. An
application keeps it in a cookie (HttpOnly, Secure, SameSite=Lax) and asks `by_secret`.

A session is over at `expires_at` whatever happens, and at `idle_until` unless it is used
(`touch`). Rows past their end are removed a few at a time as others begin. Times are whole seconds.
The subject is an account's random id; of the place a session has no more than its owner is to be
shown in a list (a city, never an address of the network).
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from msb_identity.errors import SignInRefused
from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.sso.cutoffs import CutOffs
from msb_identity.sso.session import TOUCH_STEP, NewSession, Session, SessionRules, SubjectKind
from msb_identity.sso.session_rows import (
    MAX_DEVICE_CHARS,
    MAX_PLACE_CHARS,
    end_sessions,
    live_of,
    metadata,
    of_account,
    one_session,
    read_session,
    remove_expired_sessions,
    secret_hash,
    session_values,
    sessions,
    sessions_lock,
    with_secret,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.store import Store

__all__ = [
    "MAX_DEVICE_CHARS",
    "MAX_PLACE_CHARS",
    "NewSession",
    "Session",
    "SessionRules",
    "Sessions",
    "SubjectKind",
    "metadata",
    "sessions",
]

MAX_PAGE = 200
_SID_BYTES = 16
_SECRET_BYTES = 32


class Sessions:
    """The sessions of one store."""

    def __init__(
        self,
        store: Store,
        *,
        rules: SessionRules | None = None,
        cut_offs: CutOffs | None = None,
        audit: Audit | None = None,
    ) -> None:
        """Use the store that was opened with the `metadata` of this module and of cut-offs.

        cut_offs: those that a verifier in this process reads, so that it sees an end at once.
        audit: where ends are recorded.
        """
        self._store = store
        self._rules = rules or SessionRules()
        self._cut_offs = cut_offs or CutOffs(store)
        self._audit = audit

    def start(
        self,
        subject: str,
        *,
        level: int,
        acr: str,
        amr: tuple[str, ...],
        device: str = "",
        place: str = "",
        subject_kind: SubjectKind = SubjectKind.PERSON,
        times: tuple[datetime, ...] = (),
        ends_by: datetime | None = None,
        now: datetime | None = None,
    ) -> NewSession:
        """Begin a session; the secret it carries goes to the browser and nowhere else.

        level: the account's real-name level. acr, amr: how strongly, and by what, this sign-in was
        made (RFC 8176 names). device, place: what to show the owner in a list of sessions.
        times: when each method was shown, where that was earlier than now. ends_by: an end before
        that of the rules, of the session that this one comes from.
        """
        _check_methods(amr)
        began = from_seconds(seconds(aware(now)))
        session = NewSession(
            sid=_new_sid(),
            subject=subject,
            level=level,
            acr=acr,
            amr=amr,
            auth_time=min(times, default=began),
            expires_at=min(began + self._rules.life, ends_by or datetime.max.replace(tzinfo=UTC)),
            device=_printable(device, MAX_DEVICE_CHARS),
            place=_printable(place, MAX_PLACE_CHARS),
            subject_kind=subject_kind,
            idle_until=None if self._rules.idle is None else began + self._rules.idle,
            times=times or (began,) * len(amr),
            secret=secrets.token_urlsafe(_SECRET_BYTES),
        )
        with self._store.write(locks=[sessions_lock(subject)]) as connection:
            connection.execute(insert(sessions).values(session_values(session)))
            remove_expired_sessions(connection, began)
        return session

    def strengthen(
        self,
        sid: str,
        *,
        level: int,
        acr: str,
        amr: tuple[str, ...],
        now: datetime | None = None,
    ) -> NewSession:
        """Write a further sign-in onto a live session and give it with a new secret.

        The sid stays, so that one sign-out still ends all that was begun under it; the old secret
        is dead at once. SignInRefused (`session-ended`) where the session is over.
        """
        _check_methods(amr)
        moment = aware(now)
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        with self._store.write(locks=()) as connection:
            found = one_session(connection, sessions.c.sid == sid, lock=True)
            if found is None or not found.is_live(moment):
                raise SignInRefused(*_ENDED)
            shown = found.shown() | dict.fromkeys(amr, from_seconds(seconds(moment)))
            stronger = replace(
                with_secret(found, secret),
                level=level,
                acr=acr,
                amr=tuple(shown),
                auth_time=min(shown.values()),
                times=tuple(shown.values()),
            )
            connection.execute(
                update(sessions).where(sessions.c.sid == sid).values(session_values(stronger))
            )
        return stronger

    def get(self, sid: str) -> Session | None:
        """Find a session, ended or not; StoreError where the store cannot be asked."""
        with self._store.read() as connection:
            return one_session(connection, sessions.c.sid == sid)

    def by_secret(self, secret: str, *, now: datetime | None = None) -> Session | None:
        """Find the live session whose browser has this secret; None for any other text."""
        with self._store.read() as connection:
            found = one_session(connection, sessions.c.secret_hash == secret_hash(secret))
        return found if found is not None and found.is_live(now) else None

    def is_live(self, sid: str, now: datetime | None = None) -> bool:
        """Whether the session exists, was not ended and is not over; an ended one stays ended."""
        session = self.get(sid)
        return session is not None and session.is_live(now)

    def of(
        self, subject: str, *, after: str = "", limit: int = MAX_PAGE, now: datetime | None = None
    ) -> list[Session]:
        """Give a page of an account's live sessions, ordered by sid, from the one after `after`.

        subject: its id, or one that was merged into it.
        """
        if not 1 <= limit <= MAX_PAGE:
            message = f"a page has 1 to {MAX_PAGE} sessions"
            raise ValueError(message)
        live = live_of(subject, seconds(aware(now)))
        query = select(sessions).where(live, sessions.c.sid > after).order_by(sessions.c.sid)
        with self._store.read() as connection:
            rows = connection.execute(query.limit(limit)).mappings().all()
        return [read_session(row) for row in rows]

    def touch(self, session: Session, *, now: datetime | None = None) -> None:
        """Tell that a session is in use, so that it does not go idle.

        Cheap enough for every request: it writes at most once in TOUCH_STEP. One that is over, or
        was ended meanwhile, stays so.
        """
        moment = aware(now)
        if self._rules.idle is None or session.idle_until is None:
            return
        later = moment + self._rules.idle
        if later - session.idle_until < TOUCH_STEP or not session.is_live(moment):
            return
        until, at = seconds(later), seconds(moment)
        still = sessions.c.ended_at.is_(None) & (sessions.c.idle_until > at)
        this = (sessions.c.sid == session.sid) & (sessions.c.idle_until < until)
        with self._store.write(locks=()) as connection:
            connection.execute(update(sessions).where(this & still).values(idle_until=until))

    def end(self, sid: str, now: datetime | None = None, *, by: str | None = None) -> bool:
        """End a session at once; whether there was one that had not been ended.

        by: who ends it, for the log; default its owner.
        """
        moment = aware(now)
        with self._store.write(locks=()) as connection:
            return bool(self._end(connection, sessions.c.sid == sid, by=by, now=moment))

    def end_all(
        self, subject: str, *, but: str = "", now: datetime | None = None, by: str | None = None
    ) -> int:
        """End every session of an account, save the one whose sid is `but`; give how many.

        subject: its id, or one that was merged into it.
        """
        moment = aware(now)
        theirs = of_account(subject) & (sessions.c.sid != but)
        with self._store.write(locks=[sessions_lock(subject)]) as connection:
            return self._end(connection, theirs, by=by, now=moment)

    def remove_expired(self, *, now: datetime | None = None) -> None:
        """Remove a few of the sessions that are past their absolute end; call it again for more."""
        with self._store.write(locks=()) as connection:
            remove_expired_sessions(connection, aware(now))

    def _end(
        self,
        connection: Connection,
        these: ColumnElement[bool],
        *,
        by: str | None,
        now: datetime,
    ) -> int:
        return end_sessions(
            connection, these, cut_offs=self._cut_offs, audit=self._audit, by=by, now=now
        )


_ENDED = ("session-ended", "登录会话已结束，请重新登录", "the session has ended: sign in again")


def _new_sid() -> str:
    """Make the name of a session; none begins with "-", which commands take for an option."""
    while (sid := secrets.token_urlsafe(_SID_BYTES)).startswith("-"):
        pass
    return sid


def _check_methods(amr: tuple[str, ...]) -> None:
    if not amr or any(not method or " " in method for method in amr):
        message = "amr names at least one method, none with a space"
        raise ValueError(message)


def _printable(said: str, limit: int) -> str:
    """Keep what can be shown of a text that the device itself sent."""
    return "".join(c for c in said[:limit] if c.isprintable())

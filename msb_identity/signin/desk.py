"""What every authenticator ends with: the log, the owner's history, and the session or the refusal.

So that no authenticator forgets one of them, and all of them answer alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_identity.errors import SignInRefused
from msb_identity.foundation.text import showable
from msb_identity.signin.history import MAX_CHARS, NOBODY, OK, SignInHistory
from msb_identity.signin.stepup import ASSURANCE, Assurance
from msb_identity.sso.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store
    from msb_identity.signin.subjects import Origin, Subject
    from msb_identity.sso.sessions import NewSession, Session

OTHER_SUBJECT = (
    "other-subject",
    "与当前登录的不是同一账号",
    "this is not the account that is signed in",
)

CHANGED = (
    "changed-meanwhile",
    "账号同时被修改，请重新登录",
    "the account was changed meanwhile: sign in again",
)


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt: by which method, in whose name, from where.

    named: what names who tried, to the log. owner: the id of the account, None for nobody's.
    """

    method: str
    named: str
    owner: str | None
    origin: Origin


class SignInDesk:
    """Where evidence that held becomes a session."""

    def __init__(
        self,
        store: Store,
        protector: Protector,
        *,
        sessions: Sessions | None = None,
        assurance: Assurance = ASSURANCE,
        audit: Audit | None = None,
    ) -> None:
        """Use a store opened with the `metadata` of sessions and of the history.

        sessions: with the application's own rules. assurance: which methods reach which level.
        audit: where sign-ins and failed tries are recorded.
        """
        self.sessions = sessions or Sessions(store, audit=audit)
        self.history = SignInHistory(store, protector)
        self._store, self._assurance, self.audit = store, assurance, audit

    def admit(
        self,
        subject: Subject,
        *,
        methods: tuple[str, ...],
        origin: Origin,
        now: datetime,
        still: Callable[[], bool],
        session: Session | None = None,
    ) -> NewSession:
        """Begin a session, or make the one given stronger by these methods.

        still: whether what was found before still holds; asked when the session stands in the
        store, so that who changes it at this moment either ends that session or is noticed here.
        SignInRefused: `other-subject` where the session is somebody else's, `session-ended`,
        `changed-meanwhile`.
        """
        tried = Tried(methods[0], subject.id, subject.id, origin)
        made = self._make(subject, methods, tried, session=session, now=now)
        if not still():
            self.sessions.end(made.sid, now)
            raise self.refuse(CHANGED, tried, now=now)
        self.write(tried, OK, now=now)
        return made

    def _make(
        self,
        subject: Subject,
        methods: tuple[str, ...],
        tried: Tried,
        *,
        session: Session | None,
        now: datetime,
    ) -> NewSession:
        origin = tried.origin
        if session is None:
            return self.sessions.start(
                subject.id,
                level=subject.level,
                acr=self._assurance.acr_of(methods),
                amr=methods,
                device=origin.device,
                place=origin.place,
                subject_kind=subject.kind,
                now=now,
            )
        if (session.subject, session.subject_kind) != (subject.id, subject.kind):
            raise self.refuse(OTHER_SUBJECT, tried, now=now)
        return self.sessions.strengthen(
            session.sid,
            level=subject.level,
            acr=self._assurance.acr_of((*session.amr, *methods)),
            amr=methods,
            now=now,
        )

    def refuse(
        self, refusal: tuple[str, str, str], tried: Tried, *, now: datetime
    ) -> SignInRefused:
        """Record a failed attempt and give the error to raise.

        The same is done, and takes as long, whether the attempt was on somebody's account or not.
        Attempts that must wait are not looked at, and leave no trace: a flood of them would fill
        the log.
        """
        self.write(tried, refusal[0], now=now)
        return SignInRefused(*refusal)

    def write(self, tried: Tried, outcome: str, *, now: datetime) -> None:
        """Write one attempt into the owner's history and the log, as one."""
        with self._store.write(locks=()) as connection:
            self.history.add(
                connection,
                tried.owner or NOBODY,
                method=tried.method,
                outcome=outcome,
                origin=tried.origin,
                now=now,
            )
            if self.audit is not None:
                self.audit.record(
                    "sign-in",
                    subject=tried.named,
                    outcome=outcome,
                    details={"method": tried.method},
                    personal={"address": showable(tried.origin.address[:MAX_CHARS])},
                    now=now,
                    connection=connection,
                )

"""Sign-in by password (口令登录), and setting, changing and resetting one.

The hash is sealed in the store, so that a stolen database lets nobody even begin to guess. An
attempt is counted before it is judged and given back when it was right: however many are made at
once, no more are judged than the limits allow. Hashing is done with no transaction open. A name
that nobody has goes through the same steps, the same hash included, with the same answer.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)

from msb_identity.errors import SignInRefused
from msb_identity.foundation.clock import aware, seconds
from msb_identity.foundation.protect import Place
from msb_identity.foundation.rotation import SealedTable
from msb_identity.foundation.schema import IDENTITY
from msb_identity.people.sentences import account_refused
from msb_identity.signin.desk import SignInDesk, Tried
from msb_identity.signin.limits import Attempt, By, Limits, Policy, Rule
from msb_identity.signin.password_policy import PasswordPolicy, normal_form
from msb_identity.signin.stepup import fresh, require
from msb_identity.signin.subjects import Origin, directory_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store
    from msb_identity.people import Accounts
    from msb_identity.signin.hashing import Hasher
    from msb_identity.signin.limits import Counted
    from msb_identity.signin.subjects import Directory
    from msb_identity.sso.sessions import NewSession, Session

METHOD = "pwd"
RESET_WITHIN = timedelta(minutes=10)
"""How fresh a sign-in by another method must be to set a password without the old one."""
RESET_BY = frozenset({"sms", "pop", "hwk", "swk"})
"""These other methods: a code sent to the owner's number, or a certificate's key (RFC 8176)."""
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TRIES = Policy(
    "password-try",
    (
        Rule(By.PAIR, 5, _MINUTE, _HOUR, window=_DAY),
        Rule(By.SUBJECT, 20, timedelta(seconds=5), _MINUTE, window=_DAY),
        Rule(By.ADDRESS, 60, timedelta(seconds=10), 10 * _MINUTE, window=_HOUR),
    ),
)
_REFUSED = ("password-refused", "账号或密码错误", "the name or the password is wrong")
_TOO_MANY = (
    "too-many-tries",
    "密码错误次数过多，请稍后再试",
    "too many wrong passwords; try again later",
)
_NOT_FRESH = (
    "sign-in-again",
    "请先用其他方式重新登录，再设置密码",
    "sign in again by another method first",
)

metadata = IDENTITY.tables()
passwords = Table(
    "passwords",
    metadata,
    Column("subject", String(26), primary_key=True),
    Column("hash", LargeBinary, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
SEALED = SealedTable(passwords, ("hash",))
"""What `foundation.rotation` needs to know of this table."""


class Passwords:
    """The passwords of one kind of account, and signing in with them."""

    def __init__(
        self,
        store: Store,
        protector: Protector,
        accounts: Accounts | Directory,
        *,
        hasher: Hasher,
        desk: SignInDesk | None = None,
        policy: PasswordPolicy | None = None,
        audit: Audit | None = None,
    ) -> None:
        """Use a store opened with the `metadata` of limits, sessions, history and this module.

        accounts: those of persons, or the directory of another kind.
        hasher: one for the whole process, since it bounds the memory of all its users.
        desk: what authenticators share; audit: where changes of passwords are recorded.
        """
        self._store, self._protector = store, protector
        self._directory = directory_of(store, protector, accounts)
        self._hasher = hasher
        self._desk = desk or SignInDesk(store, protector, audit=audit)
        self._policy = policy or PasswordPolicy()
        self._audit = audit
        self._limits = Limits(protector)

    def sign_in(
        self,
        name: str,
        password: str,
        *,
        address: str,
        device: str = "",
        place: str = "",
        session: Session | None = None,
        now: datetime | None = None,
    ) -> NewSession:
        """Begin a session for the account of that name, or make the one given stronger.

        Raises IdentifierRefused for what can be no name, and SignInRefused: `password-refused` for
        a wrong password, an account without one and an unknown name alike; `too-many-tries` and
        `busy` with `retry_after`; `other-subject` where `session` is somebody else's.
        """
        moment = aware(now)
        attempt = Attempt(self._directory.mark(name), address)
        origin = Origin(address, device, place)
        counted = self._count(attempt, moment)
        owner = self._directory.find(name)
        tried = Tried(METHOD, name, owner, origin)
        right = self._judge(owner, password, counted)
        subject = self._directory.get(owner) if right is not None and owner is not None else None
        if right is None or subject is None:
            raise self._desk.refuse(_REFUSED, tried, now=moment)
        self._forgive(attempt, counted, moment)
        kept = self._renew(subject.id, password, right)
        return self._desk.admit(
            subject,
            methods=(METHOD,),
            origin=origin,
            session=session,
            still=lambda: (
                self._kept(subject.id) == kept and self._directory.get(subject.id) == subject
            ),
            now=moment,
        )

    def set(
        self, subject_id: str, password: str, *, by: str | None = None, now: datetime | None = None
    ) -> None:
        """Give an account a password without asking for one: at a counter, by an administrator.

        subject_id: the account's, or one that was merged into it. by: who does it, for the log.
        Ends the account's sessions. PasswordRefused by the policy; AccountRefused (`no-account`).
        """
        self._put(subject_id, password, event="password.set", actor=by, but="", now=aware(now))

    def change(
        self,
        session: Session,
        old: str,
        new: str,
        *,
        address: str,
        now: datetime | None = None,
    ) -> None:
        """Let the owner of a live session replace the password; ends the owner's other sessions.

        Tries at the old one are limited as at sign-in. SignInRefused as there, or `session-ended`;
        PasswordRefused by the policy.
        """
        moment = aware(now)
        require(session, now=moment)
        # By the account: its own counter, which nobody who is not signed in can fill.
        mark = self._protector.index("password-change", session.subject)
        attempt = Attempt(mark, address)
        owner = session.subject
        tried = Tried(METHOD, owner, owner, Origin(address, session.device))
        counted = self._count(attempt, moment)
        if self._judge(owner, old, counted) is None:
            raise self._desk.refuse(_REFUSED, tried, now=moment)
        self._forgive(attempt, counted, moment)
        self._put(
            owner,
            new,
            event="password.changed",
            actor=owner,
            but=session.sid,
            now=moment,
        )

    def reset(self, session: Session, new: str, *, now: datetime | None = None) -> None:
        """Let the owner set a password without the old one, freshly signed in by something else.

        Ends the owner's other sessions. SignInRefused (`sign-in-again`) for a session in which
        none of RESET_BY was shown within RESET_WITHIN, or that is tentative; PasswordRefused by the
        policy.
        """
        moment = aware(now)
        require(session, now=moment)
        shown = fresh(session, moment - RESET_WITHIN)
        if shown is None or RESET_BY.isdisjoint(shown.amr) or session.is_tentative:
            _refuse_reset()
        self._put(
            session.subject,
            new,
            event="password.reset",
            actor=session.subject,
            but=session.sid,
            now=moment,
        )

    def remove(
        self, subject_id: str, *, by: str | None = None, now: datetime | None = None
    ) -> bool:
        """Take an account's password away; whether it had one. by: who does it, for the log."""
        with self._store.write(locks=[_lock(subject_id)]) as connection:
            this = passwords.c.subject == subject_id
            removed = connection.execute(delete(passwords).where(this)).rowcount == 1
            if removed:
                self._record(connection, "password.removed", subject_id, actor=by, now=aware(now))
            return removed

    def _count(self, attempt: Attempt, now: datetime) -> Counted:
        """Count an attempt before it is judged; SignInRefused where it must wait."""
        with self._store.write(locks=self._limits.locks(attempt)) as connection:
            wait, counted = self._limits.ask(connection, TRIES, attempt, now)
        if wait:
            raise SignInRefused(*_TOO_MANY, retry_after=wait)
        return counted

    def _forgive(self, attempt: Attempt, counted: Counted, now: datetime) -> None:
        with self._store.write(locks=self._limits.locks(attempt)) as connection:
            self._limits.give_back(connection, counted)
            self._limits.forget_pair(connection, TRIES, attempt)
            self._limits.remember(connection, attempt, now)

    def _judge(self, owner: str | None, password: str, counted: Counted) -> str | None:
        """Give the hash that a password fits, None for a wrong one.

        The same query and the same hash for nobody's account as for one. What could not be judged
        (`busy`) is no wrong password, and is given back.
        """
        kept = self._kept(owner or "")
        plain = normal_form(password)
        try:
            fits = self._hasher.matches(kept, plain or b"")
        except SignInRefused:
            with self._store.write(locks=()) as connection:
                self._limits.give_back(connection, counted)
            raise
        return kept if fits and plain is not None else None

    def _kept(self, subject_id: str) -> str | None:
        query = select(passwords.c.hash).where(passwords.c.subject == subject_id)
        with self._store.read() as connection:
            sealed = connection.scalar(query)
        return None if sealed is None else self._protector.open_text(sealed, _place(subject_id))

    def _renew(self, subject_id: str, password: str, kept: str) -> str:
        """Hash a right password anew where the parameters have changed since; give its hash."""
        plain = normal_form(password)
        if plain is None or self._hasher.is_current(kept):
            return kept
        made = self._hasher.make(plain)
        sealed = self._protector.seal(made, _place(subject_id))
        with self._store.write(locks=[_lock(subject_id)]) as connection:
            this = passwords.c.subject == subject_id
            found = connection.scalar(select(passwords.c.hash).where(this))
            # Not where it was changed meanwhile.
            if found and self._protector.open_text(found, _place(subject_id)) == kept:
                connection.execute(update(passwords).where(this).values(hash=sealed))
                return made
        return kept

    def _put(
        self,
        subject_id: str,
        password: str,
        *,
        event: str,
        actor: str | None,
        but: str,
        now: datetime,
    ) -> None:
        subject = self._directory.get(subject_id)
        if subject is None:
            raise account_refused("no-account")
        subject_id = subject.id
        personal = self._directory.personal_texts(subject_id)
        plain = self._policy.check(password, personal=personal)
        sealed = self._protector.seal(self._hasher.make(plain), _place(subject_id))
        with self._store.write(locks=[_lock(subject_id)]) as connection:
            connection.execute(delete(passwords).where(passwords.c.subject == subject_id))
            row = {"subject": subject_id, "hash": sealed, "changed_at": seconds(now)}
            connection.execute(insert(passwords).values(row))
            self._record(connection, event, subject_id, actor=actor, now=now)
        # A session that somebody else began with the old password does not outlive it.
        self._desk.sessions.end_all(subject_id, but=but, now=now, by=actor)

    def _record(
        self,
        connection: Connection,
        event: str,
        subject_id: str,
        *,
        actor: str | None,
        now: datetime,
    ) -> None:
        if self._audit is not None:
            self._audit.record(
                event, actor=actor, subject=subject_id, now=now, connection=connection
            )


def _refuse_reset() -> NoReturn:
    raise SignInRefused(*_NOT_FRESH)


def _place(subject_id: str) -> Place:
    return Place("passwords", "hash", subject_id)


def _lock(subject_id: str) -> str:
    return f"password {subject_id}"

"""Sign-in by a code sent to the mobile number (短信验证码).

Six digits, kept as an HMAC bound to the number's blind index, good for five minutes, five tries and
one use. Consuming is one write transaction, so two processes cannot both use a code. Numbers that
nobody has registered go the same way with the same answers and limits; only nothing is sent.
Nothing personal is logged.
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    Table,
    delete,
    insert,
    select,
    update,
)

from msb_identity.envelopes import cbor
from msb_identity.errors import SignInRefused
from msb_identity.foundation.clock import aware
from msb_identity.foundation.protect import mask_phone
from msb_identity.foundation.schema import IDENTITY
from msb_identity.people.identifiers import MOBILE_DOMAIN, check_mobile
from msb_identity.signin.desk import SignInDesk, Tried
from msb_identity.signin.limits import (
    Attempt,
    By,
    Limits,
    Policy,
    Rule,
    microseconds,
    remove_expired,
)
from msb_identity.signin.subjects import Origin, directory_of
from msb_identity.sso.sessions import SubjectKind

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store
    from msb_identity.people import Accounts
    from msb_identity.signin.subjects import Directory
    from msb_identity.sso.sessions import NewSession, Session

CODE_DIGITS = 6
CODE_LIFE = timedelta(minutes=5)
MAX_TRIES = 5
CODE_DOMAIN = "sms-code"
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
REQUESTS = Policy(
    "sms-request",
    (
        Rule(By.SUBJECT, 1, _MINUTE, _MINUTE, window=_MINUTE),
        # One address uses up half of a number's day at most: the other half stays its owner's.
        Rule(By.PAIR, 5, _DAY, _DAY, window=_DAY),
        Rule(By.SUBJECT, 10, _DAY, _DAY, window=_DAY),
        # What strangers ask for in a day does not use up what its owner may.
        Rule(By.OWNER, 1, _MINUTE, _MINUTE, window=_MINUTE),
        Rule(By.OWNER, 10, _DAY, _DAY, window=_DAY),
        Rule(By.ADDRESS, 60, _MINUTE, 10 * _MINUTE, window=_HOUR),
    ),
)
TRIES = Policy(
    "sms-try",
    (
        # Within a code's life one address has four of its five tries: one stays its owner's.
        Rule(By.PAIR, 3, 2 * _MINUTE, _HOUR, window=_DAY),
        Rule(By.SUBJECT, 20, timedelta(seconds=5), _MINUTE, window=_DAY),
        Rule(By.ADDRESS, 60, timedelta(seconds=10), 10 * _MINUTE, window=_HOUR),
    ),
)
_CODE = re.compile(rf"[0-9]{{{CODE_DIGITS}}}")
_TEXT = (
    "【MSB】验证码 {code}，{minutes} 分钟内有效，请勿告诉他人。"
    " / Your sign-in code is {code}, good for {minutes} minutes. Tell nobody."
)
_REFUSED = ("code-refused", "验证码错误或已失效", "the code is wrong or no longer good")
_TOO_MANY_REQUESTS = (
    "too-many-requests",
    "获取验证码过于频繁，请稍后再试",
    "codes were asked for too often; try again later",
)
_TOO_MANY_TRIES = (
    "too-many-tries",
    "验证码错误次数过多，请稍后再试",
    "too many wrong codes; try again later",
)

metadata = IDENTITY.tables()
sms_codes = Table(
    "sms_codes",
    metadata,
    Column("mobile_index", LargeBinary(32), primary_key=True),
    Column("code", LargeBinary(32), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("expires_at_us", BigInteger, nullable=False, index=True),
)
_log = logging.getLogger(__name__)


class Sender(Protocol):
    """Sends a text message.

    It should queue the message and return at once: the time of a slow gateway would tell which
    numbers are registered.
    """

    def send(self, mobile: str, text: str) -> None:
        """Send `text` to a mobile number of 11 digits."""


class ConsoleSender:
    """Prints messages to stderr: for development and the demo, since it shows codes."""

    def send(self, mobile: str, text: str) -> None:
        """Print one line, the number masked."""
        sys.stderr.write(f"[短信 / SMS → {mask_phone(mobile)}] {text}\n")
        sys.stderr.flush()


class SmsSignIn:
    """Asks for codes and turns a right one into a session."""

    def __init__(
        self,
        store: Store,
        protector: Protector,
        accounts: Accounts | Directory,
        sender: Sender,
        *,
        audit: Audit | None = None,
        desk: SignInDesk | None = None,
    ) -> None:
        """Use a store opened with the `metadata` of limits, sessions, history and this module.

        accounts: those of persons, or the directory of another kind that finds its accounts by
        mobile number. audit: where sign-ins and failed tries are recorded. desk: one that
        authenticators share, with rules of the application's own; it has its audit then.
        """
        self._store = store
        self._protector = protector
        self._directory = directory_of(store, protector, accounts)
        if not self._directory.by_mobile:  # a name that looks like a number would be sent codes
            message = "codes by SMS need a directory that finds accounts by mobile number"
            raise ValueError(message)
        self._sender = sender
        self._limits = Limits(protector)
        self._desk = desk or SignInDesk(store, protector, audit=audit)

    def request_code(self, mobile: str, *, address: str, now: datetime | None = None) -> None:
        """Send a new code to a registered number; for any other do the same and send nothing.

        address: where the request comes from, as the server sees it.
        Raises IdentifierRefused for what is no mobile number, and SignInRefused
        (`too-many-requests`, with `retry_after`) beyond the limits.
        """
        moment = aware(now)
        attempt = Attempt(self._mark(mobile), address)
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
        with self._store.write(locks=self._limits.locks(attempt)) as connection:
            wait, _ = self._limits.ask(connection, REQUESTS, attempt, moment)
            if not wait:
                self._keep(connection, attempt.subject, code, moment)
        if wait:
            raise SignInRefused(*_TOO_MANY_REQUESTS, retry_after=wait)
        if self._directory.find(mobile) is not None:
            self._send(check_mobile(mobile), code)

    def sign_in(
        self,
        mobile: str,
        code: str,
        *,
        address: str,
        device: str = "",
        place: str = "",
        session: Session | None = None,
        now: datetime | None = None,
    ) -> NewSession:
        """Use up the code and begin a session, or make the one given stronger.

        Raises SignInRefused: `code-refused` for a wrong, old, used or never sent code and for an
        unknown number alike; `too-many-tries` with `retry_after` while this attempt must wait;
        `other-subject` where `session` is somebody else's.
        """
        moment = aware(now)
        attempt = Attempt(self._mark(mobile), address)
        # Nothing is raised inside: the transaction must commit what it counted.
        with self._store.write(locks=self._limits.locks(attempt)) as connection:
            wait = self._limits.wait(connection, TRIES, attempt, moment)
            right = not wait and self._consume(connection, attempt.subject, code, moment)
            if not wait and not right:
                self._limits.count(connection, TRIES, attempt, moment)
        if wait:
            raise SignInRefused(*_TOO_MANY_TRIES, retry_after=wait)
        owner = self._directory.find(mobile)
        # The number names who tried: whether it has an account is not for a failed try to tell.
        tried = Tried("sms", mobile, owner, Origin(address, device, place))
        known = session is not None and session.subject == owner and not session.is_tentative
        subject = None
        if right and owner is not None:
            subject = self._directory.by_code(owner, mobile, known=known, now=moment)
        if subject is None:
            raise self._desk.refuse(_REFUSED, tried, now=moment)
        with self._store.write(locks=self._limits.locks(attempt)) as connection:
            # Who holds the phone may go on asking from here; an attacker never comes this far.
            self._limits.forget_pair(connection, TRIES, attempt)
            self._limits.forget_pair(connection, REQUESTS, attempt)
            self._limits.remember(connection, attempt, moment)
        return self._desk.admit(
            subject,
            methods=("sms",),
            origin=tried.origin,
            session=session,
            still=lambda: (
                self._directory.find(mobile) == owner
                and self._directory.get(subject.id) is not None
            ),
            now=moment,
        )

    def _mark(self, mobile: str) -> bytes:
        """Give what stands for a number where attempts are counted and codes are kept."""
        kind = self._directory.kind
        domain = MOBILE_DOMAIN if kind is SubjectKind.PERSON else f"{kind} {MOBILE_DOMAIN}"
        return self._protector.index(domain, check_mobile(mobile))

    def _keep(self, connection: Connection, index: bytes, code: str, now: datetime) -> None:
        """Keep a new code in place of an older one."""
        connection.execute(delete(sms_codes).where(sms_codes.c.mobile_index == index))
        connection.execute(
            insert(sms_codes).values(
                mobile_index=index,
                code=self._digest(index, code),
                tries=0,
                expires_at_us=microseconds(now + CODE_LIFE),
            )
        )
        remove_expired(connection, sms_codes, microseconds(now))

    def _consume(self, connection: Connection, index: bytes, code: str, now: datetime) -> bool:
        """Spend one try; say whether the code was right, and if so remove it."""
        given = self._digest(index, code if _CODE.fullmatch(code) else "")
        this_one = sms_codes.c.mobile_index == index
        found = connection.execute(
            select(sms_codes).where(this_one).with_for_update()
        ).one_or_none()
        if found is None or found.expires_at_us <= microseconds(now):
            return False
        if hmac.compare_digest(found.code, given):
            removed = connection.execute(delete(sms_codes).where(this_one))
            return removed.rowcount == 1
        if found.tries + 1 >= MAX_TRIES:
            connection.execute(delete(sms_codes).where(this_one))
        else:
            connection.execute(update(sms_codes).where(this_one).values(tries=found.tries + 1))
        return False

    def _digest(self, index: bytes, code: str) -> bytes:
        return self._protector.index(CODE_DOMAIN, cbor.encode([index, code]))

    def _send(self, mobile: str, code: str) -> None:
        text = _TEXT.format(code=code, minutes=CODE_LIFE // _MINUTE)
        try:
            self._sender.send(mobile, text)
        except Exception as error:  # noqa: BLE001 - the caller's own code: anything may come
            # Not raised: that would tell registered numbers from others. Nor is its text logged.
            _log.error("the SMS sender failed with %s", type(error).__name__)

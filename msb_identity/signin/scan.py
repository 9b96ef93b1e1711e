"""Scan sign-in (扫码登录): a web page shows a code, the signed-in app confirms, the page is in.

The code in the picture only lets an app ask; it never opens anything. The page proves itself with
another secret, known to its browser alone, and that collects the session once. The app shows the
page's device and place, and its owner picks the number that the page shows, among three: one wrong
choice ends the attempt. So whoever photographs a code gets nothing, and whoever is led to confirm
another's page (QRLjacking) sees a foreign place and has no number to pick.

States: waiting → scanned → confirmed → collected; refused and expired are ends too. Each step is
one statement that finds the state before it, so two processes never both take it. The new session
is as strong as the app's and no fresher, and lasts no longer: no chain of scans outlives a sign-in.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, NoReturn

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    String,
    Table,
    insert,
    select,
    update,
)

from msb_identity.errors import SignInRefused
from msb_identity.foundation.clock import aware
from msb_identity.foundation.schema import IDENTITY
from msb_identity.foundation.text import showable
from msb_identity.signin.desk import SignInDesk, Tried
from msb_identity.signin.history import OK
from msb_identity.signin.limits import (
    Limits,
    by_address,
    microseconds,
    policy_for_anybody,
    remove_expired,
)
from msb_identity.signin.stepup import require
from msb_identity.signin.subjects import Origin
from msb_identity.sso.sessions import MAX_DEVICE_CHARS, MAX_PLACE_CHARS

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store
    from msb_identity.sso.sessions import NewSession, Session

PREFIX = "MSBS1:"
"""What a code to be scanned begins with (docs/formats.md, "scan sign-in")."""
SCAN_LIFE = timedelta(minutes=2)
POLL_INTERVAL = timedelta(seconds=1)
METHOD = "mca"
"""Multiple-channel authentication (RFC 8176), as the history calls a scan. It is in no session's
methods: whoever holds a session can scan a code of his own, and has shown nothing by that."""
_CODE_BYTES, _SECRET_BYTES = 16, 32
_CODE = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{22}}", re.ASCII)
_NUMBERS = range(10, 100)
_CHOICES = 3
BEGINNING = policy_for_anybody("scan")

metadata = IDENTITY.tables()
scans = Table(
    "scans",
    metadata,
    Column("code_hash", LargeBinary(32), primary_key=True),
    Column("secret_hash", LargeBinary(32), nullable=False, unique=True, index=True),
    Column("state", String(16), nullable=False),
    Column("number", Integer, nullable=False),
    Column("choices", String(16), nullable=False),
    Column("device", String(MAX_DEVICE_CHARS), nullable=False),
    Column("place", String(MAX_PLACE_CHARS), nullable=False),
    Column("sid", String(22)),
    Column("polled_at_us", BigInteger, nullable=False),
    Column("expires_at_us", BigInteger, nullable=False, index=True),
)


class ScanState(StrEnum):
    """How far a scan sign-in has come."""

    WAITING = "waiting"
    SCANNED = "scanned"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    EXPIRED = "expired"
    COLLECTED = "collected"


@dataclass(frozen=True, slots=True, repr=False)
class ShownScan:
    """What a page begins with: the code to show as a picture, the number to show beside it.

    secret: the browser's own, for a cookie (HttpOnly, Secure, SameSite=Strict) and nothing else.
    """

    code: str
    number: int
    secret: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """What the app shows its owner before asking: whose page wants to be signed in."""

    device: str
    place: str
    choices: tuple[int, ...]
    expires_at: datetime


class ScanSignIn:
    """The scan sign-ins of one store."""

    def __init__(
        self, store: Store, protector: Protector, *, desk: SignInDesk | None = None
    ) -> None:
        """Use a store opened with the `metadata` of limits, sessions, history and this module."""
        self._store = store
        self._limits = Limits(protector)
        self._desk = desk or SignInDesk(store, protector)

    def begin(
        self, *, address: str, device: str = "", place: str = "", now: datetime | None = None
    ) -> ShownScan:
        """Begin, for a page that is not signed in.

        device, place: of the browser, as the app will show them. SignInRefused
        (`too-many-requests`) where one address begins too many.
        """
        moment, attempt = aware(now), by_address(address)
        choices = secrets.SystemRandom().sample(_NUMBERS, _CHOICES)
        shown = ShownScan(
            code=PREFIX + secrets.token_urlsafe(_CODE_BYTES),
            number=secrets.choice(choices),
            secret=secrets.token_urlsafe(_SECRET_BYTES),
            expires_at=moment + SCAN_LIFE,
        )
        row = {
            "code_hash": _hash(shown.code),
            "secret_hash": _hash(shown.secret),
            "state": str(ScanState.WAITING),
            "number": shown.number,
            "choices": " ".join(map(str, choices)),
            "device": showable(device[:MAX_DEVICE_CHARS], instead=""),
            "place": showable(place[:MAX_PLACE_CHARS], instead=""),
            "polled_at_us": 0,
            "expires_at_us": microseconds(shown.expires_at),
        }
        with self._store.write(locks=self._limits.locks(attempt)) as connection:
            wait, _ = self._limits.ask(connection, BEGINNING, attempt, moment)
            if not wait:
                connection.execute(insert(scans).values(row))
                remove_expired(connection, scans, microseconds(moment))
        if wait:
            raise SignInRefused(*_TOO_MANY, retry_after=wait)
        return shown

    def scan(self, code: str, session: Session, *, now: datetime | None = None) -> ScanRequest:
        """Tell the app what its owner is asked to confirm; from now on no other app may.

        session: the app's own, live, fresh from the store. SignInRefused: `scan-refused` for a code
        that is unknown, over or another app's, `session-ended`.
        """
        moment = aware(now)
        require(session, now=moment)
        row = self._step(
            code, session, before=ScanState.WAITING, after=ScanState.SCANNED, now=moment
        )
        return ScanRequest(
            device=row["device"],
            place=row["place"],
            choices=tuple(map(int, row["choices"].split(" "))),
            expires_at=_EPOCH + timedelta(microseconds=row["expires_at_us"]),
        )

    def confirm(
        self, code: str, session: Session, number: int, *, now: datetime | None = None
    ) -> None:
        """Let the page in, by the app that scanned it, if its owner picked the page's number.

        SignInRefused: `wrong-number`, and the attempt is over; `scan-refused`; `session-ended`.
        """
        moment = aware(now)
        require(session, now=moment)
        row = self._step(
            code,
            session,
            before=ScanState.SCANNED,
            after=ScanState.CONFIRMED,
            now=moment,
            number=number,
        )
        if row["number"] != number:
            # The owner sees that somebody tried to lead them.
            raise self._desk.refuse(_WRONG_NUMBER, _tried(session, row), now=moment)

    def refuse(self, code: str, session: Session, *, now: datetime | None = None) -> None:
        """End the attempt: the owner did not want this; SignInRefused as for `confirm`."""
        moment = aware(now)
        require(session, now=moment)
        row = self._step(
            code, session, before=ScanState.SCANNED, after=ScanState.REFUSED, now=moment
        )
        self._desk.write(_tried(session, row), "refused-by-owner", now=moment)

    def poll(self, secret: str, *, now: datetime | None = None) -> ScanState:
        """Tell the page how far it has come; EXPIRED for a secret that nobody has.

        SignInRefused (`polled-too-fast`, with `retry_after`) less than POLL_INTERVAL after the last
        time, which writes nothing.
        """
        moment = aware(now)
        at = microseconds(moment)
        this = scans.c.secret_hash == _hash(secret)
        with self._store.read() as connection:
            row = connection.execute(select(scans).where(this)).mappings().one_or_none()
        if row is None:
            return ScanState.EXPIRED
        wait = row["polled_at_us"] + POLL_INTERVAL // timedelta(microseconds=1) - at
        if wait > 0:
            raise SignInRefused(*_TOO_FAST, retry_after=timedelta(microseconds=wait))
        with self._store.write(locks=()) as connection:
            connection.execute(update(scans).where(this).values(polled_at_us=at))
        return _state(row, at)

    def collect(self, secret: str, *, address: str, now: datetime | None = None) -> NewSession:
        """Give the confirmed page its session, once.

        address: the browser's now, for the owner's history. SignInRefused: `scan-refused` unless it
        is confirmed and not collected, and the app's session still lives.
        """
        moment = aware(now)
        at = microseconds(moment)
        this = (scans.c.secret_hash == _hash(secret)) & (scans.c.expires_at_us > at)
        confirmed = this & (scans.c.state == str(ScanState.CONFIRMED))
        with self._store.write(locks=()) as connection:
            row = connection.execute(select(scans).where(confirmed)).mappings().one_or_none()
            taken = update(scans).where(confirmed).values(state=str(ScanState.COLLECTED))
            won = connection.execute(taken).rowcount == 1
        app = self._desk.sessions.get(row["sid"]) if row is not None and won else None
        if row is None or app is None or not app.is_live(moment):
            _refuse_scan()
        session = self._desk.sessions.start(
            app.subject,
            level=app.level,
            acr=app.acr,
            amr=app.amr,
            device=row["device"],
            place=row["place"],
            subject_kind=app.subject_kind,
            times=tuple(app.shown().values()),
            ends_by=app.expires_at,
            now=moment,
        )
        # Who ended all sessions at this moment meant this one too.
        if not self._desk.sessions.is_live(app.sid, moment):
            self._desk.sessions.end(session.sid, moment)
            _refuse_scan()
        self._desk.write(_tried(app, row, address), OK, now=moment)
        return session

    def _step(
        self,
        code: str,
        session: Session,
        *,
        before: ScanState,
        after: ScanState,
        now: datetime,
        number: int | None = None,
    ) -> RowMapping:
        """Take one step of the app's, by the app that took the one before; give the row.

        number: what the owner picked; another than the page's leads to REFUSED instead.
        """
        this = scans.c.code_hash == _hash(code)
        ready = this & (scans.c.state == str(before)) & (scans.c.expires_at_us > microseconds(now))
        if before is not ScanState.WAITING:
            ready &= scans.c.sid == session.sid
        with self._store.write(locks=()) as connection:
            row = connection.execute(select(scans).where(ready)).mappings().one_or_none()
            if row is None or not _CODE.fullmatch(code):
                _refuse_scan()
            wrong = number is not None and row["number"] != number
            state = str(ScanState.REFUSED if wrong else after)
            moved = update(scans).where(ready).values(state=state, sid=session.sid)
            if connection.execute(moved).rowcount != 1:  # another process was first
                _refuse_scan()
        return row


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REFUSED = (
    "scan-refused",
    "二维码已失效，请刷新后重试",
    "the code is no longer good: refresh the page and try again",
)
_WRONG_NUMBER = (
    "wrong-number",
    "数字与网页显示的不一致，本次登录已取消",
    "this is not the number that the page shows: the sign-in was stopped",
)
_TOO_FAST = ("polled-too-fast", "查询过于频繁", "asked again too soon")
_TOO_MANY = (
    "too-many-requests",
    "请求过于频繁，请稍后再试",
    "too many codes were asked for; try again later",
)


def _refuse_scan() -> NoReturn:
    raise SignInRefused(*_REFUSED)


def _state(row: RowMapping, at: int) -> ScanState:
    """What the page is told: an attempt that is over by time says so, unless it ended before."""
    state = ScanState(row["state"])
    is_open = state in (ScanState.WAITING, ScanState.SCANNED, ScanState.CONFIRMED)
    return ScanState.EXPIRED if is_open and row["expires_at_us"] <= at else state


def _tried(session: Session, row: RowMapping, address: str = "") -> Tried:
    """Name the attempt in the history of the app's owner."""
    origin = Origin(address, row["device"], row["place"])
    return Tried(METHOD, session.subject, session.subject, origin)


def _hash(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "replace")).digest()

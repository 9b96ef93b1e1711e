"""What a session is (会话): one sign-in of one account, and how long it lasts.

Where sessions are kept, and what a browser proves itself by: sessions.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from msb_identity.foundation.clock import aware

if TYPE_CHECKING:
    from datetime import datetime

SESSION_LIFE = timedelta(hours=12)
NO_LEVEL = 0
"""Below every real-name level: of staff and firms, and of a person's session `is_tentative`."""
TOUCH_STEP = timedelta(minutes=1)
"""A session in use is written at most this often: so much too early it may go idle."""


class SubjectKind(StrEnum):
    """Whose account a session is of: a natural person (自然人), staff (工作人员), a firm (法人).

    A firm signs in itself only by a certificate of its own; who acts for one signs in as a person.
    """

    PERSON = "person"
    STAFF = "staff"
    FIRM = "firm"


@dataclass(frozen=True, slots=True)
class SessionRules:
    """How long sessions last.

    life: the absolute length. idle: how long one may lie unused; None where the application does
    not tell of use (`Sessions.touch`), since every session would end in the middle of work.
    """

    life: timedelta = SESSION_LIFE
    idle: timedelta | None = None

    def __post_init__(self) -> None:
        """Refuse what ends before it begins, and an idle time that `touch` could not keep up."""
        if self.life < TOUCH_STEP or (self.idle is not None and self.idle < 2 * TOUCH_STEP):
            message = f"a session lives at least {TOUCH_STEP}, and may be idle twice that"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in of one person or member of staff.

    level: the real-name level (实名等级) of the account when it signed in. acr, amr: how strongly,
    and by what (RFC 8176). times: when each of these methods was last shown, in their order.
    auth_time: when the oldest of them was, so that no fresh one makes the others look fresh.
    """

    sid: str
    subject: str
    level: int
    acr: str
    amr: tuple[str, ...]
    auth_time: datetime
    expires_at: datetime
    device: str = ""
    ended_at: datetime | None = None
    place: str = ""
    subject_kind: SubjectKind = SubjectKind.PERSON
    idle_until: datetime | None = None
    times: tuple[datetime, ...] = ()

    def shown(self) -> dict[str, datetime]:
        """Give when each method was last shown; of a session that does not know, `auth_time`."""
        return dict(zip(self.amr, self.times or [self.auth_time] * len(self.amr), strict=True))

    def is_live(self, now: datetime | None = None) -> bool:
        """Whether the session was neither ended nor over at that time, as far as was known."""
        return self.ended_at is None and aware(now) < self.ends_at

    @property
    def is_tentative(self) -> bool:
        """Whether it began with a code sent to a number that was declared and never proven.

        Whoever holds that number need not be the person whom the account's level speaks of: none of
        it counts until something else of the account's is shown.
        """
        return self.subject_kind is SubjectKind.PERSON and self.level == NO_LEVEL

    @property
    def ends_at(self) -> datetime:
        """When the session is over if nobody uses it any more."""
        return min(self.expires_at, self.idle_until or self.expires_at)


@dataclass(frozen=True, slots=True, eq=False)
class NewSession(Session):
    """A session that has just begun, or become stronger, with what its browser proves itself by.

    secret: the cookie's value, 256 random bits in base64url; stored nowhere, shown never again.
    """

    secret: str = field(default="", repr=False)

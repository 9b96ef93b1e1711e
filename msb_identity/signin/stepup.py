"""How strong a sign-in is, and asking for a stronger one (认证等级, 二次认证).

A table says which methods together reach which level; a province writes its own. The levels here
are named after NIST SP 800-63B (AAL 1 to 3); methods have their names of RFC 8176. `require` is
what a service calls before something that needs more than just any session (RFC 9470).

Real-name levels (实名等级) are another scale: no sign-in raises them, so where one is too low
`StepUpRequired` offers no way but says which level is wanted. Only a tentative session has less
than its account, and the ways to that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from msb_identity.errors import StepUpRequired
from msb_identity.foundation.clock import aware

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from msb_identity.sso.sessions import Session

ACR_1, ACR_2, ACR_3 = "urn:msb:aal:1", "urn:msb:aal:2", "urn:msb:aal:3"


@dataclass(frozen=True, slots=True)
class Assurance:
    """Authentication levels, weakest first, and which methods together reach each.

    rows: the methods of a row, all of them, reach its level; of several rows the highest counts.
    Methods that reach nothing give the weakest level.
    """

    levels: tuple[str, ...]
    rows: tuple[tuple[frozenset[str], str], ...]

    def __post_init__(self) -> None:
        """Refuse rows that name a level there is not."""
        if not self.levels or any(acr not in self.levels for _, acr in self.rows):
            message = "a row names a level that is not among the levels"
            raise ValueError(message)

    def acr_of(self, methods: Iterable[str]) -> str:
        """Give the highest level that these methods reach together."""
        done = set(methods)
        reached = [self.rank(acr) for needed, acr in self.rows if needed <= done]
        return self.levels[max(reached, default=0)]

    def rank(self, acr: str) -> int:
        """Give a level's place on the scale; -1 for one that is not on it."""
        return self.levels.index(acr) if acr in self.levels else -1

    def ways(self, acr: str, done: Iterable[str] = ()) -> tuple[tuple[str, ...], ...]:
        """Give what each row that reaches `acr` still lacks, the shortest first."""
        rank, had = self.rank(acr), set(done)
        lacking = {
            tuple(sorted(needed - had))
            for needed, reached in self.rows
            if self.rank(reached) >= rank
        }
        return tuple(sorted(lacking - {()}, key=lambda way: (len(way), way)))


ASSURANCE = Assurance(
    levels=(ACR_1, ACR_2, ACR_3),
    rows=(
        (frozenset({"pwd"}), ACR_1),
        (frozenset({"sms"}), ACR_1),
        (frozenset({"pwd", "sms"}), ACR_2),
        # A certificate's key. Who lets certificates lie in files without a device writes ACR_2.
        (frozenset({"pop"}), ACR_3),
    ),
)
"""The table used where none is given."""


def require(
    session: Session,
    *,
    acr: str | None = None,
    level: int | None = None,
    max_age: timedelta | None = None,
    assurance: Assurance = ASSURANCE,
    now: datetime | None = None,
) -> None:
    """Return where a session is strong, fresh and proofed enough; else raise StepUpRequired.

    acr: the authentication level wanted (ValueError for one that is not in the table).
    level: the real-name level wanted. max_age: how long ago the methods that reach `acr`, each of
    them, may have been shown.
    Codes: `session-ended`, `level-too-low`, `too-weak`, `too-old`, the first that applies.
    """
    moment = aware(now)
    wanted = assurance.levels[0] if acr is None else acr
    if assurance.rank(wanted) < 0:
        message = "no such authentication level in the table"
        raise ValueError(message)
    every_way = assurance.ways(wanted)
    if not session.is_live(moment):
        raise _step_up("session-ended", wanted, every_way, session.level)
    if level is not None and session.level < level:
        others = assurance.ways(wanted, session.amr) if session.is_tentative else ()
        raise _step_up("level-too-low", wanted, others, level)
    # An old method does not count where a fresh sign-in is asked for.
    seen = session if max_age is None else fresh(session, moment - max_age, assurance=assurance)
    ways = assurance.ways(wanted, () if seen is None else seen.amr)
    if acr is not None and assurance.rank(session.acr) < assurance.rank(acr):
        raise _step_up("too-weak", wanted, ways, session.level)
    if seen is None or (acr is not None and assurance.rank(seen.acr) < assurance.rank(acr)):
        raise _step_up("too-old", wanted, ways, session.level)


def fresh(session: Session, since: datetime, *, assurance: Assurance = ASSURANCE) -> Session | None:
    """Give a session as what was shown since then makes it; None where that is nothing.

    Its level, methods and `auth_time` are those of the methods shown since, together.
    """
    shown = {method: at for method, at in session.shown().items() if at >= since}
    if len(shown) == len(session.amr):
        return session
    if not shown:
        return None
    return replace(
        session,
        acr=assurance.acr_of(shown),
        amr=tuple(shown),
        times=tuple(shown.values()),
        auth_time=min(shown.values()),
    )


_SENTENCES = {
    "session-ended": ("登录会话已结束，请重新登录", "the session has ended: sign in again"),
    "level-too-low": (
        "实名等级不足，请先提升实名等级",
        "the account's real-name level is too low for this",
    ),
    "too-weak": ("需要更高强度的认证", "this needs a stronger sign-in"),
    "too-old": (
        "距上次认证时间过长，请再次认证",
        "what was shown at sign-in is too long ago: show it again",
    ),
}


def _step_up(code: str, acr: str, ways: tuple[tuple[str, ...], ...], level: int) -> StepUpRequired:
    zh, en = _SENTENCES[code]
    return StepUpRequired(code, zh, en, acr=acr, ways=ways, level=level)

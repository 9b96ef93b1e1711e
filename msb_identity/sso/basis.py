"""What a token rests on: when one of these is ended, the token is.

A session, a mandate and a token never come back once ended: everything of theirs is refused. A
subject, a client and a grant go on: what was issued to them up to the second of the cut-off is
refused (`iat` ≤ cut-off). A token made later within that same second is refused as well, since
nobody can tell it from an earlier one: the safe side.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Ended(StrEnum):
    """What a cut-off ends."""

    SESSION = "session"
    SUBJECT = "subject"
    CLIENT = "client"
    MANDATE = "mandate"
    GRANT = "grant"  # what one client was given in one session
    TOKEN = "token"  # noqa: S105 - a kind, not a secret


def cut_off_name(kind: Ended, id_: str) -> str:
    """Give the name under which an end stands in the store and in lists."""
    return f"{kind}:{id_}"


_SESSION, _SUBJECT, _CLIENT, _MANDATE, _GRANT, _TOKEN = (cut_off_name(kind, "") for kind in Ended)


@dataclass(frozen=True, slots=True)
class Basis:
    """The names of what a token rests on, and when it was made.

    for_good: what never comes back. until: what ends only what was made up to then.
    """

    for_good: tuple[str, ...]
    until: tuple[str, ...]
    issued_at: int

    @classmethod
    def of(
        cls,
        *,
        iat: int,
        sid: str | None = None,
        sub: str | None = None,
        client: str | None = None,
        mandate: str | None = None,
        actor: str | None = None,
        token_id: str | None = None,
    ) -> Basis:
        """Name what there is; iat: NumericDate, whole seconds; actor: who acts for `sub`."""
        named = ((_SESSION, sid), (_MANDATE, mandate), (_TOKEN, token_id))
        grant = None if sid is None or client is None else f"{sid}/{client}"
        until = ((_SUBJECT, sub), (_SUBJECT, actor), (_CLIENT, client), (_GRANT, grant))
        return cls(
            tuple([prefix + id_ for prefix, id_ in named if id_ is not None]),
            tuple([prefix + id_ for prefix, id_ in until if id_ is not None]),
            iat,
        )

    def is_ended_by(self, cut: Mapping[str, int]) -> bool:
        """Whether one of these cut-offs, name → second, ends it."""
        if not cut:
            return False
        for name in self.for_good:
            if name in cut:
                return True
        return any(self.issued_at <= cut.get(name, -1) for name in self.until)


class CutOffSource(Protocol):
    """Where it is known what was ended: the store, or the issuer's list."""

    def is_cut(self, basis: Basis) -> bool | None:
        """Whether such a token was ended; None where the issuer says nothing of ends.

        StoreError or FetchRefused where that cannot be known now.
        """

"""Where the state of a seal is asked: the step `seal-status` of a verification.

A registry (lifecycle/) knows it, and so does a signed list of states that a registry publishes. A
verifier that has neither skips the step.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from msb_seal.seals.model import ElectronicSeal


class SealState(StrEnum):
    """What a verifier must know of a seal's life (电子印章管理办法, articles 17 and 18)."""

    ACTIVE = "active"  # 有效
    FROZEN = "frozen"  # 停用
    CANCELLED = "cancelled"  # 注销
    VOID = "void"  # 无效: illegally made, or revoked as if it had never been


@dataclass(frozen=True, slots=True)
class SealStatus:
    """The state of one seal, since when it holds, and when the source last knew.

    since: signatures proven to be older than a cancellation or a freezing stand; a void seal never
    made a good one.
    """

    state: SealState
    since: datetime
    known_at: datetime
    reason: str = ""


class SealStatuses(Protocol):
    """A source of seal states."""

    def status_of(self, seal: ElectronicSeal, *, now: datetime) -> SealStatus | None:
        """Give the state of exactly this seal; None where the source does not know it.

        Raises SealError where the source itself cannot be asked, or is too old to say.
        """

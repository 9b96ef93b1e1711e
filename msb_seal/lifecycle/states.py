"""The life of a seal as one table: who may change what into what.

    applied ─approve→ approved ─make→ made ─issue→ active ⇄ frozen
       └ refused, withdrawn      └────────┴── an end that two persons want ──→ cancelled, void

Two persons: an application is approved, a frozen seal thawed, and an end confirmed by somebody
else than who applied, froze or asked. A lost seal is frozen at once. That a period has ended is no
state: it follows from the clock (`SealRecord.has_lapsed`). Source: 电子印章管理办法
(国办发〔2025〕33号), articles 17 and 18.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from msb_seal.seals.status import SealState

if TYPE_CHECKING:
    from collections.abc import Mapping


class LifeState(StrEnum):
    """Where a seal stands in its life."""

    APPLIED = "applied"  # 已申请
    WITHDRAWN = "withdrawn"  # 已撤回
    REFUSED = "refused"  # 未批准
    APPROVED = "approved"  # 已批准
    MADE = "made"  # 已制作
    ACTIVE = "active"  # 有效
    FROZEN = "frozen"  # 停用
    CANCELLED = "cancelled"  # 注销
    VOID = "void"  # 无效


class Act(StrEnum):
    """What somebody does to a seal."""

    APPLY = "apply"
    WITHDRAW = "withdraw"
    REFUSE = "refuse"
    APPROVE = "approve"
    MAKE = "make"
    ISSUE = "issue"
    FREEZE = "freeze"
    LOSE = "lose"
    THAW = "thaw"
    ASK_CANCEL = "ask-cancel"
    CANCEL = "cancel"
    ASK_VOID = "ask-void"
    VOID = "void"
    KEEP = "keep"  # the end that was asked for is not wanted after all


class Person(StrEnum):
    """Whom a record remembers, so that another person does what comes next."""

    APPLICANT = "applied_by"
    CHANGER = "changed_by"  # who brought the seal into its present state
    ASKER = "asked_by"  # who asked for its end


@dataclass(frozen=True, slots=True)
class Rule:
    """One act: from which states, to which (None: the state stays), and who may not, or alone may.

    asks: the end that is now asked for; needs: the end that must have been asked for.
    """

    sources: frozenset[LifeState]
    to: LifeState | None = None
    not_by: Person | None = None
    only_by: Person | None = None
    asks: LifeState | None = None
    needs: LifeState | None = None


def _from(*states: LifeState) -> frozenset[LifeState]:
    return frozenset(states)


_APPLIED = _from(LifeState.APPLIED)
_ENDABLE = _from(LifeState.APPROVED, LifeState.MADE, LifeState.ACTIVE, LifeState.FROZEN)
RULES: Mapping[Act, Rule] = {
    Act.APPLY: Rule(_from(), LifeState.APPLIED),
    Act.WITHDRAW: Rule(_APPLIED, LifeState.WITHDRAWN, only_by=Person.APPLICANT),
    Act.REFUSE: Rule(_APPLIED, LifeState.REFUSED, not_by=Person.APPLICANT),
    Act.APPROVE: Rule(_APPLIED, LifeState.APPROVED, not_by=Person.APPLICANT),
    Act.MAKE: Rule(_from(LifeState.APPROVED), LifeState.MADE),
    Act.ISSUE: Rule(_from(LifeState.MADE), LifeState.ACTIVE),
    Act.FREEZE: Rule(_from(LifeState.ACTIVE), LifeState.FROZEN),
    Act.LOSE: Rule(_from(LifeState.MADE, LifeState.ACTIVE, LifeState.FROZEN), LifeState.FROZEN),
    Act.THAW: Rule(_from(LifeState.FROZEN), LifeState.ACTIVE, not_by=Person.CHANGER),
    Act.ASK_CANCEL: Rule(_ENDABLE, asks=LifeState.CANCELLED),
    Act.CANCEL: Rule(_ENDABLE, LifeState.CANCELLED, not_by=Person.ASKER, needs=LifeState.CANCELLED),
    Act.ASK_VOID: Rule(_ENDABLE | _from(LifeState.CANCELLED), asks=LifeState.VOID),
    Act.VOID: Rule(
        _ENDABLE | _from(LifeState.CANCELLED),
        LifeState.VOID,
        not_by=Person.ASKER,
        needs=LifeState.VOID,
    ),
    Act.KEEP: Rule(_ENDABLE | _from(LifeState.CANCELLED)),
}
UNFINISHED = _from(LifeState.APPLIED, LifeState.APPROVED, LifeState.MADE)
LIVING = UNFINISHED | _from(LifeState.ACTIVE, LifeState.FROZEN)
MADE_ONCE = _from(
    *(LifeState.MADE, LifeState.ACTIVE, LifeState.FROZEN, LifeState.CANCELLED, LifeState.VOID)
)

# What a verifier is told. A seal that is made but not handed out yet seals nothing.
PUBLISHED: Mapping[LifeState, SealState] = {
    LifeState.MADE: SealState.FROZEN,
    LifeState.ACTIVE: SealState.ACTIVE,
    LifeState.FROZEN: SealState.FROZEN,
    LifeState.CANCELLED: SealState.CANCELLED,
    LifeState.VOID: SealState.VOID,
}

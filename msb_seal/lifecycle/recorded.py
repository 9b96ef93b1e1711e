"""Uses that are in the log already, found again after a batch was killed between log and signature.

One use is one digest: signing the same digest again makes no other document, and so no other use.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from msb_identity.foundation.audit.entry import OK, microseconds
from msb_identity.foundation.audit.personal import SUBJECT_DOMAIN
from msb_identity.foundation.audit.tables import entries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from msb_identity.foundation.protect import Protector
    from msb_seal.lifecycle.uses import Asking, Use

USED_EVENT = "seal.used"
_BY_USER = select(entries.c.details).where(
    entries.c.object == bindparam("of_record"),
    entries.c.time >= bindparam("since"),
    entries.c.event == USED_EVENT,
    entries.c.outcome == OK,
    entries.c.actor == bindparam("of_actor"),
)


class RecordedUses:
    """Finds recorded uses in the log that a transaction sees."""

    def __init__(self, protector: Protector) -> None:
        """Find users by this protector's HMACs."""
        self._protector = protector

    def split(
        self, connection: Connection, asking: Asking, uses: Sequence[Use], *, since: datetime
    ) -> tuple[list[Use], list[Use]]:
        """Give the uses that are new, and those that the log has, each as often as it is there.

        since: how far back to look; those of the same user, seal and purpose count.
        """
        named = {
            "of_record": asking.record,
            "since": microseconds(since),
            "of_actor": self._protector.index(SUBJECT_DOMAIN, asking.user),
        }
        wanted = {use.digest.hex() for use in uses}
        found: Counter[str] = Counter()
        for text in connection.scalars(_BY_USER, named):
            details = json.loads(text)
            if details.get("purpose") == asking.purpose and details.get("digest") in wanted:
                found[details["digest"]] += 1
        split: tuple[list[Use], list[Use]] = [], []
        for use in uses:
            is_there = found[use.digest.hex()] > 0
            found[use.digest.hex()] -= is_there
            split[is_there].append(use)
        return split

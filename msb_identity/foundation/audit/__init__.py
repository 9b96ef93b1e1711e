"""The audit log (审计日志): what was done, in chains that show every later change.

`Audit` records, `AuditReader` reads, `make_checkpoint` signs where all chains end, and
`check_audit` says what a store's log proves against checkpoints that were kept elsewhere.
"""

from msb_identity.foundation.audit.checkpoint import Checkpoint, make_checkpoint
from msb_identity.foundation.audit.entry import Draft, Entry, Receipt
from msb_identity.foundation.audit.personal import PersonalPart, PersonalState
from msb_identity.foundation.audit.reading import AuditReader, Page
from msb_identity.foundation.audit.tables import metadata
from msb_identity.foundation.audit.verify import check_audit
from msb_identity.foundation.audit.writer import Audit

__all__ = [
    "Audit",
    "AuditReader",
    "Checkpoint",
    "Draft",
    "Entry",
    "Page",
    "PersonalPart",
    "PersonalState",
    "Receipt",
    "check_audit",
    "make_checkpoint",
    "metadata",
]

"""All tables of msb_identity: what opens a whole store, and what rotation of keys goes over.

A room that declares tables adds its metadata here, and every table with sealed columns or blind
indexes its SealedTable: one left out keeps an old data key in use, and stops a rebuild of indexes.
"""

from __future__ import annotations

from msb_identity.foundation import audit, protect
from msb_identity.people import records, staff
from msb_identity.people import tables as people
from msb_identity.signin import bindings, challenge, history, limits, passwords, scan, sms
from msb_identity.sso import (
    client_authentication,
    client_sessions,
    clients,
    codes,
    cutoffs,
    keyring,
    refresh,
    sessions,
)

TABLES = (
    protect.metadata,
    audit.metadata,
    people.metadata,
    limits.metadata,
    sms.metadata,
    history.metadata,
    passwords.metadata,
    challenge.metadata,
    bindings.metadata,
    scan.metadata,
    sessions.metadata,
    keyring.metadata,
    cutoffs.metadata,
    clients.metadata,
    client_authentication.metadata,
    codes.metadata,
    refresh.metadata,
    client_sessions.metadata,
)
"""All that an identity store holds."""
SEALED = (
    records.SEALED_NAMES,
    records.SEALED_IDENTIFIERS,
    staff.SEALED,
    history.SEALED,
    passwords.SEALED,
)
"""All tables with sealed columns."""

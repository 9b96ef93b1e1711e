"""People (自然人、法人、工作人员): who there is, how well that is known, and who acts for whom.

`Accounts` keeps natural persons, found by any `Identifier`; `Scale` orders real-name levels.
Decisions: docs/decisions/people.md.
"""

from msb_identity.people.accounts import Accounts
from msb_identity.people.identifiers import Identifier, IdentifierKind
from msb_identity.people.levels import Evidence, Scale, default_scale, load_scale
from msb_identity.people.records import HeldIdentifier, Person

__all__ = [
    "Accounts",
    "Evidence",
    "HeldIdentifier",
    "Identifier",
    "IdentifierKind",
    "Person",
    "Scale",
    "default_scale",
    "load_scale",
]

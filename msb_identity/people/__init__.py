"""People (自然人、法人、工作人员): who there is, how well that is known, and who acts for whom.

`Accounts` keeps natural persons, found by any `Identifier`; `Scale` orders real-name levels;
`Mandates` says who acts for which of the `Firms`, `Staff` who has which roles in `Departments`.
Decisions: docs/decisions/people.md.
"""

from msb_identity.people.accounts import Accounts
from msb_identity.people.departments import Department, Departments, Post
from msb_identity.people.firms import Firm, Firms
from msb_identity.people.http_register import HttpRegister
from msb_identity.people.identifiers import Identifier, IdentifierKind
from msb_identity.people.levels import Evidence, Scale, default_scale, load_scale
from msb_identity.people.mandates import Mandate, Mandates
from msb_identity.people.proofing import (
    Answer,
    Attestation,
    Checked,
    Claim,
    Finding,
    IdentityVerifier,
    Proofing,
)
from msb_identity.people.records import HeldIdentifier, Person
from msb_identity.people.staff import Staff, StaffMember

__all__ = [
    "Accounts",
    "Answer",
    "Attestation",
    "Checked",
    "Claim",
    "Department",
    "Departments",
    "Evidence",
    "Finding",
    "Firm",
    "Firms",
    "HeldIdentifier",
    "HttpRegister",
    "Identifier",
    "IdentifierKind",
    "IdentityVerifier",
    "Mandate",
    "Mandates",
    "Person",
    "Post",
    "Proofing",
    "Scale",
    "Staff",
    "StaffMember",
    "default_scale",
    "load_scale",
]

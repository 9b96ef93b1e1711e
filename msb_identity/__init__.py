"""MSB identity (身份): who. Keys, certificates, people, sign-in and single sign-on tokens.

Here too is what all three packages stand on: reports, the store, protection, the audit log.

`import msb_identity` is light: rooms are loaded when a name of theirs is first used. What stands in
`__all__` is stable; everything else may change between versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.lazy import load_at_use

if TYPE_CHECKING:
    from msb_identity.errors import MsbError, Refused
    from msb_identity.foundation.audit.checkpoint import make_checkpoint
    from msb_identity.foundation.audit.entry import Draft
    from msb_identity.foundation.audit.reading import AuditReader
    from msb_identity.foundation.audit.verify import check_audit
    from msb_identity.foundation.audit.writer import Audit
    from msb_identity.foundation.profile import Profile
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.report import Outcome, Report, Step, Verdict
    from msb_identity.foundation.store import Store
    from msb_identity.pki.formats import load_key, load_public_key
    from msb_identity.pki.keys import KeyKind, SigningKey, VerifyingKey, generate_key
    from msb_identity.sso.tokens import TokenIssuer, TokenVerifier, VerifiedToken
    from msb_identity.x509.authority import CertificateAuthority
    from msb_identity.x509.certificate import Certificate
    from msb_identity.x509.chain import verify_chain
    from msb_identity.x509.crl import RevocationList
    from msb_identity.x509.files import load_certificate, load_certificates, load_crls
    from msb_identity.x509.revocation import RevocationPolicy
    from msb_identity.x509.trust import TrustStore

_HOMES = {
    "Audit": "msb_identity.foundation.audit.writer",
    "AuditReader": "msb_identity.foundation.audit.reading",
    "Certificate": "msb_identity.x509.certificate",
    "CertificateAuthority": "msb_identity.x509.authority",
    "Draft": "msb_identity.foundation.audit.entry",
    "KeyKind": "msb_identity.pki.keys",
    "MsbError": "msb_identity.errors",
    "Outcome": "msb_identity.foundation.report",
    "Profile": "msb_identity.foundation.profile",
    "Protector": "msb_identity.foundation.protect",
    "Refused": "msb_identity.errors",
    "Report": "msb_identity.foundation.report",
    "RevocationList": "msb_identity.x509.crl",
    "RevocationPolicy": "msb_identity.x509.revocation",
    "SigningKey": "msb_identity.pki.keys",
    "Step": "msb_identity.foundation.report",
    "Store": "msb_identity.foundation.store",
    "TokenIssuer": "msb_identity.sso.tokens",
    "TokenVerifier": "msb_identity.sso.tokens",
    "TrustStore": "msb_identity.x509.trust",
    "Verdict": "msb_identity.foundation.report",
    "VerifiedToken": "msb_identity.sso.tokens",
    "VerifyingKey": "msb_identity.pki.keys",
    "check_audit": "msb_identity.foundation.audit.verify",
    "generate_key": "msb_identity.pki.keys",
    "load_certificate": "msb_identity.x509.files",
    "load_certificates": "msb_identity.x509.files",
    "load_crls": "msb_identity.x509.files",
    "load_key": "msb_identity.pki.formats",
    "load_public_key": "msb_identity.pki.formats",
    "make_checkpoint": "msb_identity.foundation.audit.checkpoint",
    "verify_chain": "msb_identity.x509.chain",
}

__all__ = [
    "Audit",
    "AuditReader",
    "Certificate",
    "CertificateAuthority",
    "Draft",
    "KeyKind",
    "MsbError",
    "Outcome",
    "Profile",
    "Protector",
    "Refused",
    "Report",
    "RevocationList",
    "RevocationPolicy",
    "SigningKey",
    "Step",
    "Store",
    "TokenIssuer",
    "TokenVerifier",
    "TrustStore",
    "Verdict",
    "VerifiedToken",
    "VerifyingKey",
    "check_audit",
    "generate_key",
    "load_certificate",
    "load_certificates",
    "load_crls",
    "load_key",
    "load_public_key",
    "make_checkpoint",
    "verify_chain",
]

__getattr__ = load_at_use(__name__, _HOMES)

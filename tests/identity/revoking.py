"""A CA that revokes, leaves of it, and the step that tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.pki import der
from msb_identity.x509 import (
    RevocationList,
    verify_chain,
)
from msb_identity.x509.making import extension, signed
from tests.identity.authorities import (
    DAY,
    NOW,
    Entity,
    authority,
    crl_point,
    trusting,
)

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.foundation.report import Step

ROOT = authority("revoking root")
LEAF = ROOT.issue("leaf")
NAMED = ROOT.issue("names a source", extensions=[crl_point("http://crl.example/1")])
BEFORE, AFTER = NOW - DAY, NOW + DAY


def step(
    leaf: Entity, *crls: RevocationList, root: Entity = ROOT, at: datetime = NOW, **more: object
) -> tuple[str, str, str]:
    answers = more.pop("ocsp", ())
    report = verify_chain(
        leaf.certificate,
        trust=trusting(root, crls=crls, ocsp_answers=answers),
        at=at,
        **more,  # type: ignore[arg-type]
    )
    found: Step = report.step("revocation")
    return str(report.verdict), str(found.outcome), found.code


def with_extension(
    crl: RevocationList, oid: str, value: bytes, *, critical: bool = True
) -> RevocationList:
    """Add an extension to a CRL and sign it again."""
    tbs = list(der.read_der(crl.tbs).sequence())
    added = extension(oid, value, critical=critical).dump()
    existing = tbs.pop().children[0].children
    tail = der.element(0xA0, der.sequence(*(e.encoded for e in existing), added))
    content = der.sequence(*(part.encoded for part in tbs), tail)
    return RevocationList.load(signed(content, ROOT.key))

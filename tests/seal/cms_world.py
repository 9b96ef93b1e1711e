# ruff: noqa: ANN401, S324 - changes may be any argument; weak digests are to be found weak
"""Signers of every kind of key, and CMS signatures made as everyone should."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA1

from msb_identity.pki.keys import KeyKind
from msb_seal.cms.making import cms_digest, prepare_cms
from msb_seal.cms.verify import check_cms
from tests.identity.authorities import NOW, Entity, authority, trusting
from tests.seal import forging
from tests.seal.forging import (
    SIGNS,
    Forged,
    attribute,
    identifier,
    octets,
    oid,
    stamping,
    with_attributes,
)

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.foundation.report import Report

DOCUMENT = b"<ofd:Signature>what was signed</ofd:Signature>"
KINDS = (KeyKind.SM2, KeyKind.P256, KeyKind.RSA, KeyKind.ED25519)
FORMS = {"detached": False, "attached digest": True}
ROOTS = {kind: authority(f"cms root {kind}", kind=kind) for kind in KINDS}
SIGNERS = {
    kind: root.issue(f"cms signer {kind}", kind=kind, usage=SIGNS) for kind, root in ROOTS.items()
}
TRUST = trusting(*ROOTS.values(), stamping().root)
SM2, P256 = SIGNERS[KeyKind.SM2], SIGNERS[KeyKind.P256]


def check(data: bytes, **changes: Any) -> Report:
    return check_cms(data, **{"original": DOCUMENT, "trust": TRUST, "at": NOW, **changes})


def made(signer: Entity, *, at: datetime = NOW, timestamps: Any = None, **changes: Any) -> bytes:
    certificate = signer.certificate
    digest = cms_digest(changes.pop("document", DOCUMENT), certificate)
    prepared = prepare_cms(digest=digest, certificate=certificate, now=at, **changes)
    return prepared.finish(signer.key.sign(prepared.to_sign), timestamps=timestamps)


def found(report: Report) -> tuple[str, str, str]:
    step = report.decisive_step
    assert step is not None
    return str(report.verdict), step.id, step.code


def both(first: Forged, second: Forged) -> bytes:
    certificates = [first.signer.certificate.encoded, second.signer.certificate.encoded]
    joined = replace(first, certificates=certificates, more_signers=[second.signer_info()])
    return joined.encoded()


def signed_with_sha1(signer: Entity, message: bytes) -> bytes:
    number = int.from_bytes(signer.key.private_bytes(), "big")
    key = ec.derive_private_key(number, ec.SECP256R1())
    return key.sign(message, ec.ECDSA(SHA1()))  # noqa: S303 - to be found weak


def weakly_signed(signer: Entity, name: str) -> Forged:
    """A good signature with SHA-1 throughout."""
    digest = attribute(forging.MESSAGE_DIGEST, octets(hashlib.sha1(DOCUMENT).digest()))
    made = with_attributes(
        signer,
        DOCUMENT,
        attributes=[attribute(forging.CONTENT_TYPE, oid(forging.DATA)), digest],
        digest_algorithm=identifier(forging.SHA1),
        signature_algorithm=identifier(name),
    )
    return replace(made, signature=signed_with_sha1(signer, made.to_sign()))

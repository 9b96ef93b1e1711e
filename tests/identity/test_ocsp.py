"""OCSP (RFC 6960): whose answers are believed, and about what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from msb_identity.errors import CertificateRefused
from msb_identity.x509 import (
    OcspAnswer,
    oids,
)
from msb_identity.x509.crl import Revoked
from msb_identity.x509.ocsp import CertificateId
from msb_identity.x509.statements import Answer, make_ocsp_answer
from tests.identity.authorities import (
    DAY,
    NOW,
    Entity,
    authority,
    purposes,
)
from tests.identity.revoking import AFTER, BEFORE, LEAF, ROOT, step

if TYPE_CHECKING:
    from datetime import datetime, timedelta


def answered(
    signer: Entity,
    *,
    leaf: Entity = LEAF,
    known: bool = True,
    revoked: Revoked | None = None,
    at: datetime = NOW,
    life: timedelta = DAY,
    digest: str = "1.3.14.3.2.26",
) -> OcspAnswer:
    names = CertificateId.of(leaf.certificate, ROOT.certificate, digest)
    assert names is not None
    return OcspAnswer.load(
        make_ocsp_answer(
            signer.key,
            signer.certificate,
            [Answer(names, known, revoked)],
            this_update=at,
            next_update=at + life,
            delegated=signer is not ROOT,
        )
    )


RESPONDER = ROOT.issue("responder", extensions=[purposes(oids.OCSP_SIGNING)])


@pytest.mark.parametrize(
    "digest", ["1.3.14.3.2.26", "2.16.840.1.101.3.4.2.1", "1.2.156.10197.1.401"]
)
@pytest.mark.parametrize("signer", [ROOT, RESPONDER])
def test_an_answer_by_the_issuer_or_its_responder_is_believed(signer: Entity, digest: str) -> None:
    assert step(LEAF, ocsp=(answered(signer, digest=digest),)) == ("valid", "ok", "ok")
    early, late = Revoked(BEFORE, "superseded"), Revoked(AFTER, "superseded")
    assert step(LEAF, ocsp=(answered(signer, revoked=early),)) == ("invalid", "failed", "revoked")
    assert step(LEAF, ocsp=(answered(signer, revoked=late),))[2] == "revoked-later"


@pytest.mark.parametrize(
    ("signer", "code"),
    [
        (ROOT.issue("no right to answer"), "ocsp-responder"),
        (
            ROOT.issue("past", until=NOW - DAY, extensions=[purposes(oids.OCSP_SIGNING)]),
            "ocsp-responder",
        ),
        (
            authority("elsewhere").issue("r", extensions=[purposes(oids.OCSP_SIGNING)]),
            "ocsp-responder",
        ),
    ],
)
def test_an_answer_by_anybody_else_is_not(signer: Entity, code: str) -> None:
    assert step(LEAF, ocsp=(answered(signer),)) == ("indeterminate", "unknown", code)


def test_answers_unknown_old_changed_or_about_another() -> None:
    assert step(LEAF, ocsp=(answered(ROOT, known=False),))[2] == "ocsp-unknown"
    assert step(LEAF, ocsp=(answered(ROOT, at=NOW - 3 * DAY),))[2] == "stale"
    assert step(LEAF, ocsp=(answered(ROOT, at=NOW + 3000 * DAY),))[2] == "from-future"
    other = answered(ROOT, leaf=ROOT.issue("other"))
    assert step(LEAF, ocsp=(other,)) == ("valid", "skipped", "none-published")
    data = answered(ROOT).encoded
    broken = OcspAnswer.load(data[:-1] + bytes((data[-1] ^ 1,)))
    assert step(LEAF, ocsp=(broken,))[2] == "bad-source-signature"


def test_a_refusal_to_answer_is_no_answer() -> None:
    for data in (b"\x30\x03\x0a\x01\x06", b"", b"\x30\x00", b"\x30\x03\x0a\x01\x00"):
        with pytest.raises(CertificateRefused):
            OcspAnswer.load(data)

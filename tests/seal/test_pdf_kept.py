"""What keeps a signed PDF: honest renewals stay valid, and a swapped store helps nobody."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.x509.trust import TrustStore
from msb_seal.pdf.evidence import Evidence, add_document_timestamp, add_evidence, gather_evidence
from msb_seal.pdf.sign import Permission
from msb_seal.pdf.verify import check_pdf
from tests.identity.authorities import NOW, authority, trusting
from tests.seal import cms_world
from tests.seal.forging import stamping
from tests.seal.makers import world
from tests.seal.pdf_sealing import sealed, signed_with
from tests.seal.test_pdf_evidence import CRL, TRUST, Published, stamped

if TYPE_CHECKING:
    from msb_identity.foundation.report import Report


def kept(data: bytes, trust: TrustStore) -> bytes:
    """Add evidence and a time-stamp over it all, as B-LTA has it."""
    evidence = gather_evidence(data, trust=trust, fetch=Published(CRL), at=NOW)
    return add_document_timestamp(add_evidence(data, evidence), timestamps=stamping().source())


def required(data: bytes) -> Report:
    """Check with revocation answers asked for, none given, none fetched."""
    return check_pdf(data, trust=TRUST, at=NOW, revocation="require")


def test_a_signature_with_its_evidence_needs_nothing_else() -> None:
    bare = stamped()
    missing = [step for step in required(bare).signatures[0].steps if step.id == "revocation"]
    assert missing[0].outcome is Outcome.UNKNOWN
    report = check_pdf(kept(bare, TRUST), trust=TRUST, at=NOW)
    assert report.verdict is Verdict.VALID, report.as_text()
    held = [step for step in report.signatures[0].steps if step.id == "revocation"]
    assert held[0].outcome is Outcome.OK


OTHER = authority("another root")
SWAPPED = {
    "nothing": Evidence((), (), ()),
    "another root": Evidence((OTHER.certificate,), (), ()),
    "a list of another root": Evidence((OTHER.certificate,), (OTHER.crl(),), ()),
}


@pytest.mark.parametrize("name", SWAPPED)
def test_a_store_of_other_evidence_makes_nothing_valid(name: str) -> None:
    data = add_evidence(stamped(), SWAPPED[name])
    assert required(data).verdict is Verdict.INDETERMINATE
    assert check_pdf(data, trust=trusting(), at=NOW).verdict is Verdict.INDETERMINATE


def test_a_store_that_is_swapped_after_it_helped_no_longer_helps_and_harms_nothing() -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(kept(stamped(), TRUST)))
    writer.root[generic.pdf_name("/DSS")] = generic.DictionaryObject()
    writer.update_root()
    output = io.BytesIO()
    writer.write(output)
    report = required(output.getvalue())
    assert report.verdict is Verdict.INDETERMINATE
    changes = [one.step("later-changes").outcome for one in report.signatures]
    assert Outcome.FAILED not in changes


def test_honest_steps_in_a_row_are_valid() -> None:
    """Certified, sealed by a second office, kept, and kept again."""
    of = world(KeyKind.SM2)
    trust = TrustStore((*of.trust.anchors, *cms_world.TRUST.anchors))
    data = sealed(certify=Permission.FORMS)
    data = signed_with(KeyKind.P256, data)
    first = check_pdf(data := kept(data, trust), trust=trust, at=NOW)
    assert first.verdict is Verdict.VALID, first.as_text()
    report = check_pdf(kept(data, trust), trust=trust, at=NOW)
    assert report.verdict is Verdict.VALID, report.as_text()
    assert [one.kind for one in report.signatures] == ["ses-v4", "cms", "timestamp", "timestamp"]
    assert [one.step("signing-time").code for one in report.signatures[:2]] == ["proven"] * 2


def test_a_final_seal_may_be_kept() -> None:
    of = world(KeyKind.SM2)
    trust = TrustStore((*of.trust.anchors, *cms_world.TRUST.anchors))
    report = check_pdf(kept(sealed(final=True), trust), trust=trust, at=NOW)
    assert report.verdict is Verdict.VALID, report.as_text()

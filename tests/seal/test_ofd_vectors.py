"""OFDs made elsewhere get the verdicts that the vectors' own table gives them."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.x509 import TrustStore, load_certificates
from msb_seal.ofd.verify import check_ofd
from tests.seal.ofd_steps import steps

TABLE = "expected_seal.tsv"


def rows() -> list[list[str]]:
    folder = os.environ.get("MSB_VECTORS")
    if not folder or not (Path(folder) / TABLE).exists():
        return []
    lines = (Path(folder) / TABLE).read_text(encoding="utf-8").splitlines()
    found = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return [row for row in found if row[0].endswith(".ofd")]


@pytest.mark.parametrize("row", rows() or [None], ids=lambda row: " ".join(row[:3]) if row else "-")
def test_the_verdict_is_the_tables(vectors: Path, row: list[str] | None) -> None:
    assert row is not None
    file, trust_file, at, verdict, failed = row
    anchors = [] if trust_file == "-" else load_certificates((vectors / trust_file).read_bytes())
    report = check_ofd(
        (vectors / file).read_bytes(),
        trust=TrustStore(tuple(anchors)),
        at=None if at == "-" else datetime.fromisoformat(at),
    )
    if verdict == "not-valid":
        assert report.verdict is not Verdict.VALID
    elif verdict == "honest":
        assert report.verdict is not Verdict.INVALID
    else:
        assert report.verdict is Verdict(verdict), report.as_text()
    if failed != "-":
        assert Outcome.FAILED in {step.outcome for step in steps(report, failed)}


def test_a_bare_signature_is_intact_and_nobodys(vectors: Path) -> None:
    report = check_ofd((vectors / "seal/DigitalSign.ofd").read_bytes(), trust=TrustStore(()))
    (signature,) = report.signatures
    assert signature.kind == "bare"
    assert signature.step("signer-certificate").code == "no-certificate"
    assert signature.step("document-digest").code == "files-ok"


def test_a_sample_that_signed_too_late_fails_where_it_should(vectors: Path) -> None:
    root = load_certificates((vectors / "seal/ROOT.pem").read_bytes())
    data = (vectors / "seal/SESV4SignDoc.ofd").read_bytes()
    (signature,) = check_ofd(data, trust=TrustStore(tuple(root))).signatures
    failed = {step.id for step in signature.steps if step.outcome is Outcome.FAILED}
    assert failed == {"signing-time", "seal-period", "signer-certificate"}

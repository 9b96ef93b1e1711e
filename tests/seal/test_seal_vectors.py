"""The vectors of seals, seal signatures and OFD: each row of expected_seal.tsv."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from msb_identity.commands.trust import Whom
from msb_identity.foundation.report import Outcome, Report, Verdict
from msb_identity.x509 import TrustStore
from msb_identity.x509.revocation import RevocationPolicy
from msb_seal.documents import check_document
from msb_seal.seals.model import SealVersion
from msb_seal.seals.structure import parse_seal, parse_seal_signature
from msb_seal.seals.verify import check_seal, check_seal_signature
from tests.conftest import VECTORS_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

TAX = "seal/blobs/jiangsu_tax_v4"


@dataclass(frozen=True)
class Row:
    file: str
    trust: str
    at: str
    verdict: str
    step: str


def rows() -> Iterator[Row]:
    """Give the rows of the table; none where there are no vectors."""
    table = Path(os.environ.get(VECTORS_VARIABLE, "-")) / "expected_seal.tsv"
    for line in table.read_text().splitlines() if table.is_file() else ():
        if line.strip() and not line.startswith("#"):
            yield Row(*line.split("\t"))


def whom(vectors: Path, row: Row) -> Whom:
    trust = TrustStore() if row.trust == "-" else TrustStore.load(vectors / row.trust)
    at = None if row.at == "-" else datetime.fromisoformat(row.at)
    return Whom(trust, at, RevocationPolicy.IF_PUBLISHED, None)


def allowed(verdict: str) -> set[Verdict]:
    if verdict == "honest":
        return {Verdict.VALID, Verdict.INDETERMINATE}
    if verdict == "not-valid":
        return {Verdict.INVALID, Verdict.INDETERMINATE}
    return {Verdict(verdict)}


def failed(report: Report) -> set[str]:
    steps = [*report.steps, *(step for one in report.signatures for step in one.steps)]
    return {step.id for step in steps if step.outcome is Outcome.FAILED}


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{row.file} {row.trust} {row.at}")
def test_a_vector_gets_the_verdict_it_should(vectors: Path, row: Row) -> None:
    given = whom(vectors, row)
    report = check_document((vectors / row.file).read_bytes(), trust=given.trust, at=given.at)
    assert report.verdict in allowed(row.verdict), report.as_text()
    assert row.step == "-" or row.step in failed(report)


def test_there_are_rows_where_there_are_vectors(vectors: Path) -> None:
    assert len(list(rows())) >= 17, vectors


@pytest.mark.parametrize(
    ("file", "version"),
    [
        ("UserV1.esl", SealVersion.V1),
        ("UserV4.esl", SealVersion.V4),
        ("UserV5.esl", SealVersion.V5),
    ],
)
def test_the_seals_of_the_field_are_signed_by_their_makers(
    vectors: Path, file: str, version: SealVersion
) -> None:
    data = (vectors / "seal" / file).read_bytes()
    found = parse_seal(data)
    assert found.version is version
    assert found.oddities == ()
    assert found.picture.data.startswith(b"\x89PNG")
    report = check_seal(data, trust=TrustStore.load(vectors / "seal" / "ROOT.pem"))
    assert report.step("seal-signature").code == "ok"
    expired = version is SealVersion.V5
    assert ("seal-maker-certificate" in failed(report)) == expired


def test_a_real_tax_seal_is_good_but_for_whom_nobody_vouches(vectors: Path) -> None:
    data = (vectors / TAX / "Sign_0_SignedValue.dat").read_bytes()
    original = (vectors / TAX / "Sign_0_Signature.xml").read_bytes()
    report = check_seal_signature(
        data,
        original=original,
        trust=TrustStore(),
        at=datetime.fromisoformat("2021-06-01T00:00:00Z"),
        expected_property="/Doc_0/Signs/Sign_0/Signature.xml",
    )
    assert report.verdict is Verdict.INDETERMINATE
    unknown = {step.id for step in report.steps if step.outcome is Outcome.UNKNOWN}
    assert unknown == {"chain", "seal-maker-certificate"}
    # createDate is China's midnight marked as UTC, and the maker's certificate came days later.
    codes = {step.code for step in report.steps if step.id == "seal-maker-certificate"}
    assert "began-later" in codes
    found = parse_seal_signature(data)
    assert found.seal.picture.type == "ofd"
    assert found.seal.extensions[0].value == b"2.1"
    changed = check_seal_signature(data, original=original + b"\n", trust=TrustStore())
    assert changed.step("document-digest").code == "changed"

"""The vectors of signed PDF: each row of expected_pdf.tsv, and what each of them is about."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Outcome, Report, Verdict
from msb_identity.x509.trust import TrustStore
from msb_seal.documents import check_document
from tests.conftest import VECTORS_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("vectors")
TABLE = "expected_pdf.tsv"


@dataclass(frozen=True)
class Row:
    file: str
    trust: str
    at: str
    verdict: str
    step: str


def rows() -> Iterator[Row]:
    table = Path(os.environ.get(VECTORS_VARIABLE, "-")) / TABLE
    for line in table.read_text().splitlines() if table.is_file() else ():
        if line.strip() and not line.startswith("#"):
            yield Row(*line.split("\t"))


def check(vectors: Path, name: str, *, trust: str = "-", at: str = "-") -> Report:
    return check_document(
        (vectors / name).read_bytes(),
        trust=TrustStore() if trust == "-" else TrustStore.load(vectors / trust),
        at=None if at == "-" else datetime.fromisoformat(at),
    )


def allowed(verdict: str) -> set[Verdict]:
    if verdict == "honest":
        return {Verdict.VALID, Verdict.INDETERMINATE}
    if verdict == "not-valid":
        return {Verdict.INVALID, Verdict.INDETERMINATE}
    return {Verdict(verdict)}


def failed(report: Report) -> set[tuple[str, str]]:
    steps = [*report.steps, *(step for one in report.signatures for step in one.steps)]
    return {(step.id, step.code) for step in steps if step.outcome is Outcome.FAILED}


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{row.file} {row.trust} {row.at}")
def test_a_vector_gets_the_verdict_it_should(vectors: Path, row: Row) -> None:
    report = check(vectors, row.file, trust=row.trust, at=row.at)
    assert report.verdict in allowed(row.verdict), report.as_text()
    assert row.step == "-" or row.step in {step for step, _ in failed(report)}


def test_every_row_of_the_table_is_checked(vectors: Path) -> None:
    assert len(list(rows())) > 25, vectors


FILES = sorted({row.file for row in rows()})


@pytest.mark.parametrize("name", FILES)
def test_without_trust_or_with_another_root_no_vector_is_valid(vectors: Path, name: str) -> None:
    wrong = "pdf/own/own_sm2_root.crt" if "sm2" not in name else "pdf/own/own_root.crt"
    for trust in ("-", wrong):
        report = check(vectors, name, trust=trust, at="2026-12-01T00:00:00+00:00")
        assert report.verdict is not Verdict.VALID, report.as_text()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("root", ["pdf/own/own_root.crt", "pdf/own/own_sm2_root.crt"])
@pytest.mark.parametrize("at", ["1990-01-01T00:00:00+00:00", "2060-01-01T00:00:00+00:00"])
def test_at_times_when_no_certificate_was_good_no_vector_is_valid(
    vectors: Path, name: str, root: str, at: str
) -> None:
    report = check(vectors, name, trust=root, at=at)
    proven = {one.step("signing-time").code for one in report.signatures if one.kind == "cms"}
    # What a time-stamp proves to have been signed in time stays so.
    assert report.verdict is not Verdict.VALID or proven == {"proven"}


def test_the_five_signatures_of_a_file_whose_end_is_broken_are_all_told(vectors: Path) -> None:
    name = "pdf/dss/pades-5-signatures-and-1-document-timestamp.pdf"
    report = check(vectors, name)
    assert [one.kind for one in report.signatures] == ["cms"] * 5
    assert report.step("format").code == "end-unreadable"
    assert report.step("coverage").code == "unlisted-signature"
    assert not failed(report)


def test_an_overlay_that_was_taken_away_is_what_changed_in_the_hide_attack(vectors: Path) -> None:
    report = check(vectors, "pdf/dss/hide.pdf")
    assert failed(report) == {("later-changes", "changed")}
    assert "XObject" in report.signatures[0].step("later-changes").detail


def test_a_new_look_of_the_same_value_is_what_changed_in_the_replace_attack(vectors: Path) -> None:
    report = check(vectors, "pdf/dss/replace.pdf")
    assert failed(report) == {("later-changes", "changed")}
    assert "another appearance" in report.signatures[0].step("later-changes").detail


def test_a_document_timestamp_proves_the_time_of_what_it_covers(vectors: Path) -> None:
    name, trust = "pdf/own/own_B_LTA.pdf", "pdf/own/own_root.crt"
    report = check(vectors, name, trust=trust, at="2026-12-01T00:00:00+00:00")
    assert [one.kind for one in report.signatures] == ["cms", "timestamp"]
    codes = {step.code for step in report.signatures[0].steps if step.id == "timestamp"}
    assert codes == {"ok", "covered"}


def test_a_counter_signature_on_a_certified_document_is_no_forbidden_change(vectors: Path) -> None:
    name, trust = "pdf/own/own_certified_plus_countersign.pdf", "pdf/own/own_root.crt"
    report = check(vectors, name, trust=trust, at="2026-12-01T00:00:00+00:00")
    assert report.verdict is Verdict.VALID
    assert report.signatures[0].step("later-changes").code == "harmless"
    assert report.signatures[1].step("later-changes").code == "none"

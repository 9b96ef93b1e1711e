from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msb_identity.errors import Refused
from msb_identity.foundation.report import (
    Outcome,
    Report,
    ReportBuilder,
    Verdict,
    exit_code,
)

REQUIRED = ("one", "two", "three")
SENTENCES = {
    ("*", "ok"): ("好", "good"),
    ("*", "bad"): ("坏", "bad"),
    ("two", "bad"): ("第二步坏", "two is bad"),
}


def build(*outcomes: tuple[str, Outcome]) -> Report:
    builder = ReportBuilder("token", required=REQUIRED, sentences=SENTENCES)
    for step_id, outcome in outcomes:
        builder.add(step_id, outcome, "ok" if outcome is Outcome.OK else "bad")
    return builder.conclude()


def all_ok() -> list[tuple[str, Outcome]]:
    return [(step_id, Outcome.OK) for step_id in REQUIRED]


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        (Outcome.OK, Verdict.VALID),
        (Outcome.WARNING, Verdict.VALID),
        (Outcome.SKIPPED, Verdict.VALID),
        (Outcome.UNKNOWN, Verdict.INDETERMINATE),
        (Outcome.FAILED, Verdict.INVALID),
    ],
)
def test_one_step_decides_the_verdict(second: Outcome, verdict: Verdict) -> None:
    assert build(("one", Outcome.OK), ("two", second), ("three", Outcome.OK)).verdict is verdict


def test_a_forgotten_step_is_never_valid() -> None:
    for step_id in REQUIRED:
        report = build(*((i, o) for i, o in all_ok() if i != step_id))
        assert report.verdict is Verdict.INDETERMINATE
        assert (report.step(step_id).outcome, report.step(step_id).code) == (
            Outcome.SKIPPED,
            "not-reached",
        )


def test_no_step_at_all_is_not_valid() -> None:
    assert build().verdict is Verdict.INDETERMINATE


def test_a_failure_outweighs_what_is_unknown_or_missing() -> None:
    assert build(("one", Outcome.UNKNOWN), ("two", Outcome.FAILED)).verdict is Verdict.INVALID


@given(st.lists(st.tuples(st.sampled_from(REQUIRED), st.sampled_from(list(Outcome)))))
def test_the_verdict_follows_from_the_steps_whatever_their_order(
    steps: list[tuple[str, Outcome]],
) -> None:
    report = build(*steps)
    outcomes = {outcome for _, outcome in steps}
    expected = Verdict.VALID
    if {step_id for step_id, _ in steps} != set(REQUIRED) or Outcome.UNKNOWN in outcomes:
        expected = Verdict.INDETERMINATE
    if Outcome.FAILED in outcomes:
        expected = Verdict.INVALID
    assert report.verdict is expected
    assert build(*reversed(steps)).verdict is expected
    assert {step.id for step in report.steps} == set(REQUIRED)
    assert (report.decisive_step is None) == (not outcomes & {Outcome.FAILED, Outcome.UNKNOWN})


def test_steps_stand_in_the_order_of_the_design() -> None:
    report = build(("three", Outcome.OK), ("one", Outcome.OK))
    assert [step.id for step in report.steps] == ["one", "two", "three"]


def test_the_first_failure_decides_before_what_is_unknown() -> None:
    report = build(("one", Outcome.UNKNOWN), ("two", Outcome.FAILED), ("three", Outcome.FAILED))
    decisive = report.decisive_step
    assert decisive is not None
    assert decisive.id == "two"
    assert build(*all_ok()).decisive_step is None


def test_a_step_has_its_own_sentence_or_the_common_one() -> None:
    report = build(("one", Outcome.FAILED), ("two", Outcome.FAILED))
    assert (report.step("one").zh, report.step("one").en) == ("坏", "bad")
    assert (report.step("two").zh, report.step("two").en) == ("第二步坏", "two is bad")


def test_a_code_without_a_sentence_is_our_mistake() -> None:
    with pytest.raises(KeyError):
        ReportBuilder("token", required=REQUIRED, sentences=SENTENCES).failed("one", "unheard-of")


def test_a_step_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        build().step("four")


def test_json_has_the_members_that_the_design_names() -> None:
    builder = ReportBuilder("token", required=REQUIRED, sentences=SENTENCES)
    builder.ok("one", detail="detail")
    builder.failed("two", "bad")
    builder.disclose("subject", "x")
    result = builder.conclude().as_json(file="some.txt")
    assert result == json.loads(json.dumps(result))
    assert set(result) == {"file", "kind", "verdict", "steps", "signatures", "disclosed"}
    assert (result["file"], result["kind"], result["verdict"]) == ("some.txt", "token", "invalid")
    assert result["steps"][0] == {
        "id": "one",
        "outcome": "ok",
        "code": "ok",
        "detail": "detail",
        "zh": "好",
        "en": "good",
    }
    assert "disclosed" not in build().as_json()


def test_text_says_the_verdict_and_what_decided_it_in_both_languages() -> None:
    lines = build(("one", Outcome.OK), ("two", Outcome.FAILED)).as_text().splitlines()
    assert lines[0].startswith("INVALID")
    assert "核验不通过" in lines[0]
    assert "第二步坏 / two is bad" in lines[1]
    assert len(lines) == 2 + len(REQUIRED)


def test_html_escapes_what_came_from_outside() -> None:
    builder = ReportBuilder("token", required=(), sentences=SENTENCES)
    builder.ok("one", detail="<script>1</script>")
    builder.disclose("<b>", "<img src=x onerror=1>\"'&")
    html = builder.conclude().as_html()
    for tag in ("<script", "<b>", "<img"):
        assert tag not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ([], 3),
        ([Verdict.VALID], 0),
        ([Verdict.VALID, Verdict.VALID], 0),
        ([Verdict.VALID, Verdict.INDETERMINATE], 3),
        ([Verdict.INDETERMINATE, Verdict.INVALID], 1),
        ([Verdict.VALID, Verdict.INVALID], 1),
    ],
)
def test_the_exit_status_is_that_of_the_worst(verdicts: list[Verdict], status: int) -> None:
    assert exit_code([Report("token", verdict, ()) for verdict in verdicts]) == status


def test_a_refusal_carries_the_report_and_names_its_step() -> None:
    report = build(("one", Outcome.OK), ("two", Outcome.FAILED))
    error = Refused(report)
    assert error.report is report
    assert str(error) == "invalid: two: two is bad"
    assert str(Refused(build())) == "indeterminate"


def test_good_so_far_ends_with_the_first_step_that_does_not_hold() -> None:
    for outcome in Outcome:
        builder = ReportBuilder("token", required=REQUIRED, sentences=SENTENCES)
        assert builder.good_so_far()
        builder.add("one", outcome, "bad")
        assert builder.good_so_far() == (outcome not in (Outcome.FAILED, Outcome.UNKNOWN))


def test_no_terminal_obeys_what_a_report_discloses() -> None:
    builder = ReportBuilder(
        "token", required=("format",), sentences={("format", "ok"): ("好", "ok")}
    )
    builder.ok("format", detail="a\x1b[2Jb")
    builder.disclose("name\r", "first\nVALID\u202e")
    text = builder.conclude().as_text()
    assert len(text.splitlines()) == 3
    assert all(character.isprintable() for character in text.replace("\n", ""))


def test_a_document_is_as_bad_as_its_worst_signature() -> None:
    good = ReportBuilder("ses-v4", required=(), sentences=SENTENCES).conclude()
    broken = ReportBuilder("ses-v4", required=("format",), sentences=SENTENCES)
    broken.signed_at = datetime(2026, 1, 2, tzinfo=UTC)
    broken.failed("format", "bad", "malformed")
    document = ReportBuilder("ofd", required=("format",), sentences=SENTENCES)
    document.ok("format")
    document.add_signature(good)
    document.add_signature(broken.conclude())
    report = document.conclude()

    assert report.verdict is Verdict.INVALID
    assert report.decisive_step is not None
    assert report.decisive_step.detail == "malformed"
    signatures = report.as_json()["signatures"]
    assert [s["verdict"] for s in signatures] == ["valid", "invalid"]
    assert [s["signed_at"] for s in signatures] == [None, "2026-01-02T00:00:00+00:00"]
    assert signatures[1]["steps"][0]["detail"] == "malformed"
    assert "malformed" in report.as_text()
    assert "malformed" in report.as_html()


def test_an_undecided_signature_keeps_a_document_from_being_valid() -> None:
    undecided = ReportBuilder("ses-v4", required=("format",), sentences=SENTENCES).conclude()
    document = ReportBuilder("ofd", required=(), sentences=SENTENCES)
    document.add_signature(undecided)
    assert document.conclude().verdict is Verdict.INDETERMINATE

"""Pages are drawn within bounds, in a process that is ended when it takes too much."""

from __future__ import annotations

import os
import time

import pytest

from msb_identity.foundation.report import Outcome, Verdict
from msb_seal.errors import PdfRefused
from msb_seal.pdf.drawn import asking, process
from msb_seal.pdf.drawn.asking import ask
from msb_seal.pdf.verify import check_pdf
from tests.identity.authorities import NOW, trusting
from tests.seal.pdf_files import BASE, ROOT, document, signed, stream

TRUST = trusting(ROOT)
DOUBLING = 40


def endless() -> bytes:
    """A field whose forms draw each other twice, forty deep: a billion drawings in 10 KB."""
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X %d 0 R>>>>"
    forms = {n: stream(b"/X Do /X Do", form % (n + 1)) for n in range(30, 30 + DOUBLING)}
    last = stream(b"", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]")
    red = stream(b"1 0 0 rg 0 0 9 9 re f")
    return document({4: red, 8: forms[30], **forms, 30 + DOUBLING: last})


def red_seals(data: bytes) -> list[str]:
    return ask("red-seals", data, pages=[0], without={}, with_forms=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="bounds on processor time are POSIX")
def test_a_page_that_draws_without_end_is_told_and_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(process.CPU_VARIABLE, "1")
    asking.stop()
    before = time.process_time()
    report = check_pdf(signed(endless()), trust=TRUST, at=NOW)
    assert time.process_time() - before < 2
    told = report.step("unsigned-seal-picture")
    assert (told.outcome, told.code) == (Outcome.WARNING, "not-searched")
    assert report.verdict is Verdict.VALID  # nothing is wrong with what was signed
    asking.stop()


def test_after_one_that_was_ended_the_next_is_drawn() -> None:
    asking.stop()
    assert red_seals(document()) == []
    running = asking.running()
    running.end()
    assert red_seals(document()) == []
    assert asking.running() is not running


def test_what_cannot_be_drawn_is_refused_and_the_process_goes_on() -> None:
    red_seals(document())
    running = asking.running()
    with pytest.raises(PdfRefused, match="drawn"):
        red_seals(b"%PDF-1.7\nrubbish")
    assert red_seals(document({4: BASE[4]})) == []
    assert asking.running() is running

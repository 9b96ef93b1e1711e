"""Broken and changed PDF: seeded, so that a failure repeats."""

from __future__ import annotations

import random
import re
import time
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Verdict
from msb_seal.pdf.verify import check_pdf
from tests.identity.authorities import NOW, trusting
from tests.seal.forging import stamping
from tests.seal.pdf_documents import seen
from tests.seal.pdf_files import (
    FIELD,
    ROOT,
    Sign,
    document,
    look,
    signed,
    stamp,
    stream,
    updated,
)

if TYPE_CHECKING:
    from pathlib import Path

SEED = 20_261_122
MAX_MUTANT_SECONDS = 5
"""Of processor time, for files of some 100 KB; reading itself ends after MAX_SECONDS."""
TRUST = trusting(ROOT, stamping().root)
NASTY = (
    b"", b"0", b"-1", b"99999999999", b"1e9", b"<<", b">>", b"[", b"]", b"(", b")", b"<", b">",
    b"/", b"null", b"true", b"1 0 R", b"3 0 R", b"21 0 R", b"7 0 R", b"[1 0 R]", b"(x)", b"/Sig",
    b"<</Kids[2 0 R]>>", b"/Page", b"/Pages", b"/XRef", b"/ObjStm", b"stream\n", b"endstream",
    b"endobj", b"xref\n", b"startxref\n0\n%%EOF", b"\0", b"\xff" * 9, b"/FlateDecode", b"-0.",
    b"#", b"#zz", b"[0 1 2 3]", b"<</S/JavaScript>>", b"\\", b"[" * 70, b"<<" * 70,
)  # fmt: skip
_TOKEN = re.compile(rb"/[A-Za-z]+|\d+ 0 R|\d+|<<|>>|\[|\]|\([^)]*\)|endstream|stream|xref|endobj")


@pytest.fixture(scope="module")
def samples(vectors: Path) -> list[bytes]:
    again = Sign(field_number=40, name=b"Sig2", fields=b"7 0 R 20 0 R 40 0 R", timestamps=stamp())
    names = (
        *("own/own_certified_plus_countersign", "own/own_B_LTA", "dss/DSS1376-rev_n"),
        *("pyhanko/minimal-two-fields-signed-twice", "dss/hide", "pyhanko/one-byterange"),
    )
    real = [(vectors / "pdf" / f"{name}.pdf").read_bytes() for name in names]
    return [signed(document()), signed(signed(document()), again), *real]


def mutant(data: bytes, generator: random.Random) -> bytes:
    """Change a few tokens outside of long signature values, or cut and repeat parts."""
    for _ in range(generator.randint(1, 4)):
        how = generator.random()
        at = generator.randrange(len(data))
        if how < 0.1:
            data = data[:at]
        elif how < 0.2:
            data += data[at : at + generator.randrange(4_000)]
        elif how < 0.3:
            data = data[:at] + generator.choice(NASTY) + data[at:]
        else:
            tokens = list(_TOKEN.finditer(data, max(0, at - 500), at + 500))
            if tokens:
                token = generator.choice(tokens)
                data = data[: token.start()] + generator.choice(NASTY) + data[token.end() :]
        data = data or b"%PDF-"
    return data


def test_four_hundred_mutants_raise_nothing_and_are_never_valid_when_signed_bytes_changed(
    samples: list[bytes],
) -> None:
    generator = random.Random(SEED)
    verdicts = []
    for _ in range(400):
        original = generator.choice(samples)
        data = mutant(original, generator)
        before = time.process_time()
        report = check_pdf(data, trust=TRUST, at=NOW)
        assert time.process_time() - before < MAX_MUTANT_SECONDS
        report.as_json()
        verdicts.append(report.verdict)
        if report.verdict is Verdict.VALID:
            assert data.startswith(original[: original.rindex(b"startxref")])
    assert {Verdict.INVALID, Verdict.INDETERMINATE} <= set(verdicts)


def test_every_flipped_byte_of_what_was_signed_makes_it_invalid() -> None:
    data, generator = signed(document()), random.Random(SEED)
    start = data.index(b"/Contents<") + len(b"/Contents")
    end = data.index(b">", start) + 1
    # Without the mark at its beginning a file is of no known kind, which is nothing wrong.
    places = [*range(9, start), *range(end, len(data) - 1)]
    for place in generator.sample(places, 250):
        flipped = bytearray(data)
        flipped[place] ^= 1 << generator.randrange(8)
        report = check_pdf(bytes(flipped), trust=TRUST, at=NOW)
        assert report.verdict is Verdict.INVALID, (place, data[place - 20 : place + 20])


def test_a_flipped_byte_of_two_signed_revisions_is_never_valid(samples: list[bytes]) -> None:
    data, generator = samples[1], random.Random(SEED)
    gaps = [(m.start() + 9, m.end()) for m in re.finditer(rb"/Contents<[0-9a-f]*>", data)]
    for _ in range(120):
        place = generator.randrange(9, len(data) - 1)
        if any(start <= place < end for start, end in gaps):
            continue
        flipped = bytearray(data)
        flipped[place] ^= 1 << generator.randrange(8)
        report = check_pdf(bytes(flipped), trust=TRUST, at=NOW)
        assert report.verdict is not Verdict.VALID, (place, data[place - 20 : place + 20])


@pytest.mark.parametrize(
    "tail",
    [b"stream\n" * 300_000, b"/ByteRange [ " * 300_000, b"%%EOF\n" * 100_000, b"(" * 500_000],
)
def test_what_repeats_without_end_costs_little_and_proves_nothing(tail: bytes) -> None:
    data = signed(document())
    last = data[data.rindex(b"startxref") :]
    for whole in (data + tail, data + tail + last):
        assert check_pdf(whole, trust=TRUST, at=NOW).verdict is not Verdict.INVALID
    assert check_pdf(data, trust=TRUST, at=NOW).verdict is Verdict.VALID


def filled_and_countersigned() -> bytes:
    """Signed, filled in, countersigned with a seal over the page, and stamped with the time."""
    filled = updated(signed(document()), {7: FIELD % (b"12", 30), 30: look(b"12")})
    seal = stream(b"1 0 0 RG 2 w 9 9 90 90 re S", b"/Type/XObject/Subtype/Form/BBox[0 0 99 99]")
    again = Sign(
        field_number=40,
        name=b"Sig2",
        fields=b"7 0 R 20 0 R 40 0 R",
        widget=b"/Rect[60 660 159 759]/AP<</N 50 0 R>>",
        more={50: seal},
    )
    return signed(filled, again)


def test_mutants_of_what_was_added_after_signing_show_nothing_new_and_stay_valid() -> None:
    """Whatever is valid shows the pages of the original, letter by letter and pixel by pixel."""
    data, generator = filled_and_countersigned(), random.Random(SEED + 1)
    first = data.index(b"%%EOF") + 6
    since = data.index(b"%%EOF", first) + 6
    assert check_pdf(data, trust=TRUST, at=NOW).verdict is Verdict.VALID
    shown = seen(data).tobytes()
    verdicts = []
    for _ in range(150):
        changed = data[:since] + mutant(data[since:], generator)
        report = check_pdf(changed, trust=TRUST, at=NOW)
        verdicts.append(report.verdict)
        if report.verdict is Verdict.VALID:
            assert seen(changed).tobytes() == shown
    assert Verdict.INVALID in verdicts

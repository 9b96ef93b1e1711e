"""Where pyHanko finds a signed file tampered with, so do we; and where we say valid, it agrees."""

from __future__ import annotations

import io
import logging
import random
from typing import TYPE_CHECKING

import pytest
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils.misc import PdfReadError, PdfStreamError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from msb_identity.foundation.report import Verdict
from msb_identity.pki.keys import KeyKind
from msb_seal.pdf.verify import check_pdf
from tests.identity.authorities import NOW
from tests.seal import cms_world
from tests.seal.pdf_files import Sign, document, signed, updated
from tests.seal.test_pdf_changes import ALLOWED, FORBIDDEN, HARMLESS, UNDECIDED
from tests.seal.test_pdf_fuzz import SEED, mutant

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGN = Sign(by=cms_world.SIGNERS[KeyKind.P256])
ROOTS = [asn1_x509.Certificate.load(one.encoded) for one in cms_world.TRUST.anchors]
CHANGES: Mapping[str, Mapping[int, bytes]] = {
    **FORBIDDEN,
    **ALLOWED,
    **UNDECIDED,
    **{name: objects for name, (objects, _) in HARMLESS.items()},
}


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
    logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)


def ours(data: bytes) -> Verdict:
    return check_pdf(data, trust=cms_world.TRUST, at=NOW).verdict


def is_tampered(data: bytes) -> bool:
    """Whether pyHanko finds a signature broken, or something changed that may not."""
    context = ValidationContext(trust_roots=ROOTS, moment=NOW, allow_fetching=False)
    try:
        for one in PdfFileReader(io.BytesIO(data)).embedded_regular_signatures:
            status = validate_pdf_signature(one, context)
            is_other = status.modification_level == ModificationLevel.OTHER
            if not status.intact or not status.valid or is_other:
                return True
    except (PdfReadError, PdfStreamError, ValueError):
        return False  # it says nothing of a file that it cannot read
    return False


STRICTER_THERE = frozenset(
    {"outlines", "attachments", "metadata", "who made it", "an empty field to be signed"}
)
"""What alters no page, and pyHanko takes for a change all the same."""


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_what_pyhanko_finds_changed_is_never_valid(name: str) -> None:
    data = updated(signed(document(), SIGN), CHANGES[name])
    if name not in STRICTER_THERE and is_tampered(data):
        assert ours(data) is not Verdict.VALID


def appended(data: bytes, generator: random.Random) -> bytes:
    """Add an honest update, one part of it changed."""
    objects = generator.choice([*ALLOWED.values()])
    whole = updated(data, objects)
    return data + mutant(whole[len(data) :], generator)


def test_updates_gone_wrong_that_pyhanko_finds_tampered_with_are_never_valid() -> None:
    data, generator = signed(document(), SIGN), random.Random(SEED)
    compared = 0
    for _ in range(200):
        changed = appended(data, generator)
        if ours(changed) is Verdict.VALID:
            compared += 1
            assert not is_tampered(changed)
    assert compared

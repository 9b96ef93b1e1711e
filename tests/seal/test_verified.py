"""verify_document and verify_pdf: a frozen value for what is valid, Refused for all else."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from msb_identity.errors import Refused
from msb_identity.foundation.report import Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.x509.trust import TrustStore
from msb_seal import verify_document, verify_pdf
from tests.identity.authorities import NOW, trusting
from tests.seal.makers import world
from tests.seal.pdf_documents import plain
from tests.seal.pdf_files import ROOT, document, signed
from tests.seal.pdf_sealing import sealed

if TYPE_CHECKING:
    from collections.abc import Callable

    from msb_seal.verified import VerifiedDocument

VERIFYING = (verify_document, verify_pdf)


@pytest.mark.parametrize("verify", VERIFYING)
def test_a_sealed_file_is_a_value_with_its_seals(verify: Callable[..., VerifiedDocument]) -> None:
    found = verify(sealed(plain()), trust=world(KeyKind.SM2).trust, at=NOW)
    assert found.kind == "pdf"
    (one,) = found.signatures
    assert (one.kind, one.signed_at) == ("ses-v4", NOW)
    assert one.seal
    assert one.signer.startswith("C=CN")
    assert found.report.verdict is Verdict.VALID
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.kind = "ofd"  # type: ignore[misc] # what must not work


REFUSED = {
    "unsigned": (document(), Verdict.INDETERMINATE),
    "changed": (signed(document()).replace(b"100 yuan", b"900 yuan"), Verdict.INVALID),
    "of a kind that nobody knows": (b"\x89PNG", Verdict.INDETERMINATE),
}


@pytest.mark.parametrize("verify", VERIFYING)
@pytest.mark.parametrize("name", REFUSED)
def test_all_else_is_refused_with_its_report(
    verify: Callable[..., VerifiedDocument], name: str
) -> None:
    data, verdict = REFUSED[name]
    with pytest.raises(Refused) as caught:
        verify(data, trust=trusting(ROOT), at=NOW)
    assert caught.value.report.verdict is verdict


def test_without_trust_nothing_is_accepted() -> None:
    with pytest.raises(Refused, match="chain"):
        verify_document(signed(document()), trust=TrustStore(), at=NOW)

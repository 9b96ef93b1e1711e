# ruff: noqa: ANN401 - changes may be any argument
"""Seals put on PDF files in one call, by those whom the tests know."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from msb_identity.pki.keys import KeyKind
from msb_seal.errors import SealingRefused
from msb_seal.pdf.sign import (
    PdfOptions,
    SignatureForm,
    seal_pdf,
    sign_pdf,
)
from msb_seal.placement import At
from tests.identity.authorities import NOW
from tests.seal.cms_world import SIGNERS
from tests.seal.makers import world
from tests.seal.pdf_documents import picture, plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from msb_seal.placement import Place

RED, BLUE = (255, 0, 0), (0, 0, 255)
HERE: list[Place] = [At(1, 20, 30)]


def sealed(data: bytes | None = None, *, kind: KeyKind = KeyKind.SM2, **changes: Any) -> bytes:
    """Put a seal on a document."""
    places = changes.pop("places", HERE)
    sealer = world(kind).sealer(picture=changes.pop("picture", None) or picture())
    how = {"form": SignatureForm.SES, **changes}
    return seal_pdf(
        plain() if data is None else data,
        sealer=sealer,
        places=places,
        options=PdfOptions(**how),
        now=NOW,
    )


def signed_with(kind: KeyKind, data: bytes | None = None, **changes: Any) -> bytes:
    signer = SIGNERS[kind]
    given = {"key": signer.key, "certificate": signer.certificate, "now": NOW, **changes}
    return sign_pdf(plain() if data is None else data, **given)


def refusal(data: bytes, places: Sequence[Place] = HERE, options: PdfOptions | None = None) -> str:
    with pytest.raises(SealingRefused) as caught:
        signed_with(
            KeyKind.P256, data, places=places, options=options or PdfOptions(), picture=picture()
        )
    return caught.value.code


def changed_fields(data: bytes) -> set[str]:
    """Give the fields that were changed after the first signature, where that is all."""
    first = PdfFileReader(io.BytesIO(data)).embedded_regular_signatures[0]
    first.compute_integrity_info()
    fields: set[str] = first.diff_result.changed_form_fields
    return fields

"""MSB seal (电子印章): what was signed. E-seals, sealed documents, verification step by step.

`import msb_seal` is light: rooms are loaded when a name of theirs is first used. What stands in
`__all__` is stable; everything else may change between versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.lazy import load_at_use

if TYPE_CHECKING:
    from msb_seal.batch import DocumentBatch, seal_many
    from msb_seal.documents import check_document, verify_document
    from msb_seal.lifecycle.registry import SealRegistry
    from msb_seal.ofd.compose import OfdBuilder
    from msb_seal.ofd.sign import prepare_ofd, seal_ofd
    from msb_seal.ofd.verify import check_ofd
    from msb_seal.pdf.dual import SecondSigner, seal_pdf_twice
    from msb_seal.pdf.evidence import add_document_timestamp, add_evidence, gather_evidence
    from msb_seal.pdf.reserving import FieldLock, reserve_field
    from msb_seal.pdf.sign import PdfOptions, prepare_pdf, seal_pdf, sign_pdf
    from msb_seal.pdf.verify import check_pdf, verify_pdf
    from msb_seal.pictures.drawn import draw
    from msb_seal.placement import At, AtKeyword, OnEveryPage, Straddle
    from msb_seal.reports import CheckedFile, report_html, report_json, report_pdf
    from msb_seal.seals.making import make_seal
    from msb_seal.seals.sealer import KeySealer
    from msb_seal.seals.structure import parse_seal
    from msb_seal.seals.verify import check_seal, check_seal_signature

_HOMES = {
    "At": "msb_seal.placement",
    "AtKeyword": "msb_seal.placement",
    "CheckedFile": "msb_seal.reports.checked",
    "FieldLock": "msb_seal.pdf.reserving",
    "DocumentBatch": "msb_seal.batch",
    "KeySealer": "msb_seal.seals.sealer",
    "OfdBuilder": "msb_seal.ofd.compose",
    "OnEveryPage": "msb_seal.placement",
    "PdfOptions": "msb_seal.pdf.sign",
    "SealRegistry": "msb_seal.lifecycle.registry",
    "SecondSigner": "msb_seal.pdf.dual",
    "Straddle": "msb_seal.placement",
    "add_document_timestamp": "msb_seal.pdf.evidence",
    "add_evidence": "msb_seal.pdf.evidence",
    "check_document": "msb_seal.documents",
    "check_ofd": "msb_seal.ofd.verify",
    "check_pdf": "msb_seal.pdf.verify",
    "check_seal": "msb_seal.seals.verify",
    "check_seal_signature": "msb_seal.seals.verify",
    "draw": "msb_seal.pictures.drawn",
    "gather_evidence": "msb_seal.pdf.evidence",
    "make_seal": "msb_seal.seals.making",
    "parse_seal": "msb_seal.seals.structure",
    "prepare_ofd": "msb_seal.ofd.sign",
    "prepare_pdf": "msb_seal.pdf.sign",
    "report_html": "msb_seal.reports.as_html",
    "report_json": "msb_seal.reports.as_json",
    "report_pdf": "msb_seal.reports.as_pdf",
    "reserve_field": "msb_seal.pdf.reserving",
    "seal_many": "msb_seal.batch",
    "seal_ofd": "msb_seal.ofd.sign",
    "seal_pdf": "msb_seal.pdf.sign",
    "seal_pdf_twice": "msb_seal.pdf.dual",
    "sign_pdf": "msb_seal.pdf.sign",
    "verify_document": "msb_seal.documents",
    "verify_pdf": "msb_seal.pdf.verify",
}

__all__ = [
    "At",
    "AtKeyword",
    "CheckedFile",
    "DocumentBatch",
    "FieldLock",
    "KeySealer",
    "OfdBuilder",
    "OnEveryPage",
    "PdfOptions",
    "SealRegistry",
    "SecondSigner",
    "Straddle",
    "add_document_timestamp",
    "add_evidence",
    "check_document",
    "check_ofd",
    "check_pdf",
    "check_seal",
    "check_seal_signature",
    "draw",
    "gather_evidence",
    "make_seal",
    "parse_seal",
    "prepare_ofd",
    "prepare_pdf",
    "report_html",
    "report_json",
    "report_pdf",
    "reserve_field",
    "seal_many",
    "seal_ofd",
    "seal_pdf",
    "seal_pdf_twice",
    "sign_pdf",
    "verify_document",
    "verify_pdf",
]

__getattr__ = load_at_use(__name__, _HOMES)

"""The document security store (DSS): certificates, CRLs and OCSP answers that came along.

They only help: whatever they say is checked like anything else (ISO 32000-2, 12.8.4.3).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from msb_identity.errors import MsbError
from msb_identity.x509.certificate import Certificate
from msb_identity.x509.crl import RevocationList
from msb_identity.x509.ocsp import OcspAnswer
from msb_seal.errors import PdfRefused
from msb_seal.pdf.syntax import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from msb_identity.x509.trust import TrustStore
    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import PdfValue

MAX_HELPERS = 200
"""Of each kind."""
_T = TypeVar("_T")


def with_helpers(trust: TrustStore, revision: Revision) -> TrustStore:
    """Give the trust with what the file's DSS adds; what cannot be read there helps nobody."""
    try:
        store = revision.dictionary(revision.catalog.get("DSS"))
    except PdfRefused:
        return trust
    if not store:
        return trust
    return replace(
        trust,
        intermediates=trust.intermediates + _load(revision, store.get("Certs"), Certificate.load),
        crls=trust.crls + _load(revision, store.get("CRLs"), RevocationList.load),
        ocsp_answers=trust.ocsp_answers + _load(revision, store.get("OCSPs"), OcspAnswer.load),
    )


def _load(revision: Revision, listed: PdfValue, load: Callable[[bytes], _T]) -> tuple[_T, ...]:
    found: list[_T] = []
    try:
        values = revision.array(listed)[:MAX_HELPERS]
    except PdfRefused:
        return ()
    for value in values:
        try:
            stream = revision.resolve(value)
            if isinstance(stream, Stream):
                found.append(load(revision.file.decode(stream)))
        except MsbError:
            continue
    return tuple(found)

"""Where a CA's list may go: outside the CA's own folder, over nothing but an earlier list of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.envelopes.keyfiles import read_public_file
from msb_identity.errors import (
    AlgorithmRefused,
    AuthorityRefused,
    CertificateRefused,
    KeyRefused,
    SignatureRefused,
    StoreError,
)
from msb_identity.x509.crl import MAX_CRL_BYTES, RevocationList
from msb_identity.x509.files import read_block

if TYPE_CHECKING:
    from pathlib import Path

    from msb_identity.x509.authority import CertificateAuthority
    from msb_identity.x509.certificate import Certificate

_MAX_LIST_BYTES = 2 * MAX_CRL_BYTES  # in PEM


def check_place(place: Path, authority: CertificateAuthority) -> RevocationList | None:
    """Give the list of this authority that stands at `place`, or None where nothing does.

    AuthorityRefused for any other file there, and for every place in the authority's folder.
    """
    refuse_inside(place, authority)
    if not place.exists():
        return None
    earlier = _own_list(place, authority.certificate)
    if earlier is None:
        message = f"{place.name} is no CRL of this authority and is not overwritten"
        raise AuthorityRefused(message)
    return earlier


def refuse_inside(place: Path, authority: CertificateAuthority) -> None:
    """Raise AuthorityRefused for a place in the authority's own folder."""
    if place.resolve().is_relative_to(authority.folder.resolve()):
        message = f"{place.name} is in the authority's own folder, where nothing is overwritten"
        raise AuthorityRefused(message)


def _own_list(place: Path, issuer: Certificate) -> RevocationList | None:
    try:
        content = read_public_file(place, limit=_MAX_LIST_BYTES)
        if content.count(b"-----BEGIN ") > 1:  # something beside it, a key perhaps
            return None
        crl = RevocationList.load(read_block(content, b"CRL", limit=MAX_CRL_BYTES))
        crl.signature_algorithm.verify(issuer.key, crl.tbs, crl.signature)
    except (AlgorithmRefused, CertificateRefused, KeyRefused, SignatureRefused, StoreError):
        return None
    return crl if crl.issuer.matches(issuer.subject) else None

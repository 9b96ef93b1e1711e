"""TrustStore: whom the caller trusts, and what may help to get there."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from msb_identity.errors import CertificateRefused, StoreError
from msb_identity.x509.files import MAX_BUNDLE_BYTES, is_pem, load_all, load_crls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from msb_identity.x509.certificate import Certificate
    from msb_identity.x509.crl import RevocationList
    from msb_identity.x509.names import Canonical, Name
    from msb_identity.x509.ocsp import OcspAnswer

SUFFIXES = frozenset({".pem", ".crt", ".cer", ".der", ".crl"})
MAX_FILES = 10_000
_T = TypeVar("_T")


@dataclass(frozen=True)
class TrustStore:
    """Anchors are trusted as they are; the rest only helps and is checked like anything else.

    An anchor's own period and key usage are not checked.
    """

    anchors: tuple[Certificate, ...] = ()
    intermediates: tuple[Certificate, ...] = ()
    crls: tuple[RevocationList, ...] = field(default=(), repr=False)
    ocsp_answers: tuple[OcspAnswer, ...] = field(default=(), repr=False)

    @classmethod
    def load(cls, *paths: Path, crls: Sequence[Path] = ()) -> TrustStore:
        """Read files and folders (*.pem, *.crt, *.cer, *.der, *.crl; not their subfolders).

        What names itself as its issuer becomes an anchor; other certificates become intermediates,
        so that a bundle with a signer's own certificate in it makes nobody trusted by itself.
        StoreError for what cannot be read, CertificateRefused for what is broken or holds nothing.
        """
        anchors: list[Certificate] = []
        intermediates: list[Certificate] = []
        lists: list[RevocationList] = []
        for path in paths:
            certificates, found = _read_path(path)
            lists += found
            for certificate in certificates:
                (anchors if certificate.is_self_issued else intermediates).append(certificate)
        for path in crls:
            lists += _read_path(path)[1] if path.is_dir() else _named(path, load_crls)
        return cls(tuple(anchors), tuple(intermediates), tuple(lists))

    def is_anchor(self, certificate: Certificate) -> bool:
        """Whether exactly this certificate is an anchor."""
        return certificate.encoded in self._anchor_bytes

    def anchors_named(self, name: Name) -> Sequence[Certificate]:
        """Give the anchors with that subject."""
        return self._by_subject.get(name.canonical, ())

    @cached_property
    def _anchor_bytes(self) -> frozenset[bytes]:
        return frozenset(anchor.encoded for anchor in self.anchors)

    @cached_property
    def _by_subject(self) -> Mapping[Canonical, Sequence[Certificate]]:
        index = defaultdict(list)
        for anchor in self.anchors:
            index[anchor.subject.canonical].append(anchor)
        return index


def _read_path(path: Path) -> tuple[tuple[Certificate, ...], tuple[RevocationList, ...]]:
    if not path.is_dir():
        certificates, lists = _named(path, _load_either)
        if not certificates and not lists:
            message = f"{path.name}: no certificate in this file"
            raise CertificateRefused(message)
        return certificates, lists
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    if len(files) > MAX_FILES:
        message = f"{path.name}: more than {MAX_FILES} files"
        raise CertificateRefused(message)
    found = [_named(file, _load_either) for file in files if file.is_file()]
    return (
        tuple(item for certificates, _ in found for item in certificates),
        tuple(item for _, lists in found for item in lists),
    )


def _named(path: Path, load: Callable[[bytes], _T]) -> _T:
    """Read one file; errors say which it was."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BUNDLE_BYTES + 1)
    except OSError as error:
        message = f"cannot read {path.name}: {error.strerror}"
        raise StoreError(message) from error
    try:
        return load(content)
    except CertificateRefused as error:
        message = f"{path.name}: {error}"
        raise CertificateRefused(message) from error


def _load_either(data: bytes) -> tuple[tuple[Certificate, ...], tuple[RevocationList, ...]]:
    """Read PEM of any kind, or one DER certificate, or one DER CRL."""
    if is_pem(data):
        return load_all(data)
    try:
        return load_all(data)
    except CertificateRefused:
        return (), load_crls(data)

"""PDFs sealed in a batch and verified, against pyHanko and against bare operations.

pdf_batch_vs_floor: files that `seal_many` seals per second of CPU with a kept seal (reading, the
visible seal, lifecycle checks, audit, writing, results), RSA-2048 and one page, over the floor:
digest, signature, and writing a new file. pdf_batch_vs_pyhanko: the same over stock pyHanko with a
picture, in memory. pdf_verify_vs_pyhanko: verifications of such a file, over pyHanko's.

Run: python benchmarks/pdf_batch.py [--quick] [--json]
"""

from __future__ import annotations

import io
import subprocess
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _measure import arguments, rates, report
from _sealing import KeptSeal, document, keep_seal, open_store, seal_picture
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from PIL import Image
from pyhanko.pdf_utils.images import PdfImage
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from msb_identity.pki.formats import encode_key
from msb_identity.pki.keys import KeyKind
from msb_identity.pki.sm import sm3
from msb_seal.batch import DocumentBatch, FileJob, Outcome, seal_many
from msb_seal.pdf.verify import check_pdf
from msb_seal.placement import At

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KINDS = {"rsa": KeyKind.RSA, "p256": KeyKind.P256, "sm2": KeyKind.SM2}
PAGES = (1, 50)
FILES = 400
"""In one call: a batch of fewer would measure how it begins and ends."""
PLACE = At(1, 130, 220)
BOX = (368, 99, 487, 218)  # the same in points, from below
RESERVED = 8_192


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__)
    with tempfile.TemporaryDirectory() as name:
        benches = [
            _Bench(Path(name) / f"{kind}_{pages}", kind, pages) for kind in KINDS for pages in PAGES
        ]
        tasks: dict[str, Callable[[], object]] = {}
        for bench in benches:
            tasks |= bench.tasks()
        found = rates(tasks, quick=options.quick)
    for name in found:
        if name.startswith(("batch_", "floor_")):
            found[name] *= FILES  # one call does them all
    ratios = {
        "pdf_batch_vs_floor": found["batch_rsa_1"] / found["floor_rsa_1"],
        "pdf_batch_vs_pyhanko": found["batch_rsa_1"] / found["pyhanko_rsa_1"],
        "pdf_verify_vs_pyhanko": found["verify_rsa_1"] / found["pyhanko_verify_rsa_1"],
    }
    sizes = {bench.name: bench.sizes for bench in benches}
    report(found, ratios, as_json=options.json, sizes=sizes)


class _Bench:
    """A kept seal of one kind of key, and files of so many pages."""

    def __init__(self, folder: Path, kind: str, pages: int) -> None:
        self.name = f"{kind}_{pages}"
        self._folder, self._kind = folder, kind
        folder.mkdir()
        self._store = open_store(folder)
        now = datetime.now(UTC).replace(microsecond=0)
        self._kept: KeptSeal = keep_seal(self._store, folder, kind=KINDS[kind], now=now)
        self._data = document(pages)
        self._sources = [folder / f"{number}.pdf" for number in range(FILES)]
        for source in self._sources:
            source.write_bytes(self._data)
        self._runs = 0
        self.batch()
        self._sealed = (folder / "out1" / "0.pdf").read_bytes()
        self.sizes = f"{len(self._data)} bytes before, {len(self._sealed)} sealed"
        self._peer = None if kind == "sm2" else _Peer(self._kept)

    def tasks(self) -> dict[str, Callable[[], object]]:
        """Give what is measured, by name."""
        found: dict[str, Callable[[], object]] = {
            f"batch_{self.name}": self.batch,
            f"floor_{self.name}": self.floor,
            f"verify_{self.name}": self.verify,
        }
        if self._peer is not None:
            peer = self._peer
            found |= {
                f"pyhanko_{self.name}": lambda: peer.sign(self._data),
                f"pyhanko_cached_{self.name}": lambda: peer.sign(self._data, cached=True),
                f"pyhanko_verify_{self.name}": lambda: peer.verify(self._sealed),
            }
        return found

    def batch(self) -> None:
        """Seal so many files into a new folder."""
        self._runs += 1
        output = self._folder / f"out{self._runs}"
        jobs = [FileJob(source, output / source.name) for source in self._sources]
        sealed = seal_many(jobs, output=output, open_batch=self._open, registered=self._kept.sealer)
        assert all(one.outcome is Outcome.SEALED for one in sealed)
        if self._runs > 1:
            _remove(output)

    def floor(self) -> None:
        """Do for so many files what no sealer can spare: digest, sign, write a new file."""
        digest = sm3 if self._kind == "sm2" else lambda data: sha256(data).digest()
        output = self._folder / "floor"
        output.mkdir()
        for source in self._sources:
            self._kept.key.sign(digest(self._sealed))
            (output / source.name).write_bytes(self._sealed)
        _remove(output)

    def verify(self) -> None:
        """Verify a sealed file, every step."""
        assert check_pdf(self._sealed, trust=self._kept.trust).verdict == "valid"

    @contextmanager
    def _open(self, reservation: str) -> Iterator[DocumentBatch]:
        yield DocumentBatch(self._kept.sealer.resume(reservation), (PLACE,))


def _remove(folder: Path) -> None:
    """Remove a folder by another process, whose time is not ours."""
    subprocess.run(["rm", "-rf", str(folder)], check=True)


class _Peer:
    """pyHanko with the same key, certificate and picture."""

    def __init__(self, kept: KeptSeal) -> None:
        certificate, root = (
            asn1_x509.Certificate.load(one.encoded) for one in (kept.certificate, kept.root)
        )
        pem = encode_key(kept.key)
        from asn1crypto.keys import PrivateKeyInfo
        from asn1crypto.pem import unarmor

        store = SimpleCertificateStore.from_certs([root])  # type: ignore[no-untyped-call]
        key = PrivateKeyInfo.load(unarmor(pem)[2])
        self._stock = SimpleSigner(certificate, key, store)
        self._cached = _CachedSigner(certificate, key, store)
        self._cached.loaded = load_pem_private_key(pem, None)
        self._trust = partial(ValidationContext, trust_roots=[root])
        self._picture = Image.open(io.BytesIO(seal_picture().data))
        self._style = self._new_style()

    def sign(self, data: bytes, *, cached: bool = False) -> None:
        """Sign visibly; `cached` with key and style made once and room reserved."""
        metadata = PdfSignatureMetadata(field_name="Seal1", subfilter=SigSeedSubFilter.PADES)
        signer = PdfSigner(
            metadata,
            self._cached if cached else self._stock,
            stamp_style=self._style if cached else self._new_style(),
            new_field_spec=SigFieldSpec("Seal1", on_page=0, box=BOX),
        )
        writer = IncrementalPdfFileWriter(io.BytesIO(data))
        signer.sign_pdf(writer, bytes_reserved=RESERVED if cached else None)

    def verify(self, data: bytes) -> None:
        """Verify with the root trusted."""
        (signature,) = PdfFileReader(io.BytesIO(data)).embedded_signatures
        status = validate_pdf_signature(signature, self._trust())
        assert status.intact
        assert status.valid

    def _new_style(self) -> StaticStampStyle:
        return StaticStampStyle(background=PdfImage(self._picture), background_opacity=1)


class _CachedSigner(SimpleSigner):  # type: ignore[misc]
    """pyHanko's signer with the key parsed once."""

    loaded: Any = None

    async def async_sign_raw(
        self,
        data: bytes,
        digest_algorithm: str,
        dry_run: bool = False,  # noqa: FBT001, FBT002 - its interface
    ) -> bytes:
        """Sign as SimpleSigner does."""
        _ = digest_algorithm, dry_run
        if isinstance(self.loaded, ec.EllipticCurvePrivateKey):
            return self.loaded.sign(data, ec.ECDSA(SHA256()))
        signature: bytes = self.loaded.sign(data, padding.PKCS1v15(), SHA256())
        return signature


if __name__ == "__main__":
    main()

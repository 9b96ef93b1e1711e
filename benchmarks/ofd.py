"""Licence faces as OFD: composing, sealing in a batch and verifying, against bare operations.

ofd_batch_vs_floor: documents that a batch reads, seals and writes per second of CPU, over the floor
of one each: SM3 of every file, an SM2 signature, deflate of the XML that sealing adds, and writing
the file. face_vs_seal: faces composed over composed faces sealed, so that 1 or more says that
composing costs no more than sealing. ofd_verify_vs_floor: verifications over their floor: SM3 of
every file and the four SM2 checks that any verdict needs (the signature, the seal, and the
certificates of signer and maker).

Run: python benchmarks/ofd.py [--quick] [--json]
"""

from __future__ import annotations

import io
import random
import tempfile
import zipfile
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from _measure import arguments, rates, report
from PIL import Image

from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.pki.sm import sm3
from msb_identity.x509 import TrustStore
from msb_identity.x509.authority import CertificateAuthority
from msb_identity.x509.roles import Role
from msb_identity.x509.subjects import Subject
from msb_seal.batch import Document, DocumentBatch
from msb_seal.drawing.fontfile import PreparedFont
from msb_seal.ofd.compose import OfdBuilder, PageTemplate
from msb_seal.ofd.verify import check_ofd
from msb_seal.placement import At
from msb_seal.seals.making import make_seal
from msb_seal.seals.model import SealPicture
from msb_seal.seals.sealer import KeySealer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from msb_seal.batch import SealedDocument
    from msb_seal.ofd.canvas import Canvas
    from msb_seal.ofd.package import OfdPackage

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
YEAR = timedelta(days=365)
SEAL_PICTURE_BYTES = 16_000


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = _Bench(folder)
        found = rates(
            {
                "compose_face": bench.compose,
                "seal_face": bench.seal,
                "compose_and_seal": bench.compose_and_seal,
                "batch": bench.batch,
                "batch_floor": bench.batch_floor,
                "verify": bench.verify,
                "verify_floor": bench.verify_floor,
            },
            quick=options.quick,
        )
    # One call seals them all.
    found["batch"] *= len(bench.faces)
    ratios = {
        "ofd_batch_vs_floor": found["batch"] / found["batch_floor"],
        "face_vs_seal": found["compose_face"] / found["seal_face"],
        "ofd_verify_vs_floor": found["verify"] / found["verify_floor"],
    }
    report(found, ratios, as_json=options.json, sizes=bench.sizes)


class _Bench:
    """A signer with a seal, a template, faces of many holders, and one of them sealed."""

    def __init__(self, folder: Path) -> None:
        chance = random.Random(4)
        self._out = folder / "out.ofd"
        self._holder = 0
        sealer, self._trust = _sealer(
            folder, b"\x89PNG\r\n\x1a\n" + chance.randbytes(SEAL_PICTURE_BYTES)
        )
        self._signer = sealer.key
        self._fonts = {"song": PreparedFont.load("song")}
        self._template = PageTemplate.make(self._fonts, _draw_template)
        self._photos = [_photo(chance) for _ in range(20)]
        self._batch = DocumentBatch(sealer, (At(1, 130, 220),))
        self.faces = [self._builder().to_bytes() for _ in range(20)]
        self._package = self.compose()
        self._sealed = self._seal(self.faces[0])
        with zipfile.ZipFile(io.BytesIO(self._sealed)) as archive:
            self._files = {name: archive.read(name) for name in archive.namelist()}
        del self._files["Doc_0/Signs/Sign_0/SignedValue.dat"]  # which nothing digests
        added = {"OFD.xml", "Doc_0/Signs/Signatures.xml", "Doc_0/Signs/Sign_0/Signature.xml"}
        self._added = [self._files[name] for name in added]
        # What is signed: the seal with the document's digest, the seal, two certificates.
        self._messages = [b"m" * size for size in (17_000, 17_000, 500, 500)]
        self._signatures = [self._signer.sign(message) for message in self._messages]
        self.sizes = {
            "face_bytes": len(self.faces[0]),
            "sealed_bytes": len(self._sealed),
            "files": len(self._files),
        }

    def compose(self) -> OfdPackage:
        """Compose one holder's face, ready to be sealed."""
        return self._builder().to_package()

    def seal(self) -> None:
        """Seal a face that was composed before."""
        _only(self._batch.seal([Document("face", self._package)], now=NOW))

    def compose_and_seal(self) -> None:
        """Compose a face and seal it, without writing it in between."""
        _only(self._batch.seal([Document("face", self.compose())], now=NOW))

    def batch(self) -> None:
        """Read, seal and write a group of faces."""
        for sealed in self._batch.seal((Document("face", face) for face in self.faces), now=NOW):
            assert sealed.data is not None
            self._out.write_bytes(sealed.data)

    def batch_floor(self) -> None:
        """Do what no sealer can spare, for one face."""
        for content in self._files.values():
            sm3(content)
        self._signer.sign(self._messages[0])
        for content in self._added:
            zlib.compress(content)
        self._out.write_bytes(self._sealed)

    def verify(self) -> None:
        """Verify a sealed face, every step."""
        assert check_ofd(self._sealed, trust=self._trust, at=NOW).verdict == "valid"

    def verify_floor(self) -> None:
        """Do what no verifier can spare."""
        for content in self._files.values():
            sm3(content)
        for message, signature in zip(self._messages, self._signatures, strict=True):
            self._signer.public.verify(message, signature)

    def _builder(self) -> OfdBuilder:
        self._holder += 1
        number = f"蒙K01{self._holder:010d}"
        builder = OfdBuilder(
            self._fonts,
            title="特种作业操作证",
            custom={"证照编号": number, "持证主体": "张三"},
            template=self._template,
        )
        page = builder.page()
        texts = (number, "张三", "男", "110105********002X", "建筑电工", "2026-03-02", "2032-03-01")
        for line, text in enumerate(texts):
            page.text(text, x_mm=70, y_mm=60 + 12 * line, size_mm=5)
        page.image(
            self._photos[self._holder % len(self._photos)],
            x_mm=150,
            y_mm=60,
            width_mm=30,
            height_mm=40,
        )
        builder.attach("licence", f'{{"ZZBH":"{number}"}}'.encode(), extension="json")
        return builder

    def _seal(self, face: bytes) -> bytes:
        return _only(self._batch.seal([Document("face", face)], now=NOW))


def _sealer(folder: Path, picture: bytes) -> tuple[KeySealer, TrustStore]:
    root = CertificateAuthority.create(folder / "ca", Subject.of("基准测试根"), now=NOW)
    maker, signer = generate_key(KeyKind.SM2), generate_key(KeyKind.SM2)
    certificates = [
        root.issue(Subject.of(name), key.public, role=role, now=NOW)
        for name, key, role in (
            ("制章人", maker, Role.SEAL_MAKER),
            ("示例市应急管理局", signer, Role.ORGANISATION),
        )
    ]
    seal = make_seal(
        seal_id="15060200000001",
        name="示例市应急管理局",
        type=6,
        picture=SealPicture("PNG", picture, 42, 42),
        signers=certificates[1:],
        valid_from=NOW,
        valid_until=NOW + YEAR,
        maker_certificate=certificates[0],
        maker_key=maker,
        now=NOW,
    )
    return KeySealer(seal, certificates[1], signer), TrustStore((root.chain[-1],))


def _only(sealed: Iterable[SealedDocument]) -> bytes:
    (one,) = sealed
    assert one.data is not None, one.error
    return one.data


def _draw_template(canvas: Canvas) -> None:
    canvas.text("特种作业操作证", x_mm=70, y_mm=30, size_mm=9)
    labels = ("证书编号", "姓名", "性别", "身份号码", "准操项目", "有效期起", "有效期至")
    for line, label in enumerate(labels):
        canvas.text(label, x_mm=30, y_mm=60 + 12 * line, size_mm=5)
        canvas.line(30, 67 + 12 * line, to_x_mm=140, to_y_mm=67 + 12 * line)
    canvas.rectangle(15, 15, width_mm=180, height_mm=267)


def _photo(chance: random.Random) -> bytes:
    """A JPEG of about the size that a licence's photo has."""
    noise = Image.frombytes("RGB", (60, 80), chance.randbytes(60 * 80 * 3)).resize((358, 441))
    written = io.BytesIO()
    noise.save(written, "JPEG", quality=60)
    return written.getvalue()


if __name__ == "__main__":
    main()

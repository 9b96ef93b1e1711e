"""The department's e-seal: applied for, approved, made, put on the licence's face, verified.

The seal lives in the same store as everything else, so that `msb-seal lifecycle --data` shows it.
The face is the holder's own copy and holds their data in clear, as the paper does.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from msb_identity.envelopes.keyfiles import ensure_signing_key
from msb_identity.foundation.files import write_whole
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import TrustStore
from msb_identity.x509.authority import CertificateAuthority
from msb_identity.x509.roles import Particulars, Role
from msb_identity.x509.subjects import Subject
from msb_seal.errors import SealingRefused
from msb_seal.lifecycle import Act, Application, SealMaker, SealRegistry, Unit
from msb_seal.ofd.package import OfdPackage
from msb_seal.ofd.reading import render_page
from msb_seal.ofd.sign import seal_ofd
from msb_seal.ofd.verify import check_ofd
from msb_seal.pictures import RoundSeal, SealDrawing, draw
from msb_seal.placement import AtKeyword
from msb_seal.seals.model import SealType
from msb_wallet.errors import LicenceNotFound
from msb_wallet.licences.face import SEAL_KEYWORD
from msb_wallet.licences.printing import open_face
from msb_wallet.licences.store import find_licence

if TYPE_CHECKING:
    from pathlib import Path

    from msb_identity.foundation.report import Report
    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509.certificate import Certificate
    from msb_seal.lifecycle import RegisteredSealer
    from msb_wallet.folder import ConfiguredIssuer, DataFolder
    from msb_wallet.licences.identifier import LicenceIdentifier
    from msb_wallet.licences.issue import Issuer
    from msb_wallet.licences.printing import Face

SEAL_KEY_FILE = "department-seal.jwk"
_APPLICANT, _APPROVER, _MAKER, _KEEPER, _OFFICER = "apply", "approve", "make", "keep", "officer"
_PURPOSE = "licence"
_PICTURE_DPI = 300


@dataclass(frozen=True, slots=True)
class SealingDesk:
    """A registry with one issued seal, and what verifiers trust."""

    registry: SealRegistry
    record: str
    drawing: SealDrawing
    sealer: RegisteredSealer
    trust: TrustStore

    @classmethod
    def open(cls, folder: DataFolder, settings: ConfiguredIssuer) -> SealingDesk:
        """Take a seal for the department through its life, up to being used."""
        authority = CertificateAuthority.open(folder.path / "ca" / "authority")
        root = CertificateAuthority.open(folder.path / "ca" / "root")
        seals = SealRegistry(folder.store, folder.protector, folder.audit)
        key = ensure_signing_key(folder.keys / SEAL_KEY_FILE, KeyKind.SM2)
        certificate = authority.issue(
            Subject.of(settings.name, organisation=settings.name),
            key.public,
            role=Role.ORGANISATION,
            particulars=Particulars(credit_code=settings.code),
        )
        drawing = draw(RoundSeal(settings.name.removesuffix("（演示）"), line="电子证照专用章"))
        record = _issue_seal(
            seals,
            settings,
            certificate=certificate,
            drawing=drawing,
            authority=authority,
            maker_key=ensure_signing_key(folder.keys / "seal-maker.jwk", KeyKind.SM2),
        )
        sealer = seals.sealer(
            record, certificate=certificate, key=key, user=_OFFICER, purpose=_PURPOSE
        )
        crls = root.make_crl(), authority.make_crl()
        trust = TrustStore((root.certificate,), authority.chain, crls)
        return cls(seals, record, drawing, sealer, trust)

    def seal(self, face: OfdPackage, document: str) -> bytes:
        """Seal a face where its issuer's name stands."""
        return seal_ofd(
            face, sealer=self.sealer, places=[AtKeyword(SEAL_KEYWORD)], document=document
        )

    def check(self, sealed: bytes) -> Report:
        """Verify a sealed face, the seal's state included."""
        return check_ofd(sealed, trust=self.trust, statuses=self.registry)

    def refusal_when_frozen(self, face: OfdPackage) -> SealingRefused:
        """Freeze the seal (停用), try to use it, thaw it again; give the refusal."""
        self.registry.change(self.record, Act.FREEZE, by=_KEEPER, reason="under-review")
        try:
            self.seal(face, "after-freeze")
        except SealingRefused as refusal:
            # Two persons: whoever froze it does not thaw it.
            self.registry.change(self.record, Act.THAW, by=_APPROVER, reason="review-closed")
            return refusal
        message = "a frozen seal signed"
        raise AssertionError(message)


def open_printed(folder: DataFolder, issuer: Issuer, identifier: LicenceIdentifier) -> Face:
    """Open an issued licence for printing."""
    with folder.store.read() as connection:
        stored = find_licence(connection, identifier.short)
    if stored is None:
        message = "no such licence"
        raise LicenceNotFound(message)
    return open_face(stored, issuer=issuer, protector=folder.protector)


def tampered(sealed: bytes, old: str, new: str) -> bytes:
    """Change a text on the first page of an OFD, as a forger would."""
    name, written = "Doc_0/Pages/Page_0/Content.xml", io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sealed)) as source, zipfile.ZipFile(written, "w") as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename == name:
                data = data.replace(old.encode(), new.encode())
            target.writestr(entry, data)
    return written.getvalue()


def write_pictures(out: Path, desk: SealingDesk, sealed: bytes) -> tuple[str, str]:
    """Write the seal's picture and the sealed face's preview beside the page; their names."""
    write_whole(out / "5-seal.png", desk.drawing.png(dpi=_PICTURE_DPI))
    write_whole(out / "5-seal.svg", desk.drawing.svg())
    write_whole(out / "6-face.png", render_page(OfdPackage.read(sealed), 1, dpi=150))
    return "5-seal.png", "6-face.png"


def _issue_seal(
    registry: SealRegistry,
    settings: ConfiguredIssuer,
    *,
    certificate: Certificate,
    drawing: SealDrawing,
    authority: CertificateAuthority,
    maker_key: SigningKey,
) -> str:
    """Apply, approve by another person, make, issue, and let the officer use it."""
    now = datetime.now(UTC).replace(microsecond=0)
    maker = authority.issue(
        Subject.of("演示制章中心", organisation="演示"), maker_key.public, role=Role.SEAL_MAKER
    )
    registry.units.register(Unit(settings.code, settings.name, settings.region), by=_KEEPER)
    application = Application(
        unit_code=settings.code,
        type=SealType.BUSINESS,
        name=settings.name,
        picture=drawing.as_seal_picture(dpi=_PICTURE_DPI),
        signers=(certificate,),
        valid_from=now - timedelta(hours=1),
        valid_until=now + timedelta(days=365),
        applicant_name="王五",
    )
    record = registry.apply(application, by=_APPLICANT).record
    registry.change(record, Act.APPROVE, by=_APPROVER)
    registry.make(record, SealMaker(maker, maker_key), by=_MAKER)
    registry.change(record, Act.ISSUE, by=_KEEPER)
    registry.grants.give(
        record,
        user=_OFFICER,
        purpose=_PURPOSE,
        valid_from=now - timedelta(hours=1),
        valid_until=now + timedelta(days=30),
        max_uses=100,
        by=_KEEPER,
    )
    return record

"""A kept seal with its registry, and PDFs to put it on, for the benchmarks of sealing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from msb_identity.foundation import audit, protect
from msb_identity.foundation.audit import Audit
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store, file_url
from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.x509 import TrustStore
from msb_identity.x509.authority import CertificateAuthority
from msb_identity.x509.roles import Role
from msb_identity.x509.subjects import Subject
from msb_seal.drawing import Font, Scene, Text, to_pdf
from msb_seal.lifecycle import Act, Application, SealMaker, SealRegistry, Unit, metadata
from msb_seal.pictures.designs import RoundSeal
from msb_seal.pictures.drawn import draw

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509.certificate import Certificate
    from msb_seal.lifecycle import RegisteredSealer
    from msb_seal.seals.model import SealPicture

UNIT = Unit("11150600MB0000000B", "测试单位", "150602")
USER, PURPOSE = "user", "licence"
LIFE = timedelta(days=300)


@dataclass(frozen=True)
class KeptSeal:
    """A seal that is issued, and who may use it as often as wished."""

    record: str
    sealer: RegisteredSealer
    key: SigningKey
    certificate: Certificate
    root: Certificate

    @property
    def trust(self) -> TrustStore:
        """Who vouches for its signer and its maker."""
        return TrustStore((self.root,))


def open_store(folder: Path) -> Store:
    """Open the store of a data folder, as the commands of msb-seal do."""
    url = file_url(folder / "store.sqlite")
    return Store.open(url, protect.metadata, audit.metadata, metadata)


def keep_seal(store: Store, folder: Path, *, kind: KeyKind, now: datetime) -> KeptSeal:
    """Bring one seal through its life to a user who may use it."""
    protector = Protector.from_folder(store, folder / "keys")
    kept = SealRegistry(store, protector, Audit(store, protector, writer="seal"))
    ca = CertificateAuthority.create(folder / "ca", Subject.of("root"), kind=kind, now=now)
    maker, signer = generate_key(kind), generate_key(kind)
    certificate = ca.issue(Subject.of("signer"), signer.public, role=Role.ORGANISATION, now=now)
    kept.units.register(UNIT, by="keeper", now=now)
    application = Application(
        unit_code=UNIT.code,
        type=1,
        name=UNIT.name,
        picture=seal_picture(),
        signers=(certificate,),
        valid_from=now,
        valid_until=now + LIFE,
        applicant_name="张三",
    )
    record = kept.apply(application, by="applicant", now=now).record
    kept.change(record, Act.APPROVE, by="approver", now=now)
    made_by = ca.issue(Subject.of("maker"), maker.public, role=Role.SEAL_MAKER, now=now)
    kept.make(record, SealMaker(made_by, maker), by="maker", now=now)
    kept.change(record, Act.ISSUE, by="keeper", now=now)
    kept.grants.give(
        record,
        user=USER,
        purpose=PURPOSE,
        valid_from=now,
        valid_until=now + LIFE,
        max_uses=None,
        by="keeper",
        now=now,
    )
    sealer = kept.sealer(record, certificate=certificate, key=signer, user=USER, purpose=PURPOSE)
    return KeptSeal(record, sealer, signer, certificate, ca.chain[-1])


@cache
def seal_picture() -> SealPicture:
    """Draw a round seal of 42 mm, 300 dots an inch."""
    return draw(RoundSeal("示例市应急管理局", serial="1506020000001")).as_seal_picture(dpi=300)


@cache
def document(pages: int) -> bytes:
    """Compose A4 pages of Chinese text, with an embedded subset of the font."""
    font = Font.load("song")
    text = "本证照经签发机关审核，依法有效。持证主体应当妥善保管，不得转借。"
    lines = tuple(Text(text, font, 5, 20, 40 + 9 * line) for line in range(12))
    return to_pdf([Scene(210, 297, lines) for _ in range(pages)])

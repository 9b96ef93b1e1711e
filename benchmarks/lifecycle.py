"""What the lifecycle adds to a signature: uses allowed, counted and recorded, against SM2 alone.

use_vs_sm2_sign: CPU time of recording one use in groups of 200, in parts of one SM2 signature.
batch_vs_floor: signatures of a reserved batch per second of CPU over bare SM2 signatures.
Run: python benchmarks/lifecycle.py [--quick] [--json]
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from _measure import arguments, rates, report

from msb_identity.foundation import audit, protect
from msb_identity.foundation.audit import Audit
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store, file_url
from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.x509.authority import CertificateAuthority
from msb_identity.x509.roles import Role
from msb_identity.x509.subjects import Subject
from msb_seal.lifecycle import Act, Application, SealMaker, SealRegistry, Unit, Use, metadata
from msb_seal.seals.model import SealPicture
from msb_seal.seals.signing import SignatureTemplate

if TYPE_CHECKING:
    from msb_seal.lifecycle import RegisteredSealer

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
YEAR = timedelta(days=365)
GROUP = 200
UNIT = Unit("11150600MB0000000B", "测试单位", "150602")


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__)
    with tempfile.TemporaryDirectory() as name, closing(_store(Path(name))) as store:
        sealer = _sealer(store, Path(name))
        digests = [number.to_bytes(32, "big") for number in range(1, GROUP + 1)]
        template = SignatureTemplate(sealer.seal, sealer.certificate)
        prepared = [
            template.prepare(digest, property_info="/Signature.xml", now=NOW).to_sign
            for digest in digests
        ]
        key = generate_key(KeyKind.SM2)
        reserved = sealer.reserve(5_000_000, now=NOW)
        uses = [Use(digest, "licence-1") for digest in digests]

        def batch() -> None:
            reserved.record(uses, now=NOW)
            for digest, to_sign in zip(digests, prepared, strict=True):
                reserved.sign(to_sign, digest=digest, document="licence-1", now=NOW)

        found = rates(
            {
                "sm2_sign": lambda: key.sign(prepared[0]),
                "record_group": lambda: reserved.record(uses, now=NOW),
                "batch_group": batch,
                "single_use": lambda: sealer.sign(
                    prepared[0], digest=digests[0], document="licence-1", now=NOW
                ),
            },
            quick=options.quick,
        )
    found["record_use"] = found.pop("record_group") * GROUP
    found["batch_signature"] = found.pop("batch_group") * GROUP
    ratios = {
        "use_vs_sm2_sign": found["sm2_sign"] / found["record_use"],
        "batch_vs_floor": found["batch_signature"] / found["sm2_sign"],
    }
    report(found, ratios, as_json=options.json)


def _store(folder: Path) -> Store:
    url = file_url(folder / "store.sqlite")
    return Store.open(url, protect.metadata, audit.metadata, metadata)


def _sealer(store: Store, folder: Path) -> RegisteredSealer:
    """Bring one seal through its life to a user who may use it."""
    protector = Protector.from_folder(store, folder / "keys")
    kept = SealRegistry(store, protector, Audit(store, protector, writer="bench"))
    ca = CertificateAuthority.create(folder / "ca", Subject.of("root"), now=NOW)
    maker, signer = generate_key(KeyKind.SM2), generate_key(KeyKind.SM2)
    certificate = ca.issue(Subject.of("signer"), signer.public, role=Role.ORGANISATION, now=NOW)
    kept.units.register(UNIT, by="keeper", now=NOW)
    application = Application(
        unit_code=UNIT.code,
        type=1,
        name=UNIT.name,
        picture=SealPicture("PNG", b"\x89PNG\r\n\x1a\n" + b"picture" * 1_000, 42, 42),
        signers=(certificate,),
        valid_from=NOW,
        valid_until=NOW + YEAR / 2,
        applicant_name="张三",
    )
    record = kept.apply(application, by="applicant", now=NOW).record
    kept.change(record, Act.APPROVE, by="approver", now=NOW)
    made_by = ca.issue(Subject.of("maker"), maker.public, role=Role.SEAL_MAKER, now=NOW)
    kept.make(record, SealMaker(made_by, maker), by="maker", now=NOW)
    kept.change(record, Act.ISSUE, by="keeper", now=NOW)
    kept.grants.give(
        record,
        user="user",
        purpose="licence",
        valid_from=NOW,
        valid_until=NOW + YEAR / 4,
        max_uses=None,
        by="keeper",
        now=NOW,
    )
    return kept.sealer(record, certificate=certificate, key=signer, user="user", purpose="licence")


if __name__ == "__main__":
    main()

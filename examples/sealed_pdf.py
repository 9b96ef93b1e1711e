"""盖章、核验、出报告 / Seal a PDF, verify it, write the report.

python examples/sealed_pdf.py FOLDER   writes letter.pdf, sealed.pdf, report.html, report.pdf there
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msb_identity import TrustStore
from msb_identity.pki import KeyKind, generate_key
from msb_identity.x509.authority import CertificateAuthority
from msb_identity.x509.roles import Role
from msb_identity.x509.subjects import Subject
from msb_seal import (
    AtKeyword,
    CheckedFile,
    KeySealer,
    check_document,
    draw,
    make_seal,
    report_html,
    report_pdf,
    seal_pdf,
)
from msb_seal.drawing import Font, Scene, Text, to_pdf
from msb_seal.pictures import RoundSeal

UNIT = "呼和浩特市教育局"


def main(name: str) -> int:
    """Make a CA, a seal and a letter; seal it; check it. 0 where it is valid."""
    folder = Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    authority = CertificateAuthority.create(folder / "ca", Subject.of("测试CA", country="CN"))
    sealer = make_sealer(authority)
    font = Font.load("song")
    lines = (
        Text("关于举办培训的通知", font, 8, 60, 50),
        Text(f"{UNIT}（盖章）", font, 6, 105, 200),
    )
    letter = to_pdf(Scene(210, 297, lines, title="通知"))

    (folder / "letter.pdf").write_bytes(letter)
    sealed = seal_pdf(letter, sealer=sealer, places=[AtKeyword("（盖章）")])
    (folder / "sealed.pdf").write_bytes(sealed)

    trust = TrustStore((authority.certificate,), crls=(authority.make_crl(),))
    report = check_document(sealed, trust=trust)
    checked = CheckedFile.of(report, sealed, name="sealed.pdf", trust=trust)
    (folder / "report.html").write_bytes(report_html([checked]))
    (folder / "report.pdf").write_bytes(report_pdf([checked]))
    sys.stdout.write(f"{report.as_text()}\n")
    return 0 if report.verdict == "valid" else 1


def make_sealer(authority: CertificateAuthority) -> KeySealer:
    """Have a maker make a seal, and give it with its signer's key."""
    maker_key, key = generate_key(KeyKind.SM2), generate_key(KeyKind.SM2)
    maker = authority.issue(Subject.of("制章中心"), maker_key.public, role=Role.SEAL_MAKER)
    certificate = authority.issue(Subject.of(UNIT), key.public, role=Role.ORGANISATION)
    now = datetime.now(UTC)
    seal = make_seal(
        seal_id="15010000000001",
        name=UNIT,
        type=1,
        picture=draw(RoundSeal(UNIT)).as_seal_picture(dpi=300),
        signers=[certificate],
        valid_from=now - timedelta(minutes=1),
        valid_until=now + timedelta(days=365),
        maker_certificate=maker,
        maker_key=maker_key,
    )
    return KeySealer(seal, certificate, key)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

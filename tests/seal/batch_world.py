"""A signer and a seal as files, good by the machine's own clock, for batches in other processes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from msb_identity.foundation.files import write_private_once
from msb_identity.pki.formats import encode_key
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import encode_pem
from tests.identity.authorities import authority, trusting
from tests.seal.makers import World
from tests.seal.ofd_documents import unsealed
from tests.seal.pdf_documents import picture, plain

if TYPE_CHECKING:
    from pathlib import Path

    from msb_identity.x509 import TrustStore

_USAGE = {"digital_signature", "non_repudiation"}


def write_signer(folder: Path) -> TrustStore:
    """Write seal.esl, key.pem, cert.pem and in/ with a PDF and an OFD; give whom to trust."""
    now = datetime.now(UTC).replace(microsecond=0)
    period: dict[str, Any] = {
        "from_": now - timedelta(days=2),
        "until": now + timedelta(days=2),
    }
    root = authority("batch root", **period)
    maker, signer = (
        root.issue(name, kind=KeyKind.P256, usage=_USAGE, **period) for name in ("maker", "signer")
    )
    made = now - timedelta(days=1)
    seal = World(root, maker, signer).seal(
        picture=picture(), valid_from=made, valid_until=now + timedelta(days=1), now=made
    )
    (folder / "seal.esl").write_bytes(seal.encoded)
    write_private_once(folder / "key.pem", encode_key(signer.key))
    (folder / "cert.pem").write_bytes(encode_pem(signer.certificate))
    (folder / "in" / "sub").mkdir(parents=True)
    (folder / "in" / "a.pdf").write_bytes(plain())
    (folder / "in" / "sub" / "b.ofd").write_bytes(unsealed())
    return trusting(root)

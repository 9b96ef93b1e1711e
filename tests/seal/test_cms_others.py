"""CMS signatures made elsewhere, and ours read elsewhere: openssl, and signed PDF of pyHanko."""

from __future__ import annotations

import hashlib
import re
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import tsp as _  # noqa: F401 - teaches asn1crypto the content of time-stamps

from msb_identity.foundation.report import Verdict
from msb_identity.pki.formats import encode_key
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import TrustStore, encode_pem
from msb_seal.cms.making import cms_digest, prepare_cms
from msb_seal.cms.verify import check_cms
from tests.identity.authorities import DAY, NOW, authority, trusting
from tests.seal.forging import SIGNS, stamping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DOCUMENT = b"what was signed\n"
KINDS = (KeyKind.RSA, KeyKind.P256)
TODAY = datetime.now(UTC)  # openssl writes and asks no other
ROOTS = {
    kind: authority(f"cms root {kind}", kind=kind, from_=TODAY - DAY, until=TODAY + DAY)
    for kind in KINDS
}
SIGNERS = {
    kind: root.issue(
        f"cms signer {kind}", kind=kind, usage=SIGNS, from_=TODAY - DAY, until=TODAY + DAY
    )
    for kind, root in ROOTS.items()
}


@pytest.fixture
def openssl(tmp_path: Path, program: Callable[[str], str]) -> Callable[..., None]:
    """Call openssl in the test's folder."""
    path = program("openssl")

    def run(*arguments: str) -> None:
        subprocess.run(
            [path, *arguments], cwd=tmp_path, check=True, capture_output=True, timeout=60
        )

    return run


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stamped", [False, True])
def test_openssl_takes_what_we_sign(
    kind: KeyKind,
    stamped: bool,  # noqa: FBT001
    tmp_path: Path,
    openssl: Callable[..., None],
) -> None:
    signer = SIGNERS[kind]
    digest = cms_digest(DOCUMENT, signer.certificate)
    prepared = prepare_cms(digest=digest, certificate=signer.certificate, now=TODAY)
    source = stamping().source(TODAY) if stamped else None
    signature = prepared.finish(signer.key.sign(prepared.to_sign), timestamps=source)
    (tmp_path / "signature").write_bytes(signature)
    (tmp_path / "root.pem").write_bytes(encode_pem(ROOTS[kind].certificate))
    (tmp_path / "document").write_bytes(DOCUMENT)
    arguments = ("cms", "-verify", "-binary", "-inform", "DER", "-in", "signature")
    more = ("-content", "document", "-CAfile", "root.pem", "-purpose", "any")
    openssl(*arguments, *more, "-cades")
    (tmp_path / "document").write_bytes(DOCUMENT + b"!")
    with pytest.raises(subprocess.CalledProcessError):
        openssl(*arguments, *more)


FORMS = {
    "detached": (),
    "attached": ("-nodetach",),
    "detached without attributes": ("-noattr",),
    "attached without attributes": ("-noattr", "-nodetach"),
    "with the certificate's name": ("-cades",),
    "streamed, in BER": ("-stream", "-nodetach"),
    "named by the key": ("-keyid",),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMS)
def test_we_take_what_openssl_signs(
    kind: KeyKind, form: str, tmp_path: Path, openssl: Callable[..., None]
) -> None:
    signer = SIGNERS[kind]
    (tmp_path / "document").write_bytes(DOCUMENT)
    (tmp_path / "signer.pem").write_bytes(encode_pem(signer.certificate))
    (tmp_path / "signer.key").write_bytes(encode_key(signer.key))
    arguments = ("cms", "-sign", "-binary", "-in", "document", "-signer", "signer.pem")
    rest = ("-inkey", "signer.key", "-md", "sha256", "-outform", "DER", "-out", "signature")
    openssl(*arguments, *rest, *FORMS[form])
    data = (tmp_path / "signature").read_bytes()
    trust = trusting(ROOTS[kind])
    assert check_cms(data, original=DOCUMENT, trust=trust).verdict is Verdict.VALID
    report = check_cms(data, original=DOCUMENT + b"!", trust=trust)
    assert report.verdict is Verdict.INVALID


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.P256, KeyKind.RSA, KeyKind.ED25519])
def test_asn1crypto_reads_what_we_make(kind: KeyKind) -> None:
    root = authority(f"cms root {kind}", kind=kind)
    signer = root.issue(f"cms signer {kind}", kind=kind, usage=SIGNS)
    digest = cms_digest(DOCUMENT, signer.certificate)
    prepared = prepare_cms(
        digest=digest,
        certificate=signer.certificate,
        chain=[root.certificate],
        now=NOW,
    )
    value = signer.key.sign(prepared.to_sign)
    data = prepared.finish(value, timestamps=stamping().source())
    outer = asn1_cms.ContentInfo.load(data, strict=True)
    signed = outer["content"]
    info = signed["signer_infos"][0]
    encodings = [attribute.dump() for attribute in info["signed_attrs"]]
    assert encodings == sorted(encodings)  # X.690 section 11.6
    named = {attribute["type"].native: attribute for attribute in info["signed_attrs"]}
    assert set(named) == {
        "content_type",
        "message_digest",
        "signing_time",
        "signing_certificate_v2",
    }
    assert named["message_digest"]["values"][0].native == digest
    assert named["signing_time"]["values"][0].native == NOW
    assert info["signed_attrs"].untag().dump() == prepared.to_sign
    assert info["signature"].native == value
    assert [one.chosen.dump() for one in signed["certificates"]] == [
        signer.certificate.encoded,
        root.certificate.encoded,
    ]
    token = info["unsigned_attrs"][0]["values"][0]
    stamp = token["content"]["encap_content_info"]["content"].parsed
    assert stamp["gen_time"].native == NOW
    assert stamp["message_imprint"]["hashed_message"].native == hashlib.sha256(value).digest()


RANGE = re.compile(rb"/ByteRange\s*\[\s*0\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")
# File, the root that is trusted, and the steps that are not good: as the table of vectors says.
PDFS = [
    ("own_B_T.pdf", "own_root.crt", []),
    ("own_rsa_visible_BB.pdf", "own_root.crt", []),
    ("own_certified_plus_countersign.pdf", "own_root.crt", []),
    ("own_sm2_gmid.pdf", "own_sm2_root.crt", []),
    ("own_sm2_emptyid.pdf", "own_sm2_root.crt", ["signature-value"]),
    ("own_sm2_tampered.pdf", "own_sm2_root.crt", ["document-digest"]),
]


@pytest.mark.parametrize(("name", "root", "bad"), PDFS)
def test_signatures_in_pdf_of_others_are_judged_right(
    name: str, root: str, bad: list[str], vectors: Path
) -> None:
    folder = vectors / "pdf" / "own"
    trust = TrustStore.load(folder / root)
    found = list(signatures_in((folder / name).read_bytes()))
    assert found
    for signature, original in found:
        report = check_cms(
            signature, original=original, trust=trust, at=datetime(2026, 12, 1, tzinfo=UTC)
        )
        failed = [step.id for step in report.steps if step.outcome == "failed"]
        assert failed == bad, report.as_text()
        assert (report.verdict is Verdict.VALID) == (not bad), report.as_text()


def signatures_in(pdf: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give each CMS of a PDF, without the zeros that fill its place, and the bytes it is over."""
    for found in RANGE.finditer(pdf):
        first, start, length = (int(number) for number in found.groups())
        padded = bytes.fromhex(pdf[first + 1 : start - 1].decode())
        size = 4 + int.from_bytes(padded[2:4], "big")
        assert padded[:2] == b"\x30\x82"
        yield padded[:size], pdf[:first] + pdf[start : start + length]

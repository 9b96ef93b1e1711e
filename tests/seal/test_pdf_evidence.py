"""What makes a sealed PDF last: evidence in the file, and time-stamps over all of it."""

from __future__ import annotations

import io
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from msb_identity.errors import FetchRefused
from msb_identity.foundation.report import Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import encode_pem
from msb_seal.errors import SealingRefused
from msb_seal.pdf.evidence import add_document_timestamp, add_evidence, gather_evidence
from msb_seal.pdf.sign import PdfOptions, SignatureForm, seal_pdf, sign_pdf
from msb_seal.placement import At
from msb_seal.timestamp import check_timestamp
from tests.identity.authorities import NOW, Entity, authority, crl_point, trusting
from tests.seal.forging import SIGNS, stamping
from tests.seal.makers import world
from tests.seal.pdf_documents import picture, plain, signed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

URL = "http://crl.example/root.crl"
LATER = NOW + timedelta(minutes=5)


@dataclass(frozen=True)
class Published:
    """A fetcher that has one CRL, or nothing."""

    body: bytes | None

    def get(self, url: str, *, limit: int) -> bytes:
        if self.body is None or url != URL:
            raise FetchRefused("unreachable")
        assert len(self.body) <= limit
        return self.body

    def post(self, url: str, body: bytes, *, content_type: str, limit: int) -> bytes:
        message = f"{url}: {len(body)} bytes of {content_type}, {limit}"
        raise FetchRefused(message)


ROOT = authority("evidence root")
ISSUER = ROOT.issue("evidence issuer", ca=True, extensions=[crl_point(URL)])
SIGNER = ROOT.issue("evidence signer", usage=SIGNS, extensions=[crl_point(URL)])
LIST = ROOT.crl()
CRL = LIST.encoded
TRUST = trusting(ROOT, stamping().root)


def stamped(signer: Entity = SIGNER, **changes: object) -> bytes:
    return sign_pdf(
        plain(),
        key=signer.key,
        certificate=signer.certificate,
        options=PdfOptions(**changes),  # type: ignore[arg-type] # one of its fields
        timestamps=stamping().source(),
        now=NOW,
    )


def stored(data: bytes, kind: str) -> set[bytes]:
    """Give what the document security store holds of one kind."""
    store = PdfFileReader(io.BytesIO(data)).root["/DSS"]
    return {one.get_object().data for one in store[kind]} if kind in store else set()


def test_evidence_of_signer_and_time_stamp_goes_into_the_file() -> None:
    data = stamped()
    evidence = gather_evidence(data, trust=TRUST, fetch=Published(CRL), at=NOW)
    made = add_evidence(data, evidence)
    assert made.startswith(data)
    assert stored(made, "/CRLs") == {CRL}
    expected = (SIGNER, ROOT, stamping().stamper, stamping().root)
    assert stored(made, "/Certs") == {one.certificate.encoded for one in expected}


def test_evidence_is_added_to_what_is_there() -> None:
    data = stamped()
    first = add_evidence(data, gather_evidence(data, trust=TRUST, fetch=Published(CRL), at=NOW))
    other = world()
    again = seal_pdf(
        first,
        sealer=other.sealer(picture=picture()),
        places=[At(1, 1, 1)],
        options=PdfOptions(form=SignatureForm.SES),
        now=NOW,
    )
    trust = trusting(ROOT, stamping().root, other.root)
    second = add_evidence(again, gather_evidence(again, trust=trust, fetch=Published(CRL), at=NOW))
    assert stored(second, "/CRLs") == {CRL}
    more = {one.certificate.encoded for one in (other.signer, other.maker, other.root)}
    assert stored(second, "/Certs") == stored(first, "/Certs") | more


@pytest.mark.parametrize("fetch", [None, Published(None), Published(b"no list")])
def test_evidence_that_cannot_be_had_is_not_passed_over(fetch: Published | None) -> None:
    with pytest.raises(SealingRefused) as caught:
        gather_evidence(stamped(), trust=TRUST, fetch=fetch, at=NOW)
    assert caught.value.code == "no-evidence"


def test_a_signer_whom_nobody_vouches_for_has_no_evidence() -> None:
    with pytest.raises(SealingRefused) as caught:
        gather_evidence(stamped(), trust=trusting(), fetch=Published(CRL), at=NOW)
    assert caught.value.code == "no-evidence"


def test_lists_at_hand_need_no_fetching() -> None:
    trust = trusting(ROOT, stamping().root, crls=(LIST,))
    evidence = gather_evidence(stamped(), trust=trust, at=NOW)
    assert [crl.encoded for crl in evidence.crls] == [CRL]


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.P256])
def test_a_document_time_stamp_covers_the_whole_file(kind: KeyKind) -> None:
    data = stamped(final=True)  # what is locked may still be kept
    made = add_document_timestamp(data, timestamps=stamping(kind).source())
    assert made.startswith(data)
    assert b"/SubFilter /ETSI.RFC3161" in made
    found = signed(made)
    report = check_timestamp(
        found.value, covers=found.covered, trust=trusting(stamping(kind).root), at=LATER
    )
    assert report.verdict is Verdict.VALID
    again = add_document_timestamp(made, timestamps=stamping(kind).source())
    assert b"/T (Timestamp2)" in again


def test_openssl_finds_the_document_time_stamp_good(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    found = signed(add_document_timestamp(plain(), timestamps=stamping().source()))
    (tmp_path / "covered").write_bytes(found.covered)
    (tmp_path / "token").write_bytes(found.value)
    (tmp_path / "root.pem").write_bytes(encode_pem(stamping().root.certificate))
    words = "ts -verify -token_in -in token -data covered -CAfile root.pem -attime"
    done = subprocess.run(
        [program("openssl"), *words.split(), str(int(LATER.timestamp()))],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert b"Verification: OK" in done.stdout + done.stderr

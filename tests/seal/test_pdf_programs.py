"""Sealed PDF as other programs find it, and what they made before."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import encode_pem
from msb_seal.cms.structure import parse_cms
from msb_seal.pdf.sign import (
    PdfOptions,
    SignatureForm,
)
from msb_seal.placement import At, Straddle
from msb_seal.seals.verify import check_seal_signature
from tests.identity.authorities import NOW
from tests.seal.cms_world import ROOTS, SIGNERS
from tests.seal.makers import world
from tests.seal.pdf_documents import box_of, one_page, picture, plain, seen, signed
from tests.seal.pdf_sealing import BLUE, HERE, refusal, sealed, signed_with

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from msb_seal.placement import Place


@pytest.mark.parametrize("kind", [KeyKind.RSA, KeyKind.P256])
@pytest.mark.parametrize("form", [SignatureForm.PADES, SignatureForm.ADOBE])
def test_other_programs_find_the_signature_good(
    kind: KeyKind, form: SignatureForm, tmp_path: Path, program: Callable[[str], str]
) -> None:
    places: list[Place] = [At(1, 20, 30), Straddle()]
    data = signed_with(
        kind, plain(2), places=places, options=PdfOptions(form=form), picture=picture()
    )
    found = signed(data)
    files = {"a.pdf": data, "covered": found.covered, "value": found.value}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "root.pem").write_bytes(encode_pem(ROOTS[kind].certificate))

    def run(*words: str) -> str:
        done = subprocess.run(
            [program(words[0]), *words[1:]], cwd=tmp_path, capture_output=True, check=False
        )
        return (done.stdout + done.stderr).decode()

    told = run("pdfsig", "-nocert", "a.pdf")
    assert told.count("Signature is Valid.") == told.count("Total document signed") == 3
    told = run("mutool", "sign", "-v", "a.pdf")
    assert told.count("The document is unchanged since signing.") == 3
    assert "No syntax or stream encoding errors" in run("qpdf", "--check", "a.pdf")
    verify = "cms -verify -binary -inform DER -in value -content covered -purpose any -out out"
    moment = str(int(NOW.timestamp()))
    options = [*verify.split(), "-CAfile", "root.pem", "-attime", moment]
    assert "successful" in run("openssl", *options)
    if form is SignatureForm.PADES:
        assert "CAdES Verification successful" in run("openssl", *options, "-cades")


@pytest.mark.parametrize("way", ["--linearize", "--object-streams=generate"])
def test_files_of_every_build_are_sealed(
    way: str, tmp_path: Path, program: Callable[[str], str]
) -> None:
    source, made = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(plain(3))
    subprocess.run([program("qpdf"), way, source, made], check=True)
    data = sealed(sealed(made.read_bytes(), places=[Straddle()]))
    found = signed(data)
    report = check_seal_signature(found.value, original=found.covered, trust=world().trust, at=NOW)
    assert report.verdict is Verdict.VALID
    source.write_bytes(data)
    checked = subprocess.run([program("qpdf"), "--check", source], check=True, capture_output=True)
    assert b"WARNING" not in checked.stdout + checked.stderr
    assert box_of(seen(data), BLUE) is not None


def test_a_file_with_two_kinds_of_cross_references_is_named_so() -> None:
    data = one_page()
    # The stream says where object 4 is; 7.5.8.4: only newer readers look at it.
    offset = data.rindex(b"xref\n0 5")
    stream = b"9 0 obj\n<< /Type /XRef /Size 5 /W [1 2 1] /Index [4 1] /Length 4 >>\nstream\n"
    entry = b"\1" + data.index(b"4 0 obj").to_bytes(2, "big") + b"\0"
    table = data[offset:].replace(b"/Size 5", b"/Size 5 /XRefStm %d" % offset)
    moved = offset + len(stream) + 4 + len(b"\nendstream\nendobj\n")
    table = table.replace(b"startxref\n%d" % offset, b"startxref\n%d" % moved)
    hybrid = data[:offset] + stream + entry + b"\nendstream\nendobj\n" + table
    assert refusal(hybrid) == "hybrid"


def test_pdfsig_trusts_the_signer_through_an_nss_database(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    (tmp_path / "root.pem").write_bytes(encode_pem(ROOTS[KeyKind.RSA].certificate))
    database = f"sql:{tmp_path / 'nss'}"
    (tmp_path / "nss").mkdir()
    add = ["-A", "-d", database, "-n", "root", "-t", "CT,C,C", "-i", str(tmp_path / "root.pem")]
    for words in (["-N", "-d", database, "--empty-password"], add):
        subprocess.run([program("certutil"), *words], check=True, capture_output=True)
    sealed_file = tmp_path / "a.pdf"
    sealed_file.write_bytes(signed_with(KeyKind.RSA, places=HERE, picture=picture()))
    words = ["-nssdir", str(tmp_path / "nss"), str(sealed_file)]
    told = subprocess.run([program("pdfsig"), *words], check=False, capture_output=True).stdout
    assert b"Signature is Valid." in told
    # Other words where the machine's clock is beyond the certificate's period.
    assert (b"Certificate is Trusted." in told) or (b"Certificate has Expired" in told)


def test_openssl_finds_the_sm2_signature_good(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    found = signed(signed_with(KeyKind.SM2, options=PdfOptions(form=SignatureForm.ADOBE)))
    (signer,) = parse_cms(found.value).signers
    assert signer.attributes_signed is not None
    files = {
        "covered": found.covered,
        "attributes": signer.attributes_signed,
        "signature": signer.signature,
        "cert.pem": encode_pem(SIGNERS[KeyKind.SM2].certificate),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    def run(words: str) -> bytes:
        return subprocess.run(
            [program("openssl"), *words.split()], cwd=tmp_path, capture_output=True, check=True
        ).stdout

    digest = run("dgst -sm3 -binary covered")
    assert digest in signer.attributes_signed
    run("x509 -in cert.pem -pubkey -noout -out key.pem")
    verify = "dgst -sm3 -verify key.pem -sigopt distid:1234567812345678 -signature signature"
    assert b"Verified OK" in run(f"{verify} attributes")


def test_an_encrypted_file_is_named_so(tmp_path: Path, program: Callable[[str], str]) -> None:
    source, made = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(plain())
    words = ["--encrypt", "", "owner", "256", "--", str(source), str(made)]
    subprocess.run([program("qpdf"), *words], check=True)
    assert refusal(made.read_bytes()) == "encrypted"

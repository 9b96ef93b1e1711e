"""The command `sign`: a seal or a signature on an OFD or a PDF, from files to a verdict."""

from __future__ import annotations

import argparse
import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.files import write_private_once
from msb_identity.foundation.report import Verdict
from msb_identity.pki.formats import encode_key
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import encode_pem
from msb_seal.cli import main
from msb_seal.cms.verify import check_cms
from msb_seal.commands.places import read_place
from msb_seal.placement import At, AtKeyword, OnEveryPage, Place, Straddle
from msb_seal.seals.model import SealPicture
from msb_seal.seals.verify import check_seal_signature
from tests.identity.authorities import NOW
from tests.seal.cms_world import ROOTS, SIGNERS
from tests.seal.makers import world
from tests.seal.ofd_documents import document, entries_of, root_of, unsealed
from tests.seal.pdf_documents import box_of, plain, seen, signed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Console = Callable[..., tuple[int, str, str]]


@pytest.fixture
def console(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Console:
    """Call msb-seal in a folder with a document, a seal, a key and a certificate, at NOW."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("msb_seal.commands.sign.aware", lambda _: NOW)
    monkeypatch.setattr("msb_seal.commands.keep.aware", lambda _: NOW)
    signer = world().signer
    (tmp_path / "a.ofd").write_bytes(unsealed())
    (tmp_path / "seal.esl").write_bytes(world().seal().encoded)
    write_private_once(tmp_path / "key.pem", encode_key(signer.key))
    (tmp_path / "cert.pem").write_bytes(encode_pem(signer.certificate))
    (tmp_path / "root.pem").write_bytes(encode_pem(world().root.certificate))

    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


WITH_KEY = ("--key", "key.pem", "--cert", "cert.pem")
VERIFY = ("verify", "--trust", "root.pem", "--at", NOW.isoformat(), "--json")


def test_a_document_is_sealed_from_files_and_verifies(console: Console, tmp_path: Path) -> None:
    seal = ("--seal", "seal.esl", "--place", "page=1,x=120,y=200", "--place", "straddle")
    status, out, err = console("sign", "a.ofd", *WITH_KEY, *seal, "--out", "b.ofd")
    assert (status, err) == (0, "")
    assert "b.ofd" in out
    status, out, _ = console(*VERIFY, "b.ofd")
    assert status == 0
    (report,) = json.loads(out)
    assert (report["kind"], report["verdict"]) == ("ofd", "valid")
    assert [signature["kind"] for signature in report["signatures"]] == ["ses-v4"]
    signature = root_of(
        entries_of((tmp_path / "b.ofd").read_bytes()), "Doc_0/Signs/Sign_0/Signature.xml"
    )
    assert len(signature.findall(".//{*}StampAnnot")) == 3


def test_without_a_seal_it_is_a_plain_signature_and_may_be_the_last(console: Console) -> None:
    assert console("sign", "a.ofd", *WITH_KEY, "--final", "--out", "b.ofd")[0] == 0
    status, out, _ = console(*VERIFY, "b.ofd")
    assert status == 0
    assert json.loads(out)[0]["signatures"][0]["kind"] == "cms"
    status, _, err = console("sign", "b.ofd", *WITH_KEY, "--out", "c.ofd")
    assert status == 2
    assert "final" in err


def test_a_changed_file_is_refused(console: Console, tmp_path: Path) -> None:
    console("sign", "a.ofd", *WITH_KEY, "--out", "b.ofd")
    data = (tmp_path / "b.ofd").read_bytes()
    (tmp_path / "b.ofd").write_bytes(data[: len(data) // 2])
    assert console(*VERIFY, "b.ofd")[0] == 3
    assert document()  # the document itself stays as it was
    assert (tmp_path / "a.ofd").read_bytes() == unsealed()


def test_a_pdf_is_known_by_its_bytes_and_sealed_with_what_the_seal_can(
    console: Console, tmp_path: Path
) -> None:
    (tmp_path / "letter").write_bytes(plain(2))
    seal = ("--seal", "seal.esl", "--place", "keyword=盖章处", "--place", "straddle")
    words = ("--reason", "approved", "--certify", "forms")
    status, out, err = console("sign", "letter", *WITH_KEY, *seal, *words, "--out", "b.pdf")
    assert (status, err) == (0, "")
    assert "b.pdf" in out
    data = (tmp_path / "b.pdf").read_bytes()
    assert b"/SubFilter /GM.sm2seal" in data
    assert b"/Reason (approved)" in data
    found = signed(data)
    report = check_seal_signature(found.value, original=found.covered, trust=world().trust, at=NOW)
    assert report.verdict is Verdict.VALID


@pytest.mark.parametrize(
    ("form", "subfilter"),
    [("pades", "ETSI.CAdES.detached"), ("adobe", "adbe.pkcs7.detached"), ("gm_cms", "GM.sm2cms")],
)
def test_a_pdf_is_signed_in_the_form_that_was_asked_for(
    console: Console, tmp_path: Path, form: str, subfilter: str
) -> None:
    (tmp_path / "a.pdf").write_bytes(plain())
    assert console("sign", "a.pdf", *WITH_KEY, "--form", form, "--out", "b.pdf")[0] == 0
    data = (tmp_path / "b.pdf").read_bytes()
    assert f"/SubFilter /{subfilter}".encode() in data
    found = signed(data)
    report = check_cms(found.value, original=found.covered, trust=world().trust, at=NOW)
    assert report.verdict is Verdict.VALID


def test_a_seal_whose_picture_is_svg_shows_in_a_pdf(console: Console, tmp_path: Path) -> None:
    red = (
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 2">'
        b'<rect width="4" height="2" fill="#ff0000"/></svg>'
    )
    seal = world().seal(picture=SealPicture("SVG", red, 40, 20))
    (tmp_path / "svg.esl").write_bytes(seal.encoded)
    (tmp_path / "a.pdf").write_bytes(plain())
    words = ("--seal", "svg.esl", "--place", "page=1,x=20,y=30", "--out", "b.pdf")
    assert console("sign", "a.pdf", *WITH_KEY, *words)[0] == 0
    box = box_of(seen((tmp_path / "b.pdf").read_bytes()), (255, 0, 0))
    assert box == pytest.approx((20, 30, 60, 50), abs=0.45)


def test_a_pdf_is_kept_with_its_evidence(console: Console, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(plain())
    console("sign", "a.pdf", *WITH_KEY, "--out", "b.pdf")
    status, _, err = console("keep", "b.pdf", "--out", "c.pdf")
    assert (status, err.count("\n")) == (2, 1)
    assert "no evidence" in err
    status, out, _ = console("keep", "b.pdf", "--trust", "root.pem", "--out", "c.pdf")
    assert (status, "c.pdf" in out) == (0, True)
    assert b"/DSS" in (tmp_path / "c.pdf").read_bytes()
    assert console("keep", "a.ofd", "--trust", "root.pem", "--out", "d.pdf")[0] == 2


def test_a_pdf_is_sealed_and_signed_with_a_second_key(console: Console, tmp_path: Path) -> None:
    signer = SIGNERS[KeyKind.RSA]
    write_private_once(tmp_path / "rsa.pem", encode_key(signer.key))
    (tmp_path / "rsa-cert.pem").write_bytes(encode_pem(signer.certificate))
    (tmp_path / "rsa-root.pem").write_bytes(encode_pem(ROOTS[KeyKind.RSA].certificate))
    (tmp_path / "a.pdf").write_bytes(plain())
    seal = ("--seal", "seal.esl", "--place", "keyword=盖章处")
    second = ("--second-key", "rsa.pem", "--second-cert", "rsa-cert.pem")
    assert console("sign", "a.pdf", *WITH_KEY, *seal, *second, "--out", "b.pdf")[0] == 0
    status, out, _ = console(*VERIFY, "--trust", "rsa-root.pem", "b.pdf")
    assert status == 0
    assert [one["kind"] for one in json.loads(out)[0]["signatures"]] == ["ses-v4", "cms"]
    for wrong in (second[:2], ("--seal", "seal.esl"), (*second, "--form", "ses")):
        status, _, err = console("sign", "a.pdf", *WITH_KEY, *wrong, "--out", "c.pdf")
        assert (status, err.count("\n")) == (2, 1)
    status, _, err = console("sign", "a.ofd", *WITH_KEY, *seal, *second, "--out", "c.ofd")
    assert (status, "--second-key" in err) == (2, True)


def test_fields_are_reserved_and_signed_in_turn(console: Console, tmp_path: Path) -> None:
    (tmp_path / "0.pdf").write_bytes(plain())
    place = ("--place", "keyword=盖章处", "--size", "42x42")
    for number, (name, lock) in enumerate((("office", "only:office"), ("owner", "final"))):
        words = ("--name", name, *place, "--lock", lock, "--out", f"{number + 1}.pdf")
        assert console("field", "add", f"{number}.pdf", *words)[0] == 0
    seal = ("--seal", "seal.esl", "--field")
    assert console("sign", "2.pdf", *WITH_KEY, *seal, "office", "--out", "3.pdf")[0] == 0
    assert console("sign", "3.pdf", *WITH_KEY, *seal, "owner", "--out", "4.pdf")[0] == 0
    status, out, _ = console(*VERIFY, "4.pdf")
    assert (status, len(json.loads(out)[0]["signatures"])) == (0, 2)
    assert console("sign", "4.pdf", *WITH_KEY, "--out", "5.pdf")[0] == 2


@pytest.mark.parametrize(
    "words",
    [
        ("--name", "a.b", "--place", "page=1,x=1,y=1"),
        ("--name", "a", "--place", "straddle"),
        ("--name", "a", "--place", "page=all,x=1,y=1"),
        ("--name", "a", "--place", "page=1,x=1,y=1", "--size", "42"),
        ("--name", "a", "--place", "page=1,x=1,y=1", "--lock", "some"),
        ("--name", "a", "--place", "page=1,x=1,y=1", "--lock", "only:"),
        ("--name", "a", "--place", "page=1,x=1,y=1", "--lock", "all:a"),
    ],
)
def test_a_field_that_cannot_be_is_one_line(
    console: Console, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "a.pdf").write_bytes(plain())
    status, _, err = console("field", "add", "a.pdf", *words, "--out", "b.pdf")
    assert (status, err.count("\n")) == (2, 1)
    assert not (tmp_path / "b.pdf").exists()


def test_what_was_found_is_written_for_people_too(console: Console, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(plain())
    console("sign", "a.pdf", *WITH_KEY, "--out", "b.pdf")
    reports = [word for end in ("html", "pdf", "json") for word in ("--report", f"out.{end}")]
    status, out, err = console(*VERIFY, "b.pdf", "a.pdf", "missing.pdf", *reports)
    assert (status, err.count("\n")) == (2, 1)  # one file could not be had
    names = ["b.pdf", "a.pdf"]
    assert [one["file"] for one in json.loads(out)] == names
    told = json.loads((tmp_path / "out.json").read_bytes())
    assert [(one["file"], one["verdict"]) for one in told] == [
        ("b.pdf", "valid"),
        ("a.pdf", "indeterminate"),
    ]
    assert told[0]["sha256"] == hashlib.sha256((tmp_path / "b.pdf").read_bytes()).hexdigest()
    page = (tmp_path / "out.html").read_text("utf-8")
    assert all(name in page for name in names)
    assert (tmp_path / "out.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", ["out.txt", "there.html", "nowhere/out.pdf/x.html"])
def test_a_report_that_cannot_be_written_is_told_before_anything_is_checked(
    console: Console, tmp_path: Path, name: str
) -> None:
    (tmp_path / "there.html").write_text("mine")
    (tmp_path / "nowhere").write_text("a file")
    status, out, err = console(*VERIFY, "a.ofd", "--report", name)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert (tmp_path / "there.html").read_text() == "mine"


def test_what_only_a_pdf_takes_is_not_passed_over(console: Console, tmp_path: Path) -> None:
    status, _, err = console("sign", "a.ofd", *WITH_KEY, "--form", "ses", "--out", "b.ofd")
    assert (status, err.count("\n")) == (2, 1)
    assert "--form" in err
    assert not (tmp_path / "b.ofd").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--seal", "seal.esl"),
        ("--place", "straddle"),
        ("--seal", "seal.esl", "--place", "page=9,x=1,y=1"),
        ("--seal", "seal.esl", "--place", "keyword=没有"),
        ("--seal", "cert.pem", "--place", "straddle"),
        ("--seal", "missing.esl", "--place", "straddle"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    console: Console, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    status, _, err = console("sign", "a.ofd", *WITH_KEY, *arguments, "--out", "b.ofd")
    assert status == 2
    assert err.count("\n") == 1
    assert not (tmp_path / "b.ofd").exists()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("page=1,x=120,y=200", At(1, 120, 200)),
        ("y=1.5,x=2,page=3", At(3, 2, 1.5)),
        ("keyword=盖章处", AtKeyword("盖章处")),
        ("keyword=a=b,nth=-1", AtKeyword("a=b", -1)),
        ("page=last,x=1,y=2", At(-1, 1, 2)),
        ("page=all,x=1,y=2", OnEveryPage(1, 2)),
        ("keyword=盖章,nth=all,dx=3,dy=-4", AtKeyword("盖章", None, 3, -4)),
        ("straddle,pages=4", Straddle(pages_per_seal=4)),
        ("straddle", Straddle()),
        ("straddle,edge=left,offset=40,margin=2", Straddle("left", 40, 2)),
    ],
)
def test_places_are_read(text: str, place: Place) -> None:
    assert read_place(text) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "page=1",
        "page=1,x=1",
        "page=one,x=1,y=1",
        "page=1,x=1,y=1,z=1",
        "page=1,x=1,y=1,page=2",
        "keyword=",
        "keyword=a,nth=b",
        "straddle,edge=middle",
        "straddle,nth=1",
        "everywhere",
    ],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        read_place(text)

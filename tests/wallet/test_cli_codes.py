"""The story by commands: issued, shown, scanned, suspended, revoked."""

from __future__ import annotations

from msb_wallet.codes.qr import read_picture
from tests.wallet.conftest import ISSUERS, TYPE
from tests.wallet.office import HEADING, SM2_CODE, Office, codes_in, csv_row


def test_the_whole_story(office: Office) -> None:
    out = office.good("trust", "make", "--issuers", office.file("issuers.toml", ISSUERS))
    assert "version 1" in out
    rows = office.file(
        "rows.csv",
        "\n".join([HEADING, csv_row("蒙K1"), csv_row("蒙K2", holder="110105194912310021")]),
    )
    issue = ("issue", rows, "--type", TYPE, "--issuer", SM2_CODE)
    first = office.run(*issue)
    assert first.status == 1  # a row was refused
    assert "issued 1, there already 0, refused 1" in first.err
    assert "110105194912310021" not in first.out + first.err
    identifier = first.out.split()[1]
    assert identifier.startswith("1.2.156.3005.2.")
    again = office.run(*issue)
    assert "issued 0, there already 1, refused 1" in again.err
    assert identifier in again.out

    # Before the list is published nobody offline knows the status.
    printed = office.path / "printed.png"
    office.good("show", identifier, "--printed", "--out", printed)
    assert office.run("scan", printed).status == 3
    assert len(office.good("status", "publish").split()) == 1
    assert "VALID" in office.good("scan", printed)
    assert office.good("status", "publish") == ""

    shown = office.path / "shown.png"
    assert "QR" in office.good("show", identifier, "--out", shown)
    assert office.run("scan", shown).status == 3
    assert "VALID" in office.good("scan", shown, "--store", office.store)
    twice = office.run("scan", shown, "--store", office.store)
    assert twice.status == 1
    assert "used before" in twice.out

    device = office.device()
    text = office.good("show", identifier, "--offline", device)
    assert codes_in(text) == ["MSB2:"]
    assert "VALID" in office.good("scan", "-", stdin=text.encode())
    assert office.run("scan", "-", stdin=text.encode()).status == 1

    ready = office.good("show", identifier)
    revoked = office.good("revoke", identifier, "--reason", "cancelled")
    assert "revoked (cancelled)" in revoked
    refused = office.run("scan", "-", "--store", office.store, stdin=ready.encode())
    assert refused.status == 1
    assert "the licence has been revoked" in refused.out
    office.good("scan", printed)  # offline it is not known yet
    assert len(office.good("status", "publish").split()) == 1
    refused = office.run("scan", printed)
    assert refused.status == 1
    assert "the licence has been revoked" in refused.out
    late = office.run("show", identifier, "--printed")
    assert late.status == 0
    assert "revoked" in late.err


def test_suspend_and_restore(office: Office) -> None:
    [identifier] = office.open()
    code = office.file("code.txt", office.good("show", identifier, "--printed"))
    office.good("revoke", identifier, "--suspend")
    assert office.run("scan", code, "--store", office.store).status == 1
    office.good("revoke", identifier, "--restore")
    office.good("scan", code, "--store", office.store)
    office.good("revoke", identifier, "--reason", "penalty")
    refused = office.run("revoke", identifier, "--restore")
    assert refused.status == 2
    assert "revoked cannot become valid" in refused.err


def test_each_kind_of_code_as_text_png_and_svg(office: Office) -> None:
    [identifier] = office.open()
    device = office.device("SM2")
    for option, prefix in (
        ((), "MSB0:"),
        (("--printed",), "MSB1:"),
        (("--offline", device), "MSB2:"),
    ):
        text = office.good("show", identifier, *option)
        assert codes_in(text) == [prefix]
        png, svg = office.path / "code.PNG", office.path / "sub" / "code.svg"
        out = office.good("show", identifier, *option, "--out", png)
        assert not codes_in(out)
        assert read_picture(png.read_bytes())[0].startswith(prefix)
        office.good("show", identifier, *option, "--out", svg)
        assert svg.read_bytes().startswith(b"<?xml")


def test_a_face_is_printed_as_ofd_and_as_pdf(office: Office) -> None:
    [identifier] = office.open()
    for name, start in (("face.ofd", b"PK"), ("face.pdf", b"%PDF")):
        assert "颁发机构（盖章）" in office.good("face", identifier, "--out", office.path / name)
        content = (office.path / name).read_bytes()
        assert content.startswith(start)
        assert (office.path / name).stat().st_mode & 0o777 == 0o600
    assert office.run("face", identifier, "--out", office.path / "face.png").status == 2

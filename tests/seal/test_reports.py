"""Reports for people: all is there, in three forms, and nothing from outside does anything."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
from dataclasses import replace
from datetime import timedelta
from functools import cache
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pypdfium2
import pytest
from PIL import Image as Pillow

from msb_identity.foundation.report import Outcome, Report, Step, Verdict
from msb_identity.pki.keys import KeyKind
from msb_seal.documents import check_document
from msb_seal.drawing import Image, Picture, Scene, to_pdf
from msb_seal.ofd.sign import seal_ofd
from msb_seal.pdf.sign import PdfOptions, Remarks, seal_pdf, sign_pdf
from msb_seal.pictures import RoundSeal, draw
from msb_seal.placement import At
from msb_seal.reports import CheckedFile, report_html, report_json, report_pdf
from msb_seal.reports.content import MAX_SHOWN_CHARS, MAX_STEPS_SHOWN
from msb_seal.reports.seal_pictures import SIDE_PIXELS, find_seal_pictures
from msb_seal.seals.model import SealPicture
from tests.identity.authorities import NOW, trusting
from tests.seal.cms_world import ROOTS, SIGNERS
from tests.seal.makers import DOCUMENT, world
from tests.seal.ofd_documents import unsealed
from tests.seal.pdf_documents import picture, plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from msb_identity.x509 import TrustStore

VOID = {"meta", "img", "br"}
TRUST = trusting(world().root, ROOTS[KeyKind.RSA])
LATER = NOW + timedelta(hours=1)
HOSTILE = "\"><img src=x onerror=alert(1)>\u202egnp.\x1b[31m\u0000'&张三\U0001f600"
LOUD = "页面上有印章图片"


@cache
def drawn() -> SealPicture:
    return draw(RoundSeal("测试单位")).as_seal_picture(dpi=200)


@cache
def good() -> bytes:
    """Sealed with SM2, then signed with RSA, whose reason is hostile."""
    sealer = world().sealer(picture=drawn())
    data = seal_pdf(plain(2), sealer=sealer, places=[At(1, 20, 30)], now=NOW)
    signer, words = SIGNERS[KeyKind.RSA], PdfOptions(remarks=Remarks(reason=HOSTILE))
    return sign_pdf(data, key=signer.key, certificate=signer.certificate, options=words, now=NOW)


@cache
def pasted() -> bytes:
    image = Image.read(drawn().data)
    return to_pdf(Scene(210, 297, (Picture(image, 100, 150, 42, 42),)))


def checked(data: bytes, name: str = "a.pdf", *, trust: TrustStore = TRUST) -> CheckedFile:
    report = check_document(data, trust=trust, at=LATER)
    return CheckedFile.of(report, data, name=name, trust=trust, asserted=LATER, now=LATER)


class Page(HTMLParser):
    """Checks that tags close in order, and gathers what could act."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.addresses: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(*files: CheckedFile) -> str:
    return report_html(files).decode()


def words_of(data: bytes) -> tuple[str, int]:
    """What a PDF says, and how many pages it has."""
    with pypdfium2.PdfDocument(data) as opened:
        texts = [page.get_textpage().get_text_bounded() for page in opened]
    return "\n".join(texts), len(texts)


def test_a_page_says_the_verdict_who_when_and_every_step() -> None:
    file = checked(good())
    assert file.report.verdict is Verdict.VALID
    text = page_of(file)
    assert text.index("核验通过") < text.index(file.sha256) < text.index("签名 1")
    steps = [*file.report.steps, *(s for one in file.report.signatures for s in one.steps)]
    for step in steps:
        assert step.zh in text
        assert step.en in unescape(text)
    for told in ("测试单位", "CN=signer SM2", "CN=cms signer RSA", "CN=seal root SM2"):
        assert told in text
    assert "2026-06-01 12:00:00 (UTC+8)" in text  # the signing time, in China's own
    assert "2 个：2 个有效" in text
    assert LOUD not in text


@pytest.mark.parametrize("name", ["a.pdf", HOSTILE])
def test_nothing_on_a_page_acts(name: str) -> None:
    text = page_of(checked(good(), name), checked(pasted(), name))
    page = Page(text)
    assert not page.seen & {"script", "iframe", "object", "embed", "svg", "form", "link", "base"}
    assert all(a.startswith(("data:image/png;base64,", "#f")) for a in page.addresses)
    assert "default-src 'none'" in text
    assert not set(text) & set("\u202e\u0000\x1b")
    assert "&lt;img src=x" in text


def test_a_changed_file_has_a_pale_seal_and_says_why() -> None:
    whole = good()
    at = whole.index(b"/MediaBox") + 11
    text = page_of(checked(whole[:at] + b"1" + whole[at + 1 :]))
    assert "核验不通过" in text
    assert "印模未经证实" in text
    assert 'class="card block invalid"' in text
    assert "印模未经证实" not in page_of(checked(whole))


def test_whoever_nobody_vouches_for_is_undecided() -> None:
    file = checked(good(), trust=trusting())
    text = page_of(file)
    assert "未通过核验" in text
    assert "没有信任锚" in text
    assert words_of(report_pdf([file]))[0].count("无法判定") >= 2


def test_a_seal_that_is_only_a_picture_is_said_before_all_else() -> None:
    file = checked(pasted())
    text = page_of(file)
    alarm = text.index('<section class="alarm"')
    assert alarm < text.index('<section class="verdict')
    assert LOUD in text[alarm:]
    words, _ = words_of(report_pdf([file]))
    assert words.index(LOUD) < words.index("未通过核验")


ACTING = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 2" onload="alert(1)">'
    b'<script>alert(1)</script><rect width="4" height="2" fill="#0000ff"/></svg>'
)


@pytest.mark.parametrize(
    ("given", "size", "color"),
    [
        (drawn(), (SIDE_PIXELS, SIDE_PIXELS), None),
        (picture(), (80, 40), (255, 0, 0)),
        (SealPicture("SVG", ACTING, 40, 20), (SIDE_PIXELS, SIDE_PIXELS // 2), (0, 0, 255)),
    ],
)
def test_seals_show_as_small_png_whatever_they_were(
    given: SealPicture, size: tuple[int, int], color: tuple[int, int, int] | None
) -> None:
    seal = world().seal(picture=given)
    [(fingerprint, png)] = find_seal_pictures(seal.encoded).items()
    assert fingerprint == seal.fingerprint
    opened = Pillow.open(io.BytesIO(png))
    assert (opened.format, opened.size) == ("PNG", size)
    assert color is None or opened.convert("RGB").getpixel((5, 5)) == color


@pytest.mark.parametrize(
    ("kind", "data"),
    [("PNG", b"\x89PNG\r\n\x1a\n"), ("GIF", b"GIF89a"), ("SVG", b"<svg/>"), ("TIFF", b"II*\0")],
)
def test_a_picture_that_cannot_be_drawn_is_left_out(kind: str, data: bytes) -> None:
    seal = world().seal(picture=SealPicture(kind, data, 40, 40))
    assert find_seal_pictures(seal.encoded) == {}
    assert "签</div>" in page_of(checked(seal.encoded, "seal.esl"))


def test_broken_files_have_reports_too() -> None:
    whole = good()
    for data in (b"", b"%PDF-1.7", whole[: len(whole) // 2], whole[:-2000], b"PK\3\4" + whole):
        file = checked(data)
        Page(page_of(file))
        assert report_pdf([file]).startswith(b"%PDF")
        assert json.loads(report_json([file]))[0]["sha256"] == file.sha256


def test_ofd_seals_and_bare_seal_signatures_have_their_pictures() -> None:
    sealer = world().sealer(picture=drawn())
    as_ofd = seal_ofd(unsealed(), sealer=sealer, places=[At(1, 10, 10)], now=NOW)
    bare = world().forge_signature(sealer.seal, document=DOCUMENT)
    for data in (as_ofd, bare, sealer.seal.encoded):
        file = checked(data)
        assert list(file.pictures) == [sealer.seal.fingerprint]
        assert "data:image/png;base64," in page_of(file)
        told = json.loads(report_json([file]))[0]
        told = told["signatures"][0] if told["signatures"] else told
        assert base64.b64decode(told["seal_picture_png"]).startswith(b"\x89PNG")


def test_json_is_what_the_command_prints_and_which_file_it_is_of() -> None:
    file = checked(good(), HOSTILE)
    [told] = json.loads(report_json([file]))
    for name in ("sha256", "size", "checked_at", "at", "trusted"):
        assert told.pop(name)
    for one in told["signatures"]:
        one.pop("seal_picture_png", None)
    assert told == json.loads(json.dumps(file.report.as_json(file=HOSTILE)))


def test_a_pdf_can_be_searched_and_says_the_same(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    first, second = checked(good(), HOSTILE), checked(pasted(), "b.pdf")
    made = report_pdf([first, second])
    assert made == report_pdf([first, second])
    words, pages = words_of(made)
    joined = re.sub(r"\s+", "", words)
    for told in ("核验通过", first.sha256, second.sha256, "测试单位", "CN=cmssignerRSA", LOUD):
        assert told in joined
    assert "张三□" in joined  # what the font lacks is a box
    assert f"{pages} / {pages}" in words
    path = tmp_path / "a.pdf"
    path.write_bytes(made)
    done = subprocess.run([program("qpdf"), "--check", path], check=True, capture_output=True)
    assert b"No syntax or stream encoding errors" in done.stdout
    assert (
        check_document(made, trust=TRUST).step("unsigned-seal-picture").outcome is Outcome.WARNING
    )


def test_a_crafted_report_stays_small_and_keeps_what_decides() -> None:
    bulk = tuple(Step("format", Outcome.OK, "ok", "x" * 9_000, "好", "fine") for _ in range(5_000))
    bad = Step("signature-value", Outcome.FAILED, "bad", "y", "签名值错", "the value is wrong")
    one = Report("cms", Verdict.INVALID, (*bulk, bad), {"signer": "z" * 100_000})
    whole = replace(checked(good()).report, verdict=Verdict.INVALID, signatures=(one,))
    file = CheckedFile.of(whole, b"", name="n" * 9_000, trust=TRUST)
    text = page_of(file)
    assert text.count("签名值错") >= 3  # as the reason, of the block, and as a step
    assert text.count("<li class=") <= MAX_STEPS_SHOWN + 10
    assert "z" * (MAX_SHOWN_CHARS + 1) not in text
    assert words_of(report_pdf([file]))[1] < 60

"""Sealed PDF: the licence's face, a notice, a contract of five pages, one for both kinds of reader.

Each is checked, and each check is written as a report, HTML and PDF; one notice is tampered with.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pypdfium2
from PIL import Image

from msb_identity.foundation.files import write_whole
from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.x509 import encode_pem
from msb_identity.x509.authority import CertificateAuthority
from msb_identity.x509.roles import Particulars, Role
from msb_identity.x509.subjects import Subject
from msb_seal.documents import check_document
from msb_seal.drawing import to_pdf
from msb_seal.drawing.canvas import SceneCanvas
from msb_seal.drawing.fontfile import PreparedFont
from msb_seal.drawing.png import one_at_a_time
from msb_seal.pdf.dual import SecondSigner, seal_pdf_twice
from msb_seal.pdf.sign import PdfOptions, Remarks, seal_pdf
from msb_seal.placement import AtKeyword, Straddle
from msb_seal.reports import CheckedFile, report_html, report_pdf
from msb_wallet.licences.face import SEAL_KEYWORD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from msb_identity.x509 import TrustStore
    from msb_seal.placement import Place
    from msb_wallet.demo.sealing import SealingDesk
    from msb_wallet.folder import ConfiguredIssuer

SEALED_BY = "（盖章）"
"""Stands behind the name of whoever seals a letter."""
_BODY_MM, _LINE_MM, _LEFT_MM, _WIDTH_MM = 5.6, 10.5, 28.0, 154.0
_CLAUSES, _CONTRACT_PAGES = 3, 5
_POINTS_PER_MM = 72 / 25.4
_NOTICE = """
为保障施工安全，现对辖区内建筑施工特种作业操作资格开展年度复审。持证人员可在线亮证办理，无须提交纸质材料。
复审自本月起受理，逾期未复审的，资格自动暂停。各单位应当核验电子证照及其电子印章，不得以复印件代替。
截止日期：二〇二六年十二月三十一日。
"""
_REMARKS = Remarks(reason="同意发布", location="鄂尔多斯")


@dataclass(frozen=True, slots=True)
class Paper:
    """One sealed file, what it shows, and what checking it must say."""

    file: str
    zh: str
    en: str
    data: bytes
    checked: CheckedFile
    verdict: str


@dataclass(frozen=True)
class PaperDesk:
    """Seals papers with the department's seal; for readers without SM2 a second key signs."""

    desk: SealingDesk
    name: str
    second: SecondSigner
    trust: TrustStore

    @classmethod
    def open(cls, folder: Path, desk: SealingDesk, settings: ConfiguredIssuer) -> PaperDesk:
        """Make a small CA with RSA beside the one with SM2; its root is left in `folder`."""
        root = CertificateAuthority.create(
            folder / "rsa-root",
            Subject.of("演示RSA根CA", organisation="演示", country="CN"),
            kind=KeyKind.RSA,
        )
        key = generate_key(KeyKind.RSA)
        certificate = root.issue(
            Subject.of(settings.name, organisation=settings.name),
            key.public,
            role=Role.ORGANISATION,
            particulars=Particulars(credit_code=settings.code),
        )
        write_whole(folder / "rsa-root.pem", encode_pem(root.certificate))
        trust = replace(desk.trust, anchors=(*desk.trust.anchors, root.certificate))
        return cls(desk, settings.name, SecondSigner(key, certificate), trust)

    def seal_all(self, face: bytes) -> list[Paper]:
        """Seal the licence's face and the other papers, and tamper with one of them."""
        notice = write_notice(self.name)
        at_name = [AtKeyword(SEALED_BY)]
        sealed = self._sealed("notice.pdf", notice, at_name)
        made = [
            ("licence.pdf", "照面（PDF）", "the licence's face as PDF",
             self._sealed("licence.pdf", face, [AtKeyword(SEAL_KEYWORD)]), "valid"),
            ("notice.pdf", "通知，按关键字盖章", "a notice, sealed at a keyword", sealed, "valid"),
            ("contract.pdf", "五页合同，骑缝章与落款章", "five pages, sealed over their edges",
             self._sealed("contract.pdf", write_contract(self.name), [Straddle(), *at_name]),
             "valid"),
            ("notice-dual.pdf", "双签：SM2 印章与 RSA 签名", "sealed with SM2, signed with RSA",
             self._sealed_twice("notice-dual.pdf", notice, at_name), "valid"),
            ("notice-forged.pdf", "被篡改的通知：截止日期被遮住", "tampered: its deadline hidden",
             hide_line(sealed), "invalid"),
        ]  # fmt: skip
        return [self._checked(*one) for one in made]

    def _checked(self, file: str, zh: str, en: str, data: bytes, verdict: str) -> Paper:
        """Check a file, the seal's state included."""
        report = check_document(data, trust=self.trust, statuses=self.desk.registry)
        checked = CheckedFile.of(report, data, name=file, trust=self.trust)
        return Paper(file, zh, en, data, checked, verdict)

    def _sealed(self, file: str, data: bytes, places: Sequence[Place]) -> bytes:
        options = PdfOptions(remarks=_REMARKS)
        sealer = self.desk.sealer
        return seal_pdf(data, sealer=sealer, places=places, options=options, document=file)

    def _sealed_twice(self, file: str, data: bytes, places: Sequence[Place]) -> bytes:
        return seal_pdf_twice(
            data,
            sealer=self.desk.sealer,
            second=self.second,
            places=places,
            options=PdfOptions(remarks=_REMARKS),
            document=file,
        )


def write_notice(name: str) -> bytes:
    """Write a notice of one page."""
    page = SceneCanvas(_fonts())
    page.text("关于开展特种作业操作资格复审的通知", x_mm=20, y_mm=32, width_mm=170, size_mm=8,
              align="center", spacing_mm=0.6)  # fmt: skip
    page.text("Notice: review of special-operation certificates", x_mm=20, y_mm=44, width_mm=170,
              size_mm=4, align="center", color=(90, 90, 90))  # fmt: skip
    y = _paragraph(page, "各旗区、各有关单位：", 60, indent="")
    for text in _NOTICE.split():
        y = _paragraph(page, text, y)
    _sign_off(page, name, y + 30)
    return to_pdf(page.scene(title="通知"))


def write_contract(name: str) -> bytes:
    """Write a contract of five pages."""
    pages = []
    for number in range(1, _CONTRACT_PAGES + 1):
        page = SceneCanvas(_fonts())
        if number == 1:
            page.text("数据共享服务合同", x_mm=20, y_mm=30, width_mm=170, size_mm=9, align="center",
                      spacing_mm=1)  # fmt: skip
        y = 55.0 if number == 1 else 35.0
        for clause in range(_CLAUSES):
            text = (
                f"第{(number - 1) * _CLAUSES + clause + 1}条  甲乙双方按照数据共享的有关规定，"
                "在各自职责范围内提供和使用数据；所得数据只用于约定的事项，不得另作他用，"
                "并对其中的个人信息承担保密义务。"
            )
            y = _paragraph(page, text, y) + 4
        if number == _CONTRACT_PAGES:
            _sign_off(page, name, y + 25)
        page.text(f"第 {number} 页，共 {_CONTRACT_PAGES} 页", x_mm=20, y_mm=280, width_mm=170,
                  size_mm=3.6, align="center", color=(110, 110, 110))  # fmt: skip
        pages.append(page.scene(title="数据共享服务合同"))
    return to_pdf(pages)


def hide_line(data: bytes) -> bytes:
    """Paint a white bar over the line with the deadline, behind the signatures' backs."""
    from pyhanko.pdf_utils.generic import ArrayObject, StreamObject, pdf_name
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    page = writer.root["/Pages"]["/Kids"][0]
    # The page's own content ends in millimetres from the upper corner; this draws in them.
    bar = b"1 1 1 rg 20 111 160 9 re f"
    added = writer.add_object(StreamObject(stream_data=bar))
    page[pdf_name("/Contents")] = ArrayObject([page.raw_get("/Contents"), added])
    writer.update_container(page)
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def preview(data: bytes, *, dpi: int = 80) -> tuple[bytes, int]:
    """Draw the pages of a PDF side by side, as a reader would show them: PNG, and their number."""
    with one_at_a_time:
        opened = pypdfium2.PdfDocument(data)
        try:
            opened.init_forms()
            drawn = [
                page.render(scale=dpi / 72, may_draw_forms=True).to_pil().convert("RGB")
                for page in opened
            ]
        finally:
            opened.close()
    gap = 8
    width = sum(page.width for page in drawn) + gap * (len(drawn) - 1)
    whole = Image.new("RGB", (width, max(page.height for page in drawn)), (190, 198, 206))
    x = 0
    for page in drawn:
        whole.paste(page, (x, 0))
        x += page.width + gap
    written = io.BytesIO()
    whole.save(written, "PNG")
    return written.getvalue(), len(drawn)


def write_reports(out: Path, papers: Sequence[Paper]) -> tuple[str, str]:
    """Write the reports on all papers beside the page; the names of both files."""
    files = [paper.checked for paper in papers]
    write_whole(out / "report.html", report_html(files))
    write_whole(out / "report.pdf", report_pdf(files))
    return "report.html", "report.pdf"


def _paragraph(page: SceneCanvas, text: str, y: float, *, indent: str = "　　") -> float:
    return page.paragraph(
        indent + text, x_mm=_LEFT_MM, y_mm=y, width_mm=_WIDTH_MM, size_mm=_BODY_MM, line_mm=_LINE_MM
    )


def _sign_off(page: SceneCanvas, name: str, y: float) -> None:
    room = {"x_mm": 100.0, "width_mm": 85.0, "align": "center"}
    page.text(name, y_mm=y, size_mm=_BODY_MM, **room)  # type: ignore[arg-type]
    page.text(SEALED_BY, y_mm=y + 9, size_mm=_BODY_MM, **room)  # type: ignore[arg-type]
    page.text("二〇二六年三月二日", y_mm=y + 18, size_mm=_BODY_MM, **room)  # type: ignore[arg-type]


def _fonts() -> dict[str, PreparedFont]:
    return {"song": PreparedFont.load("song")}

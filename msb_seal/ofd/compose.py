"""Documents: pages with text, lines, pictures, attachments and data, as OFD (GB/T 33190-2016).

For one document: OfdBuilder, `page()`, `to_bytes()`. For a batch: what all documents share is a
PageTemplate, prepared once, fonts, pictures and all; each document adds what is its own. Fonts are
embedded, with the characters that are shown and no more.

    fonts = {"song": PreparedFont.load("song")}
    builder = OfdBuilder(fonts, title="特种作业操作证")
    builder.page().text("张三", x_mm=50, y_mm=40, size_mm=5)
    builder.to_bytes()
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_seal.ofd.archive import Packed
from msb_seal.ofd.canvas import Canvas, Ids, Resources, xml_text
from msb_seal.ofd.package import OFD_NAMESPACE, OfdDocument, OfdPackage, OfdWriter
from msb_seal.ofd.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from msb_seal.drawing.fontfile import PreparedFont

CREATOR = "MSB"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = f'xmlns:ofd="{OFD_NAMESPACE}"'
_TEMPLATE_ID = 1
_DOCUMENTS = (OfdDocument(0, "/Doc_0/Document.xml", None),)
_EXTENSIONS = {"PNG": "png", "JPEG": "jpg"}


@dataclass(frozen=True, slots=True)
class PageTemplate:
    """A template page (模板页) behind the pages of many documents: frame, labels, emblem.

    entries: its files, packed once. Its ids go up to max_id; a document's go on from there.
    """

    width_mm: float
    height_mm: float
    max_id: int
    entries: Mapping[str, Packed] = field(repr=False)

    @classmethod
    def make(
        cls,
        fonts: Mapping[str, PreparedFont],
        draw: Callable[[Canvas], None],
        *,
        width_mm: float = 210,
        height_mm: float = 297,
    ) -> PageTemplate:
        """Prepare a template: `draw` gets its canvas. OfdRefused as Canvas raises it."""
        ids = Ids(_TEMPLATE_ID)
        resources = Resources(fonts, ids)
        canvas = Canvas(resources, width_mm=width_mm, height_mm=height_mm)
        draw(canvas)
        entries = {
            "/Doc_0/PublicRes.xml": _packed(_resources_xml(resources)),
            "/Doc_0/Tpls/Tpl_0/Content.xml": _packed(_page_xml(canvas, template=False)),
            **_resource_files(resources),
        }
        return cls(width_mm, height_mm, ids.last, entries)


class OfdBuilder:
    """Collects one document.

    fonts: by the names under which pages ask for them. custom: CustomDatas (name and text).
    doc_id: 32 hexadecimal digits, random where none is given; given, equal input makes equal bytes.
    With a template, pages have its size and show it below their own content.
    """

    def __init__(
        self,
        fonts: Mapping[str, PreparedFont],
        *,
        page_width_mm: float = 210,
        page_height_mm: float = 297,
        title: str = "",
        author: str = "",
        subject: str = "",
        created: date | None = None,
        custom: Mapping[str, str] | None = None,
        doc_id: str | None = None,
        template: PageTemplate | None = None,
    ) -> None:
        """Start a document without pages."""
        self._template = template
        if template is not None:
            page_width_mm, page_height_mm = template.width_mm, template.height_mm
        self._size = (page_width_mm, page_height_mm)
        self._ids = Ids(0 if template is None else template.max_id)
        self._resources = Resources(fonts, self._ids)
        self._pages: list[tuple[int, Canvas, bool]] = []
        self._attachments: list[tuple[int, str, str, Packed]] = []
        self._information = {
            "DocID": doc_id or uuid.uuid4().hex,
            "Title": title,
            "Author": author,
            "Subject": subject,
            "CreationDate": created.isoformat() if created else "",
            "Creator": CREATOR,
        }
        self._custom = dict(custom or {})

    def page(self, *, plain: bool = False) -> Canvas:
        """Add a page and give its canvas; a plain one does not show the template."""
        width, height = self._size
        number = self._ids.take()
        canvas = Canvas(self._resources, width_mm=width, height_mm=height)
        self._pages.append((number, canvas, self._template is not None and not plain))
        return canvas

    def attach(self, name: str, data: bytes | Packed, *, extension: str) -> None:
        """Attach a file: the licence's data, say, as "licence" with the extension "json"."""
        if not (extension.isascii() and extension.isalnum()):
            raise refusal("bad-value", extension)
        packed = data if isinstance(data, Packed) else Packed.of(data)
        self._attachments.append((self._ids.take(), name, extension, packed))

    def to_package(self) -> OfdPackage:
        """Give the document in memory, ready to be sealed without being written first."""
        return self._written().to_package(documents=_DOCUMENTS)

    def to_bytes(self) -> bytes:
        """Write the document; OfdRefused for a value that XML cannot hold."""
        return self._written().to_bytes()

    def _written(self) -> OfdWriter:
        if not self._pages:
            self.page()
        writer = OfdWriter()
        writer.add("/OFD.xml", self._ofd_xml().encode())
        own = {} if self._template is None else self._template.entries
        resources = _resource_files(self._resources)
        attachments = self._attachment_files()
        writer.add("/Doc_0/Document.xml", self._document_xml().encode())
        for name, packed in own.items():
            writer.add_packed(name, packed)
        for n, (_, canvas, shows_template) in enumerate(self._pages):
            page = _page_xml(canvas, template=shows_template)
            writer.add(f"/Doc_0/Pages/Page_{n}/Content.xml", page.encode())
        if resources:
            writer.add("/Doc_0/DocumentRes.xml", _resources_xml(self._resources).encode())
        for name, packed in (*resources.items(), *attachments.items()):
            writer.add_packed(name, packed)
        return writer

    def _ofd_xml(self) -> str:
        written = "".join(
            f"<ofd:{name}>{xml_text(value)}</ofd:{name}>"
            for name, value in self._information.items()
            if value
        )
        custom = "".join(
            f'<ofd:CustomData Name="{xml_text(name)}">{xml_text(value)}</ofd:CustomData>'
            for name, value in self._custom.items()
        )
        if custom:
            written += f"<ofd:CustomDatas>{custom}</ofd:CustomDatas>"
        return (
            f'{_HEAD}<ofd:OFD {_NAMESPACE} Version="1.0" DocType="OFD"><ofd:DocBody><ofd:DocInfo>'
            f"{written}</ofd:DocInfo><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody>"
            "</ofd:OFD>"
        )

    def _document_xml(self) -> str:
        width, height = self._size
        parts = [f"<ofd:MaxUnitID>{self._ids.last}</ofd:MaxUnitID>"]
        box = f"<ofd:PhysicalBox>0 0 {width:g} {height:g}</ofd:PhysicalBox>"
        parts.append(f"<ofd:PageArea>{box}</ofd:PageArea>")
        if self._template is not None:
            parts.append("<ofd:PublicRes>PublicRes.xml</ofd:PublicRes>")
        if self._resources.is_used:
            parts.append("<ofd:DocumentRes>DocumentRes.xml</ofd:DocumentRes>")
        if self._template is not None:
            parts.append(
                f'<ofd:TemplatePage ID="{_TEMPLATE_ID}" BaseLoc="Tpls/Tpl_0/Content.xml"/>'
            )
        pages = "".join(
            f'<ofd:Page ID="{number}" BaseLoc="Pages/Page_{n}/Content.xml"/>'
            for n, (number, _, _) in enumerate(self._pages)
        )
        attached = "Attachs/Attachments.xml"
        return (
            f"{_HEAD}<ofd:Document {_NAMESPACE}><ofd:CommonData>{''.join(parts)}</ofd:CommonData>"
            f"<ofd:Pages>{pages}</ofd:Pages>"
            + (f"<ofd:Attachments>{attached}</ofd:Attachments>" if self._attachments else "")
            + "</ofd:Document>"
        )

    def _attachment_files(self) -> dict[str, Packed]:
        """Give the list of attachments and the files themselves."""
        if not self._attachments:
            return {}
        files: dict[str, Packed] = {}
        records = []
        for n, (number, name, extension, packed) in enumerate(self._attachments):
            place = f"{n}.{extension}"
            files[f"/Doc_0/Attachs/{place}"] = packed
            records.append(
                f'<ofd:Attachment ID="{number}" Name="{xml_text(name)}"'
                f' Format="{xml_text(extension)}" Visible="true">'
                f"<ofd:FileLoc>{xml_text(place)}</ofd:FileLoc></ofd:Attachment>"
            )
        listed = f"{_HEAD}<ofd:Attachments {_NAMESPACE}>{''.join(records)}</ofd:Attachments>"
        return {"/Doc_0/Attachs/Attachments.xml": _packed(listed), **files}


def _page_xml(canvas: Canvas, *, template: bool) -> str:
    below = f'<ofd:Template TemplateID="{_TEMPLATE_ID}" ZOrder="Background"/>' if template else ""
    content = f"<ofd:Content>{canvas.content()}</ofd:Content>"
    return f"{_HEAD}<ofd:Page {_NAMESPACE}>{below}{content}</ofd:Page>"


def _resources_xml(resources: Resources) -> str:
    parts = []
    if resources.font_ids:
        fonts = "".join(
            f'<ofd:Font ID="{number}" FontName="{xml_text(resources.fonts[name].name)}"'
            f' FamilyName="{xml_text(resources.fonts[name].name)}">'
            f"<ofd:FontFile>Font_{number}.otf</ofd:FontFile></ofd:Font>"
            for name, number in resources.font_ids.items()
        )
        parts.append(f"<ofd:Fonts>{fonts}</ofd:Fonts>")
    if resources.pictures:
        pictures = "".join(
            f'<ofd:MultiMedia ID="{number}" Type="Image" Format="{kind}">'
            f"<ofd:MediaFile>Image_{number}.{_EXTENSIONS[kind]}</ofd:MediaFile></ofd:MultiMedia>"
            for number, (kind, _) in resources.pictures.items()
        )
        parts.append(f"<ofd:MultiMedias>{pictures}</ofd:MultiMedias>")
    return f'{_HEAD}<ofd:Res {_NAMESPACE} BaseLoc="Res">{"".join(parts)}</ofd:Res>'


def _resource_files(resources: Resources) -> dict[str, Packed]:
    # Glyph programs hardly shrink: storing them saves more time than it costs space.
    files = {
        f"/Doc_0/Res/Font_{number}.otf": Packed.of(
            resources.fonts[name].subset(resources.characters[name]), compress=False
        )
        for name, number in resources.font_ids.items()
    }
    for number, (kind, packed) in resources.pictures.items():
        files[f"/Doc_0/Res/Image_{number}.{_EXTENSIONS[kind]}"] = packed
    return files


def _packed(xml: str) -> Packed:
    return Packed.of(xml.encode())

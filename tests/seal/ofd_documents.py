"""An OFD with everything that a signature must protect, and ways to bend a sealed one."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from lxml import etree

from msb_identity.pki.keys import KeyKind
from msb_seal.ofd.sign import seal_ofd
from msb_seal.ofd.verify import check_ofd
from msb_seal.placement import At, Place
from msb_seal.seals.model import SealVersion
from tests.identity.authorities import NOW
from tests.seal.archives import archive
from tests.seal.makers import PNG, world

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from msb_identity.foundation.report import Report
    from msb_seal.seals.sealer import Sealer

Entries = dict[str, bytes]
HERE: Sequence[Place] = (At(1, 120, 200),)


def _xml(name: str, content: str, attributes: str = "") -> bytes:
    namespace = 'xmlns:ofd="http://www.ofdspec.org/2016"'
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f"{head}<ofd:{name} {namespace} {attributes}>{content}</ofd:{name}>".encode()


def _page(text: str, resource: int = 5) -> bytes:
    return _xml(
        "Page",
        '<ofd:Template TemplateID="3"/><ofd:Content><ofd:Layer ID="11">'
        '<ofd:TextObject ID="12" Boundary="20 20 100 10" Font="4" Size="5">'
        f'<ofd:TextCode X="0" Y="5">{text}</ofd:TextCode></ofd:TextObject>'
        f'<ofd:ImageObject ID="13" ResourceID="{resource}" Boundary="20 40 10 10"/>'
        "</ofd:Layer></ofd:Content>",
    )


def document() -> Entries:
    """Two pages, a template, resources, an annotation, an attachment and a tag."""
    return {**_structure(), **_content()}


def _structure() -> Entries:
    return {
        "OFD.xml": _xml(
            "OFD",
            "<ofd:DocBody><ofd:DocInfo><ofd:DocID>0123456789abcdef0123456789abcdef</ofd:DocID>"
            "</ofd:DocInfo><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody>",
            'Version="1.0" DocType="OFD"',
        ),
        "Doc_0/Document.xml": _xml(
            "Document",
            "<ofd:CommonData><ofd:MaxUnitID>20</ofd:MaxUnitID><ofd:PageArea>"
            "<ofd:PhysicalBox>0 0 210 297</ofd:PhysicalBox></ofd:PageArea>"
            "<ofd:PublicRes>PublicRes.xml</ofd:PublicRes>"
            "<ofd:DocumentRes>DocumentRes.xml</ofd:DocumentRes>"
            '<ofd:TemplatePage ID="3" BaseLoc="Tpls/Tpl_0/Content.xml"/></ofd:CommonData>'
            '<ofd:Pages><ofd:Page ID="1" BaseLoc="Pages/Page_0/Content.xml"/>'
            '<ofd:Page ID="2" BaseLoc="Pages/Page_1/Content.xml"/></ofd:Pages>'
            "<ofd:Annotations>Annots/Annotations.xml</ofd:Annotations>"
            "<ofd:Attachments>Attachs/Attachments.xml</ofd:Attachments>"
            "<ofd:CustomTags>Tags/CustomTags.xml</ofd:CustomTags>",
        ),
    }


def _content() -> Entries:
    return {
        "Doc_0/PublicRes.xml": _xml(
            "Res",
            '<ofd:Fonts><ofd:Font ID="4" FontName="宋体"/></ofd:Fonts>',
            'BaseLoc="Res"',
        ),
        "Doc_0/DocumentRes.xml": _xml(
            "Res",
            '<ofd:MultiMedias><ofd:MultiMedia ID="5" Type="Image" Format="PNG">'
            "<ofd:MediaFile>photo.png</ofd:MediaFile></ofd:MultiMedia></ofd:MultiMedias>",
            'BaseLoc="Res"',
        ),
        "Doc_0/Res/photo.png": PNG,
        "Doc_0/Tpls/Tpl_0/Content.xml": _xml("Page", "<ofd:Content/>"),
        "Doc_0/Pages/Page_0/Content.xml": _page("营业执照"),
        "Doc_0/Pages/Page_1/Content.xml": _page("盖章"),
        "Doc_0/Annots/Annotations.xml": _xml(
            "Annotations",
            '<ofd:Page PageID="1"><ofd:FileLoc>Page_0/Annotation.xml</ofd:FileLoc></ofd:Page>',
        ),
        "Doc_0/Annots/Page_0/Annotation.xml": _xml("PageAnnot", ""),
        "Doc_0/Attachs/Attachments.xml": _xml(
            "Attachments",
            '<ofd:Attachment ID="9" Name="数据" Format="XML">'
            "<ofd:FileLoc>data.xml</ofd:FileLoc></ofd:Attachment>",
        ),
        "Doc_0/Attachs/data.xml": b"<data/>",
        "Doc_0/Tags/CustomTags.xml": _xml("CustomTags", ""),
    }


def unsealed() -> bytes:
    return archive(document())


def sealed(
    *,
    kind: KeyKind = KeyKind.SM2,
    version: SealVersion = SealVersion.V4,
    data: bytes | None = None,
    places: Sequence[Place] = HERE,
    sealer: Sealer | None = None,
    final: bool = False,
    now: datetime = NOW,
) -> bytes:
    by = sealer or world(kind).sealer(version)
    return seal_ofd(data or unsealed(), sealer=by, places=places, final=final, now=now)


def checked(data: bytes, *, kind: KeyKind = KeyKind.SM2, at: datetime = NOW) -> Report:
    return check_ofd(data, trust=world(kind).trust, at=at)


def entries_of(data: bytes) -> Entries:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def bent(data: bytes, change: Callable[[Entries], object]) -> bytes:
    """The OFD after a change of its entries, packed again by the standard library."""
    entries = entries_of(data)
    change(entries)
    return archive(entries)


def replaced(entries: Entries, name: str, old: str, new: str) -> None:
    assert old.encode() in entries[name]
    entries[name] = entries[name].replace(old.encode(), new.encode())


def root_of(entries: Entries, name: str) -> etree._Element:
    return etree.fromstring(entries[name])

"""Whether a document's metadata say the same but for when, and by what, they were written (XMP).

Programs that add a time-stamp note that in the metadata, even where nothing else may change.
Sources: ISO 32000-1, 14.3.2; ISO 16684-1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lxml import etree

from msb_seal.errors import PdfRefused
from msb_seal.pdf.syntax import Stream

if TYPE_CHECKING:
    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import PdfValue

MAX_METADATA_BYTES = 1_000_000
_XMP, _PDF = "{http://ns.adobe.com/xap/1.0/}", "{http://ns.adobe.com/pdf/1.3/}"
_OF_WRITING: Final = frozenset(
    {f"{_XMP}ModifyDate", f"{_XMP}MetadataDate", f"{_PDF}Producer", "{adobe:ns:meta/}xmptk"}
)
_Said = list[tuple[str, str, str]]


def same_but_for_writing(before: Revision, one: PdfValue, after: Revision, two: PdfValue) -> bool:
    """Whether two streams of metadata differ in dates and names of programs alone."""
    old, new = _said(before, one), _said(after, two)
    return old is not None and old == new


def _said(revision: Revision, value: PdfValue) -> _Said | None:
    """Give what metadata say, in order; None where they cannot be read."""
    stream = revision.resolve(value)
    if not isinstance(stream, Stream):
        return None
    try:
        written = revision.file.decode(stream)
        if len(written) > MAX_METADATA_BYTES:
            return None
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True
        )
        root = etree.fromstring(written, parser)
    except (PdfRefused, etree.XMLSyntaxError, ValueError):
        return None
    said: _Said = []
    for element in root.iter(etree.Element):
        name = str(element.tag)
        attributes = ((str(key), str(text)) for key, text in element.attrib.items())
        said += [(name, *one) for one in sorted(attributes) if one[0] not in _OF_WRITING]
        if name not in _OF_WRITING:
            said.append((name, "", (element.text or "").strip() + (element.tail or "").strip()))
    return said

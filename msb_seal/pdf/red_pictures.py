"""Which pages could show a seal that nobody signed: those that paint with red or images at all.

A red seal that is only drawn, or pasted as an image, looks like a sealed document and proves
nothing (没有签名的印章图片). Drawing pages costs time: here it is found out by what their streams
say whether that is needed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msb_seal.errors import PdfRefused
from msb_seal.pdf.page_tree import inherited
from msb_seal.pdf.syntax import Ref, Stream

if TYPE_CHECKING:
    from collections.abc import Collection

    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import Dictionary, PdfValue

MAX_RESOURCES = 2_000
MAX_IMAGE_PIXELS = 60_000_000
# What sets a colour or paints a shading. Looked for first: the colours alone take 20 times as long.
_PAINT = re.compile(rb"\s(?:rg|RG|scn?|SCN?|[kK]|sh)\b")
_MAX_COLOUR_BYTES = 100
# Reds as RGB and CMYK, and what names its colour elsewhere.
_RED_PAINT = re.compile(
    rb"(?<![\w.])(?:(?:0?\.[5-9]\d*|1(?:\.0*)?)(?:\s+(?:0?\.[0-4]\d*|0(?:\.0*)?)){2}\s+(?:rg|RG|sc|SC)"
    rb"|(?:0?\.[0-4]\d*|0(?:\.0*)?)(?:\s+(?:0?\.[4-9]\d*|1(?:\.0*)?)){2}\s+[\d.]+\s+[kK])\Z"
    rb"|\b(?:scn|SCN|sh)\Z"
)


def can_show_red(revision: Revision, page: Dictionary, *, signed: Collection[Ref]) -> bool:
    """Whether a page paints with red or with images at all, by what its streams say.

    signed: the widgets of signatures, which are not looked at. True also where that cannot be read.
    PdfRefused where its images are too large to be drawn.
    """
    contents = page.get("Contents")
    listed = revision.resolve(contents)
    streams: list[PdfValue] = list(listed) if isinstance(listed, list) else [contents]
    streams += _appearances(revision, page, signed)
    seen: set[Ref] = set()
    resources: list[PdfValue] = [inherited(revision, page, "Resources")]
    for _ in range(MAX_RESOURCES):
        if streams:
            stream = revision.resolve(streams.pop())
            if isinstance(stream, Stream) and _paints_red(revision, stream):
                return True
            if isinstance(stream, Stream):
                resources.append(stream.entries.get("Resources"))
        elif resources:
            given = revision.dictionary(resources.pop())
            for value in revision.dictionary(given.get("XObject")).values():
                if isinstance(value, Ref) and value not in seen:
                    seen.add(value)
                    streams.append(value)
            if given.get("Pattern") or given.get("Shading"):
                return True
        else:
            return False
    return True


def _paints_red(revision: Revision, stream: Stream) -> bool:
    entries = stream.entries
    if entries.get("Subtype") == "Image":
        sides = [revision.resolve(entries.get(key)) for key in ("Width", "Height")]
        pixels = [side for side in sides if isinstance(side, int)]
        if len(pixels) == 2 and pixels[0] * pixels[1] > MAX_IMAGE_PIXELS:  # noqa: PLR2004 - both sides
            code = "limit"
            raise PdfRefused(code, "图片过大", "an image is too large to be drawn")
        return entries.get("ColorSpace") not in ("DeviceGray", "G")
    try:
        content = revision.file.decode(stream)
    except PdfRefused:
        return True
    before = (
        content[max(0, found.start() - _MAX_COLOUR_BYTES) : found.end()]
        for found in _PAINT.finditer(content)
    )
    # An operator and the four numbers before it: pages set the same few colours many times.
    paints = {tuple(one.rsplit(None, 5)[-5:]) for one in before}
    return any(_RED_PAINT.search(b" ".join(paint)) for paint in paints)


def _appearances(revision: Revision, page: Dictionary, signed: Collection[Ref]) -> list[PdfValue]:
    """Give what annotations show, but for those of signatures; a button has several looks."""
    found: list[PdfValue] = []
    for value in revision.array(page.get("Annots"))[:MAX_RESOURCES]:
        if not isinstance(value, Ref) or value not in signed:
            look = revision.dictionary(revision.dictionary(value).get("AP")).get("N")
            states = revision.resolve(look)
            found += states.values() if isinstance(states, dict) else [look]
    return found


def has_fields(revision: Revision, page: Dictionary, *, signed: Collection[Ref]) -> bool:
    """Whether fields other than those of signatures show something on a page."""
    annotations = [
        revision.dictionary(value)
        for value in revision.array(page.get("Annots"))[:MAX_RESOURCES]
        if not isinstance(value, Ref) or value not in signed
    ]
    return any(one.get("Subtype") == "Widget" and "AP" in one for one in annotations)


def shows_picture(revision: Revision, widget: Dictionary) -> bool:
    """Whether an annotation's appearance holds an image, or paints with red."""
    waiting = [revision.dictionary(widget.get("AP")).get("N")]
    seen: set[Ref] = set()
    for _ in range(MAX_RESOURCES):
        if not waiting:
            return False
        value = waiting.pop()
        if isinstance(value, Ref):
            if value in seen:
                continue
            seen.add(value)
        found = revision.resolve(value)
        entries = revision.dictionary(found)
        if entries.get("Subtype") == "Image":
            return True
        if isinstance(found, Stream) and _paints_red(revision, found):
            return True
        resources = revision.dictionary(entries.get("Resources"))
        waiting += revision.dictionary(resources.get("XObject")).values()
    return True

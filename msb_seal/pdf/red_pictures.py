"""Which pages could show a seal that nobody signed: all that are not plain without any doubt.

A red seal that is only drawn, or pasted as an image, looks like a sealed document and proves
nothing (没有签名的印章图片). Drawing pages costs time: here it is found out which need none, since
nothing on them can be red. What is not understood at once is drawn. ISO 32000-1, clauses 7.8 and 8.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msb_seal.errors import PdfRefused
from msb_seal.pdf.page_tree import inherited
from msb_seal.pdf.syntax import Ref, Stream

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import Dictionary, PdfValue

MAX_RESOURCES = 2_000
MAX_SEARCHED_BYTES, MAX_COLOURS = 16_000_000, 200_000
"""Of all contents of a file together, and of the colours set in them; the rest is drawn."""
MAX_IMAGE_PIXELS = 60_000_000
# Comments, and bytes that some readers take for blanks: where they stand, nothing is plain.
_ODD = re.compile(rb"[^\t\n\r -$&-~]")
_ENDS = rb"\t\n\r ()<>\[\]{}"
_PAINT = re.compile(rb"(?<![^%b])(?:rg|RG|[kK]|scn?|SCN?|cs|CS|sh|BI)(?![^%b/])" % (_ENDS, _ENDS))
_MAX_COLOUR_BYTES = 100
_NUMBER = re.compile(rb"[+-]?(?:\d{1,9}\.?\d{0,9}|\.\d{1,9})")
_COMPONENTS: Final = {b"rg": 3, b"RG": 3, b"k": 4, b"K": 4}
_MAX_REDNESS = 0.15
_STRANGE: Final = ("Pattern", "Shading", "ColorSpace")
_DRAWN_WITHOUT_LOOK: Final = frozenset({"Link", "Popup"})
_GREY: Final = ("DeviceGray", "G")
_COLOURLESS_FILTERS: Final = (None, "FlateDecode", "CCITTFaxDecode", "JBIG2Decode")


class RedSearch:
    """Looks through pages and annotations of a revision for what could be red."""

    def __init__(
        self,
        revision: Revision,
        *,
        size: int = MAX_SEARCHED_BYTES,
        colours: int = MAX_COLOURS,
    ) -> None:
        """Look through so many bytes and colours at most: what is left counts as red."""
        self._revision, self._size, self._colours = revision, size, colours
        self._plain: set[Ref] = set()

    def can_show_red(self, page: Dictionary, *, signed: Collection[Ref]) -> bool:
        """Whether a page might show anything red; True also where that cannot be told.

        signed: the widgets of signatures, which are not looked at.
        PdfRefused where its images are too large to be drawn.
        """
        revision = self._revision
        contents = page.get("Contents")
        listed = revision.resolve(contents)
        parts = [
            revision.resolve(one) for one in (listed if isinstance(listed, list) else [listed])
        ]
        content = self._joined([one for one in parts if isinstance(one, Stream)])
        if content is None or not self._is_plain(content):
            return True
        looks: list[PdfValue] = []
        annotations = revision.array(page.get("Annots"))
        if len(annotations) > MAX_RESOURCES:
            return True
        for value in annotations:
            if not isinstance(value, Ref) or value not in signed:
                annotation = revision.dictionary(value)
                if _is_drawn_by_readers(revision, annotation):
                    return True
                looks += _looks(revision, annotation)
        return self._can_be_red(looks, [inherited(revision, page, "Resources")])

    def looks_can_show_red(self, widget: Dictionary) -> bool:
        """Whether what an annotation shows might be red."""
        return _is_drawn_by_readers(self._revision, widget) or self._can_be_red(
            _looks(self._revision, widget), []
        )

    def _can_be_red(self, streams: list[PdfValue], resources: list[PdfValue]) -> bool:
        """Go through forms and what they use."""
        for _ in range(MAX_RESOURCES):
            if streams:
                value = streams.pop()
                if isinstance(value, Ref):
                    if value in self._plain:
                        continue
                    # Plain until anything else is found, which ends the search for good.
                    self._plain.add(value)
                stream = self._revision.resolve(value)
                if isinstance(stream, Stream):
                    if not self._is_plain_stream(stream):
                        self._plain.clear()
                        return True
                    resources.append(stream.entries.get("Resources"))
            elif resources:
                given = self._revision.dictionary(resources.pop())
                if self._is_strange(given):
                    self._plain.clear()
                    return True
                streams += self._revision.dictionary(given.get("XObject")).values()
            else:
                return False
        self._plain.clear()
        return True

    def _is_plain_stream(self, stream: Stream) -> bool:
        if stream.entries.get("Subtype") != "Image":
            content = self._joined([stream])
            return content is not None and self._is_plain(content)
        sides = [self._revision.resolve(stream.entries.get(key)) for key in ("Width", "Height")]
        pixels = [side for side in sides if isinstance(side, int)]
        if len(pixels) == 2 and pixels[0] * pixels[1] > MAX_IMAGE_PIXELS:  # noqa: PLR2004 - both sides
            code = "limit"
            raise PdfRefused(code, "图片过大", "an image is too large to be drawn")
        # JPEG and JPEG 2000 have colours of their own, whatever is said here.
        is_grey = stream.entries.get("ColorSpace") in _GREY
        return is_grey and stream.entries.get("Filter") in _COLOURLESS_FILTERS

    def _joined(self, streams: Iterable[Stream]) -> bytes | None:
        """Give what streams say, one after the other; None where that cannot be looked through."""
        parts = []
        for stream in streams:
            try:
                parts.append(self._revision.file.decode(stream))
            except PdfRefused:
                return None
            self._size -= len(parts[-1])
            if self._size < 0:
                return None
        return b"\n".join(parts)

    def _is_plain(self, content: bytes) -> bool:
        """Whether a content sets no colours but such as are not red, alone or laid over others."""
        if _ODD.search(content):
            return False
        seen: set[tuple[bytes, ...]] = set()
        for found in _PAINT.finditer(content):
            self._colours -= 1
            wanted = _COMPONENTS.get(found[0])
            if wanted is None or self._colours < 0:
                return False
            # Pages set the same few colours many times.
            before = content[max(0, found.start() - _MAX_COLOUR_BYTES) : found.start()]
            seen.add(tuple(before.rsplit(None, wanted)[-wanted:]))
        return not any(_is_red(one) for one in seen)

    def _is_strange(self, resources: Dictionary) -> bool:
        """Whether there is more than letters, forms and images to paint with."""
        revision = self._revision
        if any(revision.dictionary(resources.get(kind)) for kind in _STRANGE):
            return True
        fonts = revision.dictionary(resources.get("Font")).values()
        if any(revision.dictionary(one).get("Subtype") == "Type3" for one in fonts):
            return True
        states = revision.dictionary(resources.get("ExtGState")).values()
        return any(_alters_colours(revision, revision.dictionary(one)) for one in states)


def _alters_colours(revision: Revision, state: Dictionary) -> bool:
    """Whether a graphics state mixes colours to others, or brings a font of its own (8.4.5)."""
    mode = revision.resolve(state.get("BM"))
    transfers = (revision.resolve(state.get(key)) for key in ("TR", "TR2"))
    return (
        mode not in (None, "Normal", "Compatible")
        or any(one not in (None, "Default", "Identity") for one in transfers)
        or "Font" in state
    )


def _is_red(numbers: tuple[bytes, ...]) -> bool:
    """Whether a colour is reddish, or cannot be read.

    Held against the middle of green and blue, not the stronger of them: what is laid over each
    other in part, as magenta and yellow, can be no redder than its parts are by this measure.
    """
    if len(numbers) not in _COMPONENTS.values() or not all(map(_NUMBER.fullmatch, numbers)):
        return True
    values = [min(1.0, max(0.0, float(one))) for one in numbers]
    if len(values) == _COMPONENTS[b"k"]:
        cyan, magenta, yellow, _ = values
        return cyan < max(magenta, yellow)
    red, green, blue = values
    return red - (green + blue) / 2 > _MAX_REDNESS


def _is_drawn_by_readers(revision: Revision, annotation: Dictionary) -> bool:
    """Whether readers draw an annotation that has no look, by its own entries (12.5.5)."""
    if "N" in revision.dictionary(annotation.get("AP")):
        return False
    if annotation.get("Subtype") == "Widget":
        return "MK" in annotation
    return bool(annotation) and annotation.get("Subtype") not in _DRAWN_WITHOUT_LOOK


def _looks(revision: Revision, annotation: Dictionary) -> list[PdfValue]:
    """Give the normal looks of an annotation; a button has several."""
    look = revision.dictionary(annotation.get("AP")).get("N")
    states = revision.resolve(look)
    return list(states.values()) if isinstance(states, dict) else [look]


def has_fields(revision: Revision, page: Dictionary, *, signed: Collection[Ref]) -> bool:
    """Whether fields other than those of signatures show something on a page."""
    annotations = [
        revision.dictionary(value)
        for value in revision.array(page.get("Annots"))[:MAX_RESOURCES]
        if not isinstance(value, Ref) or value not in signed
    ]
    return any(
        one.get("Subtype") == "Widget" and ("AP" in one or "MK" in one) for one in annotations
    )


def holds_image(revision: Revision, annotation: Dictionary) -> bool:
    """Whether what an annotation shows holds an image, of whatever colours."""
    waiting = _looks(revision, annotation)
    seen: set[Ref] = set()
    for _ in range(MAX_RESOURCES):
        if not waiting:
            return False
        value = waiting.pop()
        if isinstance(value, Ref):
            if value in seen:
                continue
            seen.add(value)
        entries = revision.dictionary(value)
        if entries.get("Subtype") == "Image":
            return True
        resources = revision.dictionary(entries.get("Resources"))
        waiting += revision.dictionary(resources.get("XObject")).values()
    return True

"""Scenes as PDF 1.7 (ISO 32000-1): vector paths, text with embedded subsets, images.

Written whole and plainly, the same bytes every time: no dates, and the file's identifier is made
from its content. Text is in composite fonts, so that it can be selected and searched.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

from msb_seal.drawing.numbers import shortest
from msb_seal.drawing.paths import IDENTITY
from msb_seal.drawing.pdf_fonts import font_objects
from msb_seal.drawing.scene import Group, Picture, Scene, Shape, Text
from msb_seal.errors import DrawingRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from msb_seal.drawing.fonts import Font
    from msb_seal.drawing.images import Image
    from msb_seal.drawing.paths import Matrix, Path
    from msb_seal.drawing.pdf_fonts import FontObjects
    from msb_seal.drawing.scene import Color, Item

POINTS_PER_MM = 72 / 25.4
_SHAPE_OPERATORS = {  # 8.5.3: (fill, stroke, even-odd rule) → operator
    (True, True, False): "B",
    (True, True, True): "B*",
    (True, False, False): "f",
    (True, False, True): "f*",
    (False, True, False): "S",
    (False, True, True): "S",
}


def to_pdf(
    scenes: Scene | Sequence[Scene],
    *,
    information: Mapping[str, str] | None = None,
    attachments: Mapping[str, bytes] | None = None,
) -> bytes:
    """Render scenes as the pages of one document; the first one's title is the document's.

    information: what else its information says (14.3.3: "Author", or a name of one's own).
    attachments: files that go along (7.11.4), by name.
    """
    pages = [scenes] if isinstance(scenes, Scene) else scenes
    return pdf_of_pages(
        [(page, page.width_mm * POINTS_PER_MM, page.height_mm * POINTS_PER_MM) for page in pages],
        information=information,
        attachments=attachments,
    )


def pdf_of_pages(
    pages: Sequence[tuple[Scene, float, float]],
    *,
    information: Mapping[str, str] | None = None,
    attachments: Mapping[str, bytes] | None = None,
) -> bytes:
    """Render scenes, each stretched over a page of (width, height) in PDF units."""
    if not pages:
        message = "a PDF needs a page"
        raise DrawingRefused(message)
    title = {"Title": pages[0][0].title} if pages[0][0].title else {}
    return _Document(pages, {**title, **(information or {})}, attachments or {}).to_bytes()


class _Document:
    """Numbers objects as they come: 1 the catalog, 2 the pages, 3 the information."""

    def __init__(
        self,
        pages: Sequence[tuple[Scene, float, float]],
        information: Mapping[str, str],
        attachments: Mapping[str, bytes],
    ) -> None:
        self._objects: list[bytes] = [b""] * 3
        self._fonts: dict[Font, FontObjects] = {}
        self._font_numbers: dict[Font, int] = {}
        self._images: dict[bytes, int] = {}
        self._opacities: dict[float, int] = {}
        texts: dict[Font, set[str]] = {}
        for scene, _, _ in pages:
            _collect_text(scene.items, texts)
        for font, characters in texts.items():
            self._add_font(font, "".join(sorted(characters)))
        numbers = [self._add_page(*page) for page in pages]
        kids = " ".join(f"{number} 0 R" for number in numbers)
        names = self._attached(attachments)
        self._objects[0] = f"<< /Type /Catalog /Pages 2 0 R{names} >>".encode()
        self._objects[1] = f"<< /Type /Pages /Kids [{kids}] /Count {len(numbers)} >>".encode()
        told = " ".join(f"/{name} {_text_string(text)}" for name, text in information.items())
        self._objects[2] = f"<< {told} >>".encode() if told else b"<< >>"

    def to_bytes(self) -> bytes:
        written = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        offsets = []
        for number, content in enumerate(self._objects, 1):
            offsets.append(len(written))
            written += b"%d 0 obj\n%b\nendobj\n" % (number, content)
        digest = hashlib.sha256(written).hexdigest()[:32].upper()
        start = len(written)
        written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1)
        written += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        written += (
            f"trailer\n<< /Size {len(offsets) + 1} /Root 1 0 R /Info 3 0 R"
            f" /ID [<{digest}> <{digest}>] >>\nstartxref\n{start}\n%%EOF\n"
        ).encode()
        return bytes(written)

    def font(self, font: Font) -> tuple[str, FontObjects]:
        """Give the resource name of a font, and what writes its text."""
        return f"F{self._font_numbers[font]}", self._fonts[font]

    def image(self, image: Image) -> str:
        """Give the resource name of an image; the same image is embedded once."""
        key = hashlib.sha256(image.data).digest()
        if key not in self._images:
            self._images[key] = self._add_image(image)
        return f"I{self._images[key]}"

    def opacity(self, opacity: float) -> str:
        """Give the resource name of a graphics state with that opacity."""
        rounded = round(min(max(opacity, 0), 1), 3)
        if rounded not in self._opacities:
            value = shortest(rounded)
            content = f"<< /Type /ExtGState /ca {value} /CA {value} >>".encode()
            self._opacities[rounded] = self._add(content)
        return f"G{self._opacities[rounded]}"

    def _add(self, content: bytes) -> int:
        self._objects.append(content)
        return len(self._objects)

    def _add_stream(self, data: bytes, entries: str = "", *, packed: bool = False) -> int:
        if not packed:
            data, entries = zlib.compress(data, 9), f"/Filter /FlateDecode {entries}"
        head = f"<< {entries} /Length {len(data)} >>".encode()
        return self._add(head + b"\nstream\n" + data + b"\nendstream")

    def _attached(self, attachments: Mapping[str, bytes]) -> str:
        """Write the files and give the entry of the catalog that names them, in their order."""
        listed = []
        for name, data in sorted(attachments.items()):
            size = f"/Type /EmbeddedFile /Params << /Size {len(data)} >>"
            file, called = self._add_stream(data, size), _text_string(name)
            specification = self._add(
                f"<< /Type /Filespec /F {called} /UF {called} /EF << /F {file} 0 R >> >>".encode()
            )
            listed.append(f"{called} {specification} 0 R")
        return f" /Names << /EmbeddedFiles << /Names [{' '.join(listed)}] >> >>" if listed else ""

    def _add_page(self, scene: Scene, width: float, height: float) -> int:
        content = _Content(self)
        x, y = width / scene.width_mm, height / scene.height_mm
        content.parts.append(f"{_matrix((x, 0, 0, -y, 0, height))} cm")
        content.items(scene.items)
        stream = self._add_stream("\n".join(content.parts).encode())
        return self._add(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {shortest(width, 4)}"
            f" {shortest(height, 4)}] /Contents {stream} 0 R"
            f" /Resources << {self._resources(content)} >> >>".encode()
        )

    def _resources(self, content: _Content) -> str:
        kinds = {"F": "Font", "I": "XObject", "G": "ExtGState"}
        return " ".join(
            f"/{kind} << "
            + " ".join(f"/{name} {name[1:]} 0 R" for name in content.used if name[0] == letter)
            + " >>"
            for letter, kind in kinds.items()
            if any(name[0] == letter for name in content.used)
        )

    def _add_font(self, font: Font, text: str) -> None:
        made = font_objects(font, text)
        program = self._add_stream(made.program, "/Subtype /CIDFontType0C")
        unicode_map = self._add_stream(made.to_unicode)
        descriptor = self._add(f"<< {made.descriptor} /FontFile3 {program} 0 R >>".encode())
        descendant = self._add(f"<< {made.descendant} /FontDescriptor {descriptor} 0 R >>".encode())
        self._fonts[font] = made
        self._font_numbers[font] = self._add(
            f"<< /Type /Font /Subtype /Type0 /BaseFont /{made.base_name} /Encoding /Identity-H"
            f" /DescendantFonts [{descendant} 0 R] /ToUnicode {unicode_map} 0 R >>".encode()
        )

    def _add_image(self, image: Image) -> int:
        size = f"/Type /XObject /Subtype /Image /Width {image.width} /Height {image.height}"
        if image.format == "JPEG" and image.mode in {"RGB", "L"}:
            space = "/DeviceRGB" if image.mode == "RGB" else "/DeviceGray"
            entries = f"{size} /ColorSpace {space} /BitsPerComponent 8 /Filter /DCTDecode"
            return self._add_stream(image.data, entries, packed=True)
        pixels, mask = image.pixels, ""
        if pixels.mode == "RGBA":
            alpha = pixels.getchannel("A").tobytes()
            gray = f"{size} /ColorSpace /DeviceGray /BitsPerComponent 8"
            mask = f" /SMask {self._add_stream(alpha, gray)} 0 R"
            pixels = pixels.convert("RGB")
        entries = f"{size} /ColorSpace /DeviceRGB /BitsPerComponent 8{mask}"
        return self._add_stream(pixels.tobytes(), entries)


class _Content:
    """Collects the operators of one page, and the resources that they name."""

    def __init__(self, document: _Document) -> None:
        self.parts: list[str] = []
        self.used: dict[str, None] = {}
        self._document = document

    def items(self, items: tuple[Item, ...]) -> None:
        for item in items:
            match item:
                case Shape():
                    self._shape(item)
                case Text():
                    self._text(item)
                case Picture():
                    self._picture(item)
                case Group():
                    self._group(item)

    def _shape(self, shape: Shape) -> None:
        paint = shape.fill is not None, shape.stroke is not None, shape.path.even_odd
        operator = _SHAPE_OPERATORS.get(paint)
        if operator is None:
            return
        if shape.fill is not None:
            self.parts.append(f"{_color(shape.fill)} rg")
        if shape.stroke is not None:
            self.parts.append(f"{_color(shape.stroke)} RG {shortest(shape.stroke_width_mm)} w")
        self.parts += [_data(shape.path), operator]

    def _text(self, text: Text) -> None:
        if not text.text:
            return
        name, font = self._document.font(text.font)
        self.used[name] = None
        size = text.size_mm
        place = _matrix((size * text.condense, 0, 0, -size, text.x_mm, text.y_mm))
        shown = []
        offsets = text.offsets_mm()
        for n, character in enumerate(text.text):
            # TJ (9.4.3) takes what is to be taken off the font's own width, in thousandths of em.
            wanted = (offsets[n + 1] - offsets[n]) / (size * text.condense) * 1000
            back = font.widths[character] - wanted
            kern = shortest(back, 1)
            shown.append(f"<{font.codes[character]:04X}>" + ("" if kern == "0" else f" {kern}"))
        self.parts.append(
            f"BT {_color(text.color)} rg /{name} 1 Tf {place} Tm [{' '.join(shown)}] TJ ET"
        )

    def _picture(self, picture: Picture) -> None:
        name = self._document.image(picture.image)
        self.used[name] = None
        # An image fills the unit square with its first row on top, where y is 1.
        place = (picture.width_mm, 0, 0, -picture.height_mm, picture.x_mm)
        matrix = _matrix((*place, picture.y_mm + picture.height_mm))
        self.parts.append(f"q {matrix} cm /{name} Do Q")

    def _group(self, group: Group) -> None:
        self.parts.append("q")
        if group.matrix != IDENTITY:
            self.parts.append(f"{_matrix(group.matrix)} cm")
        if group.clip is not None:
            rule = "W*" if group.clip.even_odd else "W"
            self.parts.append(f"{_data(group.clip)} {rule} n")
        if group.opacity < 1:
            name = self._document.opacity(group.opacity)
            self.used[name] = None
            self.parts.append(f"/{name} gs")
        self.items(group.items)
        self.parts.append("Q")


def _collect_text(items: tuple[Item, ...], texts: dict[Font, set[str]]) -> None:
    for item in items:
        if isinstance(item, Text) and item.text:
            texts.setdefault(item.font, set()).update(item.text)
        elif isinstance(item, Group):
            _collect_text(item.items, texts)


def _data(path: Path) -> str:
    operators = {"M": "m", "L": "l", "C": "c", "Z": "h"}
    return " ".join(
        " ".join([*(shortest(number, 4) for number in numbers), operators[letter]])
        for letter, numbers in path.segments
    )


def _matrix(matrix: Matrix) -> str:
    return " ".join(shortest(number, 6) for number in matrix)


def _color(color: Color) -> str:
    return " ".join(shortest(part / 255, 4) for part in color)


def _text_string(text: str) -> str:
    """Write a text string (7.9.2): UTF-16 with a byte order mark, in hexadecimal."""
    return f"<feff{text.encode('utf-16-be', 'replace').hex()}>"

"""The printed face (照面) of a licence, as OFD or PDF: what a person reads, and what gets a seal.

A FacePrinter is prepared once for a type of licence: frame, labels and fonts. Each face adds the
holder's values and the static code. The data go along as an attachment, by the pinyin codes of GB/T
36903, and the identifier as CustomData. OFD and PDF are one composition. Sources: GB/T 33190-2016
and ISO 32000-1 for the documents.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from msb_identity.foundation import strict_json
from msb_seal.drawing import to_pdf
from msb_seal.drawing.canvas import SceneCanvas
from msb_seal.drawing.fontfile import PreparedFont
from msb_seal.ofd.compose import OfdBuilder, PageTemplate
from msb_wallet.errors import TypeRefused

if TYPE_CHECKING:
    from msb_seal.drawing import Color
    from msb_seal.drawing.canvas import PageCanvas
    from msb_seal.ofd.package import OfdPackage
    from msb_wallet.licences.identifier import LicenceIdentifier
    from msb_wallet.licences.model import Licence
    from msb_wallet.licences.types import LicenceType

WIDTH_MM, HEIGHT_MM = 210.0, 148.0
SEAL_KEYWORD = "颁发机构（盖章）"
"""Stands where the seal belongs: `AtKeyword(SEAL_KEYWORD)`."""
_LABEL_X, _VALUE_X, _RIGHT = 22.0, 62.0, 188.0
_FIRST_LINE, _FOOT = 48.0, 104.0
_LEAST_STEP, _USUAL_STEP = 5.0, 9.5
MAX_LINES = int((_FOOT - _FIRST_LINE) / _LEAST_STEP)
_LABEL: Color = (90, 70, 40)
_FRAME: Color = (176, 141, 87)
_CODE_MM = 27.0


@dataclass(frozen=True)
class FacePrinter:
    """Prints the faces of one type of licence; safe for several threads."""

    type: LicenceType
    fonts: dict[str, PreparedFont] = field(repr=False)
    template: PageTemplate = field(repr=False)

    @classmethod
    def of(cls, type_: LicenceType) -> FacePrinter:
        """Prepare fonts and template.

        OfdRefused for a character that the font lacks, TypeRefused for a type with more fields than
        the face has lines (MAX_LINES, four of them its own).
        """
        if len(_labels(type_)) > MAX_LINES:
            message = f"{type_.name}: {len(type_.fields)} fields, more than a face has lines for"
            raise TypeRefused(message)
        fonts = {"song": PreparedFont.load("song"), "hei": PreparedFont.load("hei")}
        template = PageTemplate.make(
            fonts, lambda canvas: _draw_frame(canvas, type_), width_mm=WIDTH_MM, height_mm=HEIGHT_MM
        )
        return cls(type_, fonts, template)

    def print(
        self, licence: Licence, identifier: LicenceIdentifier, *, code_png: bytes | None = None
    ) -> OfdPackage:
        """Compose the face of a licence as OFD, ready to be sealed.

        code_png: the picture of its static code. OfdRefused for a name with a character that the
        font lacks.
        """
        builder = OfdBuilder(
            self.fonts,
            title=self.type.name,
            author=licence.authority.name,
            created=licence.issued_on,
            custom=self._named(identifier),
            template=self.template,
        )
        _draw_values(builder.page(), licence, identifier, code_png)
        builder.attach("licence", strict_json.dump(licence.elements()), extension="json")
        return builder.to_package()

    def print_pdf(
        self, licence: Licence, identifier: LicenceIdentifier, *, code_png: bytes | None = None
    ) -> bytes:
        """Compose the same face as PDF; DrawingRefused where `print` raises OfdRefused."""
        page = SceneCanvas(self.fonts, width_mm=WIDTH_MM, height_mm=HEIGHT_MM)
        _draw_frame(page, self.type)
        _draw_values(page, licence, identifier, code_png)
        return to_pdf(
            page.scene(title=self.type.name),
            information={"Author": licence.authority.name, **self._named(identifier)},
            attachments={"licence.json": strict_json.dump(licence.elements())},
        )

    def _named(self, identifier: LicenceIdentifier) -> dict[str, str]:
        """Give what the document says of itself by the names of GB/T 36903."""
        return {"ZZBS": str(identifier), "ZZLXDM": self.type.code}


def _draw_values(
    page: PageCanvas, licence: Licence, identifier: LicenceIdentifier, code_png: bytes | None
) -> None:
    for (y, size), value in zip(_lines(licence.type), _values(licence), strict=True):
        page.text(
            value, x_mm=_VALUE_X, y_mm=y, size_mm=size, width_mm=_RIGHT - _VALUE_X, font="song"
        )
    if code_png is not None:
        page.image(code_png, x_mm=_LABEL_X, y_mm=_FOOT, width_mm=_CODE_MM, height_mm=_CODE_MM)
    _draw_foot(page, licence, identifier)


def _draw_frame(canvas: PageCanvas, type_: LicenceType) -> None:
    for margin, line in ((7.0, 1.0), (9.0, 0.3)):
        canvas.rectangle(
            margin,
            margin,
            width_mm=WIDTH_MM - 2 * margin,
            height_mm=HEIGHT_MM - 2 * margin,
            stroke=_FRAME,
            line_mm=line,
        )
    room = {"x_mm": 20.0, "width_mm": WIDTH_MM - 40, "align": "center"}
    canvas.text(type_.name, y_mm=17, size_mm=9.5, spacing_mm=1.5, **room)  # type: ignore[arg-type]
    canvas.text(type_.name_en, y_mm=30, size_mm=3.6, color=_LABEL, **room)  # type: ignore[arg-type]
    canvas.line(60, 39, to_x_mm=150, to_y_mm=39, color=_FRAME, line_mm=0.4)
    for (y, size), label in zip(_lines(type_), _labels(type_), strict=True):
        canvas.text(
            label, x_mm=_LABEL_X, y_mm=y, size_mm=size, width_mm=38, font="hei", color=_LABEL
        )


def _labels(type_: LicenceType) -> list[str]:
    own = [field.name for field in type_.fields]
    return ["持证人", "证件号码", "证照编号", *own, "有效期"]


def _values(licence: Licence) -> list[str]:
    own = []
    for extension in licence.type.fields:
        value = licence.extensions.get(extension.key, "")
        if extension.kind == "date" and value:
            value = _day(date.fromisoformat(value))
        own.append(value)
    period = f"{_day(licence.valid_from)} 至 {_day(licence.valid_until)}"
    return [licence.holder_name, licence.holder_code, licence.number, *own, period]


def _lines(type_: LicenceType) -> list[tuple[float, float]]:
    """Give the y and the size of each line of the face: closer where a type has many fields."""
    count = len(_labels(type_))
    step = min(_USUAL_STEP, (_FOOT - _FIRST_LINE) / count)
    size = min(4.8, step * 0.62)
    return [(_FIRST_LINE + n * step, size) for n in range(count)]


def _draw_foot(page: PageCanvas, licence: Licence, identifier: LicenceIdentifier) -> None:
    room = {"x_mm": 116.0, "width_mm": 74.0, "align": "center"}
    page.text(licence.authority.name, y_mm=105, size_mm=4.6, **room)  # type: ignore[arg-type]
    page.text(SEAL_KEYWORD, y_mm=112, size_mm=3.4, font="hei", color=_LABEL, **room)  # type: ignore[arg-type]
    page.text(_day(licence.issued_on), y_mm=118, size_mm=4.4, **room)  # type: ignore[arg-type]
    page.text(
        f"电子证照标识 {identifier}",
        x_mm=_LABEL_X,
        y_mm=133.5,
        size_mm=2.6,
        width_mm=_RIGHT - _LABEL_X,
        font="hei",
        color=_LABEL,
    )


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"

"""The signature field of a seal and its widgets, one for each place where the seal shows.

All showings of one seal are widgets of one field: one signature stands behind them, and a later
seal adds nothing to the pages but fields. Source: ISO 32000-1 sections 12.7.4.5 and 12.5.6.19.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.sign.fields import FieldMDPSpec, enumerate_sig_fields

from msb_seal.pdf.appearance import SealAppearances, SealForm, numbers, show_on
from msb_seal.pdf.opening import entry, refused
from msb_seal.pdf.pages import read_pages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msb_seal.pdf.appearance import PreparedPicture
    from msb_seal.pdf.pages import PdfPage, Rectangle
    from msb_seal.placement import Placed

PRINT_LOCKED = 4 | 128
"""12.5.3: the annotation is printed, and not moved by hand."""
_MAX_NAMES = 10_000


@dataclass(frozen=True, slots=True)
class SigningField:
    """The field to sign in: its full name, its object, and what it says may change afterwards.

    lock: a FieldMDPSpec, or None. allows: /P of its lock (1 for nothing), or None.
    """

    name: str
    reference: Any = field(repr=False)
    lock: Any = field(default=None, repr=False)
    allows: int | None = None


def add_field(
    writer: Any,  # noqa: ANN401 - pyHanko has no types
    pages: Sequence[PdfPage],
    placed: Sequence[Placed],
    picture: PreparedPicture | None,
    *,
    called: str = "Seal",
) -> SigningField:
    """Add a signature field with a widget for each showing, or an invisible one.

    called: what its name begins with; a number follows that is still free.
    """
    name = free_name(writer, called)
    signing = _object({"/FT": pdf_name("/Sig"), "/T": pdf_string(name)})
    reference = writer.add_object(signing)
    widgets = _widgets(writer, pages, placed, picture)
    if len(widgets) == 1:
        # One widget is one with its field: what every reader knows.
        (page, entries) = widgets[0]
        signing.update({pdf_name(key): value for key, value in entries.items()})
        writer.register_annotation(page.reference, reference)
    else:
        kids = []
        for page, entries in widgets:
            widget = writer.add_object(_object({**entries, "/Parent": reference}))
            writer.register_annotation(page.reference, widget)
            kids.append(widget)
        signing[pdf_name("/Kids")] = generic.ArrayObject(kids)
    _enter(writer, reference)
    return SigningField(name, reference)


def add_empty_field(
    writer: Any,  # noqa: ANN401 - as above
    page: PdfPage,
    rectangle: Rectangle,
    name: str,
    *,
    lock: Any = None,  # noqa: ANN401 - as above
) -> None:
    """Add a field that waits to be signed; SealingRefused ("field-name") for such a name.

    lock: the dictionary of what is locked then (table 233), or None.
    """
    if not name or "." in name or name in _names(writer):
        raise refused("field-name", "域名为空、含点或已有", f"no field can be called {name!r} here")
    entries = _widget(page, rectangle, None)
    signing = _object({**entries, "/FT": pdf_name("/Sig"), "/T": pdf_string(name)})
    if lock is not None:
        signing[pdf_name("/Lock")] = lock
    reference = writer.add_object(signing)
    writer.register_annotation(page.reference, reference)
    _enter(writer, reference)


def open_field(writer: Any, name: str, picture: PreparedPicture | None) -> SigningField:  # noqa: ANN401 - as above
    """Find an empty signature field, and show the picture in it where it has room on a page.

    SealingRefused where there is none of that name, it is signed, or it wants what we cannot give.
    """
    found = {full: at for full, _, at in enumerate_sig_fields(writer) if full is not None}
    if name not in found:
        zh, en = f"没有名为“{name}”的签名域", f"there is no signature field called {name!r}"
        raise refused("no-such-field", zh, en)
    reference = found[name]
    signing = reference.get_object()
    if "/V" in signing:
        zh, en = f"签名域“{name}”已签", f"the signature field {name!r} is signed already"
        raise refused("field-signed", zh, en)
    wanted = entry(signing, "/SV")
    if wanted is not None and entry(wanted, "/Ff", 0):
        zh, en = "签名域对签名有特别要求", "the field makes demands on signatures (/SV)"
        raise refused("seed-values", zh, en)
    if picture is not None:
        _show_in(writer, _only_widget(reference), picture)
    lock = entry(signing, "/Lock")
    if lock is None:
        return SigningField(name, reference)
    return SigningField(name, reference, FieldMDPSpec.from_pdf_object(lock), entry(lock, "/P"))


def free_name(writer: Any, called: str) -> str:  # noqa: ANN401 - as above
    """Give a name for a field that no other has: `called` and a number."""
    taken = _names(writer)
    numbered = (f"{called}{number}" for number in range(1, _MAX_NAMES))
    return next(name for name in numbered if name not in taken)


def point_widgets(reference: Any, value: Any) -> None:  # noqa: ANN401 - as above
    """Write the signature into the field's widgets, too.

    They inherit it (12.7.3.1), but poppler and mupdf look no higher than at the widget.
    """
    for widget in entry(reference.get_object(), "/Kids", ()):
        found = widget.get_object()
        found[pdf_name("/FT")], found[pdf_name("/V")] = pdf_name("/Sig"), value


def _widgets(
    writer: Any,  # noqa: ANN401 - as above
    pages: Sequence[PdfPage],
    placed: Sequence[Placed],
    picture: PreparedPicture | None,
) -> list[tuple[PdfPage, dict[str, Any]]]:
    if picture is None:
        return [(pages[0], _widget(pages[0], (0, 0, 0, 0), None))]
    appearances = SealAppearances(writer, picture)
    found = []
    for one in placed:
        page = pages[int(one.page.id)]
        rectangle, form = show_on(page, one, picture)
        found.append((page, _widget(page, rectangle, appearances.add(form))))
    return found


def _widget(page: PdfPage, rectangle: Rectangle, form: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    entries: dict[str, Any] = {
        "/Type": pdf_name("/Annot"),
        "/Subtype": pdf_name("/Widget"),
        "/Rect": numbers(rectangle),
        "/F": generic.NumberObject(PRINT_LOCKED),
        "/P": page.reference,
    }
    if form is not None:
        entries["/AP"] = _object({"/N": form})
    if form is not None and page.rotation:
        entries["/MK"] = _object({"/R": generic.NumberObject(page.rotation)})
    return entries


def _show_in(writer: Any, widget: Any, picture: PreparedPicture) -> None:  # noqa: ANN401 - as above
    entries = widget.get_object()
    left, bottom, right, top = (float(number) for number in entry(entries, "/Rect", (0, 0, 0, 0)))
    width, height = abs(right - left), abs(top - bottom)
    if not width or not height:
        return  # a field that was made to be invisible
    page = _page_of(writer, widget)
    if page.rotation % 180:
        width, height = height, width
    unit = page.unit
    shown = SealForm.fitted(picture, (width * unit, height * unit), page.rotation)
    form = SealAppearances(writer, picture).add(shown)
    entries[pdf_name("/AP")] = _object({"/N": form})
    entries.pop("/AS", None)
    writer.mark_update(widget)


def _only_widget(reference: Any) -> Any:  # noqa: ANN401 - as above
    kids = entry(reference.get_object(), "/Kids")
    if kids is None:
        return reference
    if len(kids) != 1:
        zh, en = "签名域有多处外观", "the signature field has several widgets"
        raise refused("several-widgets", zh, en)
    return kids.raw_get(0)


def _page_of(writer: Any, widget: Any) -> PdfPage:  # noqa: ANN401 - as above
    """Find the page that lists the widget; its own /P may be missing or wrong."""
    for page in read_pages(writer):
        annotations = entry(page.reference.get_object(), "/Annots", ())
        if any(
            getattr(annotations.raw_get(number), "reference", None) == widget.reference
            for number in range(len(annotations))
        ):
            return page
    zh, en = "签名域不在任何页面上", "the signature field is on no page"
    raise refused("no-such-field", zh, en)


def _enter(writer: Any, reference: Any) -> None:  # noqa: ANN401 - as above
    fields = _fields(writer)
    fields.append(reference)
    writer.update_container(fields)


def _fields(writer: Any) -> Any:  # noqa: ANN401 - as above
    """Give the form's fields, making form and list where there are none."""
    root = writer.root
    if "/AcroForm" not in root:
        root[pdf_name("/AcroForm")] = writer.add_object(_object({}))
        writer.update_root()
    form = root["/AcroForm"]
    if "/Fields" not in form:
        form[pdf_name("/Fields")] = generic.ArrayObject()
        writer.update_container(form)
    return form["/Fields"]


def _names(writer: Any) -> set[Any]:  # noqa: ANN401 - as above
    form = entry(writer.root, "/AcroForm", {})
    return {entry(field.get_object(), "/T") for field in entry(form, "/Fields", ())}


def _object(values: dict[str, Any]) -> Any:  # noqa: ANN401 - as above
    return generic.DictionaryObject({pdf_name(name): value for name, value in values.items()})

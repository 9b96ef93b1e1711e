"""Sealing many PDFs: everything that does not change is prepared once, and bytes are written.

`PdfSealing` prepares what `prepare_pdf` prepares, some ten times as fast, for files that our strict
reader understands in all that matters here (plain.py); every other file, and every option that is
not a seal at a place, goes the ordinary way. Both give the same verdict everywhere: tests hold them
side by side.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from hashlib import new as new_hash
from typing import TYPE_CHECKING

from msb_identity.foundation.clock import aware
from msb_identity.pki.sm import sm3
from msb_seal.drawing.numbers import shortest
from msb_seal.errors import PdfRefused
from msb_seal.pdf.appearance import prepare_picture, show_on
from msb_seal.pdf.embedding import Unfilled
from msb_seal.pdf.fields import PRINT_LOCKED
from msb_seal.pdf.plain import NotPlain, PageList, PlainFile, plain_dictionary, plain_list
from msb_seal.pdf.sign import DEFAULT, PdfOptions, PreparedPdf, check_places, prepare_pdf
from msb_seal.pdf.syntax import Ref
from msb_seal.pdf.texts import find_text
from msb_seal.pdf.value import SignatureValue, digest_name
from msb_seal.pdf.writing import Update, write_text, write_value
from msb_seal.placement import place_seal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from msb_identity.x509.certificate import Certificate
    from msb_seal.pdf.appearance import PreparedPicture, SealForm
    from msb_seal.pdf.pages import PdfPage, Rectangle
    from msb_seal.pdf.sign import Remarks
    from msb_seal.pdf.syntax import Dictionary, PdfValue
    from msb_seal.pdf.value import SignatureForm
    from msb_seal.placement import Place, Placed
    from msb_seal.seals.model import ElectronicSeal, SealPicture

_MAX_NAMES = 10_000


@dataclass(frozen=True)
class PdfSealing:
    """One seal and one signer, checked once; prepares any number of documents.

    picture: what shows, where the seal's own is none that a PDF can have. timestamp_bytes: room for
    a time-stamp.
    """

    seal: ElectronicSeal = field(repr=False)
    certificate: Certificate
    options: PdfOptions = DEFAULT
    picture: SealPicture | None = field(default=None, repr=False)
    timestamp_bytes: int = 0

    def __post_init__(self) -> None:
        """Refuse a form that this key, or this seal, does not have."""
        _ = self._value

    def prepare(
        self,
        data: bytes,
        *,
        places: Sequence[Place],
        remarks: Remarks | None = None,
        now: datetime | None = None,
    ) -> PreparedPdf:
        """Prepare one document; raises as `prepare_pdf` does.

        remarks: what this signature says of itself, where that differs from the options'.
        """
        options = self.options if remarks is None else replace(self.options, remarks=remarks)
        try:
            return self._prepare(data, places, options, aware(now).replace(microsecond=0))
        except (NotPlain, PdfRefused):
            pass
        return prepare_pdf(
            data,
            certificate=self.certificate,
            places=places,
            options=options,
            seal=self.seal,
            picture=self.picture,
            timestamp_bytes=self.timestamp_bytes,
            now=now,
        )

    def _prepare(
        self, data: bytes, places: Sequence[Place], options: PdfOptions, moment: datetime
    ) -> PreparedPdf:
        if options.in_field is not None or options.certify is not None or options.final:
            raise NotPlain
        check_places(places, options, seal=self.seal, shown=self._shown)
        file = PlainFile.read(data)
        pages, picture = PageList(file), self._picture
        placed = place_seal(
            places,
            pages=pages,
            size_mm=picture.size_mm,
            find_text=lambda text: find_text(data, text, pages.all()),
        )
        update = Update(file)
        signature = _add_field(update, file, pages, placed, picture)
        entries = _entries(self._value.form, options.remarks, moment)
        whole, start, end = update.finish(
            signature, entries, room=self._value.room + self.timestamp_bytes
        )
        unfilled = Unfilled(whole, start, end, self._digest(whole, start, end))
        return PreparedPdf(self._value.prepare(unfilled, moment), moment, unfilled)

    @cached_property
    def _value(self) -> SignatureValue:
        options = self.options
        return SignatureValue.of(
            self.certificate, options.form, seal=self.seal, chain=options.chain
        )

    @cached_property
    def _shown(self) -> SealPicture:
        return self.seal.picture if self.picture is None else self.picture

    @cached_property
    def _picture(self) -> PreparedPicture:
        return prepare_picture(self._shown)

    @cached_property
    def _digest_name(self) -> str:
        return digest_name(self.certificate)

    def _digest(self, whole: bytes, start: int, end: int) -> bytes:
        """Digest all but the value."""
        if self._digest_name == "sm3":
            return sm3(whole[:start], whole[end:])
        view = memoryview(whole)
        digest = new_hash(self._digest_name)
        digest.update(view[:start])
        digest.update(view[end:])
        return digest.digest()


@lru_cache(maxsize=64)
def _entries(form: SignatureForm, remarks: Remarks, moment: datetime) -> bytes:
    """Write the signature dictionary's entries but /ByteRange and /Contents (table 252)."""
    entries = b"/Type/Sig/Filter%b/SubFilter%b/M(D:%bZ)" % (
        form.filter.encode(),
        form.subfilter.encode(),
        f"{moment:%Y%m%d%H%M%S}".encode(),
    )
    texts = {
        b"/Reason": remarks.reason,
        b"/Location": remarks.location,
        b"/ContactInfo": remarks.contact,
    }
    return entries + b"".join(name + write_text(text) for name, text in texts.items() if text)


def _add_field(
    update: Update,
    file: PlainFile,
    pages: PageList,
    placed: Sequence[Placed],
    picture: PreparedPicture,
) -> int:
    """Write the field, its widgets and all that leads to them; give the signature's number.

    As fields.add_field does with pyHanko's objects.
    """
    names = file.names()
    name = next(found for n in range(1, _MAX_NAMES) if (found := f"Seal{n}") not in names)
    field_number = update.reserve()
    appearances = _Appearances(update, picture)
    shown = [(pages.page(int(one.page.id)), one) for one in placed]
    widgets = [(page, *show_on(page, one, picture)) for page, one in shown]
    signature = update.reserve()
    own = b"/FT/Sig/V %d 0 R" % signature
    on_pages: dict[Ref, list[int]] = {}
    if len(widgets) == 1:
        # One widget is one with its field: what every reader knows.
        ((page, rectangle, form),) = widgets
        widget = _widget(page, rectangle, appearances.add(form))
        update.put(Ref(field_number, 0), b"<<", own, b"/T(%b)" % name.encode(), widget, b">>")
        on_pages[page.reference] = [field_number]
    else:
        parent = b"/Parent %d 0 R" % field_number
        kids = []
        for page, rectangle, form in widgets:
            widget = _widget(page, rectangle, appearances.add(form))
            kids.append(update.add(b"<<", own, parent, widget, b">>"))
            on_pages.setdefault(page.reference, []).append(kids[-1])
        listed = b" ".join(b"%d 0 R" % kid for kid in kids)
        head = b"<<%b/T(%b)/Kids[%b]>>" % (own, name.encode(), listed)
        update.put(Ref(field_number, 0), head)
    for ref, numbers in on_pages.items():
        _annotate(update, file, ref, numbers)
    _enter(update, file, Ref(field_number, 0))
    return signature


class _Appearances:
    """The appearance streams of one seal in one document; equal ones are written once."""

    def __init__(self, update: Update, picture: PreparedPicture) -> None:
        """Write the image, which all of them show."""
        self._update = update
        self._forms: dict[SealForm, int] = {}
        image, mask = _images(picture)
        entry = b"/SMask %d 0 R" % update.add(*mask) if mask else b""
        self._image = update.add(image[0], entry, *image[1:])

    def add(self, form: SealForm) -> int:
        """Give the number of a form."""
        if form not in self._forms:
            before, after = _form_parts(form)
            self._forms[form] = self._update.add(before, b"%d" % self._image, after)
        return self._forms[form]


@lru_cache(maxsize=16)
def _images(picture: PreparedPicture) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Write the picture's image and its mask, of which there may be none."""
    image = _image(picture, picture.space, picture.filter, picture.colours)
    if picture.opacity is None:
        return image, ()
    return image, _image(picture, "/DeviceGray", "/FlateDecode", picture.opacity)


def _image(picture: PreparedPicture, space: str, packed: str, data: bytes) -> tuple[bytes, ...]:
    head = (
        f"<</Type/XObject/Subtype/Image/ColorSpace{space}/Width {picture.size[0]}"
        f"/Height {picture.size[1]}/BitsPerComponent 8/Filter{packed}/Length {len(data)}"
    )
    return head.encode(), b">>\nstream\n", data, b"\nendstream"


@lru_cache(maxsize=256)
def _form_parts(form: SealForm) -> tuple[bytes, bytes]:
    """Write a form but for the number of its image."""
    content = form.content
    before = (
        f"<</Type/XObject/Subtype/Form/BBox[{_numbers(form.box)}]/Matrix[{_numbers(form.matrix)}]"
        "/Resources<</ExtGState<</G<</Type/ExtGState/BM/Multiply>>>>/XObject<</I "
    )
    after = b" 0 R>>>>/Length %d>>\nstream\n%b\nendstream" % (len(content), content)
    return before.encode(), after


def _widget(page: PdfPage, rectangle: Rectangle, form: int) -> bytes:
    """Write what a widget has (12.5.6.19), as fields.py does."""
    turned = f"/MK<</R {page.rotation}>>" if page.rotation else ""
    number, generation = page.reference
    return (
        f"/Type/Annot/Subtype/Widget/Rect[{_numbers(rectangle)}]/F {PRINT_LOCKED}"
        f"/P {number} {generation} R/AP<</N {form} 0 R>>{turned}"
    ).encode()


def _annotate(update: Update, file: PlainFile, ref: Ref, numbers: Sequence[int]) -> None:
    """List annotations on a page: in its own list, or in the object that holds it."""
    page = plain_dictionary(file.revision.object(ref))
    given = page.get("Annots")
    listed = [] if given is None else plain_list(file.revision.resolve(given))
    more: list[PdfValue] = [*listed, *(Ref(number, 0) for number in numbers)]
    if isinstance(given, Ref):
        update.put(given, write_value(more))
    else:
        update.put_entry(ref, "Annots", more)


def _enter(update: Update, file: PlainFile, ref: Ref) -> None:
    """List the field in the form, making form and list where there are none."""
    given, held = file.form.get("Fields"), file.catalog.get("AcroForm")
    listed: list[PdfValue] = [*plain_list(file.revision.resolve(given or [])), ref]
    form: Dictionary = {**file.form, "SigFlags": 3}  # 12.7.2: signatures exist, append only
    if isinstance(given, Ref):
        update.put(given, write_value(listed))
    else:
        form["Fields"] = listed
    if isinstance(held, Ref):
        if form != file.form:
            update.put(held, write_value(form))
        return
    value: PdfValue = form if held is not None else Ref(update.add(write_value(form)), 0)
    update.put_entry(file.root, "AcroForm", value)


def _numbers(values: Sequence[float]) -> str:
    return " ".join(shortest(value, 4) for value in values)

"""Sealing a PDF: prepare, have it signed anywhere, finish.

The seal is one incremental update: a signature field whose widgets show the picture, and the
signature over all bytes of the file but its own value (ISO 32000-1 section 12.8.1). What the value
is goes by the SubFilter: see SignatureForm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from pyhanko.pdf_utils.generic import NumberObject, pdf_name
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm
from pyhanko.sign.signers.cms_embedder import SigMDPSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject

from msb_identity.foundation.clock import aware
from msb_seal.pdf.appearance import prepare_picture
from msb_seal.pdf.embedding import write_unfilled
from msb_seal.pdf.fields import add_field, open_field
from msb_seal.pdf.opening import open_update, reading, refuse_forbidden, refused, signed_fields
from msb_seal.pdf.pages import read_pages
from msb_seal.pdf.texts import find_text
from msb_seal.pdf.value import SignatureForm, SignatureValue, digest_name
from msb_seal.placement import place_seal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509.certificate import Certificate
    from msb_seal.cms.making import PreparedCms
    from msb_seal.pdf.embedding import Unfilled
    from msb_seal.pdf.fields import SigningField
    from msb_seal.placement import Place
    from msb_seal.seals.model import ElectronicSeal, SealPicture
    from msb_seal.seals.sealer import Sealer, TimestampSource
    from msb_seal.seals.signing import PreparedSignature

__all__ = [
    "DEFAULT",
    "TIMESTAMP_BYTES",
    "PdfOptions",
    "Permission",
    "PreparedPdf",
    "Remarks",
    "SignatureForm",
    "check_places",
    "prepare_pdf",
    "seal_pdf",
    "sign_pdf",
]

TIMESTAMP_BYTES = 12_288
"""Room for a time-stamp token with its chain; those of public authorities have 3 to 8 KB."""


class Permission(IntEnum):
    """What a certified document (DocMDP, 12.8.2.2) lets others change."""

    NOTHING = 1
    FORMS = 2  # filling in forms, and signing
    ANNOTATIONS = 3


@dataclass(frozen=True, slots=True)
class Remarks:
    """What the signature says of itself, in plain text that readers show."""

    reason: str = ""
    location: str = ""
    contact: str = ""


@dataclass(frozen=True, slots=True)
class PdfOptions:
    """How a PDF is to be signed, apart from who signs and where the seal shows.

    in_field: the empty signature field to sign in, instead of places.
    form: what stands in /Contents; None for the seal itself where its key is SM2's, and PAdES for
    all others. chain: the certificates above the signer's, to go along.
    certify: make it the first and certifying signature, which permits so much afterwards.
    final: lock the document, so that nothing may change and no further seal fits in.
    """

    in_field: str | None = None
    form: SignatureForm | None = None
    chain: Sequence[Certificate] = field(default=(), repr=False)
    remarks: Remarks = Remarks()
    certify: Permission | None = None
    final: bool = False


DEFAULT = PdfOptions()


@dataclass(frozen=True, slots=True)
class PreparedPdf:
    """A document that waits for its signature: `to_sign` goes to the key, wherever it is."""

    signature: PreparedCms | PreparedSignature = field(repr=False)
    time: datetime
    unfilled: Unfilled = field(repr=False)

    @property
    def to_sign(self) -> bytes:
        """The bytes to sign."""
        return self.signature.to_sign

    @property
    def digest(self) -> bytes:
        """The document's digest, for the log: of the whole file but for the value."""
        return self.unfilled.digest

    def finish(
        self,
        signature: bytes,
        *,
        timestamps: TimestampSource | None = None,
        verify: bool = True,
    ) -> bytes:
        """Put the signature in and give the PDF.

        verify: False for a signer whose signatures were verified before, as in a batch.
        Raises as PreparedCms.finish or PreparedSignature.finish does; SealingRefused ("no-room")
        where the value is larger than what was prepared for.
        """
        value = self.signature.finish(signature, timestamps=timestamps, verify=verify)
        return self.unfilled.filled(value)


def prepare_pdf(
    data: bytes,
    *,
    certificate: Certificate,
    places: Sequence[Place] = (),
    options: PdfOptions = DEFAULT,
    seal: ElectronicSeal | None = None,
    picture: SealPicture | None = None,
    timestamp_bytes: int = 0,
    now: datetime | None = None,
) -> PreparedPdf:
    """Prepare a signature on a PDF; `finish` takes the signature over `to_sign`.

    places: where the seal shows. With neither places nor a field, the signature is invisible,
    which no seal may be. seal: whose picture shows, and which stands in the signature where its
    form is SES. picture: what shows instead, or where there is no seal.
    timestamp_bytes: room for a time-stamp.

    SealingRefused where the file cannot be signed (`encrypted`, `hybrid`, `xfa`, `too-large`,
    `unreadable-pdf`), an earlier signature forbids it (`locked`, `certified`, `certify-late`),
    the place is none, or seal and signer may not be used.
    """
    moment = aware(now).replace(microsecond=0)
    shown = picture if picture is not None or seal is None else seal.picture
    value = SignatureValue.of(certificate, options.form, seal=seal, chain=options.chain)
    check_places(places, options, seal=seal, shown=shown)
    writer = open_update(data)
    with reading():
        refuse_forbidden(writer, adds_to_pages=bool(places), signs=options.in_field)
        if options.certify is not None and signed_fields(writer):
            zh, en = "已有签名，不能再作认证签名", "only the first signature can certify"
            raise refused("certify-late", zh, en)
        signing = _field(writer, data, places=places, in_field=options.in_field, shown=shown)
        room = value.room + timestamp_bytes
        unfilled = write_unfilled(
            writer,
            signing,
            value=_dictionary(value.form, options.remarks, room, moment),
            digest=digest_name(certificate),
            permissions=_permissions(writer, signing, options, certificate),
        )
    return PreparedPdf(value.prepare(unfilled, moment), moment, unfilled)


def seal_pdf(
    data: bytes,
    *,
    sealer: Sealer,
    places: Sequence[Place] = (),
    options: PdfOptions = DEFAULT,
    picture: SealPicture | None = None,
    document: str = "",
    timestamps: TimestampSource | None = None,
    now: datetime | None = None,
) -> bytes:
    """Have a sealer put its seal on a PDF; the sealed file.

    picture: what shows, where the seal's own picture is none that a PDF can have (SVG, OFD).
    document: the document's name for the sealer's log. Raises what `prepare_pdf`, the sealer and
    `finish` raise.
    """
    prepared = prepare_pdf(
        data,
        certificate=sealer.certificate,
        places=places,
        options=options,
        seal=sealer.seal,
        picture=picture,
        timestamp_bytes=0 if timestamps is None else TIMESTAMP_BYTES,
        now=now,
    )
    signature = sealer.sign(
        prepared.to_sign, digest=prepared.digest, document=document, now=prepared.time
    )
    return prepared.finish(signature, timestamps=timestamps)


def sign_pdf(
    data: bytes,
    *,
    key: SigningKey,
    certificate: Certificate,
    picture: SealPicture | None = None,
    places: Sequence[Place] = (),
    options: PdfOptions = DEFAULT,
    timestamps: TimestampSource | None = None,
    now: datetime | None = None,
) -> bytes:
    """Sign a PDF with a key at hand and without a seal; raises as `prepare_pdf` and `finish` do."""
    prepared = prepare_pdf(
        data,
        certificate=certificate,
        places=places,
        options=options,
        picture=picture,
        timestamp_bytes=0 if timestamps is None else TIMESTAMP_BYTES,
        now=now,
    )
    return prepared.finish(key.sign(prepared.to_sign), timestamps=timestamps)


def check_places(
    places: Sequence[Place],
    options: PdfOptions,
    *,
    seal: ElectronicSeal | None,
    shown: SealPicture | None,
) -> None:
    """Refuse what contradicts itself."""
    if places and options.in_field is not None:
        raise refused("two-places", "位置与签名域只能给一个", "either places or a field, not both")
    if shown is None and places:
        raise refused("picture", "没有可显示的印模", "there is no picture to show there")
    if seal is not None and not places and options.in_field is None:
        raise refused("no-place", "未指定盖章位置", "no place is named for the seal")


def _field(
    writer: Any,  # noqa: ANN401 - pyHanko has no types
    data: bytes,
    *,
    places: Sequence[Place],
    in_field: str | None,
    shown: SealPicture | None,
) -> SigningField:
    """Find or make the field, with what shows in it."""
    picture = None if shown is None else prepare_picture(shown)
    if in_field is not None:
        return open_field(writer, in_field, picture)
    pages = read_pages(writer)
    if not pages:
        raise refused("no-such-page", "PDF 没有页面", "the PDF has no page")
    if picture is None or not places:
        return add_field(writer, pages, (), None)
    placed = place_seal(
        places,
        pages=[page.frame(index) for index, page in enumerate(pages)],
        size_mm=picture.size_mm,
        find_text=lambda text: find_text(data, text, pages),
    )
    return add_field(writer, pages, placed, picture)


def _dictionary(form: SignatureForm, remarks: Remarks, room: int, moment: datetime) -> Any:  # noqa: ANN401 - as above
    """Make the signature dictionary (12.8.1, table 252) with room for the value."""
    made = SignatureObject(
        timestamp=moment,
        subfilter=_Named(pdf_name(form.subfilter)),
        reason=remarks.reason,
        location=remarks.location,
        contact_info=remarks.contact,
        bytes_reserved=2 * room,
    )
    made[pdf_name("/Filter")] = pdf_name(form.filter)
    return made


@dataclass(frozen=True, slots=True)
class _Named:
    """A SubFilter as pyHanko takes it, whose own table has only Adobe's and ETSI's."""

    value: Any


def _permissions(
    writer: Any,  # noqa: ANN401 - as above
    signing: SigningField,
    options: PdfOptions,
    certificate: Certificate,
) -> Any:  # noqa: ANN401 - as above
    """Give what the signature permits afterwards; None for the usual."""
    lock, allows = signing.lock, signing.allows
    if options.final and allows != Permission.NOTHING:
        if options.in_field is not None and signed_fields(writer):
            zh = "已有签名，签名域须在此前预留时即锁定，才能作最后一个签名"
            en = "after a signature only a field reserved with that lock can be the last one"
            raise refused("final-late", zh, en)
        lock, allows = FieldMDPSpec(FieldMDPAction.ALL), Permission.NOTHING
        locked = lock.as_sig_field_lock()
        locked[pdf_name("/P")] = NumberObject(int(Permission.NOTHING))
        signing.reference.get_object()[pdf_name("/Lock")] = locked
    certify = options.certify
    if certify is None and lock is None:
        return None
    permitted = certify if certify is not None else allows
    return SigMDPSetup(
        md_algorithm=digest_name(certificate),
        certify=certify is not None,
        field_lock=lock,
        docmdp_perms=None if permitted is None else MDPPerm(permitted),
    )

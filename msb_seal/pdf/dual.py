"""Two signatures in one call, so that both kinds of reader are satisfied (双签).

Readers in China check SM2 and the seal in /Contents; all others know RSA and P-256 and nothing of
either. The seal comes first and shows; then a signature of the other kind, which does not show,
covers the whole file with the seal in it. So whoever opens the file finds a signature over all that
is seen, by an algorithm that their reader knows, and what follows the seal alters no page. The
field of the second one is there before the first one signs: afterwards it is merely filled, which a
certified document permits as well. Why in this order: docs/decisions/pdf.md.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from msb_identity.pki.keys import KeyKind
from msb_seal.pdf.fields import add_empty_field, free_name
from msb_seal.pdf.opening import open_update, reading, refuse_forbidden, refused
from msb_seal.pdf.pages import read_pages
from msb_seal.pdf.reserving import FieldLock, lock_dictionary
from msb_seal.pdf.sign import DEFAULT, Permission, seal_pdf, sign_pdf
from msb_seal.pdf.value import key_kind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509.certificate import Certificate
    from msb_seal.pdf.sign import PdfOptions
    from msb_seal.placement import Place
    from msb_seal.seals.model import SealPicture
    from msb_seal.seals.sealer import Sealer, TimestampSource


@dataclass(frozen=True, slots=True)
class SecondSigner:
    """Who signs after the seal, with the other kind of key: RSA or P-256 beside SM2."""

    key: SigningKey
    certificate: Certificate
    chain: Sequence[Certificate] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Refuse a key that is not the certificate's."""
        if self.key.public != self.certificate.key:
            raise refused("wrong-key", "私钥与证书不符", "the key is not the certificate's")


def seal_pdf_twice(
    data: bytes,
    *,
    sealer: Sealer,
    second: SecondSigner,
    places: Sequence[Place] = (),
    options: PdfOptions = DEFAULT,
    picture: SealPicture | None = None,
    document: str = "",
    timestamps: TimestampSource | None = None,
    now: datetime | None = None,
) -> bytes:
    """Put a seal on a PDF and sign the whole with a second key; the file with both.

    options: the seal's; its remarks are the second signature's, too; `certify` makes the seal
    certify, `final` makes the second one the last. Where a signer is elsewhere: `reserve_second`,
    then `prepare_pdf` and `finish` for the seal, and once more for the second one with
    `in_field`.

    Raises as `seal_pdf` and `sign_pdf` do; SealingRefused ("second-key") where not exactly one of
    the two keys is SM2's, ("certify-alone") for a certification that permits nothing after it.
    """
    kinds = [key_kind(one) for one in (sealer.certificate, second.certificate)]
    if kinds.count(KeyKind.SM2) != 1:
        zh, en = (
            "双签须一为 SM2，一为 RSA 或 P-256",
            "one of the two keys is SM2's, the other is not",
        )
        raise refused("second-key", zh, en)
    if options.certify is Permission.NOTHING:
        zh = "认证后不许任何改动，不能再有第二个签名"
        en = "a certification that permits nothing leaves no room for a second signature"
        raise refused("certify-alone", zh, en)
    prepared, name = reserve_second(data, final=options.final)
    sealed = seal_pdf(
        prepared,
        sealer=sealer,
        places=places,
        options=replace(options, final=False),
        picture=picture,
        document=document,
        timestamps=timestamps,
        now=now,
    )
    last = replace(options, in_field=name, form=None, chain=second.chain, certify=None)
    return sign_pdf(
        sealed,
        key=second.key,
        certificate=second.certificate,
        options=last,
        timestamps=timestamps,
        now=now,
    )


def reserve_second(data: bytes, *, final: bool = False) -> tuple[bytes, str]:
    """Add an empty field that does not show, for the second signature; the file and its name.

    final: whether that signature is to be the last one.

    Raises SealingRefused as `prepare_pdf` does.
    """
    writer = open_update(data)
    with reading():
        refuse_forbidden(writer, adds_to_pages=False)
        pages = read_pages(writer)
        if not pages:
            raise refused("no-such-page", "PDF 没有页面", "the PDF has no page")
        name = free_name(writer, "Signature")
        lock = lock_dictionary(FieldLock(final=True) if final else None)
        add_empty_field(writer, pages[0], (0, 0, 0, 0), name, lock=lock)
        output = io.BytesIO()
        writer.write(output)
    return output.getvalue(), name

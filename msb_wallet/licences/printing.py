"""Faces of licences that are in the store: opened, with their static code, as OFD or PDF.

The face is the holder's own copy and holds their data in clear, as paper does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msb_identity.foundation import strict_json
from msb_wallet.cards.pack import printed_code
from msb_wallet.codes.qr import draw_png
from msb_wallet.licences.face import FacePrinter
from msb_wallet.licences.identifier import LicenceIdentifier
from msb_wallet.licences.issue import body_place
from msb_wallet.licences.model import licence_from_elements

if TYPE_CHECKING:
    from msb_identity.foundation.protect import Protector
    from msb_seal.ofd.package import OfdPackage
    from msb_wallet.licences.issue import Issuer
    from msb_wallet.licences.model import Licence
    from msb_wallet.licences.store import StoredLicence

_CODE_MODULE_PIXELS = 4


@dataclass(frozen=True, slots=True)
class Face:
    """One licence, ready to be printed; neither form is sealed yet (at SEAL_KEYWORD)."""

    printer: FacePrinter
    licence: Licence = field(repr=False)
    identifier: LicenceIdentifier
    code_png: bytes = field(repr=False)

    def as_ofd(self) -> OfdPackage:
        """Print it as OFD; OfdRefused for a character that the font lacks."""
        return self.printer.print(self.licence, self.identifier, code_png=self.code_png)

    def as_pdf(self) -> bytes:
        """Print it as PDF; DrawingRefused for a character that the font lacks."""
        return self.printer.print_pdf(self.licence, self.identifier, code_png=self.code_png)


def open_face(
    stored: StoredLicence, *, issuer: Issuer, protector: Protector, now: datetime | None = None
) -> Face:
    """Open a stored licence for printing; issuer: who issued it.

    Raises as Protector.open and FacePrinter.of do.
    """
    identifier = LicenceIdentifier.parse(stored.identifier)
    licence = licence_from_elements(
        strict_json.load_object(protector.open(stored.body, body_place(identifier))),
        type_=issuer.type,
        authority=issuer.authority,
        now=datetime.now(UTC) if now is None else now,
    )
    code = draw_png(printed_code(stored), module_pixels=_CODE_MODULE_PIXELS)
    return Face(FacePrinter.of(issuer.type), licence, identifier, code)

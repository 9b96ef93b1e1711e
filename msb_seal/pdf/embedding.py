"""Writing an update with room for a signature's value, and the value into it.

The ranges of /ByteRange reach from the file's first byte to its last, and the only gap in them is
the value of /Contents (ISO 32000-1 section 12.8.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup

from msb_seal.pdf.fields import point_widgets
from msb_seal.pdf.opening import refused

if TYPE_CHECKING:
    from msb_seal.pdf.fields import SigningField


@dataclass(frozen=True, slots=True)
class Unfilled:
    """A file that lacks but the value of its last signature.

    start, end: where /Contents stands, with its angle brackets. digest: of all but that.
    """

    data: bytes = field(repr=False)
    start: int
    end: int
    digest: bytes

    @property
    def covered(self) -> bytes:
        """The bytes that are signed."""
        return self.data[: self.start] + self.data[self.end :]

    @property
    def ranges(self) -> str:
        """The entry /ByteRange, as the file has it."""
        return f"/ByteRange [0 {self.start} {self.end} {len(self.data) - self.end}]"

    def filled(self, value: bytes) -> bytes:
        """Put the value in; SealingRefused ("no-room") where it is larger than was prepared for."""
        written, room = value.hex().encode(), self.end - self.start - 2
        if len(written) > room:
            zh, en = "预留空间不足", f"the signature takes {len(value)} bytes of {room // 2}"
            raise refused("no-room", zh, en)
        first, last = self.data[: self.start + 1], self.data[self.end - 1 :]
        return b"".join((first, written.ljust(room, b"0"), last))


def write_unfilled(
    writer: Any,  # noqa: ANN401 - pyHanko has no types
    signing: SigningField,
    *,
    value: Any,  # noqa: ANN401 - as above
    digest: str,
    permissions: Any = None,  # noqa: ANN401 - as above
) -> Unfilled:
    """Write the update with a signature dictionary whose value is still to come.

    value: pyHanko's SignatureObject or DocumentTimestamp. digest: by its name in `cryptography`.
    permissions: a SigMDPSetup, or None.
    """
    embedding = PdfCMSEmbedder().write_cms(signing.name, writer, existing_fields_only=True)
    next(embedding)
    point_widgets(signing.reference, embedding.send(SigObjSetup(value, mdp_setup=permissions)))
    prepared, output = embedding.send(SigIOSetup(digest))
    return Unfilled(
        output.getvalue(),
        prepared.reserved_region_start,
        prepared.reserved_region_end,
        prepared.document_digest,
    )

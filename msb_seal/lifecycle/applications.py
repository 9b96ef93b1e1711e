"""What a unit applies for: everything that will stand in the seal, so that approving is to the end.

The approver approves this content, and the maker makes just this: an HMAC whose key lies outside
the store binds it, so that nobody who can write the database slips in another picture or signer.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from msb_identity.envelopes import cbor
from msb_identity.errors import MsbError
from msb_identity.foundation.clock import aware, seconds
from msb_identity.foundation.rotation import SealedTable
from msb_identity.x509.certificate import Certificate
from msb_seal.lifecycle.records import check_kind, is_text, period_of, raw
from msb_seal.lifecycle.sentences import refused
from msb_seal.lifecycle.tables import MAX_NAME_CHARS, MAX_REFERENCE_CHARS, bodies
from msb_seal.seals.model import SealPicture

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from msb_identity.foundation.protect import Protector
    from msb_seal.lifecycle.codes import Codes

MAX_PICTURE_BYTES = 1_000_000
MAX_SIDE_MM = 200
MAX_SIGNERS = 100
MAX_PICTURE_TYPE_CHARS = 8
MAX_APPLICANT_CHARS = 100
SEALED = SealedTable(bodies, ("applicant",))
"""What `foundation.rotation` needs to know of the applicants."""
_CONTENT_DOMAIN = "seal-application"
_REFERENCE_BYTES = 8


@dataclass(frozen=True, slots=True)
class Application:
    """One application for one seal.

    type: a number of the table of codes, as SealType names them. signers: the certificates that the
    seal will list (签章人), whose keys may be anywhere. valid_from, valid_until: aware; whole
    seconds count. applicant_name: personal, kept sealed. reference: the unit's number for this
    application (受理编号), so that applying twice is applying once; without one each is new.
    renews: the record of the seal whose place this one takes; its signers may be others.
    """

    unit_code: str
    type: int
    name: str
    picture: SealPicture
    signers: tuple[Certificate, ...] = field(repr=False)
    valid_from: datetime
    valid_until: datetime
    applicant_name: str = field(repr=False)
    reference: str = field(default_factory=lambda: secrets.token_hex(_REFERENCE_BYTES))
    renews: str | None = None

    def content(self) -> bytes:
        """Give the bytes that an approval stands for: all but who applied, and the reference."""
        picture = self.picture
        return cbor.encode(
            [
                "MSB-seal-application-1",
                *(self.unit_code, self.type, self.name, picture.type),
                hashlib.sha256(picture.data).digest(),
                *(picture.width_mm, picture.height_mm),
                [hashlib.sha256(signer.encoded).digest() for signer in self.signers],
                *(seconds(aware(self.valid_from)), seconds(aware(self.valid_until)), self.renews),
            ]
        )


def check_application(application: Application, codes: Codes) -> None:
    """Raise LifecycleRefused where no seal could be made of this."""
    if str(application.type) not in codes.types:
        raise refused("type")
    period_of(application.valid_from, application.valid_until)
    texts = {
        "name": (application.name, MAX_NAME_CHARS),
        "applicant": (application.applicant_name, MAX_APPLICANT_CHARS),
        "reference": (application.reference, MAX_REFERENCE_CHARS),
    }
    for what, (text, limit) in texts.items():
        if not is_text(text, limit):
            raise refused("content", what)
    picture = application.picture
    sides = picture.width_mm, picture.height_mm
    kind = picture.type
    if not 0 < len(picture.data) <= MAX_PICTURE_BYTES or not all(
        0 < side <= MAX_SIDE_MM for side in sides
    ):
        raise refused("content", "picture")
    if not 0 < len(kind) <= MAX_PICTURE_TYPE_CHARS or not (kind.isascii() and kind.isalnum()):
        raise refused("content", "picture type")
    if not 0 < len(application.signers) <= MAX_SIGNERS:
        raise refused("content", "signers")


def content_digest(
    protector: Protector, application: Application, applicant: bytes, *, seal_code: str | None
) -> bytes:
    """Give the HMAC that binds a record to what was applied for, and by whom.

    seal_code: what the seal is numbered with from its approval on; none before.
    """
    bound = cbor.encode([applicant, application.content(), seal_code])
    return protector.index(_CONTENT_DOMAIN, bound)


def same_content(digest: bytes, other: bytes) -> bool:
    """Whether two such HMACs are equal."""
    return hmac.compare_digest(digest, other)


def write_body(
    connection: Connection, protector: Protector, record: str, application: Application
) -> None:
    """Write what is applied for, the applicant's name sealed."""
    picture = application.picture
    connection.execute(
        insert(bodies).values(
            record=record,
            applicant=protector.seal(application.applicant_name, SEALED.place("applicant", record)),
            picture_type=picture.type,
            picture=picture.data,
            width_mm=picture.width_mm,
            height_mm=picture.height_mm,
            certificates=cbor.encode([signer.encoded for signer in application.signers]),
        )
    )


@dataclass(frozen=True, slots=True)
class Body:
    """What a record's seal is to hold, or holds; `encoded` is the seal, once it is made."""

    picture: SealPicture
    signers: tuple[Certificate, ...] = field(repr=False)
    encoded: bytes | None = field(repr=False)
    applicant: bytes = field(repr=False)

    def applicant_name(self, protector: Protector, record: str) -> str:
        """Open the applicant's name: personal data, to be masked wherever it is shown."""
        return protector.open_text(self.applicant, SEALED.place("applicant", record))


def read_body(connection: Connection, record: str) -> Body:
    """Read what belongs to a record; LifecycleRefused where there is none."""
    columns = [raw(column) for column in bodies.c]
    row = connection.execute(select(*columns).where(bodies.c.record == record)).first()
    if row is None:
        raise refused("no-record")
    try:
        for column, value in zip(bodies.c, row, strict=True):
            check_kind(column, value)
        listed = cbor.decode(row.certificates)
        if not isinstance(listed, list) or not all(isinstance(item, bytes) for item in listed):
            message = "no list of certificates"
            raise ValueError(message)
        signers = tuple(Certificate.load(item) for item in listed if isinstance(item, bytes))
    except (ValueError, MsbError) as error:
        raise refused("damaged", record) from error
    picture = SealPicture(row.picture_type, row.picture, row.width_mm, row.height_mm)
    return Body(picture, signers, row.encoded, row.applicant)

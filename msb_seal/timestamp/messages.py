"""What is asked of a time-stamp authority, and what it answers (RFC 3161 section 2.4)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_identity.errors import EncodingRefused
from msb_identity.pki import der
from msb_identity.x509.algorithms import read_algorithm
from msb_identity.x509.values import context, read_boolean, read_flags, read_integer
from msb_seal.errors import TimestampRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_REQUEST_BYTES = 16_384
MAX_ANSWER_BYTES = 256_000
NONCE_BITS = 64
GRANTED, GRANTED_WITH_CHANGES, REJECTION = 0, 1, 2
# RFC 3161 section 2.4.2, PKIFailureInfo
BAD_ALGORITHM, BAD_REQUEST, BAD_DATA_FORMAT = 0, 2, 5
UNACCEPTED_POLICY, UNACCEPTED_EXTENSION, SYSTEM_FAILURE = 15, 16, 25
FAILURES: Mapping[int, str] = {
    BAD_ALGORITHM: "badAlg",
    BAD_REQUEST: "badRequest",
    BAD_DATA_FORMAT: "badDataFormat",
    14: "timeNotAvailable",
    UNACCEPTED_POLICY: "unacceptedPolicy",
    UNACCEPTED_EXTENSION: "unacceptedExtension",
    17: "addInfoNotAvailable",
    SYSTEM_FAILURE: "systemFailure",
}
_PAIR = 2


@dataclass(frozen=True, slots=True)
class TimestampRequest:
    """What is asked to be stamped: a digest, and what the answer must have."""

    digest_oid: str
    imprint: bytes = field(repr=False)
    policy: str | None = None
    nonce: int | None = field(default=None, repr=False)
    wants_certificates: bool = False
    has_extensions: bool = False

    def encode(self) -> bytes:
        """Write the TimeStampReq."""
        return der.sequence(
            der.integer(1),
            der.sequence(der.sequence(der.oid(self.digest_oid)), der.octet_string(self.imprint)),
            der.oid(self.policy) if self.policy else b"",
            der.integer(self.nonce) if self.nonce is not None else b"",
            der.element(der.BOOLEAN, b"\xff") if self.wants_certificates else b"",
        )


def new_nonce() -> int:
    """Make a nonce for a request."""
    return secrets.randbits(NONCE_BITS)


def read_request(data: bytes) -> TimestampRequest:
    """Read a TimeStampReq; EncodingRefused for anything else."""
    left = list(der.read_ber(data, limit=MAX_REQUEST_BYTES).sequence())
    if len(left) < _PAIR or left.pop(0).integer() != 1:
        message = "not a request for a time-stamp of version 1"
        raise EncodingRefused(message)
    imprint = left.pop(0).sequence()
    if len(imprint) != _PAIR:
        message = "an imprint that is not a digest"
        raise EncodingRefused(message)
    policy = left.pop(0).oid() if left and left[0].tag == der.OID else None
    nonce = read_integer(left.pop(0)) if left and left[0].tag == der.INTEGER else None
    wants = read_boolean(left.pop(0)) if left and left[0].tag == der.BOOLEAN else False
    extensions = left.pop(0) if left and left[0].tag == context(0) else None
    if left:
        message = "more parts than a request for a time-stamp has"
        raise EncodingRefused(message)
    oid = read_algorithm(imprint[0]).oid
    return TimestampRequest(
        oid, imprint[1].octets(), policy, nonce, wants, has_extensions=extensions is not None
    )


def granted(token: bytes) -> bytes:
    """Write a TimeStampResp with a token."""
    return der.sequence(der.sequence(der.integer(GRANTED)), token)


def refused(failure: int) -> bytes:
    """Write a TimeStampResp that refuses, for a reason of FAILURES."""
    bits = bytearray(failure // 8 + 1)
    bits[failure // 8] |= 0x80 >> failure % 8
    unused = 7 - failure % 8
    flags = der.element(der.BIT_STRING, bytes((unused,)), bytes(bits))
    return der.sequence(der.sequence(der.integer(REJECTION), flags))


def token_of(answer: bytes) -> bytes:
    """Give the token of a TimeStampResp; TimestampRefused, with its reason, where it has none."""
    try:
        parts = der.read_ber(answer, limit=MAX_ANSWER_BYTES).sequence()
        status = parts[0].sequence() if parts else ()
        code = status[0].integer() if status else REJECTION
        if code in (GRANTED, GRANTED_WITH_CHANGES) and len(parts) == _PAIR:
            return parts[1].encoded
        flags = [part for part in status if part.tag == der.BIT_STRING]
        reasons = read_flags(flags[0]) if flags else frozenset()
    except EncodingRefused as error:
        message = f"an answer of the time-stamp authority that cannot be read: {error}"
        raise TimestampRefused(message) from error
    named = ", ".join(FAILURES.get(reason, str(reason)) for reason in sorted(reasons))
    message = f"the time-stamp authority refused (status {code}, {named or 'no reason'})"
    raise TimestampRefused(message)

"""TimestampAuthority: a time-stamp authority of one's own, for departments, tests and the demo.

It stamps what it is given at once, or answers requests over HTTP. Its certificate is one of the
role `timestamp`. Sources: RFC 3161, RFC 5816, GB/T 20520.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msb_identity.errors import EncodingRefused, SigningFailed
from msb_identity.foundation.clock import aware
from msb_identity.pki import der
from msb_identity.x509.purposes import Purpose, suits
from msb_identity.x509.responder import PublicationServer
from msb_seal.cms import oids
from msb_seal.cms.making import cms_digest, prepare_content
from msb_seal.cms.values import digest_by, write_integer
from msb_seal.errors import TimestampRefused
from msb_seal.seals.encoding import generalized_time
from msb_seal.timestamp import messages
from msb_seal.timestamp.messages import TimestampRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509.certificate import Certificate

ANY_POLICY = "2.5.29.32.0"
ACCURACY_SECONDS = 1
_SERIAL_BITS = 127


def clock() -> datetime:
    """Give the system's time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class TimestampAuthority:
    """Makes time-stamp tokens with its own key; a TimestampSource.

    chain: the certificates above its own, sent along to whoever asks for certificates.
    policy: under which it stamps; requests for another one are refused.
    clock: where it takes the time from.
    """

    certificate: Certificate
    key: SigningKey = field(repr=False)
    chain: tuple[Certificate, ...] = field(default=(), repr=False)
    policy: str = ANY_POLICY
    clock: Callable[[], datetime] = clock

    def __post_init__(self) -> None:
        """Refuse a certificate that is not this key's, or that no verifier would take."""
        facts = self.certificate.facts
        if self.certificate.key != self.key.public:
            message = "the time-stamp authority's certificate is not its key's"
            raise TimestampRefused(message)
        if not facts.purposes_critical or not suits(self.certificate, Purpose.TIMESTAMP):
            message = "the certificate is not one for time-stamps alone"
            raise TimestampRefused(message)

    def stamp(self, data: bytes) -> bytes:
        """Give a token over `data`, with the certificates; its digest is that of the own key."""
        oid = oids.OWN_DIGESTS[self.key.kind]
        imprint = cms_digest(data, self.certificate)
        return self._token(TimestampRequest(oid, imprint, wants_certificates=True))

    def answer(self, request: bytes) -> bytes:
        """Answer a TimeStampReq with a TimeStampResp; a bad one is told why."""
        try:
            asked = messages.read_request(request)
        except EncodingRefused:
            return messages.refused(messages.BAD_DATA_FORMAT)
        failure = self._failure(asked)
        if failure is not None:
            return messages.refused(failure)
        try:
            return messages.granted(self._token(asked))
        except SigningFailed:  # a key that is elsewhere
            return messages.refused(messages.SYSTEM_FAILURE)

    def _failure(self, asked: TimestampRequest) -> int | None:
        empty = digest_by(asked.digest_oid, b"")
        name = oids.DIGEST_NAMES.get(asked.digest_oid)
        if empty is None or name in oids.WEAK_DIGESTS:
            return messages.BAD_ALGORITHM
        if len(asked.imprint) != len(empty):
            return messages.BAD_DATA_FORMAT
        if asked.policy not in (None, self.policy):
            return messages.UNACCEPTED_POLICY
        return messages.UNACCEPTED_EXTENSION if asked.has_extensions else None

    def _token(self, asked: TimestampRequest) -> bytes:
        serial = secrets.randbits(_SERIAL_BITS - 1) | 1 << (_SERIAL_BITS - 1)
        nonce = b"" if asked.nonce is None else write_integer(asked.nonce)
        info = der.sequence(
            der.integer(1),
            der.oid(self.policy),
            der.sequence(der.sequence(der.oid(asked.digest_oid)), der.octet_string(asked.imprint)),
            der.integer(serial),
            generalized_time(aware(self.clock())),
            der.sequence(der.integer(ACCURACY_SECONDS)),
            nonce,
        )
        prepared = prepare_content(
            oids.TST_INFO,
            info,
            certificate=self.certificate,
            chain=self.chain,
            carries_certificates=asked.wants_certificates,
        )
        return prepared.finish(self.key.sign(prepared.to_sign))


def timestamp_server(
    authority: TimestampAuthority, *, host: str = "127.0.0.1", port: int = 0
) -> PublicationServer:
    """Serve the authority over HTTP (RFC 3161 section 3.4), as a context manager with its `url`."""
    return PublicationServer(
        {}, authority.answer, answer_type="application/timestamp-reply", host=host, port=port
    )

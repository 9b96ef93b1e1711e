"""HttpTimestampSource: time-stamps from an authority over HTTP (RFC 3161 section 3.4).

A token is handed on only where it answers what was asked: status, nonce, policy, digest, a time
that is now, and a good signature by a certificate for time-stamps, which comes with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from msb_identity.errors import FetchRefused
from msb_identity.foundation.clock import aware
from msb_identity.foundation.report import Outcome
from msb_identity.x509.fetch import Fetcher, HttpFetcher
from msb_identity.x509.revocation import RevocationPolicy
from msb_identity.x509.trust import TrustStore
from msb_seal.cms import oids
from msb_seal.cms.values import digest_by
from msb_seal.errors import TimestampRefused
from msb_seal.timestamp.messages import MAX_ANSWER_BYTES, TimestampRequest, new_nonce, token_of
from msb_seal.timestamp.structure import parse_timestamp
from msb_seal.timestamp.verify import check_timestamp

if TYPE_CHECKING:
    from msb_seal.timestamp.structure import TimestampToken

MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)


@dataclass(frozen=True)
class HttpTimestampSource:
    """Asks the authority at `url`; a TimestampSource.

    digest: the OID of the digest to ask with: SHA-256, or SM3 for an authority with SM2.
    policy: the policy that tokens must be under; None for the authority's own choice.
    trust: where given, tokens must lead to its anchors; else whoever checks them later judges that.
    fetcher: how to get there; the default takes http alone, no redirects and public addresses only.
    """

    url: str
    digest: str = oids.SHA256
    policy: str | None = None
    trust: TrustStore | None = field(default=None, repr=False)
    fetcher: Fetcher = field(default_factory=HttpFetcher, repr=False)

    def stamp(self, data: bytes) -> bytes:
        """Give a token over `data`; TimestampRefused where none can be had that answers it."""
        imprint = digest_by(self.digest, data)
        if imprint is None or oids.DIGEST_NAMES[self.digest] in oids.WEAK_DIGESTS:
            message = f"no time-stamps are asked for with the digest {self.digest}"
            raise TimestampRefused(message)
        nonce = new_nonce()
        request = TimestampRequest(
            self.digest, imprint, self.policy, nonce, wants_certificates=True
        )
        try:
            answer = self.fetcher.post(
                self.url,
                request.encode(),
                content_type="application/timestamp-query",
                limit=MAX_ANSWER_BYTES,
            )
        except FetchRefused as error:
            message = f"the time-stamp authority could not be reached: {error}"
            raise TimestampRefused(message) from error
        token = token_of(answer)
        self._check_answer(parse_timestamp(token), request)
        self._check_proof(token, data)
        return token

    def _check_answer(self, token: TimestampToken, request: TimestampRequest) -> None:
        """Refuse a token that is not the answer to this request."""
        difference = abs(token.time - aware(None))
        wrong = {
            "nonce": token.nonce != request.nonce,
            "policy": self.policy is not None and token.policy != self.policy,
            "digest": (token.imprint_algorithm.oid, token.imprint)
            != (request.digest_oid, request.imprint),
            "time": difference > MAX_CLOCK_DIFFERENCE,
        }
        named = [name for name, is_wrong in wrong.items() if is_wrong]
        if named:
            message = f"the time-stamp authority answered something else: {', '.join(named)}"
            raise TimestampRefused(message)

    def _check_proof(self, token: bytes, data: bytes) -> None:
        """Refuse a token that is not well signed, or not under an anchor where some are given."""
        report = check_timestamp(
            token,
            covers=data,
            trust=self.trust or TrustStore(),
            # Our own clock may be behind the authority's by as much as was allowed above.
            at=aware(None) + MAX_CLOCK_DIFFERENCE,
            revocation=RevocationPolicy.NONE,
        )
        lenient = {"chain", "revocation"} if self.trust is None else set()
        for step in report.steps:
            bad = step.outcome is Outcome.FAILED or (
                step.outcome is Outcome.UNKNOWN and step.id not in lenient
            )
            if bad:
                message = f"the authority's time-stamp does not hold: {step.id}, {step.code}"
                raise TimestampRefused(message)

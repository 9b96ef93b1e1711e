"""What one CRL or one OCSP answer says of one certificate, if it may be believed.

None: it does not apply (another issuer, another scope). `Unbelieved`: it applies and decides
nothing; its code is the step's. That a certificate is revoked is believed of an old list too: time
does not undo it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from msb_identity.errors import AlgorithmRefused, KeyRefused, MsbError, SignatureRefused
from msb_identity.x509 import oids
from msb_identity.x509.certificate import KeyUsage
from msb_identity.x509.crl import ON_HOLD, REMOVED
from msb_identity.x509.ocsp import key_bits
from msb_identity.x509.paths import Hold, check_link
from msb_identity.x509.purposes import Purpose, suits

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.x509.algorithms import AlgorithmIdentifier
    from msb_identity.x509.certificate import Certificate
    from msb_identity.x509.crl import RevocationList, Revoked
    from msb_identity.x509.ocsp import OcspAnswer

TOLERANCE = timedelta(minutes=5)
MAX_AGE_WITHOUT_NEXT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Case:
    """The certificate that is asked about.

    by_anchor: its issuer is an anchor, whose own key usage is not checked.
    latest: the newest time that a source may have been made at.
    """

    certificate: Certificate
    issuer: Certificate
    by_anchor: bool
    at: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class Word:
    """What a believed source says, as of when; `revoked` is None for a good certificate."""

    kind: str
    as_of: datetime
    revoked: Revoked | None

    @property
    def is_final(self) -> bool:
        """Whether it says "revoked" for good, and not only "on hold"."""
        return self.revoked is not None and self.revoked.reason != ON_HOLD


class Unbelieved(MsbError):
    """A source that applies and decides nothing; its text is a code of the step `revocation`."""


def word_of_crl(crl: RevocationList, case: Case) -> Word | None:
    """Ask one CRL."""
    if not crl.issuer.matches(case.certificate.issuer) or not _covers(crl, case.certificate):
        return None
    if crl.is_delta or crl.is_indirect or crl.unknown_critical:
        raise Unbelieved("unsupported-crl")
    _check_crl_signature(crl, case)
    revoked = crl.find(case.certificate.serial)
    if revoked is not None and revoked.reason == REMOVED:
        revoked = None
    if revoked is None and crl.scope.partial:
        raise Unbelieved("unsupported-crl")
    if revoked is None or revoked.reason == ON_HOLD:
        _check_times(crl.this_update, crl.next_update, case)
    ended = case.certificate.not_after < crl.this_update
    if revoked is None and ended and oids.EXPIRED_CERTIFICATES_ON_CRL not in crl.extensions:
        raise Unbelieved("ended-before-list")  # lists drop certificates that have ended
    return Word("CRL", crl.this_update, revoked)


def word_of_ocsp(answer: OcspAnswer, case: Case) -> Word | None:
    """Ask one OCSP answer."""
    single = answer.answer_for(case.certificate, case.issuer)
    if single is None:
        return None
    _check_responder(answer, case)
    if not single.known:
        raise Unbelieved("ocsp-unknown")
    if single.revoked is None or single.revoked.reason == ON_HOLD:
        _check_times(single.this_update, single.next_update, case)
    return Word("OCSP", single.this_update, single.revoked)


def _covers(crl: RevocationList, certificate: Certificate) -> bool:
    scope, facts = crl.scope, certificate.facts
    if (scope.only_users and facts.is_authority) or (
        scope.only_authorities and not facts.is_authority
    ):
        return False
    # A list of one distribution point speaks for certificates that name this point.
    return not scope.names or bool(set(scope.names) & set(facts.crl_names))


def _check_crl_signature(crl: RevocationList, case: Case) -> None:
    usage = case.issuer.facts.key_usage
    if not case.by_anchor and usage is not None and KeyUsage.CRL_SIGN not in usage:
        raise Unbelieved("crl-signer")
    if crl.signature_algorithm != crl.inner_algorithm:
        raise Unbelieved("bad-source-signature")
    _check_signature(case.issuer, crl.signature_algorithm, crl.tbs, crl.signature)


def _check_responder(answer: OcspAnswer, case: Case) -> None:
    """Find who answered: the issuer, or one with the right from it (RFC 6960 section 4.2.2.2)."""
    for candidate in (case.issuer, *answer.certificates):
        if not _is_responder(answer, candidate):
            continue
        if candidate.spki != case.issuer.spki and not _is_delegated(answer, candidate, case):
            raise Unbelieved("ocsp-responder")
        _check_signature(candidate, answer.signature_algorithm, answer.tbs, answer.signature)
        return
    raise Unbelieved("ocsp-responder")


def _is_responder(answer: OcspAnswer, candidate: Certificate) -> bool:
    if answer.responder_name is not None:
        return answer.responder_name.matches(candidate.subject)
    # SHA-1 by the standard: it only points at the key.
    named = hashlib.sha1(key_bits(candidate), usedforsecurity=False).digest()
    return answer.responder_key == named


def _is_delegated(answer: OcspAnswer, candidate: Certificate, case: Case) -> bool:
    return (
        candidate.issuer.matches(case.issuer.subject)
        and check_link(candidate, case.issuer).hold is Hold.GOOD
        and suits(candidate, Purpose.OCSP)
        and not candidate.facts.unknown_critical
        and candidate.not_before <= answer.produced_at <= candidate.not_after
    )


def _check_signature(
    signer: Certificate, algorithm: AlgorithmIdentifier, message: bytes, signature: bytes
) -> None:
    try:
        algorithm.verify(signer.key, message, signature)
        weak = algorithm.algorithm.weak or signer.key.weak
    except SignatureRefused as error:
        raise Unbelieved("bad-source-signature") from error
    except (AlgorithmRefused, KeyRefused) as error:
        raise Unbelieved("source-algorithm") from error
    if weak:
        raise Unbelieved("source-algorithm")


def _check_times(made: datetime, following: datetime | None, case: Case) -> None:
    if made - case.latest > TOLERANCE:
        raise Unbelieved("from-future")
    # Differences, since a sum may lie beyond the calendar's end.
    too_old = case.at - made > MAX_AGE_WITHOUT_NEXT
    if too_old if following is None else following < case.at:
        raise Unbelieved("stale")

"""Revocation: whether a certificate was revoked at a time, by what is given or fetched.

Fetching needs a fetcher that the caller hands over, and happens only for certificates whose chain's
signatures hold. Sources: RFC 5280 sections 5 and 6.3, RFC 6960.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from msb_identity.errors import CertificateRefused, EncodingRefused, FetchRefused
from msb_identity.foundation.report import Outcome
from msb_identity.x509.crl import MAX_CRL_BYTES
from msb_identity.x509.files import load_crls
from msb_identity.x509.ocsp import MAX_OCSP_BYTES, OcspAnswer, make_ocsp_request, new_nonce
from msb_identity.x509.sources import Case, Unbelieved, Word, word_of_crl, word_of_ocsp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from msb_identity.x509.certificate import Certificate
    from msb_identity.x509.crl import RevocationList
    from msb_identity.x509.fetch import Fetcher

MAX_SOURCES = 4


class RevocationPolicy(StrEnum):
    """What is asked about revocation.

    if-published: a certificate that names no source is passed over; a named one must be had.
    """

    REQUIRE = "require"
    IF_PUBLISHED = "if-published"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Status:
    """What was found about one certificate: outcome and code of the step `revocation`.

    reason: why it was revoked (RFC 5280 section 5.3.1), where it was.
    """

    outcome: Outcome
    code: str
    detail: str = ""
    reason: str = ""


@dataclass
class RevocationChecker:
    """Looks up the certificates of one chain, judged at `at`.

    latest: the newest time that a source may have been made at: `at` or the clock, the later one.
    """

    policy: RevocationPolicy
    at: datetime
    latest: datetime
    crls: Sequence[RevocationList] = ()
    ocsp_answers: Sequence[OcspAnswer] = ()
    fetcher: Fetcher | None = None
    _fetched: dict[str, tuple[RevocationList, ...]] = field(default_factory=dict)

    def check(self, certificate: Certificate, issuer: Certificate, *, by_anchor: bool) -> Status:
        """Say what is known of this certificate of this issuer.

        by_anchor: the issuer is an anchor, whose own key usage is not checked.
        """
        if self.policy is RevocationPolicy.NONE:
            return Status(Outcome.SKIPPED, "not-asked")
        case = Case(certificate, issuer, by_anchor, self.at, self.latest)
        words: list[Word] = []
        problems: list[str] = []
        for ask in self._given(case):
            _hear(ask, words, problems)
        for ask in self._published(case):
            if words:
                break
            _hear(ask, words, problems)
        return self._conclude(certificate, words, problems)

    def _given(self, case: Case) -> Iterator[Callable[[], Word | None]]:
        for answer in self.ocsp_answers:
            yield partial(word_of_ocsp, answer, case)
        for crl in self.crls:
            yield partial(word_of_crl, crl, case)

    def _published(self, case: Case) -> Iterator[Callable[[], Word | None]]:
        if self.fetcher is None:
            return
        for url in case.certificate.facts.ocsp_urls[:MAX_SOURCES]:
            yield partial(self._ask_responder, self.fetcher, url, case)
        for url in case.certificate.facts.crl_urls[:MAX_SOURCES]:
            if url.startswith("http:"):
                yield partial(self._fetch_crl, self.fetcher, url, case)

    def _ask_responder(self, fetcher: Fetcher, url: str, case: Case) -> Word | None:
        nonce = new_nonce()
        request = make_ocsp_request(case.certificate, case.issuer, nonce=nonce)
        body = fetcher.post(
            url, request, content_type="application/ocsp-request", limit=MAX_OCSP_BYTES
        )
        answer = OcspAnswer.load(body)
        if answer.nonce not in (None, nonce):  # many responders leave it out; none may change it
            raise Unbelieved("ocsp-nonce")
        return word_of_ocsp(answer, case)

    def _fetch_crl(self, fetcher: Fetcher, url: str, case: Case) -> Word | None:
        if url not in self._fetched:
            self._fetched[url] = load_crls(fetcher.get(url, limit=MAX_CRL_BYTES))
        found = (word_of_crl(crl, case) for crl in self._fetched[url])
        return next((word for word in found if word is not None), None)

    def _conclude(self, certificate: Certificate, words: list[Word], problems: list[str]) -> Status:
        # Of one kind the newest counts; of two equally new ones the one that says "revoked".
        newest = {word.kind: word for word in sorted(words, key=_age)}
        # No later list undoes a revocation; only a hold is taken off again.
        revoked = [*(word for word in words if word.is_final), *newest.values()]
        for word in revoked:
            if word.revoked is not None and word.revoked.since <= self.at:
                return Status(Outcome.FAILED, "revoked", _told(word), word.revoked.reason)
        for word in revoked:
            if word.revoked is not None:
                return Status(Outcome.WARNING, "revoked-later", _told(word), word.revoked.reason)
        if newest:
            told = ", ".join(
                f"{word.kind} of {word.as_of:%Y-%m-%dT%H:%M:%SZ}" for word in newest.values()
            )
            return Status(Outcome.OK, "ok", told)
        facts = certificate.facts
        published = facts.has_crl_points or facts.ocsp_urls
        if problems:
            return Status(Outcome.UNKNOWN, problems[-1], ", ".join(dict.fromkeys(problems)))
        if not published and self.policy is RevocationPolicy.IF_PUBLISHED:
            return Status(Outcome.SKIPPED, "none-published")
        return Status(Outcome.UNKNOWN, "not-available")


def _hear(ask: Callable[[], Word | None], words: list[Word], problems: list[str]) -> None:
    try:
        word = ask()
    except Unbelieved as problem:
        problems.append(str(problem))
    except FetchRefused:
        problems.append("unreachable")
    except (CertificateRefused, EncodingRefused):
        problems.append("unreadable-source")
    else:
        words += [] if word is None else [word]


def _age(word: Word) -> tuple[datetime, bool]:
    return word.as_of, word.revoked is not None


def _told(word: Word) -> str:
    if word.revoked is None:
        return word.kind
    return f"{word.kind}: {word.revoked.reason}, {word.revoked.since:%Y-%m-%dT%H:%M:%SZ}"

"""Judging a path and the certificate at its end: each rule gives findings, none stops the others.

Of an anchor neither period nor key usage is asked; a path length, and a basic constraint that says
"no CA", are. Source: RFC 5280 sections 6.1.3 to 6.1.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_identity.errors import KeyRefused
from msb_identity.foundation.report import Outcome
from msb_identity.x509.certificate import KeyUsage
from msb_identity.x509.paths import Hold
from msb_identity.x509.purposes import allows_extended, suits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from msb_identity.x509.certificate import Certificate
    from msb_identity.x509.paths import Path
    from msb_identity.x509.purposes import Purpose


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to say of a path."""

    step: str
    outcome: Outcome
    code: str
    detail: str = ""


def judge_path(path: Path, at: datetime, purpose: Purpose) -> list[Finding]:
    """Judge the signatures of a path and its issuers."""
    return [*_judge_links(path), *_judge_issuers(path, at, purpose)]


def judge_subject(certificate: Certificate, at: datetime, purpose: Purpose) -> Iterator[Finding]:
    """Judge the certificate in question by itself: period, purpose, key."""
    step, facts = "signer-certificate", certificate.facts
    found = [
        Finding(step, Outcome.FAILED, "unknown-critical-extension", oid)
        for oid in facts.unknown_critical
    ]
    if facts.name_constraints_critical:
        found.append(Finding(step, Outcome.FAILED, "name-constraints"))
    period = (
        f"{certificate.not_before:%Y-%m-%dT%H:%M:%SZ} … {certificate.not_after:%Y-%m-%dT%H:%M:%SZ}"
    )
    if at < certificate.not_before:
        found.append(Finding(step, Outcome.FAILED, "not-yet-valid", period))
    elif at > certificate.not_after:
        found.append(Finding(step, Outcome.FAILED, "expired", period))
    if not suits(certificate, purpose):
        found.append(Finding(step, Outcome.FAILED, "wrong-purpose", str(purpose)))
    yield from found or [Finding(step, Outcome.OK, "ok")]
    try:
        if certificate.key.weak:
            yield Finding("algorithm", Outcome.UNKNOWN, "weak", "the certificate's own key")
    except KeyRefused as error:
        yield Finding("algorithm", Outcome.UNKNOWN, "unsupported", str(error))


def place_of(path: Path, index: int) -> str:
    """Name a certificate of the path without naming anyone: 1 is the one in question."""
    return f"certificate {index + 1} of {len(path.certificates)}"


def _judge_links(path: Path) -> Iterator[Finding]:
    for index, link in enumerate(path.links):
        if link.hold is Hold.WEAK:
            detail = f"{place_of(path, index)}: {link.detail}"
            yield Finding("algorithm", Outcome.UNKNOWN, "weak", detail)
        elif link.hold is Hold.UNSUPPORTED:
            detail = f"{place_of(path, index)}: {link.detail}"
            yield Finding("algorithm", Outcome.UNKNOWN, "unsupported", detail)


def _judge_issuers(path: Path, at: datetime, purpose: Purpose) -> Iterator[Finding]:
    """Judge whether each issuer could issue what stands below it (RFC 5280 section 6.1.4)."""
    below = 0  # certificates between this issuer and the end that are not self-issued
    for index, issuer in enumerate(path.certificates[1:], start=1):
        place = place_of(path, index)
        is_anchor = index == len(path.certificates) - 1
        facts = issuer.facts
        if facts.has_basic_constraints and not facts.is_authority:
            yield Finding("chain", Outcome.FAILED, "not-an-authority", place)
        if facts.path_length is not None and below > facts.path_length:
            yield Finding("chain", Outcome.FAILED, "path-too-long", place)
        yield from _name_constraints(issuer, place)
        if not is_anchor:
            yield from _judge_intermediate(issuer, at, purpose, place)
        below += not issuer.is_self_issued


def _judge_intermediate(
    issuer: Certificate, at: datetime, purpose: Purpose, place: str
) -> Iterator[Finding]:
    """Judge what is not asked of an anchor."""
    facts = issuer.facts
    if not facts.has_basic_constraints:
        yield Finding("chain", Outcome.FAILED, "not-an-authority", place)
    if at < issuer.not_before:
        yield Finding("chain", Outcome.FAILED, "issuer-not-yet-valid", place)
    if at > issuer.not_after:
        yield Finding("chain", Outcome.FAILED, "issuer-expired", place)
    if facts.key_usage is not None and KeyUsage.CERTIFICATE_SIGN not in facts.key_usage:
        yield Finding("chain", Outcome.FAILED, "issuer-key-usage", place)
    if not allows_extended(issuer, purpose):
        yield Finding("chain", Outcome.FAILED, "issuer-purpose", place)
    for oid in facts.unknown_critical:
        yield Finding("chain", Outcome.FAILED, "unknown-critical-extension", f"{place}: {oid}")


def _name_constraints(issuer: Certificate, place: str) -> Iterator[Finding]:
    if issuer.facts.name_constraints_critical:
        yield Finding("chain", Outcome.FAILED, "name-constraints", place)
    elif issuer.facts.name_constraints:
        yield Finding("chain", Outcome.WARNING, "name-constraints-ignored", place)

"""Ways from a certificate up to an anchor: built by names, proved by signatures, bounded.

A search ends after eight certificates a path, 200 signatures, 2,000 steps and 32 paths; no
certificate and no key stands twice in one path. So looped and cross-signed chains end. Source: RFC
4158, RFC 5280 section 6.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from msb_identity.errors import AlgorithmRefused, KeyRefused, SignatureRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from msb_identity.x509.certificate import Certificate
    from msb_identity.x509.names import Canonical
    from msb_identity.x509.trust import TrustStore

MAX_PATH_CERTIFICATES = 8
MAX_SIGNATURES = 200
MAX_PATHS = 32
MAX_STEPS = 2_000


class Hold(Enum):
    """How a signature was found."""

    GOOD = auto()
    WEAK = auto()  # good, with an algorithm or a key that proves too little
    UNSUPPORTED = auto()
    BAD = auto()


@dataclass(frozen=True, slots=True)
class Link:
    """One signature of a path and, where it is not simply good, the name of what is wrong."""

    hold: Hold
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """From the certificate in question to an anchor; link i is the signature on certificate i."""

    certificates: tuple[Certificate, ...]
    links: tuple[Link, ...]

    @property
    def anchor(self) -> Certificate:
        """The anchor that it ends in."""
        return self.certificates[-1]


@dataclass
class PathFinder:
    """One search; its flags tell afterwards why there may be no path."""

    trust: TrustStore
    intermediates: Iterable[Certificate]
    bad_signature: bool = False
    exhausted: bool = False
    too_long: bool = False
    _steps: int = 0
    _links: dict[tuple[bytes, bytes], Link] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index what may stand between by its subject."""
        self._by_subject: dict[Canonical, list[Certificate]] = defaultdict(list)
        for certificate in dict.fromkeys((*self.intermediates, *self.trust.intermediates)):
            if not self.trust.is_anchor(certificate):
                self._by_subject[certificate.subject.canonical].append(certificate)

    def paths(self, certificate: Certificate) -> Iterator[Path]:
        """Give the paths of this certificate, the likeliest first."""
        if self.trust.is_anchor(certificate):
            yield Path((certificate,), ())
            return
        if certificate.is_self_issued and _is_by_own_key(certificate):
            self._note(certificate, certificate, self.link(certificate, certificate))
        for count, path in enumerate(self._extend((certificate,), ())):
            yield path
            if count + 1 == MAX_PATHS:
                self.exhausted = True
                return

    def link(self, certificate: Certificate, issuer: Certificate) -> Link:
        """Check one signature, once."""
        names = certificate.encoded, issuer.spki
        if names not in self._links:
            if len(self._links) >= MAX_SIGNATURES:
                self.exhausted = True
                return Link(Hold.UNSUPPORTED, "too many signatures")
            self._links[names] = check_link(certificate, issuer)
        return self._links[names]

    def _extend(self, below: tuple[Certificate, ...], links: tuple[Link, ...]) -> Iterator[Path]:
        last = below[-1]
        if len(below) >= MAX_PATH_CERTIFICATES:
            self.too_long = True
            return
        for issuer in self._candidates(last):
            self._steps += 1
            self.exhausted = self.exhausted or self._steps > MAX_STEPS
            if self.exhausted:
                return
            if any(_is_same(issuer, seen) for seen in below):
                continue
            found = self.link(last, issuer)
            if found.hold is Hold.BAD:
                self._note(last, issuer, found)
            elif self.trust.is_anchor(issuer):
                yield Path((*below, issuer), (*links, found))
            else:
                yield from self._extend((*below, issuer), (*links, found))

    def _candidates(self, certificate: Certificate) -> list[Certificate]:
        """Give who may have issued it: anchors before others, matching key identifiers first."""
        named = certificate.issuer
        found = [*self.trust.anchors_named(named), *self._by_subject.get(named.canonical, ())]
        return sorted(found, key=lambda issuer: not _may_be_by_key(certificate, issuer))

    def _note(self, certificate: Certificate, issuer: Certificate, link: Link) -> None:
        """Keep a bad signature as proof, unless the key identifiers say that it was another's."""
        if link.hold is Hold.BAD and _may_be_by_key(certificate, issuer):
            self.bad_signature = True


def check_link(certificate: Certificate, issuer: Certificate) -> Link:
    """Check the signature on a certificate by its issuer's key."""
    algorithm = certificate.signature_algorithm
    if algorithm != certificate.inner_algorithm:  # RFC 5280 section 4.1.1.2
        return Link(Hold.BAD, "two signature algorithms are named")
    try:
        key = issuer.key
        algorithm.verify(key, certificate.tbs, certificate.signature)
    except SignatureRefused:
        return Link(Hold.BAD)
    except (AlgorithmRefused, KeyRefused) as error:
        return Link(Hold.UNSUPPORTED, str(error))
    if algorithm.algorithm.weak:
        return Link(Hold.WEAK, algorithm.name)
    return Link(Hold.WEAK, "RSA < 2048") if key.weak else Link(Hold.GOOD)


def _may_be_by_key(certificate: Certificate, issuer: Certificate) -> bool:
    wanted, given = certificate.facts.authority_key_id, issuer.facts.subject_key_id
    return wanted is None or given is None or wanted == given


def _is_by_own_key(certificate: Certificate) -> bool:
    """Whether it says itself that its own key signed it; a renewed CA's may be the old key's."""
    own = certificate.facts.subject_key_id
    return own is not None and certificate.facts.authority_key_id == own


def _is_same(one: Certificate, other: Certificate) -> bool:
    same_key = one.spki == other.spki and one.subject.matches(other.subject)
    return one.encoded == other.encoded or same_key

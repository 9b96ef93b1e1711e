"""Every exception of the three packages hangs from MsbError.

MsbError
├── Refused                a verification said no; carries the Report
├── KeyRefused             a key, or its encoding, that we do not accept
│   └── WrongPassword      a key file that does not open with this password, or needs one
├── SignatureRefused       a signature that does not verify, or is not strictly encoded
├── AlgorithmRefused       an algorithm that is unknown, or not the key's own
├── EncodingRefused        bytes that are not strictly what their format says
├── CertificateRefused     a certificate, CRL, OCSP answer or request that cannot be read
│   └── TooLarge           a file or bundle beyond a cap of ours, which proves nothing wrong
├── AuthorityRefused       a certificate authority that cannot do what it is asked
├── FetchRefused           a CRL or OCSP answer that could not, or may not, be fetched
├── NoBackend              nothing on this machine can do SM2 as asked
├── SigningFailed          a signing service that failed, or answered with a wrong signature
├── ProtectionError        a sealed field does not open: wrong place, wrong key, changed bytes
├── StoreError             the store cannot be opened, or is of another make
├── RingRefused            a key ring that cannot do what it is asked: too soon, no such key
├── AccessDenied           a request that a portal does not serve, and why not
├── SignInRefused          a sign-in step that failed; `code` says which, `retry_after` when
│   └── StepUpRequired     a session that is not strong or fresh enough; says what would suffice
├── PasswordRefused        a new password that is too easy to guess; `code` says which rule
├── ClientRefused          a client that cannot be registered as asked
├── OAuthRefused           a request to the OpenID Provider that is refused; `code` is RFC 6749's
└── CodedRefusal           what is refused for a reason with a stable `code`, in both languages
    ├── IdentifierRefused  an identity number, credit code or telephone number that cannot be right
    ├── AccountRefused     an account that cannot be made, found, linked or merged as asked
    ├── MandateRefused     an act for a firm, or a mandate, that is not there or not to be had
    └── StaffRefused       a department, a post or a member of staff that cannot be as asked

Bad documents do not raise: `check_…` functions answer with a Report. Messages never contain codes,
tokens, keys or identity numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from msb_identity.foundation.report import Report


class MsbError(Exception):
    """The root of all errors that these packages raise on purpose."""


class Refused(MsbError):
    """A verification refused its input; `report` says at which step and why."""

    def __init__(self, report: Report) -> None:
        """Keep the report and make its first failure the message."""
        step = report.decisive_step
        super().__init__(f"{report.verdict}: {step.id}: {step.en}" if step else str(report.verdict))
        self.report = report


class KeyRefused(MsbError):
    """A key that is malformed, off its curve, too short, or of a kind we do not have."""


class WrongPassword(KeyRefused):
    """An encrypted key file that needs a password, or does not open with the one given."""


class SignatureRefused(MsbError):
    """A signature that does not verify under this key, or is not encoded strictly."""


class AlgorithmRefused(MsbError):
    """A named algorithm that is unknown, or differs from the one the key demands."""


class EncodingRefused(MsbError):
    """Bytes or text that break the strict encoding their format demands."""


class CertificateRefused(MsbError):
    """A certificate, CRL, OCSP answer or certificate request that is broken or beyond a cap."""


class TooLarge(CertificateRefused):
    """A file, or a bundle, with more in it than we read."""


class AuthorityRefused(MsbError):
    """A certificate authority that cannot do what it is asked: no such number, no such folder."""


class FetchRefused(MsbError):
    """Something that could not be fetched, or that may not be."""


class NoBackend(MsbError):
    """Nothing on this machine passed the known answers for SM2, or may do what was asked."""


class SigningFailed(MsbError):
    """A signer outside this process that failed, or whose signature is not its key's."""


class ProtectionError(MsbError):
    """A protected field that does not open where it stands."""


class StoreError(MsbError):
    """A store that cannot be opened or used."""


class CodedRefusal(MsbError):
    """An operation refused for a reason that has a stable code."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        """Keep the stable code and both sentences, which never hold a person's data."""
        super().__init__(en)
        self.code, self.zh, self.en = code, zh, en


class RingRefused(MsbError):
    """A key ring that cannot do what it is asked: too soon, too many keys, no such key."""


class IdentifierRefused(CodedRefusal):
    """An identifier that cannot be right; `code` says which rule it breaks."""


class AccountRefused(CodedRefusal):
    """An account operation that cannot be done as asked.

    other: the id of the account that stands in the way, where the two may be merged.
    """

    def __init__(self, code: str, zh: str, en: str, *, other: str | None = None) -> None:
        """Keep the code, both sentences and the other account's id."""
        super().__init__(code, zh, en)
        self.other = other


class MandateRefused(CodedRefusal):
    """Somebody may not act for this firm, or a mandate cannot be given, taken or ended so."""


class StaffRefused(CodedRefusal):
    """Something in the tree of departments that cannot be as asked."""


class AccessDenied(MsbError):
    """A request without a token that is good enough; `web.guard.answer` makes the answer of it."""

    def __init__(
        self, code: str, zh: str, en: str, *, status: int, error: str = "", challenge: str = ""
    ) -> None:
        """Keep the stable code, both sentences, and what goes to the client.

        error: as RFC 6750 section 3.1 names it. challenge: the value of WWW-Authenticate.
        """
        super().__init__(en)
        self.code, self.zh, self.en = code, zh, en
        self.status, self.error, self.challenge = status, error, challenge


class SignInRefused(MsbError):
    """A sign-in step that failed, on purpose without saying whether the subject exists."""

    def __init__(
        self, code: str, zh: str, en: str, *, retry_after: timedelta | None = None
    ) -> None:
        """Keep the stable code, both sentences and how long to wait."""
        super().__init__(en)
        self.code, self.zh, self.en, self.retry_after = code, zh, en, retry_after


class StepUpRequired(SignInRefused):
    """A session that is not strong, fresh or proofed enough for what is asked.

    acr: what a further sign-in must reach, for the sign-in page. ways: the sets of methods (RFC
    8176) any of which, done now, suffices; none where only a higher real-name level would.
    level: the real-name level that the account must first reach.
    """

    def __init__(
        self, code: str, zh: str, en: str, *, acr: str, ways: Sequence[Sequence[str]], level: int
    ) -> None:
        """Keep what suffices beside the code and both sentences."""
        super().__init__(code, zh, en)
        self.acr, self.level = acr, level
        self.ways = tuple(tuple(way) for way in ways)


class PasswordRefused(MsbError):
    """A new password that the policy refuses; the password itself is never part of it."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        """Keep the stable code and both sentences."""
        super().__init__(en)
        self.code, self.zh, self.en = code, zh, en


class ClientRefused(MsbError):
    """A client that cannot be registered as asked; `code` says which rule it breaks."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        """Keep the stable code and both sentences."""
        super().__init__(en)
        self.code, self.zh, self.en = code, zh, en


class OAuthRefused(MsbError):
    """A request to the OpenID Provider that is refused.

    code: of the protocols, as `invalid_grant` (RFC 6749 section 5.2). description: what whoever
    asked may read. detail: for the log alone; it holds no secret and nothing personal either.
    challenge: what WWW-Authenticate is to say, where it must say something.
    """

    def __init__(
        self,
        code: str,
        description: str,
        *,
        status: int = 400,
        detail: str = "",
        challenge: str = "",
    ) -> None:
        """Keep what is answered and what is logged apart."""
        super().__init__(f"{code}: {description}")
        self.code, self.description, self.status = code, description, status
        self.detail, self.challenge = detail, challenge

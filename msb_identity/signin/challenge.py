"""Certificate challenges (证书挑战): what a key is asked to sign, and the answer.

One-way authentication in two passes after GB/T 15843.3 (ISO/IEC 9798-3): the server gives a random
nonce, the client adds one of its own and signs both together with what they are for. Each line of
what is signed is fixed or checked by the signer, so no peer ever gets a signature over bytes that
it chose, nor one that means something elsewhere. Format: docs/formats.md, "certificate challenge".
"""

from __future__ import annotations

import re
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, delete, insert, select

from msb_identity.envelopes.jwk import decode_base64url, encode_base64url
from msb_identity.errors import EncodingRefused, KeyRefused, SignInRefused
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.foundation.schema import IDENTITY
from msb_identity.signin.limits import (
    Limits,
    by_address,
    microseconds,
    policy_for_anybody,
    remove_expired,
)
from msb_identity.x509.certificate import MAX_CERTIFICATE_BYTES, Certificate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store
    from msb_identity.pki.keys import SigningKey

DOMAIN = "MSB-challenge-1"
SIGN_IN = "sign-in"
"""The purpose of a challenge that is answered to sign in."""
CHALLENGE_LIFE = timedelta(minutes=2)
NONCE_BYTES = 32
MAX_PURPOSE_CHARS, MAX_AUDIENCE_CHARS = 100, 300
MAX_CERTIFICATES = 8
MAX_ANSWER_BYTES = 2 * MAX_CERTIFICATE_BYTES
_MAX_SIGNATURE_CHARS = 700  # of RSA with 4,096 bits
_PURPOSE = re.compile(rf"[a-z0-9][a-z0-9.:-]{{0,{MAX_PURPOSE_CHARS - 1}}}", re.ASCII)
_AUDIENCE = re.compile(rf"[!-~]{{1,{MAX_AUDIENCE_CHARS}}}", re.ASCII)
_TOO_MANY = (
    "too-many-requests",
    "请求过于频繁，请稍后再试",
    "too many challenges were asked for; try again later",
)
MAKING = policy_for_anybody("challenge")

metadata = IDENTITY.tables()
challenges = Table(
    "challenges",
    metadata,
    Column("nonce_hash", LargeBinary(32), primary_key=True),
    Column("purpose", String(MAX_PURPOSE_CHARS), nullable=False),
    Column("audience", String(MAX_AUDIENCE_CHARS), nullable=False),
    Column("expires_at_us", BigInteger, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server asks a key to sign: for what, for whom, its nonce, and until when."""

    purpose: str
    audience: str
    nonce: bytes
    expires_at: datetime

    def as_json(self) -> str:
        """Write it as the client gets it."""
        members = {
            "purpose": self.purpose,
            "audience": self.audience,
            "nonce": encode_base64url(self.nonce),
            "expires": seconds(self.expires_at),
        }
        return strict_json.dump(members).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Challenge:
        """Read one, on the client; EncodingRefused for anything else."""
        try:
            read = _ChallengeText.model_validate(strict_json.load_object(text))
        except ValidationError as error:
            message = "not a challenge"
            raise EncodingRefused(message) from error
        nonce = _nonce(read.nonce)
        _check_words(read.purpose, read.audience)
        return cls(read.purpose, read.audience, nonce, from_seconds(read.expires))


@dataclass(frozen=True, slots=True)
class Answer:
    """A client's answer: both nonces, its certificate with helpers, and the signature."""

    nonce: bytes
    client_nonce: bytes
    certificates: tuple[Certificate, ...]
    signature: bytes

    @property
    def certificate(self) -> Certificate:
        """The certificate of the key that signed."""
        return self.certificates[0]

    def as_json(self) -> str:
        """Write it as the server gets it; certificates as `x5c` of RFC 7517 section 4.7."""
        members = {
            "nonce": encode_base64url(self.nonce),
            "client_nonce": encode_base64url(self.client_nonce),
            "x5c": [b64encode(one.encoded).decode() for one in self.certificates],
            "signature": encode_base64url(self.signature),
        }
        return strict_json.dump(members).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Answer:
        """Read one strictly; EncodingRefused, or CertificateRefused for what is in `x5c`."""
        if len(text) > MAX_ANSWER_BYTES:
            message = f"an answer of more than {MAX_ANSWER_BYTES} bytes"
            raise EncodingRefused(message)
        try:
            read = _AnswerText.model_validate(strict_json.load_object(text))
            encoded = [b64decode(one, validate=True) for one in read.x5c]
        except ValueError as error:  # pydantic's too
            message = "not an answer to a challenge"
            raise EncodingRefused(message) from error
        return cls(
            _nonce(read.nonce),
            _nonce(read.client_nonce),
            tuple(Certificate.load(one) for one in encoded),
            decode_base64url(read.signature),
        )


class _Text(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


class _ChallengeText(_Text):
    purpose: str
    audience: str
    nonce: str
    expires: Annotated[int, Field(ge=0, le=253_402_300_799)]


class _AnswerText(_Text):
    nonce: Annotated[str, Field(max_length=64)]
    client_nonce: Annotated[str, Field(max_length=64)]
    x5c: Annotated[list[str], Field(min_length=1, max_length=MAX_CERTIFICATES)]
    signature: Annotated[str, Field(max_length=_MAX_SIGNATURE_CHARS)]


def signed_text(
    *, purpose: str, audience: str, nonce: bytes, client_nonce: bytes, certificate: Certificate
) -> bytes:
    """Give what the key signs: six lines, the last without an end; EncodingRefused for odd words.

    The certificate stands in it, so that a signature cannot be shown with another one.
    """
    _check_words(purpose, audience)
    if len(nonce) != NONCE_BYTES or len(client_nonce) != NONCE_BYTES:
        message = f"a nonce has {NONCE_BYTES} bytes"
        raise EncodingRefused(message)
    nonces = encode_base64url(nonce), encode_base64url(client_nonce)
    return "\n".join((DOMAIN, purpose, audience, *nonces, certificate.fingerprint)).encode()


def answer_challenge(
    challenge: Challenge,
    key: SigningKey,
    certificates: Sequence[Certificate],
    *,
    audience: str,
    purpose: str = SIGN_IN,
) -> Answer:
    """Sign a challenge, on the client, if it is for what and for whom the client believes it is.

    certificates: the key's own first, then what leads to an anchor.
    audience: the service that the client itself is talking to; a challenge that a stranger passes
    on from elsewhere names another. SignInRefused: `other-audience`, `other-purpose`. KeyRefused
    where the certificate is not the key's.
    """
    for wanted, given, refusal in (
        (audience, challenge.audience, _OTHER_AUDIENCE),
        (purpose, challenge.purpose, _OTHER_PURPOSE),
    ):
        if wanted != given:
            raise SignInRefused(*refusal)
    if not certificates or certificates[0].key != key.public:
        message = "the first certificate is not this key's"
        raise KeyRefused(message)
    client_nonce = secrets.token_bytes(NONCE_BYTES)
    text = signed_text(
        purpose=purpose,
        audience=audience,
        nonce=challenge.nonce,
        client_nonce=client_nonce,
        certificate=certificates[0],
    )
    return Answer(challenge.nonce, client_nonce, tuple(certificates), key.sign(text))


_OTHER_AUDIENCE = (
    "other-audience",
    "这个挑战来自其他系统，未签名",
    "the challenge is another service's: nothing was signed",
)
_OTHER_PURPOSE = (
    "other-purpose",
    "这个挑战用于其他用途，未签名",
    "the challenge is for another purpose: nothing was signed",
)


class Challenges:
    """The challenges of one store: random, short-lived, good for one answer, right or wrong."""

    def __init__(self, store: Store, protector: Protector) -> None:
        """Use a store opened with the `metadata` of limits and of this module."""
        self._store, self._limits = store, Limits(protector)

    def make(
        self, *, audience: str, address: str, purpose: str = SIGN_IN, now: datetime | None = None
    ) -> Challenge:
        """Make a challenge for one answer.

        audience: this service's own name, as its clients know it, best its origin (https://…);
        printable ASCII without spaces. purpose: small letters, digits and `. : -`.
        SignInRefused (`too-many-requests`) where one address asks too often.
        """
        _check_words(purpose, audience)
        moment = aware(now)
        nonce = secrets.token_bytes(NONCE_BYTES)
        challenge = Challenge(purpose, audience, nonce, moment + CHALLENGE_LIFE)
        attempt = by_address(address)
        row = {
            "nonce_hash": sha256(nonce).digest(),
            "purpose": purpose,
            "audience": audience,
            "expires_at_us": microseconds(challenge.expires_at),
        }
        with self._store.write(locks=self._limits.locks(attempt)) as connection:
            wait, _ = self._limits.ask(connection, MAKING, attempt, moment)
            if not wait:
                connection.execute(insert(challenges).values(row))
                remove_expired(connection, challenges, microseconds(moment))
        if wait:
            raise SignInRefused(*_TOO_MANY, retry_after=wait)
        return challenge

    def use_up(self, nonce: bytes, *, audience: str, purpose: str, now: datetime) -> str:
        """Use up a challenge, whatever is said of it.

        Gives "ok", or "unknown" (used, or never made), "expired", "other-audience",
        "other-purpose".
        """
        this = challenges.c.nonce_hash == sha256(nonce).digest()
        with self._store.write(locks=()) as connection:
            found = connection.execute(select(challenges).where(this)).one_or_none()
            used = connection.execute(delete(challenges).where(this)).rowcount
        if found is None or used != 1:
            return "unknown"
        if found.expires_at_us <= microseconds(now):
            return "expired"
        if found.audience != audience:
            return "other-audience"
        return "ok" if found.purpose == purpose else "other-purpose"


def _check_words(purpose: str, audience: str) -> None:
    """Refuse words that could break out of their line, or be written in two ways."""
    if not _PURPOSE.fullmatch(purpose) or not _AUDIENCE.fullmatch(audience):
        message = "a purpose or an audience that no challenge can name"
        raise EncodingRefused(message)


def _nonce(text: str) -> bytes:
    nonce = decode_base64url(text)
    if len(nonce) != NONCE_BYTES:
        message = f"a nonce has {NONCE_BYTES} bytes"
        raise EncodingRefused(message)
    return nonce

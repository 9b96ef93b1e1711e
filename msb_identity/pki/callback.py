"""A key whose private half is elsewhere: behind a signing service, in hardware, on a phone.

Whatever comes back is checked as strictly as a stranger's signature and verified under the public
key before it is used; every failure is SigningFailed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from msb_identity.errors import AlgorithmRefused, SignatureRefused, SigningFailed
from msb_identity.pki.keys import POINT_KINDS, KeyKind, SigningKey, VerifyingKey
from msb_identity.pki.signatures import der_from_raw
from msb_identity.pki.sm2 import SIGNER_ID, SM2VerifyingKey

if TYPE_CHECKING:
    from collections.abc import Callable


class CallbackKey(SigningKey):
    """Signs by calling `sign`, which may be called from many threads at once."""

    def __init__(
        self,
        public: VerifyingKey,
        sign: Callable[[bytes], bytes],
        *,
        takes_digest: bool = False,
        gives_raw: bool = False,
    ) -> None:
        """Take the public half and what signs.

        takes_digest: `sign` wants 32 bytes, SM3(Z ‖ message) for SM2 and SHA-256 of the message for
        P-256 and RSA, rather than the message.
        gives_raw: `sign` gives r‖s of 64 bytes for SM2 and P-256, rather than DER.
        """
        if takes_digest and public.kind is KeyKind.ED25519:
            message = "Ed25519 signs whole messages, no digest"
            raise AlgorithmRefused(message)
        if gives_raw and public.kind not in POINT_KINDS:
            message = f"signatures of {public.kind} have one form only"
            raise AlgorithmRefused(message)
        self.public = public
        self._sign, self._takes_digest, self._gives_raw = sign, takes_digest, gives_raw

    def sign(self, message: bytes, *, signer_id: bytes | None = None) -> bytes:
        """Have the message signed; SigningFailed where that fails or the answer is wrong."""
        asked = self._digest(message, signer_id) if self._takes_digest else message
        if not self._takes_digest and signer_id not in (None, SIGNER_ID):
            text = "a signer that takes messages forms Z itself, with its own ID"
            raise AlgorithmRefused(text)
        try:
            answer = self._sign(asked)
        except Exception as error:
            text = f"the signer failed: {type(error).__name__}"
            raise SigningFailed(text) from error
        if not isinstance(answer, bytes):
            text = "the signer gave no bytes"
            raise SigningFailed(text)
        try:
            signature = der_from_raw(answer, self.public.curve) if self._gives_raw else answer
            self.public.verify(message, signature, signer_id=signer_id)
        except SignatureRefused as error:
            text = f"the signer's answer: {error}"
            raise SigningFailed(text) from error
        return signature

    def _digest(self, message: bytes, signer_id: bytes | None) -> bytes:
        if isinstance(self.public, SM2VerifyingKey):
            return self.public.digest(message, signer_id)
        return hashlib.sha256(message).digest()

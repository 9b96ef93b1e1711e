"""What a SignatureMethod says a signature was made with: GB/T 33190-2016 18.2.1, an OID.

It is only a word of Signature.xml: what counts is the value. Real files leave it empty or write a
name, so kinds of keys are compared and no more.
"""

from __future__ import annotations

_KINDS = (
    ("SM2", ("1.2.156.10197.1.", "SM2", "SM3WITHSM2", "SM3SM2")),
    ("RSA", ("1.2.840.113549.1.1.", "RSA", "SHA256WITHRSA", "SHA1WITHRSA")),
    ("EC", ("1.2.840.10045.", "ECDSA", "SHA256WITHECDSA")),
)


def kind_of_method(method: str) -> str | None:
    """Give "SM2", "RSA" or "EC" for an OID or a name of an algorithm; None for what is neither."""
    name = method.strip().upper().replace("-", "")
    return next((kind for kind, starts in _KINDS if name.startswith(starts)), None)

"""Keys (later certificates too): what others may use."""

from msb_identity.pki.keys import (
    KeyKind,
    SignatureAlgorithm,
    SigningKey,
    VerifyingKey,
    generate_key,
    private_key,
    public_key,
)
from msb_identity.pki.spki import verifying_key_from_spki

__all__ = [
    "KeyKind",
    "SignatureAlgorithm",
    "SigningKey",
    "VerifyingKey",
    "generate_key",
    "private_key",
    "public_key",
    "verifying_key_from_spki",
]

"""Keys (later certificates too): what others may use."""

from msb_identity.pki.keys import (
    KeyKind,
    SigningKey,
    VerifyingKey,
    generate_key,
    private_key,
    public_key,
)

__all__ = ["KeyKind", "SigningKey", "VerifyingKey", "generate_key", "private_key", "public_key"]

"""Keys (later certificates too): what others may use."""

from msb_identity.pki.callback import CallbackKey
from msb_identity.pki.formats import (
    KeyFormat,
    encode_key,
    encode_public_key,
    load_key,
    load_public_key,
    open_key_file,
)
from msb_identity.pki.keys import (
    KeyKind,
    SignatureAlgorithm,
    SigningKey,
    VerifyingKey,
    generate_key,
    private_key,
    public_key,
)
from msb_identity.pki.pkcs12 import KeyFile, load_pkcs12
from msb_identity.pki.spki import verifying_key_from_spki

__all__ = [
    "CallbackKey",
    "KeyFile",
    "KeyFormat",
    "KeyKind",
    "SignatureAlgorithm",
    "SigningKey",
    "VerifyingKey",
    "encode_key",
    "encode_public_key",
    "generate_key",
    "load_key",
    "load_pkcs12",
    "load_public_key",
    "open_key_file",
    "private_key",
    "public_key",
    "verifying_key_from_spki",
]

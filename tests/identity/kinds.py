"""A key of each kind, made once."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization

from msb_identity.pki import (
    KeyKind,
    SignatureAlgorithm,
    SigningKey,
    encode_key,
    generate_key,
)

MESSAGE = "准予登记 message".encode()
KEYS = {kind: generate_key(kind) for kind in KeyKind}
RSA, ED, P256, SM2 = (
    KEYS[kind] for kind in (KeyKind.RSA, KeyKind.ED25519, KeyKind.P256, KeyKind.SM2)
)
with_all_kinds = pytest.mark.parametrize("key", KEYS.values(), ids=[str(kind) for kind in KEYS])
with_new_kinds = pytest.mark.parametrize("key", [RSA, ED], ids=["RSA", "Ed25519"])
A = SignatureAlgorithm


def library_key(key: SigningKey) -> object:
    """The private key in `cryptography`, by way of our PKCS#8."""
    return serialization.load_pem_private_key(encode_key(key), None)

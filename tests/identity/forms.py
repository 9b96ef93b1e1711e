"""Keys of all kinds, and how two are told to be the same."""

from __future__ import annotations

import pytest

from msb_identity.pki import (
    KeyFormat,
    KeyKind,
    SigningKey,
    encode_key,
    generate_key,
)

MESSAGE = "准予登记 message".encode()
PASSWORD = "密码 pass"
KEYS = {kind: generate_key(kind) for kind in KeyKind}
EC_KINDS = (KeyKind.SM2, KeyKind.P256)
OID_EC = bytes.fromhex("06072a8648ce3d0201")
with_all_kinds = pytest.mark.parametrize("kind", list(KeyKind), ids=str)


def assert_same_key(one: SigningKey, other: SigningKey) -> None:
    """The same numbers, and each verifies what the other signs."""
    assert one.public == other.public
    assert encode_key(one, KeyFormat.DER) == encode_key(other, KeyFormat.DER)
    other.public.verify(MESSAGE, one.sign(MESSAGE))
    one.public.verify(MESSAGE, other.sign(MESSAGE))


def private_forms(kind: KeyKind) -> list[tuple[KeyFormat, str | None]]:
    plain = [(form, None) for form in KeyFormat if form is not KeyFormat.SEC1 or kind in EC_KINDS]
    return [*plain, (KeyFormat.PEM, PASSWORD), (KeyFormat.DER, PASSWORD)]

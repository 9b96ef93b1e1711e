"""Forms of keys: what is written comes back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msb_identity.pki import (
    KeyFormat,
    KeyKind,
    encode_key,
    encode_public_key,
    generate_key,
    load_key,
    load_public_key,
)
from tests.identity.forms import (
    EC_KINDS,
    KEYS,
    MESSAGE,
    assert_same_key,
    private_forms,
    with_all_kinds,
)
from tests.support import element, integer


@with_all_kinds
def test_every_form_comes_back(kind: KeyKind) -> None:
    key = KEYS[kind]
    for form, password in private_forms(kind):
        assert_same_key(load_key(encode_key(key, form, password), password), key)
    for form in (KeyFormat.PEM, KeyFormat.DER, KeyFormat.JWK):
        assert load_public_key(encode_public_key(key.public, form)) == key.public


@pytest.mark.parametrize("bits", [3072, 4096])
def test_longer_rsa_keys_come_back(bits: int) -> None:
    key = generate_key(KeyKind.RSA, bits=bits)
    assert_same_key(load_key(encode_key(key)), key)
    assert len(key.sign(MESSAGE)) == bits // 8


@settings(max_examples=50)
@given(d=st.integers(1, 2**256), kind=st.sampled_from(EC_KINDS))
def test_any_number_comes_back_with_or_without_its_point(d: int, kind: KeyKind) -> None:
    private = (d % (kind.curve.n - 2) + 1).to_bytes(32, "big")
    curve = {KeyKind.SM2: "06082a811ccf5501822d", KeyKind.P256: "06082a8648ce3d030107"}[kind]
    named = element(0xA0, bytes.fromhex(curve))
    bare = element(0x30, integer(1), element(4, private), named)
    key = load_key(bare)
    assert key.private_bytes() == private
    for form in KeyFormat:
        assert load_key(encode_key(key, form)).public == key.public

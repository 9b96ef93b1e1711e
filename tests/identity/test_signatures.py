"""Signature values: one DER and one raw form for each pair of numbers, on both curves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msb_identity.errors import SignatureRefused
from msb_identity.pki.curves import P256_CURVE, SM2_CURVE, Curve
from msb_identity.pki.signatures import (
    MAX_DER_BYTES,
    RAW_BYTES,
    check_range,
    der_from_numbers,
    der_from_raw,
    numbers_from_der,
    raw_from_der,
)
from tests.support import element, renumbered, respelt, signature_value

CURVES = [SM2_CURVE, P256_CURVE]
SAMPLE = 2**255 + 12_345, 2**255 + 54_321
on_both_curves = pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)


def number(curve: Curve) -> st.SearchStrategy[int]:
    """Numbers in range, the short and the edge ones often."""
    edges = st.sampled_from([1, 127, 128, 255, 256, 2**248 - 1, 2**248, 2**255, curve.n - 1])
    return edges | st.integers(1, 2**64) | st.integers(1, curve.n - 1)


pairs = (
    st.sampled_from(CURVES)
    .flatmap(lambda curve: st.tuples(st.just(curve), number(curve), number(curve)))
    .filter(lambda drawn: drawn[0] is not SM2_CURVE or drawn[1] + drawn[2] != SM2_CURVE.n)
)


@given(pairs)
def test_numbers_der_and_raw_are_one_to_one(drawn: tuple[Curve, int, int]) -> None:
    curve, r, s = drawn
    der, raw = signature_value(r, s), r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert der_from_numbers(r, s) == der
    assert numbers_from_der(der, curve) == (r, s)
    assert raw_from_der(der, curve) == raw
    assert der_from_raw(raw, curve) == der


@st.composite
def nearly_der(draw: st.DrawFn) -> bytes:
    """Bytes like DER: a good value with a few bytes set, left out or added."""
    der = bytearray(signature_value(*draw(pairs)[1:]))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(der)))
        kept = at + draw(st.integers(0, 2))
        der[at:kept] = draw(st.binary(max_size=2))
    return bytes(der)


short_elements = st.builds(
    lambda tag, r, s: element(tag, element(2, r), element(2, s)),
    st.sampled_from([0x30, 0x31]),
    st.binary(max_size=34),
    st.binary(max_size=34),
)


@given(st.binary(max_size=80) | nearly_der() | short_elements, st.sampled_from(CURVES))
def test_bytes_are_refused_or_the_one_der_of_what_they_hold(data: bytes, curve: Curve) -> None:
    try:
        raw = raw_from_der(data, curve)
    except SignatureRefused:
        return
    assert len(raw) == RAW_BYTES
    assert der_from_raw(raw, curve) == data


@given(st.binary(max_size=70) | st.binary(min_size=64, max_size=64), st.sampled_from(CURVES))
def test_bytes_are_refused_or_the_one_raw_form_of_what_they_hold(data: bytes, curve: Curve) -> None:
    try:
        der = der_from_raw(data, curve)
    except SignatureRefused:
        return
    assert len(der) <= MAX_DER_BYTES
    assert raw_from_der(der, curve) == data


@on_both_curves
@pytest.mark.parametrize("pair", [SAMPLE, (SAMPLE[0], 129), (200, 129)], ids=["long", "r", "short"])
@pytest.mark.parametrize("name", respelt(*SAMPLE))
def test_another_spelling_is_refused(curve: Curve, name: str, pair: tuple[int, int]) -> None:
    """Short numbers too: with them a second spelling is no longer than the longest good one."""
    assert numbers_from_der(signature_value(*pair), curve) == pair
    with pytest.raises(SignatureRefused):
        raw_from_der(respelt(*pair)[name], curve)


@on_both_curves
@pytest.mark.parametrize(
    "name", ["r = 0", "s = 0", "both 0", "r = n", "s = n", "both n", "r + n", "s + n", "both + n"]
)
def test_numbers_out_of_range_are_refused_in_both_forms(curve: Curve, name: str) -> None:
    r, s = renumbered(*SAMPLE, curve.n)[name]
    with pytest.raises(SignatureRefused):
        check_range(r, s, curve)
    with pytest.raises(SignatureRefused):
        numbers_from_der(signature_value(r, s), curve)
    if max(r, s) < 2**256:
        with pytest.raises(SignatureRefused):
            der_from_raw(r.to_bytes(32, "big") + s.to_bytes(32, "big"), curve)


@pytest.mark.parametrize("r", [1, 2**255, SM2_CURVE.n - 1])
def test_r_plus_s_equal_to_n_is_refused_for_sm2_alone(r: int) -> None:
    sm2 = signature_value(r, SM2_CURVE.n - r)
    with pytest.raises(SignatureRefused):
        numbers_from_der(sm2, SM2_CURVE)
    with pytest.raises(SignatureRefused):
        der_from_raw(r.to_bytes(32, "big") + (SM2_CURVE.n - r).to_bytes(32, "big"), SM2_CURVE)
    # ECDSA has no such rule: a signer does make such numbers, if hardly ever.
    r %= P256_CURVE.n
    assert numbers_from_der(signature_value(r, P256_CURVE.n - r), P256_CURVE)


@on_both_curves
@pytest.mark.parametrize("length", [0, 1, 63, 65, 70, 72, 96, 128])
def test_raw_of_another_length_is_refused(curve: Curve, length: int) -> None:
    with pytest.raises(SignatureRefused, match=f"{length} bytes"):
        der_from_raw(b"\x01" * length, curve)

"""ASN.1: the strict DER reader, the bounded BER reader, the writer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msb_identity.errors import EncodingRefused
from msb_identity.pki import der

primitive = st.builds(
    der.element,
    st.sampled_from([1, 2, 3, 4, 5, 6, 12, 0x80, 0x81]),
    st.binary(max_size=300),
)
elements = st.recursive(
    primitive,
    lambda inner: st.builds(
        lambda tag, parts: der.element(tag, *parts),
        st.sampled_from([0x30, 0x31, 0xA0, 0xA1]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=20,
)


def written(element: der.Element) -> bytes:
    """The element written again from its parts."""
    if element.tag & 0x20:
        return der.element(element.tag, *(written(child) for child in element.children))
    return der.element(element.tag, element.content)


@given(elements)
def test_what_is_written_is_read_back(data: bytes) -> None:
    for read in (der.read_der, der.read_ber):
        found = read(data)
        assert found.encoded == data
        assert written(found) == data


@given(st.binary(max_size=200) | elements.map(lambda data: data[: len(data) // 2] + data))
def test_bytes_are_refused_or_the_one_der_of_what_they_hold(data: bytes) -> None:
    try:
        found = der.read_der(data)
    except EncodingRefused:
        return
    assert written(found) == data


@given(st.binary(max_size=400))
def test_ber_never_raises_anything_else(data: bytes) -> None:
    for start in (b"", b"\x30\x80", b"\x24\x80\x04\x01"):
        try:
            der.read_ber(start + data)
        except EncodingRefused:
            continue


@given(st.integers(0, 2**4096))
def test_numbers_come_back(value: int) -> None:
    assert der.read_der(der.integer(value)).integer() == value


@given(st.lists(st.integers(0, 2**40), max_size=8), st.integers(0, 2), st.integers(0, 39))
def test_object_identifiers_come_back(rest: list[int], first: int, second: int) -> None:
    dotted = ".".join(str(arc) for arc in (first, second, *rest))
    assert der.read_der(der.oid(dotted)).oid() == dotted


@pytest.mark.parametrize(
    "data",
    [
        *("", "30", "3001", "0401", "3080", "30800000", "048000", "30810100", "0481050000000000"),
        *("308200030201", "3084000000030201", "308500000000030201", "1f0100", "3f00", "0000"),
        *("300102", "3003020101ff", "30030201", "ff00", "3001ff"),
    ],
)
def test_what_is_not_der_is_refused(data: str) -> None:
    with pytest.raises(EncodingRefused):
        der.read_der(bytes.fromhex(data))


@pytest.mark.parametrize("data", ["0200", "02020001", "0201ff", "0202ff80", "020180"])
def test_numbers_that_are_not_minimal_or_negative_are_refused(data: str) -> None:
    with pytest.raises(EncodingRefused):
        der.read_der(bytes.fromhex(data)).integer()


@pytest.mark.parametrize("data", ["0600", "060180", "06028001", "060288", "06032a8001"])
def test_object_identifiers_that_are_not_minimal_are_refused(data: str) -> None:
    with pytest.raises(EncodingRefused):
        der.read_der(bytes.fromhex(data)).oid()


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ("0403616263", b"abc"),
        ("04810361" + "6263", b"abc"),
        ("2480040161040262630000", b"abc"),
        ("2407040161" + "04026263", b"abc"),
        ("2480" + "2403040161" + "24800402626300000000", b"abc"),
        ("24800000", b""),
    ],
)
def test_an_octet_string_in_parts_is_put_together(data: str, wanted: bytes) -> None:
    assert der.read_ber(bytes.fromhex(data)).octets() == wanted


def test_depth_and_number_of_elements_are_bounded() -> None:
    deep = b""
    for _ in range(der.MAX_DEPTH):
        deep = der.sequence(deep)
    der.read_der(deep)
    with pytest.raises(EncodingRefused, match="deeper"):
        der.read_der(der.sequence(deep))
    with pytest.raises(EncodingRefused, match="deeper"):
        der.read_ber(b"\x30\x80" * 100_000)
    with pytest.raises(EncodingRefused, match="elements"):
        der.read_der(der.sequence(b"\x05\0" * (der.MAX_ELEMENTS + 1)))
    with pytest.raises(EncodingRefused, match="more than"):
        der.read_der(bytes(1_001), limit=1_000)

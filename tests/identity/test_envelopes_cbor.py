"""CBOR: the same bytes as PyPI `cbor2` for what we write, one strict reading of what comes in."""

from __future__ import annotations

import random
import tracemalloc

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from msb_identity.envelopes.cbor import MAX_BYTES, MAX_DEPTH, Tagged, Value, decode, encode
from msb_identity.errors import EncodingRefused

unsigned: st.SearchStrategy[int | str] = st.integers(0, 2**64 - 1) | st.integers(0, 300)
texts: st.SearchStrategy[int | str] = st.text(max_size=30)
integers = st.integers(-(2**64), 2**64 - 1) | st.integers(-300, 300)
scalars = st.none() | st.booleans() | integers | st.binary(max_size=300) | st.text(max_size=70)
names: st.SearchStrategy[int | str] = integers | texts


def containers(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    """Arrays, and maps whose names are all of one kind."""
    numbered = st.dictionaries(unsigned, inner, max_size=6)
    named = st.dictionaries(texts, inner, max_size=6)
    return st.lists(inner, max_size=30) | numbered | named


def mixed_containers(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    """Also maps with names of both kinds, and tags."""
    tagged = st.builds(Tagged, st.integers(0, 2**64 - 1), inner)
    return st.lists(inner, max_size=6) | st.dictionaries(names, inner, max_size=8) | tagged


plain: st.SearchStrategy[Value] = st.recursive(scalars, containers, max_leaves=25)
values: st.SearchStrategy[Value] = st.recursive(scalars, mixed_containers, max_leaves=25)


def for_cbor2(value: Value, *, sort: bool) -> object:
    """The same value for cbor2; `sort` puts names in the order of RFC 8949 section 4.2.1."""
    if isinstance(value, Tagged):
        return cbor2.CBORTag(value.tag, for_cbor2(value.value, sort=sort))
    if isinstance(value, list):
        return [for_cbor2(item, sort=sort) for item in value]
    if isinstance(value, dict):
        ordered = sorted(value, key=cbor2.dumps) if sort else value
        return {name: for_cbor2(value[name], sort=sort) for name in ordered}
    return value


# Agreement with cbor2


@given(plain)
def test_we_write_what_cbor2_writes_as_canonical(value: Value) -> None:
    """cbor2 sorts names as RFC 7049 did, shorter first: the same order for names of one kind."""
    assert encode(value) == cbor2.dumps(value, canonical=True)


@given(values)
@example({-1: 1, 24: 2, "": 3, 1000: 4})  # here the orders of RFC 7049 and RFC 8949 differ
def test_we_write_names_in_the_order_of_rfc_8949(value: Value) -> None:
    assert encode(value) == cbor2.dumps(for_cbor2(value, sort=True))


@given(values)
def test_we_read_what_cbor2_writes(value: Value) -> None:
    written = cbor2.dumps(for_cbor2(value, sort=False))
    assert decode(written) == value
    assert encode(decode(written)) == encode(value)  # `==` above takes true for 1


@given(plain)
def test_cbor2_reads_what_we_write(value: Value) -> None:
    assert cbor2.dumps(cbor2.loads(encode(value)), canonical=True) == encode(value)


@given(values)
def test_a_value_comes_back(value: Value) -> None:
    assert decode(encode(value)) == value
    assert encode(decode(encode(value))) == encode(value)


# RFC 8949 appendix A

READ: list[tuple[str, Value]] = [
    ("00", 0),
    ("01", 1),
    ("0a", 10),
    ("17", 23),
    ("1818", 24),
    ("1819", 25),
    ("1864", 100),
    ("1903e8", 1000),
    ("1a000f4240", 1000000),
    ("1b000000e8d4a51000", 1000000000000),
    ("1bffffffffffffffff", 18446744073709551615),
    ("3bffffffffffffffff", -18446744073709551616),
    ("20", -1),
    ("29", -10),
    ("3863", -100),
    ("3903e7", -1000),
    ("f4", False),
    ("f5", True),
    ("f6", None),
    ("40", b""),
    ("4401020304", b"\1\2\3\4"),
    ("60", ""),
    ("6161", "a"),
    ("6449455446", "IETF"),
    ("62225c", '"\\'),
    ("62c3bc", "ü"),
    ("63e6b0b4", "水"),
    ("64f0908591", "𐅑"),
    ("80", []),
    ("83010203", [1, 2, 3]),
    ("8301820203820405", [1, [2, 3], [4, 5]]),
    ("98190102030405060708090a0b0c0d0e0f101112131415161718181819", list(range(1, 26))),
    ("a0", {}),
    ("a201020304", {1: 2, 3: 4}),
    ("a26161016162820203", {"a": 1, "b": [2, 3]}),
    ("826161a161626163", ["a", {"b": "c"}]),
    (
        "a56161614161626142616361436164614461656145",
        {"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"},
    ),
]
TAGGED: list[tuple[str, Value]] = [
    ("c249010000000000000000", Tagged(2, bytes.fromhex("010000000000000000"))),
    ("c349010000000000000000", Tagged(3, bytes.fromhex("010000000000000000"))),
    ("c074323031332d30332d32315432303a30343a30305a", Tagged(0, "2013-03-21T20:04:00Z")),
    ("c11a514b67b0", Tagged(1, 1363896240)),
    ("d74401020304", Tagged(23, b"\1\2\3\4")),
    ("d818456449455446", Tagged(24, b"dIETF")),
    (
        "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
        Tagged(32, "http://www.example.com"),
    ),
]
NOT_READ = {
    "floats": """f90000 f98000 f93c00 fb3ff199999999999a f93e00 f97bff fa47c35000 fa7f7fffff
        fb7e37e43c8800759c f90001 f90400 f9c400 fbc010666666666666 f97c00 f97e00 f9fc00 fa7f800000
        fa7fc00000 faff800000 fb7ff0000000000000 fb7ff8000000000000 fbfff0000000000000
        c1fb41d452d9ec200000""",
    "other simple values": "f7 f0 f8ff f818 f814 f800 e0 f3",
    "indefinite lengths": """5f42010243030405ff 7f657374726561646d696e67ff 9fff
        9f018202039f0405ffff 9f01820203820405ff 83018202039f0405ff 83019f0203ff820405
        9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff bf61610161629f0203ffff
        826161bf61626163ff bf6346756ef563416d7421ff 5f 7f 9f bf ff 81ff""",
    "longer than needed": """1800 1817 190000 1900ff 1a00000000 1a0000ffff 1b0000000000000000
        1b00000000ffffffff 3800 3817 3900ff 3a0000ffff 3b00000000ffffffff 580101 59000101
        5a0000000101 5b000000000000000101 780161 79000161 980101 99000101 9a0000000101 b8010101
        b900010101 d81740 d9001840 d818580161 a1180101 a178016101""",
    "reserved lengths": "1c 1d 1e 1f 3c 3f 5c 7d 9e bc dc df fc",
    "reserved lengths with content": " ".join(
        opening + "01" * (1 << (int(opening, 16) & 0x1F) - 24)
        for opening in ["1c", "1d", "1e", "1f", "3c", "3d", "3e", "3f", "dc", "fc"]
    ),
    "cut short": """18 19 1900 1a000000 1b00000000000000 41 440102 61 62c3 5818 81 8201 a1 a101
        a20102 c0 d8 d818 f8 f9""",
    "more than one value": "0000 f600 4000 8000 a000 c00000 f6f6",
    "a name twice": """a201000100 a2616100616100 a220002000 a3010002000100 81a201000100
        a101a201000100""",
    "names neither integer nor text": "a14000 a1f400 a1f500 a1f600 a18000 a1c00000 a1a000",
    "text that is not UTF-8": "61ff 61c3 62c328 63eda080 64f4908080 62c0af 6180",
}


@pytest.mark.parametrize(("written", "value"), READ)
def test_rfc_8949_examples_are_read_and_written(written: str, value: Value) -> None:
    data = bytes.fromhex(written)
    read = decode(data)
    assert read == value
    assert type(read) is type(value)
    assert encode(value) == data


@pytest.mark.parametrize(("written", "value"), TAGGED)
def test_rfc_8949_tags_are_not_interpreted(written: str, value: Value) -> None:
    assert decode(bytes.fromhex(written)) == value
    assert encode(value) == bytes.fromhex(written)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(written, id=f"{why}: {written}")
        for why, listed in NOT_READ.items()
        for written in listed.split()
    ],
)
def test_what_is_not_in_our_part_of_cbor_is_refused(written: str) -> None:
    with pytest.raises(EncodingRefused):
        decode(bytes.fromhex(written))


def test_nothing_is_no_value() -> None:
    with pytest.raises(EncodingRefused, match="early"):
        decode(b"")


def test_names_may_come_in_any_order_but_are_written_in_one() -> None:
    value = decode(bytes.fromhex("a361610220010304"))
    assert value == {"a": 2, -1: 1, 3: 4}
    assert encode(value) == bytes.fromhex("a303042001616102")


# Bombs


@pytest.mark.parametrize("opening", ["81", "a100", "c0", "82f6", "d9d9f7"])
def test_depth_is_bounded(opening: str) -> None:
    shell = bytes.fromhex(opening)
    decode(shell * (MAX_DEPTH - 1) + b"\0")
    for depth in (MAX_DEPTH, MAX_DEPTH + 1, 5_000, MAX_BYTES // len(shell) - 1):
        with pytest.raises(EncodingRefused, match="deeper"):
            decode(shell * depth + b"\0")


@pytest.mark.parametrize("major", [2, 3, 4, 5])
@pytest.mark.parametrize("claim", [2**60, 2**63, 2**64 - 1, MAX_BYTES, 100])
def test_a_claimed_length_takes_no_memory(major: int, claim: int) -> None:
    code, size = next((c, n) for c, n in ((24, 1), (25, 2), (26, 4), (27, 8)) if claim < 1 << 8 * n)
    head = bytes((major << 5 | code,)) + claim.to_bytes(size, "big")
    tracemalloc.start()
    try:
        for data in (head, head + b"\0\0", b"\x82\0" + head + b"\0", head * 3):
            with pytest.raises(EncodingRefused):
                decode(data)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_a_million_bytes_are_read_and_one_more_is_not() -> None:
    head = bytes((0x5A,)) + (MAX_BYTES - 5).to_bytes(4, "big")
    assert decode(head + bytes(MAX_BYTES - 5)) == bytes(MAX_BYTES - 5)
    head = bytes((0x5A,)) + (MAX_BYTES - 4).to_bytes(4, "big")
    with pytest.raises(EncodingRefused, match="more than"):
        decode(head + bytes(MAX_BYTES - 4))


# Anything at all


@given(values.map(lambda value: cbor2.dumps(for_cbor2(value, sort=False))) | st.binary())
def test_bytes_are_refused_or_the_shortest_form_of_their_value(data: bytes) -> None:
    assert_refused_or_shortest(data)


def test_thousands_of_random_and_broken_strings_raise_nothing_else() -> None:
    chance = random.Random(8949)
    good = [bytes.fromhex(written) for written, _ in READ + TAGGED]
    good += [b"\x84" + b"".join(chance.sample(good, 4)) for _ in range(20)]
    for turn in range(4_000):
        if turn % 4 == 0:
            data = bytearray(chance.randbytes(chance.randrange(60)))
        else:
            data = bytearray(chance.choice(good))
            for _ in range(chance.randrange(1, 4)):
                at = chance.randrange(len(data) + 1)
                data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        assert_refused_or_shortest(bytes(data))


def assert_refused_or_shortest(data: bytes) -> None:
    try:
        value = decode(data)
    except EncodingRefused:
        return
    assert cbor2.dumps(for_cbor2(value, sort=False)) == data


# What we never write


@pytest.mark.parametrize(
    "value", [1.5, (1, 2), {1, 2}, bytearray(b"1"), object(), [1.0], {"a": ()}]
)
def test_values_of_other_types_are_not_written(value: object) -> None:
    with pytest.raises(TypeError):
        encode(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [2**64, -(2**64) - 1, [2**70], "\ud800"])
def test_values_that_have_no_encoding_are_not_written(value: Value) -> None:
    with pytest.raises(ValueError, match=r"64 bits|surrogates"):
        encode(value)

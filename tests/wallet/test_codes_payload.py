"""The text of codes: Base45 as RFC 9285 has it, and what is refused before anything is parsed."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msb_identity.errors import EncodingRefused
from msb_wallet.codes.payload import (
    MAX_CODE_CHARS,
    MAX_UNPACKED_BYTES,
    CodeKind,
    decode_base45,
    encode_base45,
    kind_of,
    read_code,
    write_code,
)
from tests.wallet.craft import ALPHABET

# RFC 9285 sections 4.3 and 4.4.
EXAMPLES = [
    (b"AB", "BB8"),
    (b"Hello!!", "%69 VD92EX0"),
    (b"base-45", "UJCLQE7W581"),
    (b"ietf!", "QED8WEX0"),
]


def reads_as(text: str, data: bytes) -> bool:
    try:
        return read_code(text) == (CodeKind.PRINTED, data)
    except EncodingRefused:
        return False


def packed(data: bytes) -> str:
    return encode_base45(zlib.compress(data))


@pytest.mark.parametrize(("data", "text"), EXAMPLES)
def test_the_examples_of_the_rfc_both_ways(data: bytes, text: str) -> None:
    assert encode_base45(data) == text
    assert decode_base45(text) == data


@pytest.mark.parametrize(
    "text",
    [
        "GGW",  # 65536, the RFC's own
        ":::",
        "FGW0",  # good three, and a fourth alone
        "V5",  # 256 in one byte
        "::",
        "A",
        "AAAA",
        "bb8",
        "BB8\n",
        "BB8=",
        "BB_",
        "B８8",  # a full-width digit
        "ſſſ",  # upper case is S
        "\0\0\0",
        "\ud800\ud800\ud800",
    ],
)
def test_what_is_no_base45_is_refused(text: str) -> None:
    with pytest.raises(EncodingRefused) as refusal:
        decode_base45(text)
    assert text not in str(refusal.value)


def test_the_largest_values_are_read() -> None:
    assert decode_base45("FGW") == b"\xff\xff"
    assert decode_base45("U5") == b"\xff"
    assert decode_base45("") == b""


@given(st.binary(max_size=400))
def test_base45_gives_back_every_byte(data: bytes) -> None:
    text = encode_base45(data)
    assert set(text) <= set(ALPHABET)
    assert len(text) == len(data) // 2 * 3 + len(data) % 2 * 2
    assert decode_base45(text) == data


@given(st.text(ALPHABET, max_size=60))
def test_no_two_texts_are_the_same_bytes(text: str) -> None:
    try:
        data = decode_base45(text)
    except EncodingRefused:
        return
    assert encode_base45(data) == text


@given(st.text(max_size=60))
def test_any_text_is_base45_or_refused(text: str) -> None:
    try:
        decode_base45(text)
    except EncodingRefused:
        assert text
    else:
        assert set(text) <= set(ALPHABET)


@given(st.binary(min_size=1, max_size=100))
def test_a_code_never_ends_in_a_space(data: bytes) -> None:
    # A scanner may add white space around the text, and it is stripped: nothing must go with it.
    assert not encode_base45(data).endswith(" ")


@given(st.sampled_from([CodeKind.PRINTED, CodeKind.OFFLINE]), st.binary(max_size=1_000))
def test_what_is_written_is_read(kind: CodeKind, data: bytes) -> None:
    assert read_code(write_code(kind, data)) == (kind, data)


def test_a_secret_is_written_as_it_is() -> None:
    text = write_code(CodeKind.ONLINE, bytes(range(16)))
    assert text == "MSB0:" + encode_base45(bytes(range(16)))
    assert read_code(text) == (CodeKind.ONLINE, bytes(range(16)))


@pytest.mark.parametrize("size", [0, 1, 15, 17, 32])
def test_a_secret_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(EncodingRefused):
        read_code("MSB0:" + encode_base45(bytes(size)))


@pytest.mark.parametrize(
    "body",
    {
        "nothing": "",
        "not zlib": encode_base45(b"not compressed"),
        "bytes after the end": encode_base45(zlib.compress(b"good") + b"\0"),
        "two streams": encode_base45(zlib.compress(b"good") * 2),
        "cut short": encode_base45(zlib.compress(b"good")[:-1]),
        "without its checksum": encode_base45(zlib.compress(b"good")[:-4]),
        "a wrong checksum": encode_base45(zlib.compress(b"good")[:-1] + b"\0"),
        "bare deflate": encode_base45(zlib.compress(b"good", wbits=-15)),
        "gzip": encode_base45(zlib.compress(b"good", wbits=31)),
        "one byte too many inside": packed(bytes(MAX_UNPACKED_BYTES + 1)),
        "a bomb": packed(bytes(2_000_000)),
        "a preset dictionary": encode_base45(b"\x78\xbb\0\0\0\1" + zlib.compress(b"good")[2:]),
    }.items(),
    ids=lambda item: item[0],
)
@pytest.mark.parametrize("prefix", ["MSB1:", "MSB2:"])
def test_bad_compression_is_refused(prefix: str, body: tuple[str, str]) -> None:
    with pytest.raises(EncodingRefused):
        read_code(prefix + body[1])


def test_a_bomb_is_not_unpacked() -> None:
    # 4,291 characters hold 2.8 kB, which could unpack to 2.9 MB: the reader stops far earlier.
    text = "MSB1:" + packed(bytes(2_500_000))
    assert len(text) <= MAX_CODE_CHARS
    with pytest.raises(EncodingRefused, match="unpacks to more"):
        read_code(text)


def test_spare_bits_of_deflate_change_nothing() -> None:
    whole = zlib.compress(b"good")
    again = [
        text
        for bit in range(8)
        for body in [bytes((*whole[:-5], whole[-5] ^ 1 << bit, *whole[-4:]))]
        if reads_as(text := "MSB1:" + encode_base45(body), b"good")
    ]
    assert again, "this stream has no spare bits"


def test_a_code_longer_than_any_qr_code_is_refused_unread() -> None:
    with pytest.raises(EncodingRefused, match="4296"):
        read_code("MSB1:" + "0" * (MAX_CODE_CHARS - 4))
    with pytest.raises(EncodingRefused, match="4296"):
        read_code("MSB1:" + "?" * 10_000_000)


@pytest.mark.parametrize(
    "text", ["", "MSB", "msb1:BB8", " MSB1:BB8", "MSB3:BB8", "https://x/MSB1:"]
)
def test_other_prefixes_are_no_kind_of_ours(text: str) -> None:
    assert kind_of(text) is None
    with pytest.raises(EncodingRefused):
        read_code(text)

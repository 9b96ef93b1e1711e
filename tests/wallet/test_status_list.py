"""Token Status Lists: the specification's examples, and bytes that are no list."""

from __future__ import annotations

import json
import re
import zlib
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msb_identity.envelopes import cbor
from msb_identity.envelopes.cose import KEY_ID, TYPE, parse_sign1, sign1
from msb_identity.errors import AlgorithmRefused, EncodingRefused, SignatureRefused
from msb_identity.pki.keys import KeyKind, generate_key
from msb_wallet.licences.status_list import (
    ENTRIES,
    MAX_LIST_BYTES,
    MAX_TOKEN_BYTES,
    MEDIA_TYPE,
    build_content,
    is_status_uri,
    parse_list_map,
    parse_status_list,
    read_entry,
    sign_status_list,
    unpack,
)
from tests.wallet.support_licences import NOW

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "licence/token-status-list"
URI = "https://licence.example/s/1506/0"
KEY = generate_key(KeyKind.P256)
DAY = timedelta(days=1)

# The entries that are not 0, as the specification's text lists them above each long example
# (draft-ietf-oauth-status-list, "Test vectors for Status List encoding").
LONG_1 = {
    0: 1,
    1993: 1,
    25460: 1,
    159495: 1,
    495669: 1,
    554353: 1,
    645645: 1,
    723232: 1,
    854545: 1,
    934534: 1,
    1000345: 1,
}
LONG_2 = {**LONG_1, 1993: 2, 159495: 3, 645645: 2, 934534: 2, 1000345: 3}
LONG_4 = {
    0: 1,
    1993: 2,
    35460: 3,
    459495: 4,
    595669: 5,
    754353: 6,
    845645: 7,
    923232: 8,
    924445: 9,
    934534: 10,
    1004534: 11,
    1000345: 12,
    1030203: 13,
    1030204: 14,
    1030205: 15,
}
# "the status of the index is its place": section 4.1 spells these two short examples out.
SHORT_1 = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
SHORT_2 = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]


def example(vectors: Path, name: str) -> str:
    return (vectors / FOLDER / f"status_list_{name}.md").read_text("utf-8")


def from_json(vectors: Path, name: str) -> tuple[int, bytes]:
    """Bits and unpacked content of a JSON example."""
    found = re.search(r"\{.*\}", example(vectors, f"{name}_json"), re.DOTALL)
    assert found is not None
    value = json.loads(re.sub(r"\s", "", found[0]))
    assert set(value) == {"bits", "lst"}
    packed = urlsafe_b64decode(value["lst"] + "=" * (-len(value["lst"]) % 4))
    return parse_list_map({"bits": value["bits"], "lst": packed})


def from_cbor(vectors: Path, name: str) -> tuple[int, bytes]:
    """Bits and unpacked content of a CBOR example."""
    text = example(vectors, f"{name}_cbor").rpartition("encoded:")[2]
    return parse_list_map(cbor.decode(bytes.fromhex(text)))


def entries(content: bytes, bits: int) -> dict[int, int]:
    """What is not 0, read by another way than the code's: the whole list as one number."""
    step, mask = 8 // bits, (1 << bits) - 1
    return {
        at * step + place: byte >> (place * bits) & mask
        for at, byte in enumerate(content)
        if byte
        for place in range(step)
        if byte >> (place * bits) & mask
    }


@pytest.mark.parametrize(("name", "bits"), [("encoding", 1), ("encoding2", 2)])
def test_short_examples_decode_to_their_bytes_and_entries(
    vectors: Path, name: str, bits: int
) -> None:
    for form in ("json", "cbor"):
        listed = re.search(r"byte_array = \[(.*?)\]", example(vectors, f"{name}_{form}"))
        assert listed is not None
        raw = bytes(int(value, 16) for value in listed[1].split(","))
        found = from_json(vectors, name) if form == "json" else from_cbor(vectors, name)
        assert found == (bits, raw)
        expected = SHORT_1 if bits == 1 else SHORT_2
        assert [read_entry(raw, i, bits) for i in range(len(expected))] == expected


@pytest.mark.parametrize(
    ("name", "bits", "expected"),
    [
        ("encoding1_long", 1, LONG_1),
        ("encoding2_long", 2, LONG_2),
        ("encoding4", 4, LONG_4),
    ],
)
def test_long_examples_decode_to_the_entries_the_text_lists(
    vectors: Path, name: str, bits: int, expected: dict[int, int]
) -> None:
    found_bits, content = from_json(vectors, name)
    assert from_cbor(vectors, name) == (found_bits, content)
    assert (found_bits, len(content) * 8 // bits) == (bits, ENTRIES)
    assert entries(content, bits) == expected
    for index, status in expected.items():
        assert read_entry(content, index, bits) == status
        if index + 1 not in expected:
            assert read_entry(content, index + 1, bits) == 0


def test_the_long_example_of_8_bits_holds_every_value_once(vectors: Path) -> None:
    bits, content = from_json(vectors, "encoding8")
    assert from_cbor(vectors, "encoding8") == (bits, content)
    assert (bits, len(content)) == (8, ENTRIES)
    found = entries(content, 8)
    assert sorted(found.values()) == list(range(1, 256))
    assert all(read_entry(content, index, 8) == status for index, status in found.items())


def test_the_specification_s_own_token_is_read(vectors: Path) -> None:
    token = bytes.fromhex(example(vectors, "cwt"))
    with pytest.raises(EncodingRefused):
        parse_status_list(token)  # its key id is not protected, which ours must be
    found = parse_status_list(token, lenient=True)
    assert found.uri == "https://example.com/statuslists/1"
    assert found.issued_at == datetime.fromtimestamp(1686920170, UTC)
    assert found.expires_at == datetime.fromtimestamp(2291720170, UTC)
    assert found.ttl_seconds == 43_200
    assert (found.bits, found.content) == (1, b"\xb9\xa3")
    assert (found.envelope.algorithm, found.envelope.key_id) == (-7, b"12")
    assert [found.entry(index) for index in range(16)] == SHORT_1
    with pytest.raises(SignatureRefused):
        found.envelope.verify(KEY.public)


def test_the_json_token_of_the_specification_says_the_same(vectors: Path) -> None:
    raw = re.sub(r"\s", "", example(vectors, "jwt_raw")).split(".")[1]
    claims = json.loads(urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
    found = parse_status_list(bytes.fromhex(example(vectors, "cwt")), lenient=True)
    assert (claims["sub"], claims["ttl"]) == (found.uri, found.ttl_seconds)
    assert claims["exp"] == int(found.expires_at.timestamp())
    packed = urlsafe_b64decode(claims["status_list"]["lst"] + "==")
    assert unpack(packed, MAX_LIST_BYTES) == found.content


def test_a_token_that_refers_to_a_list_is_no_list(vectors: Path) -> None:
    text = (vectors / FOLDER / "referenced_token_cwt.md").read_text("utf-8")
    claims = cbor.decode(parse_sign1(bytes.fromhex(text), lenient=True).payload)
    assert isinstance(claims, dict)
    reference = {"status_list": {"idx": 0, "uri": "https://example.com/statuslists/1"}}
    assert claims[65535] == reference
    with pytest.raises(EncodingRefused):
        parse_status_list(bytes.fromhex(text), lenient=True)


def test_the_first_entry_stands_in_the_lowest_bits() -> None:
    content = build_content([(0, 1), (1, 2), (3, 3), (ENTRIES - 1, 2)])
    assert (len(content), content[0], content[-1]) == (ENTRIES // 4, 0b11_00_10_01, 0b10_00_00_00)
    assert entries(content, 2) == {0: 1, 1: 2, 3: 3, ENTRIES - 1: 2}


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_an_index_outside_the_list_is_no_status(bits: int) -> None:
    for index in (-1, 16 // bits, ENTRIES, 1 << 64):
        with pytest.raises(IndexError):
            read_entry(b"\xff\xff", index, bits)
    assert read_entry(b"\xff\xff", 16 // bits - 1, bits) == (1 << bits) - 1


@settings(max_examples=30)
@given(st.dictionaries(st.integers(0, ENTRIES - 1), st.integers(1, 2), max_size=50))
def test_what_is_signed_is_read_back(statuses: dict[int, int]) -> None:
    content = build_content(statuses.items())
    token = sign_status_list(
        content, uri=URI, key=KEY, now=NOW, lifetime=DAY, ttl=timedelta(hours=1)
    )
    found = parse_status_list(token)
    found.envelope.verify(KEY.public)
    assert (found.uri, found.issued_at, found.expires_at) == (URI, NOW, NOW + DAY)
    assert (found.ttl_seconds, found.bits, found.content) == (3_600, 2, content)
    assert all(found.entry(index) == status for index, status in statuses.items())


def test_a_full_list_that_cannot_be_compressed_still_fits_its_cap() -> None:
    content = bytes((i * i >> 3 ^ i * 7919 >> 2) & 0xAA for i in range(ENTRIES // 4))
    worst = sign_status_list(content, uri=URI, key=KEY, now=NOW, lifetime=DAY, ttl=DAY)
    assert len(worst) < ENTRIES // 4 + 1_000 < MAX_TOKEN_BYTES
    assert parse_status_list(worst).content == content


@given(st.binary(max_size=1_000))
def test_unpacking_is_exact(content: bytes) -> None:
    packed = zlib.compress(content)
    assert unpack(packed, len(content)) == content
    if content:
        with pytest.raises(EncodingRefused):
            unpack(packed, len(content) - 1)
    for damaged in (packed + b"\0", packed + packed, packed[:-1], packed[:-4], packed[:2], b""):
        with pytest.raises(EncodingRefused):
            unpack(damaged, 2_000)


def test_an_unpacking_bomb_is_refused_at_its_cap() -> None:
    bomb = zlib.compress(bytes(100_000_000), 9)
    assert len(bomb) < MAX_TOKEN_BYTES
    with pytest.raises(EncodingRefused):
        unpack(bomb, MAX_LIST_BYTES)
    with pytest.raises(EncodingRefused):
        parse_list_map({"bits": 1, "lst": bomb})
    full = bytes(MAX_LIST_BYTES)
    assert unpack(zlib.compress(full), MAX_LIST_BYTES) == full
    with pytest.raises(EncodingRefused):
        unpack(zlib.compress(full + b"\0"), MAX_LIST_BYTES)


def test_a_wrong_checksum_and_raw_deflate_are_refused() -> None:
    packed = bytearray(zlib.compress(b"status"))
    packed[-1] ^= 1
    raw = zlib.compressobj(wbits=-15)
    for wrong in (bytes(packed), raw.compress(b"status") + raw.flush()):
        with pytest.raises(EncodingRefused):
            unpack(wrong, 100)


LIST: cbor.Value = {"bits": 2, "lst": zlib.compress(bytes(4))}
CLAIMS: dict[int | str, cbor.Value] = {
    2: URI,
    4: 1_800_000_000,
    6: 1_700_000_000,
    65534: 3_600,
    65533: LIST,
}
HEADER: dict[int | str, cbor.Value] = {KEY_ID: KEY.public.key_id, TYPE: MEDIA_TYPE}


def test_the_claims_below_are_good_as_they_are() -> None:
    found = parse_status_list(sign1(cbor.encode(dict(CLAIMS)), KEY, header=HEADER))
    assert (found.bits, found.content) == (2, bytes(4))
    without = {name: value for name, value in CLAIMS.items() if name != 65534}
    assert parse_status_list(sign1(cbor.encode(without), KEY, header=HEADER)).ttl_seconds is None


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        (2, 1),
        (2, None),
        (2, URI.encode()),
        (4, None),
        (4, -1),
        (4, True),
        (4, "1800000000"),
        (4, 253_402_300_800),
        (4, 1 << 63),
        (4, cbor.Tagged(1, 1_800_000_000)),
        (6, None),
        (6, False),
        (6, -1),
        (6, b"\0"),
        (65534, "3600"),
        (65534, -1),
        (65534, True),
        (65533, None),
        (65533, []),
        (65533, {}),
        (65533, {"bits": 2}),
        (65533, {"lst": zlib.compress(b"")}),
        (65533, {"bits": 3, "lst": zlib.compress(b"")}),
        (65533, {"bits": 0, "lst": zlib.compress(b"")}),
        (65533, {"bits": 16, "lst": zlib.compress(b"")}),
        (65533, {"bits": True, "lst": zlib.compress(b"")}),
        (65533, {"bits": "2", "lst": zlib.compress(b"")}),
        (65533, {"bits": [], "lst": zlib.compress(b"")}),
        (65533, {"bits": 2, "lst": "eNo"}),
        (65533, {"bits": 2, "lst": b""}),
        (65533, {"bits": 2, "lst": zlib.compress(b"") + b"\0"}),
    ],
)
def test_each_wrong_claim_is_refused(claim: int, value: cbor.Value) -> None:
    with pytest.raises(EncodingRefused):
        parse_status_list(sign1(cbor.encode({**CLAIMS, claim: value}), KEY, header=HEADER))


@pytest.mark.parametrize("claim", [2, 4, 6, 65533])
def test_each_missing_claim_is_refused(claim: int) -> None:
    rest = {name: value for name, value in CLAIMS.items() if name != claim}
    with pytest.raises(EncodingRefused):
        parse_status_list(sign1(cbor.encode(rest), KEY, header=HEADER))


@pytest.mark.parametrize(
    "header",
    [
        {KEY_ID: KEY.public.key_id},
        {KEY_ID: KEY.public.key_id, TYPE: "application/cwt"},
        {KEY_ID: KEY.public.key_id, TYPE: MEDIA_TYPE.encode()},
        {KEY_ID: KEY.public.key_id, TYPE: MEDIA_TYPE.upper()},
    ],
)
def test_a_token_of_another_type_is_no_list(header: dict[int | str, cbor.Value]) -> None:
    with pytest.raises(EncodingRefused):
        parse_status_list(sign1(cbor.encode(dict(CLAIMS)), KEY, header=header))


@pytest.mark.parametrize("payload", [b"", b"\xf6", b"\x80", b"\xa0", b"\xa0\0", b"status"])
def test_a_payload_that_is_no_map_of_claims_is_refused(payload: bytes) -> None:
    with pytest.raises(EncodingRefused):
        parse_status_list(sign1(payload, KEY, header=HEADER))


def test_a_token_over_the_cap_is_refused() -> None:
    with pytest.raises(EncodingRefused):
        parse_status_list(bytes(MAX_TOKEN_BYTES + 1))


TOKEN = sign1(cbor.encode(dict(CLAIMS)), KEY, header=HEADER)


def verified(token: bytes) -> bool:
    """Whether the token is read and its signature holds; anything else must be a refusal."""
    try:
        parse_status_list(token).envelope.verify(KEY.public)
    except (EncodingRefused, SignatureRefused, AlgorithmRefused):
        return False
    return True


def test_no_bit_of_a_token_can_be_changed() -> None:
    assert verified(TOKEN)
    for at in range(len(TOKEN) * 8):
        changed = bytearray(TOKEN)
        changed[at // 8] ^= 1 << at % 8
        assert not verified(bytes(changed))
    for end in range(len(TOKEN)):
        with pytest.raises(EncodingRefused):
            parse_status_list(TOKEN[:end])
    with pytest.raises(EncodingRefused):
        parse_status_list(TOKEN + b"\0")


@given(st.data())
def test_mutated_tokens_raise_only_refusals(data: st.DataObject) -> None:
    changed = bytearray(TOKEN)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not changed:
            break
    assert bytes(changed) == TOKEN or not verified(bytes(changed))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(content: bytes) -> None:
    for lenient in (False, True):
        with pytest.raises(EncodingRefused):
            parse_status_list(content, lenient=lenient)


@pytest.mark.parametrize(
    ("uri", "good"),
    [
        (URI, True),
        ("https://licence.example:8443/s/0", True),
        ("https://licence.example/", False),
        ("https://licence.example", False),
        ("http://licence.example/s/0", False),
        ("HTTPS://licence.example/s/0", False),
        ("file:///s/0", False),
        ("https://user@licence.example/s/0", False),
        ("https://licence.example/s/0?x=1", False),
        ("https://licence.example/s/0#x", False),
        ("https://licence.example/s/../0", False),
        ("https://licence.example/./0", False),
        ("https://licence.example/.hidden", False),
        ("https://licence.example//0", False),
        ("https://licence.example/s//0", False),
        ("https://licence.example/s/%2e%2e/0", False),
        ("https://licence.example/s/0\n", False),
        ("https://licence.example\\s/0", False),
        ("https://证照.example/s/0", False),
        ("https://licence.example/" + "s" * 151, False),
        ("", False),
    ],
)
def test_only_plain_https_addresses_name_lists(uri: str, good: bool) -> None:  # noqa: FBT001 - expected value
    assert is_status_uri(uri) is good

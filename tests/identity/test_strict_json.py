"""Strict JSON: one reading only, within caps, and one written form."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msb_identity.errors import EncodingRefused
from msb_identity.foundation.strict_json import (
    MAX_JSON_BYTES,
    MAX_JSON_DEPTH,
    dump,
    load,
    load_object,
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(values)
def test_a_value_comes_back(value: object) -> None:
    assert load(dump(value)) == value
    assert load(dump(value).decode()) == value
    assert dump(load(dump(value))) == dump(value)


@given(value=values, indent=st.sampled_from([None, 2]), ascii_=st.booleans())
def test_any_spelling_of_json_is_read(value: object, indent: int | None, *, ascii_: bool) -> None:
    assert load(json.dumps(value, indent=indent, ensure_ascii=ascii_)) == value


@given(st.binary() | st.text(alphabet='{}[]",:0123456789eE+-. \\utrfalsn\ud800').map(str))
def test_anything_is_read_as_the_json_module_does_or_refused(data: bytes | str) -> None:
    try:
        value = load(data)
    except EncodingRefused:
        return
    assert value == json.loads(data)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '{"a":1,"a":2}',
        '{"a":1,"b":2,"a":3}',
        '{"a":1,"\\u0061":2}',
        '{"":1,"":2}',
        '[{"a":{"b":1,"b":2}}]',
        '{"张":1,"\\u5f20":2}',
    ],
)
def test_a_name_twice_is_refused(text: str) -> None:
    with pytest.raises(EncodingRefused, match="twice"):
        load(text)


def test_names_that_only_look_alike_are_two_names() -> None:
    assert load('{"a":1,"A":2,"а":3,"a ":4}') == {"a": 1, "A": 2, "а": 3, "a ": 4}
    assert load('[{"a":1},{"a":2}]') == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    "text",
    [
        '"\\ud800"',
        '"\\udc00"',
        '"\\udfff\\ud800"',
        '"a\\ud83d b"',
        '["\\ud800"]',
        '{"\\ud800":1}',
        '{"a":{"b":["\\udbff"]}}',
        '"\ud800"',
    ],
    ids=ascii,
)
def test_a_lone_surrogate_is_refused(text: str) -> None:
    with pytest.raises(EncodingRefused):
        load(text)


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert load('"\\ud83d\\ude00"') == "😀"


@pytest.mark.parametrize(
    "text",
    [
        *("NaN", "Infinity", "-Infinity", "nan", "inf", "[NaN]", '{"a":Infinity}'),
        *("1e999", "-1e999", "[1e400]", '{"a":[-1.5E+309]}', f"{'9' * 400}.0"),
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    """1e999 is written as a number, but would be read as infinity."""
    with pytest.raises(EncodingRefused):
        load(text)


def test_numbers_that_are_large_but_finite_are_read() -> None:
    assert load("[1e308,-1e308,1e-999]") == [1e308, -1e308, 0.0]
    assert load("9" * 100) == 10**100 - 1


def test_a_number_of_very_many_digits_is_refused() -> None:
    for text in ("9" * 100_000, f"[{'1' * 900_000}]"):
        with pytest.raises(EncodingRefused):
            load(text)


def test_depth_is_bounded() -> None:
    """A value counts as a level: 31 arrays around a number are 32 deep."""
    for opening, middle, closing in (("[", "0", "]"), ('{"a":', "0", "}"), ('[{"a":', '""', "}]")):
        levels = (MAX_JSON_DEPTH - 1) // len(closing)
        load(opening * levels + middle + closing * levels)
        levels = MAX_JSON_DEPTH // len(closing)
        with pytest.raises(EncodingRefused, match="deeper"):
            load(opening * levels + middle + closing * levels)


@pytest.mark.parametrize("depth", [1_000, 10_000, 400_000])
@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"":'])
def test_depth_bombs_are_refused(opening: str, depth: int) -> None:
    closing = opening.translate({ord("["): "]", ord("{"): "}"})[::-1].replace(':"a"', "")
    depth = min(depth, MAX_JSON_BYTES // (2 * len(opening)))
    for text in (opening * depth, opening * depth + "0" + closing.replace(':""', "") * depth):
        with pytest.raises(EncodingRefused):
            load(text)


def test_a_million_bytes_are_read_and_one_more_is_not() -> None:
    assert len(load(b'"' + b"a" * (MAX_JSON_BYTES - 2) + b'"')) == MAX_JSON_BYTES - 2
    for data in (b'"' + b"a" * (MAX_JSON_BYTES - 1) + b'"', b" " * 5_000_000 + b"1"):
        with pytest.raises(EncodingRefused, match="more than"):
            load(data)


def test_size_is_counted_in_bytes() -> None:
    with pytest.raises(EncodingRefused, match="more than"):
        load('"' + "证" * (MAX_JSON_BYTES // 3) + '"')


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b" ", b"\0", b"{", b"[", b"]", b'"', b"[1,]", b'{"a":1,}', b"{a:1}", b"{'a':1}"),
        *(b"01", b"+1", b".5", b"1.", b"0x1", b"1_0", b"tru", b"True", b"None", b"undefined"),
        *(b"1 2", b"{}{}", b"[]\0", b"//\n1", b"/**/1", b'"a\nb"', b'"\\x41"', b'"\\u12"'),
        *(b"\xef\xbb\xbf{}", b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\xaf"', "{}".encode("utf-16")),
        *("{}".encode("utf-16-le"), "{}".encode("utf-32"), b"\xa0"),
    ],
    ids=repr,
)
def test_what_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(EncodingRefused):
        load(data)


@pytest.mark.parametrize("text", ["[]", '"a"', "1", "null", "true", '[{"a":1}]'])
def test_only_an_object_is_an_object(text: str) -> None:
    load(text)
    with pytest.raises(EncodingRefused, match="object"):
        load_object(text)
    assert load_object('{"a":1}') == load_object(b'{"a":1}') == {"a": 1}


def test_there_is_one_written_form() -> None:
    assert dump({"b": [1, None], "a": "张"}) == '{"a":"张","b":[1,null]}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [-float("inf")], "\ud800"])
def test_what_could_not_be_read_back_is_not_written(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON compliant|surrogates"):
        dump(value)

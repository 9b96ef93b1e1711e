"""Kinds of identifiers: one form each, nothing refused for its region, nothing shown in full."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msb_identity.errors import IdentifierRefused
from msb_identity.people import Identifier, IdentifierKind
from msb_identity.people.identifiers import widen_identity_number

NUMBER = IdentifierKind.IDENTITY_NUMBER
DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(1999, 12, 31))


def with_check(first: str) -> str:
    total = sum(2 ** (17 - i) % 11 * int(digit) for i, digit in enumerate(first))
    return first + "0123456789X"[(1 - total) % 11]  # ISO 7064 MOD 11-2


def code_of(kind: IdentifierKind, text: str) -> str:
    with pytest.raises(IdentifierRefused) as refused:
        Identifier.of(kind, text)
    if text:
        assert text not in f"{refused.value}{refused.value.zh}"
    return refused.value.code


@given(region=st.integers(0, 999_999), birth=DAYS, serial=st.integers(0, 995))
def test_an_old_number_is_the_new_one_of_the_same_person(
    region: int, birth: date, serial: int
) -> None:
    old = f"{region:06d}{birth:%y%m%d}{serial:03d}"
    new = with_check(f"{region:06d}{birth.year:04d}{birth:%m%d}{serial:03d}")
    assert Identifier.of(NUMBER, old) == Identifier.of(NUMBER, new)
    assert Identifier.of(NUMBER, f" {old}\n").value == new


def test_serials_of_centenarians_are_of_the_century_before() -> None:
    assert widen_identity_number("110105991231996") == with_check("11010518991231996")


@given(text=st.text(max_size=24))
def test_what_is_no_old_number_is_left_as_it_is(text: str) -> None:
    widened = widen_identity_number(text)
    plain = text.strip()
    assert (widened == text) is not (len(plain) == 15 and plain.isascii() and plain.isdigit())


@given(
    number=st.text("0123456789", min_size=18, max_size=18),
    shift=st.sampled_from([0xFEE0, 0x0660 - 0x30, 0x06F0 - 0x30]),
    place=st.integers(0, 14),
)
def test_digits_of_another_width_or_script_are_refused(number: str, shift: int, place: int) -> None:
    changed = number[:place] + chr(ord(number[place]) + shift) + number[place + 1 :]
    for text in (changed, changed[:15]):
        assert code_of(NUMBER, text) == "form"


@given(first=st.from_regex(r"(81|82|83)[0-9]{4}19[0-9]{2}0[1-9][01][1-9][0-9]{3}", fullmatch=True))
def test_a_residence_permit_is_known_by_its_number(first: str) -> None:
    number = with_check(first)
    for kind in (NUMBER, IdentifierKind.RESIDENCE_PERMIT):
        found = Identifier.of(kind, number)
        assert (found.kind, found.value) == (IdentifierKind.RESIDENCE_PERMIT, number)
        assert Identifier.kept(found.kept_as, number) == found


def test_an_identity_number_is_no_residence_permit() -> None:
    assert code_of(IdentifierKind.RESIDENCE_PERMIT, "11010519491231002X") == "form"


@pytest.mark.parametrize("text", [" chn:e12345678 ", "D:C01X00T47", "GBR:123456789"])
def test_a_passport_is_state_and_number(text: str) -> None:
    assert Identifier.of(IdentifierKind.PASSPORT, text).value == text.strip().upper()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (IdentifierKind.PASSPORT, "E87654321"),
        (IdentifierKind.PASSPORT, "XYZ:"),
        (IdentifierKind.PASSPORT, "CHN:E1234567８"),
        (IdentifierKind.PASSPORT, "CHN:E12345678\nX"),
        (IdentifierKind.PASSPORT, "CHN:ﬀ123456"),
        (IdentifierKind.PASSPORT, "CHN:" + "1" * 16),
        (IdentifierKind.NETWORK_ID, "short"),
        (IdentifierKind.NETWORK_ID, "a" * 129),
        (IdentifierKind.NETWORK_ID, "with a blank in it"),
        (IdentifierKind.NETWORK_ID, "网络身份应用标识网络身份应用标识"),
        (IdentifierKind.MOBILE, "１３８００１３８０００"),
        (IdentifierKind.MOBILE, "12800138000"),
    ],
)
def test_another_form_is_refused(kind: IdentifierKind, text: str) -> None:
    assert code_of(kind, text) == "form"


@given(kind=st.sampled_from(IdentifierKind), text=st.text(max_size=40))
def test_any_text_is_taken_or_refused_with_a_code(kind: IdentifierKind, text: str) -> None:
    try:
        found = Identifier.of(kind, text)
    except IdentifierRefused as error:
        code = error.code
    else:
        code = "form" if Identifier.of(found.kind, found.value) == found else "changed"
    assert code in {"form", "birth-date", "check-character"}


@pytest.mark.parametrize(
    ("kind", "text", "masked"),
    [
        (NUMBER, "11010519491231002X", "110105********002X"),
        (IdentifierKind.PASSPORT, "CHN:E12345678", "CHN:*******78"),
        (IdentifierKind.MOBILE, "13800138000", "138****8000"),
        (IdentifierKind.NETWORK_ID, "A1b2C3d4E5f6G7h8", "A1b2****"),
        (IdentifierKind.CREDIT_CODE, "91350100M000100Y43", "91350100M000100Y43"),
    ],
)
def test_a_repr_is_masked(kind: IdentifierKind, text: str, masked: str) -> None:
    found = Identifier.of(kind, text)
    assert found.masked == masked
    assert repr(found) == f"<Identifier {kind} {masked}>"

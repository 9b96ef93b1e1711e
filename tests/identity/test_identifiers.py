from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msb_identity.errors import IdentifierRefused
from msb_identity.people.identifiers import check_credit_code, check_identity_number, check_mobile

NUMBER = "11010519491231002X"
WEIGHTS = [2 ** (17 - i) % 11 for i in range(17)]  # GB 11643: the weights are powers of two
CREDIT_CODES = [
    "91350100M000100Y43",
    "91110000600037341L",
    "11100000000013338W",
    "11100000MB0143028R",
    "11100000MB03271699",
]


def with_check(first: str) -> str:
    total = sum(w * int(d) for w, d in zip(WEIGHTS, first, strict=True))
    return first + "0123456789X"[(1 - total) % 11]  # ISO 7064 MOD 11-2: the sum with it is 1


def code_of(refused: pytest.ExceptionInfo[IdentifierRefused], text: str) -> str:
    error = refused.value
    for said in (str(error), error.zh, error.en):
        assert text not in said
        assert text.strip() not in said
    return error.code


@pytest.mark.parametrize("number", [NUMBER, "440524188001010014"])
def test_a_right_identity_number_passes_as_it_is(number: str) -> None:
    assert check_identity_number(number) == number


def test_a_small_x_and_spaces_around_are_made_right() -> None:
    assert check_identity_number(" 11010519491231002x\n") == NUMBER


@pytest.mark.parametrize(
    "first",
    [
        "15060219900101001",  # 东胜: made in 2001, the person born before
        "15060320000101001",  # 康巴什: made in 2016
        "15270119900101001",  # 伊克昭盟: gone since 2001
        "15270120200101001",  # gone, and yet given
        "81000019900101001",  # 港澳台居民居住证
        "82000019900101001",
        "83000019900101001",
        "99999919900101001",  # no region at all: still no reason
        "00000019900101001",
    ],
)
def test_no_region_is_ever_a_reason_to_refuse(first: str) -> None:
    number = with_check(first)
    assert check_identity_number(number) == number


@given(st.dates(min_value=datetime(1900, 1, 1).date(), max_value=datetime(2025, 1, 1).date()),  # noqa: DTZ001
       st.integers(0, 999_999), st.integers(0, 999))  # fmt: skip
def test_exactly_one_check_character_fits(birth: object, region: int, serial: int) -> None:
    first = f"{region:06d}{str(birth).replace('-', '')}{serial:03d}"
    right = with_check(first)
    for check in "0123456789X":
        if first + check == right:
            assert check_identity_number(first + check) == right
        else:
            with pytest.raises(IdentifierRefused) as refused:
                check_identity_number(first + check)
            assert code_of(refused, first + check) == "check-character"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "X",
        NUMBER[:-1],
        NUMBER + "1",
        "110105491231002",  # 15 digits, of before 1999
        "1101051949123100 2X",
        "11010519491231002Х",  # Cyrillic
        "１１０１０５１９４９１２３１００２X",
        "١١٠١٠٥١٩٤٩١٢٣١٠٠٢X",
        "11010519491231002\u0660",
        "11010519491231002²",
        "1101051949123100XX",
        NUMBER + "\n1",
        "\ud800" * 18,
    ],
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(IdentifierRefused) as refused:
        check_identity_number(text)
    assert refused.value.code == "form"


@pytest.mark.parametrize(
    "day", ["19490229", "19491301", "19490001", "19490100", "19490431", "00000101", "19000229"]
)
def test_a_day_that_never_was_is_refused(day: str) -> None:
    number = with_check(f"110105{day}002")
    with pytest.raises(IdentifierRefused) as refused:
        check_identity_number(number)
    assert code_of(refused, number) == "birth-date"


def test_a_child_born_today_in_china_passes_and_one_born_tomorrow_does_not() -> None:
    evening = datetime(2026, 1, 30, 16, 0, tzinfo=UTC)  # midnight in China: the 31st begins
    today, tomorrow = with_check("11010520260131001"), with_check("11010520260201001")
    assert check_identity_number(today, now=evening) == today
    with pytest.raises(IdentifierRefused) as refused:
        check_identity_number(tomorrow, now=evening)
    assert code_of(refused, tomorrow) == "birth-date"
    with pytest.raises(IdentifierRefused):
        check_identity_number(today, now=evening.replace(hour=15, minute=59))


@pytest.mark.parametrize("code", CREDIT_CODES)
def test_a_right_credit_code_passes(code: str) -> None:
    assert check_credit_code(code) == code
    assert check_credit_code(f" {code.lower()} ") == code


@pytest.mark.parametrize("code", CREDIT_CODES)
def test_one_wrong_character_of_a_credit_code_is_found(code: str) -> None:
    for position in range(18):
        for other in "0123456789ABCDEFGHJKLMNPQRTUWXY":
            changed = code[:position] + other + code[position + 1 :]
            if changed != code:
                with pytest.raises(IdentifierRefused) as refused:
                    check_credit_code(changed)
                assert code_of(refused, changed) in {"form", "check-character"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "91350100M000100Y4",
        "91350100M000100Y433",
        "9135010OM000100Y43",  # the letter O
        "9135A100M000100Y43",  # a letter in the region
        "９１350100M000100Y43",
        "91350100M000100Y4\u0663",
    ],
)
def test_another_form_of_credit_code_is_refused(text: str) -> None:
    with pytest.raises(IdentifierRefused) as refused:
        check_credit_code(text)
    assert refused.value.code == "form"


def test_a_letter_that_capitals_turn_into_two_is_refused() -> None:
    right = [f"91350100FF0100001{check}" for check in "0123456789ABCDEFGHJKLMNPQRTUWXY"]
    accepted = []
    for code in right:
        with contextlib.suppress(IdentifierRefused):
            accepted.append(check_credit_code(code))
    (code,) = accepted
    with pytest.raises(IdentifierRefused):
        check_credit_code(code.replace("FF", "ﬀ"))


@pytest.mark.parametrize(
    "text",
    ["13800138000", "+8613800138000", "+86 13800138000", "+86-13800138000", " 13800138000 "],
)
def test_every_spelling_of_a_mobile_number_gives_its_eleven_digits(text: str) -> None:
    assert check_mobile(text) == "13800138000"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1380013800",
        "138001380001",
        "12800138000",
        "23800138000",
        "+85213800138000",
        "８613800138000",
        "1380013800٠",
        "138 0013 8000",
        "+86+8613800138000",
    ],
)
def test_another_form_of_mobile_number_is_refused(text: str) -> None:
    with pytest.raises(IdentifierRefused) as refused:
        check_mobile(text)
    assert refused.value.code == "form"


@given(st.text(max_size=40))
def test_any_text_is_answered_or_refused_and_nothing_else(text: str) -> None:
    for check in (check_identity_number, check_credit_code, check_mobile):
        try:
            given_back = check(text)
        except IdentifierRefused:
            continue
        assert given_back.isascii()
        assert check(given_back) == given_back

"""A row becomes a licence, or every reason why not is named at once and repeats no cell."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msb_identity.foundation.clock import CHINA_TIME
from msb_wallet.errors import LicenceRefused
from msb_wallet.licences.model import (
    ELEMENTS,
    ROW_ELEMENTS,
    Licence,
    licence_from_elements,
    licence_from_row,
    parse_date,
)
from tests.wallet.support_licences import (
    AUTHORITY,
    NAME,
    NOW,
    NUMBER,
    NUMBER_2,
    TYPE,
    good_row,
    named,
    refused_faults,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_wallet.errors import Fault


def licence(row: Mapping[str, str], now: datetime = NOW) -> Licence:
    return licence_from_row(row, type_=TYPE, authority=AUTHORITY, now=now)


def faults_of(**changes: str) -> tuple[Fault, ...]:
    return refused_faults(lambda: licence(good_row(**changes)))


def test_a_good_row_gives_every_element() -> None:
    made = licence(good_row())
    assert made.elements() == {
        "ZZLXMC": "建筑施工特种作业操作资格证",
        "ZZLXDM": "11100000000013338W032",
        "ZZMC": "建筑施工特种作业操作资格证",
        "ZZBH": "蒙K012026000001",
        "ZZBFJG": AUTHORITY.name,
        "ZZBFJGDM": "11150600MB0000000B",
        "ZZBFJGJB": "地市级",
        "ZZBFRQ": "20260302",
        "CZZT": NAME,
        "CZZTDM": NUMBER,
        "CZZTDMLXDM": "111",
        "ZZYXQQSRQ": "20260302",
        "ZZYXQJZRQ": "20320301",
        "KZ_CZLB": "建筑电工",
        "KZ_CCLZRQ": "20200302",
    }
    assert set(made.elements()) - set(made.extensions) == set(ELEMENTS)


def test_a_licence_rebuilt_from_its_elements_is_the_same() -> None:
    made = licence(good_row(KZ_BZ="备注"))
    again = licence_from_elements(made.elements(), type_=TYPE, authority=AUTHORITY, now=NOW)
    assert again == made


def test_a_licence_shows_nothing_personal_in_a_traceback() -> None:
    assert repr(licence(good_row())) == "<Licence of 11100000000013338W032>"


def test_spaces_around_cells_are_dropped_and_the_check_letter_made_a_capital() -> None:
    made = licence({key: f" {value}　" for key, value in good_row(CZZTDM=NUMBER.lower()).items()})
    assert made == licence(good_row())


def test_every_fault_of_a_row_is_named_at_once() -> None:
    found = faults_of(
        ZZBH="",
        CZZT="张\u202e三",
        CZZTDM="110105194912310021",
        ZZBFRQ="2026-03-16",
        ZZYXQQSRQ="2026-03-02",
        ZZYXQJZRQ="2026-03-01",
        KZ_CZLB="电工",
        KZ_CCLZRQ="2026-02-30",
        KZ_BZ="长" * 201,
        KZ_XX="多",
    )
    assert named(found) == {
        ("ZZBH", "missing"),
        ("CZZT", "unprintable"),
        ("CZZTDM", "check-character"),
        ("ZZBFRQ", "future"),
        ("ZZYXQJZRQ", "order"),
        ("KZ_CZLB", "choice"),
        ("KZ_CCLZRQ", "date"),
        ("KZ_BZ", "too-long"),
        ("KZ_XX", "unknown-column"),
    }
    assert len(found) == 9
    assert all(fault.zh and fault.en for fault in found)


def test_an_empty_row_lacks_everything_that_is_required() -> None:
    found = refused_faults(lambda: licence({}))
    required = {*ROW_ELEMENTS, "KZ_CZLB", "KZ_CCLZRQ"}
    assert named(found) == {(column, "missing") for column in required}


@pytest.mark.parametrize("column", [*ROW_ELEMENTS, "KZ_CZLB", "KZ_CCLZRQ"])
@pytest.mark.parametrize("value", ["", " ", "\t　\n"])
def test_what_is_required_must_not_be_empty(column: str, value: str) -> None:
    assert named(faults_of(**{column: value})) == {(column, "missing")}


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("ZZBH", "号" * 65, "too-long"),
        ("CZZT", "名" * 101, "too-long"),
        ("CZZTDM", "11010519491231002", "form"),
        ("CZZTDM", "11010519491231002×", "form"),
        ("CZZTDM", "1101051949123１002X", "form"),
        ("CZZTDM", "110105194902300021", "birth-date"),
        ("CZZTDM", "11010520260316002X", "birth-date"),
        ("CZZTDM", "110105194912310021", "check-character"),
        ("ZZBFRQ", "2026-03-16", "future"),
        ("ZZYXQJZRQ", "9999-12-31", "period"),
        ("ZZYXQJZRQ", "2032-03-11", "too-long-valid"),
        ("KZ_CZLB", "建筑电工 员", "choice"),
        ("KZ_CZLB", "建築電工", "choice"),
        ("KZ_BZ", "注" * 201, "too-long"),
        ("KZ_YY", "x", "unknown-column"),
        ("持证主体", NAME, "unknown-column"),
    ],
)
def test_each_fault_by_itself(column: str, value: str, code: str) -> None:
    assert named(faults_of(**{column: value})) == {(column, code)}


def test_a_period_that_no_credential_can_state_is_refused() -> None:
    assert named(faults_of(ZZYXQQSRQ="1970-12-31", ZZYXQJZRQ="1975-01-01")) == {
        ("ZZYXQQSRQ", "period")
    }
    assert licence(good_row(ZZYXQQSRQ="1971-01-01", ZZYXQJZRQ="1975-01-01")).not_before > 0
    far = good_row(ZZYXQQSRQ="9998-01-01", ZZYXQJZRQ="9998-12-31")
    assert licence(far).expires < 253_402_300_799
    assert named(faults_of(ZZYXQQSRQ="9998-01-01", ZZYXQJZRQ="9999-12-31")) == {
        ("ZZYXQJZRQ", "period")
    }


def test_an_end_before_the_beginning_is_a_fault_of_the_end() -> None:
    assert named(faults_of(ZZYXQQSRQ="2032-03-02")) == {("ZZYXQJZRQ", "order")}


def test_longest_values_are_still_good() -> None:
    made = licence(good_row(ZZBH="号" * 64, CZZT="名" * 100, KZ_BZ="注" * 200))
    assert (len(made.number), len(made.holder_name)) == (64, 100)
    first = date(2026, 3, 2)
    last = first + timedelta(days=TYPE.max_validity_days)
    assert licence(good_row(ZZYXQJZRQ=last.isoformat())).valid_until == last


def test_an_unknown_column_without_content_does_no_harm() -> None:
    assert licence(good_row(KZ_XX=" ")) == licence(good_row())


def test_one_day_is_a_period() -> None:
    made = licence(good_row(ZZYXQJZRQ="2026-03-02"))
    assert made.expires - made.not_before == 24 * 3_600


def test_today_is_the_day_in_china() -> None:
    evening = datetime(2026, 3, 15, 15, 59, 59, tzinfo=UTC)  # 23:59:59 in China
    row = good_row(ZZBFRQ="2026-03-16")
    assert named(refused_faults(lambda: licence(row, evening))) == {("ZZBFRQ", "future")}
    assert licence(row, evening + timedelta(seconds=1)).issued_on == date(2026, 3, 16)


def test_the_last_day_counts_whole_in_china_time() -> None:
    made = licence(good_row())
    assert made.not_before == int(datetime(2026, 3, 2, tzinfo=CHINA_TIME).timestamp())
    assert made.not_before == int(datetime(2026, 3, 1, 16, tzinfo=UTC).timestamp())
    assert made.expires == int(datetime(2032, 3, 1, 16, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31",
        "2026/01/31",
        "2026/1/31",
        "2026-1-31",
        "2026年1月31日",
        "2026年01月31日",
        "20260131",
        " 2026-01-31 ",
    ],
)
def test_dates_as_office_programs_write_them(text: str) -> None:
    assert parse_date(text) == date(2026, 1, 31)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026-02-30",
        "2025-02-29",
        "20261301",
        "20260100",
        "2026-00-01",
        "2026-1-1-1",
        "2026-1",
        "2026-1/31",
        "2026/1-31",
        "2026年1-31",
        "2026年1月31",
        "2026-1月31日",
        "2026-01-31日",
        "26-01-31",
        "31-01-2026",
        "02026-01-31",
        "2026-001-31",
        "2026--31",
        "2026-01-",
        "-2026-01-31",
        "+2026-01-31",
        "2026.01.31",
        "2026-01-31 00:00",
        "2026-01-31T00:00:00",
        "46053",  # a spreadsheet's day number
        "２０２６-01-31",
        "٢٠٢٦-01-31",
        "2026-０1-31",
        "2026²0131",
        "2026-01-31\0",
        "0000-01-01",
        "0026-01-31",
        "1899-12-31",
        "长期",
        "二〇二六年一月三十一日",
        "2026010１",
        "2_26-1-1",
        "1_2",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert parse_date(text) is None
    for column in ("ZZBFRQ", "ZZYXQQSRQ", "ZZYXQJZRQ", "KZ_CCLZRQ"):
        expected = "missing" if not text else {"unprintable", "date"}
        codes = {fault.code for fault in faults_of(**{column: text}) if fault.column == column}
        assert codes <= set(expected) if isinstance(expected, set) else codes == {expected}


HIDDEN = [
    "\0",
    "\x07",
    "\n",
    "\r",
    "\x1b",
    "\x7f",
    "\x85",
    "\xad",
    "\u061c",
    "\u200b",
    "\u200d",
    "\u200e",
    "\u200f",
    "\u2028",
    "\u2029",
    "\u202a",
    "\u202e",
    "\u2066",
    "\u2069",
    "\ufeff",
    "\ud800",
    "\U000e0041",
]


@pytest.mark.parametrize("character", HIDDEN, ids=ascii)
@pytest.mark.parametrize("column", ["ZZBH", "CZZT", "KZ_BZ", "KZ_CZLB"])
def test_characters_that_hide_or_turn_a_text_are_refused(column: str, character: str) -> None:
    value = f"建筑{character}电工"
    assert (column, "unprintable") in named(faults_of(**{column: value}))


def test_names_of_minorities_and_rare_characters_are_good() -> None:
    for name in ("阿卜杜拉·买买提", "𠮷野", "㼆", "Ulaanaa Bat-Erdene", "〇一"):
        assert licence(good_row(CZZT=name)).holder_name == name


def test_optional_elements_may_be_empty_or_missing() -> None:
    assert "KZ_BZ" not in licence(good_row()).elements()
    assert "KZ_BZ" not in licence(good_row(KZ_BZ=" ")).elements()
    assert licence(good_row(KZ_BZ=" 夜班 ")).elements()["KZ_BZ"] == "夜班"


def test_faults_never_repeat_what_stood_in_the_cell() -> None:
    secret = "张三丰440524188001010014"
    for column in (*ROW_ELEMENTS, "KZ_CZLB", "KZ_CCLZRQ"):
        for value in (secret, secret * 20, secret + "\u202e", NUMBER_2 + "0"):
            if column in ("ZZBH", "CZZT") and value.isprintable() and len(value) <= 64:
                continue
            with pytest.raises(LicenceRefused) as caught:
                licence(good_row(**{column: value}))
            shown = str(caught.value) + repr(caught.value) + repr(caught.value.faults)
            assert NUMBER_2 not in shown
            assert "张三丰" not in shown


cells = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"[0-9]{4}[-/年][0-9]{1,2}[-/月][0-9]{1,2}日?", fullmatch=True),
    st.from_regex(r"[0-9]{8}", fullmatch=True),
    st.from_regex(r"[0-9]{17}[0-9X]", fullmatch=True),
    st.sampled_from(["0001-01-01", "9999-12-31", "9998-01-01", "1970-01-01", "建筑电工", NUMBER]),
)


@given(
    st.dictionaries(st.sampled_from([*ROW_ELEMENTS, "KZ_CZLB", "KZ_CCLZRQ", "KZ_BZ"]), cells),
    st.dictionaries(st.text(max_size=10), cells, max_size=2),
    st.booleans(),
)
def test_a_row_becomes_a_licence_or_is_refused(
    changes: dict[str, str],
    others: dict[str, str],
    complete: bool,  # noqa: FBT001 - drawn
) -> None:
    row = {**(good_row() if complete else {}), **others, **changes}
    try:
        made = licence(row)
    except LicenceRefused as refusal:
        assert refusal.faults  # noqa: PT017 - most rows come here
        return
    assert 0 <= made.not_before < made.expires < 253_402_300_799
    assert all(len(made.elements()[name]) == 8 for name in ("ZZBFRQ", "ZZYXQQSRQ", "ZZYXQJZRQ"))
    again = licence_from_elements(made.elements(), type_=TYPE, authority=AUTHORITY, now=NOW)
    assert again == made

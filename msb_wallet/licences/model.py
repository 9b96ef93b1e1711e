"""A licence as data (GB/T 36903-2018) and the checks that a row passes to become one.

Element names are the standard's pinyin codes. A row gives what differs from licence to licence; the
type and the issuing authority give the rest. `licence_from_row` finds every fault of a row, not
only the first, so that a clerk mends a file once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Literal

from msb_identity.errors import IdentifierRefused
from msb_identity.foundation.clock import CHINA_TIME, seconds
from msb_identity.foundation.text import is_showable
from msb_identity.people.identifiers import check_identity_number
from msb_wallet.errors import Fault, LicenceRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from msb_wallet.licences.types import ExtensionField, LicenceType

MAX_NAME = 100
MAX_NUMBER = 64

ELEMENTS: Mapping[str, str] = {
    "ZZLXMC": "证照类型名称",
    "ZZLXDM": "证照类型代码",
    "ZZMC": "证照名称",
    "ZZBH": "证照编号",
    "ZZBFJG": "证照颁发机构",
    "ZZBFJGDM": "证照颁发机构代码",
    "ZZBFJGJB": "证照颁发机构级别",
    "ZZBFRQ": "证照颁发日期",
    "CZZT": "持证主体",
    "CZZTDM": "持证主体代码",
    "CZZTDMLXDM": "持证主体代码类型代码",
    "ZZYXQQSRQ": "证照有效期起始日期",
    "ZZYXQJZRQ": "证照有效期截止日期",
}
ROW_ELEMENTS = ("ZZBH", "CZZT", "CZZTDM", "ZZBFRQ", "ZZYXQQSRQ", "ZZYXQJZRQ")
FIRST_YEAR = 1900  # an earlier date is a slip of the pen
# What a credential's times can say: seconds from 1970 to the year 9999.
FIRST_YEAR_VALID, LAST_YEAR_VALID = 1971, 9998
# [0-9] and not \d, which also matches full-width and Arabic digits.
_YEAR, _TWO = "([0-9]{4})", "([0-9]{1,2})"
_DATE = re.compile(
    f"{_YEAR}-{_TWO}-{_TWO}|{_YEAR}/{_TWO}/{_TWO}|{_YEAR}年{_TWO}月{_TWO}日"
    f"|{_YEAR}([0-9]{{2}})([0-9]{{2}})"
)
Level = Literal["国家级", "省级", "地市级", "区县级", "乡镇级", "其他"]


@dataclass(frozen=True, slots=True)
class Authority:
    """An issuing authority 证照颁发机构: credit code, name, level, division code of its region."""

    code: str
    name: str
    level: Level
    region: str


@dataclass(frozen=True, slots=True)
class Licence:
    """The content of one licence, checked; its repr shows nothing personal."""

    type: LicenceType
    authority: Authority
    number: str
    holder_name: str
    holder_code: str
    issued_on: date
    valid_from: date
    valid_until: date
    extensions: Mapping[str, str]

    def elements(self) -> dict[str, str]:
        """Give all elements by their pinyin codes; dates as CCYYMMDD."""
        return {
            "ZZLXMC": self.type.name,
            "ZZLXDM": self.type.code,
            "ZZMC": self.type.name,
            "ZZBH": self.number,
            "ZZBFJG": self.authority.name,
            "ZZBFJGDM": self.authority.code,
            "ZZBFJGJB": self.authority.level,
            "ZZBFRQ": f"{self.issued_on:%Y%m%d}",
            "CZZT": self.holder_name,
            "CZZTDM": self.holder_code,
            "CZZTDMLXDM": self.type.holder_code_type,
            "ZZYXQQSRQ": f"{self.valid_from:%Y%m%d}",
            "ZZYXQJZRQ": f"{self.valid_until:%Y%m%d}",
            **self.extensions,
        }

    def own_elements(self) -> dict[str, str]:
        """Give the elements that came with the row, without what type and authority add."""
        own = {*ROW_ELEMENTS, *self.extensions}
        return {name: value for name, value in self.elements().items() if name in own}

    @property
    def not_before(self) -> int:
        """The first second of the first day, in China's time."""
        return seconds(datetime.combine(self.valid_from, time(), CHINA_TIME))

    @property
    def expires(self) -> int:
        """The first second after the last day (截止日期 is a day on which it still holds)."""
        return seconds(datetime.combine(self.valid_until, time(), CHINA_TIME) + timedelta(days=1))

    def __repr__(self) -> str:
        """Name the type only."""
        return f"<Licence of {self.type.code}>"


def licence_from_row(
    row: Mapping[str, str], *, type_: LicenceType, authority: Authority, now: datetime
) -> Licence:
    """Check a row whose names are pinyin codes; LicenceRefused carries every fault.

    row: the ROW_ELEMENTS and the type's own; texts, dates as 2026-01-31 or 20260131.
    """
    checker = _Row(row, {**ELEMENTS, **{field.key: field.name for field in type_.fields}})
    number = checker.text("ZZBH", MAX_NUMBER)
    name = checker.text("CZZT", MAX_NAME)
    holder = checker.holder_code("CZZTDM", now)
    issued = checker.day("ZZBFRQ")
    first, last = checker.day("ZZYXQQSRQ"), checker.day("ZZYXQJZRQ")
    extensions = {field.key: checker.extension(field) for field in type_.fields}
    checker.no_others({*ROW_ELEMENTS, *extensions})
    checker.dates_agree(issued, first, last, type_, now)
    if checker.faults or issued is None or first is None or last is None:
        raise LicenceRefused(checker.faults)
    given = {key: value for key, value in extensions.items() if value}
    return Licence(type_, authority, number, name, holder, issued, first, last, given)


def licence_from_elements(
    elements: Mapping[str, Any], *, type_: LicenceType, authority: Authority, now: datetime
) -> Licence:
    """Rebuild a stored licence from its elements; LicenceRefused where they no longer hold."""
    names = {*ROW_ELEMENTS, *(field.key for field in type_.fields)}
    row = {name: str(value) for name, value in elements.items() if name in names}
    return licence_from_row(row, type_=type_, authority=authority, now=now)


def parse_date(text: str) -> date | None:
    """Read 2026-01-31, 2026/1/31, 2026年1月31日 or 20260131; None for anything else."""
    parts = _DATE.fullmatch(text.strip())
    if parts is None:
        return None
    try:
        found = date(*(int(part) for part in parts.groups() if part))
    except ValueError:
        return None
    return found if found.year >= FIRST_YEAR else None


class _Row:
    """Checks the cells of one row and gathers what is wrong."""

    def __init__(self, row: Mapping[str, str], titles: Mapping[str, str]) -> None:
        self._row, self._titles = row, titles
        self.faults: list[Fault] = []

    def fault(self, column: str, code: str, zh: str, en: str) -> None:
        self.faults.append(Fault(column, code, zh, en, self._titles.get(column, "")))

    def text(self, column: str, longest: int, *, required: bool = True) -> str:
        value = self._row.get(column, "").strip()
        if not value and required:
            self.fault(column, "missing", "不能为空", "must not be empty")
        elif len(value) > longest:
            self.fault(column, "too-long", f"超过{longest}字", f"longer than {longest} characters")
        elif not is_showable(value):
            self.fault(
                column, "unprintable", "含有不可显示的字符", "has characters that cannot be shown"
            )
        return value

    def holder_code(self, column: str, now: datetime) -> str:
        value = self.text(column, MAX_NUMBER)
        if not value:
            return value
        try:
            checked: str = check_identity_number(value, now=now)
        except IdentifierRefused as error:
            self.fault(column, error.code, error.zh, error.en)
            return value
        return checked

    def day(self, column: str, *, required: bool = True) -> date | None:
        value = self.text(column, 20, required=required)
        if not value:
            return None
        found = parse_date(value)
        if found is None:
            self.fault(column, "date", "日期应为 2026-01-31 的形式", "a date looks like 2026-01-31")
        return found

    def extension(self, field: ExtensionField) -> str:
        readers: dict[str, Callable[[ExtensionField], str]] = {
            "text": lambda f: self.text(f.key, f.max_length, required=f.required),
            "choice": self._choice,
            "date": self._date_text,
        }
        return readers[field.kind](field)

    def _choice(self, field: ExtensionField) -> str:
        value = self.text(field.key, field.max_length, required=field.required)
        if value and value not in field.choices:
            listed = "、".join(field.choices)
            self.fault(field.key, "choice", f"应为：{listed}", f"must be one of: {listed}")
        return value

    def _date_text(self, field: ExtensionField) -> str:
        found = self.day(field.key, required=field.required)
        return f"{found:%Y%m%d}" if found else ""

    def no_others(self, known: set[str]) -> None:
        for column in self._row:
            if column not in known and self._row[column].strip():
                self.fault(
                    column, "unknown-column", "此证照类型没有这一项", "no such element in this type"
                )

    def dates_agree(
        self,
        issued: date | None,
        first: date | None,
        last: date | None,
        type_: LicenceType,
        now: datetime,
    ) -> None:
        today = now.astimezone(CHINA_TIME).date()
        if issued and issued > today:
            self.fault("ZZBFRQ", "future", "颁发日期晚于今天", "issued later than today")
        if first and first.year < FIRST_YEAR_VALID:
            en = f"begins before {FIRST_YEAR_VALID}"
            self.fault("ZZYXQQSRQ", "period", f"起始日期早于{FIRST_YEAR_VALID}年", en)
        if last and last.year > LAST_YEAR_VALID:
            en = f"ends after {LAST_YEAR_VALID}"
            self.fault("ZZYXQJZRQ", "period", f"截止日期晚于{LAST_YEAR_VALID}年", en)
        elif first and last and last < first:
            self.fault("ZZYXQJZRQ", "order", "截止日期早于起始日期", "ends before it begins")
        elif first and last and (last - first).days > type_.max_validity_days:
            days = type_.max_validity_days
            self.fault(
                "ZZYXQJZRQ", "too-long-valid", f"有效期超过{days}天", f"valid for over {days} days"
            )

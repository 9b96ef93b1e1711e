"""Numbers that name people and firms, and whether one can be right at all.

公民身份号码 by GB 11643-1999 (the numbers of 港澳台居民居住证 follow the same rule),
统一社会信用代码 by GB 32100-2015, passports by ICAO Doc 9303, mainland mobile numbers, and the
网络身份应用标识 that the national service gives to one application. Whether a number was ever
given to anybody is for the source that proofs the person. The region code is never a reason to
refuse: regions are renamed, merged and newly made, and old numbers stay. Refusals never repeat the
number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from msb_identity.errors import IdentifierRefused
from msb_identity.foundation.clock import CHINA_TIME, aware
from msb_identity.foundation.protect import mask_number, mask_phone

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

# [0-9] and not \d, which also matches full-width and Arabic digits.
_IDENTITY_NUMBER = re.compile(r"([0-9]{6})([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{3})([0-9Xx])")
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643 appendix A
_IDENTITY_CHECKS = "10X98765432"

_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100: no I, O, S, V, Z
_CREDIT_CODE = re.compile(f"[{_CREDIT_ALPHABET}]{{2}}[0-9]{{6}}[{_CREDIT_ALPHABET}]{{10}}")
_CREDIT_BASE = len(_CREDIT_ALPHABET)

_MOBILE = re.compile(r"(?:\+86[ -]?)?(1[3-9][0-9]{9})")

# Until 1999: no century and no check character (GB 11643-1989).
_OLD_IDENTITY_NUMBER = re.compile(r"[0-9]{15}")
_CENTENARIANS = range(996, 1_000)  # serials kept for those born before 1900
# The issuing state as in the machine-readable zone (Doc 9303 part 3 section 5), and the number.
_PASSPORT = re.compile(r"([A-Z]{1,3}):([A-Z0-9]{5,15})")
_NETWORK_ID = re.compile(r"[!-~]{16,128}")
_RESIDENCE_REGIONS = ("81", "82", "83")  # 香港, 澳门, 台湾
IDENTITY_NUMBER_DOMAIN = "identity-number"
"""The blind-index domain of identity numbers, of accounts and of licence holders alike."""
MOBILE_DOMAIN = "mobile-number"


class IdentifierKind(StrEnum):
    """What kind of identifier it is."""

    IDENTITY_NUMBER = "identity_number"
    """公民身份号码."""
    RESIDENCE_PERMIT = "residence_permit"
    """港澳台居民居住证; one in 18 digits that begin with 81, 82 or 83."""
    PASSPORT = "passport"
    """The issuing state and the number, as CHN:E12345678."""
    MOBILE = "mobile"
    NETWORK_ID = "network_id"
    """网络身份应用标识: names a person to one application, and to no other."""
    CREDIT_CODE = "credit_code"
    """统一社会信用代码, of firms."""


@dataclass(frozen=True, slots=True, repr=False)
class Identifier:
    """An identifier in its one form, made by `of`; its repr is masked.

    of_15_digits: whether an old number was given, which finds an account and gives none its number.
    """

    kind: IdentifierKind
    value: str
    of_15_digits: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, kind: IdentifierKind, text: str, *, now: datetime | None = None) -> Self:
        """Check an identifier and give it in its one form; IdentifierRefused says what is wrong.

        An identity number may be an old one of 15 digits, and is then the new one of 18. One that
        begins with 81, 82 or 83 stands on a 居住证, whichever of the two kinds was asked for.
        """
        found = cls.kept(_RULES[kind].kept_as, _RULES[kind].check(text, now))
        is_old = kind is IdentifierKind.IDENTITY_NUMBER and widen_identity_number(text) != text
        return replace(found, of_15_digits=is_old)

    @classmethod
    def kept(cls, kept_as: str, value: str) -> Self:
        """Give an identifier that was checked before, from what the store holds of it."""
        kind = IdentifierKind(kept_as)
        if kind is IdentifierKind.IDENTITY_NUMBER and value.startswith(_RESIDENCE_REGIONS):
            kind = IdentifierKind.RESIDENCE_PERMIT
        return cls(kind, value)

    @property
    def domain(self) -> str:
        """The domain of its blind index; one for all numbers of 18 digits."""
        return _RULES[self.kind].domain

    @property
    def kept_as(self) -> str:
        """The kind as the store names it; numbers of 18 digits stand under one name."""
        return _RULES[self.kind].kept_as

    @property
    def masked(self) -> str:
        """The identifier as it may be shown."""
        return _RULES[self.kind].mask(self.value)

    def __repr__(self) -> str:
        return f"<Identifier {self.kind} {self.masked}>"


def check_identity_number(text: str, *, now: datetime | None = None) -> str:
    """Give the identity number (公民身份号码) in its one form, with a capital X.

    Raises IdentifierRefused with the code `form`, `birth-date` (no such day, or after today in
    China) or `check-character`.
    """
    number = text.strip()
    parts = _IDENTITY_NUMBER.fullmatch(number)
    if parts is None:
        raise IdentifierRefused(
            "form",
            "公民身份号码应为 17 位数字加 1 位校验码",
            "an identity number is 17 digits and a check character",
        )
    number = number.upper()
    try:
        birth = date(int(parts[2]), int(parts[3]), int(parts[4]))
    except ValueError:
        birth = None
    if birth is None or birth > aware(now).astimezone(CHINA_TIME).date():
        raise IdentifierRefused(
            "birth-date",
            "公民身份号码中的出生日期不存在或晚于今天",
            "the birth date in the identity number does not exist or is after today",
        )
    if _identity_check(number[:-1]) != number[-1]:
        raise IdentifierRefused(
            "check-character",
            "公民身份号码的校验码不符",
            "the check character of the identity number does not fit",
        )
    return number


def check_credit_code(text: str) -> str:
    """Give the unified social credit code (统一社会信用代码) in capitals.

    Raises IdentifierRefused with the code `form` or `check-character`. The organisation code inside
    (characters 9 to 17) has a check of its own, which is not asked here.
    """
    code = text.strip()
    # Characters outside ASCII are refused before upper(), which makes FF of the ligature ﬀ.
    if not code.isascii() or not _CREDIT_CODE.fullmatch(code.upper()):
        raise IdentifierRefused(
            "form",
            "统一社会信用代码应为 18 位数字或大写字母（不含 I、O、S、V、Z）",
            "a credit code is 18 digits or letters other than I, O, S, V, Z",
        )
    code = code.upper()
    values = [_CREDIT_ALPHABET.index(character) for character in code]
    total = sum(value * pow(3, i, _CREDIT_BASE) for i, value in enumerate(values[:-1]))
    if -total % _CREDIT_BASE != values[-1]:
        raise IdentifierRefused(
            "check-character",
            "统一社会信用代码的校验码不符",
            "the check character of the credit code does not fit",
        )
    return code


def check_mobile(text: str) -> str:
    """Give a mainland mobile number as 11 digits, with or without +86 before it.

    Raises IdentifierRefused with the code `form`.
    """
    parts = _MOBILE.fullmatch(text.strip())
    if parts is None:
        raise IdentifierRefused(
            "form",
            "手机号码应为 1 开头的 11 位数字",
            "a mobile number is 11 digits that begin with 13 to 19",
        )
    return parts[1]


def widen_identity_number(text: str) -> str:
    """Give an old identity number (15 digits) as the one of 18; any other text as it is.

    The century is the 20th, but for the serials 996 to 999, which centenarians had.
    """
    old = text.strip()
    if not _OLD_IDENTITY_NUMBER.fullmatch(old):
        return text
    century = "18" if int(old[12:]) in _CENTENARIANS else "19"
    first = old[:6] + century + old[6:]
    return first + _identity_check(first)


def check_residence_permit(text: str, *, now: datetime | None = None) -> str:
    """Give the number of a 港澳台居民居住证; IdentifierRefused as for an identity number."""
    number = check_identity_number(text, now=now)
    if not number.startswith(_RESIDENCE_REGIONS):
        raise IdentifierRefused(
            "form",
            "港澳台居民居住证号码应以 81、82 或 83 开头",
            "the number of a residence permit begins with 81, 82 or 83",
        )
    return number


def check_passport(text: str) -> str:
    """Give a passport as STATE:NUMBER in capitals (state as in its machine-readable zone).

    Raises IdentifierRefused with the code `form`.
    """
    passport = text.strip()
    if not passport.isascii() or not _PASSPORT.fullmatch(passport.upper()):
        raise IdentifierRefused(
            "form",
            "护照应写作“签发国代码:号码”，例如 CHN:E12345678",
            "a passport is the issuing state and the number, as CHN:E12345678",
        )
    return passport.upper()


def check_network_id(text: str) -> str:
    """Give a 网络身份应用标识 as it came: 16 to 128 visible ASCII characters.

    Its form is the national service's own and is not published. IdentifierRefused (`form`).
    """
    if not _NETWORK_ID.fullmatch(text):
        raise IdentifierRefused(
            "form",
            "网络身份应用标识应为 16 至 128 个可见 ASCII 字符",
            "a network identity is 16 to 128 visible ASCII characters",
        )
    return text


def _identity_check(first: str) -> str:
    """Give the check character of 17 digits (GB 11643 appendix A)."""
    total = sum(w * int(digit) for w, digit in zip(_IDENTITY_WEIGHTS, first, strict=True))
    return _IDENTITY_CHECKS[total % 11]


def _mask_passport(value: str) -> str:
    state, _, number = value.partition(":")
    return f"{state}:{'*' * (len(number) - 2)}{number[-2:]}"


@dataclass(frozen=True, slots=True)
class _Rule:
    check: Callable[[str, datetime | None], str]
    domain: str
    kept_as: str
    mask: Callable[[str], str]


_NUMBER_OF_18 = (IDENTITY_NUMBER_DOMAIN, "identity_number", mask_number)
_RULES = {
    IdentifierKind.IDENTITY_NUMBER: _Rule(
        lambda text, now: check_identity_number(widen_identity_number(text), now=now),
        *_NUMBER_OF_18,
    ),
    IdentifierKind.RESIDENCE_PERMIT: _Rule(
        lambda text, now: check_residence_permit(text, now=now), *_NUMBER_OF_18
    ),
    IdentifierKind.PASSPORT: _Rule(
        lambda text, _: check_passport(text), "passport", "passport", _mask_passport
    ),
    IdentifierKind.MOBILE: _Rule(
        lambda text, _: check_mobile(text), MOBILE_DOMAIN, "mobile", mask_phone
    ),
    IdentifierKind.NETWORK_ID: _Rule(
        lambda text, _: check_network_id(text),
        "network-id",
        "network_id",
        lambda value: value[:4] + "****",
    ),
    IdentifierKind.CREDIT_CODE: _Rule(
        lambda text, _: check_credit_code(text), "credit-code", "credit_code", str
    ),
}

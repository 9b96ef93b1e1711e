"""Numbers that name people and firms, and whether one can be right at all.

公民身份号码 by GB 11643-1999 (the numbers of 港澳台居民居住证 follow the same rule),
统一社会信用代码 by GB 32100-2015, mainland mobile numbers. Whether a number was ever given to
anybody is for the source that proofs the person. The region code is never a reason to refuse:
regions are renamed, merged and newly made, and old numbers stay. Refusals never repeat the number.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from msb_identity.errors import IdentifierRefused
from msb_identity.foundation.clock import CHINA_TIME, aware

if TYPE_CHECKING:
    from datetime import datetime

# [0-9] and not \d, which also matches full-width and Arabic digits.
_IDENTITY_NUMBER = re.compile(r"([0-9]{6})([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{3})([0-9Xx])")
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643 appendix A
_IDENTITY_CHECKS = "10X98765432"

_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100: no I, O, S, V, Z
_CREDIT_CODE = re.compile(f"[{_CREDIT_ALPHABET}]{{2}}[0-9]{{6}}[{_CREDIT_ALPHABET}]{{10}}")
_CREDIT_BASE = len(_CREDIT_ALPHABET)

_MOBILE = re.compile(r"(?:\+86[ -]?)?(1[3-9][0-9]{9})")


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
    total = sum(w * int(digit) for w, digit in zip(_IDENTITY_WEIGHTS, number, strict=False))
    if _IDENTITY_CHECKS[total % 11] != number[-1]:
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

"""What a new password must be: long enough, and not easy to guess (NIST SP 800-63B, 5.1.1.2).

No rules about kinds of characters, no expiry: they make passwords worse. Refused are short ones,
those that everybody tries first, one character again and again, runs along the digits, the alphabet
or the keyboard, and what is made of the person's own numbers or name.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_identity.errors import PasswordRefused

if TYPE_CHECKING:
    from collections.abc import Iterable

MIN_CHARS = 10
"""Longer than the 8 of the guideline, since a password may be a person's only factor."""
MAX_CHARS = 128
_SHORTEST_PERSONAL = 4
_RUNS = ("01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
COMMON = frozenset(
    """
    1234567890 12345678910 123456789a a123456789 a1234567890 aa123456789 qq123456789 abc123456789
    1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc qazwsxedcrfv qwer123456 qwerty12345 qwertyuiop123
    asdfghjkl123 q1w2e3r4t5 zaq12wsxcde3 woaini1314 woaini520520 woaini123456 woaini5201314
    5201314520 5201314521 1314520520 520520520520 7758521521 password12 password123 password1234
    passw0rd123 p@ssw0rd123 iloveyou123 iloveyou520 iloveyou1314 admin12345 admin123456 admin@12345
    administrator root123456 root@123456 test123456 welcome123 letmein123 sunshine123 football123
    princess123 1122334455 11223344556677 1111122222 1212121212 123123123123 1231231234 3141592653
    9876543210 0987654321 112233445566 147258369147 147258369000 159357159357 zxcvbnm123
    mengsuban123 neimenggu123 huhehaote123 zhongguo123 qwe123qwe123 asd123asd123 abcd123456
    """.split()  # noqa: SIM905 - sixty quoted texts would be harder to read
)


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """The policy of one kind of account; `minimum` is counted in characters, and at least 8."""

    minimum: int = MIN_CHARS
    common: frozenset[str] = COMMON

    def __post_init__(self) -> None:
        """Refuse a minimum below that of the guideline."""
        if not 8 <= self.minimum <= MAX_CHARS:  # noqa: PLR2004 - NIST SP 800-63B 5.1.1.2
            message = f"a password has at least 8 characters, at most {MAX_CHARS}"
            raise ValueError(message)

    def check(self, password: str, *, personal: Iterable[str] = ()) -> bytes:
        """Give the bytes that are hashed, of a new password that may be used.

        personal: numbers and names of the account. PasswordRefused with the code `too-short`,
        `too-long`, `not-text`, `common` or `personal`.
        """
        plain = normal_form(password)
        if plain is None:
            raise _refused("too-long" if len(password) > MAX_CHARS else "not-text")
        text = plain.decode()
        if len(text) < self.minimum:
            raise _refused("too-short", self.minimum)
        folded = text.casefold()
        if folded in self.common or len(set(folded)) <= 2 or _is_run(folded):  # noqa: PLR2004 - abab
            raise _refused("common")
        if any(_is_made_of(folded, one.casefold()) for one in personal):
            raise _refused("personal")
        return plain


def normal_form(password: str) -> bytes | None:
    """Give a typed password in the one form that is hashed; None for what no password is.

    NFKC, so that full-width digits of an input method are the digits they show.
    """
    if len(password) > MAX_CHARS:
        return None
    text = unicodedata.normalize("NFKC", password)
    if len(text) > MAX_CHARS or any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
        return None
    return text.encode()


def _is_run(text: str) -> bool:
    return any(text in run or text[::-1] in run for run in _RUNS)


def _is_made_of(password: str, own: str) -> bool:
    """Whether a password is a part of a person's text, or little more than that text."""
    if len(own) < _SHORTEST_PERSONAL:
        return False
    return password in own or (own in password and len(password) - len(own) < _SHORTEST_PERSONAL)


_SENTENCES = {
    "too-short": ("密码至少 {} 个字符", "a password has at least {} characters"),
    "too-long": ("密码最多 128 个字符", "a password has at most 128 characters"),
    "not-text": ("密码含有无法使用的字符", "the password has characters that cannot be used"),
    "common": ("密码过于常见，请换一个", "too many people use this password: choose another"),
    "personal": (
        "密码不能由本人的号码或姓名构成",
        "a password must not be made of one's own numbers or name",
    ),
}


def _refused(code: str, *values: int) -> PasswordRefused:
    zh, en = _SENTENCES[code]
    return PasswordRefused(code, zh.format(*values), en.format(*values))

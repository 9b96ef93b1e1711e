"""Why something about people was refused: stable codes, each with a sentence in both languages."""

from __future__ import annotations

from msb_identity.errors import AccountRefused

_ACCOUNT = {
    "name": (
        "姓名应为 1 至 100 个可显示的字符",
        "a name is 1 … 100 printable characters",
    ),
    "no-identifier": (
        "账号至少需要一个标识",
        "an account needs an identifier to be found by",
    ),
    # One sentence for all identifiers, so that it does not tell which of them is known.
    "known": (
        "该号码已有账号",
        "an account with one of these identifiers exists already",
    ),
    "held-by-another": (
        "该标识属于另一账号：若为同一人，应合并两个账号",
        "this identifier is another account's: if both are one person's, merge them",
    ),
    "another-number": (
        "该账号已有另一个身份号码",
        "this account has another identity number already",
    ),
    "not-of-people": (
        "统一社会信用代码属于法人，不属于自然人",
        "a credit code names a firm, not a person",
    ),
    "too-many-identifiers": ("账号的标识过多", "an account holds no more identifiers"),
    "not-held": ("该账号没有此标识", "this account does not hold that identifier"),
    "last-identifier": (
        "不能解除最后一个标识",
        "the last identifier stays: nothing else would find the account",
    ),
    "no-account": ("没有此账号", "there is no such account"),
    "same-account": ("不能与自身合并", "an account is not merged with itself"),
    "two-people": (
        "两个账号的身份号码均已核验且不同，不是同一人",
        "both accounts have a proven identity number, and they differ: these are two people",
    ),
    "merged-elsewhere": (
        "该账号已并入另一账号",
        "one of the accounts was merged into another already",
    ),
    "changed-meanwhile": ("账号同时被修改，请重试", "the account was changed meanwhile: try again"),
    "another-name": (
        "核验的姓名与账号的姓名不同",
        "the name to be checked is not the account's",
    ),
    "nothing-to-check": (
        "账号缺少待核验的姓名或号码",
        "the account lacks the name or the number that is to be checked",
    ),
    "too-many-checks": (
        "核验失败次数过多，请稍后再试",
        "too many checks failed; try again later",
    ),
}


def account_refused(code: str, *, other: str | None = None) -> AccountRefused:
    """Give the refusal of that code."""
    return AccountRefused(code, *_ACCOUNT[code], other=other)

"""Why something about people was refused: stable codes, each with a sentence in both languages."""

from __future__ import annotations

from msb_identity.errors import AccountRefused, MandateRefused, StaffRefused

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
    "other-name": (
        "两个账号的姓名不同且均有核验依据，不能合并",
        "the accounts' names differ, and more than its owner's word speaks for the second",
    ),
    "old-number": (
        "15 位身份证号码仅可用于查找，请填写 18 位号码",
        "an old number of 15 digits only finds an account: give the one of 18",
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
_MANDATE = {
    "no-firm": ("没有此单位", "there is no such firm"),
    "firm-closed": ("该单位已注销", "the firm was closed"),
    "firm-known": ("该统一社会信用代码已登记", "a firm of this credit code is registered"),
    "firm-name": ("单位名称应为 1 至 200 个可显示的字符", "a firm's name is 1 … 200 characters"),
    "representative": (
        "法定代表人须有已实名的账号",
        "a legal representative needs an account above the lowest real-name level",
    ),
    "not-representative": (
        "只有法定代表人可以授权",
        "only the legal representative gives mandates",
    ),
    "agent": ("没有该经办人的账号", "the agent has no account"),
    "scope": (
        "授权范围应为 1 至 30 个事项代码",
        "a scope is 1 … 30 names, each of a-z, 0-9 and . : _ -",
    ),
    "period": ("授权期限不成立", "the period ends before it begins, or has ended"),
    "no-mandate": ("没有该授权", "there is no such mandate"),
    "not-agent": ("只能由经办人本人接受", "only the agent himself accepts a mandate"),
    "not-yours": (
        "只有法定代表人或经办人本人可以终止授权",
        "only the legal representative, or the agent himself, ends a mandate",
    ),
    "level": (
        "实名等级不足，不能代表他人",
        "whoever only declared who he is acts for nobody",
    ),
    "not-accepted": ("授权尚未被接受", "the mandate has not been accepted"),
    "not-begun": ("授权尚未开始", "the mandate has not begun"),
    "expired": ("授权已到期", "the mandate has expired"),
    "ended": ("授权已终止", "the mandate was ended"),
    "scope-not-given": ("授权范围不含此事项", "the mandate does not cover this"),
}
_STAFF = {
    "title": ("名称应为 1 至 100 个可显示的字符", "a name is 1 … 100 printable characters"),
    "role": ("角色代码应为小写字母、数字和 . : _ -", "a role is a name of a-z, 0-9 and . : _ -"),
    "number": ("工号应为 1 至 40 个字母、数字或 . _ @ -", "a staff number is 1 … 40 characters"),
    "number-known": ("该工号已被使用", "this staff number is taken, or was"),
    "no-department": ("没有此部门", "there is no such department"),
    "no-post": ("没有此岗位", "there is no such post"),
    "no-staff": ("没有此工作人员", "there is no such member of staff"),
    "no-account": ("没有此账号", "there is no such account"),
    "left": ("该工作人员已离职", "this member of staff has left"),
    "ring": ("部门不能移到自身之下", "a department does not come under itself"),
    "too-deep": ("部门层级过多", "departments are not stacked deeper than this"),
    "too-many": ("数量超过上限", "there are no more of these than this"),
}


def account_refused(code: str, *, other: str | None = None) -> AccountRefused:
    """Give the refusal of that code."""
    return AccountRefused(code, *_ACCOUNT[code], other=other)


def mandate_refused(code: str) -> MandateRefused:
    """Give the refusal of that code."""
    return MandateRefused(code, *_MANDATE[code])


def staff_refused(code: str) -> StaffRefused:
    """Give the refusal of that code."""
    return StaffRefused(code, *_STAFF[code])

"""What refusals say: of changes in a seal's life, and of its use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_seal.errors import LifecycleRefused, SealingRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIFE: Mapping[str, tuple[str, str]] = {
    "no-record": ("没有此印章记录", "there is no such record of a seal"),
    "no-unit": ("没有此单位，或单位已撤销", "there is no such unit, or it is closed"),
    "unit-differs": (
        "该单位已登记，且名称或地区不同",
        "this unit is registered with another name or region",
    ),
    "unit-in-use": ("该单位还有未注销的印章", "this unit has seals that have not ended"),
    "state": ("印章现在的状态不允许此操作", "the seal's present state does not allow this"),
    "same-person": ("须由另一人办理", "another person must do this"),
    "other-person": ("只能由申请人办理", "only the applicant may do this"),
    "not-asked": ("尚无人申请此项终止", "nobody has asked for this end yet"),
    "reason": ("此操作的原因不在代码表中", "the table of codes has no such reason for this act"),
    "person": (
        "人员标识只能由英文字母、数字、汉字和 . _ @ : - 组成，不含空格，最多 100 个字符",
        "an id is of ASCII letters, digits, Chinese characters and . _ @ : -, at most 100",
    ),
    "content": ("申请内容不合要求", "the application is not as it must be"),
    "type": ("代码表中没有此印章类型", "the table of codes has no such type of seal"),
    "period": ("有效期不合要求", "the period is not as it must be"),
    "reference-taken": (
        "该单位的此受理编号已用于其他内容",
        "this reference of this unit stands for another application",
    ),
    "not-renewable": (
        "所换发的印章不属于该单位和类型，或不可换发",
        "the seal to renew is of another unit or type, or cannot be renewed",
    ),
    "renewal-open": ("该印章已有换发记录", "this seal has a renewal already"),
    "numbers-exhausted": ("该地区的印章编码已用完", "the region has no seal codes left"),
    "changed": (
        "库中的申请内容与申请时不同",
        "what the store holds is not what was applied for",
    ),
    "damaged": (
        "库中的记录已损坏，须由管理员修复",
        "what the store holds of it is damaged: an administrator must mend it",
    ),
    "frozen-damaged": (
        "印章已停用；但库中的记录已损坏，未生成备案事项",
        "the seal is frozen now, but its record is damaged, and nothing was written to be filed",
    ),
    "not-made": ("印章尚未制作", "the seal has not been made yet"),
    "purpose": ("代码表中没有此使用目的", "the table of codes has no such purpose"),
    "uses": ("次数须为正数", "the number of uses must be positive"),
    "no-grant": ("没有此使用授权", "there is no such grant"),
    "grant-withdrawn": (
        "同样的授权已撤回，请另定期限或次数",
        "the same grant was withdrawn: give one of another period or number",
    ),
    "own-grant": ("不能给自己授权", "nobody gives themselves a grant"),
    "no-filing": ("没有此备案事项", "there is nothing of that kind to file"),
    "filed-otherwise": ("此事项已用另一回执备案", "this was filed with another receipt"),
    "unavailable": ("无法查询印章状态", "the state of the seal cannot be asked"),
    "list": ("印章状态清单不能使用", "the list of seal states cannot be used"),
}
_USE: Mapping[str, tuple[str, str]] = {
    "frozen": ("印章已停用", "the seal is frozen"),
    "cancelled": ("印章已注销", "the seal is cancelled"),
    "void": ("印章无效", "the seal is void"),
    "not-issued": ("印章尚未启用", "the seal is not issued yet"),
    "not-yet-valid": ("印章尚未生效", "the seal's period has not begun"),
    "lapsed": ("印章已过有效期", "the seal's period has ended"),
    "certificate-period": (
        "签章人证书不在有效期内",
        "the signer's certificate is outside its period",
    ),
    "no-grant": ("该用户没有此目的的使用授权", "this user has no grant for this purpose"),
    "grant-withdrawn": ("使用授权已撤回", "the grant was withdrawn"),
    "grant-period": ("不在使用授权的期限内", "the grant's period has not begun or has ended"),
    "used-up": ("使用授权的次数不足", "the grant has not that many uses left"),
    "reservation-ended": ("预留已结束", "the reservation has ended"),
    "reservation-used-up": ("预留的次数不足", "the reservation has not that many uses left"),
    "damaged": ("库中的印章或授权记录已损坏", "the store's record of seal or grant is damaged"),
    "changed": (
        "印章状态已变化，须重新预留",
        "the seal's state has changed since: reserve again",
    ),
    "state-unknown": (
        "一秒内无法确认印章状态",
        "the seal's state could not be learnt within a second",
    ),
    "digest-not-signed": (
        "所签内容与所报摘要不符",
        "what is to be signed does not hold the digest that was named",
    ),
    "signer-not-listed": (
        "签章人证书不在印章中",
        "the signer's certificate is not one of the seal's",
    ),
    "key-differs": ("私钥与证书不符", "the key is not the certificate's"),
    "too-many": ("一次的数量过多", "too many at once"),
    "document": ("文件名称为空或过长", "a document's name is empty or too long"),
}
_DETAILS: Mapping[str, str] = {
    "name": "名称",
    "applicant": "申请人",
    "reference": "受理编号",
    "picture": "印模",
    "picture type": "印模格式",
    "signers": "签章人",
    "unit": "单位",
    "region": "地区",
    "receipt": "回执",
    "lifetime": "有效期",
    "expired": "已过期",
    "from the future": "签发时间晚于现在",
    "older than one seen before": "早于已见过的版本",
    "parts of one list are needed": "须为同一清单的各部分",
    "no part for this seal": "没有此印章所属的部分",
    "too many seals": "印章过多",
    "applied": "已申请",
    "withdrawn": "已撤回",
    "refused": "未批准",
    "approved": "已批准",
    "made": "已制作",
    "active": "有效",
    "frozen": "停用",
    "cancelled": "注销",
    "void": "无效",
}
"""Details in Chinese; what is not here is an id, or what another room says in English."""


def refused(code: str, detail: str = "") -> LifecycleRefused:
    """Give the refusal of a change; `detail` names what, never with personal data."""
    zh, en = _LIFE[code]
    return LifecycleRefused(code, *_detailed(zh, en, detail))


def use_refused(code: str, detail: str = "") -> SealingRefused:
    """Give the refusal of a use."""
    zh, en = _USE[code]
    return SealingRefused(code, *_detailed(zh, en, detail))


def _detailed(zh: str, en: str, detail: str) -> tuple[str, str]:
    return (f"{zh}：{_DETAILS.get(detail, detail)}", f"{en}: {detail}") if detail else (zh, en)

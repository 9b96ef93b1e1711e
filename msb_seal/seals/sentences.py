"""What reports on seals and seal signatures say, for each step and code, in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.x509.sentences import SENTENCES as CERTIFICATE_SENTENCES
from msb_seal.judging import SENTENCES as JUDGING_SENTENCES

if TYPE_CHECKING:
    from msb_identity.foundation.report import Sentences

_OF_MAKER: Sentences = {
    ("seal-maker-certificate", code): (f"制章人：{zh}", f"the seal's maker: {en}")
    for (_, code), (zh, en) in CERTIFICATE_SENTENCES.items()
}

SENTENCES: Sentences = {
    **JUDGING_SENTENCES,
    **_OF_MAKER,
    ("format", "ok"): ("结构正确", "it is well formed"),
    ("format", "odd"): ("可读，但有不合规之处", "it can be read but is odd"),
    ("format", "critical-extension"): (
        "含有无法识别的关键扩展，不能判定",
        "it has a critical extension that we do not understand",
    ),
    ("format", "malformed"): (
        "不是可读的电子印章或签章",
        "this is no seal or seal signature that can be read",
    ),
    ("format", "too-large"): (
        "印章或签章过大，未核验",
        "the seal or seal signature is too large to be checked",
    ),
    ("algorithm", "wrong"): (
        "所列签名算法与密钥不符",
        "the signature algorithm is not one of this key",
    ),
    ("signature-value", "ok"): ("签章的签名值有效", "the signature value is good"),
    ("signature-value", "odd-encoding"): (
        "签名值有效，但编码不合规",
        "the signature value is good but oddly encoded",
    ),
    ("signature-value", "bad"): (
        "签名值无效，签章内容可能被改动",
        "the signature value is wrong: what was signed may have been changed",
    ),
    ("signature-value", "no-key"): (
        "没有可读的证书，无法验证签名值",
        "without a certificate that can be read nothing could be checked",
    ),
    ("signature-value", "unsupported"): (
        "签名值无法验证",
        "the signature value could not be checked",
    ),
    ("document-digest", "ok"): ("与原文一致", "the document is the one that was sealed"),
    ("document-digest", "changed"): (
        "原文与签章不符，可能被改动",
        "the document is not the one that was sealed: it may have been changed",
    ),
    ("document-digest", "no-original"): (
        "没有原文，无法比对摘要",
        "the document is not at hand, so its digest could not be compared",
    ),
    ("document-digest", "other-property"): (
        "与原文一致，但签章所记的原文位置不同",
        "the document is the one that was sealed, but the seal names another place",
    ),
    ("document-digest", "unsupported"): (
        "摘要算法不支持，无法与原文比对",
        "the digest is of a kind that we do not have",
    ),
    ("signer-in-seal", "ok"): (
        "签章人证书在印章的列表中",
        "the seal lists the signer's certificate",
    ),
    ("signer-in-seal", "not-listed"): (
        "签章人证书不在印章的列表中，无权使用此印章",
        "the seal does not list the signer's certificate: the signer may not use it",
    ),
    ("signer-in-seal", "undecided"): (
        "印章的列表无法与签章人证书比对",
        "the seal's list cannot be compared with the signer's certificate",
    ),
    ("seal-signature", "ok"): ("印章的签名有效", "the maker's signature on the seal is good"),
    ("seal-signature", "odd-encoding"): (
        "印章的签名有效，但编码不合规",
        "the maker's signature on the seal is good but oddly encoded",
    ),
    ("seal-signature", "bad"): (
        "印章的签名无效，印章可能被改动",
        "the maker's signature on the seal is wrong: the seal may have been changed",
    ),
    ("seal-signature", "no-key"): (
        "没有可读的制章人证书，无法验证",
        "without the maker's certificate nothing could be checked",
    ),
    ("seal-signature", "unsupported"): (
        "印章的签名无法验证",
        "the maker's signature could not be checked",
    ),
    ("seal-maker-certificate", "ok"): (
        "制章人证书在制章时有效",
        "the maker's certificate was good when the seal was made",
    ),
    ("seal-maker-certificate", "malformed"): (
        "制章人证书无法读取",
        "the maker's certificate cannot be read",
    ),
    ("seal-maker-certificate", "began-later"): (
        "制章人证书的生效晚于印章所记的制作日期，使用时有效",
        "the maker's certificate began after the seal says it was made; it was good when used",
    ),
    ("seal-maker-certificate", "began-later-ended"): (
        "制章人证书的生效晚于印章所记的制作日期，使用时已到期",
        "the maker's certificate began after the seal says it was made, and had ended when used",
    ),
    ("seal-maker-certificate", "ended-since"): (
        "制章人证书在制章后已到期",
        "the maker's certificate has ended since the seal was made",
    ),
    ("seal-maker-certificate", "revoked-since"): (
        "制章人证书在制章后被吊销，无法证明印章在此之前制作",
        "the maker's certificate was revoked since, and nothing proves that the seal is older",
    ),
    ("seal-maker-certificate", "is-signer"): (
        "制章人就是签章人，没有第三方为印章担保",
        "the maker is the signer: nobody else vouches for the seal",
    ),
    ("seal-period", "ok"): ("在印章有效期内", "within the seal's period"),
    ("seal-period", "ended"): ("印章有效期已过", "the seal's period had ended"),
    ("seal-period", "not-yet-valid"): (
        "印章尚未生效",
        "the seal's period had not begun",
    ),
    ("seal-period", "ended-since"): (
        "签章时印章有效，此后已到期",
        "the seal was within its period when it was used, and has ended since",
    ),
    ("seal-period", "used-before-made"): (
        "签章时间早于印章所记的制作日期",
        "it was used before the seal says it was made",
    ),
    ("seal-period", "no-period"): (
        "印章有效期的起始晚于截止",
        "the seal's period ends before it begins",
    ),
    ("seal-period", "made-after-end"): (
        "印章的制作日期晚于有效期截止",
        "the seal was made after its period had ended",
    ),
    ("seal-period", "made-in-future"): (
        "印章的制作日期晚于核验时间",
        "the seal says it was made later than now",
    ),
    ("seal-status", "ok"): ("印章状态有效", "the seal is active"),
    ("seal-status", "not-asked"): (
        "未提供印章状态来源，不查状态",
        "no source of seal states was given",
    ),
    ("seal-status", "not-known"): (
        "状态来源不认识此印章",
        "the source of states does not know this seal",
    ),
    ("seal-status", "not-available"): (
        "无法取得印章状态",
        "the state of the seal could not be had",
    ),
    ("seal-status", "frozen"): ("印章已停用", "the seal is frozen"),
    ("seal-status", "cancelled"): ("印章已注销", "the seal is cancelled"),
    ("seal-status", "void"): ("印章无效，自始不得使用", "the seal is void: it never was good"),
    ("seal-status", "active-later"): (
        "印章在盖章之后才成为现状态：当时可能停用或尚未启用",
        "the seal became active after it was used: it may have been frozen or not issued then",
    ),
    ("seal-status", "from-future"): (
        "状态来源所记的时间在将来",
        "the source of states gives a time in the future",
    ),
    ("seal-status", "frozen-later"): (
        "印章在此之后被停用",
        "the seal was frozen later",
    ),
    ("seal-status", "cancelled-later"): (
        "印章在此之后被注销",
        "the seal was cancelled later",
    ),
    ("signer-certificate", "malformed"): (
        "签章人证书无法读取",
        "the signer's certificate cannot be read",
    ),
    ("timestamp", "none"): ("没有时间戳", "there is no time-stamp"),
    ("timestamp", "ok"): ("签章的时间戳有效", "the time-stamp is good"),
    ("timestamp", "bad"): ("签章的时间戳无效", "the time-stamp is wrong"),
    ("timestamp", "unproven"): (
        "签章的时间戳未经证实",
        "nothing shows that the time-stamp may be believed",
    ),
    ("timestamp", "inside"): (
        "签章内的时间戳早于签名，只作为签章人所称的时间",
        "a time-stamp inside what was signed is older than the signature: taken as its word",
    ),
    ("timestamp", "inside-unreadable"): (
        "签章内的时间戳无法读取",
        "a time-stamp inside what was signed cannot be read",
    ),
    ("timestamp", "seal-ok"): ("印章的时间戳有效", "the seal's own time-stamp is good"),
    ("timestamp", "seal-bad"): ("印章的时间戳无效", "the seal's own time-stamp is wrong"),
    ("timestamp", "seal-unproven"): (
        "印章的时间戳未经证实",
        "nothing shows that the seal's own time-stamp may be believed",
    ),
    ("timestamp", "seal-made-later"): (
        "印章的制作日期晚于其时间戳",
        "the seal says it was made after it was stamped",
    ),
}

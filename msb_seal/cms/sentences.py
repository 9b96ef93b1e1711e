"""What reports on CMS signatures and time-stamps say, for each step and code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_seal.judging import SENTENCES as JUDGING_SENTENCES

if TYPE_CHECKING:
    from msb_identity.foundation.report import Sentences

SENTENCES: Sentences = {
    **JUDGING_SENTENCES,
    ("format", "ok"): ("签名结构正确", "the signature is well formed"),
    ("format", "odd"): ("签名可读，但有不合规之处", "the signature can be read but is odd"),
    ("format", "malformed"): (
        "不是可读的 CMS 签名",
        "this is not a CMS signature that can be read",
    ),
    ("format", "too-large"): ("签名过大，未核验", "the signature is too large to be checked"),
    ("format", "too-many-signers"): (
        "签名者过多，未核验",
        "there are too many signers to be checked",
    ),
    ("format", "content-type"): (
        "签名的内容类型不是数据",
        "what is signed is of another type than data",
    ),
    ("signature-value", "ok"): ("签名值有效", "the signature value is good"),
    ("signature-value", "odd-encoding"): (
        "签名值有效，但编码不合规",
        "the signature value is good but oddly encoded",
    ),
    ("signature-value", "bad"): ("签名值无效", "the signature value is wrong"),
    ("signature-value", "unsupported"): (
        "签名值无法验证",
        "the signature value could not be checked",
    ),
    ("signature-value", "no-content"): (
        "没有被签名的内容，无法验证",
        "what was signed is not at hand, so nothing could be checked",
    ),
    ("signature-value", "wrong-algorithm"): (
        "签名算法与签名者的密钥不符",
        "the signature algorithm is not one of the signer's key",
    ),
    ("signature-value", "message-digest"): (
        "签名属性中的摘要与内容不符",
        "the digest in the signed attributes is not that of the content",
    ),
    ("signature-value", "missing-attribute"): (
        "签名属性缺少内容类型或摘要",
        "the signed attributes lack the content type or the digest",
    ),
    ("signature-value", "malformed-attribute"): (
        "签名属性无法读取",
        "a signed attribute cannot be read",
    ),
    ("signature-value", "content-type"): (
        "签名属性中的内容类型与内容不符",
        "the signed attributes name another content type",
    ),
    ("signature-value", "algorithm-protection"): (
        "签名属性所列算法与实际使用的不符",
        "the signed attributes name other algorithms than those that were used",
    ),
    ("signature-value", "no-attributes"): (
        "此类内容的签名必须有签名属性",
        "content of this type needs signed attributes, and there are none",
    ),
    ("signature-value", "attributes-as-content"): (
        "内容形如签名属性，不能证明签名者签署了它",
        "the content looks like signed attributes: it may never have been signed as content",
    ),
    ("document-digest", "ok"): ("与原文一致", "the document is the one that was signed"),
    ("document-digest", "changed"): (
        "原文与签名不符，可能被改动",
        "the document is not the one that was signed: it may have been changed",
    ),
    ("document-digest", "unsupported"): (
        "摘要算法不支持，无法与原文比对",
        "the digest is of a kind that we do not have",
    ),
    ("signer-certificate", "no-certificate"): (
        "签名中没有签名者的证书",
        "the signer's certificate is not at hand",
    ),
    ("signer-certificate", "signing-other-certificate"): (
        "签名属性指明的是另一张证书",
        "the signed attributes name another certificate",
    ),
    ("signer-certificate", "signing-unsupported"): (
        "签名属性以不支持的摘要算法指明证书",
        "the signed attributes name the certificate by a digest that we do not have",
    ),
    ("signer-certificate", "signing-unreadable"): (
        "签名属性中的证书标识无法读取",
        "what the signed attributes say of the certificate cannot be read",
    ),
    ("document-digest", "by-signature"): (
        "签名直接针对原文",
        "the signature is over the document itself",
    ),
    ("timestamp", "none"): ("没有时间戳", "there is no time-stamp"),
    ("timestamp", "ok"): ("时间戳有效", "the time-stamp is good"),
    ("timestamp", "bad"): ("时间戳无效", "the time-stamp is wrong"),
    ("timestamp", "unproven"): (
        "时间戳未经证实",
        "nothing shows that the time-stamp may be believed",
    ),
    ("timestamp", "too-many"): ("时间戳过多", "there are too many time-stamps"),
}

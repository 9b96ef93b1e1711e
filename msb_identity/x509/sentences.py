"""What a report on a certificate says, for each step and code, in Chinese and English."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from msb_identity.foundation.report import Sentences

_UNKNOWN_CRITICAL = (
    "含有无法识别的关键扩展",
    "it has a critical extension that we do not understand",
)
_NAME_CONSTRAINTS = (
    "含有关键的名称限制，本程序不处理",
    "it has critical name constraints, which we do not process",
)

SENTENCES: Sentences = {
    ("format", "ok"): ("证书格式正确", "the certificate is well formed"),
    ("format", "odd"): ("证书可读，但有不合规之处", "the certificate can be read but is odd"),
    ("format", "malformed"): ("不是可读的证书", "this is not a certificate that can be read"),
    ("format", "too-large"): (
        "文件或其中的证书超出上限",
        "the file, or the number of certificates in it, is beyond the limit",
    ),
    ("format", "not-a-certificate"): ("不是证书", "this is no certificate"),
    ("chain", "ok"): ("证书链可达信任锚", "a chain leads to a trust anchor"),
    ("chain", "anchor"): ("证书本身是信任锚", "the certificate is itself a trust anchor"),
    ("chain", "no-anchor"): (
        "找不到通向信任锚的证书链，无人为其担保",
        "no chain leads to a trust anchor: nobody vouches for it",
    ),
    ("chain", "search-too-long"): (
        "证书链过长或可能的路径过多",
        "the chain is too long, or there are too many ways to try",
    ),
    ("chain", "not-an-authority"): (
        "链中的签发者不是证书认证机构",
        "an issuer in the chain is not a certificate authority",
    ),
    ("chain", "path-too-long"): (
        "证书链超过签发者允许的长度",
        "the chain is longer than an issuer allows",
    ),
    ("chain", "issuer-expired"): ("链中的签发者证书已过期", "an issuer's certificate had expired"),
    ("chain", "issuer-not-yet-valid"): (
        "链中的签发者证书尚未生效",
        "an issuer's certificate was not yet valid",
    ),
    ("chain", "issuer-key-usage"): (
        "链中的签发者密钥不得用于签发证书",
        "an issuer's key may not sign certificates",
    ),
    ("chain", "issuer-purpose"): (
        "链中的签发者不得签发此用途的证书",
        "an issuer may not issue for this purpose",
    ),
    ("chain", "unknown-critical-extension"): _UNKNOWN_CRITICAL,
    ("chain", "name-constraints"): _NAME_CONSTRAINTS,
    ("chain", "name-constraints-ignored"): (
        "签发者有非关键的名称限制，未检查",
        "an issuer has name constraints that are not critical and were not checked",
    ),
    ("signature-value", "ok"): ("链中的签名均有效", "every signature of the chain is good"),
    ("signature-value", "anchor"): (
        "信任锚无需验证签名",
        "an anchor's signature needs no checking",
    ),
    ("signature-value", "bad-signature"): (
        "签名无效，证书内容可能被改动",
        "a signature is wrong: a certificate may have been changed",
    ),
    ("signature-value", "unsupported"): (
        "有签名无法验证",
        "a signature of the chain could not be checked",
    ),
    ("algorithm", "ok"): ("签名算法可接受", "the signature algorithms are ones we accept"),
    ("algorithm", "weak"): (
        "算法或密钥强度不足，不能证明有效",
        "an algorithm or a key is too weak to prove anything",
    ),
    ("algorithm", "unsupported"): (
        "不支持此算法或密钥",
        "an algorithm or a key is of a kind that we do not have",
    ),
    ("signer-certificate", "ok"): (
        "证书在有效期内，用途相符",
        "the certificate is within its period and fit for the purpose",
    ),
    ("signer-certificate", "expired"): ("证书已过期", "the certificate had expired"),
    ("signer-certificate", "not-yet-valid"): ("证书尚未生效", "the certificate was not yet valid"),
    ("signer-certificate", "wrong-purpose"): (
        "证书不得用于此用途",
        "the certificate may not be used for this purpose",
    ),
    ("signer-certificate", "unknown-critical-extension"): _UNKNOWN_CRITICAL,
    ("signer-certificate", "name-constraints"): _NAME_CONSTRAINTS,
    ("revocation", "ok"): ("未被吊销", "it was not revoked"),
    ("revocation", "anchor"): ("信任锚不查吊销", "an anchor is not looked up"),
    ("revocation", "revoked"): ("证书链中有证书已被吊销", "a certificate of the chain was revoked"),
    ("revocation", "revoked-later"): (
        "在此时间之后被吊销",
        "it was revoked, but after the time in question",
    ),
    ("revocation", "not-asked"): ("按要求未查吊销", "revocation was not asked about"),
    ("revocation", "none-published"): (
        "证书未指明吊销信息来源",
        "the certificate names no source of revocation",
    ),
    ("revocation", "not-available"): (
        "没有可用的吊销信息",
        "nothing is at hand that says whether it was revoked",
    ),
    ("revocation", "chain-unproven"): (
        "证书链未经证实，不查吊销",
        "not looked up, since the chain is not proven",
    ),
    ("revocation", "unreachable"): (
        "无法取得吊销信息",
        "the source of revocation could not be reached",
    ),
    ("revocation", "unreadable-source"): (
        "吊销信息无法读取",
        "what the source of revocation gave cannot be read",
    ),
    ("revocation", "stale"): ("吊销信息已过期", "what is known of revocation is too old"),
    ("revocation", "from-future"): (
        "吊销信息的时间在将来",
        "what is known of revocation is dated in the future",
    ),
    ("revocation", "ended-before-list"): (
        "证书在列表签发前已到期，列表不能证明其未被吊销",
        "it had ended before the list was made, which then proves nothing about it",
    ),
    ("revocation", "unsupported-crl"): (
        "不支持此类吊销列表（增量、间接或部分）",
        "a kind of list that we do not process (delta, indirect or partial)",
    ),
    ("revocation", "crl-signer"): (
        "签发者密钥不得签发吊销列表",
        "the issuer's key may not sign lists of revocation",
    ),
    ("revocation", "bad-source-signature"): (
        "吊销信息的签名无效",
        "the signature on what is known of revocation is wrong",
    ),
    ("revocation", "source-algorithm"): (
        "吊销信息的签名算法不可接受",
        "what is known of revocation is signed with an algorithm that we do not accept",
    ),
    ("revocation", "ocsp-responder"): (
        "应答者未获签发者授权",
        "the responder has no right from the issuer to answer",
    ),
    ("revocation", "ocsp-unknown"): (
        "应答者不认识此证书",
        "the responder does not know the certificate",
    ),
    ("revocation", "ocsp-nonce"): ("应答不是对本次询问的", "the answer is not to our question"),
}

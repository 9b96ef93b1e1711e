"""What a report on a time-stamp says, for each step and code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_seal.cms.sentences import SENTENCES as CMS_SENTENCES

if TYPE_CHECKING:
    from msb_identity.foundation.report import Sentences

SENTENCES: Sentences = {
    **CMS_SENTENCES,
    ("format", "ok"): ("时间戳结构正确", "the time-stamp is well formed"),
    ("format", "odd"): ("时间戳可读，但有不合规之处", "the time-stamp can be read but is odd"),
    ("format", "malformed"): (
        "不是可读的时间戳",
        "this is not a time-stamp that can be read",
    ),
    ("format", "critical-extension"): (
        "时间戳含有无法识别的关键扩展",
        "the time-stamp has a critical extension that we do not understand",
    ),
    ("document-digest", "ok"): (
        "时间戳针对此数据",
        "the time-stamp is for these bytes",
    ),
    ("document-digest", "changed"): (
        "时间戳针对的是另一份数据",
        "the time-stamp is for other bytes",
    ),
    ("signer-certificate", "signing-absent"): (
        "时间戳未指明签名证书",
        "the time-stamp does not say by which certificate it was signed",
    ),
    ("signer-certificate", "signing-sha1"): (
        "时间戳仅以 SHA-1 指明签名证书",
        "the time-stamp names its certificate by SHA-1 only",
    ),
    ("signer-certificate", "purpose-not-critical"): (
        "证书的时间戳用途须为关键扩展",
        "time-stamping is not marked as critical among the certificate's purposes",
    ),
    ("signer-certificate", "other-name"): (
        "时间戳所称的机构与证书不符",
        "the time-stamp names another authority than its certificate",
    ),
    ("revocation", "revoked-void"): (
        "时间戳机构的证书因密钥可能泄露而吊销，此前的时间戳一并失效",
        "the authority's certificate was revoked as unsafe: its older time-stamps are void too",
    ),
    ("signing-time", "ok"): ("时间戳证明的时间", "the time that the time-stamp proves"),
    ("signing-time", "from-future"): (
        "时间戳的时间在将来",
        "the time-stamp is dated in the future",
    ),
}

"""What a report on a sealed OFD says beside the words for its signatures, in Chinese and English.

Stable codes: docs/formats.md, "report".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from msb_identity.foundation.report import Sentences

SIGNATURE_SENTENCES: Final[Sentences] = {
    ("format", "limit"): (
        "超出本程序的处理范围，无法核验",
        "it is beyond what this program takes on, and was not checked",
    ),
    ("format", "signature-unreadable"): (
        "签名的描述文件无法读取",
        "the signature's own files cannot be read",
    ),
    ("format", "no-references"): ("签名没有保护任何文件", "the signature protects no file at all"),
    ("format", "type-differs"): (
        "签名的类型与声明的不同",
        "the signature is of another type than it is said to be",
    ),
    ("format", "bare"): (
        "签名值没有附带证书",
        "the signature is a bare value without a certificate",
    ),
    ("signer-certificate", "no-certificate"): (
        "签名未附证书，无法得知签名人",
        "no certificate comes with the signature: nobody can say whose it is",
    ),
    ("algorithm", "file-digest-ok"): (
        "文件摘要算法可接受",
        "the digest of the files is acceptable",
    ),
    ("algorithm", "file-digest-weak"): (
        "文件摘要算法过弱，可被伪造",
        "the files are protected by a weak digest, which can be forged",
    ),
    ("algorithm", "file-digest-unknown"): (
        "文件摘要算法未知，无法核对",
        "the digest of the files is not known here, so nothing could be compared",
    ),
    ("algorithm", "method-differs"): (
        "签名文件写的签名算法与签名值的不同",
        "the signature's file names another algorithm than the signature itself",
    ),
    ("document-digest", "files-ok"): (
        "受保护的文件均未改动",
        "every protected file is as it was when signed",
    ),
    ("document-digest", "files-changed"): (
        "受保护的文件被改动",
        "a protected file was changed",
    ),
    ("document-digest", "files-missing"): (
        "受保护的文件已不存在",
        "a protected file is no longer there",
    ),
    ("document-digest", "files-uncompared"): (
        "受保护的文件无法核对",
        "the protected files could not be compared",
    ),
    ("coverage", "ok"): ("所有可见内容均受保护", "everything that can be seen is protected"),
    ("coverage", "unprotected"): (
        "有文件不受任何签名保护，其内容可能被改动",
        "files that no signature protects may have been put there by anybody",
    ),
    ("coverage", "only-by-others"): (
        "有文件只受其他签名保护，本签名不为其作证",
        "files that only other signatures protect: this one does not vouch for them",
    ),
    ("coverage", "other-document"): (
        "包内另有文档，由其自己的签名保护，本签名不为其作证",
        "another document of the file has signatures of its own: this one does not vouch for it",
    ),
    ("coverage", "elsewhere"): (
        "文档引用了包外的内容",
        "the document shows something that lies outside the file",
    ),
    ("coverage", "unreadable"): (
        "有文件无法读取，不知其引用了什么",
        "a file cannot be read, so nobody knows what else it shows",
    ),
    ("coverage", "unlisted-signature"): (
        "有签名未列入签名列表，可能有印章被去掉",
        "a signature is there that the list does not name: a seal may have been taken away",
    ),
    ("coverage", "absent"): (
        "文档引用的文件不存在",
        "the document names files that are not there",
    ),
    ("coverage", "no-such-page"): (
        "印章所在页不存在，无法显示",
        "the seal stands on a page that is not there, so it does not show",
    ),
    ("later-changes", "none"): ("签名之后没有改动", "nothing was changed after this signature"),
    ("later-changes", "later-signatures"): (
        "之后又有签名，未影响本签名",
        "further signatures were added, which leave this one whole",
    ),
    ("later-changes", "broken-by-later"): (
        "之后添加的签名破坏了本签名",
        "a signature that was added later broke this one",
    ),
    ("later-changes", "changed"): (
        "签名之后被改动，且没有后来的签名能解释",
        "it was changed after this signature, and no later signature accounts for that",
    ),
    ("later-changes", "uncompared"): (
        "无法得知签名之后是否有改动",
        "nobody can say whether anything was changed after this signature",
    ),
    ("seal-match", "ok"): (
        "印章文件与签名中的印章一致",
        "the seal file is the very seal inside the signature",
    ),
    ("seal-match", "differs"): (
        "印章文件与签名中的印章不同，显示的印章可能是假的",
        "the seal file is not the seal that signed: the picture shown may be another's",
    ),
    ("seal-match", "no-seal"): (
        "显示了印章，但签名中没有印章，此印章无人签署",
        "a seal is shown, but the signature holds none: nobody signed with it",
    ),
    ("seal-match", "absent"): (
        "没有单独的印章文件，以签名中的印章为准",
        "there is no separate seal file; the seal inside the signature counts",
    ),
    ("seal-match", "missing"): (
        "指定的印章文件不存在",
        "the seal file that the signature names is not there",
    ),
    ("signing-time", "time-unreadable"): (
        "签名文件写的时间无法读取",
        "the time that the signature's file tells cannot be read",
    ),
    ("signing-time", "times-differ"): (
        "签名文件写的时间与签章内的时间相差过大",
        "the signature's file tells another time than the signature itself",
    ),
}

DOCUMENT_SENTENCES: Final[Sentences] = {
    **SIGNATURE_SENTENCES,
    ("format", "ok"): ("OFD 结构正确", "the OFD is well formed"),
    ("format", "odd"): ("OFD 可读，但有不合规之处", "the OFD can be read but is odd"),
    ("format", "not-ofd"): ("不是 OFD 文件", "this is not an OFD"),
    ("format", "malformed"): ("OFD 已损坏", "the OFD is broken"),
    ("format", "unsigned"): ("文档没有任何签名或签章", "the document has no signature at all"),
    ("format", "same-file"): (
        "两个签名指向同一个文件，或其中一个是另一个的副本",
        "two signatures point at one and the same file, or one is a copy of the other",
    ),
}

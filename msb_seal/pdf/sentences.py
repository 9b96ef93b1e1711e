"""What a report on a sealed PDF says beside the words for its signatures, in Chinese and English.

Stable codes: docs/formats.md, "report".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from msb_identity.foundation.report import Sentences

SIGNATURE_SENTENCES: Final[Sentences] = {
    ("format", "ok"): ("签名字典结构正确", "the signature's dictionary is well formed"),
    ("format", "empty-contents"): (
        "签名域中没有签名值",
        "the signature is empty: nothing was signed",
    ),
    ("format", "no-dictionary"): (
        "签名域的值不是签名字典",
        "the value of the signature field is no signature",
    ),
    ("format", "twice"): (
        "签名字典中有重复的键",
        "a key stands twice in the signature's dictionary",
    ),
    ("format", "padding"): (
        "签名值之后的填充不全为零",
        "something other than zeros follows the signature value",
    ),
    ("format", "content-inside"): (
        "分离式签名内不应含有内容",
        "a detached signature has content inside",
    ),
    ("format", "limit"): (
        "签名值过大，未核验",
        "the signatures are too large and were not all checked",
    ),
    ("format", "several-signers"): (
        "一个签名中有多个签名者",
        "one signature has several signers, which PDF does not allow",
    ),
    ("format", "sub-filter"): (
        "签名类型未知，无法核验",
        "the signature is of a kind that is not known here, and was not checked",
    ),
    ("algorithm", "sha1-content"): (
        "签名针对文档的 SHA-1 摘要，可被伪造",
        "the signature is over a SHA-1 digest of the document, which can be forged",
    ),
    ("timestamp", "covered"): (
        "后加的文档时间戳证明了签名的时间",
        "a later document time-stamp proves when the signature was there",
    ),
    ("coverage", "ok"): (
        "签名覆盖其所在版本的全部内容",
        "the signature covers the whole of its revision",
    ),
    ("coverage", "blanks"): (
        "签名值的十六进制数字之间有未签名的空白",
        "blanks that nobody signed stand among the digits of the signature value",
    ),
    ("coverage", "byte-range"): (
        "签名的字节范围不合规",
        "the signature's ByteRange is not two ranges from the beginning of the file",
    ),
    ("coverage", "gap"): (
        "未签名的字节不只是签名值本身",
        "what the ByteRange leaves out is not just the signature value",
    ),
    ("coverage", "not-to-end"): (
        "签名未覆盖到其版本的末尾",
        "the signature does not reach the end of its revision",
    ),
    ("coverage", "not-in-revision"): (
        "签名不在其所覆盖的版本之中",
        "the signature does not stand in the revision that it covers",
    ),
    ("coverage", "revision-unreadable"): (
        "签名时的文件无法读取",
        "the file as it was signed cannot be read",
    ),
    ("seal-match", "ok"): (
        "显示的图案就是签名中印章的印模",
        "what is shown is the picture of the seal that signed",
    ),
    ("seal-match", "other-picture"): (
        "显示的图案不是签名中印章的印模",
        "what is shown is another picture than that of the seal that signed",
    ),
    ("seal-match", "part-shown"): (
        "只显示了印章图案的一部分",
        "only a part of the seal's picture is shown",
    ),
    ("seal-match", "uncompared"): (
        "无法判断显示的图案是否为签名中印章的印模",
        "whether what is shown is the seal's own picture could not be found out",
    ),
    ("seal-match", "nothing-shown"): (
        "签章未在页面上显示图案",
        "the signature shows nothing on the pages",
    ),
    ("later-changes", "none"): ("签名之后没有改动", "nothing was added after signing"),
    ("later-changes", "blanks"): (
        "文件末尾之后有未签名的空白字节",
        "blanks that nobody signed follow the end of the file",
    ),
    ("later-changes", "allowed"): (
        "签名之后只有允许的更新",
        "what was added after signing is allowed",
    ),
    ("later-changes", "changed"): (
        "签名之后文档内容被改动",
        "the document was changed after signing in a way that is not allowed",
    ),
    ("later-changes", "harmless"): (
        "签名之后有不影响页面的改动",
        "something that alters no page was changed after signing",
    ),
    ("later-changes", "undecided"): (
        "无法判断签名之后的改动是否允许",
        "nobody can tell here whether what was changed after signing is allowed",
    ),
    ("later-changes", "unreadable"): (
        "签名之后的部分无法读取，无法比对",
        "what was added after signing cannot be read, so nothing could be compared",
    ),
    ("later-changes", "uncompared"): (
        "签名的范围不合规，无法比对之后的改动",
        "the signature's range is wrong, so that nothing could be compared",
    ),
}

DOCUMENT_SENTENCES: Final[Sentences] = {
    ("format", "ok"): ("文件结构正确", "the file is well formed"),
    ("format", "odd"): ("文件可读，但有不合规之处", "the file can be read but is odd"),
    ("format", "not-pdf"): ("不是 PDF 文件", "this is not a PDF"),
    ("format", "malformed"): ("PDF 结构损坏", "the PDF is broken"),
    ("format", "end-unreadable"): (
        "文件的最新版本无法读取，仅核验了较早的版本",
        "the newest revision of the file cannot be read: what is told is of an earlier one",
    ),
    ("format", "only-timestamps"): (
        "文件只有时间戳，没有任何人的签名",
        "the file has time-stamps only: nobody signed it",
    ),
    ("format", "doubled-entry"): (
        "对象中有重复的键，阅读器会看到不同内容",
        "an entry stands twice in an object: readers see different contents",
    ),
    ("format", "xfa"): (
        "文件含 XFA 表单，其显示内容不由页面决定",
        "the file has a form of the kind XFA, which shows something else than its pages",
    ),
    ("format", "active-content"): (
        "文件含脚本或会执行的动作，显示内容可能因此变化",
        "the file has scripts or actions, which may change what is shown",
    ),
    ("format", "unsigned"): ("文件没有任何签名", "the file has no signature at all"),
    ("format", "encrypted"): ("文件已加密，无法核验", "the file is encrypted and was not checked"),
    ("format", "limit"): (
        "超出本程序的处理范围，未核验",
        "it is beyond what this program takes on, and was not checked",
    ),
    ("coverage", "ok"): ("所有签名均已核验", "every signature of the file was checked"),
    ("coverage", "unlisted-signature"): (
        "文件中另有不属于任何签名域的签名，可能已被移除",
        "there is a signature that no field has: it may have been taken out",
    ),
    ("coverage", "vanished"): (
        "较早版本中的签名已不在文件中",
        "a signature of an earlier revision is no longer in the file",
    ),
    ("unsigned-seal-picture", "none"): (
        "未发现没有签名的印章图片",
        "no picture of a seal without a signature was found",
    ),
    ("unsigned-seal-picture", "found"): (
        "页面上有印章图片，但它只是图片，背后没有签名",
        "a page shows a picture of a seal that is only a picture: no signature is behind it",
    ),
    ("unsigned-seal-picture", "not-a-seal"): (
        "签名显示了一张印章大小的图片，但它不是电子印章：图片不证明是谁，请看签名者",
        "a signature that is no e-seal shows a picture as large as one, which proves nothing",
    ),
    ("unsigned-seal-picture", "partly-searched"): (
        "页数过多，只检查了部分页面上的图片",
        "only some of the many pages were looked at for pictures of seals",
    ),
    ("unsigned-seal-picture", "not-searched"): (
        "未能检查页面上的图片",
        "the pictures on the pages could not be looked at",
    ),
}

"""Why an OFD is refused: one table of codes and sentences.

What stands in LIMITS is a limit of ours or a protection: it proves nothing about the document. The
other codes say that the file is broken, or built so that two readers would see different documents.
"""

from __future__ import annotations

from msb_identity.foundation.text import showable
from msb_seal.errors import OfdRefused

LIMITS = frozenset(
    {
        "encrypted",
        "unsupported",
        "too-large",
        "too-many-entries",
        "too-many-signatures",
        "too-many-references",
        "too-much",
        "bomb",
    }
)
NOT_OFD = frozenset({"not-a-zip", "no-ofd-xml"})
"""The codes of a file that does not claim to be an OFD at all."""

_MAX_DETAIL_CHARS = 120
_SENTENCES = {
    "not-a-zip": ("不是 ZIP 文件", "not a ZIP file"),
    "no-ofd-xml": ("ZIP 中没有 OFD.xml", "a ZIP without OFD.xml"),
    "damaged": ("OFD 容器已损坏", "the container is damaged"),
    "ambiguous": ("OFD 容器有歧义", "readers could see different documents in the container"),
    "encrypted": ("OFD 已加密", "the container is encrypted"),
    "unsupported": ("不支持的压缩方式", "a compression that is not supported"),
    "too-many-entries": ("OFD 中文件过多", "too many entries"),
    "too-many-signatures": ("签名过多", "too many signatures"),
    "too-many-references": ("签名保护的文件过多", "a signature of too many files or stamps"),
    "too-much": ("文档内容超出处理范围", "more than is taken on in one document"),
    "too-large": ("OFD 过大", "too large"),
    "bomb": ("压缩比过高，疑似压缩炸弹", "packed too densely: a decompression bomb"),
    "bad-name": ("文件名不合法", "an entry's name that is not allowed"),
    "traversal": ("路径越出 OFD 容器", "a path that leaves the container"),
    "duplicate": ("文件名重复", "two entries of one name"),
    "missing-entry": ("OFD 中缺少文件", "an entry that is not there"),
    "bad-xml": ("XML 无法解析", "XML that cannot be read"),
    "bad-structure": ("OFD 结构不符合 GB/T 33190", "the structure is not that of an OFD"),
    "bad-value": ("内容不能写入 OFD", "a value that cannot be written"),
    "missing-glyph": ("字体中缺少字符", "a character that the font has no glyph for"),
    "too-long": ("文字过长，放不下", "a text too long for its room"),
    "missing-font": ("没有准备的字体", "a font that was not prepared"),
    "bad-picture": ("图片无法读取", "a picture that cannot be read"),
    "no-page": ("没有该页", "there is no such page"),
    "too-complex": ("页面过于复杂", "a page beyond what is drawn here"),
}


def refusal(code: str, detail: str = "") -> OfdRefused:
    """Make the error of this code; `detail`, often from outside, is shown without controls."""
    zh, en = _SENTENCES[code]
    if not detail:
        return OfdRefused(code, zh, en)
    shown = showable(detail[:_MAX_DETAIL_CHARS])
    return OfdRefused(code, f"{zh}：{shown}", f"{en}: {shown}")

"""Opening a PDF for one more incremental update; what cannot be signed is refused with a reason.

pyHanko meets broken files in its own ways: whatever it raises becomes a SealingRefused here.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields

from msb_identity.errors import MsbError
from msb_seal.errors import SealingRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PDF_BYTES = 100_000_000
"""pyHanko writes broken offsets beyond that, too."""


class _Update(IncrementalPdfFileWriter):  # type: ignore[misc]
    """An update that leaves the document's information alone.

    pyHanko would write itself as the producer: a change that no seal means to make, and one that
    the check of an earlier signature would have to warn of.
    """

    def _update_meta(self) -> None:
        entry(self.root, "/Metadata")  # which refuses a file whose references lead astray


def refused(code: str, zh: str, en: str) -> SealingRefused:
    """Make a refusal with a stable code."""
    return SealingRefused(code, zh, en)


@contextmanager
def reading() -> Iterator[None]:
    """Turn what a broken file makes pyHanko raise into a refusal, `unreadable-pdf`."""
    try:
        yield
    except MsbError:
        raise
    except Exception as error:
        detail = type(error).__name__
        zh, en = f"PDF 无法读取（{detail}）", f"the PDF cannot be read ({detail})"
        raise refused("unreadable-pdf", zh, en) from error


def entry(dictionary: Any, name: str, default: Any = None) -> Any:  # noqa: ANN401 - no types
    """Give an entry, a reference followed."""
    # pyHanko's dictionaries follow references in [], and do not in get.
    return dictionary[name] if name in dictionary else default  # noqa: SIM401


def open_update(data: bytes) -> Any:  # noqa: ANN401 - pyHanko has no types
    """Open a PDF to be added to: an IncrementalPdfFileWriter.

    SealingRefused for one that is too large, broken, encrypted, a hybrid of both kinds of
    cross-references, or a form of the kind XFA, whose pages no PDF signature fixes.
    """
    if len(data) > MAX_PDF_BYTES:
        zh, en = "PDF 过大", f"the PDF is larger than {MAX_PDF_BYTES} bytes"
        raise refused("too-large", zh, en)
    with reading():
        reader = PdfFileReader(io.BytesIO(data))
        if "/Encrypt" in reader.trailer:
            zh, en = "PDF 已加密，请先解密", "the PDF is encrypted; it must be decrypted first"
            raise refused("encrypted", zh, en)
        if reader.xrefs.hybrid_xrefs_present:
            zh, en = (
                "PDF 同时有两种交叉引用，阅读器会看到不同内容",
                "the PDF has two kinds of cross-references; readers see different contents",
            )
            raise refused("hybrid", zh, en)
        for name in reader.root:
            entry(reader.root, name)  # what stands elsewhere than its cross-reference says is found
        form = entry(reader.root, "/AcroForm", {})
        if "/XFA" in form:
            zh, en = "不支持 XFA 表单", "forms of the kind XFA are not supported"
            raise refused("xfa", zh, en)
        return _Update.from_reader(reader)


def signed_fields(writer: Any) -> list[Any]:  # noqa: ANN401 - as above
    """Give the fields that hold a signature."""
    fields = enumerate_sig_fields(writer.prev, filled_status=True)
    return [reference.get_object() for _, _, reference in fields]


def refuse_forbidden(writer: Any, *, adds_to_pages: bool, signs: str | None = None) -> None:  # noqa: ANN401 - as above
    """Refuse what an earlier signature forbids: any change at all, or new fields on the pages.

    adds_to_pages: whether a new field is to show. After a certifying signature readers take that
    for a change of the pages, and where all fields are locked, for a change of those.
    signs: the field that is to be signed, which may be locked itself.
    """
    for field in signed_fields(writer):
        references = [one.get_object() for one in entry(field["/V"], "/Reference", ())]
        rules = [
            (entry(one, "/TransformMethod"), entry(one, "/TransformParams", {}))
            for one in references
        ]
        rules.append((None, entry(field, "/Lock", {})))
        # 12.8.2.2: /P 1 permits nothing; a DocMDP without /P permits filling forms and signing.
        if any(entry(rule, "/P") == 1 for _, rule in rules):
            zh, en = "此前的签章已锁定文件", "an earlier signature has locked the document"
            raise refused("locked", zh, en)
        if signs is not None and any(_locks(rule, signs) for _, rule in rules):
            zh, en = "此前的签章已锁定该签名域", "an earlier signature has locked this field"
            raise refused("locked", zh, en)
        if not adds_to_pages:
            continue
        if any(method == "/DocMDP" for method, _ in rules):
            zh = "文件已认证，不能再添加可见签名域；请签入预留的签名域"
            en = "the document is certified: no new field may show, only one made before be signed"
            raise refused("certified", zh, en)
        # A new field is among "all", and among all but some.
        if any(entry(rule, "/Action") in {"/All", "/Exclude"} for _, rule in rules):
            zh, en = "此前的签章已锁定所有域", "an earlier signature has locked all fields"
            raise refused("locked", zh, en)


def _locks(rule: Any, name: str) -> bool:  # noqa: ANN401 - as above
    """Whether a lock (12.8.2.4) is on a field: by its name, or that of one above it."""
    action = entry(rule, "/Action")
    listed = [str(one) for one in entry(rule, "/Fields", ())]
    named = any(name == one or name.startswith(f"{one}.") for one in listed)
    return action == "/All" or (named == (action == "/Include") and action is not None)

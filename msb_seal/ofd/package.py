"""An OFD in memory: its entries by absolute name, its XML, its documents (GB/T 33190, clause 6).

Names are absolute and normal: "/Doc_0/Document.xml". Real files write them with back-slashes, with
or without the leading slash, relative to the XML's folder or to the root: `resolve` finds what is
meant, always the same entry. archive.py reads the ZIP; XML is parsed without entities, DTD and
network, within caps.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lxml import etree

from msb_seal.ofd.archive import Packed, read_archive, write_archive
from msb_seal.ofd.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from msb_seal.ofd.archive import ArchivedEntry

OFD_NAMESPACE = "http://www.ofdspec.org/2016"
ROOT_NAME = "/OFD.xml"
MAX_XML_BYTES = 32 * 1024 * 1024
MAX_XML_NODES = 1_000_000
"""Elements and attributes together, counted before parsing: a node in memory is 100 bytes."""
MAX_NAME_CHARS = 1_000
MAX_DOCUMENTS = 100

_PLAIN_NAME = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*/)*[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_DECLARED_ENCODING = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_ENCODINGS = frozenset({"utf-8", "utf8", "utf-16", "gbk", "gb2312", "gb18030", "us-ascii"})
_XML_STARTS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<\0", b"\xfe\xff\0<")


@dataclass(frozen=True, slots=True)
class OfdDocument:
    """One DocBody of OFD.xml: where its Document.xml stands, and its Signatures.xml if named."""

    index: int
    root: str
    signatures: str | None


@dataclass(frozen=True, slots=True)
class OfdPackage:
    """An OFD's entries in their order; reading them cannot fail any more.

    oddities: what was read with leniency: "leading-bytes", "back-slash", "absolute-name",
    "name-encoding".
    """

    entries: Mapping[str, Packed] = field(repr=False)
    documents: tuple[OfdDocument, ...]
    oddities: tuple[str, ...] = ()
    _folded: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, data: bytes) -> OfdPackage:
        """Read an OFD file; raises OfdRefused, whose code refusals.py explains."""
        archived, leading = read_archive(data)
        entries: dict[str, Packed] = {}
        folded: dict[str, str] = {}
        oddities = {"leading-bytes"} if leading else set()
        for entry in archived:
            name = _entry_name(entry, oddities)
            if name is None:
                continue
            # On systems that fold case two such entries are one file: which one is chance.
            key = _fold(name)
            if key in folded:
                raise refusal("duplicate", name)
            folded[key] = name
            entries[name] = entry.packed
        return cls._of(entries, folded, oddities)

    @classmethod
    def of(
        cls, entries: Mapping[str, Packed], *, documents: tuple[OfdDocument, ...] | None = None
    ) -> OfdPackage:
        """Make a package from entries in memory, under normal absolute names.

        documents: what OFD.xml says, where whoever wrote it knows that without reading it again.
        """
        folded = {_fold(name): name for name in entries}
        if documents is not None:
            return cls(dict(entries), documents, (), folded)
        return cls._of(dict(entries), folded, set())

    @classmethod
    def _of(
        cls, entries: dict[str, Packed], folded: dict[str, str], oddities: Collection[str]
    ) -> OfdPackage:
        bare = cls(entries, (), tuple(sorted(oddities)), folded)
        return cls(entries, _documents(bare), bare.oddities, folded)

    @property
    def names(self) -> tuple[str, ...]:
        """The absolute names of all entries, in the archive's order."""
        return tuple(self.entries)

    def entry(self, name: str) -> bytes:
        """Give the content of an entry; OfdRefused ("missing-entry") where there is none."""
        return self.packed(name).content

    def packed(self, name: str) -> Packed:
        """Give an entry as it is stored; OfdRefused ("missing-entry") where there is none."""
        try:
            return self.entries[name]
        except KeyError as error:
            raise refusal("missing-entry", name) from error

    def xml(self, name: str) -> etree._Element:
        """Parse an entry; OfdRefused ("bad-xml", "too-large", "missing-entry")."""
        return parse_xml(self.entry(name), name=name)

    def resolve(self, base_name: str, reference: str) -> str:
        """Give the absolute name that a reference within the entry `base_name` means.

        Tried in this order: as the standard says (absolute, or relative to the entry's folder);
        from the root; either of them without regard to case. Where no entry answers, the first
        form is given. Raises OfdRefused ("traversal", "bad-name").
        """
        path = reference.strip().replace("\\", "/")
        folder = base_name.rpartition("/")[0]
        first = normal_name(path if path.startswith("/") else f"{folder}/{path}")
        if first in self.entries:
            return first
        # "../x" from the root would leave the container; then only the first form counts.
        from_root = first if ".." in path.split("/") else normal_name(path)
        if from_root in self.entries:
            return from_root
        return self._folded.get(_fold(first)) or self._folded.get(_fold(from_root)) or first


class OfdWriter:
    """Collects entries and writes them, in the order they were added; equal input, equal bytes."""

    def __init__(self) -> None:
        """Start without entries."""
        self._entries: dict[str, Packed] = {}

    def add(self, name: str, data: bytes, *, compress: bool = True) -> None:
        """Add an entry; without `compress` it is stored, right for what deflate cannot shrink."""
        self.add_packed(name, Packed.of(data, compress=compress))

    def add_packed(self, name: str, packed: Packed) -> None:
        """Add an entry that is packed already; OfdRefused ("duplicate") for a second of a name."""
        if normal_name(name) != name:
            raise refusal("bad-name", name)
        if name in self._entries:
            raise refusal("duplicate", name)
        self._entries[name] = packed

    def copy_all(self, package: OfdPackage, *, leave_out: Collection[str] = ()) -> None:
        """Add the package's entries as they are stored, without packing anything again."""
        for name, packed in package.entries.items():
            if name not in leave_out:
                self.add_packed(name, packed)

    def to_package(self, *, documents: tuple[OfdDocument, ...] | None = None) -> OfdPackage:
        """Give what was added as a package (OfdPackage.of), without writing the archive."""
        return OfdPackage.of(self._entries, documents=documents)

    def to_bytes(self) -> bytes:
        """Write the archive."""
        return write_archive((name[1:], packed) for name, packed in self._entries.items())


def normal_name(path: str) -> str:
    """Give a path as an absolute normal name; OfdRefused ("traversal", "bad-name")."""
    if not path or len(path) > MAX_NAME_CHARS:
        raise refusal("bad-name", path)
    if _PLAIN_NAME.fullmatch(path, 1 if path.startswith("/") else 0):
        return path if path.startswith("/") else "/" + path
    parts: list[str] = []
    for part in path.replace("\\", "/").split("/"):
        if part == "..":
            if not parts:
                raise refusal("traversal", path)
            parts.pop()
        elif part not in ("", "."):
            # A colon is a drive or a stream on some systems; controls deceive whoever reads.
            if ":" in part or not part.isprintable():
                raise refusal("bad-name", path)
            parts.append(part)
    if not parts:
        raise refusal("bad-name", path)
    return "/" + "/".join(parts)


def parse_xml(data: bytes, *, name: str = "") -> etree._Element:
    """Parse XML from outside: no entities, no DTD, no network; OfdRefused where it is not so."""
    if len(data) > MAX_XML_BYTES or data.count(b"<") + data.count(b"=") > MAX_XML_NODES:
        raise refusal("too-large", name)
    # The count above is right only where "<" is one: no UTF-7, no EBCDIC.
    declared = _DECLARED_ENCODING.match(data.removeprefix(b"\xef\xbb\xbf").lstrip()[:200])
    if not data.lstrip().startswith(_XML_STARTS) or (
        declared and declared[1].decode().lower() not in _ENCODINGS
    ):
        raise refusal("bad-xml", name)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        element = etree.fromstring(data.lstrip(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise refusal("bad-xml", name) from error
    if element.getroottree().docinfo.internalDTD is not None:
        raise refusal("bad-xml", f"{name} (DOCTYPE)")
    return element


def may_have(data: bytes, name: str) -> bool:
    """Whether XML may have elements of that ASCII name: a look at the bytes that spares parsing."""
    in_utf16 = b"\0" in data[:4] or data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return in_utf16 or name.encode() in data


def local_name(element: etree._Element) -> str:
    """Give an element's name without its namespace; "" for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def child(element: etree._Element, name: str) -> etree._Element | None:
    """Give the first child of that local name; some writers forget the namespace."""
    return next(element.iterchildren(f"{{*}}{name}"), None)


def child_text(element: etree._Element, name: str) -> str | None:
    """Give the `plain_text` of the first child of that name; None where it is not there."""
    found = child(element, name)
    return None if found is None else plain_text(found)


def plain_text(element: etree._Element) -> str:
    """Give an element's stripped text; OfdRefused ("bad-structure") where it holds anything else.

    Around a comment or an element some readers take the text before it, others all of it: "ht",
    or an address.
    """
    if len(element):
        raise refusal("bad-structure", f"{local_name(element)} holds more than text")
    return (element.text or "").strip()


def _entry_name(entry: ArchivedEntry, oddities: set[str]) -> str | None:
    """Give the entry's absolute name; None for a folder."""
    text = _decode(entry, oddities)
    if "\\" in text:
        oddities.add("back-slash")
        text = text.replace("\\", "/")
    if text.endswith("/"):
        if entry.packed.content:
            raise refusal("bad-name", text)
        normal_name(text)
        return None
    if text.startswith("/"):
        oddities.add("absolute-name")
    if ".." in text.split("/"):
        raise refusal("traversal", text)
    return normal_name(text)


def _decode(entry: ArchivedEntry, oddities: set[str]) -> str:
    raw = entry.raw_name
    if raw.isascii():
        return raw.decode()
    if not entry.is_utf8:
        oddities.add("name-encoding")
    # Chinese systems write GB 18030 without saying so.
    for encoding in ("utf-8",) if entry.is_utf8 else ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise refusal("bad-name", raw.decode("utf-8", "replace"))


def _fold(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", name).casefold()


def _documents(package: OfdPackage) -> tuple[OfdDocument, ...]:
    root_name = package.resolve("/", ROOT_NAME)
    if root_name not in package.entries:
        raise refusal("no-ofd-xml")
    root = package.xml(root_name)
    if local_name(root) != "OFD":
        raise refusal("bad-structure", root_name)
    documents: list[OfdDocument] = []
    for body in root:
        if local_name(body) != "DocBody":
            continue
        document_root = child_text(body, "DocRoot")
        if not document_root or len(documents) >= MAX_DOCUMENTS:
            raise refusal("bad-structure", root_name)
        signatures = child_text(body, "Signatures")
        documents.append(
            OfdDocument(
                len(documents),
                package.resolve(root_name, document_root),
                package.resolve(root_name, signatures) if signatures else None,
            )
        )
    if not documents:
        raise refusal("bad-structure", root_name)
    return tuple(documents)

from __future__ import annotations

import io
import resource
import struct
import time
import zipfile
import zlib
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from msb_seal.errors import OfdRefused
from msb_seal.ofd.archive import MAX_ENTRIES, Packed
from msb_seal.ofd.package import OfdPackage, OfdWriter, normal_name, parse_xml
from tests.seal.archives import MINIMAL, archive, archive_of, deflated_zeros, renamed

if TYPE_CHECKING:
    from pathlib import Path


def refused(data: bytes) -> str:
    with pytest.raises(OfdRefused) as caught:
        OfdPackage.read(data)
    return caught.value.code


@pytest.mark.parametrize(
    "file", ["helloworld", "SESV4SignDoc", "V4RideRight", "DigitalSign", "v4signed"]
)
def test_real_files_are_read_as_zipfile_reads_them(vectors: Path, file: str) -> None:
    data = (vectors / "seal" / f"{file}.ofd").read_bytes()
    package = OfdPackage.read(data)
    with zipfile.ZipFile(io.BytesIO(data)) as reference:
        expected = {
            "/" + info.filename: reference.read(info)
            for info in reference.infolist()
            if not info.is_dir()
        }
    assert {name: package.entry(name) for name in package.names} == expected
    assert package.documents[0].root == "/Doc_0/Document.xml"
    assert package.oddities == ()


def test_what_is_written_is_read_by_zipfile_and_the_same_each_time() -> None:
    def write() -> bytes:
        writer = OfdWriter()
        for name, content in MINIMAL.items():
            writer.add("/" + name, content)
        writer.add("/Doc_0/Res/照片.png", b"\x89PNG", compress=False)
        return writer.to_bytes()

    data = write()
    assert data == write()
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        assert file.namelist() == [*MINIMAL, "Doc_0/Res/照片.png"]
        assert file.read("OFD.xml") == MINIMAL["OFD.xml"]
    assert OfdPackage.read(data).entry("/Doc_0/Res/照片.png") == b"\x89PNG"


def test_copying_keeps_the_packed_bytes_and_leaves_out_what_is_replaced() -> None:
    package = OfdPackage.read(archive(MINIMAL))
    writer = OfdWriter()
    writer.copy_all(package, leave_out={"/OFD.xml"})
    writer.add("/OFD.xml", MINIMAL["OFD.xml"] + b"<!-- -->")
    copied = OfdPackage.read(writer.to_bytes())
    name = "/Doc_0/Document.xml"
    assert bytes(copied.packed(name).stored) == bytes(package.packed(name).stored)
    assert copied.entry("/OFD.xml").endswith(b"<!-- -->")
    assert writer.to_package().names == copied.names


def test_a_name_is_written_once_and_only_in_its_normal_form() -> None:
    writer = OfdWriter()
    writer.add("/a", b"1")
    for name in ("/a", "b", "/../b", "/a/./b", "/c\\d", "/"):
        with pytest.raises(OfdRefused):
            writer.add(name, b"2")


def test_a_digest_is_computed_once_for_an_entry_that_a_batch_shares() -> None:
    packed, calls = Packed.of(b"font"), []

    def compute(content: bytes) -> bytes:
        calls.append(content)
        return b"digest"

    assert packed.digest("sm3", compute) == packed.digest("sm3", compute) == b"digest"
    assert calls == [b"font"]


# --- leniency that the field needs ---------------------------------------------------------------


def test_vendor_bytes_before_the_archive_are_allowed_and_told() -> None:
    package = OfdPackage.read(b"KINGGRID 1.0\r\n" + archive(MINIMAL))
    assert package.oddities == ("leading-bytes",)
    assert len(package.names) == 3


def test_offsets_that_count_the_leading_bytes_are_followed_too() -> None:
    buffer = io.BytesIO()
    buffer.write(b"vendor")
    with zipfile.ZipFile(buffer, "a") as file:  # zipfile counts what stands before
        for name, content in MINIMAL.items():
            file.writestr(name, content)
    assert OfdPackage.read(buffer.getvalue()).oddities == ("leading-bytes",)


def test_back_slashes_and_absolute_names_mean_the_usual_entries() -> None:
    entries = {name.replace("/", "\\"): content for name, content in MINIMAL.items()}
    package = OfdPackage.read(archive({**entries, "/Doc_0/x.xml": b"<x/>"}))
    assert package.names == (*("/" + name for name in MINIMAL), "/Doc_0/x.xml")
    assert package.oddities == ("absolute-name", "back-slash")


def test_names_in_gb18030_are_read() -> None:
    data = archive({**MINIMAL, "Doc_0/Res/NAME.png": b"picture"})
    package = OfdPackage.read(renamed(data, b"NAME", "照片".encode("gb18030")))
    assert package.entry("/Doc_0/Res/照片.png") == b"picture"
    assert package.oddities == ("name-encoding",)


def test_references_are_found_in_every_spelling_of_the_field() -> None:
    package = OfdPackage.read(archive({**MINIMAL, "Doc_0/Tpls/Tpl_0/Content.xml": b"<x/>"}))
    page = "/Doc_0/Pages/Page_0/Content.xml"
    document = "/Doc_0/Document.xml"
    for base, reference in (
        (document, "Pages/Page_0/Content.xml"),
        (document, "/Doc_0/Pages/Page_0/Content.xml"),
        (document, "Doc_0/Pages/Page_0/Content.xml"),
        (document, "Pages\\Page_0\\Content.xml"),
        (document, "./Pages//Page_0/Content.xml"),
        ("/Doc_0/Signs/Signatures.xml", "../Pages/Page_0/Content.xml"),
        ("/OFD.xml", " Doc_0/Pages/Page_0/Content.xml\n"),
    ):
        assert package.resolve(base, reference) == page
    template = package.resolve(document, "TPLS/Tpl_0/Content.xml")
    assert template == "/Doc_0/Tpls/Tpl_0/Content.xml"
    assert package.resolve(document, "no/such") == "/Doc_0/no/such"


def test_a_relative_reference_prefers_its_own_folder() -> None:
    package = OfdPackage.read(archive({**MINIMAL, "a.xml": b"<a/>", "Doc_0/a.xml": b"<b/>"}))
    assert package.resolve("/Doc_0/Document.xml", "a.xml") == "/Doc_0/a.xml"
    assert package.resolve("/Doc_0/Document.xml", "/a.xml") == "/a.xml"


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../x.xml", "Doc_0/../../x.xml", "a/../OFD2.xml", "..\\x.xml", "/../x"]
)
def test_an_entry_that_leaves_the_container_is_refused(name: str) -> None:
    assert refused(archive({**MINIMAL, name: b"<x/>"})) == "traversal"


@pytest.mark.parametrize("name", ["C:/x.xml", "C:x", "a\nb", "\u202elmx.x", "x/" * 2_000])
def test_a_name_that_deceives_or_is_a_drive_is_refused(name: str) -> None:
    assert refused(archive({**MINIMAL, name: b"<x/>"})) == "bad-name"


@pytest.mark.parametrize("second", ["OFD.xml", "/OFD.xml", "./OFD.xml", "ofd.XML", "OFD.xml\\."])
def test_two_entries_that_some_reader_takes_for_one_are_refused(second: str) -> None:
    with pytest.warns(UserWarning, match="Duplicate") if second == "OFD.xml" else nullcontext():
        data = archive_of([*MINIMAL.items(), (second, b"<other/>")])
    assert refused(data) == "duplicate"


def test_references_cannot_leave_the_container() -> None:
    package = OfdPackage.read(archive(MINIMAL))
    for reference in ("../../x", "/../x", "..\\..\\x"):
        with pytest.raises(OfdRefused, match="leaves") as caught:
            package.resolve("/Doc_0/Document.xml", reference)
        assert caught.value.code == "traversal"


def test_what_is_no_zip_or_no_ofd_is_told_apart() -> None:
    assert refused(b"") == "not-a-zip"
    assert refused(b"%PDF-1.7" * 100) == "not-a-zip"
    assert refused(archive({"word/document.xml": b"<w/>"})) == "no-ofd-xml"
    assert refused(archive({})) == "no-ofd-xml"
    assert refused(archive({"OFD.xml": b"<ofd:OFD"})) == "bad-xml"
    assert refused(archive({"OFD.xml": b"<html/>"})) == "bad-structure"


def test_encryption_and_other_compressions_are_limits_of_ours() -> None:
    data = bytearray(archive(MINIMAL))
    central = data.find(b"PK\1\2")
    data[central + 8] |= 1
    assert refused(bytes(data)) == "encrypted"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_BZIP2) as file:
        file.writestr("OFD.xml", MINIMAL["OFD.xml"])
    assert refused(buffer.getvalue()) == "unsupported"


def test_an_entry_that_only_streaming_readers_see_is_refused() -> None:
    hidden, visible = archive({"OFD.xml": b"<other/>"}, stored=True), archive(MINIMAL)
    local_part = hidden[: hidden.find(b"PK\1\2")]
    assert refused(local_part + visible) == "ambiguous"  # as leading bytes
    central, end = visible.find(b"PK\1\2"), visible.find(b"PK\5\6")
    moved = bytearray(visible[:central] + local_part + visible[central:])
    at = end + len(local_part) + 16
    moved[at : at + 4] = struct.pack("<L", central + len(local_part))
    assert refused(bytes(moved)) == "ambiguous"  # between the last entry and the directory


def test_a_local_header_that_disagrees_with_the_directory_is_refused() -> None:
    data = archive(MINIMAL)
    name = data.find(b"OFD.xml")
    assert refused(data[:name] + b"XFD.xml" + data[name + 7 :]) == "ambiguous"
    size = 22
    assert refused(data[:size] + b"\1" + data[size + 1 :]) == "ambiguous"


def test_entries_that_share_their_bytes_are_refused() -> None:
    data = bytearray(archive_of([*MINIMAL.items(), ("b.xml", b"<b/>" * 20)], stored=True))
    first = data.find(b"PK\1\2")
    # The second record of the directory points at the first entry: names differ, so rename too.
    second = data.find(b"PK\1\2", first + 4)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    assert refused(bytes(data)) == "ambiguous"


def test_two_end_records_are_refused() -> None:
    inner, outer = archive(MINIMAL), archive({**MINIMAL, "extra.xml": b"<x/>"})
    at = inner.find(b"PK\5\6")
    with_comment = bytearray(inner + outer)
    with_comment[at + 20 : at + 22] = struct.pack("<H", len(outer))
    assert refused(bytes(with_comment)) == "ambiguous"


def test_bytes_after_the_archive_are_refused() -> None:
    assert refused(archive(MINIMAL) + b"\0") == "damaged"


def test_every_cut_of_a_file_is_refused() -> None:
    data = archive(MINIMAL)
    assert {refused(data[:size]) for size in range(len(data))} <= {"not-a-zip", "damaged"}


def test_damage_is_seen_whatever_the_declared_sum() -> None:
    data = bytearray(archive(MINIMAL, stored=True))
    data[data.find(b"DocRoot")] ^= 1
    assert refused(bytes(data)) == "damaged"


def test_too_many_entries_are_refused() -> None:
    data = archive_of(((f"{n}", b"") for n in range(MAX_ENTRIES + 1)), stored=True)
    assert refused(data) == "too-many-entries"
    writer = OfdWriter()
    for n in range(MAX_ENTRIES + 1):
        writer.add(f"/{n}", b"", compress=False)
    with pytest.raises(OfdRefused, match="too many"):
        writer.to_bytes()


def bomb(*, unpacked: int, declared: int) -> bytes:
    """An OFD with one entry of zeros that declares a size of its own choice."""
    name, content = b"Doc_0/Document.xml", deflated_zeros(unpacked)
    head = archive({"OFD.xml": MINIMAL["OFD.xml"]})
    central, end = head.find(b"PK\1\2"), head.find(b"PK\5\6")
    fields = struct.pack("<5H3L2H", 20, 0, 8, 0, 33, 0, len(content), declared, len(name), 0)
    local = b"PK\3\4" + fields + name + content
    record = b"PK\1\2" + struct.pack("<H", 20) + fields[:-2]
    record += struct.pack("<4H2L", 0, 0, 0, 0, 0, central) + name
    directory = head[central:end] + record
    tail = struct.pack("<4H2LH", 0, 0, 2, 2, len(directory), central + len(local), 0)
    return head[:central] + local + directory + b"PK\5\6" + tail


@pytest.mark.parametrize(
    ("unpacked_mib", "declared", "code"),
    [
        (4 * 1024, 4 * 1024**3 - 2, "too-large"),
        (64, 64 * 1024**2, "bomb"),
        (4 * 1024, 1_000, "damaged"),
        (4 * 1024, 0, "damaged"),
    ],
)
def test_a_bomb_is_refused_in_little_memory_and_time(
    unpacked_mib: int, declared: int, code: str
) -> None:
    data = bomb(unpacked=unpacked_mib * 1024**2, declared=declared)
    before, started = _peak_bytes(), time.process_time()
    assert refused(data) == code
    assert time.process_time() - started < 1
    assert _peak_bytes() - before < 32 * 1024**2


def test_a_lie_about_the_size_stops_the_inflating_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    real = zlib.decompressobj

    class Watching:
        def __init__(self, wbits: int) -> None:
            self._real = real(wbits)

        def decompress(self, data: bytes, limit: int) -> bytes:
            result = self._real.decompress(data, limit)
            given.append(len(result))
            return result

        def __getattr__(self, name: str) -> object:
            return getattr(self._real, name)

    monkeypatch.setattr(zlib, "decompressobj", Watching)
    assert refused(bomb(unpacked=64 * 1024**2, declared=1_000)) == "damaged"
    assert max(given) <= 1_001


@pytest.mark.parametrize(
    "xml",
    [
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "http://localhost/a.dtd"><a/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<?xml version="1.0" encoding="UTF-7"?>+ADw-a/+AD4-',
        b'<?xml version="1.0" encoding="IBM037"?><a/>',
        "<a/>".encode("cp037"),
        b"<a>",
        b"",
        b"<a/><b/>",
        b"<" * 100,
        b"<a>" * 100_000,
    ],
)
def test_xml_with_a_dtd_or_a_strange_encoding_or_broken_is_refused(xml: bytes) -> None:
    with pytest.raises(OfdRefused) as caught:
        parse_xml(xml)
    assert caught.value.code == "bad-xml"


def test_xml_that_would_fill_memory_is_refused_before_it_is_parsed() -> None:
    started = time.process_time()
    for xml in (b"<a>" + b"<b/>" * 1_000_000 + b"</a>", b"<a " + b"b='' " * 1_000_000 + b"/>"):
        with pytest.raises(OfdRefused) as caught:
            parse_xml(xml)
        assert caught.value.code == "too-large"
    assert time.process_time() - started < 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_xml_in_the_encodings_of_the_field_is_read(encoding: str) -> None:
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    text = f'<?xml version="1.0" encoding="{declared}"?>\n<a>证照</a>'
    assert parse_xml(text.encode(encoding)).text == "证照"


def test_normal_names() -> None:
    assert normal_name("a/b") == normal_name("/a//b/") == normal_name("a/c/../b") == "/a/b"


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

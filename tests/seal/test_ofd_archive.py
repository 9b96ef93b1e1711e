"""Headers of an archive that say what others deny: each is refused, honest forms are read."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from msb_seal.errors import OfdRefused
from msb_seal.ofd.package import OfdPackage
from tests.seal.archives import MINIMAL, archive


def refused(data: bytes) -> str:
    with pytest.raises(OfdRefused) as caught:
        OfdPackage.read(data)
    return caught.value.code


def streamed() -> bytes:
    class Pipe(io.RawIOBase):  # cannot seek, so zipfile writes descriptors behind the data
        def __init__(self) -> None:
            self.written = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            piece = bytes(data)  # type: ignore[call-overload]
            self.written += piece
            return len(piece)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in MINIMAL.items():
            file.writestr(name, content)
    return bytes(pipe.written)


def test_a_streaming_writers_archive_is_read() -> None:
    assert OfdPackage.read(streamed()).names[0] == "/OFD.xml"


@pytest.mark.parametrize("at", [4, 8, 12])
def test_a_descriptor_with_another_sum_or_size_is_refused(at: int) -> None:
    data = bytearray(streamed())
    mark = data.find(b"PK\7\x08")
    data[mark + at] ^= 1
    assert refused(bytes(data)) == "ambiguous"


@pytest.mark.parametrize("size", [8, 16])
def test_sizes_in_a_zip64_field_must_be_the_directorys(size: int) -> None:
    content = MINIMAL["OFD.xml"]
    for wrong in (0, 1):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            information = zipfile.ZipInfo("OFD.xml")
            sizes = struct.pack("<2Q", len(content) + wrong, len(content))[:size]
            information.extra = struct.pack("<2H", 1, len(sizes)) + sizes
            file.writestr(information, content)
            for name in MINIMAL.keys() - {"OFD.xml"}:
                file.writestr(name, MINIMAL[name])
        if wrong:
            assert refused(buffer.getvalue()) == "ambiguous"
        else:
            assert OfdPackage.read(buffer.getvalue()).names[0] == "/OFD.xml"


def test_a_symbolic_link_is_refused_and_other_modes_are_not() -> None:
    for mode, code in ((0o120777, "ambiguous"), (0o100644, None), (0, None)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            for name, content in MINIMAL.items():
                information = zipfile.ZipInfo(name)
                information.external_attr = mode << 16
                file.writestr(information, content)
        if code:
            assert refused(buffer.getvalue()) == code
        else:
            OfdPackage.read(buffer.getvalue())


@pytest.mark.parametrize(
    "head", [b"%PDF-1.7\n", b"x\n%PDF-1.7\n", b"<html>", b"\n<svg>", b"MZ\x90"]
)
def test_another_kind_of_file_before_the_archive_is_refused(head: bytes) -> None:
    assert refused(head + archive(MINIMAL)) == "ambiguous"

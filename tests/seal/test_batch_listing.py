"""What a batch is to seal: folders and CSVs with everything in them that can be in the way."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.tables import TableRefused
from msb_seal.batch import CsvListing, FileJob, FileResult, FolderListing
from msb_seal.commands.places import read_place
from msb_seal.errors import SealingRefused
from msb_seal.placement import At, AtKeyword

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    return made


def listed(folder: Path, output: Path | None = None) -> dict[str, FileJob | FileResult]:
    found = list(FolderListing(folder, output or folder.parent / "out"))
    assert len({one.name for one in found}) == len(found)
    return {one.name: one for one in found}


def code_of(one: FileJob | FileResult) -> str:
    return "" if isinstance(one, FileJob) else f"{one.outcome} {one.code}"


def test_files_keep_their_paths_in_the_output_folder(folder: Path) -> None:
    (folder / "部门" / "b").mkdir(parents=True)
    for name in ("a.pdf", "部门/b/c d.OFD"):
        (folder / name).write_bytes(b"x")
    found = listed(folder)
    assert {name: code_of(one) for name, one in found.items()} == {
        "a.pdf": "",
        "部门/b/c d.OFD": "",
    }
    for name, one in found.items():
        assert isinstance(one, FileJob)
        assert one.source == folder / name
        assert one.target == folder.parent / "out" / name


def test_whatever_is_no_file_to_seal_is_told_in_its_place(folder: Path) -> None:
    (folder / "a.pdf").write_bytes(b"x")
    (folder / "read me.txt").write_bytes(b"x")
    (folder / "link.pdf").symlink_to("a.pdf")
    (folder / "link.txt").symlink_to("read me.txt")
    (folder / "elsewhere").symlink_to(folder.parent)
    os.mkfifo(folder / "pipe.pdf")
    (folder / "line\nbreak.pdf").write_bytes(b"x")
    (folder / "results.csv").write_bytes(b"x")
    assert {name: code_of(one) for name, one in listed(folder).items()} == {
        "a.pdf": "",
        "read me.txt": "skipped other-kind",
        "link.pdf": "failed link",
        "link.txt": "skipped link",
        "elsewhere": "failed link",
        "pipe.pdf": "failed no-file",
        "line\ufffdbreak.pdf": "failed name",
        "results.csv": "skipped other-kind",
    }


def test_a_name_that_is_no_text_is_told(folder: Path) -> None:
    with open(os.fsencode(folder) + b"/\xff.pdf", "wb"):  # noqa: PTH123 - bytes
        pass
    assert [code_of(one) for one in listed(folder).values()] == ["failed name"]


def test_an_output_folder_inside_is_passed_over(folder: Path) -> None:
    (folder / "a.pdf").write_bytes(b"x")
    (folder / "out").mkdir()
    (folder / "out" / "a.pdf").write_bytes(b"x")
    assert set(listed(folder, folder / "out")) == {"a.pdf"}


def test_a_folder_can_be_listed_twice(folder: Path) -> None:
    (folder / "a.pdf").write_bytes(b"x")
    listing = FolderListing(folder, folder / "out")
    assert list(listing) == list(listing)


def rows(folder: Path, text: str, encoding: str = "utf-8") -> list[FileJob | FileResult]:
    (folder / "list.csv").write_bytes(text.encode(encoding))
    return list(CsvListing(folder / "list.csv", folder.parent / "out", read_place))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_row_may_say_where_its_seal_and_its_file_go(folder: Path, encoding: str) -> None:
    text = (
        "文件,输出,位置,原因\n"
        'a.pdf,已盖/甲.pdf,"page=last,x=1,y=2;keyword=盖章处,nth=all",年审\n'
        "b.pdf,,,\n"
    )
    first, second = rows(folder, text, encoding)
    assert first == FileJob(
        folder / "a.pdf",
        folder.parent / "out" / "已盖" / "甲.pdf",
        "a.pdf",
        (At(-1, 1, 2), AtKeyword("盖章处", None)),
        "年审",
    )
    assert second == FileJob(folder / "b.pdf", folder.parent / "out" / "b.pdf", "b.pdf")


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("a.pdf,../a.pdf,", "failed outside"),
        ("a.pdf,b/../../a.pdf,", "failed outside"),
        ("a.pdf,/tmp/a.pdf,", "failed outside"),
        ("a.pdf,b\\a.pdf,", "failed outside"),
        ("a.pdf,.msb-batch/run,", "failed reserved"),
        ("a.pdf,./results.csv,", "failed reserved"),
        (f"a.pdf,{'长' * 100}.pdf,", "failed name"),
        ("a.pdf,b.pdf,page=1", "failed place"),
        (",b.pdf,", "failed no-name"),
        ("a.pdf,b.pdf", "failed cells"),
        ("link.pdf,b.pdf,", "failed link"),
        ("../../a.pdf,,", ""),
        ("./sub//a.pdf,,", ""),
    ],
)
def test_no_row_leads_out_of_the_output_folder(folder: Path, row: str, code: str) -> None:
    (folder / "link.pdf").symlink_to("a.pdf")
    (one,) = rows(folder, f"file,output,places\n{row}\n")
    assert code_of(one) == code
    if isinstance(one, FileJob):
        assert one.target in {folder.parent / "out" / "a.pdf", folder.parent / "out/sub/a.pdf"}


@pytest.mark.parametrize("heading", ["", "output", "file,file", "file,other"])
def test_a_csv_with_another_heading_is_refused_whole(folder: Path, heading: str) -> None:
    with pytest.raises(SealingRefused) as caught:
        rows(folder, f"{heading}\na.pdf\n")
    assert caught.value.code == "heading"


def test_a_spreadsheet_is_no_csv(folder: Path) -> None:
    with pytest.raises(TableRefused):
        rows(folder, "PK\0\0")

"""Attacks on sealed OFDs: files changed, added, left out, outside; each named by its step."""

from __future__ import annotations

import pytest

from tests.seal.archives import archive, archive_of
from tests.seal.makers import PNG
from tests.seal.ofd_documents import (
    Entries,
    bent,
    checked,
    document,
    entries_of,
    replaced,
    sealed,
)
from tests.seal.ofd_forging import INVALID, SIGN, UNDECIDED, VALID, Forger, unprotected, verdict_of
from tests.seal.ofd_steps import codes, steps


def test_the_forgers_own_seal_is_good() -> None:
    assert verdict_of(Forger().seal(document())) is VALID


@pytest.mark.parametrize("name", [*document(), f"{SIGN}/Seal.esl"])
def test_a_changed_byte_of_any_protected_file_is_invalid(name: str) -> None:
    def change(entries: Entries) -> None:
        content = bytearray(entries[name])
        content[-2] ^= 1
        entries[name] = bytes(content)

    report = checked(bent(sealed(), change))
    assert report.verdict is INVALID
    if name not in {"OFD.xml", "Doc_0/Document.xml"}:  # which then are not even XML
        (named,) = [s for s in steps(report, "document-digest") if s.code == "files-changed"]
        assert named.detail == f"/{name}"


@pytest.mark.parametrize("name", sorted(document().keys() - {"OFD.xml", "Doc_0/Document.xml"}))
def test_a_protected_file_that_is_gone_is_invalid(name: str) -> None:
    report = checked(bent(sealed(), lambda entries: entries.pop(name)))
    assert report.verdict is INVALID
    assert ("failed", "files-missing") in codes(report, "document-digest")


def test_swapped_pages_are_invalid() -> None:
    def swap(entries: Entries) -> None:
        one, two = (f"Doc_0/Pages/Page_{number}/Content.xml" for number in (0, 1))
        entries[one], entries[two] = entries[two], entries[one]

    report = checked(bent(sealed(), swap))
    assert report.verdict is INVALID
    assert ("failed", "files-changed") in codes(report, "document-digest")
    assert ("failed", "changed") in codes(report, "later-changes")


ADDED = [
    "Doc_0/Pages/Page_2/Content.xml",
    "Doc_0/Attachs/evil.exe",
    "Doc_0/Res/other.png",
    "Doc_1/Document.xml",
    "Doc_0/Signs/Sign_1/Signature.xml",
    "Doc_0/Signs/Sign_0/Other.esl",
    # Other readers may take these for protected files.
    "Pages/Page_0/Content.xml",
    "Doc_0/Pages/Page_0/Content.xml/x",
    "Doc_0/Pages/Page_0/Content%2Exml",
    "Doc_0/%50ages/Page_0/Content.xml",
    "Doc_0/Pages/Page_0/Content.xml.",
    "Doc_0/Pages/Page_0 /Content.xml",
    "Doc_0/Page\uff53/Page_0/Content.xml",
    "META-INF/container.xml",
    "readme.txt",
]


@pytest.mark.parametrize("name", ADDED)
def test_an_added_file_is_named_and_nothing_is_valid(name: str) -> None:
    report = checked(bent(sealed(), lambda entries: entries.update({name: b"<x/>"})))
    assert report.verdict is UNDECIDED
    assert report.step("coverage").code == "unprotected"
    assert report.step("coverage").detail == f"/{name}"
    assert report.signatures[0].step("coverage").detail == f"/{name}"


@pytest.mark.parametrize(
    "name",
    [
        "doc_0/pages/page_0/content.xml",
        "Doc_0\\Pages\\Page_0\\Content.xml",
        "./Doc_0/Pages/Page_0/Content.xml",
        "Doc_0//Pages/Page_0/Content.xml",
        "/Doc_0/Pages/Page_0/Content.xml",
        "Doc_0/Pages/Page_1/../Page_0/Content.xml",
        "../Doc_0/Pages/Page_0/Content.xml",
        "ofd.xml",
    ],
)
def test_a_second_file_of_one_name_is_invalid(name: str) -> None:
    report = checked(bent(sealed(), lambda entries: entries.update({name: b"<x/>"})))
    assert report.verdict is INVALID
    assert report.step("format").code == "malformed"


@pytest.mark.parametrize("order", [1, -1])
def test_a_name_that_stands_twice_is_invalid(order: int) -> None:
    page = "Doc_0/Pages/Page_0/Content.xml"
    twice = [*entries_of(sealed()).items(), (page, b"<x/>")][::order]
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = archive_of(twice)
    assert checked(data).verdict is INVALID


UNPROTECTED = {
    "OFD.xml": lambda e: replaced(e, "OFD.xml", "0123", "9876"),
    "Doc_0/Document.xml": lambda e: replaced(e, "Doc_0/Document.xml", 'ID="2"', 'ID="8"'),
    "Doc_0/Pages/Page_0/Content.xml": lambda e: replaced(
        e, "Doc_0/Pages/Page_0/Content.xml", "营业执照", "卫生许可"
    ),
    "Doc_0/Tpls/Tpl_0/Content.xml": lambda e: replaced(
        e, "Doc_0/Tpls/Tpl_0/Content.xml", "<ofd:Content/>", "<ofd:Content></ofd:Content>"
    ),
    "Doc_0/DocumentRes.xml": lambda e: replaced(e, "Doc_0/DocumentRes.xml", "photo", "other"),
    "Doc_0/PublicRes.xml": lambda e: replaced(e, "Doc_0/PublicRes.xml", "宋体", "黑体"),
    "Doc_0/Res/photo.png": lambda e: e.update({"Doc_0/Res/photo.png": PNG + b"\0"}),
    "Doc_0/Annots/Annotations.xml": lambda e: replaced(
        e, "Doc_0/Annots/Annotations.xml", 'PageID="1"', 'PageID="2"'
    ),
    "Doc_0/Annots/Page_0/Annotation.xml": lambda e: e.update(
        {"Doc_0/Annots/Page_0/Annotation.xml": b"<x/>"}
    ),
    "Doc_0/Attachs/Attachments.xml": lambda e: replaced(
        e, "Doc_0/Attachs/Attachments.xml", "data.xml", "evil.xml"
    ),
    "Doc_0/Attachs/data.xml": lambda e: e.update({"Doc_0/Attachs/data.xml": b"<other/>"}),
    "Doc_0/Tags/CustomTags.xml": lambda e: e.update({"Doc_0/Tags/CustomTags.xml": b"<x/>"}),
}


@pytest.mark.parametrize("name", UNPROTECTED)
def test_what_no_signature_protects_is_undecided_whether_changed_or_not(name: str) -> None:
    entries = unprotected(name)
    for change in (lambda _: None, UNPROTECTED[name]):
        change(entries)
        report = checked(archive(entries))
        assert report.verdict is UNDECIDED, report.as_text()
        assert report.step("coverage").code == "unprotected"
        assert f"/{name}" in report.step("coverage").detail.split(", ")


def test_a_signature_that_protects_nothing_is_invalid() -> None:
    report = checked(archive(Forger(leave_out=lambda _: True).seal(document())))
    assert report.verdict is INVALID
    assert ("failed", "no-references") in codes(report, "format")


def test_the_document_root_may_not_move_to_another_document() -> None:
    other = {
        name.replace("Doc_0", "Doc_1"): content
        for name, content in document().items()
        if name != "OFD.xml"
    }

    def move(entries: Entries) -> None:
        replaced(entries, "OFD.xml", "<ofd:DocRoot>Doc_0", "<ofd:DocRoot>Doc_1")
        entries.update(other)

    assert checked(bent(sealed(), move)).verdict is INVALID
    entries = unprotected("OFD.xml")
    move(entries)
    report = checked(archive(entries))
    assert report.verdict is UNDECIDED
    assert "/OFD.xml" in report.signatures[0].step("coverage").detail


def test_a_second_document_without_signatures_is_undecided() -> None:
    entries = document()
    body = "<ofd:DocBody><ofd:DocRoot>Doc_1/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>"
    replaced(entries, "OFD.xml", "</ofd:OFD>", body)
    entries["Doc_1/Document.xml"] = b"<Document><Pages/></Document>"
    forged = Forger(leave_out=lambda name: name.startswith("Doc_1")).seal(entries)
    report = checked(archive(forged))
    assert report.verdict is UNDECIDED
    assert report.step("coverage").detail == "/Doc_1/Document.xml"
    assert verdict_of(Forger().seal(entries)) is VALID


def test_two_documents_with_a_signature_each_are_valid_and_told_apart() -> None:
    entries = document()
    body = "<ofd:DocBody><ofd:DocRoot>Doc_1/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>"
    replaced(entries, "OFD.xml", "</ofd:OFD>", body)
    entries["Doc_1/Document.xml"] = (
        b'<Document><Pages><Page ID="31" BaseLoc="P.xml"/></Pages></Document>'
    )
    entries["Doc_1/P.xml"] = b"<Page/>"
    links = [
        ("<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot>", "Doc_0"),
        ("<ofd:DocRoot>Doc_1/Document.xml</ofd:DocRoot>", "Doc_1"),
    ]
    for root, folder in links:
        link = f"{root}<ofd:Signatures>/{folder}/Signs/Signatures.xml</ofd:Signatures>"
        replaced(entries, "OFD.xml", root, link)
    first = Forger(leave_out=lambda name: name.startswith("Doc_1")).seal(entries)
    both = Forger(leave_out=lambda name: name.startswith("Doc_0"), index=1, page="31").seal(first)
    report = checked(archive(both))
    assert report.verdict is VALID, report.as_text()
    assert codes(report, "coverage") == {("ok", "ok"), ("warning", "other-document")}
    # Not where a page of the first document shows what only the second one's signer protects.
    entries["Doc_1/shown.png"] = PNG
    replaced(entries, "Doc_0/DocumentRes.xml", "photo.png", "/Doc_1/shown.png")
    first = Forger(leave_out=lambda name: name.startswith("Doc_1")).seal(entries)
    both = Forger(leave_out=lambda name: name.startswith("Doc_0"), index=1, page="31").seal(first)
    report = checked(archive(both))
    assert report.verdict is UNDECIDED
    assert report.signatures[0].step("coverage").code == "only-by-others"
    assert report.signatures[0].step("coverage").detail == "/Doc_1/shown.png"


def test_the_files_of_another_version_count() -> None:
    entries = document()
    replaced(
        entries,
        "OFD.xml",
        "</ofd:DocRoot>",
        '</ofd:DocRoot><ofd:Versions><ofd:Version ID="1" Index="1" BaseLoc="V/V.xml"/>'
        "</ofd:Versions>",
    )
    entries["V/V.xml"] = b"<DocVersion><FileList/><DocRoot>/V/D.xml</DocRoot></DocVersion>"
    entries["V/D.xml"] = b"<Document/>"
    assert verdict_of(Forger().seal(entries)) is VALID
    assert verdict_of(Forger(leave_out=lambda name: name == "V/V.xml").seal(entries)) is UNDECIDED
    entries["V/V.xml"] = b"<DocVersion><DocRoot>http://example.org/D.xml</DocRoot></DocVersion>"
    report = checked(archive(Forger().seal(entries)))
    assert report.verdict is UNDECIDED
    assert ("unknown", "elsewhere") in codes(report, "coverage")


@pytest.mark.parametrize(
    "place",
    [
        "http://example.org/a.png",
        "file:///etc/passwd",
        "\\\\server\\share\\a.png",
        "//server/a.png",
        "C:\\a.png",
        "../../../a.png",
        "data:image/png;base64,AAAA",
    ],
)
def test_what_lies_outside_the_container_is_undecided(place: str) -> None:
    entries = document()
    replaced(entries, "Doc_0/DocumentRes.xml", "photo.png", place)
    report = checked(archive(Forger().seal(entries)))
    assert report.verdict is UNDECIDED
    step = next(s for s in steps(report, "coverage") if s.code == "elsewhere")
    assert step.detail == place


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gbk"])
def test_resources_of_a_single_page_are_followed(encoding: str) -> None:
    entries = document()
    entries["Doc_0/Pages/Page_0/Content.xml"] = (
        f'<?xml version="1.0" encoding="{encoding}"?>'
        "<Page><PageRes>http://example.org/r.xml</PageRes><Content/></Page>"
    ).encode(encoding)
    report = checked(archive(Forger().seal(entries)))
    assert ("unknown", "elsewhere") in codes(report, "coverage")


def test_a_file_that_is_named_and_not_there_is_only_told() -> None:
    entries = document()
    del entries["Doc_0/PublicRes.xml"]
    data = archive(Forger().seal(entries))
    report = checked(data)
    assert report.verdict is VALID
    assert report.step("coverage").code == "absent"
    entries = entries_of(data) | {"Doc_0/PublicRes.xml": b"<Res/>"}
    assert verdict_of(entries) is UNDECIDED


IN_BETWEEN = ["<!-- -->", "<!--x-->", "<?x y?>", "<x/>"]
PATHS = {  # the file, and a path in it, which readers could take differently
    "Doc_0/Document.xml": [
        "PublicRes.xml<",
        "DocumentRes.xml<",
        "Annots/Annotations.xml<",
        "Attachs/Attachments.xml<",
        "Tags/CustomTags.xml<",
    ],
    "Doc_0/DocumentRes.xml": ["photo.png<"],
    "Doc_0/Annots/Annotations.xml": ["Page_0/Annotation.xml<"],
    "Doc_0/Attachs/Attachments.xml": ["data.xml<"],
}


@pytest.mark.parametrize("between", IN_BETWEEN)
@pytest.mark.parametrize(("name", "path"), [(n, p) for n, every in PATHS.items() for p in every])
def test_a_path_that_holds_more_than_text_is_undecided(name: str, path: str, between: str) -> None:
    for cut in (0, 3, len(path) - 1):
        entries = document()
        replaced(entries, name, f">{path}", f">{path[:cut]}{between}{path[cut:]}")
        report = checked(archive(Forger().seal(entries)))
        assert report.verdict is UNDECIDED, report.as_text()
        assert ("unknown", "unreadable") in codes(report, "coverage")
        assert f"/{name}" in {s.detail for s in steps(report, "coverage")}


@pytest.mark.parametrize("between", IN_BETWEEN)
def test_a_scheme_is_not_hidden_in_pieces(between: str) -> None:
    for place in (f"ht{between}tp://evil.example/a.png", f"{between}http://evil.example/a.png"):
        entries = document()
        replaced(entries, "Doc_0/DocumentRes.xml", "photo.png", place)
        assert verdict_of(Forger().seal(entries)) is UNDECIDED
    entries = document()
    res = f"<x:PageRes xmlns:x='u'>ht{between}tp://evil.example/r.xml</x:PageRes><ofd:Content>"
    replaced(entries, "Doc_0/Pages/Page_0/Content.xml", "<ofd:Content>", res)
    assert verdict_of(Forger().seal(entries)) is UNDECIDED


@pytest.mark.parametrize("between", IN_BETWEEN)
@pytest.mark.parametrize("path", ["Doc_0/Document.xml<", "/Doc_0/Signs/Signatures.xml<"])
def test_a_path_in_ofd_xml_that_holds_more_than_text_is_invalid(path: str, between: str) -> None:
    for cut in (0, 4, len(path) - 1):
        place = f"{path[:cut]}{between}{path[cut:]}"
        entries = entries_of(sealed())
        replaced(entries, "OFD.xml", path, place)
        report = checked(archive(entries))
        assert report.verdict is INVALID
        assert report.step("format").code == "malformed"


@pytest.mark.parametrize("between", IN_BETWEEN)
@pytest.mark.parametrize("element", ["BaseLoc", "SignedValue", "CheckValue"])
def test_a_path_of_a_signature_that_holds_more_than_text_is_invalid(
    element: str, between: str
) -> None:
    def change(text: str) -> str:
        return text.replace(f"</ofd:{element}>", f"{between}</ofd:{element}>", 1)

    report = checked(archive(Forger(change=change).seal(document())))
    assert report.verdict is INVALID
    assert ("failed", "signature-unreadable") in codes(report, "format")

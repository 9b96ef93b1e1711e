"""Attacks on sealed OFDs: each gets the verdict of the rules, and the step that names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Verdict
from msb_seal.ofd import slots
from msb_seal.ofd.archive import Packed
from msb_seal.ofd.boxes import Box
from msb_seal.ofd.digests import SHA256, SM3, FileDigest, find_digest
from msb_seal.ofd.package import OfdPackage
from msb_seal.ofd.signature_writing import SignatureText
from msb_seal.ofd.signature_xml import Provider, SignatureType, Stamp
from msb_seal.ofd.slots import make_slot
from tests.identity.authorities import NOW
from tests.seal.archives import archive, archive_of
from tests.seal.makers import PNG, person, world
from tests.seal.ofd_documents import (
    Entries,
    bent,
    checked,
    document,
    entries_of,
    replaced,
    sealed,
)
from tests.seal.ofd_steps import codes, steps

if TYPE_CHECKING:
    from collections.abc import Callable

SIGN = "Doc_0/Signs/Sign_0"
LIST = "Doc_0/Signs/Signatures.xml"
SM2_WITH_SM3 = "1.2.156.10197.1.501"
INVALID, UNDECIDED, VALID = Verdict.INVALID, Verdict.INDETERMINATE, Verdict.VALID


@dataclass(frozen=True)
class Forger:
    """Seals as no honest program does; the signature itself is always good.

    method: the CheckMethod written. leave_out: names not protected. changes: in Signature.xml.
    """

    leave_out: Callable[[str], bool] = lambda _: False
    method: str = "SM3"
    page: str = "1"
    change: Callable[[str], str] = lambda text: text

    def seal(self, entries: Entries) -> Entries:
        package = OfdPackage.read(archive(entries))
        slot = make_slot(package, kind=SignatureType.SEAL)
        seal = world().seal()
        files = {**slot.entries, slot.seal: Packed.of(seal.encoded)}
        digest = find_digest(self.method) or SHA256
        named = FileDigest(digest.name, self.method, digest.compute)
        text = SignatureText(Provider("p"), SM2_WITH_SM3, named, slot.seal, slot.value)
        checked_files = [
            (name, named.compute(packed.content))
            for name, packed in files.items()
            if name != slot.signature_list and not self.leave_out(name[1:])
        ]
        stamps = (Stamp("1", self.page, Box(10, 10, 42, 42)),)
        written = text.write(time=NOW, checked=checked_files, stamps=stamps).decode()
        description = self.change(written).encode()
        value = world().forge_signature(
            seal, time=NOW, document=description, property_info=slot.description
        )
        return {
            **{name[1:]: packed.content for name, packed in files.items()},
            slot.description[1:]: description,
            slot.value[1:]: value,
        }


def unprotected(*names: str) -> Entries:
    """The document sealed with a good signature that leaves these files out."""
    return Forger(leave_out=lambda name: name in names).seal(document())


def verdict_of(entries: Entries) -> Verdict:
    return checked(archive(entries)).verdict


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


@pytest.mark.parametrize(
    ("method", "code"),
    [("MD5", "file-digest-weak"), ("SHA1", "file-digest-weak"), ("SHA3", "file-digest-unknown")],
)
def test_a_digest_that_proves_nothing_is_undecided(method: str, code: str) -> None:
    entries = Forger(method=method).seal(document())
    report = checked(archive(entries))
    assert report.verdict is UNDECIDED
    assert ("unknown", code) in codes(report, "algorithm")
    entries["Doc_0/Res/photo.png"] += b"\0"
    report = checked(archive(entries))
    assert report.verdict is (UNDECIDED if method == "SHA3" else INVALID)


def test_no_check_method_means_md5() -> None:
    forger = Forger(method="MD5", change=lambda text: text.replace(' CheckMethod="MD5"', ""))
    report = checked(archive(forger.seal(document())))
    assert ("unknown", "file-digest-weak") in codes(report, "algorithm")
    assert ("ok", "files-ok") in codes(report, "document-digest")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('FileRef="/', 'FileRef="'),
        ('FileRef="/Doc_0/', 'FileRef="../../'),
        ('FileRef="/Doc_0/', 'FileRef="\\Doc_0\\'),
        ('FileRef="/Doc_0/', 'FileRef="./../.././'),
        ('FileRef="/Doc_0/', 'FileRef="/doc_0/'),
        ("</ofd:CheckValue>", "\n </ofd:CheckValue>"),
        ("/Doc_0/Signs/Sign_0/SignedValue.dat", "SignedValue.dat"),
        ("/Doc_0/Signs/Sign_0/Seal.esl</ofd:BaseLoc>", "Seal.esl</ofd:BaseLoc>"),
    ],
)
def test_paths_of_every_form_name_the_same_file(old: str, new: str) -> None:
    entries = Forger(change=lambda text: text.replace(old, new)).seal(document())
    report = checked(archive(entries))
    assert report.verdict is VALID, report.as_text()
    entries["Doc_0/Res/photo.png"] += b"\0"
    assert verdict_of(entries) is INVALID


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('FileRef="/OFD.xml"', 'FileRef="/../OFD.xml"'),
        ('FileRef="/OFD.xml"', 'FileRef="/Missing.xml"'),
        ('FileRef="/OFD.xml"', 'FileRef=""'),
        ("</ofd:SignedInfo>", "<ofd:References/></ofd:SignedInfo>"),
        ("<ofd:SignedInfo>", "<ofd:SignedInfo/><ofd:SignedInfo>"),
        ("SignedValue.dat", "../../../../SignedValue.dat"),
        ("SignedValue.dat", "Missing.dat"),
    ],
)
def test_a_signature_file_that_could_be_read_in_two_ways_is_invalid(old: str, new: str) -> None:
    entries = Forger(change=lambda text: text.replace(old, new)).seal(document())
    assert verdict_of(entries) is INVALID


def test_of_two_digests_for_one_file_both_must_hold() -> None:
    def add(text: str) -> str:
        wrong = '<ofd:Reference FileRef="/OFD.xml"><ofd:CheckValue>AAAA</ofd:CheckValue>'
        return text.replace("</ofd:References>", f"{wrong}</ofd:Reference></ofd:References>")

    assert verdict_of(Forger(change=add).seal(document())) is INVALID


def test_a_stamp_on_a_page_that_is_not_there_is_told() -> None:
    report = checked(archive(Forger(page="77").seal(document())))
    assert report.verdict is VALID
    assert ("warning", "no-such-page") in codes(report, "coverage")


def test_another_seal_file_is_invalid_even_where_nothing_protects_it() -> None:
    entries = Forger(leave_out=lambda name: name.endswith(".esl")).seal(document())
    assert verdict_of(entries) is VALID
    other = world().seal(name="别的单位").encoded
    for content in (other, b"", entries[f"{SIGN}/Seal.esl"] + b"\0"):
        report = checked(archive({**entries, f"{SIGN}/Seal.esl": content}))
        assert report.verdict is INVALID
        assert codes(report, "seal-match") == {("failed", "differs")}
    del entries[f"{SIGN}/Seal.esl"]
    assert codes(checked(archive(entries)), "seal-match") == {("warning", "missing")}


def test_a_signature_file_that_is_shown_is_not_inert() -> None:
    entries = document()
    shown = f"/{SIGN}/Signature.xml"
    replaced(entries, "Doc_0/DocumentRes.xml", "photo.png", shown)
    report = checked(archive(Forger().seal(entries)))
    assert report.verdict is UNDECIDED
    assert shown in report.step("coverage").detail


def test_the_signature_of_another_document_is_invalid() -> None:
    other = entries_of(sealed(data=archive({**document(), "Doc_0/Attachs/data.xml": b"<b/>"})))
    for names in (["Signature.xml", "SignedValue.dat", "Seal.esl"], ["SignedValue.dat"]):
        files = {f"{SIGN}/{name}": other[f"{SIGN}/{name}"] for name in names}
        assert verdict_of({**entries_of(sealed()), **files}) is INVALID


def test_a_signer_whom_the_seal_does_not_list_is_invalid() -> None:
    entries = entries_of(sealed())
    stranger = person("stranger")
    value = world().forge_signature(
        world().seal(),
        signer=stranger,
        time=NOW,
        document=entries[f"{SIGN}/Signature.xml"],
        property_info=f"/{SIGN}/Signature.xml",
    )
    report = checked(archive({**entries, f"{SIGN}/SignedValue.dat": value}))
    assert report.verdict is INVALID
    assert ("failed", "not-listed") in codes(report, "signer-in-seal")


RECORD = f'<ofd:Signature ID="1" Type="Seal" BaseLoc="/{SIGN}/Signature.xml"/>'


@pytest.mark.parametrize(
    ("new", "verdict", "code"),
    [
        ("", UNDECIDED, "unsigned"),
        (RECORD * 2, INVALID, "same-file"),
        (RECORD + RECORD.replace('"/Doc', '"..\\..\\Doc'), INVALID, "same-file"),
        (RECORD.replace(f"/{SIGN}/", "Sign_0/"), VALID, "ok"),
        (RECORD.replace(' Type="Seal"', ""), VALID, "ok"),
        (RECORD.replace('"Seal"', '"Sign"'), VALID, "type-differs"),
        (RECORD.replace("/Doc_0", "/../Doc_0"), INVALID, "signature-unreadable"),
        (RECORD.replace("Sign_0", "Sign_7"), INVALID, "signature-unreadable"),
        (RECORD.replace(f"/{SIGN}/Signature.xml", "/OFD.xml"), INVALID, "signature-unreadable"),
        (RECORD.replace('"Seal"', '"Other"'), INVALID, "malformed"),
    ],
)
def test_the_list_of_signatures_is_held_to_the_files(new: str, verdict: Verdict, code: str) -> None:
    report = checked(bent(sealed(), lambda entries: replaced(entries, LIST, RECORD, new)))
    assert report.verdict is verdict, report.as_text()
    assert code in {step.code for step in steps(report, "format")}


def test_a_list_that_is_gone_or_no_xml_is_invalid() -> None:
    for change in (
        lambda entries: entries.pop(LIST),
        lambda entries: entries.update({LIST: b"<a"}),
        lambda entries: entries.update({LIST: b"<a/>"}),
        lambda entries: entries.update({LIST: b""}),
    ):
        assert checked(bent(sealed(), change)).verdict is INVALID


def test_cutting_the_link_to_the_signatures_hides_no_change() -> None:
    cut = "<ofd:Signatures>/Doc_0/Signs/Signatures.xml</ofd:Signatures>"
    report = checked(bent(sealed(), lambda entries: replaced(entries, "OFD.xml", cut, "")))
    assert report.verdict is INVALID
    assert ("failed", "files-changed") in codes(report, "document-digest")
    report = checked(bent(sealed(), lambda entries: replaced(entries, LIST, RECORD, "")))
    assert report.verdict is UNDECIDED
    assert report.step("format").code == "unsigned"
    assert ("unknown", "unlisted-signature") in codes(report, "coverage")


def test_a_seal_taken_out_of_the_list_is_missed() -> None:
    report = checked(
        bent(sealed(data=sealed()), lambda entries: replaced(entries, LIST, RECORD, ""))
    )
    assert report.verdict is UNDECIDED
    assert report.step("coverage").code == "unlisted-signature"
    assert report.step("coverage").detail == f"/{SIGN}/Signature.xml"


def test_a_file_that_only_another_seal_protects_is_not_the_first_ones() -> None:
    first = Forger(leave_out=lambda name: name.endswith(".png")).seal(document())
    report = checked(sealed(data=archive(first)))
    assert report.verdict is UNDECIDED
    assert report.step("coverage").code == "ok"
    assert report.signatures[0].step("coverage").code == "only-by-others"
    assert report.signatures[1].verdict is VALID


def test_the_later_signature_that_broke_a_final_one_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slots, "_require_open", lambda *_: None)
    report = checked(sealed(data=sealed(final=True)))
    assert report.verdict is INVALID
    first, second = report.signatures
    assert first.step("later-changes").code == "broken-by-later"
    assert first.step("later-changes").detail == f"2: /{LIST}"
    assert second.verdict is VALID


def test_a_change_that_no_later_signature_accounts_for_is_not_blamed_on_it() -> None:
    data = bent(sealed(data=sealed()), lambda e: replaced(e, "Doc_0/Attachs/data.xml", "<", "< "))
    report = checked(data)
    assert report.verdict is INVALID
    assert {one.step("later-changes").code for one in report.signatures} == {"changed"}


def test_a_changed_file_that_a_later_seal_took_over_is_its_doing() -> None:
    changed = bent(sealed(), lambda e: replaced(e, "Doc_0/Attachs/data.xml", "data", "date"))
    first, second = checked(sealed(data=changed)).signatures
    assert first.verdict is INVALID
    assert first.step("later-changes").detail == "2: /Doc_0/Attachs/data.xml"
    assert second.verdict is VALID


def test_sm3_is_sm3_by_every_name() -> None:
    for method in (SM3.oid, f"{SM3.oid}.2", "sm3"):
        assert verdict_of(Forger(method=method).seal(document())) is VALID

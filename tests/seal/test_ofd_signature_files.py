"""Attacks on the files of signatures: digests, paths, lists, swapped seals, later signatures."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING

import pytest

from msb_seal.ofd import slots
from msb_seal.ofd.digests import SM3
from msb_seal.ofd.signature_xml import MAX_REFERENCES, MAX_SIGNATURES
from tests.identity.authorities import NOW
from tests.seal.archives import archive
from tests.seal.makers import person, world
from tests.seal.ofd_documents import bent, checked, document, entries_of, replaced, sealed
from tests.seal.ofd_forging import INVALID, LIST, RECORD, SIGN, UNDECIDED, VALID, Forger, verdict_of
from tests.seal.ofd_steps import codes, steps

if TYPE_CHECKING:
    from msb_identity.foundation.report import Verdict
    from tests.seal.ofd_documents import Entries


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


def test_more_signatures_than_we_take_on_are_undecided() -> None:
    many = RECORD * (MAX_SIGNATURES + 1)
    report = checked(bent(sealed(), lambda entries: replaced(entries, LIST, RECORD, many)))
    assert report.verdict is UNDECIDED
    assert report.step("format").code == "limit"


def test_more_references_than_we_take_on_are_undecided() -> None:
    more = '<ofd:Reference FileRef="/a"><ofd:CheckValue>AAAA</ofd:CheckValue></ofd:Reference>'
    crafted = Forger(
        change=lambda text: text.replace(
            "</ofd:References>", f"{more * MAX_REFERENCES}</ofd:References>"
        )
    ).seal(document())
    report = checked(archive(crafted))
    assert report.signatures[0].step("format").code == "limit"
    assert report.verdict is UNDECIDED


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


def test_many_signatures_of_thousands_of_files_cost_a_bounded_time() -> None:
    entries = document()
    for number in range(1_500):
        entries[f"Doc_0/Res/{number}"] = b"x"
    entries = Forger().seal(entries)
    description = entries[f"{SIGN}/Signature.xml"].decode()
    # A long way to say so, in every signature.
    slow = description.replace('FileRef="/Doc_0/Res/', f'FileRef="/{"a/../" * 9}Doc_0/Res/')
    records = ""
    for number in range(1, 21):
        entries[f"Doc_0/S/{number}.xml"] = slow.encode()
        records += f'<ofd:Signature ID="{number}" BaseLoc="/Doc_0/S/{number}.xml"/>'
    replaced(entries, LIST, RECORD, records)
    started = process_time()
    report = checked(archive(entries, stored=True))
    assert report.verdict is UNDECIDED
    assert codes(report, "format") == {("unknown", "limit")}
    assert process_time() - started < 3


def copied(entries: Entries, *names: str) -> Entries:
    """The sealed entries with these of its signature's files copied and the copy listed."""
    there = SIGN.replace("Sign_0", "Sign_5")
    entries |= {f"{there}/{name}": entries[f"{SIGN}/{name}"] for name in names}
    more = RECORD.replace(SIGN, there).replace('ID="1"', 'ID="2"')
    replaced(entries, LIST, RECORD, RECORD + more)
    return entries


def test_a_copied_signature_is_not_a_second_one() -> None:
    report = checked(archive(copied(entries_of(sealed()), "Signature.xml")))
    assert report.verdict is INVALID
    step = report.step("format")
    assert step.code == "same-file"
    assert f"/{SIGN}/SignedValue.dat" in step.detail


def test_a_copied_value_is_not_a_second_signature() -> None:
    entries = copied(entries_of(sealed()), "Signature.xml", "SignedValue.dat")
    here, there = f"{SIGN}/SignedValue", f"{SIGN.replace('Sign_0', 'Sign_5')}/SignedValue"
    replaced(entries, f"{there.rpartition('/')[0]}/Signature.xml", here, there)
    report = checked(archive(entries))
    assert report.step("format").code == "same-file"
    assert report.step("format").detail == f"/{there}.dat"


def test_a_copied_description_with_another_value_is_not_a_second_signature() -> None:
    # Paths relative to their folder: the copy, still signed, leads to a value of its own.
    def relative(text: str) -> str:
        return text.replace(f"/{SIGN}/SignedValue.dat", "SignedValue.dat")

    entries = copied(Forger(change=relative).seal(document()), "Signature.xml")
    there = SIGN.replace("Sign_0", "Sign_5")
    entries[f"{there}/SignedValue.dat"] = world().forge_signature(
        world().seal(),
        time=NOW,
        document=entries[f"{SIGN}/Signature.xml"],
        property_info=f"/{there}/Signature.xml",
    )
    report = checked(archive(entries))
    assert report.verdict is INVALID
    assert report.step("format").code == "same-file"
    assert report.step("format").detail == f"/{there}/Signature.xml"

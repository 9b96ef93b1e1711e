"""Flipped bits in every part of a sealed OFD: a changed protected byte is invalid."""

from __future__ import annotations

import random

import pytest

from msb_identity.foundation.report import Report, Verdict
from msb_identity.pki.keys import KeyKind
from msb_seal.errors import OfdRefused
from msb_seal.ofd.package import OfdPackage
from msb_seal.seals.model import SealVersion
from tests.seal.archives import archive
from tests.seal.makers import EVERY
from tests.seal.ofd_documents import checked, document, entries_of, sealed
from tests.seal.ofd_steps import codes

SIGN = "Doc_0/Signs/Sign_0"
LIST = "Doc_0/Signs/Signatures.xml"
_sealed: dict[tuple[SealVersion, KeyKind], bytes] = {}


def sealed_once(version: SealVersion, kind: KeyKind) -> bytes:
    if (version, kind) not in _sealed:
        _sealed[version, kind] = sealed(version=version, kind=kind)
    return _sealed[version, kind]


def flipped(data: bytes, chance: random.Random) -> bytes:
    content = bytearray(data)
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


@pytest.mark.parametrize(("version", "kind"), EVERY)
def test_a_flipped_bit_in_any_protected_file_is_invalid(
    version: SealVersion, kind: KeyKind
) -> None:
    chance = random.Random(f"protected {version} {kind}")
    entries = entries_of(sealed_once(version, kind))
    for name in (*document(), f"{SIGN}/Seal.esl"):
        changed = {**entries, name: flipped(entries[name], chance)}
        report = checked(archive(changed), kind=kind)
        assert report.verdict is Verdict.INVALID, (name, report.as_text())


@pytest.mark.parametrize(("version", "kind"), EVERY)
def test_a_flipped_bit_in_the_signatures_own_files_is_never_valid(
    version: SealVersion, kind: KeyKind
) -> None:
    chance = random.Random(f"own {version} {kind}")
    entries = entries_of(sealed_once(version, kind))
    for name, least in ((f"{SIGN}/Signature.xml", 15), (f"{SIGN}/SignedValue.dat", 25)):
        for _ in range(least):
            changed = {**entries, name: flipped(entries[name], chance)}
            verdict = checked(archive(changed), kind=kind).verdict
            assert verdict is not Verdict.VALID
            if name.endswith(".xml"):
                assert verdict is Verdict.INVALID


def test_a_flipped_bit_in_the_unprotected_list_is_told_or_harmless() -> None:
    chance = random.Random("list")
    entries = entries_of(sealed_once(SealVersion.V4, KeyKind.SM2))
    good = 0
    for _ in range(150):
        changed = {**entries, LIST: flipped(entries[LIST], chance)}
        report = checked(archive(changed))
        if report.verdict is Verdict.VALID:
            good += 1
            assert f"{SIGN}/Signature.xml".encode().lower() in changed[LIST].lower()
            assert report.signatures[0].kind == "ses-v4"
    assert good  # an id or a version number that nobody needs


def test_a_flipped_bit_of_the_container_changes_no_entry_unseen() -> None:
    chance = random.Random("container")
    data = sealed_once(SealVersion.V4, KeyKind.SM2)
    before = {name: packed.content for name, packed in OfdPackage.read(data).entries.items()}
    verdicts = set()
    for _ in range(400):
        changed = flipped(data, chance)
        report = checked(changed)
        verdicts.add(report.verdict)
        if report.verdict is Verdict.VALID:
            after = OfdPackage.read(changed).entries
            assert {name: packed.content for name, packed in after.items()} == before
    assert verdicts >= {Verdict.VALID, Verdict.INVALID}


def cut_and_pasted(data: bytes, chance: random.Random) -> bytes:
    content = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at, size = chance.randrange(len(content) + 1), chance.randint(0, 40)
        match chance.randrange(4):
            case 0:
                del content[at : at + size]
            case 1:
                content[at:at] = chance.randbytes(size)
            case 2:
                start = chance.randrange(len(content) + 1)
                content[at:at] = content[start : start + size]
            case _:
                content[at : at + size] = bytes(min(size, len(content) - at))
    return bytes(content)


def test_600_mutants_of_the_signatures_files_give_reports() -> None:
    chance = random.Random("mutants")
    entries = entries_of(sealed_once(SealVersion.V4, KeyKind.SM2))
    names = [LIST, f"{SIGN}/Signature.xml", f"{SIGN}/SignedValue.dat", "OFD.xml"]
    names += ["Doc_0/Document.xml", "Doc_0/DocumentRes.xml"]
    for number in range(600):
        name = names[number % len(names)]
        changed = cut_and_pasted(entries[name], chance)
        report = checked(archive({**entries, name: changed}, stored=True))
        assert isinstance(report, Report)
        if changed != entries[name] and name != LIST:
            assert report.verdict is not Verdict.VALID, (name, changed)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\3\4",
        b"%PDF-1.7",
        archive({}),
        archive({"a.xml": b"<a/>"}),
        sealed_once(SealVersion.V4, KeyKind.SM2)[:-30],
        sealed_once(SealVersion.V4, KeyKind.SM2)[200:],
    ],
)
def test_what_is_no_ofd_is_never_valid(data: bytes) -> None:
    report = checked(data)
    assert report.verdict is not Verdict.VALID
    with pytest.raises(OfdRefused):
        OfdPackage.read(data)


def test_text_before_the_archive_is_told_and_harmless() -> None:
    report = checked(b"vendor's own header" + sealed_once(SealVersion.V4, KeyKind.SM2))
    assert report.verdict is Verdict.VALID
    assert ("warning", "odd") in codes(report, "format")


def test_an_encrypted_container_is_undecided() -> None:
    data = bytearray(sealed_once(SealVersion.V4, KeyKind.SM2))
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + offset] |= 1
    report = checked(bytes(data))
    assert report.verdict is Verdict.INDETERMINATE
    assert report.step("format").code == "limit"

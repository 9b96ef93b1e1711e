"""Small files that ask for much work: each limit of the whole document, and the time it takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msb_identity.foundation.report import Verdict
from msb_identity.pki.sm import sm3
from msb_seal.cms import oids
from msb_seal.cms.making import prepare_content
from msb_seal.ofd import budget
from msb_seal.ofd.sign_cms import sign_ofd_cms
from tests.identity.authorities import NOW
from tests.seal.archives import archive
from tests.seal.makers import person, world
from tests.seal.ofd_documents import Entries, checked, document, entries_of, replaced, sealed
from tests.seal.ofd_forging import LIST, RECORD, SIGN, UNDECIDED, VALID, Forger

if TYPE_CHECKING:
    import pytest

    from msb_identity.foundation.report import Report

SECONDS = 3.0
NODES = 260_000  # a file of 1 MiB, below which files may be packed at any ratio
STAMP = '<ofd:StampAnnot ID="7" PageRef="1" Boundary="10 10 42 42"/>'


def quickly(entries: Entries) -> Report:
    data = archive(entries)
    begun = time.process_time()
    report = checked(data)
    assert time.process_time() - begun < SECONDS
    return report


def is_limit(report: Report) -> bool:
    return report.verdict is UNDECIDED and report.step("format").code == "limit"


def with_resources(count: int) -> Entries:
    entries = document()
    links = "".join(f"<ofd:PublicRes>r{n}.xml</ofd:PublicRes>" for n in range(count))
    replaced(entries, "Doc_0/Document.xml", "</ofd:CommonData>", f"{links}</ofd:CommonData>")
    content = b"<Res>" + b"<a/>" * NODES + b"</Res>"
    return entries | {f"Doc_0/r{n}.xml": content for n in range(count)}


def with_signatures(count: int, *, stamps: int = 0, value: bytes = b"0") -> Entries:
    """The sealed document with so many signatures, all of another value."""
    entries = entries_of(sealed())
    text = entries.pop(f"{SIGN}/Signature.xml").decode()
    text = text.replace("<ofd:Seal>", f"{STAMP * stamps}<ofd:Seal>")
    records = ""
    for n in range(count):
        here = f"Doc_0/Signs/Sign_{n}"
        records += RECORD.replace(SIGN, here).replace('ID="1"', f'ID="{n}"')
        entries[f"{here}/Signature.xml"] = text.replace(
            f"{SIGN}/SignedValue", f"{here}/SignedValue"
        ).encode()
        entries[f"{here}/SignedValue.dat"] = value + b"%d" % n
    replaced(entries, LIST, RECORD, records)
    return entries


def test_many_large_resources_are_beyond_what_is_taken_on() -> None:
    assert is_limit(quickly(Forger().seal(with_resources(12))))


def test_some_large_resources_are_read() -> None:
    assert quickly(Forger().seal(with_resources(2))).verdict is VALID


def test_many_stamps_are_beyond_what_is_taken_on() -> None:
    assert is_limit(quickly(with_signatures(5, stamps=4_500)))
    report = quickly(with_signatures(4, stamps=4_000))
    assert report.verdict is Verdict.INVALID
    assert report.step("format").code == "ok"


def test_the_signatures_of_all_documents_count() -> None:
    entries = with_signatures(60)
    body = (
        "<ofd:DocBody><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot>"
        f"<ofd:Signatures>/{LIST}</ofd:Signatures></ofd:DocBody>"
    )
    replaced(entries, "OFD.xml", "</ofd:OFD>", f"{body}</ofd:OFD>")
    assert is_limit(quickly(entries))


def test_many_signatures_that_are_read_again_are_beyond_what_is_taken_on() -> None:
    # Not listed, each a good Signature.xml of many nodes.
    entries = with_signatures(40)
    filler = "<a/>" * 60_000
    for name in [name for name in entries if name.endswith("Signature.xml")]:
        replaced(entries, name, "</ofd:SignedInfo>", f"{filler}</ofd:SignedInfo>")
    replaced(entries, LIST, "<ofd:Signature ", "<ofd:Other ")
    assert is_limit(quickly(entries))


def test_signers_are_judged_until_the_budget_for_chains_is_spent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = archive(document())
    signer = world().signer
    for _ in range(3):
        data = sign_ofd_cms(data, key=signer.key, certificate=signer.certificate, now=NOW)
    assert checked(data).verdict is VALID
    spent = budget.Budget(searches=2)
    monkeypatch.setattr("msb_seal.ofd.verify.Budget", lambda: spent)
    report = checked(data)
    assert report.verdict is UNDECIDED
    assert [s.step("format").code for s in report.signatures] == ["ok", "ok", "limit"]


def test_a_value_that_brings_many_certificates_costs_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signer = world().signer
    data = archive(document())
    data = sign_ofd_cms(data, key=signer.key, certificate=signer.certificate, now=NOW)
    entries = entries_of(data)
    digest = sm3(entries[f"{SIGN}/Signature.xml"])
    codes = []
    for count in (0, 7):
        chain = [person(f"chain {n}").certificate for n in range(count)]
        prepared = prepare_content(
            oids.GM_DATA, digest, certificate=signer.certificate, chain=chain
        )
        entries[f"{SIGN}/SignedValue.dat"] = prepared.finish(signer.key.sign(prepared.to_sign))
        monkeypatch.setattr("msb_seal.ofd.verify.Budget", lambda: budget.Budget(searches=1))
        (signature,) = checked(archive(entries)).signatures
        codes.append(signature.step("format").code)
    assert codes == ["ok", "limit"]

"""Signatures.xml and Signature.xml: read as real files write them, and refused where ambiguous."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from lxml import etree

from msb_seal.errors import OfdRefused
from msb_seal.ofd.boxes import read_box
from msb_seal.ofd.digests import SM3, find_digest
from msb_seal.ofd.signature_writing import SignatureText, with_record, write_signature_list
from msb_seal.ofd.signature_xml import (
    MAX_REFERENCES,
    MAX_SIGNATURES,
    Provider,
    SignatureList,
    SignatureRecord,
    SignatureType,
    Stamp,
    read_signature,
    read_signature_list,
    read_signature_time,
)
from msb_seal.placement import Box

OFD = 'xmlns:ofd="http://www.ofdspec.org/2016"'
REFERENCE = (
    '<ofd:Reference FileRef="/OFD.xml"><ofd:CheckValue>AAAA</ofd:CheckValue></ofd:Reference>'
)
PARTS = {
    "provider": '<ofd:Provider ProviderName="p" Version="1" Company="c"/>',
    "method": "<ofd:SignatureMethod>1.2.156.10197.1.501</ofd:SignatureMethod>",
    "time": "<ofd:SignatureDateTime>20201010151120</ofd:SignatureDateTime>",
    "references": f'<ofd:References CheckMethod="SM3">{REFERENCE}</ofd:References>',
    "stamp": '<ofd:StampAnnot ID="1" PageRef="7" Boundary="1 2 40 40" Clip="0 0 8 40"/>',
    "seal": "<ofd:Seal><ofd:BaseLoc>Seal.esl</ofd:BaseLoc></ofd:Seal>",
    "value": "<ofd:SignedValue>SignedValue.dat</ofd:SignedValue>",
}


def signature_xml(**changes: str) -> etree._Element:
    parts = {**PARTS, **changes}
    value = parts.pop("value")
    text = f"<ofd:SignedInfo>{''.join(parts.values())}</ofd:SignedInfo>{value}"
    return etree.fromstring(f"<ofd:Signature {OFD}>{text}</ofd:Signature>")


def list_xml(content: str) -> etree._Element:
    return etree.fromstring(f"<ofd:Signatures {OFD}>{content}</ofd:Signatures>")


def test_a_signature_is_read_as_it_is_written() -> None:
    found = read_signature(signature_xml())
    assert found.provider == Provider("p", "1", "c")
    assert found.method == "1.2.156.10197.1.501"
    assert found.check_method == "SM3"
    assert [(r.path, r.value) for r in found.references] == [("/OFD.xml", b"\0\0\0")]
    assert found.stamps == (Stamp("1", "7", Box(1, 2, 40, 40), Box(0, 0, 8, 40)),)
    assert found.seal_location == "Seal.esl"
    assert found.value_location == "SignedValue.dat"
    assert found.time == datetime(2020, 10, 10, 7, 11, 20, tzinfo=UTC)


def test_what_real_files_leave_out_may_be_absent() -> None:
    bare = signature_xml(provider="", seal="", stamp="", method="", time="")
    found = read_signature(bare)
    assert (found.provider.name, found.seal_location, found.stamps) == ("", None, ())
    assert (found.method, found.time) == ("", None)


def test_a_check_method_that_is_absent_stays_absent_and_means_md5() -> None:
    found = read_signature(
        signature_xml(references=f"<ofd:References>{REFERENCE}</ofd:References>")
    )
    assert found.check_method is None
    digest = find_digest(found.check_method)
    assert digest is not None
    assert (digest.name, digest.weak) == ("MD5", True)


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("1.2.156.10197.1.401", "SM3"),
        ("1.2.156.10197.1.401.2", "SM3"),
        ("SM3", "SM3"),
        ("sm3", "SM3"),
        ("SHA-256", "SHA-256"),
        ("2.16.840.1.101.3.4.2.1", "SHA-256"),
        ("SHA1", "SHA-1"),
        ("1.3.14.3.2.26", "SHA-1"),
        ("md5", "MD5"),
        ("", "MD5"),
        ("SHA3-256", None),
        ("1.2.156.10197.1.402", None),
    ],
)
def test_digests_are_found_by_every_name_in_use(method: str, name: str | None) -> None:
    found = find_digest(method)
    assert (found.name if found else None) == name


def test_the_digests_compute_what_they_are_called() -> None:
    known = {
        "SM3": "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
        "SHA256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "SHA1": "a9993e364706816aba3e25717850c26c9cd0d89d",
        "MD5": "900150983cd24fb0d6963f7d28e17f72",
    }
    for method, expected in known.items():
        digest = find_digest(method)
        assert digest is not None
        assert digest.compute(b"abc").hex() == expected


@pytest.mark.parametrize(
    "text",
    [
        "20201010151120",
        "2020-10-10 15:11:20",
        "2020-10-10T15:11:20",
        "20201010071120Z",
        "20201010071120.302Z",
        "2020-10-10T15:11:20+08:00",
        "20201010151120+0800",
        " 2020-10-10T04:11:20-03:00 ",
    ],
)
def test_every_notation_of_time_means_the_same_moment(text: str) -> None:
    assert read_signature_time(text) == datetime(2020, 10, 10, 7, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "20201310151120",
        "2020101015112",
        "00010101000000",
        "99991231235959-2300",
        "٢" * 14,
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert read_signature_time(text) is None


@pytest.mark.parametrize("name", PARTS)
def test_what_stands_twice_is_refused(name: str) -> None:
    if name == "stamp":
        return
    with pytest.raises(OfdRefused):
        read_signature(signature_xml(**{name: PARTS[name] * 2}))


@pytest.mark.parametrize(
    "changes",
    [
        {"references": ""},
        {"value": ""},
        {"references": "<ofd:References><ofd:Reference/></ofd:References>"},
        {"stamp": '<ofd:StampAnnot PageRef="1"/>'},
        {"stamp": '<ofd:StampAnnot PageRef="1" Boundary="1 2 3"/>'},
        {"stamp": '<ofd:StampAnnot PageRef="1" Boundary="1 2 3 nan"/>'},
        {"seal": "<ofd:Seal/>"},
        {"value": "<ofd:SignedValue>a<!-- b -->c</ofd:SignedValue>"},
        {"method": f"<ofd:SignatureMethod>{'1' * 5000}</ofd:SignatureMethod>"},
        {"references": f"<ofd:References>{REFERENCE * (MAX_REFERENCES + 1)}</ofd:References>"},
    ],
)
def test_a_broken_signature_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(OfdRefused):
        read_signature(signature_xml(**changes))


def test_a_check_value_that_is_no_base64_is_no_digest() -> None:
    broken = PARTS["references"].replace("AAAA", "A*AA")
    assert read_signature(signature_xml(references=broken)).references[0].value is None


def test_base64_may_be_broken_into_lines() -> None:
    lines = PARTS["references"].replace("AAAA", "\n AA\nAA ")
    assert read_signature(signature_xml(references=lines)).references[0].value == b"\0\0\0"


def test_a_list_is_read_with_and_without_types() -> None:
    found = read_signature_list(
        list_xml(
            "<ofd:MaxSignId>2</ofd:MaxSignId>"
            '<ofd:Signature ID="1" BaseLoc="/a.xml"/>'
            '<ofd:Signature ID="2" Type="Sign" BaseLoc="b.xml" Relative="1"/>'
        )
    )
    assert found.max_id == "2"
    assert found.records == (
        SignatureRecord("1", SignatureType.SEAL, "/a.xml"),
        SignatureRecord("2", SignatureType.SIGN, "b.xml", "1"),
    )


@pytest.mark.parametrize(
    "content",
    [
        '<ofd:Signature ID="1"/>',
        '<ofd:Signature ID="1" Type="Other" BaseLoc="a"/>',
        '<ofd:Signature ID="1" BaseLoc="a"/>' * (MAX_SIGNATURES + 1),
        "<ofd:MaxSignId>1</ofd:MaxSignId>" * 2,
    ],
)
def test_a_broken_list_is_refused(content: str) -> None:
    with pytest.raises(OfdRefused):
        read_signature_list(list_xml(content))


def test_another_root_is_refused() -> None:
    with pytest.raises(OfdRefused):
        read_signature_list(signature_xml())
    with pytest.raises(OfdRefused):
        read_signature(list_xml(""))


def test_what_is_written_reads_back() -> None:
    stamps = (
        Stamp("1", "1", Box(202, 40.5, 40, 40), Box(0, 0, 8, 40)),
        Stamp("2", "&", Box(0, 0, 1, 1)),
    )
    text = SignatureText(Provider('a"b<', "1", "&"), "1.2.3", SM3, "/S&.esl", "/V.dat")
    now = datetime(2026, 6, 1, 12, 0, tzinfo=timezone(timedelta(hours=8)))
    written = text.write(time=now, checked=[("/甲&.xml", b"\1" * 32)], stamps=stamps)
    found = read_signature(etree.fromstring(written))
    assert found.provider == text.provider
    assert found.stamps == stamps
    assert found.time == now
    assert [(r.path, r.value) for r in found.references] == [("/甲&.xml", b"\1" * 32)]
    assert (found.seal_location, found.value_location) == ("/S&.esl", "/V.dat")
    assert find_digest(found.check_method) is SM3


def test_new_ids_follow_the_highest() -> None:
    empty = SignatureList(())
    first, record = with_record(empty, kind=SignatureType.SEAL, location="/a")
    assert (record.id, first.max_id) == ("1", "1")
    real = SignatureList((SignatureRecord("s001", SignatureType.SEAL, "/a"),), "s006")
    second, record = with_record(real, kind=SignatureType.SIGN, location="/b")
    assert (record.id, second.max_id) == ("s007", "s007")
    found = read_signature_list(etree.fromstring(write_signature_list(second)))
    assert found == second


@pytest.mark.parametrize("text", ["", "1 2 3", "1 2 3 x", "1 2 3 inf", "1 2 3 1e9", "1,2,3,4"])
def test_what_is_no_box_is_refused(text: str) -> None:
    with pytest.raises(OfdRefused):
        read_box(text)


def test_a_box_is_written_without_needless_zeros() -> None:
    assert str(Box(1.0, 2.5, 39.9, -0.0001)) == "1 2.5 39.9 0"

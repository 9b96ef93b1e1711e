# ruff: noqa: ANN401 - changes may be any argument
"""What real seals write differently is read, kept and named; what cannot be read is refused.

Encodings are made by hand here, not by the code under test.
"""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest

from msb_identity.foundation.report import Outcome, Verdict
from msb_seal.errors import SealRefused
from msb_seal.seals.model import SealExtension, SealVersion
from msb_seal.seals.structure import (
    MAX_SEAL_BYTES,
    MAX_SIGNERS,
    kind_of,
    parse_seal,
    parse_seal_signature,
)
from msb_seal.seals.verify import check_seal, check_seal_signature
from tests.identity.authorities import NOW
from tests.seal.makers import DOCUMENT, PROPERTY, world
from tests.support import element, integer

FROM, UNTIL = b"20260510000000Z", b"20270101000000Z"
SM2_SM3 = bytes.fromhex("06082a811ccf55018375")
OID = bytes.fromhex("060a2a811ccf550607020201")
FALSE, TRUE = element(1, b"\0"), element(1, b"\xff")
TIME, MADE = datetime(2026, 5, 25, tzinfo=UTC), datetime(2026, 5, 10, tzinfo=UTC)


def sequence(*parts: bytes) -> bytes:
    return element(0x30, *parts)


def octets(content: bytes) -> bytes:
    return element(4, content)


def bits(content: bytes) -> bytes:
    return element(3, b"\0", content)


def ia5(text: str) -> bytes:
    return element(0x16, text.encode())


def generalized(text: bytes) -> bytes:
    return element(0x18, text)


def info(**changes: Any) -> bytes:
    """SES_SealInfo of v4, any part of which may be another."""
    parts: dict[str, bytes] = {
        "identifier": ia5("ES"),
        "version": integer(4),
        "vendor": ia5("TEST"),
        "id": ia5("15060200000001"),
        "type": integer(1),
        "name": element(0x0C, "测试单位".encode()),
        "list_type": integer(1),
        "list": sequence(octets(world().signer.certificate.encoded)),
        "created": generalized(FROM),
        "from": generalized(FROM),
        "until": generalized(UNTIL),
        "picture": sequence(ia5("PNG"), octets(b"picture"), integer(40), integer(30)),
        "extensions": b"",
        **changes,
    }
    return sequence(
        sequence(parts["identifier"], parts["version"], parts["vendor"]),
        parts["id"],
        sequence(
            *(
                parts[name]
                for name in ("type", "name", "list_type", "list", "created", "from", "until")
            )
        ),
        parts["picture"],
        parts["extensions"],
    )


def seal(*, stamp: bytes = b"", **changes: Any) -> bytes:
    """A seal of v4, signed by its maker over what it then is."""
    signed = info(**changes)
    maker = world().maker
    value = bits(maker.key.sign(signed))
    return sequence(signed, octets(maker.certificate.encoded), SM2_SM3, value, stamp)


def v1_seal(**changes: Any) -> bytes:
    signed = info(version=integer(1), list_type=b"", **changes)
    maker = world().maker
    beside = (octets(maker.certificate.encoded), SM2_SM3)
    return sequence(signed, sequence(*beside, bits(maker.key.sign(sequence(signed, *beside)))))


def v1_signature(time: bytes, *, digest: bytes | None = None, sealed: bytes = b"") -> bytes:
    from msb_identity.pki.sm import sm3

    signer = world().signer
    signed = sequence(
        integer(11),
        sealed or v1_seal(),
        time,
        digest or bits(sm3(DOCUMENT)),
        ia5(PROPERTY),
        octets(signer.certificate.encoded),
        SM2_SM3,
    )
    return sequence(signed, bits(signer.key.sign(signed)))


def v4_signature(
    *,
    extensions: bytes = b"",
    stamp: bytes = b"",
    version: int = 4,
    sealed: bytes = b"",
    signed_with: bytes = SM2_SM3,
) -> bytes:
    from msb_identity.pki.sm import sm3

    signer = world().signer
    signed = sequence(
        integer(version),
        sealed or seal(),
        generalized(b"20260525000000Z"),
        bits(sm3(DOCUMENT)),
        ia5(PROPERTY),
        extensions,
    )
    value = bits(signer.key.sign(signed))
    return sequence(signed, octets(signer.certificate.encoded), signed_with, value, stamp)


def judge(data: bytes) -> Any:
    return check_seal_signature(data, original=DOCUMENT, trust=world().trust, at=NOW)


def test_hand_made_seals_are_read_and_good() -> None:
    for data in (seal(), v1_seal()):
        found = parse_seal(data)
        assert found.encoded == data
        assert found.oddities == ()
        assert (found.picture.width_mm, found.picture.height_mm) == (40, 30)
        assert check_seal(data, trust=world().trust, at=NOW).verdict is not Verdict.INVALID


@pytest.mark.parametrize(
    ("data", "version", "oddity"),
    [
        (seal(version=integer(4)), SealVersion.V4, False),
        (seal(version=integer(5)), SealVersion.V5, False),
        (seal(version=integer(1)), SealVersion.V4, True),
        (seal(version=integer(5), stamp=element(0xA0, bits(b"t"))), SealVersion.V5, False),
        (seal(version=integer(4), stamp=element(0xA0, bits(b"t"))), SealVersion.V5, True),
        (v1_seal(), SealVersion.V1, False),
    ],
)
def test_the_number_of_parts_and_the_header_tell_the_version(
    data: bytes,
    version: SealVersion,
    oddity: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    found = parse_seal(data)
    assert found.version is version
    assert bool(found.oddities) == oddity


@pytest.mark.parametrize(
    ("stamp", "odd"),
    [
        (element(0xA0, bits(b"token")), False),
        (element(0x80, b"\0token"), True),
        (bits(b"token"), True),
        (element(0xA0, octets(b"token")), True),
    ],
)
def test_a_time_stamp_is_found_under_every_tag(
    stamp: bytes,
    odd: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    found = parse_seal_signature(v4_signature(stamp=stamp))
    assert found.timestamp == b"token"
    assert bool(found.oddities) == odd
    assert parse_seal(seal(version=integer(5), stamp=stamp)).timestamp == b"token"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: inner,
        lambda inner: element(0xA0, inner),
        lambda inner: element(0xA4, inner),
        octets,
    ],
)
@pytest.mark.parametrize(
    ("flag", "critical"), [(b"", False), (FALSE, False), (TRUE, True), (element(1, b"\1"), True)]
)
def test_extensions_are_read_in_every_form_and_their_bytes_kept(
    wrap: Any,
    flag: bytes,
    critical: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    extensions = wrap(sequence(sequence(OID, flag, octets(b"2.1"))))
    wanted = (SealExtension("1.2.156.10197.6.7.2.2.1", critical, b"2.1"),)
    data = seal(extensions=extensions)
    assert parse_seal(data).extensions == wanted
    # Encoded again, an explicit FALSE would be left out and the signature would not hold.
    report = check_seal(data, trust=world().trust, at=NOW)
    assert report.step("seal-signature").code == "ok"
    assert parse_seal(v1_seal(extensions=extensions)).extensions == wanted
    signature = v4_signature(extensions=extensions)
    assert parse_seal_signature(signature).extensions == wanted
    assert judge(signature).step("signature-value").code == "ok"


@pytest.mark.parametrize(
    ("written", "time", "odd"),
    [
        (bits(b"2026-05-25T00:00:00.377Z"), TIME, False),
        (bits(b"2026-05-25T00:00:00Z"), TIME, False),
        (bits(b"20260525000000Z"), TIME, False),
        (bits(b"2026-05-25T08:00:00+08:00"), TIME, False),
        (bits(b"2026-05-25 08:00:00"), TIME, True),
        (bits(b"20260525080000"), TIME, True),
        (octets(b"2026-05-25T00:00:00Z"), TIME, True),
        (generalized(b"20260525000000Z"), TIME, False),
        (element(0x17, b"260525000000Z"), TIME, False),
        (bits(b"yesterday"), None, True),
        (bits(b"2026-13-01T00:00:00Z"), None, True),
        (bits(b""), None, True),
    ],
)
def test_v1_writes_its_time_in_many_ways(
    written: bytes,
    time: datetime | None,
    odd: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    data = v1_signature(written)
    code = "none" if time is None else "claimed"
    found, report = parse_seal_signature(data), judge(data)
    assert found.time == report.signed_at == time
    assert bool(found.oddities) == odd
    assert report.step("signature-value").code == "ok"
    assert report.step("signing-time").code == code


def test_a_time_stamp_inside_v1_counts_as_the_signers_word() -> None:
    from tests.seal.test_verify_seal import stamper

    token = stamper(TIME).stamp(DOCUMENT)
    data = v1_signature(bits(token))
    assert parse_seal_signature(data).time_token == token
    report = judge(data)
    assert report.signed_at == TIME
    assert [s.code for s in report.steps if s.id == "timestamp"] == ["none", "inside"]
    assert judge(v1_signature(bits(b"0\3\2\1\1"))).step("signing-time").code == "none"


def test_v1_may_hold_its_digest_as_octets_and_either_kind_of_time() -> None:
    from msb_identity.pki.sm import sm3

    sealed = v1_seal(
        created=element(0x17, b"260510000000Z"),
        **{"from": element(0x17, b"260510000000Z"), "until": generalized(UNTIL)},
    )
    assert parse_seal(sealed).created == MADE
    time = bits(b"2026-05-25T00:00:00Z")
    data = v1_signature(time, digest=octets(sm3(DOCUMENT)), sealed=sealed)
    report = judge(data)
    assert report.step("document-digest").code == "ok"
    assert report.step("format").code == "odd"


def test_a_list_of_texts_decides_nothing_about_the_signer() -> None:
    sealed = v1_seal(list=sequence(ia5("unit-certificate-1")))
    assert parse_seal(sealed).signers.names == ("unit-certificate-1",)
    report = judge(v1_signature(bits(b"2026-05-25T00:00:00Z"), sealed=sealed))
    assert report.verdict is Verdict.INDETERMINATE
    assert report.step("signer-in-seal").code == "undecided"


def test_signature_and_seal_of_different_versions_are_odd() -> None:
    assert parse_seal_signature(v4_signature(version=5)).oddities
    assert parse_seal_signature(v4_signature(sealed=v1_seal())).oddities
    mixed = v1_signature(bits(b"2026-05-25T00:00:00Z"), sealed=seal())
    assert parse_seal_signature(mixed).oddities
    assert not parse_seal_signature(v4_signature()).oddities


def test_indefinite_lengths_are_read_and_kept() -> None:
    data = seal()
    inside = parse_seal(data)
    indefinite = b"\x30\x80" + data[4:] + b"\0\0"
    found = parse_seal(indefinite)
    assert found.encoded == indefinite
    assert found.info == inside.info


@pytest.mark.parametrize("kind", ["PNG", "png", "ofd", "gif", "bmp", "jpg", "svg", "?"])
def test_the_type_of_a_picture_is_kept_as_written(kind: str) -> None:
    picture = sequence(ia5(kind), octets(b"x"), integer(30), integer(20))
    assert parse_seal(seal(picture=picture)).picture.type == kind


@pytest.mark.parametrize(
    "changes",
    [
        {"list_type": integer(3)},
        {"list_type": integer(2)},
        {"list": octets(b"")},
        {"list": sequence(*[octets(b"c")] * (MAX_SIGNERS + 1))},
        {"created": generalized(b"20261301000000Z")},
        {"created": integer(1)},
        {"type": element(2, b"\xff")},
        {"type": integer(1 << 40)},
        {"name": octets(b"name")},
        {"name": element(0x0C, b"n" * 5_000)},
        {"picture": sequence(ia5("PNG"), octets(b"x"), integer(30))},
        {"picture": sequence(ia5("PNG"), ia5("x"), integer(30), integer(30))},
        {"extensions": sequence(sequence(OID))},
        {"extensions": sequence(*[sequence(OID, octets(b""))] * 101)},
        {"extensions": integer(1)},
        {"version": b""},
        {"id": b""},
    ],
    ids=str,
)
def test_what_is_not_built_as_a_seal_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SealRefused):
        parse_seal(seal(**changes))
    with pytest.raises(SealRefused):
        parse_seal_signature(v4_signature(sealed=seal(**changes)))


def test_what_is_too_long_or_too_deep_is_refused() -> None:
    picture = sequence(ia5("PNG"), octets(bytes(MAX_SEAL_BYTES)), integer(1), integer(1))
    deep = b"\x30\x80" * 10_000
    for data in (seal(picture=picture), deep, seal() + b"\0", seal()[:-1]):
        with pytest.raises(SealRefused):
            parse_seal(data)
        with pytest.raises(SealRefused):
            parse_seal_signature(data)


def test_long_and_deep_at_once_takes_bounded_memory() -> None:
    data = bytes(MAX_SEAL_BYTES - 100)
    for _ in range(16):
        data = sequence(data)
    tracemalloc.start()
    with pytest.raises(SealRefused):
        parse_seal(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MAX_SEAL_BYTES


def blanked(data: bytes, certificate: bytes) -> bytes:
    """Make a certificate unreadable where it stands last: the seal's list may hold the same."""
    at = data.rindex(certificate)
    return data[:at] + bytes(len(certificate)) + data[at + len(certificate) :]


def test_a_certificate_that_cannot_be_read_is_named() -> None:
    maker, signer = (one.certificate.encoded for one in (world().maker, world().signer))
    bare = check_seal(blanked(seal(), maker), trust=world().trust, at=NOW)
    for report, step, value in (
        (bare, "seal-maker-certificate", "seal-signature"),
        (judge(blanked(v4_signature(), maker)), "seal-maker-certificate", "seal-signature"),
        (judge(blanked(v4_signature(), signer)), "signer-certificate", "signature-value"),
    ):
        assert report.verdict is Verdict.INVALID
        assert (report.step(step).outcome, report.step(step).code) == (Outcome.FAILED, "malformed")
        assert report.step(value).code == "no-key"


def test_the_first_tags_say_what_a_file_is_meant_to_be() -> None:
    assert kind_of(seal()) == kind_of(v1_seal()) == "seal"
    assert kind_of(v4_signature()) == "ses-signature"
    assert kind_of(v1_signature(bits(b""))) == "ses-signature"
    certificate = world().signer.certificate.encoded
    for other in (b"", b"0", b"0\x80", certificate, b"PK\3\4", b"%PDF-1.7", b"0" * 50, bytes(50)):
        assert kind_of(other) is None
    broken = seal()[:300]
    assert kind_of(broken) == "seal", "a broken seal is still one"

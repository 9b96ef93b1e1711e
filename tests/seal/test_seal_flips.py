"""A changed byte is found wherever it is; broken input gives a Report and nothing else."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Report, Verdict
from msb_identity.pki.keys import KeyKind
from msb_seal.seals.model import SealVersion
from msb_seal.seals.signing import document_digest, sign_digest
from msb_seal.seals.structure import parse_seal_signature
from msb_seal.seals.verify import check_seal, check_seal_signature
from tests.identity.authorities import NOW
from tests.seal.makers import DOCUMENT, EVERY, PROPERTY, world

if TYPE_CHECKING:
    from collections.abc import Iterator

FLIPS = 60
STRIDE = 3
MUTANTS = 1_000
# An identifier that no table knows is a limit of ours: with v4 and v5 no signature covers it.
_UNDECIDED = {("algorithm", "unsupported"), ("algorithm", "weak")}


def signature(version: SealVersion, kind: KeyKind) -> bytes:
    sealer = world(kind).sealer(version)
    digest = document_digest(DOCUMENT, sealer.certificate)
    return sign_digest(sealer, digest=digest, property_info=PROPERTY, document="d", now=NOW)


def judge(data: bytes, kind: KeyKind, document: bytes = DOCUMENT) -> Report:
    return check_seal_signature(data, original=document, trust=world(kind).trust, at=NOW)


def regions(data: bytes) -> dict[str, tuple[int, int]]:
    """Where each part of a signature stands."""
    found = parse_seal_signature(data)
    parts = {
        "seal info": found.seal.info,
        "seal's list": found.seal.signers.certificates[0],
        "picture": found.seal.picture.data,
        "maker certificate": found.seal.maker_certificate,
        "seal signature": found.seal.signature,
        "digest": found.document_digest,
        "property": found.property_info.encode(),
        "what was signed": found.signed,
        "signature value": found.signature,
    }
    places = {name: (data.index(part), len(part)) for name, part in parts.items()}
    last = data.rindex(found.certificate)  # the list holds the same bytes
    return {**places, "signer certificate": (last, len(found.certificate)), "all": (0, len(data))}


def flipped(data: bytes, place: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1 << bit
    return bytes(changed)


def is_found(report: Report) -> bool:
    if report.verdict is Verdict.INVALID:
        return True
    told = {(step.id, step.code) for step in report.steps}
    return report.verdict is Verdict.INDETERMINATE and bool(told & _UNDECIDED)


@pytest.mark.parametrize(("version", "kind"), EVERY)
def test_the_untouched_signature_is_valid(version: SealVersion, kind: KeyKind) -> None:
    report = judge(signature(version, kind), kind)
    assert report.verdict is Verdict.VALID, report.as_text()
    assert report.kind == version.kind
    assert report.signed_at == NOW


@pytest.mark.parametrize(("version", "kind"), EVERY)
def test_a_flipped_bit_in_any_part_is_found(version: SealVersion, kind: KeyKind) -> None:
    data, seeded = signature(version, kind), random.Random(f"{version}{kind}")
    for name, (start, length) in regions(data).items():
        for _ in range(FLIPS if name == "all" else 4):
            place = start + seeded.randrange(length)
            report = judge(flipped(data, place, seeded.randrange(8)), kind)
            assert is_found(report), f"{name} at {place}: {report.as_text()}"


@pytest.mark.parametrize("version", list(SealVersion))
def test_a_flipped_bit_of_a_seal_is_found(version: SealVersion) -> None:
    seal = world().seal(version)
    data, seeded = seal.encoded, random.Random(version)
    start = data.rindex(seal.maker_certificate)
    maker = range(start, start + len(seal.maker_certificate))
    for place in range(0, len(data), STRIDE):
        report = check_seal(flipped(data, place, seeded.randrange(8)), trust=world().trust, at=NOW)
        # A bare seal of v4 or v5 does not protect its maker's certificate: changed, it may be one
        # for which nobody vouches.
        unvouched = place in maker and report.verdict is Verdict.INDETERMINATE
        assert is_found(report) or unvouched, f"{place}: {report.as_text()}"


def test_a_flipped_bit_anywhere_in_a_signature_is_found() -> None:
    data = signature(SealVersion.V4, KeyKind.SM2)
    for place in range(1, len(data), STRIDE):
        report = judge(flipped(data, place, place % 8), KeyKind.SM2)
        assert is_found(report), f"{place}: {report.as_text()}"


@pytest.mark.parametrize(("version", "kind"), EVERY)
def test_another_document_is_found(version: SealVersion, kind: KeyKind) -> None:
    data = signature(version, kind)
    for document in (b"", DOCUMENT + b" ", flipped(DOCUMENT, 3, 0)):
        report = judge(data, kind, document)
        assert report.verdict is Verdict.INVALID
        assert report.step("document-digest").code == "changed"


def test_another_seal_cannot_be_put_into_a_signature() -> None:
    # A signature may be a byte or two shorter: make pairs until both seals are as long.
    for _ in range(1_000):
        data = signature(SealVersion.V4, KeyKind.SM2)
        seal = parse_seal_signature(data).seal.encoded
        other = world(KeyKind.SM2).seal(name="另一单位")
        if len(other.encoded) == len(seal):
            break
    else:
        pytest.fail("no two seals of one length")
    report = judge(data.replace(seal, other.encoded), KeyKind.SM2)
    assert report.step("signature-value").code == "bad"
    assert report.step("seal-signature").code == "ok"


def mutants(seeds: list[bytes], count: int) -> Iterator[bytes]:
    seeded = random.Random(20260601)
    for _ in range(count):
        data = bytearray(seeded.choice(seeds))
        for _ in range(seeded.choice((1, 1, 2, 5, 20))):
            place = seeded.randrange(len(data))
            run = seeded.randrange(1, 40)
            match seeded.randrange(6):
                case 0:
                    data[place] = seeded.randrange(256)
                case 1:
                    del data[place : place + run]
                case 2:
                    data[place:place] = seeded.randbytes(run)
                case 3:
                    data[place : place + run] = data[:run]
                case 4:
                    data[place] = seeded.choice((0x00, 0x30, 0x80, 0x84, 0xA0, 0xFF))
                case _:
                    del data[max(place, 1) :]
            if not data:
                break
        yield bytes(data)


def test_a_thousand_mutants_give_reports_and_none_is_valid() -> None:
    seals = [world().seal(version).encoded for version in SealVersion]
    signatures = [signature(version, KeyKind.SM2) for version in SealVersion]
    trust = world().trust
    for index, data in enumerate(mutants(seals, MUTANTS // 2)):
        report = check_seal(data, trust=trust, at=NOW)
        assert report.verdict is not Verdict.VALID or data in seals, f"seal {index}"
    for index, data in enumerate(mutants(signatures, MUTANTS // 2)):
        report = check_seal_signature(data, original=DOCUMENT, trust=trust, at=NOW)
        assert report.verdict is not Verdict.VALID or data in signatures, f"signature {index}"

"""What a seal on an OFD can lack: each by its step, through the document's report."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import TrustStore
from msb_seal.errors import SealingRefused
from msb_seal.ofd.sign import seal_ofd
from msb_seal.ofd.sign_cms import sign_ofd_cms
from msb_seal.ofd.verify import check_ofd
from msb_seal.seals.model import SealVersion
from msb_seal.seals.sealer import KeySealer
from msb_seal.seals.status import SealState, SealStatus
from tests.identity.authorities import DAY, NOW, trusting
from tests.seal.archives import archive
from tests.seal.forging import stamping
from tests.seal.makers import KINDS, person, world
from tests.seal.ofd_documents import HERE, checked, document, sealed, unsealed
from tests.seal.ofd_forging import Forger
from tests.seal.ofd_steps import codes

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.foundation.report import Report
    from msb_seal.seals.model import ElectronicSeal

LATER = NOW + 250 * DAY  # the seal's period has ended by then, the certificates' has not


def stamped(*, at: datetime = NOW, version: SealVersion = SealVersion.V4) -> bytes:
    return seal_ofd(
        unsealed(),
        sealer=world().sealer(version),
        places=HERE,
        timestamps=stamping(KeyKind.SM2).source(at),
        now=NOW,
    )


def judged(data: bytes, *, at: datetime = NOW, stamps: bool = True) -> Report:
    anchors = world().trust.anchors
    if stamps:
        anchors += (stamping(KeyKind.SM2).root.certificate,)
    return check_ofd(data, trust=TrustStore(anchors), at=at)


@pytest.mark.parametrize("version", [SealVersion.V4, SealVersion.V5])
def test_a_time_stamp_keeps_a_seal_good_after_its_period(version: SealVersion) -> None:
    data = stamped(version=version)
    assert judged(data).verdict is Verdict.VALID
    assert judged(data, at=LATER).verdict is Verdict.VALID
    assert checked(sealed(), at=LATER).verdict is Verdict.INDETERMINATE
    assert ("unknown", "unproven") in codes(checked(sealed(), at=LATER), "signing-time")


def test_a_time_stamp_that_nobody_vouches_for_proves_nothing() -> None:
    report = judged(stamped(), stamps=False)
    assert report.verdict is Verdict.INDETERMINATE
    assert "timestamp" in {step.id for step in report.signatures[0].steps}


def test_a_time_stamp_of_another_signature_is_invalid() -> None:
    @dataclass(frozen=True)
    class Wrong:
        def stamp(self, data: bytes) -> bytes:
            return stamping(KeyKind.SM2).source().stamp(data + b"x")

    data = seal_ofd(unsealed(), sealer=world().sealer(), places=HERE, timestamps=Wrong(), now=NOW)
    report = judged(data)
    assert report.verdict is Verdict.INVALID
    assert ("failed", "bad") in codes(report, "timestamp")


def test_version_1_has_no_room_for_a_time_stamp() -> None:
    with pytest.raises(SealingRefused):
        stamped(version=SealVersion.V1)


def test_a_plain_signature_is_time_stamped_too() -> None:
    signer = world().signer
    data = sign_ofd_cms(
        unsealed(),
        key=signer.key,
        certificate=signer.certificate,
        timestamps=stamping(KeyKind.SM2).source(),
        now=NOW,
    )
    report = judged(data)
    assert report.verdict is Verdict.VALID, report.as_text()
    assert report.signatures[0].step("timestamp").outcome == "ok"


def test_a_certificate_that_ended_leaves_the_time_unproven() -> None:
    signer = person("short", until=NOW + DAY)
    seal = world().seal(signers=[signer.certificate])
    data = sealed(sealer=KeySealer(seal, signer.certificate, signer.key))
    assert checked(data).verdict is Verdict.VALID
    report = checked(data, at=NOW + 2 * DAY)
    assert report.verdict is Verdict.INDETERMINATE
    assert ("unknown", "unproven") in codes(report, "signing-time")


def test_a_document_sealed_later_than_now_is_invalid() -> None:
    report = checked(sealed(), at=NOW - timedelta(hours=1))
    assert report.verdict is Verdict.INVALID
    assert ("failed", "from-future") in codes(report, "signing-time")


def test_without_trust_nobody_vouches_for_it() -> None:
    report = check_ofd(sealed(), trust=TrustStore(()), at=NOW)
    assert report.verdict is Verdict.INDETERMINATE
    assert ("unknown", "no-anchor") in codes(report, "chain")


def test_where_makers_are_named_the_seals_maker_must_be_one() -> None:
    own = world(KeyKind.SM2)  # that of sealed()
    undecided = (own.signer, "indeterminate")
    for makers, verdict in ((own.root, "valid"), (own.maker, "valid"), undecided):
        report = check_ofd(sealed(), trust=own.trust, at=NOW, makers=trusting(makers))
        assert report.verdict == verdict, report.as_text()


@pytest.mark.parametrize("state", list(SealState))
def test_the_state_of_the_seal_is_asked(state: SealState) -> None:
    @dataclass(frozen=True)
    class Source:
        def status_of(self, seal: ElectronicSeal, *, now: datetime) -> SealStatus | None:
            assert seal.name == "测试单位"
            return SealStatus(state, NOW - DAY, now)

    report = check_ofd(sealed(), trust=world().trust, at=NOW, statuses=Source())
    good = state is SealState.ACTIVE
    assert report.verdict is (Verdict.VALID if good else Verdict.INVALID)
    assert ("ok" if good else str(state)) in {code for _, code in codes(report, "seal-status")}


@pytest.mark.parametrize(
    ("method", "warned"),
    [
        ("", False),
        ("1.2.156.10197.1.501", False),
        ("1.2.156.10197.1.301.1", False),
        ("SM3withSM2", False),
        ("1.2.840.113549.1.1.11", True),
        ("1.2.840.10045.4.3.2", True),
        ("foo", True),
    ],
)
def test_a_method_that_is_not_the_values_is_told(method: str, *, warned: bool) -> None:
    def change(text: str) -> str:
        return text.replace(">1.2.156.10197.1.501<", f">{method}<")

    report = checked(archive(Forger(change=change).seal(document())))
    assert report.verdict is Verdict.VALID
    assert (("warning", "method-differs") in codes(report, "algorithm")) is warned


@pytest.mark.parametrize("kind", KINDS)
def test_our_own_methods_are_the_values(kind: KeyKind) -> None:
    signer = world(kind).signer
    plain = sign_ofd_cms(unsealed(), key=signer.key, certificate=signer.certificate, now=NOW)
    for data in (sealed(kind=kind), plain):
        report = checked(data, kind=kind)
        assert "method-differs" not in {code for _, code in codes(report, "algorithm")}


@pytest.mark.parametrize(("text", "warned"), [("", False), ("yesterday", True), ("2026", True)])
def test_a_time_that_cannot_be_read_is_told(text: str, *, warned: bool) -> None:
    def change(written: str) -> str:
        return re.sub("(SignatureDateTime>)[^<]+<", rf"\g<1>{text}<", written)

    report = checked(archive(Forger(change=change).seal(document())))
    assert report.verdict is Verdict.VALID
    assert (("warning", "time-unreadable") in codes(report, "signing-time")) is warned


def test_any_bytes_are_read_and_what_is_none_is_the_programmers_mistake() -> None:
    data = sealed()
    for form in (bytearray(data), memoryview(data)):
        assert check_ofd(form, trust=world().trust, at=NOW).verdict is Verdict.VALID
    with pytest.raises(TypeError):
        check_ofd(None, trust=world().trust, at=NOW)  # type: ignore[arg-type]

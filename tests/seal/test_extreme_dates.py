"""Dates at both ends of the calendar, anywhere, make a report and nothing else."""

from __future__ import annotations

import contextlib
import itertools
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.foundation.clock import aware
from msb_identity.foundation.report import Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import verify_chain
from msb_identity.x509.asn1_names import core, x509
from msb_identity.x509.making import asn1_time
from msb_identity.x509.statements import make_crl
from msb_seal.cms.structure import parse_cms
from msb_seal.cms.verify import check_cms
from msb_seal.errors import LifecycleRefused
from msb_seal.lifecycle.published import PublishedStates, StatePart
from msb_seal.seals.model import SealVersion
from msb_seal.seals.status import SealState
from msb_seal.seals.verify import check_seal, check_seal_signature
from msb_seal.timestamp import check_timestamp, parse_timestamp
from tests.identity.authorities import NOW, authority, trusting
from tests.seal.cms_world import DOCUMENT as CMS_DOCUMENT
from tests.seal.cms_world import P256, TRUST, made
from tests.seal.makers import DOCUMENT, world
from tests.seal.test_verify_seal import stamper

if TYPE_CHECKING:
    from msb_identity.foundation.report import Report

FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ENDS = (FIRST, NOW, LAST - SECOND, LAST)
WORLD = world(KeyKind.P256)


@pytest.mark.parametrize("at", ENDS)
@pytest.mark.parametrize("version", SealVersion)
def test_a_seal_with_any_dates_is_reported(version: SealVersion, at: datetime) -> None:
    for created, start, end in itertools.product(ENDS, (FIRST, NOW, LAST), (FIRST, NOW, LAST)):
        seal = WORLD.forge_seal(version, created=created, valid_from=start, valid_until=end)
        report = check_seal(seal.encoded, trust=WORLD.trust, at=at)
        good = start <= at <= end and created <= at
        assert good or report.verdict is not Verdict.VALID, report.as_text()


@pytest.mark.parametrize("at", ENDS)
@pytest.mark.parametrize("created", ENDS)
def test_a_signature_with_any_dates_is_reported(created: datetime, at: datetime) -> None:
    seal = WORLD.forge_seal(created=created, valid_from=FIRST, valid_until=LAST)
    for time in ENDS:
        data = WORLD.forge_signature(seal, time=time)
        report = check_seal_signature(data, original=DOCUMENT, trust=WORLD.trust, at=at)
        assert report.verdict is not Verdict.VALID or time == at == NOW


@pytest.mark.parametrize("at", ENDS)
@pytest.mark.parametrize("stamped", ENDS)
def test_a_time_stamp_of_any_time_is_reported(stamped: datetime, at: datetime) -> None:
    token = stamper(stamped).stamp(b"bytes")
    assert parse_timestamp(token).time == stamped
    report = check_timestamp(token, covers=b"bytes", trust=world().trust, at=at)
    assert report.verdict is not Verdict.VALID or stamped <= NOW
    seal = WORLD.forge_seal(SealVersion.V5, created=at, stamp=stamper(stamped).stamp)
    for time in ENDS:
        data = WORLD.forge_signature(seal, time=time, stamp=stamper(stamped).stamp)
        trust = trusting(WORLD.root, world().root)
        check_seal_signature(data, original=DOCUMENT, trust=trust, at=at)


@pytest.mark.parametrize("claimed", ENDS)
@pytest.mark.parametrize("at", ENDS)
def test_a_cms_signature_of_any_time_is_reported(at: datetime, claimed: datetime) -> None:
    for proven in (FIRST, LAST):
        data = made(P256, at=claimed, timestamps=stamper(proven))
        assert parse_cms(data).signers[0].claimed_time == claimed
        report = check_cms(data, original=CMS_DOCUMENT, trust=TRUST, at=at)
        assert report.verdict is not Verdict.VALID or claimed == at == NOW


@pytest.mark.parametrize("issued", ENDS)
def test_a_list_of_states_of_any_time_answers_or_is_refused(issued: datetime) -> None:
    seal = WORLD.seal()
    state = (SealState.ACTIVE, issued, "")
    part = StatePart("states", 1, "", issued, LAST, {seal.fingerprint: state})
    for at in ENDS:
        with contextlib.suppress(LifecycleRefused):
            assert PublishedStates([part]).status_of(seal, now=at) is not None


@pytest.fixture
def any_dates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates and CRLs can be made with years that UTCTime does not have."""

    def write(moment: datetime) -> Any:  # noqa: ANN401 - asn1crypto has no types
        if moment not in (FIRST, LAST):
            return asn1_time(moment)
        text = f"{moment.year:04}{moment:%m%d%H%M%SZ}".encode()
        return x509.Time("general_time", core.GeneralizedTime(contents=text))

    monkeypatch.setattr("msb_identity.x509.making.asn1_time", write)
    monkeypatch.setattr("msb_identity.x509.statements.asn1_time", write)


@pytest.mark.usefixtures("any_dates")
@pytest.mark.parametrize("at", ENDS)
def test_certificates_and_lists_of_any_dates_are_reported(at: datetime) -> None:
    root = authority("any dates", from_=FIRST, until=LAST)
    for start, end, listed in itertools.product((FIRST, NOW, LAST), repeat=3):
        one = root.issue("any dates below", from_=start, until=end)
        for following in (FIRST, LAST):
            crl = make_crl(
                root.key,
                root.certificate,
                (),
                number=1,
                this_update=listed,
                next_update=following,
            )
            trust = trusting(root, crls=(crl,))
            report = verify_chain(one.certificate, trust=trust, at=at, revocation="require")
            assert report.verdict is not Verdict.VALID or start <= at <= end


def _at(at: datetime) -> Report:
    data = WORLD.forge_signature(WORLD.seal())
    return check_seal_signature(data, original=DOCUMENT, trust=WORLD.trust, at=at)


@pytest.mark.parametrize("hours", [8, 16, 0])
def test_a_signature_is_judged_at_the_end_of_the_calendar(hours: int) -> None:
    assert _at(LAST - timedelta(hours=hours)).verdict is not Verdict.VALID


@pytest.mark.parametrize(
    "moment",
    [
        datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12))),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    ],
)
def test_a_time_that_utc_does_not_have_is_refused_like_one_without_zone(moment: datetime) -> None:
    with pytest.raises(ValueError, match="years 1 to 9999"):
        aware(moment)

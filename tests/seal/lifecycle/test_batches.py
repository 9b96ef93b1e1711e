"""Batches with a kept seal: uses reserved, recorded in one transaction, given back, frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Verdict
from msb_seal.batch import Document, DocumentBatch
from msb_seal.errors import SealingRefused
from msb_seal.ofd.sign import seal_ofd
from msb_seal.ofd.verify import check_ofd
from msb_seal.placement import At
from tests.identity.authorities import NOW
from tests.seal.archives import archive
from tests.seal.makers import world
from tests.seal.ofd_documents import document, unsealed
from tests.seal.ofd_steps import codes

if TYPE_CHECKING:
    from tests.seal.lifecycle.conftest import Kept

PLACES = (At(1, 120, 200),)


def test_a_batch_uses_what_it_reserved_and_gives_back_the_rest(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record, max_uses=10)
    documents = [
        Document(
            f"{number}.ofd", archive({**document(), "Doc_0/Attachs/data.xml": b"<d/>" * number})
        )
        for number in range(3)
    ]
    with kept.sealer(record).reserve(5, now=NOW) as reserved:
        done = list(DocumentBatch(reserved, PLACES).seal(documents, now=NOW))
        assert kept.used() == 5
    assert kept.used() == 3
    for one in done:
        assert one.data is not None
        report = check_ofd(one.data, trust=world().trust, at=NOW, statuses=kept.registry)
        assert report.verdict is Verdict.VALID, report.as_text()
        assert codes(report, "seal-status") == {("ok", "ok")}
    entries = kept.entries("seal.used")
    assert len(entries) == 3
    assert len({entry.details["digest"] for entry in entries}) == 3


def test_a_batch_beyond_what_was_granted_seals_nothing(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record, max_uses=2)
    with pytest.raises(SealingRefused):
        kept.sealer(record).reserve(3, now=NOW)
    assert kept.used() == 0


def test_a_seal_frozen_during_a_batch_seals_no_further_document(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record)
    documents = [Document(f"{number}.ofd", unsealed()) for number in range(2)]
    with kept.sealer(record).reserve(4, now=NOW) as reserved:
        batch = DocumentBatch(reserved, PLACES)
        first = list(batch.seal(documents, now=NOW))
        kept.freeze(record)
        second = list(batch.seal(documents, now=NOW))
    assert all(one.data for one in first)
    assert [one.data for one in second] == [None, None]
    assert all(isinstance(one.error, SealingRefused) for one in second)


def test_a_frozen_seal_seals_no_single_document_and_its_documents_tell(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record)
    sealer = kept.sealer(record)
    data = seal_ofd(unsealed(), sealer=sealer, places=PLACES, document="a.ofd", now=NOW)
    kept.freeze(record)
    with pytest.raises(SealingRefused):
        seal_ofd(unsealed(), sealer=sealer, places=PLACES, document="b.ofd", now=NOW)
    report = check_ofd(data, trust=world().trust, at=NOW, statuses=kept.registry)
    assert report.verdict is not Verdict.VALID
    assert "frozen" in {code for _, code in codes(report, "seal-status")}

"""Using a kept seal: allowed, counted and recorded before the signature leaves, or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from msb_identity.errors import SigningFailed, StoreError
from msb_identity.foundation.audit import check_audit
from msb_seal.errors import LifecycleRefused, SealingRefused
from msb_seal.lifecycle import Act
from msb_seal.lifecycle import uses as uses_module
from msb_seal.lifecycle.uses import document_mark
from msb_seal.seals.signing import sign_digest
from msb_seal.seals.structure import parse_seal_signature
from tests.identity.authorities import DAY, NOW
from tests.seal.lifecycle.conftest import (
    DIGEST,
    KEEPER,
    PURPOSE,
    USER,
    Signer,
    digests,
    past,
    prepared,
    refusal_of,
    sign,
)
from tests.seal.makers import PROPERTY, person, world

if TYPE_CHECKING:
    from tests.seal.lifecycle.conftest import Kept


def test_a_use_stands_in_the_log_before_the_key_is_asked(kept_on_each: Kept) -> None:
    kept = kept_on_each
    record = kept.issued()
    grant = kept.granted(record.record)
    seen: list[int] = []
    signer = Signer(lambda: seen.append(len(kept.entries("seal.used"))))
    sign(kept.sealer(record.record, key=signer.key))
    assert seen == [1]
    [entry] = kept.entries("seal.used", actor=[USER], object_=record.record)
    assert entry.outcome == "ok"
    assert entry.details == {
        "digest": DIGEST.hex(),
        "document": document_mark(kept.protector, "licence-1"),
        "purpose": PURPOSE,
        "grant": grant.grant_id,
        "epoch": record.epoch,
        "fingerprint": record.fingerprint,
    }
    assert kept.registry.grants.of(record.record)[0].used == 1
    assert check_audit(kept.store).step("chain").code == "ok"


def test_a_whole_seal_signature_comes_from_a_kept_seal(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record)
    sealer = kept.sealer(record)
    data = sign_digest(sealer, digest=DIGEST, property_info=PROPERTY, document="张三.ofd", now=NOW)
    found = parse_seal_signature(data)
    assert found.seal == kept.registry.seal(record)
    assert found.document_digest == DIGEST
    assert "张三" not in str(kept.entries())


@pytest.mark.parametrize(
    ("acts", "code"),
    [
        (((Act.FREEZE, "under-review"),), "frozen"),
        (((Act.LOSE, "lost"),), "frozen"),
        (((Act.ASK_CANCEL, "dissolved"), (Act.CANCEL, "")), "cancelled"),
        (((Act.ASK_VOID, "made-illegally"), (Act.VOID, "")), "void"),
    ],
)
def test_a_seal_that_is_not_active_signs_nothing(
    kept: Kept, acts: tuple[tuple[Act, str], ...], code: str
) -> None:
    record = kept.issued().record
    kept.granted(record)
    signer = Signer()
    sealer = kept.sealer(record, key=signer.key)
    for number, (act, reason) in enumerate(acts):
        kept.registry.change(record, act, by=f"u-{number}", reason=reason, now=NOW)
    assert refusal_of(sign, sealer) == code
    assert (signer.asked, kept.used()) == (0, 0)
    [entry] = kept.entries("seal.used")
    assert (entry.outcome, entry.details["digest"]) == (code, DIGEST.hex())


def test_a_seal_that_is_not_issued_signs_nothing(kept: Kept) -> None:
    record = kept.made().record
    kept.granted(record)
    assert refusal_of(sign, kept.sealer(record)) == "not-issued"


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (NOW - 2 * DAY, "grant-period"),
        (NOW + 31 * DAY, "grant-period"),
        (NOW - 6 * DAY, "not-yet-valid"),
        (NOW + 201 * DAY, "lapsed"),
        (NOW + 301 * DAY, "certificate-period"),
        (NOW - 31 * DAY, "certificate-period"),
    ],
)
def test_a_seal_is_used_within_all_periods_only(kept: Kept, at: object, code: str) -> None:
    record = kept.issued().record
    kept.granted(record)
    signer = Signer()
    sealer = kept.sealer(record, key=signer.key)
    assert refusal_of(sign, sealer, now=at) == code
    assert signer.asked == 0
    assert kept.entries("seal.used")[0].outcome == code


def test_a_seal_ends_with_the_last_of_its_signers_certificates(kept: Kept) -> None:
    short = person("short lived", until=NOW + 20 * DAY)
    record = kept.issued(signers=(short.certificate,))
    assert record.usable_until == short.certificate.not_after
    assert not record.has_lapsed(NOW + 20 * DAY)
    assert record.has_lapsed(NOW + 21 * DAY)


@pytest.mark.parametrize(("user", "purpose"), [("u-nobody", PURPOSE), (USER, "contract")])
def test_only_whom_a_grant_names_uses_a_seal_for_what_it_names(
    kept: Kept, user: str, purpose: str
) -> None:
    record = kept.issued().record
    kept.granted(record)
    assert refusal_of(sign, kept.sealer(record, user=user, purpose=purpose)) == "no-grant"
    other = kept.issued().record
    assert refusal_of(sign, kept.sealer(other)) == "no-grant"


def test_a_grant_is_used_as_often_as_it_says(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record, max_uses=2)
    sealer = kept.sealer(record)
    for _ in range(2):
        sign(sealer)
    assert refusal_of(sign, sealer) == "used-up"
    kept.granted(record, max_uses=None)
    for _ in range(3):
        sign(sealer)
    assert kept.used() == 5


def test_a_withdrawn_grant_lets_nobody_sign(kept: Kept) -> None:
    record = kept.issued().record
    grant = kept.granted(record)
    kept.registry.grants.withdraw(grant.grant_id, by=KEEPER, now=NOW)
    kept.registry.grants.withdraw(grant.grant_id, by=KEEPER, now=NOW)
    assert refusal_of(sign, kept.sealer(record)) == "grant-withdrawn"
    with pytest.raises(LifecycleRefused):
        kept.granted(record)
    assert len(kept.entries("seal.grant-withdrawn")) == 1


def test_a_grant_is_given_once_and_never_to_oneself(kept: Kept) -> None:
    record = kept.issued().record
    assert kept.granted(record) == kept.granted(record)
    assert [grant.user for grant in kept.registry.grants.of(record)] == [USER]
    for changes, code in (
        ({"user": KEEPER}, "own-grant"),
        ({"purpose": "parties"}, "purpose"),
        ({"max_uses": 0}, "uses"),
        ({"valid_until": NOW - DAY}, "period"),
        ({"valid_from": datetime(1969, 12, 31, tzinfo=UTC)}, "period"),
        ({"user": ""}, "person"),
    ):
        with pytest.raises(LifecycleRefused) as refusal:
            kept.granted(record, **changes)
        assert refusal.value.code == code
    kept.registry.change(record, Act.ASK_CANCEL, by="a", reason="lost", now=NOW)
    kept.registry.change(record, Act.CANCEL, by="b", now=NOW)
    with pytest.raises(LifecycleRefused) as refusal:
        kept.granted(record, max_uses=3)
    assert refusal.value.code == "state"


def test_what_does_not_belong_together_makes_no_sealer(kept: Kept) -> None:
    record, stranger = kept.issued().record, person("stranger")
    registry, signer = kept.registry, world().signer
    for certificate, key, code in (
        (stranger.certificate, stranger.key, "signer-not-listed"),
        (signer.certificate, stranger.key, "key-differs"),
    ):
        found = refusal_of(
            registry.sealer, record, certificate=certificate, key=key, user=USER, purpose=PURPOSE
        )
        assert found == code


def test_a_digest_that_is_not_in_what_is_signed_is_refused(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record)
    signer = Signer()
    sealer = kept.sealer(record, key=signer.key)
    ready = prepared(sealer)
    for digest in (bytes(32), b""):
        code = refusal_of(sealer.sign, ready.to_sign, digest=digest, document="d", now=NOW)
        assert code == "digest-not-signed"
    for name in ("", "d" * 501):
        code = refusal_of(sealer.sign, ready.to_sign, digest=DIGEST, document=name, now=NOW)
        assert code == "document"
    assert (signer.asked, kept.used()) == (0, 0)


def test_a_signer_that_fails_leaves_a_recorded_attempt(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record)

    def fail() -> None:
        raise OSError

    sealer = kept.sealer(record, key=Signer(fail).key)
    with pytest.raises(SigningFailed):
        sign(sealer)
    assert kept.used() == 1
    assert [entry.outcome for entry in kept.entries("seal.used")] == ["ok"]


def test_what_cannot_be_recorded_is_not_signed(
    kept_on_each: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = kept_on_each
    record = kept.issued().record
    kept.granted(record)
    signer = Signer()
    sealer = kept.sealer(record, key=signer.key)

    def fail(*_: object, **__: object) -> None:
        raise StoreError

    monkeypatch.setattr(kept.audit, "record_many", fail)
    with pytest.raises(StoreError):
        sign(sealer)
    monkeypatch.undo()
    assert (signer.asked, kept.used(), kept.entries("seal.used")) == (0, 0, [])


def test_threads_share_a_grant_to_the_last_use(kept_on_each: Kept) -> None:
    kept = kept_on_each
    record = kept.issued().record
    kept.granted(record, max_uses=10)
    sealer = kept.sealer(record)

    def try_one(digest: bytes) -> str:
        try:
            sign(sealer, digest)
        except SealingRefused as refusal:
            return refusal.code
        return "ok"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(try_one, digests(16)))
    assert sorted(outcomes) == ["ok"] * 10 + ["used-up"] * 6
    assert kept.used() == 10
    logged = [entry.outcome for entry in kept.entries("seal.used")]
    assert sorted(logged) == sorted(outcomes)


def test_a_signature_that_took_long_leaves_only_while_the_seal_is_active(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = kept.issued().record
    kept.granted(record)

    def freeze_meanwhile() -> None:
        kept.freeze(record)
        past(monkeypatch, uses_module.CHECK_EVERY_SECONDS)

    signer = Signer(freeze_meanwhile)
    assert refusal_of(sign, kept.sealer(record, key=signer.key)) == "frozen"
    assert signer.asked == 1

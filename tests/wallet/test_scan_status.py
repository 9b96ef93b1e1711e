"""The step status by published lists: revoked, suspended, and every list that is no answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import cbor2
import pytest

from msb_identity.foundation.files import write_whole
from msb_identity.pki.keys import KeyKind, SigningKey, generate_key
from msb_wallet.credentials.compact import HOLDER_KEYS
from msb_wallet.licences.identifier import LicenceIdentifier
from msb_wallet.licences.status import LIFETIME, TIME_TO_LIVE, Reason
from msb_wallet.licences.status_list import BITS, ENTRIES, build_content, sign_status_list
from msb_wallet.licences.store import Status
from tests.wallet.conftest import CODES, MADE, NOW, PREFIXES, TYPE_CODE, assert_step, assert_valid
from tests.wallet.craft import (
    STATUS,
    SUB,
    claims,
    flipped,
    list_content,
    recut,
    unwrap,
    wrap,
    write_list,
)

if TYPE_CHECKING:
    from msb_identity.foundation.report import Report
    from tests.wallet.conftest import World

SM2, P256 = KeyKind.SM2, KeyKind.P256
SECOND = timedelta(seconds=1)
KINDS = pytest.mark.parametrize("kind", HOLDER_KEYS)


def change(world: World, status: Status, reason: Reason, kind: KeyKind = SM2) -> None:
    register = world.issuer(kind).status
    register.change(world.licences[kind].short, status, reason, now=NOW)


def scanned(world: World, now: datetime = NOW, *, max_age: timedelta | None = None) -> Report:
    return world.verifier(status_max_age=max_age).scan(world.printed(), now=now)


def own_list(
    world: World,
    *,
    key: SigningKey | None = None,
    uri: str = PREFIXES[SM2] + "0",
    content: bytes | None = None,
    now: datetime = NOW,
) -> bytes:
    return sign_status_list(
        build_content([]) if content is None else content,
        uri=uri,
        key=key or world.issuer_key(),
        now=now,
        lifetime=LIFETIME,
        ttl=TIME_TO_LIVE,
    )


@KINDS
def test_a_revoked_licence_is_refused_from_the_next_list_on(world: World, kind: KeyKind) -> None:
    verifier = world.verifier()
    change(world, Status.REVOKED, Reason.PENALTY, kind)
    # Offline nobody can know yet; the report says from when its list is.
    before = verifier.scan(world.printed(kind), now=NOW)
    assert_valid(before)
    assert f"{MADE:%Y-%m-%dT%H:%M:%SZ}" in before.step("status").detail
    world.publish()
    for text in (world.printed(kind), world.offline(kind)):
        assert_step(verifier.scan(text, now=NOW), "invalid", "status", "revoked")
    other = P256 if kind is SM2 else SM2
    assert_valid(verifier.scan(world.printed(other), now=NOW))


@KINDS
def test_a_suspended_licence_is_refused_until_it_is_restored(world: World, kind: KeyKind) -> None:
    verifier, online = world.verifier(), world.verifier(online=True)
    change(world, Status.SUSPENDED, Reason.UNDER_REVIEW, kind)
    world.publish()
    for counter in (verifier, online):
        report = counter.scan(world.printed(kind), now=NOW)
        assert_step(report, "invalid", "status", "suspended")
    change(world, Status.VALID, Reason.REVIEW_CLOSED, kind)
    world.publish()
    for counter in (verifier, online):
        assert_valid(counter.scan(world.printed(kind), now=NOW))


def test_only_the_licence_itself_is_revoked(world: World) -> None:
    others = [world.issue(f"蒙K01202600001{n}") for n in range(5)]
    change(world, Status.REVOKED, Reason.CANCELLED)
    world.publish()
    verifier = world.verifier()
    for identifier in others:
        assert_valid(
            verifier.scan(world.pack.show_printed(world.holder, identifier, now=NOW), now=NOW)
        )
    assert_step(verifier.scan(world.printed(), now=NOW), "invalid", "status", "revoked")


def test_a_missing_list_is_indeterminate(world: World) -> None:
    world.status_file().unlink()
    assert_step(scanned(world), "indeterminate", "status", "missing")
    world.status_file().parent.rmdir()
    assert_step(scanned(world), "indeterminate", "status", "missing")


def test_a_folder_in_place_of_a_list_is_indeterminate(world: World) -> None:
    world.status_file().unlink()
    world.status_file().mkdir()
    assert_step(scanned(world), "indeterminate", "status", "missing")


def test_a_list_that_goes_missing_is_noticed_by_an_open_counter(world: World) -> None:
    verifier = world.verifier()
    assert_valid(verifier.scan(world.printed(), now=NOW))
    world.status_file().unlink()
    report = verifier.scan(world.printed(), now=NOW)
    assert_step(report, "indeterminate", "status", "missing")
    world.publish()
    assert_valid(verifier.scan(world.printed(), now=NOW))


def test_a_list_is_stale_at_its_exact_second(world: World) -> None:
    verifier, ends = world.verifier(), MADE + LIFETIME
    assert_valid(verifier.scan(world.printed(), now=ends - SECOND))
    for late in (timedelta(), SECOND, timedelta(days=3)):
        report = verifier.scan(world.printed(), now=ends + late)
        assert_step(report, "indeterminate", "status", "stale")


def test_a_counter_may_want_fresher_lists(world: World) -> None:
    age = timedelta(minutes=90)
    verifier = world.verifier(status_max_age=age)
    assert_valid(verifier.scan(world.printed(), now=MADE + age))
    report = verifier.scan(world.printed(), now=MADE + age + SECOND)
    assert_step(report, "indeterminate", "status", "stale")
    assert_step(scanned(world, max_age=timedelta()), "indeterminate", "status", "stale")


def test_a_revocation_in_a_stale_list_is_not_evidence_but_never_valid(world: World) -> None:
    change(world, Status.REVOKED, Reason.CANCELLED)
    world.publish()
    assert scanned(world, NOW + 2 * LIFETIME).verdict != "valid"


def test_a_list_from_the_future_is_indeterminate(world: World) -> None:
    write_whole(world.status_file(), own_list(world, now=NOW + timedelta(seconds=61)))
    assert_step(scanned(world), "indeterminate", "status", "from-future")
    write_whole(world.status_file(), own_list(world, now=NOW + timedelta(seconds=60)))
    assert_valid(scanned(world))


@pytest.mark.parametrize(
    "content",
    {
        "empty": b"",
        "random": bytes(range(256)),
        "huge": bytes(700_000),
        "a trust list": b"eyJhbGciOiJTR0RfU00zX1NNMiJ9.e30.AA",
    }.items(),
    ids=lambda item: item[0],
)
def test_a_damaged_list_is_indeterminate(world: World, content: tuple[str, bytes]) -> None:
    write_whole(world.status_file(), content[1])
    assert_step(scanned(world), "indeterminate", "status", "unreadable")


def test_no_changed_bit_of_a_list_is_ever_valid(world: World) -> None:
    """Nor does it ever accuse: a damaged list proves nothing against a licence."""
    good, text = world.status_file().read_bytes(), world.printed()
    for changed in flipped(good, sample=200):
        write_whole(world.status_file(), changed)
        report = world.verifier().scan(text, now=NOW)
        assert report.verdict == "indeterminate"
        assert report.decisive_step is not None
        assert report.decisive_step.id == "status"
    for length in range(0, len(good), 7):
        write_whole(world.status_file(), good[:length])
        report = world.verifier().scan(text, now=NOW)
        assert_step(report, "indeterminate", "status", "unreadable")


def test_a_list_by_a_key_that_nobody_lists_is_indeterminate(world: World) -> None:
    for kind in HOLDER_KEYS:
        write_whole(world.status_file(), own_list(world, key=generate_key(kind)))
        assert_step(scanned(world), "indeterminate", "status", "unknown-signer")


def test_a_list_by_a_key_for_licences_only_is_indeterminate(world: World) -> None:
    content = list_content(world)
    content["issuers"][0]["keys"][0]["uses"] = ["licence"]
    write_list(world, {**content, "version": 2})
    assert_step(scanned(world), "indeterminate", "status", "unknown-signer")


def test_a_list_whose_signature_does_not_hold_is_indeterminate(world: World) -> None:
    token = cbor2.loads(world.status_file().read_bytes())
    inner = cbor2.loads(token.value[2])
    inner[4] += 86_400  # a longer life
    token.value[2] = cbor2.dumps(inner)
    write_whole(world.status_file(), cbor2.dumps(token))
    assert_step(scanned(world), "indeterminate", "status", "bad-signature")


def test_a_list_signed_by_another_listed_issuer_is_refused(world: World) -> None:
    write_whole(world.status_file(), own_list(world, key=world.issuer_key(P256)))
    assert_step(scanned(world), "invalid", "status", "other-issuer")
    # So is that issuer's own list, put in place of this one's.
    write_whole(world.status_file(), world.status_file(P256).read_bytes())
    assert_step(scanned(world), "invalid", "status", "other-issuer")


def test_another_issuers_key_under_a_forged_name_proves_nothing(world: World) -> None:
    """Named like this issuer's key, but signed by another: damage, not another's list."""
    token = cbor2.loads(own_list(world, key=world.issuer_key(P256)))
    header = cbor2.loads(token.value[0])
    token.value[0] = cbor2.dumps({**header, 4: world.issuer_key().public.key_id})
    write_whole(world.status_file(), cbor2.dumps(token))
    assert_step(scanned(world), "indeterminate", "status", "bad-signature")


@pytest.mark.parametrize("uri", [PREFIXES[SM2] + "1", PREFIXES[SM2] + "00", PREFIXES[P256] + "0"])
def test_another_list_of_the_issuer_is_indeterminate(world: World, uri: str) -> None:
    write_whole(world.status_file(), own_list(world, uri=uri))
    assert_step(scanned(world), "indeterminate", "status", "other-list")


def test_a_list_too_short_for_the_licence_is_indeterminate(world: World) -> None:
    place = claims(unwrap(world.printed()))[STATUS]["status_list"]["idx"]
    write_whole(world.status_file(), own_list(world, content=bytes(place * BITS // 8)))
    assert_step(scanned(world), "indeterminate", "status", "unreadable")


def test_a_state_that_nobody_defined_is_indeterminate(world: World) -> None:
    place = claims(unwrap(world.printed()))[STATUS]["status_list"]["idx"]
    write_whole(world.status_file(), own_list(world, content=build_content([(place, 3)])))
    assert_step(scanned(world), "indeterminate", "status", "unreadable")


@pytest.mark.parametrize("number", ["1", "00", "-", "x", "0/0", "9" * 30])
def test_a_licence_that_names_no_list_of_ours_finds_none(world: World, number: str) -> None:
    status = {"status_list": {"idx": 1, "uri": PREFIXES[SM2] + number}}
    text = wrap("MSB1", recut(unwrap(world.printed()), world.issuer_key(), {STATUS: status}))
    for online in (False, True):
        report = world.verifier(online=online).scan(text, now=NOW)
        assert_step(report, "indeterminate", "status", "missing")


def test_the_store_answers_for_the_very_place_only(world: World) -> None:
    place = claims(unwrap(world.printed()))[STATUS]["status_list"]
    moved = {"status_list": {**place, "idx": (place["idx"] + 1) % ENTRIES}}
    text = wrap("MSB1", recut(unwrap(world.printed()), world.issuer_key(), {STATUS: moved}))
    report = world.verifier(online=True).scan(text, now=NOW)
    assert_step(report, "indeterminate", "status", "missing")


def test_a_licence_that_the_store_does_not_have_is_indeterminate_online(world: World) -> None:
    other = LicenceIdentifier.new(TYPE_CODE, CODES[SM2]).short
    text = wrap("MSB1", recut(unwrap(world.printed()), world.issuer_key(), {SUB: other}))
    report = world.verifier(online=True).scan(text, now=NOW)
    assert_step(report, "indeterminate", "status", "missing")


def test_online_no_published_list_is_asked(world: World) -> None:
    world.status_file().unlink()
    verifier = world.verifier(online=True)
    assert_valid(verifier.scan(world.printed(), now=NOW + timedelta(days=10)))

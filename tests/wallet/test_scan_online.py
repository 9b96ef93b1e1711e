"""Codes shown online: found by a secret, used once, by one process of however many."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from msb_identity.pki.keys import KeyKind
from msb_wallet.codes.payload import CodeKind, write_code
from msb_wallet.credentials.compact import HOLDER_KEYS
from msb_wallet.licences.status import Reason
from msb_wallet.licences.store import Status, shown_codes
from tests.wallet.conftest import NOW, assert_step, assert_valid
from tests.wallet.craft import list_content, unwrap, write_list
from tests.wallet.processes import scan_at_once

if TYPE_CHECKING:
    from tests.wallet.conftest import World

SECOND = timedelta(seconds=1)
RACES = 200


@pytest.mark.parametrize("kind", HOLDER_KEYS)
def test_a_code_is_good_once(world: World, kind: KeyKind) -> None:
    verifier, text = world.verifier(online=True, require_holder=True), world.online(kind)
    first = verifier.scan(text, now=NOW)
    assert_valid(first)
    assert first.step("holder-proof").code == "online"
    assert first.step("replay").detail == "replay: store"
    assert first.disclosed["CZZT"] == "张*"
    for later in (timedelta(), SECOND, timedelta(seconds=60)):
        again = verifier.scan(text, now=NOW + later)
        assert_step(again, "invalid", "replay", "used")
        assert not again.disclosed
    again = world.verifier(online=True).scan(text, now=NOW)
    assert_step(again, "invalid", "replay", "used")


def test_codes_of_one_licence_are_independent(world: World) -> None:
    verifier, texts = world.verifier(online=True), [world.online() for _ in range(3)]
    for text in reversed(texts):
        assert_valid(verifier.scan(text, now=NOW))


def test_of_two_processes_at_once_exactly_one_accepts(world: World) -> None:
    texts = [world.online() for _ in range(RACES)]
    world.verifier(online=True)
    answers = scan_at_once(str(world.folder.trust), texts, NOW, store=world.folder.store_url)
    for each in zip(*answers, strict=True):
        assert sorted(each) == [("invalid", "used"), ("valid", "ok")]
    won = sum(verdict == "valid" for verdict, _ in answers[0])
    print(f"of {RACES} races the first process won {won}")


def test_it_lives_for_sixty_seconds(world: World) -> None:
    verifier, text = world.verifier(online=True), world.online()
    for age in (60 * SECOND + timedelta(microseconds=1), 61 * SECOND, timedelta(hours=2)):
        assert_step(verifier.scan(text, now=NOW + age), "invalid", "validity", "too-old")
    assert_valid(verifier.scan(text, now=NOW + 60 * SECOND))


def test_it_is_not_from_the_future(world: World) -> None:
    verifier, text = world.verifier(online=True), world.online(now=NOW + 31 * SECOND)
    assert_step(verifier.scan(text, now=NOW), "invalid", "validity", "from-future")
    assert_valid(verifier.scan(text, now=NOW + SECOND))


@pytest.mark.parametrize(("minutes", "code"), [(5, "too-old"), (-5, "from-future")])
def test_a_clock_five_minutes_off_is_refused_and_uses_nothing_up(
    world: World, minutes: int, code: str
) -> None:
    verifier, text = world.verifier(online=True), world.online()
    report = verifier.scan(text, now=NOW + timedelta(minutes=minutes))
    assert_step(report, "invalid", "validity", code)
    assert_valid(verifier.scan(text, now=NOW))


def test_a_secret_that_nobody_was_shown_is_refused(world: World) -> None:
    text = write_code(CodeKind.ONLINE, secrets.token_bytes(16))
    assert_step(
        world.verifier(online=True).scan(text, now=NOW), "invalid", "replay", "unknown-code"
    )


def test_a_code_long_past_is_forgotten_and_refused(world: World) -> None:
    text = world.online()
    later = NOW + timedelta(hours=1, seconds=1)
    world.holder = replace(world.holder, expires_at=later + timedelta(minutes=10))
    world.online(now=later)
    report = world.verifier(online=True).scan(text, now=later)
    assert_step(report, "invalid", "replay", "unknown-code")


def test_without_the_store_it_is_indeterminate_and_not_used_up(world: World) -> None:
    text = world.online()
    report = world.verifier().scan(text, now=NOW)
    assert_step(report, "indeterminate", "replay", "needs-store")
    assert_valid(world.verifier(online=True).scan(text, now=NOW))


@pytest.mark.parametrize("audience", [None, "窗口 4"])
def test_a_wrong_window_does_not_use_it_up(world: World, audience: str | None) -> None:
    text = world.online(audience="窗口 3")
    report = world.verifier(online=True, audience=audience).scan(text, now=NOW)
    assert_step(report, "invalid", "audience", "for-another")
    assert_valid(world.verifier(online=True, audience="窗口 3").scan(text, now=NOW))


def test_an_expired_trust_list_does_not_use_it_up(world: World) -> None:
    text, content = world.online(), list_content(world)
    over = int(NOW.timestamp())
    write_list(world, {**content, "version": 2, "exp": over})
    verifier = world.verifier(online=True)
    assert_step(verifier.scan(text, now=NOW), "indeterminate", "trust-list", "expired")
    write_list(world, {**content, "version": 3})
    assert_valid(verifier.scan(text, now=NOW))


def test_an_issuer_off_the_list_does_not_use_it_up(world: World) -> None:
    text, content = world.online(), list_content(world)
    write_list(world, {**content, "version": 2, "issuers": content["issuers"][1:]})
    verifier = world.verifier(online=True)
    assert_step(verifier.scan(text, now=NOW), "indeterminate", "issuer", "unknown")
    write_list(world, {**content, "version": 3})
    assert_valid(verifier.scan(text, now=NOW))


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        (Status.REVOKED, Reason.CANCELLED, "revoked"),
        (Status.SUSPENDED, Reason.UNDER_REVIEW, "suspended"),
    ],
)
def test_a_change_of_status_holds_from_its_commit(
    world: World, status: Status, reason: Reason, code: str
) -> None:
    verifier = world.verifier(online=True)
    codes = [world.online(), world.offline(), world.printed()]
    world.issuer().status.change(world.licences[KeyKind.SM2].short, status, reason, now=NOW)
    for text in codes:
        assert_step(verifier.scan(text, now=NOW), "invalid", "status", code)
    assert_valid(verifier.scan(world.online(KeyKind.P256), now=NOW))


def test_the_store_keeps_no_secret(world: World) -> None:
    text = world.online()
    with world.store.read() as connection:
        kept = [bytes(code) for code in connection.scalars(select(shown_codes.c.code_hash))]
    assert len(kept) == 1
    assert unwrap(text) not in kept
    world.store.close()
    for file in world.path.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for secret in (
                unwrap(text),
                unwrap(text).hex().encode(),
                text.encode(),
                text[5:].encode(),
            ):
                assert secret not in content

"""Codes shown offline: the holder's proof, its minute, its one use, its window."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import cbor2
import pytest

from msb_identity.pki.keys import KeyKind, generate_key
from msb_wallet.codes.present import show_offline
from msb_wallet.credentials.compact import HOLDER_KEYS
from tests.wallet.conftest import NOW, assert_step, assert_valid
from tests.wallet.craft import CNF, recut, shown, shown_parts, unwrap, wrap
from tests.wallet.processes import scan_at_once

if TYPE_CHECKING:
    from pathlib import Path

    from tests.wallet.conftest import World

SM2, P256 = KeyKind.SM2, KeyKind.P256
SECOND = timedelta(seconds=1)
PAIRS = [(issuer, device) for issuer in HOLDER_KEYS for device in HOLDER_KEYS]
BOTH = pytest.mark.parametrize("online", [False, True], ids=["offline", "online"])


@BOTH
@pytest.mark.parametrize(("issuer", "device"), PAIRS)
def test_every_mix_of_keys_is_valid(
    world: World, issuer: KeyKind, device: KeyKind, *, online: bool
) -> None:
    report = world.verifier(online=online, require_holder=True).scan(
        world.offline(issuer, device), now=NOW
    )
    assert_valid(report)
    assert (report.step("holder-proof").outcome, report.step("holder-proof").code) == ("ok", "ok")


@BOTH
@pytest.mark.parametrize("bound", [False, True])
def test_a_bare_credential_lacks_the_proof(world: World, *, bound: bool, online: bool) -> None:
    credential = world.bound() if bound else unwrap(world.printed())
    report = world.verifier(online=online).scan(wrap("MSB2", credential), now=NOW)
    assert_step(report, "invalid", "holder-proof", "missing")


@pytest.mark.parametrize(("issuer", "device"), PAIRS)
def test_a_proof_by_another_key_is_refused(world: World, issuer: KeyKind, device: KeyKind) -> None:
    credential = world.bound(issuer, world.devices[device].public)
    for thief in HOLDER_KEYS:
        text = show_offline(credential, generate_key(thief), now=NOW)
        assert_step(world.verifier().scan(text, now=NOW), "invalid", "holder-proof", "wrong-key")


def test_the_issuers_own_key_is_no_holders_proof(world: World) -> None:
    text = show_offline(world.bound(), world.issuer_key(), now=NOW)
    assert_step(world.verifier().scan(text, now=NOW), "invalid", "holder-proof", "wrong-key")


@pytest.mark.parametrize("device", HOLDER_KEYS)
def test_a_proof_lifted_to_another_licence_of_the_holder_is_refused(
    world: World, device: KeyKind
) -> None:
    """The same holder, issuer and device: only the credential inside is swapped."""
    key = world.devices[device]
    other = world.bound(device=key.public, identifier=world.issue("蒙K012026000009"))
    text = world.offline(device=device)
    outer = cbor2.loads(unwrap(text))
    parts = shown_parts(text)
    assert parts[1] != other
    parts[1] = other
    outer.value[2] = cbor2.dumps(parts)
    report = world.verifier().scan(wrap("MSB2", cbor2.dumps(outer)), now=NOW)
    assert_step(report, "invalid", "holder-proof", "wrong-key")


def test_a_printed_credential_cannot_be_shown_with_any_key(world: World) -> None:
    text = show_offline(unwrap(world.printed()), world.devices[P256], now=NOW)
    assert_step(world.verifier().scan(text, now=NOW), "invalid", "holder-proof", "no-holder-key")


def test_a_holder_key_put_in_by_a_thief_breaks_the_issuers_signature(world: World) -> None:
    thief = generate_key(P256)
    credential = world.bound()
    outer = cbor2.loads(credential)
    key = {1: 2, -1: 1, -2: thief.public.x, -3: thief.public.y}
    outer.value[2] = cbor2.dumps({**cbor2.loads(outer.value[2]), CNF: {1: key}})
    text = show_offline(cbor2.dumps(outer), thief, now=NOW)
    assert_step(world.verifier().scan(text, now=NOW), "invalid", "signature-value", "bad")


def test_a_bound_credential_does_not_outlive_the_code_it_was_shown_in(world: World) -> None:
    text = wrap("MSB1", world.bound())
    for require_holder in (False, True):
        report = world.verifier(require_holder=require_holder).scan(text, now=NOW)
        assert_step(report, "invalid", "holder-proof", "missing")


def test_a_window_that_goes_online_knows_what_it_saw_offline(world: World) -> None:
    text = world.offline()
    assert_valid(world.verifier().scan(text, now=NOW))
    assert_step(world.verifier(online=True).scan(text, now=NOW), "invalid", "replay", "used")


@pytest.mark.parametrize("kind", HOLDER_KEYS)
def test_a_printed_code_where_the_holder_is_required_is_indeterminate(
    world: World, kind: KeyKind
) -> None:
    for online in (False, True):
        report = world.verifier(online=online, require_holder=True).scan(
            world.printed(kind), now=NOW
        )
        assert_step(report, "indeterminate", "holder-proof", "holder-required")


@BOTH
@pytest.mark.parametrize("device", HOLDER_KEYS)
def test_sixty_seconds_old_is_accepted_and_no_more(
    world: World, device: KeyKind, *, online: bool
) -> None:
    verifier = world.verifier(online=online)
    late = timedelta(seconds=60)
    assert_valid(verifier.scan(world.offline(device=device), now=NOW + late))
    text = world.offline(device=device)
    for age in (late + timedelta(microseconds=1), late + SECOND):
        assert_step(verifier.scan(text, now=NOW + age), "invalid", "validity", "too-old")
    assert_valid(verifier.scan(text, now=NOW + late))


@BOTH
def test_half_a_minute_ahead_is_accepted_and_no_more(world: World, *, online: bool) -> None:
    verifier, text = world.verifier(online=online), world.offline(now=NOW + timedelta(seconds=31))
    assert_step(verifier.scan(text, now=NOW), "invalid", "validity", "from-future")
    assert_valid(verifier.scan(text, now=NOW + SECOND))


@BOTH
@pytest.mark.parametrize(("minutes", "code"), [(5, "too-old"), (-5, "from-future")])
def test_a_clock_five_minutes_off_is_refused(
    world: World, minutes: int, code: str, *, online: bool
) -> None:
    off = timedelta(minutes=minutes)
    verifier = world.verifier(online=online)
    assert_step(verifier.scan(world.offline(now=NOW - off), now=NOW), "invalid", "validity", code)
    assert_step(verifier.scan(world.offline(), now=NOW + off), "invalid", "validity", code)


def test_a_lifetime_of_the_devices_own_choice_is_kept_within_the_minute(world: World) -> None:
    verifier, device = world.verifier(), world.devices[P256]
    long, short = shown_parts(world.offline()), shown_parts(world.offline())
    long[3] = long[2] + 61
    report = verifier.scan(shown(long, device), now=NOW)
    assert_step(report, "invalid", "format", "malformed")
    assert "minute" in report.step("format").detail
    short[3] = short[2] + 10
    report = verifier.scan(shown(short, device), now=NOW + 11 * SECOND)
    assert_step(report, "invalid", "validity", "too-old")
    assert_valid(verifier.scan(shown(short, device), now=NOW + 10 * SECOND))


@pytest.mark.parametrize("change", [{0: "MSB-show-2"}, {0: "MSB-login-1"}, {4: b"short"}])
def test_what_the_device_signed_for_another_purpose_is_no_code(
    world: World, change: dict[int, Any]
) -> None:
    parts = shown_parts(world.offline())
    for place, value in change.items():
        parts[place] = value
    report = world.verifier().scan(shown(parts, world.devices[P256]), now=NOW)
    assert_step(report, "invalid", "format", "malformed")


@BOTH
def test_a_second_sight_is_refused(world: World, *, online: bool) -> None:
    verifier, text = world.verifier(online=online), world.offline()
    first = verifier.scan(text, now=NOW)
    assert_valid(first)
    where = "store" if online else "local"
    assert first.step("replay").detail == f"replay: {where}"
    for later in (timedelta(), SECOND, timedelta(seconds=60)):
        assert_step(verifier.scan(text, now=NOW + later), "invalid", "replay", "used")


@BOTH
def test_a_second_sight_by_another_counter_of_the_same_memory_is_refused(
    world: World, *, online: bool
) -> None:
    text = world.offline()
    assert_valid(world.verifier(online=online).scan(text, now=NOW))
    again = world.verifier(online=online).scan(text, now=NOW)
    assert_step(again, "invalid", "replay", "used")


def test_counters_that_share_nothing_cannot_know(world: World, tmp_path: Path) -> None:
    """Why the report says `local`: only an audience protects here."""
    text = world.offline()
    assert_valid(world.verifier().scan(text, now=NOW))
    assert_valid(world.verifier(state=tmp_path / "other.sqlite").scan(text, now=NOW))


@BOTH
def test_two_processes_at_once_accept_each_code_once(world: World, *, online: bool) -> None:
    world.verifier(online=online)
    texts = [world.offline() for _ in range(20)]
    store = world.folder.store_url if online else None
    answers = scan_at_once(str(world.folder.trust), texts, NOW, store=store)
    for each in zip(*answers, strict=True):
        assert sorted(each) == [("invalid", "used"), ("valid", "ok")]


def test_the_same_nonce_in_another_signature_is_a_replay(world: World) -> None:
    verifier, text = world.verifier(), world.offline()
    assert_valid(verifier.scan(text, now=NOW))
    parts = shown_parts(text)
    again = shown(parts, world.devices[P256])
    assert again != text
    assert_step(verifier.scan(again, now=NOW), "invalid", "replay", "used")
    parts[2], parts[3] = parts[2] + 5, parts[3] + 5
    report = verifier.scan(shown(parts, world.devices[P256]), now=NOW + 5 * SECOND)
    assert_step(report, "invalid", "replay", "used")


def test_nobody_can_use_up_another_holders_nonce(world: World) -> None:
    verifier, text = world.verifier(), world.offline()
    parts = shown_parts(text)
    parts[1] = world.bound(device=world.devices[SM2].public)
    assert_valid(verifier.scan(shown(parts, world.devices[SM2]), now=NOW))
    assert_valid(verifier.scan(text, now=NOW))


def test_a_refused_code_is_not_used_up(world: World) -> None:
    text = world.offline(audience="窗口 3")
    for wrong in (None, "窗口 4"):
        report = world.verifier(audience=wrong).scan(text, now=NOW)
        assert_step(report, "invalid", "audience", "for-another")
    right = world.verifier(audience="窗口 3")
    assert_step(right.scan(text, now=NOW - 5 * 60 * SECOND), "invalid", "validity", "from-future")
    assert_valid(right.scan(text, now=NOW))


AUDIENCES = [
    # (in the code, of the window, MSB2 and MSB0, MSB1 which names none)
    (None, None, ("valid", "not-asked")),
    ("窗口 3", "窗口 3", ("valid", "ok")),
    ("窗口 3", None, ("invalid", "for-another")),
    ("窗口 3", "窗口 4", ("invalid", "for-another")),
    ("窗口 3", "窗口 3 ", ("invalid", "for-another")),
    (None, "窗口 3", ("invalid", "for-no-one")),
]


@pytest.mark.parametrize(("meant", "window", "expected"), AUDIENCES)
@pytest.mark.parametrize("shown_online", [False, True], ids=["MSB2", "MSB0"])
def test_a_code_for_a_window_holds_at_that_window(
    world: World,
    meant: str | None,
    window: str | None,
    expected: tuple[str, str],
    *,
    shown_online: bool,
) -> None:
    text = world.online(audience=meant) if shown_online else world.offline(audience=meant)
    report = world.verifier(online=True, audience=window).scan(text, now=NOW)
    assert (report.verdict, report.step("audience").code) == expected


def test_a_printed_code_names_no_window(world: World) -> None:
    report = world.verifier(audience="窗口 3").scan(world.printed(), now=NOW)
    assert_step(report, "indeterminate", "audience", "for-no-one")


def test_a_credential_of_an_issuer_bound_by_itself_to_a_device_is_enough(world: World) -> None:
    """The wallet's store need not know the device: the issuer's signature over `cnf` does it."""
    device = generate_key(P256)
    key = {1: {1: 2, -1: 1, -2: device.public.x, -3: device.public.y}}
    credential = recut(unwrap(world.printed()), world.issuer_key(), {CNF: key})
    assert_valid(world.verifier().scan(show_offline(credential, device, now=NOW), now=NOW))

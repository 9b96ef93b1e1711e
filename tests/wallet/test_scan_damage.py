"""Damage: whatever is changed in a code, it is never valid, and never an exception.

A code that was damaged is scanned before the whole one: that the whole one is then valid shows that
no damaged copy of it was refused only as a replay.
"""

from __future__ import annotations

import random
import zlib
from typing import TYPE_CHECKING

import pytest

from msb_identity.errors import EncodingRefused
from msb_identity.pki.keys import KeyKind
from msb_wallet.codes.payload import encode_base45, read_code
from tests.wallet.conftest import NOW, assert_step, assert_valid
from tests.wallet.craft import ALPHABET, flipped, unwrap, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.wallet.conftest import World

SM2, P256 = KeyKind.SM2, KeyKind.P256
CODES: dict[str, Callable[[World], str]] = {
    "MSB1 by SM2": lambda world: world.printed(SM2),
    "MSB1 by ES256": lambda world: world.printed(P256),
    "MSB2 by SM2, shown by ES256": lambda world: world.offline(SM2, P256),
    "MSB2 by SM2, shown by SM2": lambda world: world.offline(SM2, SM2),
    "MSB2 by ES256, shown by ES256": lambda world: world.offline(P256, P256),
    "MSB2 by ES256, shown by SM2": lambda world: world.offline(P256, SM2),
}
WHOLLY = ("MSB1 by SM2", "MSB1 by ES256", "MSB2 by SM2, shown by ES256")
SAMPLE = 400


def same_content(text: str, data: bytes) -> bool:
    """Whether another text decodes to the same bytes: deflate has spare bits."""
    try:
        return read_code(text)[1] == data
    except EncodingRefused:
        return False


@pytest.mark.parametrize("kind", CODES)
def test_as_made_it_is_valid(world: World, kind: str) -> None:
    report = world.verifier().scan(CODES[kind](world), now=NOW)
    assert_valid(report)
    assert report.kind == "licence-code"
    assert report.disclosed["CZZT"] == "张*"


@pytest.mark.parametrize("kind", CODES)
def test_no_changed_bit_is_ever_valid(world: World, kind: str) -> None:
    verifier, text = world.verifier(), CODES[kind](world)
    signed = unwrap(text)
    for changed in flipped(signed, sample=None if kind in WHOLLY else SAMPLE):
        report = verifier.scan(wrap(text[:4], changed), now=NOW)
        assert report.verdict != "valid", changed.hex()
        assert report.decisive_step is not None
    assert_valid(verifier.scan(text, now=NOW))


@pytest.mark.parametrize("kind", CODES)
def test_no_changed_character_is_ever_valid(world: World, kind: str) -> None:
    verifier, text, dice = world.verifier(), CODES[kind](world), random.Random(45)
    data = unwrap(text)
    for position in range(len(text)):
        other = dice.choice([c for c in ALPHABET if c != text[position]])
        changed = text[:position] + other + text[position + 1 :]
        if changed[:4] == text[:4] and same_content(changed, data):
            continue
        assert verifier.scan(changed, now=NOW).verdict != "valid", position
    assert_valid(verifier.scan(text, now=NOW))


@pytest.mark.parametrize("kind", CODES)
def test_no_part_of_a_code_is_ever_valid(world: World, kind: str) -> None:
    verifier, text = world.verifier(), CODES[kind](world)
    signed = unwrap(text)
    for length in range(len(text)):
        for part in (text[:length], text[length + 1 :], text[:length] + text[length + 1 :]):
            assert verifier.scan(part, now=NOW).verdict != "valid", length
    for length in range(len(signed)):
        report = verifier.scan(wrap(text[:4], signed[:length]), now=NOW)
        assert_step(report, "invalid", "format", "malformed")
    assert_valid(verifier.scan(text, now=NOW))


@pytest.mark.parametrize("kind", CODES)
def test_nothing_can_be_added(world: World, kind: str) -> None:
    verifier, text = world.verifier(), CODES[kind](world)
    prefix, signed = text[:4], unwrap(text)
    packed = zlib.compress(signed, 9)
    for data in (packed + b"\0", packed + packed, b"\0" + packed, packed[:-1], packed[:-4]):
        report = verifier.scan(f"{prefix}:{encode_base45(data)}", now=NOW)
        assert_step(report, "invalid", "format", "malformed")
    for inner in (signed + b"\0", signed + signed, b"\xd2" + signed, signed[1:]):
        assert_step(verifier.scan(wrap(prefix, inner), now=NOW), "invalid", "format", "malformed")
    assert_step(verifier.scan(text + "0", now=NOW), "invalid", "format", "malformed")
    assert_step(verifier.scan(text + text, now=NOW), "invalid", "format", "malformed")
    assert_valid(verifier.scan(text, now=NOW))


@pytest.mark.parametrize("prefix", ["MSB1", "MSB2"])
def test_a_bomb_is_malformed(world: World, prefix: str) -> None:
    bomb = f"{prefix}:{encode_base45(zlib.compress(bytes(2_500_000), 9))}"
    assert len(bomb) < 4_296
    report = world.verifier().scan(bomb, now=NOW)
    assert_step(report, "invalid", "format", "malformed")
    assert "unpacks to more" in report.step("format").detail


@pytest.mark.parametrize("kind", CODES)
def test_spare_bits_of_deflate_are_neither_a_fault_nor_a_second_use(
    world: World, kind: str
) -> None:
    verifier, text = world.verifier(), CODES[kind](world)
    signed = unwrap(text)
    packed = zlib.compress(signed, 9)
    others = [f"{text[:4]}:{encode_base45(data)}" for data in flipped(packed)]
    same = [other for other in others if same_content(other, signed)]
    # Another spelling is the same code: good where the code is, used up where it is.
    same.append(f"{text[:4]}:{encode_base45(zlib.compress(signed, 1))}")
    assert_valid(verifier.scan(same[0], now=NOW))
    for other in (*same[1:], text):
        report = verifier.scan(other, now=NOW)
        if text.startswith("MSB1"):
            assert_valid(report)
        else:
            assert_step(report, "invalid", "replay", "used")


@pytest.mark.parametrize(
    ("real", "claimed"), [("MSB1", "MSB0"), ("MSB1", "MSB3"), ("MSB2", "MSB1")]
)
def test_a_code_under_another_prefix_is_never_valid(world: World, real: str, claimed: str) -> None:
    text = world.printed() if real == "MSB1" else world.offline()
    for online in (False, True):
        report = world.verifier(online=online).scan(claimed + text[4:], now=NOW)
        assert report.verdict != "valid"
        assert report.step("format").outcome != "ok"


def test_no_changed_character_of_a_one_use_code_finds_or_uses_it(world: World) -> None:
    verifier, text = world.verifier(online=True), world.online()
    dice = random.Random(0)
    for position in range(len(text)):
        for other in dice.sample(ALPHABET, 12):
            changed = text[:position] + other + text[position + 1 :]
            if changed != text:
                assert verifier.scan(changed, now=NOW).verdict != "valid"
    for length in range(len(text)):
        assert verifier.scan(text[:length], now=NOW).verdict != "valid"
    assert_valid(verifier.scan(text, now=NOW))

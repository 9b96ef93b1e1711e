"""Licence identifiers (GB/T 36904): the check character finds what a clerk mistypes."""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msb_identity.errors import IdentifierRefused
from msb_wallet.licences.identifier import (
    ALPHABET,
    MAX_CHARS,
    ROOT,
    LicenceIdentifier,
    check_character,
)

if TYPE_CHECKING:
    from pathlib import Path

TYPE_CODE, ISSUER_CODE = "11100000000013338W032", "11220000013544541J"
GOOD = f"{ROOT}.{TYPE_CODE}.{ISSUER_CODE}.2430599.001.F"
SHORT = GOOD.removeprefix(ROOT + ".")

capitals = st.text(ALPHABET, min_size=1, max_size=64)
identifiers = st.builds(
    LicenceIdentifier,
    type_code=st.from_regex(r"[0-9A-Z]{18}[0-9]{3}", fullmatch=True),
    issuer_code=st.from_regex(r"[0-9A-Z]{18}|[0-9]{6}", fullmatch=True),
    serial=capitals,
    version=st.integers(1, 999),
)


def refusal(text: str) -> str:
    with pytest.raises(IdentifierRefused) as caught:
        LicenceIdentifier.parse(text)
    return caught.value.code.removeprefix("licence-identifier-")


def test_identifiers_of_real_licences_are_read_and_wrong_ones_refused(vectors: Path) -> None:
    found = json.loads((vectors / "licence/gbt36904_vectors.json").read_text("utf-8"))
    assert sorted(vector["valid"] for vector in found) == [False] * 2 + [True] * 5
    for vector in found:
        body = vector["id"].removeprefix(ROOT + ".").split(".")[:-1]
        if vector["computed"] is not None:
            assert check_character("".join(body)) == vector["computed"]
        if vector["valid"]:
            identifier = LicenceIdentifier.parse(vector["id"])
            assert str(identifier) == vector["id"]
            assert identifier.check == vector["computed"]
        else:
            with pytest.raises(IdentifierRefused):
                LicenceIdentifier.parse(vector["id"])


def test_an_issuer_named_by_its_division_is_read_and_said_so(vectors: Path) -> None:
    found = json.loads((vectors / "licence/gbt36904_vectors.json").read_text("utf-8"))
    read = [LicenceIdentifier.parse(vector["id"]) for vector in found if vector["valid"]]
    assert [one.issuer_code for one in read if one.issuer_is_division] == ["340100"]


def test_the_check_character_of_grid_s_own_example() -> None:
    assert check_character("A12425GABC1234002") == "M"


def test_the_root_may_be_left_out() -> None:
    identifier = LicenceIdentifier.parse(SHORT)
    assert identifier == LicenceIdentifier.parse(GOOD)
    assert (str(identifier), identifier.short) == (GOOD, SHORT)


@given(identifiers)
def test_what_is_written_is_read_back(identifier: LicenceIdentifier) -> None:
    assert LicenceIdentifier.parse(str(identifier)) == identifier
    assert LicenceIdentifier.parse(identifier.short) == identifier


@given(identifiers, st.data())
def test_one_mistyped_character_is_always_refused(
    identifier: LicenceIdentifier, data: st.DataObject
) -> None:
    text = identifier.short
    at = data.draw(st.sampled_from([i for i, c in enumerate(text) if c != "."]))
    other = data.draw(st.sampled_from(ALPHABET.replace(text[at], "") + "."))
    with pytest.raises(IdentifierRefused):
        LicenceIdentifier.parse(text[:at] + other + text[at + 1 :])


def test_every_mistyped_character_of_a_real_identifier_is_refused() -> None:
    for at, here in enumerate(SHORT):
        for other in (*ALPHABET, ".", " ", "a", "_"):
            if other != here:
                refusal(SHORT[:at] + other + SHORT[at + 1 :])


def test_swapped_neighbours_are_refused_but_for_a_few_in_a_thousand() -> None:
    chooser, missed, swaps = random.Random(36904), 0, 0
    for _ in range(500):
        body = "".join(chooser.choice(ALPHABET) for _ in range(62))
        check = check_character(body)
        for at in range(len(body) - 1):
            if body[at] != body[at + 1]:
                swapped = body[:at] + body[at + 1] + body[at] + body[at + 2 :]
                swaps, missed = swaps + 1, missed + (check_character(swapped) == check)
    assert missed / swaps < 0.003


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "parts"),
        ("1.2.3.4", "parts"),
        (ROOT, "type"),
        (GOOD.lower(), "type"),
        (GOOD[:-1] + "f", "check"),
        (GOOD.replace("2430599", "２430599"), "serial"),  # full-width digit
        (GOOD.replace("2430599", "٢430599"), "serial"),  # Arabic digit
        (GOOD.replace(".001.", ".００1."), "version"),
        (GOOD.replace(".001.", ".٠٠١."), "version"),
        (GOOD.replace(".001.F", ".F"), "parts"),
        (GOOD + ".0", "parts"),
        (f"{ROOT}.{GOOD}", "parts"),
        (GOOD.replace("3005.2", "3005.3"), "parts"),
        (GOOD.replace(".001.", "..001."), "parts"),
        (GOOD.replace("2430599", ""), "serial"),
        (GOOD.replace(".001.", ".1."), "version"),
        (GOOD.replace(".001.", ".0001."), "version"),
        (GOOD.replace(".001.", ".-01."), "version"),
        (GOOD.replace("2430599", "0624_001"), "serial"),
        (GOOD.replace("2430599", "A" * 65), "serial"),
        (GOOD.replace("2430599", "A" * MAX_CHARS), "length"),
        (GOOD + "\n", "check"),
        (" " + GOOD, "parts"),
        (GOOD + "\0", "check"),
        (GOOD[:-1], "check"),
        (GOOD[:-1] + "FF", "check"),
        (GOOD.replace(TYPE_CODE, TYPE_CODE[:-1]), "type"),
        (GOOD.replace(TYPE_CODE, TYPE_CODE[:-1] + "A"), "type"),
        (GOOD.replace(ISSUER_CODE, "34010"), "issuer"),
        (GOOD.replace(ISSUER_CODE, "34010A"), "issuer"),
    ],
)
def test_what_is_not_an_identifier_is_refused_by_its_part(text: str, code: str) -> None:
    assert refusal(text) == code


def test_version_000_is_refused_even_with_its_check_character() -> None:
    check = check_character(TYPE_CODE + ISSUER_CODE + "2430599" + "000")
    assert refusal(f"{TYPE_CODE}.{ISSUER_CODE}.2430599.000.{check}") == "version"


@pytest.mark.parametrize("version", [-1, 0, 1000])
def test_no_identifier_has_a_version_out_of_range(version: int) -> None:
    with pytest.raises(IdentifierRefused):
        LicenceIdentifier(TYPE_CODE, ISSUER_CODE, "1", version)


@given(st.text(max_size=200))
def test_other_texts_raise_nothing_else(text: str) -> None:
    try:
        LicenceIdentifier.parse(text)
    except IdentifierRefused as error:
        assert error.code.startswith("licence-identifier-")  # noqa: PT017 - most texts come here


def test_new_serials_are_random() -> None:
    made = [LicenceIdentifier.new(TYPE_CODE, ISSUER_CODE) for _ in range(1_000)]
    assert len({one.serial for one in made}) == 1_000
    assert all(re.fullmatch(r"[0-9A-Z]{20}", one.serial) for one in made)
    assert {character for one in made for character in one.serial} == set(ALPHABET)
    assert {one.version for one in made} == {1}

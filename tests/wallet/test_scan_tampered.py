"""Whoever can write the store but has no key gets nothing signed, nor shown as another's."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from msb_identity.envelopes import cbor
from msb_identity.envelopes.cose import KEY_ID, parse_sign1, sign1
from msb_identity.errors import StoreError
from msb_identity.pki.keys import KeyKind, generate_key
from tests.wallet.conftest import NOW, assert_step, assert_valid

if TYPE_CHECKING:
    from tests.wallet.conftest import World


def change(world: World, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(world.folder.path / "store.sqlite")) as other:
        assert other.execute(statement, values).rowcount >= 1
        other.commit()


def credentials(world: World) -> dict[str, bytes]:
    with closing(sqlite3.connect(world.folder.path / "store.sqlite")) as other:
        return dict(other.execute("SELECT identifier, credential FROM licences").fetchall())


def test_changed_claims_are_not_signed_for_a_device(world: World) -> None:
    device = generate_key(KeyKind.P256).public
    issuer = world.issuer()
    stored = credentials(world)[world.licences[KeyKind.SM2].short]
    genuine = parse_sign1(stored)
    claims = cbor.decode(genuine.payload)
    assert isinstance(claims, dict)
    claims[4] = 4_102_416_000
    header: dict[int | str, cbor.Value] = {KEY_ID: genuine.key_id}
    forged = sign1(cbor.encode(claims), generate_key(KeyKind.SM2), header=header)
    change(
        world,
        "UPDATE licences SET credential=? WHERE identifier=?",
        forged,
        world.licences[KeyKind.SM2].short,
    )
    with pytest.raises(StoreError, match="not this issuer's"):
        issuer.bind_device(world.licences[KeyKind.SM2], device, now=NOW)
    change(
        world,
        "UPDATE licences SET credential=? WHERE identifier=?",
        stored,
        world.licences[KeyKind.SM2].short,
    )
    assert issuer.bind_device(world.licences[KeyKind.SM2], device, now=NOW)


def test_the_credential_of_another_licence_is_not_signed_or_shown(world: World) -> None:
    mine = world.licences[KeyKind.SM2].short
    issued = world.issue("A-77")
    other = credentials(world)[issued.short]
    text = world.online()
    change(world, "UPDATE licences SET credential=? WHERE identifier=?", other, mine)
    issuer = world.issuer()
    with pytest.raises(StoreError, match="another licence"):
        issuer.bind_device(world.licences[KeyKind.SM2], generate_key(KeyKind.P256).public, now=NOW)
    report = world.verifier(online=True).scan(text, now=NOW)
    assert_step(report, "invalid", "holder-proof", "record-changed")
    assert not report.disclosed


def test_a_shown_code_cannot_be_turned_to_another_licence(world: World) -> None:
    other = next(name for name in credentials(world) if name != world.licences[KeyKind.SM2].short)
    for statement, value in (
        ("UPDATE shown_codes SET identifier=?", other),
        ("UPDATE shown_codes SET shown_at=shown_at+?", 30),
        ("UPDATE shown_codes SET audience=?", "窗口"),
        ("UPDATE shown_codes SET shown_at=?", "x"),
        ("UPDATE shown_codes SET shown_at=?", 2**62),
        ("UPDATE shown_codes SET binding=?", os.urandom(32)),
    ):
        text = world.online()
        change(world, statement, value)
        report = world.verifier(online=True).scan(text, now=NOW)
        assert_step(report, "invalid", "holder-proof", "record-changed")


@pytest.mark.parametrize("value", [3, -1, "x", b"\x00"])
def test_a_state_that_nobody_writes_is_indeterminate(world: World, value: object) -> None:
    verifier = world.verifier(online=True)
    assert_valid(verifier.scan(world.printed(), now=NOW))
    change(world, "UPDATE licence_status SET status=?", value)
    assert_step(verifier.scan(world.printed(), now=NOW), "indeterminate", "status", "no-store")


def test_a_pipe_in_the_place_of_a_list_is_no_list(world: World) -> None:
    code = world.licences[KeyKind.SM2].issuer_code
    path = world.folder.trust / "status" / code / "0"
    path.unlink()
    os.mkfifo(path)
    report = world.verifier().scan(world.printed(), now=NOW)
    assert_step(report, "indeterminate", "status", "missing")

"""The card pack: a person sees and shows their own licences, and nobody else's."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from msb_identity.errors import KeyRefused
from msb_identity.pki.keys import KeyKind, generate_key
from msb_wallet.cards import pack
from msb_wallet.codes.present import show_offline
from msb_wallet.credentials.compact import HOLDER_KEYS
from msb_wallet.errors import LicenceNotFound, PresentRefused
from msb_wallet.licences.identifier import LicenceIdentifier
from msb_wallet.licences.status import Reason
from msb_wallet.licences.store import Status
from tests.wallet.conftest import CODES, NOW, TYPE_CODE, assert_step, assert_valid, token_of
from tests.wallet.craft import CNF, claims, unwrap

if TYPE_CHECKING:
    from msb_identity.sso.tokens import VerifiedToken
    from tests.wallet.conftest import World

SM2, P256 = KeyKind.SM2, KeyKind.P256
OTHER_NUMBER = "440524188001010014"


def register(world: World, *, level: int, number: str = OTHER_NUMBER) -> VerifiedToken:
    """Another person, signed in."""
    person = world.accounts.register(
        name="李四",
        identity_number=number,
        mobile="13900139000",
        level=level,
        method="counter",
        now=NOW,
    )
    return token_of(person.id)


def test_the_pack_holds_the_licences_of_all_issuers(world: World) -> None:
    cards = world.pack.cards(world.holder, now=NOW)
    assert {card.identifier for card in cards} == set(world.licences.values())
    assert {(card.type_code, card.status) for card in cards} == {(TYPE_CODE, Status.VALID)}


def test_the_pack_shows_what_became_of_a_licence(world: World) -> None:
    licence = world.licences[SM2]
    world.issuer().status.change(licence.short, Status.REVOKED, Reason.PENALTY, now=NOW)
    found = {card.identifier: card.status for card in world.pack.cards(world.holder, now=NOW)}
    assert found == {licence: Status.REVOKED, world.licences[P256]: Status.VALID}


def test_the_pack_comes_in_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = {world.issue(f"蒙K02{n:04}") for n in range(5)} | set(world.licences.values())
    monkeypatch.setattr(pack, "PAGE", 3)
    seen: list[LicenceIdentifier] = []
    after = ""
    while cards := world.pack.cards(world.holder, after=after, now=NOW):
        assert len(cards) <= 3
        seen += [card.identifier for card in cards]
        after = seen[-1].short
    assert len(seen) == len(issued)
    assert set(seen) == issued


def test_another_person_has_an_empty_pack(world: World) -> None:
    assert world.pack.cards(register(world, level=2), now=NOW) == []


def test_another_persons_licence_and_none_at_all_give_one_answer(world: World) -> None:
    other = register(world, level=4)
    nobodys = LicenceIdentifier.new(TYPE_CODE, CODES[SM2])
    device = generate_key(P256).public
    messages = set()
    for identifier in (world.licences[SM2], nobodys):
        for action in (
            lambda i: world.pack.show_online(other, i, now=NOW),
            lambda i: world.pack.show_printed(other, i, now=NOW),
            lambda i: world.pack.bind_device(other, i, device, issuer=world.issuer(), now=NOW),
        ):
            with pytest.raises(LicenceNotFound) as refusal:
                action(identifier)
            messages.add(str(refusal.value))
    assert len(messages) == 1


def test_who_only_declared_who_they_are_has_no_pack(world: World) -> None:
    """Anyone can declare any number: level 1 must not open another's licences."""
    declared = register(world, level=1)
    with pytest.raises(PresentRefused, match="level 2"):
        world.pack.cards(declared, now=NOW)
    with pytest.raises(PresentRefused, match="level 2"):
        world.pack.show_online(declared, world.licences[SM2], now=NOW)


def test_a_token_of_nobody_has_no_pack(world: World) -> None:
    nobody = dataclasses.replace(world.holder, subject="nobody")
    with pytest.raises(PresentRefused):
        world.pack.cards(nobody, now=NOW)
    with pytest.raises(PresentRefused):
        world.pack.show_printed(nobody, world.licences[SM2], now=NOW)


@pytest.mark.parametrize("device", HOLDER_KEYS)
def test_a_device_is_bound_to_one_licence(world: World, device: KeyKind) -> None:
    key = world.devices[device].public
    bound = claims(world.bound(SM2, key))
    printed = claims(unwrap(world.printed()))
    number, curve = bound.pop(CNF).popitem()
    assert number == 1
    assert (curve[-2], curve[-3]) == (key.x, key.y)
    assert bound == printed


def test_binding_again_replaces_and_the_old_bytes_still_hold(world: World) -> None:
    first, second = world.bound(), world.bound()
    for credential in (first, second):
        text = show_offline(credential, world.devices[P256], now=NOW)
        assert_valid(world.verifier().scan(text, now=NOW))


def test_another_issuer_binds_nothing(world: World) -> None:
    with pytest.raises(LicenceNotFound):
        world.pack.bind_device(
            world.holder,
            world.licences[SM2],
            world.devices[P256].public,
            issuer=world.issuer(P256),
            now=NOW,
        )


def test_a_revoked_licence_can_be_shown_and_is_refused(world: World) -> None:
    world.issuer().status.change(
        world.licences[SM2].short, Status.REVOKED, Reason.CANCELLED, now=NOW
    )
    verifier = world.verifier(online=True)
    for text in (world.online(), world.offline(), world.printed()):
        assert_step(verifier.scan(text, now=NOW), "invalid", "status", "revoked")


@pytest.mark.parametrize("audience", ["", "w" * 101, "a\nb"])
def test_a_name_that_no_window_has_shows_nothing(world: World, audience: str) -> None:
    with pytest.raises(ValueError, match="audience"):
        world.online(audience=audience)


def test_an_expired_token_opens_no_card_pack(world: World) -> None:
    end = world.holder.expires_at
    assert world.pack.cards(world.holder, now=end - timedelta(seconds=1))
    for late in (end, end + timedelta(days=1)):
        with pytest.raises(PresentRefused, match="expired"):
            world.pack.cards(world.holder, now=late)
        with pytest.raises(PresentRefused, match="expired"):
            world.pack.show_online(world.holder, world.licences[SM2], now=late)


@pytest.mark.parametrize("kind", [KeyKind.RSA, KeyKind.ED25519])
def test_a_device_has_a_key_that_fits_a_code(world: World, kind: KeyKind) -> None:
    with pytest.raises(KeyRefused, match="SM2 or P-256"):
        world.bound(SM2, generate_key(kind).public)

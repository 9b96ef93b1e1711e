"""Who signed, whether they may, and when: the steps issuer, authority, signature and validity."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import cbor2
import pytest

from msb_identity.envelopes.cose import sign1
from msb_identity.envelopes.jose import public_jwk
from msb_identity.pki.keys import KeyKind, generate_key
from msb_wallet.credentials.compact import HOLDER_KEYS
from msb_wallet.licences.identifier import LicenceIdentifier
from tests.wallet.conftest import CODES, NOW, PREFIXES, TYPE_CODE, assert_step, assert_valid
from tests.wallet.craft import (
    CNF,
    EXP,
    FIELDS,
    IAT,
    ISS,
    KID,
    NBF,
    STATUS,
    SUB,
    claims,
    list_content,
    recut,
    shown,
    shown_parts,
    signed_claims,
    unwrap,
    wrap,
    write_list,
)

if TYPE_CHECKING:
    from msb_identity.foundation.report import Report
    from tests.wallet.conftest import World

SM2, P256 = KeyKind.SM2, KeyKind.P256
SECOND = timedelta(seconds=1)


def reissued(world: World, changes: dict[Any, Any], kind: KeyKind = SM2) -> str:
    """The MSB1 code with other claims, signed by the issuer itself."""
    return wrap("MSB1", recut(unwrap(world.printed(kind)), world.issuer_key(kind), changes))


def scanned(world: World, text: str, now: datetime = NOW) -> Report:
    return world.verifier().scan(text, now=now)


def test_recutting_without_a_change_is_still_valid(world: World) -> None:
    # Else the refusals below would prove nothing.
    assert_valid(scanned(world, reissued(world, {})))


def test_an_issuer_that_is_not_listed_is_unknown(world: World) -> None:
    stranger = "11150200MB0000000J"
    key = generate_key(SM2)
    identifier = LicenceIdentifier.new(TYPE_CODE, stranger).short
    content = {**claims(unwrap(world.printed())), ISS: stranger, SUB: identifier}
    report = scanned(world, wrap("MSB1", signed_claims(content, key)))
    assert_step(report, "indeterminate", "issuer", "unknown")
    assert not report.disclosed


def test_an_issuer_taken_off_the_list_is_unknown(world: World) -> None:
    text = world.printed()
    content = list_content(world)
    content["issuers"] = [i for i in content["issuers"] if i["code"] != CODES[SM2]]
    write_list(world, {**content, "version": 2})
    assert_step(scanned(world, text), "indeterminate", "issuer", "unknown")


def test_a_listed_name_with_a_key_of_ones_own_is_unknown(world: World) -> None:
    content = claims(unwrap(world.printed()))
    report = scanned(world, wrap("MSB1", signed_claims(content, generate_key(SM2))))
    assert_step(report, "indeterminate", "issuer", "unknown-key")
    assert not report.disclosed


def test_a_key_under_the_name_of_a_listed_key_does_not_verify(world: World) -> None:
    content, real = claims(unwrap(world.printed())), world.issuer_key().public.key_id
    for kind, code in ((SM2, "bad"), (P256, "algorithm")):
        forged = signed_claims(content, generate_key(kind), kid=real)
        report = scanned(world, wrap("MSB1", forged))
        assert_step(report, "invalid", "signature-value", code)
        assert not report.disclosed


def test_another_listed_issuers_key_signs_nothing_for_this_one(world: World) -> None:
    text = wrap("MSB1", recut(unwrap(world.printed()), world.issuer_key(P256), {}))
    assert_step(scanned(world, text), "indeterminate", "issuer", "unknown-key")


def test_a_key_listed_for_status_lists_only_signs_no_licence(world: World) -> None:
    text = world.printed()
    content = list_content(world)
    content["issuers"][0]["keys"][0]["uses"] = ["status"]
    write_list(world, {**content, "version": 2})
    assert_step(scanned(world, text), "indeterminate", "issuer", "unknown-key")


def test_a_second_key_of_an_issuer_is_as_good(world: World) -> None:
    fresh = generate_key(P256)
    content = list_content(world)
    content["issuers"][0]["keys"].append({"jwk": public_jwk(fresh.public), "uses": ["licence"]})
    write_list(world, {**content, "version": 2})
    text = wrap("MSB1", recut(unwrap(world.printed()), fresh, {}))
    assert_valid(scanned(world, text))


@pytest.mark.parametrize("types", [[], [TYPE_CODE[:-3] + "033"]])
def test_an_issuer_not_authorised_for_the_type_is_refused(world: World, types: list[str]) -> None:
    codes = world.printed(), world.offline()
    content = list_content(world)
    content["issuers"][0]["types"] = types
    write_list(world, {**content, "version": 2})
    for text in codes:
        assert_step(scanned(world, text), "invalid", "authority", "not-authorised")


def test_a_one_use_code_of_an_unauthorised_issuer_is_not_used_up(world: World) -> None:
    text, good = world.online(), list_content(world)
    bad = list_content(world)
    bad["issuers"][0]["types"] = []
    write_list(world, {**bad, "version": 2})
    verifier = world.verifier(online=True)
    assert_step(verifier.scan(text, now=NOW), "invalid", "authority", "not-authorised")
    write_list(world, {**good, "version": 3})
    assert_valid(verifier.scan(text, now=NOW))


def test_the_identifier_must_name_the_signing_issuer(world: World) -> None:
    theirs = world.licences[P256].short
    report = scanned(world, reissued(world, {SUB: theirs}))
    assert_step(report, "invalid", "authority", "other-issuer")


@pytest.mark.parametrize(
    "uri",
    [
        PREFIXES[P256] + "0",
        "https://licence.example/s/15060/0",
        "https://licence.example/s/0",
        "https://evil.example/s/1506/0",
    ],
)
def test_a_status_list_outside_the_issuers_prefix_is_refused(world: World, uri: str) -> None:
    status = {"status_list": {"idx": 1, "uri": uri}}
    report = scanned(world, reissued(world, {STATUS: status}))
    assert_step(report, "invalid", "authority", "foreign-list")


@pytest.mark.parametrize(
    "uri",
    [
        "http://licence.example/s/1506/0",
        "https://licence.example/s/1506/../1501/0",
        "https://licence.example/s/1506//0",
        "https://licence.example/s/1506/0?x",
        "https://user@licence.example/s/1506/0",
        "file:///etc/passwd",
    ],
)
def test_a_status_address_of_another_form_is_malformed(world: World, uri: str) -> None:
    status = {"status_list": {"idx": 1, "uri": uri}}
    report = scanned(world, reissued(world, {STATUS: status}))
    assert_step(report, "invalid", "format", "malformed")


@pytest.mark.parametrize(
    "changes",
    {
        "a claim that is not known": {7: b"x"},
        "an audience": {3: "someone"},
        "no expiry": {EXP: None},
        "no start": {NBF: None},
        "no status": {STATUS: None},
        "no fields": {FIELDS: None},
        "expiry as a text": {EXP: "2032"},
        "expiry true": {EXP: True},
        "expiry as a float": {EXP: 1e9},
        "expiry out of all time": {EXP: 2**63},
        "identifier with its root": {SUB: "1.2.156.3005.2." + "0" * 40},
        "identifier of nobody": {SUB: "x"},
        "issuer as bytes": {ISS: b"11150600MB0000000B"},
        "index beyond the list": {
            STATUS: {"status_list": {"idx": 1_048_576, "uri": "https://a/0"}}
        },
        "a field that hides": {FIELDS: {"CZZT": "\u202e三张"}},
        "a field of a strange name": {FIELDS: {"czzt": "x"}},
        "a field that is a number": {FIELDS: {"CZZT": 3}},
        "a field too long": {FIELDS: {"CZZT": "张" * 257}},
        "too many fields": {FIELDS: {f"K{n}": "x" for n in range(33)}},
        "a holder key by name": {CNF: {3: b"kid"}},
        "a holder key of another curve": {CNF: {1: {1: 2, -1: 2, -2: bytes(48), -3: bytes(48)}}},
        "a holder key off its curve": {CNF: {1: {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}}},
        "a private holder key": {CNF: {1: {1: 2, -1: 1, -2: b"x" * 32, -3: b"y" * 32, -4: b"d"}}},
    }.items(),
    ids=lambda item: item[0],
)
def test_claims_that_the_format_does_not_have_are_malformed(
    world: World, changes: tuple[str, dict[Any, Any]]
) -> None:
    report = scanned(world, reissued(world, changes[1]))
    assert_step(report, "invalid", "format", "malformed")


@pytest.mark.parametrize(
    "header", [{}, {KID: "text"}, {KID: b"x", 3: 0}, {KID: b"x", 2: [99], 99: 1}]
)
def test_a_header_of_another_form_is_malformed(world: World, header: dict[int | str, Any]) -> None:
    payload = cbor2.dumps(claims(unwrap(world.printed())))
    text = wrap("MSB1", sign1(payload, world.issuer_key(), header=header))
    assert_step(scanned(world, text), "invalid", "format", "malformed")


@pytest.mark.parametrize("kind", HOLDER_KEYS)
def test_a_licence_ends_at_its_exact_second(world: World, kind: KeyKind) -> None:
    ends = NOW + timedelta(hours=1)
    text = reissued(world, {EXP: int(ends.timestamp())}, kind)
    verifier = world.verifier()
    assert_valid(verifier.scan(text, now=ends - SECOND))
    assert_valid(verifier.scan(text, now=ends - timedelta(microseconds=1)))
    for late in (timedelta(), SECOND, timedelta(hours=20)):
        assert_step(verifier.scan(text, now=ends + late), "invalid", "validity", "expired")


@pytest.mark.parametrize("kind", HOLDER_KEYS)
def test_a_licence_begins_at_its_exact_second(world: World, kind: KeyKind) -> None:
    starts = NOW + timedelta(hours=1)
    text = reissued(world, {NBF: int(starts.timestamp())}, kind)
    verifier = world.verifier()
    for early in (timedelta(microseconds=1), SECOND, timedelta(hours=1)):
        report = verifier.scan(text, now=starts - early)
        assert_step(report, "invalid", "validity", "not-yet-valid")
    assert_valid(verifier.scan(text, now=starts))


def test_a_licence_signed_in_the_future_is_refused_beyond_half_a_minute(world: World) -> None:
    signed = NOW + timedelta(minutes=10)
    text = reissued(world, {IAT: int(signed.timestamp())})
    verifier = world.verifier()
    assert_valid(verifier.scan(text, now=signed - timedelta(seconds=30)))
    report = verifier.scan(text, now=signed - timedelta(seconds=31))
    assert_step(report, "invalid", "validity", "issued-in-future")


def test_an_expired_licence_is_refused_however_it_is_shown(world: World) -> None:
    over = int(NOW.timestamp())
    device = world.devices[P256]
    parts = shown_parts(world.offline())
    parts[1] = recut(parts[1], world.issuer_key(), {EXP: over})
    assert_step(scanned(world, shown(parts, device)), "invalid", "validity", "expired")


def test_a_credential_that_ends_before_it_begins_is_never_valid(world: World) -> None:
    start, end = int(NOW.timestamp()) + 60, int(NOW.timestamp()) - 60
    text = reissued(world, {NBF: start, EXP: end})
    for minutes in (-2, 0, 2):
        report = scanned(world, text, NOW + timedelta(minutes=minutes))
        assert report.verdict == "invalid"


def test_the_last_day_is_shown_as_the_licence_has_it(world: World) -> None:
    report = scanned(world, world.printed())
    assert report.disclosed["valid_until"] == "2032-03-01"
    assert report.disclosed["identifier"] == str(world.licences[SM2])
    assert "张三" not in report.as_text() + report.as_html()

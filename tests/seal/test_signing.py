"""Making and signing: what is made is read back whole, and nonsense is refused."""

from __future__ import annotations

from typing import Any

import pytest

from msb_identity.pki.keys import KeyKind
from msb_seal.errors import SealingRefused, SealRefused
from msb_seal.seals.model import SealExtension, SealPicture, SealVersion
from msb_seal.seals.sealer import KeySealer
from msb_seal.seals.signing import (
    SignatureTemplate,
    document_digest,
    prepare_signature,
    sign_digest,
)
from msb_seal.seals.structure import parse_seal_signature
from tests.identity.authorities import DAY, NOW
from tests.seal.makers import DOCUMENT, EVERY, MADE, PICTURE, PNG, PROPERTY, person, world


@pytest.mark.parametrize(("version", "kind"), EVERY)
def test_a_seal_holds_what_it_was_made_of(version: SealVersion, kind: KeyKind) -> None:
    extension = SealExtension("1.2.156.10197.6.7.2.2.1", critical=False, value=b"2.1")
    seal = world(kind).seal(version, extensions=[extension])
    assert seal.version is version
    assert (seal.seal_id, seal.name, seal.type) == ("15060200000001", "测试单位", 1)
    assert seal.picture == PICTURE
    assert seal.signers.certificates == (world(kind).signer.certificate.encoded,)
    assert (seal.created, seal.valid_from, seal.valid_until) == (MADE, MADE, NOW + 200 * DAY)
    assert seal.maker_certificate == world(kind).maker.certificate.encoded
    assert seal.extensions == (extension,)
    assert seal.oddities == ()


@pytest.mark.parametrize(("version", "kind"), EVERY)
def test_a_signature_holds_seal_time_and_digest(version: SealVersion, kind: KeyKind) -> None:
    sealer = world(kind).sealer(version)
    digest = document_digest(DOCUMENT, sealer.certificate)
    data = sign_digest(sealer, digest=digest, property_info=PROPERTY, document="d.ofd", now=NOW)
    found = parse_seal_signature(data)
    assert found.version is version
    assert found.seal == sealer.seal
    assert found.time == NOW
    assert found.document_digest == digest
    assert found.property_info == PROPERTY
    assert found.certificate == sealer.certificate.encoded
    assert found.oddities == ()


def test_a_key_elsewhere_signs_in_three_steps() -> None:
    sealer = world().sealer()
    prepared = prepare_signature(
        sealer.seal,
        digest=document_digest(DOCUMENT, sealer.certificate),
        property_info=PROPERTY,
        certificate=sealer.certificate,
        now=NOW,
    )
    der = sealer.key.sign(prepared.to_sign)
    assert parse_seal_signature(prepared.finish(der)).signed == prepared.to_sign


def test_a_signature_over_something_else_is_not_packed() -> None:
    sealer = world().sealer()
    template = SignatureTemplate(sealer.seal, sealer.certificate)
    prepared = template.prepare(bytes(32), property_info=PROPERTY, now=NOW)
    for wrong in (sealer.key.sign(b"other"), b"", bytes(64), prepared.to_sign):
        with pytest.raises(SealingRefused) as caught:
            prepared.finish(wrong)
        assert caught.value.code == "bad-signature"


def test_raw_signatures_of_hardware_are_packed_as_der() -> None:
    sealer = world().sealer()
    prepared = SignatureTemplate(sealer.seal, sealer.certificate).prepare(
        bytes(32), property_info=PROPERTY, now=NOW
    )
    from msb_identity.pki.curves import SM2_CURVE
    from msb_identity.pki.signatures import raw_from_der

    der = sealer.key.sign(prepared.to_sign)
    data = prepared.finish(raw_from_der(der, SM2_CURVE))
    assert parse_seal_signature(data).signature == der


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("seal-period", {"now": NOW + 201 * DAY}),
        ("seal-period", {"now": MADE - DAY}),
        ("digest", {"digest": bytes(20)}),
        ("property-info", {"property_info": "/文档/Signature.xml"}),
        ("not-listed", {"certificate": person("stranger").certificate}),
        ("key", {"certificate": person("ed", kind=KeyKind.ED25519).certificate}),
    ],
)
def test_a_signature_nobody_should_make_is_refused(code: str, changes: dict[str, object]) -> None:
    sealer = world().sealer()
    wanted: dict[str, object] = {
        "digest": bytes(32),
        "property_info": PROPERTY,
        "certificate": sealer.certificate,
        "now": NOW,
        **changes,
    }
    with pytest.raises(SealingRefused) as caught:
        prepare_signature(sealer.seal, **wanted)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_a_certificate_that_has_ended_seals_nothing() -> None:
    ended = person("ended signer", until=NOW - DAY)
    seal = world().seal(signers=[ended.certificate])
    with pytest.raises(SealingRefused) as caught:
        prepare_signature(
            seal,
            digest=bytes(32),
            property_info=PROPERTY,
            certificate=ended.certificate,
            now=NOW,
        )
    assert caught.value.code == "certificate-period"


def test_a_sealer_with_another_key_cannot_be_made() -> None:
    with pytest.raises(SealingRefused) as caught:
        KeySealer(world().seal(), world().signer.certificate, world().maker.key)
    assert caught.value.code == "wrong-key"


@pytest.mark.parametrize("version", list(SealVersion))
def test_a_signer_listed_by_digest_may_sign(version: SealVersion) -> None:
    if version is SealVersion.V1:
        with pytest.raises(SealRefused):
            world().seal(version, by_digest=True)
        return
    sealer = world().sealer(version, by_digest=True)
    assert sealer.seal.signers.certificates == ()
    sign_digest(sealer, digest=bytes(32), property_info=PROPERTY, document="d", now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "甲\n乙"},
        {"seal_id": "一"},
        {"seal_id": ""},
        {"vendor": "供应商"},
        {"signers": []},
        {"signers": [world().signer.certificate] * 2},
        {"picture": SealPicture("PNG", b"", 42, 42)},
        {"picture": SealPicture("PNG", PNG, 0, 42)},
        {"picture": SealPicture("图", PNG, 42, 42)},
        {"picture": SealPicture("PNG\\n", PNG, 42, 42)},
        {"picture": SealPicture("PNG", b"hi", 42, 42)},
        {"picture": SealPicture("jpg", PNG, 42, 42)},
        {"picture": SealPicture("svg", PNG, 42, 42)},
        {"picture": SealPicture("PNG", PNG + bytes(2_000_001), 42, 42)},
        {"name": "  "},
        {"name": "\u3000"},
        {"seal_id": " "},
        {"valid_until": MADE},
        {"valid_from": NOW + 300 * DAY},
        {"now": NOW + 201 * DAY},
        {"maker_key": world().signer.key},
        {"now": NOW - 31 * DAY},
        {"signers": [person("ed signer", kind=KeyKind.ED25519).certificate]},
        {"signers": [world().root.certificate]},
        {"maker_certificate": world().root.certificate, "maker_key": world().root.key},
    ],
    ids="-".join,
)
def test_a_seal_nobody_should_make_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SealRefused):
        world().seal(**changes)

"""The credentials of issued licences, verified by others, on devices, within a code."""

from __future__ import annotations

import json
import sqlite3
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import cbor2
import cwt
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from msb_identity.errors import EncodingRefused
from msb_identity.pki.keys import KeyKind, generate_key
from msb_wallet.codes.payload import CodeKind, write_code
from msb_wallet.codes.present import MAX_AUDIENCE, show_offline
from msb_wallet.codes.qr import draw_png, read_picture
from msb_wallet.credentials.compact import HOLDER_KEYS, parse_credential
from msb_wallet.errors import LicenceNotFound, LicenceRefused
from msb_wallet.licences.identifier import LicenceIdentifier
from msb_wallet.licences.issue import Issuer, code_fields
from msb_wallet.licences.model import Authority, licence_from_row
from msb_wallet.licences.types import LicenceType
from tests.wallet.issued import stored
from tests.wallet.support_licences import (
    AUTHORITY,
    NAME,
    NOW,
    NUMBER,
    PREFIX,
    TYPE,
    Desk,
    good_row,
    named,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_a_code_carries_the_masked_name_only(desk: Desk) -> None:
    licence = licence_from_row(good_row(KZ_BZ="夜班"), type_=TYPE, authority=AUTHORITY, now=NOW)
    assert code_fields(licence) == {
        "ZZMC": "建筑施工特种作业操作资格证",
        "CZZT": "张*",
        "KZ_CZLB": "建筑电工",
    }
    credential = stored(desk, desk.issuer.issue(good_row(), now=NOW).identifier).credential
    for personal in (NAME, NUMBER, "蒙K012026000001"):
        assert personal.encode() not in credential


OLD = datetime(2024, 6, 1, 4, 0, tzinfo=UTC)  # libraries look at the clock themselves


def old_licence(desk: Desk) -> tuple[LicenceIdentifier, bytes]:
    row = good_row(ZZBFRQ="2024-06-01", ZZYXQQSRQ="2024-06-01", ZZYXQJZRQ="2030-05-31")
    identifier = desk.issuer.issue(row, now=OLD).identifier
    return identifier, stored(desk, identifier).credential


def issuer_jwk(desk: Desk) -> dict[str, str]:
    """The issuer's key file, read as any other program would."""
    jwk = json.loads((desk.folder / "keys" / "issuer.jwk").read_bytes())
    assert (jwk["kty"], jwk["crv"]) == ("EC", "P-256")
    return {name: jwk[name] for name in ("kty", "crv", "x", "y", "kid")}


def unbase64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_an_es256_credential_is_verified_by_cbor2_and_cryptography_alone(desk: Desk) -> None:
    identifier, credential = old_licence(desk)
    jwk = issuer_jwk(desk)
    envelope = cbor2.loads(credential)
    assert (envelope.tag, len(envelope.value)) == (18, 4)
    protected, unprotected, payload, signature = envelope.value
    assert cbor2.loads(protected) == {1: -7, 4: unbase64(jwk["kid"])}
    assert (unprotected, len(signature)) == ({}, 64)
    x, y = (int.from_bytes(unbase64(jwk[name]), "big") for name in ("x", "y"))
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    signed = cbor2.dumps(["Signature1", protected, b"", payload])
    key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))
    with pytest.raises(InvalidSignature):
        key.verify(encode_dss_signature(r, s), signed + b"\0", ec.ECDSA(SHA256()))
    status = desk.issuer.status.get(identifier.short)
    assert cbor2.loads(payload) == {
        1: AUTHORITY.code,
        2: identifier.short,
        4: int(datetime(2030, 5, 31, 16, 0, tzinfo=UTC).timestamp()),
        5: int(datetime(2024, 5, 31, 16, 0, tzinfo=UTC).timestamp()),
        6: int(OLD.timestamp()),
        65535: {"status_list": {"idx": status.list_index, "uri": f"{PREFIX}0"}},
        -65537: {"ZZMC": TYPE.name, "CZZT": "张*", "KZ_CZLB": "建筑电工"},
    }


def test_an_es256_credential_is_verified_by_the_library_cwt(desk: Desk) -> None:
    identifier, credential = old_licence(desk)
    jwk = issuer_jwk(desk)
    coordinates = {-2: unbase64(jwk["x"]), -3: unbase64(jwk["y"])}
    key = cwt.COSEKey.new({1: 2, 2: unbase64(jwk["kid"]), 3: -7, -1: 1, **coordinates})
    claims = cwt.decode(credential, keys=key)
    assert isinstance(claims, dict)
    assert (claims[1], claims[2]) == (AUTHORITY.code, identifier.short)
    changed = bytearray(credential)
    changed[-1] ^= 1
    with pytest.raises(cwt.VerifyError):
        cwt.decode(bytes(changed), keys=key)


def test_a_device_gets_a_credential_of_its_own(desk: Desk) -> None:
    identifier = desk.issuer.issue(good_row(), now=NOW).identifier
    printed = parse_credential(stored(desk, identifier).credential)
    assert printed.holder_key is None
    for kind in HOLDER_KEYS:
        device = generate_key(kind).public
        bound = parse_credential(desk.issuer.bind_device(identifier, device, now=NOW))
        bound.envelope.verify(desk.key.public)
        assert bound.holder_key is not None
        assert bound.holder_key.thumbprint == device.thumbprint
        for name in ("identifier", "issued_at", "not_before", "expires_at", "status", "fields"):
            assert getattr(bound, name) == getattr(printed, name)
        desk.issuer.bind_device(identifier, device, now=NOW)  # again: still one row
    with sqlite3.connect(desk.folder / "store.sqlite") as other:
        [[rows]] = other.execute("SELECT count(*) FROM device_credentials").fetchall()
    other.close()
    assert rows == len(HOLDER_KEYS)


def test_a_device_is_bound_to_licences_of_this_issuer_only(desk: Desk) -> None:
    device = generate_key(KeyKind.P256).public
    with pytest.raises(LicenceNotFound):
        desk.issuer.bind_device(LicenceIdentifier.new(TYPE.code, AUTHORITY.code), device)
    identifier = desk.issuer.issue(good_row(), now=NOW).identifier
    other = Issuer(
        desk.store,
        desk.protector,
        type_=TYPE,
        authority=Authority("11150100MB0000000H", "呼和浩特市住房和城乡建设局", "地市级", "150100"),
        key=generate_key(KeyKind.P256),
        status_prefix=PREFIX,
    )
    with pytest.raises(LicenceNotFound):
        other.bind_device(identifier, device)


def wide_type(fields: int) -> LicenceType:
    return LicenceType.model_validate(
        {
            "code": TYPE.code,
            "name": "证" * 60,
            "name_en": "wide",
            "holder_code_type": "111",
            "max_validity_days": 3_000,
            "fields": [
                {
                    "key": f"KZ_{number}",
                    "name": f"项{number}",
                    "name_en": f"field {number}",
                    "kind": "text",
                    "required": False,
                    "in_code": True,
                    "max_length": 256,
                }
                for number in range(fields)
            ],
        }
    )


def wide_row(length: int, fields: int) -> dict[str, str]:
    row = {name: cell for name, cell in good_row().items() if not name.startswith("KZ_")}
    # Characters from all over the plane, so that compressing gains little.
    texts = ("".join(chr(0x4E00 + (7919 * (i + 1) * (n + 3)) % 20_000) for i in range(length))
             for n in range(fields))  # fmt: skip
    return row | {f"KZ_{number}": text for number, text in enumerate(texts)}


@pytest.mark.parametrize("fields", [2, 5, 30])
def test_every_licence_that_is_issued_can_be_shown_as_a_code(tmp_path: Path, fields: int) -> None:
    desk = Desk.open(tmp_path, wide_type(fields))
    length, issued = 257, None
    while issued is None:
        length -= 1
        try:
            issued = desk.issuer.issue(wide_row(length, fields), now=NOW)
        except LicenceRefused as refusal:
            assert named(refusal.faults) == {("*", "too-much-for-code")}  # noqa: PT017 - loop
    assert length > 200 / fields
    device = generate_key(KeyKind.SM2)
    bound = desk.issuer.bind_device(issued.identifier, device.public, now=NOW)
    shown = show_offline(bound, device, audience="窗" * MAX_AUDIENCE, now=NOW)
    printed = write_code(CodeKind.PRINTED, stored(desk, issued.identifier).credential)
    for code in (printed, shown):
        assert read_picture(draw_png(code, module_pixels=3)) == [code]
    desk.store.close()


def test_a_credential_with_more_than_a_reader_takes_is_refused(desk: Desk) -> None:
    credential = stored(desk, desk.issuer.issue(good_row(), now=NOW).identifier).credential
    parse_credential(credential)
    for wrong in (b"", credential[:-1], credential + b"\0", bytes(5_000)):
        with pytest.raises(EncodingRefused):
            parse_credential(wrong)

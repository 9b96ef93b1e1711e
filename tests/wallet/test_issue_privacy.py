"""What issuing leaves on disk says nothing personal."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode

import pytest

from msb_identity.errors import ProtectionError
from msb_wallet.licences.issue import body_place
from msb_wallet.licences.store import licences
from tests.wallet.issued import identifiers, stored
from tests.wallet.support_licences import (
    NAME,
    NOW,
    NUMBER,
    Desk,
    csv_text,
    good_row,
)


def test_serials_say_nothing_of_the_holder(desk: Desk) -> None:
    made = [identifier.serial for identifier in identifiers(desk.issue_csv(csv_text(300)))]
    assert len(set(made)) == 300
    for serial in made:
        assert len(serial) == 20
        assert NUMBER[6:14] not in serial
        assert NUMBER[:6] not in serial or NUMBER[-4:] not in serial
    assert made != sorted(made)


def test_the_body_opens_in_its_place_only(desk: Desk) -> None:
    one = desk.issuer.issue(good_row("1"), now=NOW).identifier
    two = desk.issuer.issue(good_row("2"), now=NOW).identifier
    body = json.loads(desk.protector.open(stored(desk, one).body, body_place(one)))
    assert (body["CZZT"], body["CZZTDM"], body["ZZBH"]) == (NAME, NUMBER, "1")
    with desk.store.write() as connection:
        for target, source in ((one, stored(desk, two)), (two, stored(desk, one))):
            connection.execute(
                licences.update()
                .where(licences.c.identifier == target.short)
                .values(body=source.body)
            )
    for identifier in (one, two):
        with pytest.raises(ProtectionError):
            desk.protector.open(stored(desk, identifier).body, body_place(identifier))


def test_equal_rows_look_different_on_disk(desk: Desk) -> None:
    one = stored(desk, desk.issuer.issue(good_row("1"), now=NOW).identifier)
    two = stored(desk, desk.issuer.issue(good_row("2"), now=NOW).identifier)
    assert one.body[17:] != two.body[17:]
    assert one.content_digest != two.content_digest
    assert one.holder_index == two.holder_index  # which is how a holder's licences are found


def test_nothing_personal_is_on_disk_in_clear(desk: Desk) -> None:
    number = "蒙K012026000001"
    issued = desk.issuer.issue(good_row(number, KZ_BZ="夜班值守"), now=NOW)
    desk.issuer.bind_device(issued.identifier, desk.key.public, now=NOW)
    for content in (desk.bytes_on_disk(), *_key_files(desk)):
        for personal in (NAME, NUMBER, number, "夜班值守", NUMBER[6:14]):
            for encoding in ("utf-8", "gb18030", "utf-16-le"):
                assert personal.encode(encoding) not in content
    assert (desk.folder / "store.sqlite-wal").stat().st_size > 0  # it was searched too
    [private] = [json.loads(one)["d"] for one in _key_files(desk) if one.startswith(b"{")]
    for secret in (private.encode(), urlsafe_b64decode(private + "="), *_key_files(desk)):
        assert secret not in desk.bytes_on_disk()


def _key_files(desk: Desk) -> list[bytes]:
    return [path.read_bytes() for path in (desk.folder / "keys").iterdir()]


def test_key_files_are_the_owner_s_alone(desk: Desk) -> None:
    assert (desk.folder / "keys").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in (desk.folder / "keys").iterdir()) == [
        "encryption.key",
        "index.key",
        "issuer.jwk",
        "marks.key",
    ]
    for path in (desk.folder / "keys").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600

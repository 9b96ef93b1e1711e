"""Issuing: each row once, whatever happens in between, and nobody's data in clear."""

from __future__ import annotations

import json
import multiprocessing
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
from sqlalchemy import func, select

from msb_identity.errors import EncodingRefused, ProtectionError
from msb_identity.pki.keys import KeyKind, generate_key
from msb_wallet.codes.payload import CodeKind, write_code
from msb_wallet.codes.present import MAX_AUDIENCE, show_offline
from msb_wallet.codes.qr import draw_png, read_picture
from msb_wallet.credentials import compact
from msb_wallet.credentials.compact import HOLDER_KEYS, parse_credential
from msb_wallet.errors import LicenceNotFound, LicenceRefused
from msb_wallet.licences import issue as issue_module
from msb_wallet.licences.identifier import LicenceIdentifier
from msb_wallet.licences.issue import Issuer, RowResult, body_place, code_fields
from msb_wallet.licences.model import Authority, licence_from_row
from msb_wallet.licences.rows import MAX_ROWS_A_TRANSACTION, NumberedRow
from msb_wallet.licences.store import find_licence, licence_status, licences, status_lists
from msb_wallet.licences.types import LicenceType
from tests.wallet.support_licences import (
    AUTHORITY,
    HEADING,
    NAME,
    NAME_2,
    NOW,
    NUMBER,
    NUMBER_2,
    PREFIX,
    TYPE,
    Desk,
    csv_text,
    good_row,
    named,
    refused_faults,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from msb_wallet.licences.store import StoredLicence

spawn = multiprocessing.get_context("spawn")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk.open(tmp_path)
    yield made
    made.store.close()


def stored(desk: Desk, identifier: LicenceIdentifier) -> StoredLicence:
    with desk.store.read() as connection:
        found = find_licence(connection, identifier.short)
    assert found is not None
    return found


def identifiers(results: list[RowResult]) -> list[LicenceIdentifier]:
    assert all(result.issued for result in results), results
    return [result.issued.identifier for result in results if result.issued]


def assert_whole(desk: Desk, count: int) -> None:
    """So many licences stand in the store, each with a status of its own place; no half ones.

    A place taken by a group that then failed, or came second, stays empty.
    """
    places = select(licence_status.c.list_number, licence_status.c.list_index)
    with desk.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(licences)) == count
        numbers = select(func.count(licences.c.number_index.distinct()))
        assert connection.scalar(numbers) == count
        found = connection.execute(places).all()
        assert (connection.scalar(select(func.sum(status_lists.c.used))) or 0) >= count
    assert len(found) == len(set(found)) == count


def test_a_row_becomes_a_licence(desk: Desk) -> None:
    issued = desk.issuer.issue(good_row(), now=NOW)
    assert issued.new
    assert issued.identifier.type_code == TYPE.code
    assert issued.identifier.issuer_code == AUTHORITY.code
    assert issued.identifier.version == 1
    assert desk.issuer.status.get(issued.identifier.short).status.name == "VALID"
    assert_whole(desk, 1)


def test_the_same_row_again_is_the_same_licence(desk: Desk) -> None:
    first = desk.issuer.issue(good_row(), now=NOW)
    before = stored(desk, first.identifier)
    for row in (good_row(), good_row(ZZBFRQ="2026/3/2", CZZTDM=NUMBER.lower(), KZ_BZ=" ")):
        again = desk.issuer.issue(row)
        assert (again.identifier, again.new) == (first.identifier, False)
    assert stored(desk, first.identifier) == before
    assert_whole(desk, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"CZZT": NAME_2},
        {"CZZTDM": NUMBER_2},
        {"ZZYXQJZRQ": "2032-02-29"},
        {"KZ_CZLB": "建筑架子工"},
        {"KZ_BZ": "夜班"},
    ],
)
def test_another_content_under_a_number_that_is_taken_is_refused(
    desk: Desk, changes: dict[str, str]
) -> None:
    desk.issuer.issue(good_row(), now=NOW)
    faults = refused_faults(lambda: desk.issuer.issue(good_row(**changes), now=NOW))
    assert named(faults) == {("ZZBH", "number-taken")}
    assert_whole(desk, 1)


def test_a_number_is_one_licence_for_each_type_and_issuer(desk: Desk) -> None:
    first = desk.issuer.issue(good_row(), now=NOW).identifier
    other_type = TYPE.model_copy(update={"code": "11100000000013338W999"})
    other = Authority("11150100MB0000000H", "呼和浩特市住房和城乡建设局", "地市级", "150100")
    made = [
        Issuer(
            desk.store,
            desk.protector,
            type_=type_,
            authority=authority,
            key=desk.key,
            status_prefix=PREFIX,
        ).issue(good_row(), now=NOW)
        for type_, authority in ((other_type, AUTHORITY), (TYPE, other))
    ]
    assert all(issued.new for issued in made)
    assert len({first, *(issued.identifier for issued in made)}) == 3


def test_a_file_twice_doubles_nothing(desk: Desk) -> None:
    text = csv_text(450)
    first = desk.issue_csv(text)
    assert [result.line for result in first] == list(range(2, 452))
    assert all(result.issued and result.issued.new for result in first)
    again = desk.issue_csv(text)
    assert identifiers(again) == identifiers(first)
    assert not any(result.issued and result.issued.new for result in again)
    assert_whole(desk, 450)


def test_faulty_rows_stop_no_others_and_keep_their_lines(desk: Desk) -> None:
    lines = csv_text(6).splitlines()
    lines[2] = lines[2].replace(NUMBER, NUMBER_2 + "9")
    lines[3] += ",x"
    lines[5] = lines[1].replace(NAME, NAME_2)  # the number of line 2, with other content
    lines[6] = lines[1]
    results = desk.issue_csv("\n".join(lines))
    assert [(result.line, result.issued is not None) for result in results] == [
        (2, True),
        (3, False),
        (4, False),
        (5, True),
        (6, False),
        (7, True),
    ]
    assert [named(result.faults) for result in results if result.faults] == [
        {("CZZTDM", "form")},
        {("*", "cells")},
        {("ZZBH", "number-taken")},
    ]
    assert results[5].issued is not None
    assert results[0].issued is not None
    assert results[5].issued.identifier == results[0].issued.identifier
    assert_whole(desk, 2)
    assert not any(NUMBER_2 in str(result) or NAME in str(result) for result in results)


def test_a_file_of_a_heading_only_issues_nothing(desk: Desk) -> None:
    assert desk.issue_csv(HEADING) == []


def test_what_was_given_back_is_on_disk(desk: Desk) -> None:
    count = MAX_ROWS_A_TRANSACTION + 1
    results = iter(desk.issuer.issue_rows(_numbered(count), now=NOW))
    next(results)
    with sqlite3.connect(desk.folder / "store.sqlite") as other:
        [[found]] = other.execute("SELECT count(*) FROM licences").fetchall()
    other.close()
    assert found == MAX_ROWS_A_TRANSACTION
    assert len(list(results)) == count - 1


def _numbered(count: int) -> Iterator[NumberedRow]:
    for number in range(count):
        yield NumberedRow(number, good_row(f"蒙{number}"))


def test_a_group_that_fails_leaves_nothing_half_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed, sign = 0, compact.sign_credential

    def fail_late(**claims: object) -> bytes:
        nonlocal signed
        signed += 1
        if signed == MAX_ROWS_A_TRANSACTION + 50:
            message = "the key is gone"
            raise RuntimeError(message)
        return sign(**claims)  # type: ignore[arg-type]

    text = csv_text(2 * MAX_ROWS_A_TRANSACTION)
    with monkeypatch.context() as patch:
        patch.setattr(issue_module, "sign_credential", fail_late)
        with pytest.raises(RuntimeError):
            desk.issue_csv(text)
    assert_whole(desk, MAX_ROWS_A_TRANSACTION)
    desk.issue_csv(text)
    assert_whole(desk, 2 * MAX_ROWS_A_TRANSACTION)


def issue_and_tell(folder: Path, text: str, pipe: Connection) -> None:
    """Issue a file in a process of its own, sending each result as it comes."""
    desk = Desk.open(folder)
    pipe.send("ready")
    pipe.recv()
    for result in desk.issue_csv_lazily(text):
        assert result.issued is not None
        pipe.send((result.line, result.issued.identifier.short, result.issued.new))
    pipe.send("done")


def test_two_processes_with_one_file_issue_each_licence_once(desk: Desk) -> None:
    text, found = csv_text(900), []
    pipes, processes = [], []
    for _ in range(2):
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=issue_and_tell, args=(desk.folder, text, theirs))
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    assert [pipe.recv() for pipe in pipes] == ["ready", "ready"]
    for pipe in pipes:
        pipe.send("go")
    for pipe in pipes:
        told = []
        while (item := pipe.recv()) != "done":
            told.append(item)
        found.append(told)
        pipe.close()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    first, second = (dict((item[0], item[1]) for item in told) for told in found)  # noqa: C402
    assert first == second
    assert len(first) == 900
    assert sum(new for told in found for _, _, new in told) == 900
    assert_whole(desk, 900)


def test_a_killed_batch_run_again_loses_and_doubles_nothing(desk: Desk) -> None:
    text = csv_text(2_000)
    known: dict[int, str] = {}
    for after in (1, 300, 650, 1_100):
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=issue_and_tell, args=(desk.folder, text, theirs))
        process.start()
        theirs.close()
        assert ours.recv() == "ready"
        ours.send("go")
        told = [ours.recv() for _ in range(after)]
        process.kill()  # SIGKILL, while a later group is being written
        process.join(60)
        while True:
            try:
                told.append(ours.recv())
            except EOFError:
                break
        ours.close()
        assert process.exitcode == -9
        for line, identifier, _ in told:
            assert known.setdefault(line, identifier) == identifier
    assert 0 < len(known) < 2_000
    last = desk.issue_csv(text)
    for result in last:
        assert result.issued is not None
        if result.line in known:
            assert result.issued.identifier.short == known[result.line]
            assert not result.issued.new
    assert len({identifier.short for identifier in identifiers(last)}) == 2_000
    assert_whole(desk, 2_000)


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

"""The data folder: what is wrong with issuers.toml is said, and what is secret is nobody else's."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from msb_identity.envelopes.keyfiles import (
    read_signing_key,
    read_verifying_key,
    write_signing_key,
)
from msb_identity.errors import ProtectionError, StoreError
from msb_identity.foundation.protect import Place
from msb_identity.pki.keys import KeyKind, generate_key
from msb_wallet.errors import TrustRefused, TypeRefused
from msb_wallet.folder import CONFIGURATION_FILE, DEFAULT_DAYS, DataFolder, read_configuration
from msb_wallet.scan.regions import LIST_FILE, SIGNER_FILE, TrustList, open_trust_list
from tests.wallet.support_licences import NOW, TYPE_FILE, good_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CODE, OTHER = "11150600MB0000000B", "11150100MB0000000H"
ISSUER = f"""
[[issuers]]
code = "{CODE}"
name = "鄂尔多斯市住房和城乡建设局"
level = "地市级"
region = "150600"
types = ["special-operation"]
key = "P-256"
status_prefix = "https://licence.example/s/1506/"
"""
SECOND = ISSUER.replace(CODE, OTHER).replace("1506/", "1501/").replace("150600", "150100")
GOOD = 'name = "测试信任清单"\n' + ISSUER


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    source = tmp_path / "given.toml"
    source.write_text(GOOD, encoding="utf-8")
    made = DataFolder(tmp_path / "data")
    made.adopt_configuration(source)
    yield made
    if "store" in vars(made):
        made.store.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def reopened(folder: DataFolder) -> DataFolder:
    return DataFolder(folder.path)


def trust_list(folder: DataFolder) -> TrustList:
    signer = read_verifying_key(folder.trust / SIGNER_FILE)
    return open_trust_list((folder.trust / LIST_FILE).read_text("ascii").strip(), signer=signer)


def test_a_good_file_is_read(folder: DataFolder) -> None:
    [issuer] = folder.configuration.issuers
    assert (issuer.code, issuer.authority.region) == (CODE, "150600")
    assert folder.configuration.days == DEFAULT_DAYS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (ISSUER, ""),
        (ISSUER, "issuers = []\n"),
        (ISSUER, 'issuers = "all"\n'),
        ('name = "测试信任清单"\n', ""),
        ('name = "测试信任清单"', 'name = ""'),
        ('name = "测试信任清单"', "name = 1"),
        ('name = "测试信任清单"', f'name = "{"长" * 101}"'),
        ('name = "测试信任清单"', 'name = "测试\\u202e清单"'),
        ('name = "测试信任清单"', 'name = "测试"\ndays = 0'),
        ('name = "测试信任清单"', 'name = "测试"\ndays = -1'),
        ('name = "测试信任清单"', 'name = "测试"\ndays = 3661'),
        ('name = "测试信任清单"', 'name = "测试"\ndays = "30"'),
        ('name = "测试信任清单"', 'name = "测试"\ndays = 1.5'),
        ('name = "测试信任清单"', 'name = "测试"\ndays = true'),
        ('name = "测试信任清单"', 'name = "测试"\ncolour = "red"'),
        ("[[issuers]]", "[issuers]"),
        ("[[issuers]]", "[[issuer]]"),
        ("[[issuers]]", "[[issuers]"),
        (f'code = "{CODE}"\n', ""),
        (CODE, CODE[:-1]),
        (CODE, CODE[:-1] + "C"),
        (CODE, CODE.lower()),
        (CODE, f" {CODE}"),
        (CODE, "150600"),
        (CODE, ""),
        ('name = "鄂尔多斯市住房和城乡建设局"', 'name = " "'),
        ('name = "鄂尔多斯市住房和城乡建设局"', 'name = "鄂尔多斯\\n"'),
        ('level = "地市级"', 'level = "市级"'),
        ('level = "地市级"\n', ""),
        ('region = "150600"', 'region = "15060"'),
        ('region = "150600"', 'region = "１50600"'),
        ('region = "150600"', 'region = "150600\\n"'),
        ('region = "150600"', "region = 150600"),
        ('types = ["special-operation"]', "types = []"),
        ('types = ["special-operation"]', 'types = "special-operation"'),
        ('types = ["special-operation"]', "types = [1]"),
        ('key = "P-256"', 'key = "RSA"'),
        ('key = "P-256"', 'key = "sm2"'),
        ('key = "P-256"', 'key = "P-256"\nkey = "SM2"'),
        ('key = "P-256"', 'key = "P-256"\nphone = "1"'),
        ("https://licence.example/s/1506/", "https://licence.example/s/1506"),
        ("https://licence.example/s/1506/", "https://licence.example"),
        ("https://licence.example/s/1506/", "http://licence.example/s/1506/"),
        ("https://licence.example/s/1506/", "https://licence.example/s/../"),
        ("https://licence.example/s/1506/", "https://licence.example/s//"),
        ("https://licence.example/s/1506/", "https://licence.example/s/?n="),
        ("https://licence.example/s/1506/", "https://licence.example/" + "s" * 146 + "/"),
        ("https://licence.example/s/1506/", ""),
        (ISSUER, ISSUER + ISSUER),
        (ISSUER, ISSUER + SECOND.replace(OTHER, CODE)),
        (ISSUER, ISSUER + SECOND.replace("1501/", "1506/")),
        (ISSUER, ISSUER + SECOND.replace("s/1501/", "s/")),
        (ISSUER, ISSUER + SECOND.replace("s/1501/", "s/1506/01/")),
    ],
)
def test_a_file_with_a_fault_is_refused_with_its_place(tmp_path: Path, old: str, new: str) -> None:
    assert old in GOOD
    path = tmp_path / "issuers.toml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(TrustRefused) as caught:
        read_configuration(path)
    text = str(caught.value)
    assert text.startswith("issuers.toml")
    assert "\n" not in text
    assert "pydantic" not in text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        GOOD.encode("gb18030"),
        GOOD.encode("utf-16"),
        b"\0",
        b"a = " + b"[" * 100_000,
        b"{}",
        b'name = "unfinished',
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "issuers.toml"
    path.write_bytes(content)
    with pytest.raises(TrustRefused):
        read_configuration(path)


def test_a_file_that_is_missing_or_far_too_large_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot read issuers"):
        read_configuration(tmp_path / "issuers.toml")
    (tmp_path / "issuers.toml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(StoreError, match="larger than"):
        read_configuration(tmp_path / "issuers.toml")
    with pytest.raises(StoreError):
        read_configuration(tmp_path)


def test_two_issuers_are_good_and_must_then_be_named(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.configuration_file.write_text(GOOD + SECOND, encoding="utf-8")
    assert folder.issuer_settings(OTHER).region == "150100"
    for code in (None, "11150100MB0000000X"):
        with pytest.raises(TrustRefused, match=CODE):
            folder.issuer_settings(code)


def test_a_configuration_that_is_refused_replaces_nothing(
    folder: DataFolder, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(GOOD.replace('"P-256"', '"RSA"'), encoding="utf-8")
    with pytest.raises(TrustRefused):
        folder.adopt_configuration(wrong)
    assert folder.configuration_file.read_text("utf-8") == GOOD


def test_what_is_secret_is_the_owner_s_alone(folder: DataFolder) -> None:
    before = os.umask(0)
    try:
        fresh = DataFolder(folder.path.parent / "fresh")
        fresh.adopt_configuration(folder.configuration_file)
        fresh.make_trust(now=NOW)
        fresh.issuer("special-operation").issue(good_row(), now=NOW)
        fresh.publish_status(now=NOW)
    finally:
        os.umask(before)
    assert mode(fresh.path) == 0o700
    assert mode(fresh.keys) == 0o700
    keys = sorted(path.name for path in fresh.keys.iterdir())
    assert keys == [
        "encryption.key",
        "index.key",
        f"issuer-{CODE}.jwk",
        "list-signer.jwk",
        "marks.key",
    ]
    assert {mode(path) for path in fresh.keys.iterdir()} == {0o600}
    for path in fresh.path.glob("store.sqlite*"):
        assert mode(path) == 0o600, path.name
    assert mode(fresh.trust / LIST_FILE) == 0o644
    fresh.store.close()


def test_the_store_is_private_in_a_folder_that_others_may_enter(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folder = DataFolder(tmp_path)
    assert folder.protector.index("test", "value")
    assert {mode(path) for path in tmp_path.glob("store.sqlite*")} == {0o600}
    folder.store.close()


@pytest.mark.parametrize("name", ["list-signer.jwk", f"issuer-{CODE}.jwk"])
def test_a_key_that_others_can_read_is_refused(folder: DataFolder, name: str) -> None:
    folder.make_trust(now=NOW)
    (folder.keys / name).chmod(0o640)
    with pytest.raises(StoreError, match=name):
        folder.make_trust(now=NOW)


@pytest.mark.parametrize("name", ["encryption.key", "index.key", "marks.key"])
def test_a_protection_key_that_others_can_read_or_that_is_cut_is_refused(
    folder: DataFolder, name: str
) -> None:
    assert folder.protector.index("test", "value")
    (folder.keys / name).chmod(0o604)
    with pytest.raises(StoreError, match=name):
        _ = reopened(folder).protector
    (folder.keys / name).chmod(0o600)
    (folder.keys / name).write_bytes(bytes(31))
    with pytest.raises(StoreError, match=name):
        _ = reopened(folder).protector


def test_no_private_key_is_in_the_trust_folder(folder: DataFolder) -> None:
    folder.make_trust(now=NOW)
    for path in folder.trust.rglob("*"):
        assert b'"d"' not in path.read_bytes()
    for name in ("list-signer.jwk", f"issuer-{CODE}.jwk"):
        assert b'"d"' in (folder.keys / name).read_bytes()


def test_each_trust_list_has_the_next_version(folder: DataFolder) -> None:
    assert [folder.make_trust(now=NOW) for _ in range(3)] == [1, 2, 3]
    assert reopened(folder).make_trust(now=NOW) == 4
    found = trust_list(folder)
    assert (found.version, found.name) == (4, "测试信任清单")
    assert found.expires_at - found.issued_at == timedelta(days=DEFAULT_DAYS)
    [issuer] = found.issuers.values()
    key = read_signing_key(folder.keys / f"issuer-{CODE}.jwk").public
    assert set(issuer.licence_keys) == set(issuer.status_keys) == {key.key_id}
    assert issuer.types == {"11100000000013338W032"}
    assert issuer.covers("https://licence.example/s/1506/0")


@pytest.mark.parametrize("days", [1, 3_660])
def test_a_list_holds_for_the_days_asked(folder: DataFolder, days: int) -> None:
    folder.make_trust(now=NOW, days=days)
    assert trust_list(folder).expires_at == NOW + timedelta(days=days)


@pytest.mark.parametrize("days", [0, -1, 3_661, 10**12])
def test_a_list_for_no_days_or_for_ever_is_not_made(folder: DataFolder, days: int) -> None:
    with pytest.raises(TrustRefused, match="days"):
        folder.make_trust(now=NOW, days=days)
    assert not folder.trust.exists()


@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 100, b"e30.e30.", b"a.b.c"])
def test_a_damaged_list_is_not_followed_by_a_first_version(
    folder: DataFolder, content: bytes
) -> None:
    folder.make_trust(now=NOW)
    (folder.trust / LIST_FILE).write_bytes(content)
    with pytest.raises(TrustRefused, match=LIST_FILE):
        folder.make_trust(now=NOW)
    assert (folder.trust / LIST_FILE).read_bytes() == content


def test_a_list_of_another_signer_is_not_followed(folder: DataFolder) -> None:
    folder.make_trust(now=NOW)
    (folder.keys / "list-signer.jwk").unlink()
    write_signing_key(folder.keys / "list-signer.jwk", generate_key(KeyKind.SM2))
    with pytest.raises(TrustRefused, match=LIST_FILE):
        folder.make_trust(now=NOW)


@pytest.mark.parametrize("name", ["list-signer.jwk", "issuer-{}.jwk"])
def test_a_key_that_is_in_use_is_never_made_anew(folder: DataFolder, name: str) -> None:
    folder.make_trust(now=NOW)
    path = folder.keys / name.format(folder.configuration.issuers[0].code)
    path.unlink()
    with pytest.raises(TrustRefused, match="restore it"):
        folder.make_trust(now=NOW)
    assert not path.exists()


@pytest.mark.parametrize("name", ["index.key", "encryption.key", "marks.key"])
def test_a_store_is_never_given_other_protection_keys(folder: DataFolder, name: str) -> None:
    folder.protector.seal("x", Place("a", "b", "c"))
    (folder.keys / name).unlink()
    with pytest.raises(ProtectionError, match=f"{name} is missing"):
        DataFolder(folder.path).protector.index("a", "b")
    assert not (folder.keys / name).exists()


def test_a_configuration_is_kept_only_when_its_list_was_signed(folder: DataFolder) -> None:
    folder.make_trust(now=NOW)
    kept = folder.configuration_file.read_bytes()
    other = folder.path / "other.toml"
    other.write_text(kept.decode().replace('"special-operation"', '"none.toml"'))
    with pytest.raises(TypeRefused):
        folder.make_trust(now=NOW, issuers=other)
    assert folder.configuration_file.read_bytes() == kept


def test_a_folder_may_have_any_name(folder: DataFolder) -> None:
    odd = DataFolder(folder.path / "我的 a?b%20#c&d" / "data")
    odd.adopt_configuration(folder.configuration_file)
    odd.issuer("special-operation").issue(good_row(), now=NOW)
    assert (odd.path / "store.sqlite").is_file()
    odd.store.close()


def test_a_list_file_far_too_large_is_not_read(folder: DataFolder) -> None:
    folder.make_trust(now=NOW)
    (folder.trust / LIST_FILE).write_bytes(b"a" * 2_000_000)
    with pytest.raises(StoreError, match="larger than"):
        folder.make_trust(now=NOW)


def test_a_type_that_is_not_configured_is_not_issued(folder: DataFolder) -> None:
    (folder.path / "other.toml").write_text(TYPE_FILE.replace("W032", "W999"), encoding="utf-8")
    with pytest.raises(TypeRefused, match="W999"):
        folder.issuer("other.toml")
    with pytest.raises(TypeRefused, match="W999"):
        folder.issuer_of(CODE, "11100000000013338W999")
    with pytest.raises(TypeRefused):
        folder.issuer("missing")
    with pytest.raises(TypeRefused):
        folder.issuer("a\0b")


def test_a_type_of_one_s_own_is_issued_and_listed(folder: DataFolder) -> None:
    (folder.path / "own.toml").write_text(TYPE_FILE.replace("W032", "W999"), encoding="utf-8")
    text = GOOD.replace('["special-operation"]', '["special-operation", "own.toml"]')
    folder.configuration_file.write_text(text, encoding="utf-8")
    folder.make_trust(now=NOW)
    assert "11100000000013338W999" in trust_list(folder).issuers[CODE].types
    assert folder.issuer("own.toml").type.name == "测试证"
    assert folder.issuer_of(CODE, "11100000000013338W999").type.name == "测试证"


def test_an_issuer_s_key_stays_the_same(folder: DataFolder) -> None:
    settings = folder.issuer_settings(None)
    first = folder.issuer_key(settings).public.thumbprint
    assert reopened(folder).issuer_key(settings).public.thumbprint == first


def test_publishing_needs_no_issuer_named(folder: DataFolder) -> None:
    assert folder.publish_status(now=NOW) == []
    folder.issuer("special-operation").issue(good_row(), now=NOW)
    [path] = folder.publish_status(now=NOW)
    assert path == folder.trust / "status" / CODE / "0"
    assert folder.publish_status(CODE, now=NOW) == []
    assert folder.publish_status(CODE, now=NOW, every=True) == [path]
    with pytest.raises(TrustRefused):
        folder.publish_status(OTHER, now=NOW)


def test_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    assert folder.store_url.endswith("/data/store.sqlite")
    assert not (tmp_path / "data").exists()
    with pytest.raises(StoreError, match=CONFIGURATION_FILE):
        _ = folder.configuration
    assert not (tmp_path / "data").exists()

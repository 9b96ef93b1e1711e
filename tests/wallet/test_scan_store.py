"""When the store or the counter's own memory fails: an indeterminate step, no exception."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from msb_identity.errors import StoreError
from msb_identity.foundation import databases
from msb_identity.pki.keys import KeyKind
from msb_wallet.licences.status import Reason
from msb_wallet.licences.store import Status
from msb_wallet.scan.memory import STATE_FILE
from msb_wallet.scan.verifier import Verifier
from tests.wallet.conftest import NOW, assert_step, assert_valid
from tests.wallet.craft import list_content, write_list

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.wallet.conftest import World

NOBODY = 65_534


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process that is writing and does not finish."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "BUSY_TIMEOUT_MS", 100)


def store_file(world: World) -> Path:
    return world.path / "store.sqlite"


def remove(file: Path) -> None:
    for path in file.parent.glob(file.name + "*"):
        path.unlink()


def test_a_locked_store_uses_nothing_up(world: World) -> None:
    verifier = world.verifier(online=True)
    texts = [world.online(), world.offline()]
    with locked(store_file(world)):
        for text in texts:
            report = verifier.scan(text, now=NOW)
            assert_step(report, "indeterminate", "replay", "no-memory")
        # What needs no writing goes on.
        assert_valid(verifier.scan(world.printed(), now=NOW))
    for text in texts:
        assert_valid(verifier.scan(text, now=NOW))


def test_a_locked_memory_is_indeterminate(world: World) -> None:
    verifier, text = world.verifier(), world.offline()
    assert_valid(verifier.scan(world.printed(), now=NOW))
    with locked(world.folder.trust / STATE_FILE):
        assert_step(verifier.scan(text, now=NOW), "indeterminate", "replay", "no-memory")
    assert_valid(verifier.scan(text, now=NOW))


def test_a_list_that_cannot_be_remembered_is_not_trusted_yet(world: World) -> None:
    verifier = world.verifier()
    with locked(world.folder.trust / STATE_FILE):
        report = verifier.scan(world.printed(), now=NOW)
        assert_step(report, "indeterminate", "trust-list", "unreadable")
    assert_valid(verifier.scan(world.printed(), now=NOW))
    write_list(world, {**list_content(world), "version": 2})
    with locked(world.folder.trust / STATE_FILE):
        report = verifier.scan(world.printed(), now=NOW)
        assert_step(report, "indeterminate", "trust-list", "unreadable")
    assert_valid(verifier.scan(world.printed(), now=NOW))


def expect_no_store(verifier: Verifier, texts: list[str]) -> None:
    online, offline, printed = texts
    assert_step(verifier.scan(online, now=NOW), "indeterminate", "replay", "no-memory")
    assert_step(verifier.scan(offline, now=NOW), "indeterminate", "replay", "no-memory")
    assert_step(verifier.scan(printed, now=NOW), "indeterminate", "status", "no-store")


def test_a_store_without_its_tables_is_indeterminate(world: World) -> None:
    verifier, texts = (
        world.verifier(online=True),
        [world.online(), world.offline(), world.printed()],
    )
    with closing(sqlite3.connect(store_file(world))) as other:
        for table in ("shown_codes", "licence_status", "seen_nonces"):
            other.execute(f"DROP TABLE {table}")
    expect_no_store(verifier, texts)


def test_a_store_overwritten_with_junk_is_indeterminate(world: World) -> None:
    verifier, texts = (
        world.verifier(online=True),
        [world.online(), world.offline(), world.printed()],
    )
    with store_file(world).open("r+b") as file:
        file.write(b"junk" * (store_file(world).stat().st_size // 4))
    expect_no_store(verifier, texts)


def test_a_deleted_store_is_indeterminate(world: World) -> None:
    verifier, texts = (
        world.verifier(online=True),
        [world.online(), world.offline(), world.printed()],
    )
    assert_valid(verifier.scan(world.printed(), now=NOW))
    world.store.close()
    remove(store_file(world))
    expect_no_store(verifier, texts)


def test_a_store_put_back_from_a_backup_is_the_one_that_is_asked(
    world: World, tmp_path: Path
) -> None:
    verifier, text, register = world.verifier(online=True), world.printed(), world.issuer().status
    assert_valid(verifier.scan(text, now=NOW))
    register.change(world.licences[KeyKind.SM2].short, Status.REVOKED, Reason.CANCELLED, now=NOW)
    world.store.close()
    with closing(sqlite3.connect(store_file(world))) as original:
        original.execute("VACUUM INTO ?", (str(tmp_path / "backup.sqlite"),))
        original.execute("UPDATE licence_status SET status = 0")
        original.commit()
    assert_valid(verifier.scan(text, now=NOW))
    remove(store_file(world))
    shutil.move(tmp_path / "backup.sqlite", store_file(world))
    assert_step(verifier.scan(text, now=NOW), "invalid", "status", "revoked")


def test_a_memory_without_its_tables_is_indeterminate(world: World) -> None:
    verifier, text = world.verifier(), world.offline()
    assert_valid(verifier.scan(world.printed(), now=NOW))
    with closing(sqlite3.connect(world.folder.trust / STATE_FILE)) as other:
        other.execute("DROP TABLE seen_nonces")
    assert_step(verifier.scan(text, now=NOW), "indeterminate", "replay", "no-memory")


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that we may read and not write; root gives up its rights for it."""
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.fixture
def open_place(world: World) -> Iterator[Path]:
    """The trust folder where every user of the machine can read it."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        trust = place / "trust"
        shutil.copytree(world.folder.trust, trust)
        for path in (trust, *trust.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield trust


def test_a_folder_that_cannot_be_written_is_refused_when_opened(open_place: Path) -> None:
    with read_only(open_place), pytest.raises(StoreError, match=rf"{STATE_FILE}.*--state"):
        Verifier.from_trust(open_place)


def test_a_memory_that_cannot_be_written_is_refused_when_opened(open_place: Path) -> None:
    Verifier.from_trust(open_place).close()
    (open_place / STATE_FILE).chmod(0o444)
    with read_only(open_place), pytest.raises(StoreError, match=rf"{STATE_FILE}.*--state"):
        Verifier.from_trust(open_place)


def test_the_memory_may_lie_elsewhere(open_place: Path, world: World) -> None:
    text = world.offline()
    with (
        read_only(open_place),
        tempfile.TemporaryDirectory() as own,
        Verifier.from_trust(open_place, state=Path(own) / "memory.sqlite") as verifier,
    ):
        assert_valid(verifier.scan(text, now=NOW))
        assert_step(verifier.scan(text, now=NOW), "invalid", "replay", "used")
    assert not (open_place / STATE_FILE).exists()


@pytest.mark.parametrize("name", ["a?b.sqlite", "a%41.sqlite", "空 格#.sqlite", "a?mode=ro"])
def test_the_memory_lies_in_the_file_that_was_named(world: World, name: str) -> None:
    place = world.path / "state"
    world.verifier(state=place / name).close()
    assert [path.name for path in place.iterdir()] == [name]


@pytest.mark.parametrize("place", ["file", "file/state.sqlite", "folder"])
def test_a_memory_where_none_can_be_is_refused_when_opened(world: World, place: str) -> None:
    (world.path / "file").write_bytes(b"not a database, and long enough to be taken for none" * 9)
    (world.path / "folder").mkdir()
    with pytest.raises(StoreError, match=r"state file .* cannot be opened"):
        world.verifier(state=world.path / place)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///{path}/none.sqlite",
        "sqlite:///{path}/issuers.toml",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://user:secret@db.example/wallet",
        "not a url",
        "",
    ],
)
def test_a_store_that_cannot_be_opened_is_refused_and_not_made(world: World, url: str) -> None:
    with pytest.raises(StoreError) as refusal:
        Verifier.from_trust(world.folder.trust, store=url.format(path=world.path))
    assert "secret" not in str(refusal.value)
    assert not (world.path / "none.sqlite").exists()


def test_a_closed_counter_leaves_the_store_of_others_open(world: World) -> None:
    with Verifier.from_trust(world.folder.trust, store=world.store) as verifier:
        assert_valid(verifier.scan(world.online(), now=NOW))
    assert_valid(world.verifier(online=True).scan(world.online(), now=NOW))


def test_the_memory_is_private_to_no_one_but_holds_no_personal_data(world: World) -> None:
    verifier = world.verifier()
    assert_valid(verifier.scan(world.offline(), now=NOW))
    verifier.close()
    content = (world.folder.trust / STATE_FILE).read_bytes()
    for word in ("张", "110105", world.licences[KeyKind.SM2].serial):
        assert word.encode() not in content
    assert stat.S_ISREG((world.folder.trust / STATE_FILE).stat().st_mode)

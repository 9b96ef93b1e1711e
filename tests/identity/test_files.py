from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from msb_identity.envelopes.jwk import private_jwk
from msb_identity.envelopes.keyfiles import (
    ensure_signing_key,
    read_public_file,
    read_signing_key,
    write_signing_key,
    write_verifying_key,
)
from msb_identity.errors import EncodingRefused, KeyRefused, StoreError
from msb_identity.foundation.files import (
    MAX_KEY_FILE_BYTES,
    read_private,
    secret_file,
    write_private_once,
    write_whole,
)
from msb_identity.pki.keys import KeyKind, generate_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.identity.conftest import Race


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    """The most careless umask: what is private must be so by itself."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_private_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "some.key"
    write_private_once(path, b"content")
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert read_private(path) == b"content"


def test_a_private_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "some.key"
    write_private_once(path, b"first")
    with pytest.raises(FileExistsError):
        write_private_once(path, b"second")
    assert path.read_bytes() == b"first"


def test_nothing_temporary_is_left(tmp_path: Path) -> None:
    path = tmp_path / "some.key"
    write_private_once(path, b"first")
    with pytest.raises(FileExistsError):
        write_private_once(path, b"second")
    write_whole(tmp_path / "list", b"x")
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, b"x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["list", "some.key"]
    assert [p for p in tmp_path.parent.iterdir() if p.name.startswith(f".{tmp_path.name}")] == []


def test_a_private_file_has_no_name_before_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []
    monkeypatch.setattr("os.fsync", lambda _: seen.extend(tmp_path.iterdir()))
    write_private_once(tmp_path / "own.key", b"x")  # so that who is killed here leaves no key
    assert seen == []
    assert read_private(tmp_path / "own.key") == b"x"


def test_where_a_file_must_have_a_name_it_is_still_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.key"
    monkeypatch.setattr("os.O_TMPFILE", os.O_EXCL | os.O_CREAT)  # which fails on a folder
    write_private_once(path, b"first")
    with pytest.raises(FileExistsError):
        write_private_once(path, b"second")
    assert read_private(path) == b"first"
    assert [*tmp_path.iterdir()] == [path]


def test_of_threads_that_write_one_private_file_one_succeeds(tmp_path: Path) -> None:
    path, barrier, done = tmp_path / "some.key", threading.Barrier(8), []

    def write(number: int) -> None:
        barrier.wait()
        try:
            write_private_once(path, b"%d" % number)
        except FileExistsError:
            return
        done.append(b"%d" % number)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [path.read_bytes()]


@pytest.mark.parametrize("open_to", [0o040, 0o020, 0o004, 0o002, 0o044, 0o066, 0o010, 0o001])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, open_to: int) -> None:
    path = tmp_path / "some.key"
    write_signing_key(path, generate_key(KeyKind.P256))
    path.chmod(0o600 | open_to)
    with pytest.raises(StoreError, match="open to others"):
        read_private(path)
    with pytest.raises(StoreError, match="open to others"):
        read_signing_key(path)
    with pytest.raises(StoreError, match="open to others"):
        ensure_signing_key(path, KeyKind.P256)
    path.chmod(0o400)
    read_signing_key(path)


def test_a_secret_is_made_once_and_then_read(tmp_path: Path) -> None:
    first = secret_file(tmp_path / "a" / "index.key")
    assert len(first) == 32
    assert secret_file(tmp_path / "a" / "index.key") == first
    assert secret_file(tmp_path / "other.key") != first
    assert mode(tmp_path / "a" / "index.key") == 0o600


def test_a_secret_of_another_length_is_refused(tmp_path: Path) -> None:
    write_private_once(tmp_path / "short.key", b"x" * 31)
    with pytest.raises(StoreError, match="32 bytes"):
        secret_file(tmp_path / "short.key")


def test_processes_that_make_one_secret_agree(tmp_path: Path, race: Race) -> None:
    script = """
from pathlib import Path
from msb_identity.foundation.files import secret_file
go()
print(secret_file(Path(arguments[0])).hex())
"""
    for i in range(3):
        results = race(script, str(tmp_path / f"{i}.key"), processes=4)
        assert len(set(results)) == 1
        assert results[0] == (tmp_path / f"{i}.key").read_bytes().hex()


def test_a_private_file_that_is_missing_a_folder_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot read none\.key"):
        read_private(tmp_path / "none.key")
    with pytest.raises(StoreError, match="cannot read"):
        read_private(tmp_path)
    write_private_once(tmp_path / "large.key", b"x" * (MAX_KEY_FILE_BYTES + 1))
    with pytest.raises(StoreError, match="larger"):
        read_private(tmp_path / "large.key")


def test_a_reader_sees_the_old_file_or_the_new_one_and_never_a_part(tmp_path: Path) -> None:
    path, stop, seen = tmp_path / "list", threading.Event(), set()
    contents = [bytes([letter]) * 500_000 for letter in b"ab"]
    write_whole(path, contents[0])

    def read() -> None:
        while not stop.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(40):
        write_whole(path, contents[i % 2])
    stop.set()
    reader.join()
    assert seen <= set(contents)


def test_a_public_file_is_capped(tmp_path: Path) -> None:
    write_whole(tmp_path / "list", b"x" * 100)
    assert mode(tmp_path / "list") == 0o644
    assert read_public_file(tmp_path / "list", limit=100) == b"x" * 100
    with pytest.raises(StoreError, match="larger than 99"):
        read_public_file(tmp_path / "list", limit=99)
    with pytest.raises(StoreError, match="cannot read"):
        read_public_file(tmp_path / "none")


@pytest.mark.parametrize("kind", list(KeyKind), ids=str)
def test_a_key_is_read_back_as_it_was_written(tmp_path: Path, kind: KeyKind) -> None:
    key = ensure_signing_key(tmp_path / "a.key", kind)
    again = ensure_signing_key(tmp_path / "a.key", kind)
    assert again.public == key.public
    assert private_jwk(again) == private_jwk(key)
    assert mode(tmp_path / "a.key") == 0o600


def test_a_key_file_that_holds_no_private_key_is_refused(tmp_path: Path) -> None:
    write_verifying_key(tmp_path / "public.json", generate_key(KeyKind.P256).public)
    (tmp_path / "public.json").chmod(0o600)
    with pytest.raises(KeyRefused):
        read_signing_key(tmp_path / "public.json")
    write_private_once(tmp_path / "nonsense.key", b"nonsense")
    with pytest.raises(EncodingRefused):
        read_signing_key(tmp_path / "nonsense.key")

"""Secrets of one purpose, by version, in a private file: the newest is used, all can be read.

A file of 32 bytes is version 1. With more versions it is JSON:
{"format": "MSB-secrets-1", "secrets": {"1": "hex", "2": "hex"}}. Processes that run take up a new
version when they meet it; an old one goes when nothing in the store is under it any more.
"""

from __future__ import annotations

import json
import secrets as randomness
from typing import TYPE_CHECKING, Self

from msb_identity.errors import EncodingRefused, ProtectionError, StoreError
from msb_identity.foundation import strict_json
from msb_identity.foundation.files import (
    PRIVATE_MODE,
    folder_lock,
    read_private,
    secret_file,
    write_whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SECRET_BYTES = 32
FIRST = 1
_FORMAT = "MSB-secrets-1"
_LAST = 2**31 - 1  # an SQL integer


class SecretRing:
    """The versions of a secret."""

    def __init__(self, secrets: Mapping[int, bytes], *, path: Path | None = None) -> None:
        """Use `open` for a file; secrets given here stay in memory."""
        if not secrets or any(len(secret) != SECRET_BYTES for secret in secrets.values()):
            message = f"protection keys have {SECRET_BYTES} bytes"
            raise ProtectionError(message)
        self._secrets, self._path = dict(secrets), path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the file; it is made at first."""
        if not path.exists():
            secret_file(path, size=SECRET_BYTES)
        return cls(_read(path), path=path)

    @property
    def newest(self) -> int:
        """The version that new things are made with."""
        return max(self._secrets)

    @property
    def versions(self) -> tuple[int, ...]:
        """All versions there are, oldest to newest."""
        return tuple(sorted(self._secrets))

    def get(self, version: int) -> bytes:
        """Give a version, looking into the file again where it is not known yet."""
        if version not in self._secrets:
            self.refresh()
        if version not in self._secrets:
            name = "" if self._path is None else f" in {self._path.name}"
            message = f"there is no version {version} of this key{name}"
            raise ProtectionError(message)
        return self._secrets[version]

    def refresh(self) -> None:
        """Read the file again."""
        if self._path is not None:
            self._secrets = _read(self._path)

    def add(self) -> int:
        """Make a new version, from the system's randomness, and give its number."""
        return self._change(lambda old: {**old, max(old) + 1: randomness.token_bytes(SECRET_BYTES)})

    def drop(self, version: int) -> None:
        """Forget a version under which nothing stands any more."""

        def without(old: dict[int, bytes]) -> dict[int, bytes]:
            if version == max(old):
                message = "the newest version is in use"
                raise ProtectionError(message)
            return {number: secret for number, secret in old.items() if number != version}

        self._change(without)

    def _change(self, change: Callable[[dict[int, bytes]], dict[int, bytes]]) -> int:
        if self._path is None:
            self._secrets = change(self._secrets)
            return self.newest
        with folder_lock(self._path.parent):
            self._secrets = change(_read(self._path))
            named = {str(number): secret.hex() for number, secret in sorted(self._secrets.items())}
            content = json.dumps({"format": _FORMAT, "secrets": named}, indent=1).encode()
            write_whole(self._path, content + b"\n", mode=PRIVATE_MODE)
        return self.newest


def _read(path: Path) -> dict[int, bytes]:
    content = read_private(path)
    if len(content) == SECRET_BYTES:
        return {FIRST: content}
    try:
        document = strict_json.load_object(content)
        named = document["secrets"]
        if document["format"] != _FORMAT or len(document) != 2:  # noqa: PLR2004 - those two
            raise ValueError
        found = {_number(name): bytes.fromhex(value) for name, value in named.items()}
        if not found or any(len(secret) != SECRET_BYTES for secret in found.values()):
            raise ValueError
    except (EncodingRefused, KeyError, TypeError, ValueError, AttributeError):
        message = f"{path.name} holds neither {SECRET_BYTES} bytes nor versions of them"
        raise StoreError(message) from None
    return found


def _number(name: str) -> int:
    number = int(name)
    if str(number) != name or not 0 < number <= _LAST:
        raise ValueError
    return number

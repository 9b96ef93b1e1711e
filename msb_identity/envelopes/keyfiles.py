"""Key files: a private JWK in a file of mode 0600, a public JWK in a file anyone may read."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msb_identity.envelopes.jose import (
    private_jwk,
    public_jwk,
    signing_key_from_jwk,
    verifying_key_from_jwk,
)
from msb_identity.errors import StoreError
from msb_identity.foundation import strict_json
from msb_identity.foundation.files import (
    MAX_KEY_FILE_BYTES,
    open_regular,
    read_private,
    write_private_once,
    write_whole,
)
from msb_identity.pki.keys import KeyKind, SigningKey, VerifyingKey, generate_key

if TYPE_CHECKING:
    from pathlib import Path


def write_signing_key(path: Path, key: SigningKey) -> None:
    """Write a private key to a file that must not exist yet; FileExistsError where it does."""
    write_private_once(path, strict_json.dump(private_jwk(key)) + b"\n")


def read_signing_key(path: Path) -> SigningKey:
    """Read a private key; StoreError for a file that is missing or open to others."""
    return signing_key_from_jwk(strict_json.load_object(read_private(path)))


def ensure_signing_key(path: Path, kind: KeyKind) -> SigningKey:
    """Read the key at `path`, making one of that kind at first."""
    if not path.exists():
        with suppress(FileExistsError):  # another process made it first: use that one
            write_signing_key(path, generate_key(kind))
    return read_signing_key(path)


def write_verifying_key(path: Path, key: VerifyingKey) -> None:
    """Write a public key."""
    write_whole(path, strict_json.dump(public_jwk(key)) + b"\n")


def read_verifying_key(path: Path) -> VerifyingKey:
    """Read a public key; StoreError where the file cannot be read."""
    return verifying_key_from_jwk(strict_json.load_object(read_public_file(path)))


def read_public_file(path: Path, *, limit: int = MAX_KEY_FILE_BYTES) -> bytes:
    """Read a public file of at most `limit` bytes; StoreError where that cannot be done."""
    try:
        with open_regular(path) as file:
            content = file.read(limit + 1)
    except OSError as error:
        message = f"cannot read {path.name}: {error.strerror}"
        raise StoreError(message) from error
    if len(content) > limit:
        message = f"{path.name} is larger than {limit} bytes"
        raise StoreError(message)
    return content
